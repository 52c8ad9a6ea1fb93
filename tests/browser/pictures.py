"""Take the documentation's pictures of the storefront anew: ``python -m tests.browser.pictures``."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Final

from tests.browser.accessibility import settle
from tests.browser.conftest import COMMANDS
from tests.browser.shopping import PHONE, ROOT, Shop, Shopper, open_chromium

DOCS: Final = ROOT / "docs" / "_static"


def main() -> None:
    """A price on a desk's screen, and an order whose outcome is not known on a phone's."""
    shop = Shop([sys.executable, "-m", *COMMANDS["aiohttp"]])
    try:
        with open_chromium() as driver:
            driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            shopper = Shopper(driver, shop.url)
            shopper.open()
            with shopper.screen((1280, 960)):
                shopper.until_priced()
                take(shopper, DOCS / "storefront-desktop.webp")
            with shopper.screen(PHONE, scheme="dark"):
                shopper.until_payable()
                shopper.turn("lost_response")
                shopper.press("#place")
                shopper.shows("#message .unsure")
                take(shopper, DOCS / "storefront-phone.webp", "#order")
    finally:
        shop.end()


def take(shopper: Shopper, path: Path, top: str = "body") -> None:
    """Write what shows on the screen as a WebP, beginning with the element."""
    shopper.script(f"document.querySelector('{top}').scrollIntoView()")
    settle(shopper)
    asked = {"format": "webp", "quality": 80}
    taken = shopper.driver.execute_cdp_cmd("Page.captureScreenshot", asked)
    path.write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    main()
