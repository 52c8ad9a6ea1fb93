"""What the storefront's backend has of its own, over HTTP; its steps are those of `test_mounted`."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from examples.shopper import STEPS
from gett_checkout._cli import main
from gett_checkout._storefront import open_storefront
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock, the_order
from tests.samples.waiting import until

pytestmark = pytest.mark.slow


class Browser:
    """What a page does: JSON there and back, with the browser's cookie."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http
        self.workers: list[str] = []

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The JSON of the response, a problem's too; ``headers`` with _ for -."""
        url = f"{self.url}/checkout/{path}"
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.request(method, url, json=body, headers=own) as response:
            self.workers.append(response.headers["X-Worker"])
            return await response.json(content_type=None)

    async def until_payable(self, card: str = "good") -> dict[str, str]:
        """Everything but the order; the body that places it."""
        for method, path, body in STEPS:
            await self.send(method, path.removeprefix("/checkout").lstrip("/"), body)
        view = await self.send("PUT", "payment", {"card": card})
        return {"total": view["next_action"]["total"]}


@asynccontextmanager
async def browser_at(url: str) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(url, http)


@pytest.fixture
def clock() -> Clock | None:
    return None  # what is real time for the storefront is so for its sandbox


@pytest.fixture
async def browser(sandbox: Sandbox) -> AsyncIterator[Browser]:
    async with (
        open_storefront(sandbox.url, sandbox.api_key) as url,
        browser_at(url) as browser,
    ):
        yield browser


# --- the shop -------------------------------------------------------------------------------------


async def test_the_page_learns_of_the_shop(browser: Browser) -> None:
    shop = await browser.send("GET", "shop")
    assert (shop["stages"][0], shop["stages"][-1]) == ("browse", "placed")
    assert [card["card_id"] for card in shop["cards"]] == ["good", "declined", "fails_once"]
    assert shop["cards"][0]["on_file"]["last_four"] == "4242"
    assert "card_ok" not in json.dumps(shop)
    [store, *_] = (await browser.send("GET", "stores"))["stores"]
    assert (store["name"], store["is_open"]) == ("Bella Napoli", True)


async def test_the_page_names_the_shopper_and_a_card(sandbox: Sandbox, browser: Browser) -> None:
    total = await browser.until_payable("declined")
    declined = await browser.send("POST", "order", total)
    assert declined["next_action"] == {"kind": "choose_payment", "reason": "PAYMENT_DECLINED"}
    view = await browser.send("PUT", "payment", {"card": "good"})
    assert view["payment"]["last_four"] == "4242"
    view = await browser.send("POST", "order", total)
    assert view["order"]["order_id"] == the_order(sandbox).order_id


async def test_the_cookie_needs_no_https_and_no_script_reads_it(browser: Browser) -> None:
    async with browser.http.post(f"{browser.url}/checkout/") as response:
        [cookie] = response.headers.getall("Set-Cookie")
    assert cookie.startswith("checkout=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    # Whom a page names may be anybody, so what is stored at Gett is shown to nobody.
    await browser.until_payable()
    assert (await browser.send("GET", "cards"))["code"] == "IDENTITY_REQUIRED"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("payment", {"card": "card_ok"}, "/card"),
        ("payment", {"card": 1}, "/card"),
        ("payment", {}, "/card"),
        ("mishaps/price_change", {"on": "yes"}, "/on"),
        ("mishaps/price_change", {}, "/on"),
        ("mishaps/earthquake", {"on": True}, None),
        (
            "recipient",
            {"first_name": "Grace", "phone": "555 0177", "last_name": "Hopper"},
            "/phone",
        ),
    ],
)
async def test_what_cannot_be_right_is_refused(
    sandbox: Sandbox, browser: Browser, path: str, body: object, field: str | None
) -> None:
    await browser.until_payable()
    asked = len(sandbox.requests)
    problem = await browser.send("PUT", path, body)
    assert problem["code"] == "INVALID_INPUT"
    assert [each["pointer"] for each in problem.get("errors", [])] == ([field] if field else [])
    assert len(sandbox.requests) == asked
    assert sandbox.switches.price_change == 0


# --- behind the counter ---------------------------------------------------------------------------


async def test_the_list_of_requests_shows_routes_and_no_secrets(
    sandbox: Sandbox, browser: Browser
) -> None:
    await browser.until_payable()
    listed = (await browser.send("GET", "gett"))["requests"]
    assert [row["operation"] for row in listed] == [seen.operation for seen in sandbox.requests]
    [menu] = [row for row in listed if row["operation"] == "get_catalog_set"]
    assert (menu["method"], menu["route"]) == ("GET", "/catalog-sets/{catalog_set_id}")
    assert (menu["status"], menu["level"]) == (200, "api-key")
    assert listed[-1]["level"] == "end-user"
    shown = json.dumps(listed)
    for session in sandbox.sessions:
        assert session.token not in shown
    assert "jane" not in shown


async def test_mishaps_are_turned_one_by_one(sandbox: Sandbox, browser: Browser) -> None:
    names = ["price_change", "lost_response", "slow_response", "store_closed"]
    on: set[str] = set()
    for name in [*names, *names]:
        on ^= {name}
        body = {"on": name in on, "store_id": "store_bella_napoli"}
        mishaps = (await browser.send("PUT", f"mishaps/{name}", body))["mishaps"]
        assert {each for each, is_on in mishaps.items() if is_on} == on
        assert sandbox.switches.closed_stores == (
            {"store_bella_napoli"} if "store_closed" in on else set()
        )
    assert sandbox.switches.faults == []


async def test_a_slow_order_is_in_progress_until_gett_responds(
    sandbox: Sandbox, browser: Browser
) -> None:
    total = await browser.until_payable()
    await browser.send("PUT", "mishaps/slow_response", {"on": True})
    assert [fault.seconds for fault in sandbox.switches.faults] == [5]  # as the page says
    placing = asyncio.create_task(browser.send("POST", "order", total))
    await until(lambda: sandbox.count("place_order"))
    view = await browser.send("GET", "")
    assert (view["stage"], view["next_action"]["kind"]) == ("placing", "wait")
    sandbox.release()
    assert (await placing)["order"]["order_id"] == the_order(sandbox).order_id


async def test_a_lost_response_is_asked_about_again(sandbox: Sandbox, browser: Browser) -> None:
    total = await browser.until_payable()
    await browser.send("PUT", "mishaps/lost_response", {"on": True})
    unknown = await browser.send("POST", "order", total)
    assert unknown["code"] == "OUTCOME_UNKNOWN"
    assert (await browser.send("DELETE", ""))["code"] == "STEP_NOT_ALLOWED"  # it may exist
    view = await browser.send("GET", "")
    assert view["next_action"]["kind"] == "reconcile"
    assert view["quote"]["amounts"]["total"] == total["total"]  # what the page sends again
    view = await browser.send("POST", "order", total)
    assert view["order"]["order_id"] == the_order(sandbox).order_id


async def test_an_order_moves_on_as_its_restaurant_would(
    sandbox: Sandbox, browser: Browser
) -> None:
    async def reads(*, cancel: bool) -> tuple[str, str]:
        gett = await browser.send("POST", "order/advance", {"cancel": cancel})
        assert gett["orders"] == 1  # what is behind the counter, as of the mishaps
        order = (await browser.send("GET", "order"))["order"]
        return order["state"], order["status"]

    total = await browser.until_payable()
    early = await browser.send("POST", "order/advance", {"cancel": False})
    assert (early["code"], early["next_action"]["kind"]) == ("STEP_NOT_ALLOWED", "place")
    await browser.send("POST", "order", total)
    assert await reads(cancel=False) == ("open", "confirmed")
    assert await reads(cancel=False) == ("open", "preparing")
    assert await reads(cancel=True) == ("cancelled", "preparing")
    asked = len(sandbox.requests)
    late = await browser.send("POST", "order/advance", {"cancel": True})
    assert late["code"] == "STEP_NOT_ALLOWED"
    assert the_order(sandbox).progress == "cancelled"
    assert len(sandbox.requests) == asked  # none of it goes to Gett


async def test_an_order_moves_on_for_its_own_browser_only(
    sandbox: Sandbox, browser: Browser
) -> None:
    await browser.send("POST", "order", await browser.until_payable())
    async with browser_at(browser.url) as other:
        problem = await other.send("POST", "order/advance", {"cancel": True})
        assert problem["code"] == "CHECKOUT_NOT_FOUND"
        await other.until_payable()
        problem = await other.send("POST", "order/advance", {"cancel": True})
        assert problem["code"] == "STEP_NOT_ALLOWED"
    assert the_order(sandbox).progress == "pending"


async def test_a_sandbox_that_is_gone_is_said(sandbox: Sandbox, browser: Browser) -> None:
    await browser.until_payable()
    await sandbox.stop()
    assert (await browser.send("GET", "gett"))["code"] == "GETT_UNREACHABLE"
    assert (await browser.send("GET", ""))["lines"]


# --- what every response has in common ------------------------------------------------------------


async def test_every_response_is_hardened(browser: Browser) -> None:
    for path in ("/", "/style.css", "/storefront.js", "/icon.svg", "/checkout/stores", "/nothing"):
        async with browser.http.get(browser.url + path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-store"
            assert response.status == (404 if path == "/nothing" else 200)
            text = await response.text()
            assert "zpka_" not in text
            # Nothing of the page comes from elsewhere; the name of a format is no address.
            assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
            if path == "/":
                assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", text)


async def test_another_site_turns_no_mishap(sandbox: Sandbox, browser: Browser) -> None:
    problem = await browser.send(
        "PUT", "mishaps/price_change", {"on": True}, Origin="https://evil.example"
    )
    assert problem["code"] == "OTHER_ORIGIN"
    assert sandbox.switches.price_change == 0


@pytest.mark.parametrize("host", ["rebound.example", "[broken", "a:b"])
async def test_a_name_that_leads_to_loopback_is_not_served(browser: Browser, host: str) -> None:
    for path in ("/", "/checkout/", "/checkout/gett"):
        async with browser.http.get(browser.url + path, headers={"Host": host}) as response:
            assert response.status == 421


# --- processes ------------------------------------------------------------------------------------


async def test_every_step_at_another_worker_process() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.storefront", "--workers=2", "--port=0"),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        told = (await process.stdout.readuntil(b"/_sandbox\n")).decode()
        url, _ = re.findall(r"http://[\d.:]+", told)
        async with browser_at(url) as browser:
            total = await browser.until_payable()
            assert len(set(browser.workers[::2])) == len(set(browser.workers[1::2])) == 1
            assert {*browser.workers} == {"1", "2"}
            # Both workers at once: one places, the other gives the same order or asks to wait.
            pressed = [browser.send("POST", "order", total) for _ in range(2)]
            shown = await asyncio.gather(*pressed)
            assert {each.get("code") for each in shown} <= {None, "PLACEMENT_IN_PROGRESS"}
            assert "placed" in [each.get("stage") for each in shown]
            assert (await browser.send("GET", ""))["stage"] == "placed"
            gett = await browser.send("GET", "gett")
            assert gett["orders"] == 1
            assert sum(row["operation"] == "place_order" for row in gett["requests"]) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_the_demo_serves_the_page_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gett_checkout", "demo", "--web", "--port=0", "--no-browser"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = (await process.stdout.readline()).decode()
    async with browser_at(first.split()[-1]) as browser:
        async with browser.http.get(browser.url) as response:
            assert "Where from today?" in await response.text()
        assert (await browser.send("GET", "stores"))["stores"][0]["name"] == "Bella Napoli"
    process.send_signal(signal.SIGTERM)
    told, _ = await process.communicate()
    assert process.returncode == 0
    assert b"/_sandbox" in told
    assert b"zpka_" not in told


def test_options_of_the_page_need_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--port", "9000"])
    assert "--web" in capsys.readouterr().err
