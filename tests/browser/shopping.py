"""A person at the storefront's page, in headless Chromium: looks, presses, types, waits for what shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

T = TypeVar("T")

DESKTOP, TABLET, PHONE = (1440, 1000), (820, 1180), (390, 844)
ROOT = Path(__file__).parents[2]
# Where screenshots go; it is not in the repository.
PICTURES = ROOT / ".test-output"
_PATIENCE = 15.0

# Notes what the backend sends, who took each step, and what the content security policy held back.
_WITNESS = """
window.later = window.setTimeout; // a test may have its own timers
window.responses = [];
window.workers = [];
window.violations = [];
const fetched = window.fetch;
window.fetch = async (...call) => {
  const response = await fetched(...call);
  window.responses.push(await response.clone().text());
  if ((call[1]?.method ?? "GET") !== "GET") window.workers.push(response.headers.get("X-Worker"));
  return response;
};
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.blockedURI));
"""

# Takes steps one after the other; gives the first refusal, if there is one.
_ASK = """
const [steps, done] = arguments;
(async () => {
  for (const [method, path, body] of steps) {
    const response = await fetch(`/checkout/${path}`, {
      method, headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
    });
    if (!response.ok) return await response.text();
  }
  return null;
})().then(done, (error) => done(String(error)));
"""
# The first match, once it is displayed and has the words; nothing, after a second. One script, which waits
# in the page: WebDriver's own three calls take ten times as long, for each look.
_SHOWN = """
const [selector, words] = arguments;
const isShown = (element) => {
  const { width, height } = element?.getBoundingClientRect() ?? { width: 0, height: 0 };
  return width > 0 && height > 0
    && element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && (!words || element.innerText.includes(words));
};
return new Promise((done) => {
  let looks = 50;
  const look = () => {
    const element = document.querySelector(selector);
    if (isShown(element) || !--looks) done(looks ? element : null);
    else window.later(look, 20);
  };
  look();
});
"""
JANE = {"email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"}
GRACE = {"first_name": "Grace", "last_name": "Hopper", "phone": "+12125550177"}
Step = tuple[str, str, Mapping[str, Any]]
_UNTIL_PRICED: Sequence[Step] = (
    ("POST", "", {}),
    ("PUT", "store", {"store_id": "store_bella_napoli"}),
    (
        "POST",
        "lines",
        {"item_id": "item_margherita", "modifiers": {"group_pizza_size": ["item_size_regular"]}},
    ),
    ("POST", "lines", {"item_id": "item_garlic_bread"}),
    (
        "PUT",
        "fulfillment",
        {
            "type": "delivery",
            "address": {
                "address1": "350 5th Ave",
                "city": "New York",
                "state": "NY",
                "postal_code": "10118",
            },
        },
    ),
    ("POST", "quote", {"tip": "3.00"}),
)


class Shop:
    """A storefront in a process of its own, with the sandbox behind it."""

    def __init__(self, command: list[str]) -> None:
        self._process = Popen(command, stdout=PIPE, text=True, cwd=ROOT)
        told = ""
        assert self._process.stdout is not None
        while "sandbox" not in told:
            line = self._process.stdout.readline()
            assert line, f"the storefront ended: {told}"
            told += line
        self.url, self.sandbox = re.findall(r"http://[^\s,]+", told)

    def end(self) -> None:
        """Have it end, and see that it ends well."""
        self._process.terminate()
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def control(self, method: str, path: str, body: object = None) -> Any:
        """What a control of the sandbox gives."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self.sandbox + path, data, headers, method=method)
        with urllib.request.urlopen(asked, timeout=10) as response:
            return json.load(response)

    def hold(self, operation: str) -> None:
        """Hold the next request of the operation at the sandbox, until `release`."""
        self.control("POST", "/faults", {"operation": operation, "kind": "delay", "seconds": 60})

    def release(self) -> None:
        self.control("POST", "/requests/release")

    @property
    def orders(self) -> list[dict[str, Any]]:
        """Every order made."""
        orders: list[dict[str, Any]] = self.control("GET", "/orders")["orders"]
        return orders

    def count(self, operation: str) -> int:
        """How many requests of an operation reached the sandbox."""
        requests = self.control("GET", "/requests")["requests"]
        return sum(each["operation"] == operation for each in requests)


class Shopper:
    """One browser window."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self._screen: tuple[int, int, str, str] | None = None

    # --- look ---------------------------------------------------------------------------------

    def until(self, holds: Callable[[], T]) -> T:
        """Wait until something shows."""
        missing = (NoSuchElementException, StaleElementReferenceException, AssertionError)
        waiting = WebDriverWait(self.driver, _PATIENCE, 0.03, ignored_exceptions=missing)
        return waiting.until(lambda _: holds())

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def shows(self, selector: str, words: str = "") -> WebElement:
        """The element, once it is displayed with these words in it."""

        found: WebElement = self.until(lambda: self.driver.execute_script(_SHOWN, selector, words))
        return found

    def text(self, selector: str) -> str:
        """The words of the element, once it is displayed; the page may render it anew meanwhile."""
        self.shows(selector)
        words: str = self.driver.execute_script(
            "return document.querySelector(arguments[0]).innerText.trim()", selector
        )
        return words

    def is_at(self, stage: str, level: str) -> None:
        """The stage and the session's level that are lit."""
        self.shows(f"#stages .lit[data-stage='{stage}']")
        self.shows(f"#levels .lit[data-level='{level}']")

    def is_idle(self) -> None:
        """Nothing is under way: no step, and no switch that the sandbox does not have yet."""
        self.shows("body[data-ready][aria-busy=false]:not(:has([aria-busy=true]))")

    @property
    def operations(self) -> list[str]:
        """The requests listed, the first one first."""
        listed: list[str] = self.script(
            "return [...document.querySelectorAll('#requests .request')].map((e) => e.dataset.operation)"
        )
        return listed[::-1]

    def script(self, code: str) -> Any:
        return self.driver.execute_script(code)

    # --- do -----------------------------------------------------------------------------------

    def open(self) -> None:
        self.driver.get(self.url)
        self.is_idle()

    def reload(self) -> None:
        self.driver.refresh()
        self.is_idle()

    def press(self, selector: str, words: str = "") -> None:
        """Press a button, once it is there and nothing is under way."""
        self.is_idle()
        self.until(lambda: self._click(self.shows(selector, words)))

    def _click(self, element: WebElement) -> bool:
        self._bring(element)
        element.click()
        return True

    def press_twice(self, selector: str) -> None:
        """A double click."""
        self.is_idle()
        element = self.shows(selector)
        self._bring(element)  # at once: in a page that is still scrolling it would miss
        ActionChains(self.driver).double_click(element).perform()

    def _bring(self, element: WebElement) -> None:
        code = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
        self.driver.execute_script(code, element)

    def pick(self, selector: str) -> None:
        """Choose a radio button or turn a switch; the input may be drawn by its label."""
        self.is_idle()
        self.driver.execute_script("arguments[0].click()", self.find(selector))

    def type(self, selector: str, text: str) -> None:
        element = self.shows(selector)
        element.clear()
        element.send_keys(text)

    def keys(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def tab_to(self, selector: str) -> None:
        """Press Tab until the focus is on the element."""
        for _ in range(60):
            if self.script(f"return document.activeElement.matches({json.dumps(selector)})"):
                return
            self.keys(Keys.TAB)
        pytest.fail(f"no way to {selector} by the keyboard")

    # --- the usual way ------------------------------------------------------------------------

    def choose_store(self, store: str = "store_bella_napoli") -> None:
        self.press(f"[data-store={store}]")
        self.shows("#menu-title:not(:empty)")

    def add_margherita(self) -> None:
        self.press("[data-item=item_margherita]")
        self.pick("#choices input[value=item_size_regular]")
        self.press("#choices-done", "Add · $10.50")

    def fill_cart(self) -> None:
        """A cart of exactly the minimum."""
        self.choose_store()
        self.add_margherita()
        self.press("[data-item=item_garlic_bread]")
        self.shows("#gap.met")

    def fill_another_window(self) -> None:
        """A cart, of which this window knows nothing."""
        self._ask_for(*_UNTIL_PRICED[:4])

    def until_priced(self) -> None:
        """A cart, an address and a price."""
        self._ask_for(*_UNTIL_PRICED)
        self.reload()
        self.shows("#step-identity.current")

    def until_payable(self, card: str = "good") -> None:
        """Everything but the last press."""
        self._ask_for(*_UNTIL_PRICED, ("PUT", "identity", JANE), ("PUT", "payment", {"card": card}))
        self.reload()
        self.shows("#place")

    def _ask_for(self, *steps: Step) -> None:
        """Take the steps as the page would, without pressing for each."""
        refused = self.driver.execute_async_script(_ASK, steps)
        assert refused is None

    def sign_in(self, email: str = "jane@example.com") -> None:
        self.shows("#step-identity.current")
        self.type("#step-identity input[name=email]", email)
        self.press("#step-identity .primary")

    def pay(self, card: str = "good") -> None:
        self.shows("#step-payment.current")
        self.pick(f"#step-payment input[value={card}]")
        self.press("#step-payment .primary")

    def name_recipient(self) -> None:
        """Have Grace Hopper receive the order."""
        self._ask_for(("PUT", "recipient", GRACE))
        self.reload()
        self.shows("#step-recipient.done", "G. H.")

    def turn(self, mishap: str) -> None:
        """Turn one of the sandbox's mishaps on, as a person does."""
        self.pick(f"[data-mishap={mishap}]")
        self.shows(f"[data-mishap={mishap}]:checked")

    # --- after it -----------------------------------------------------------------------------

    @contextmanager
    def screen(
        self, size: tuple[int, int], *, scheme: str = "light", moves: bool = False
    ) -> Iterator[None]:
        """Within the block the screen is another one; a narrow one is a phone's. Nothing moves by default."""
        before = self._screen
        self._emulate((*size, scheme, "no-preference" if moves else "reduce"))
        try:
            yield
        finally:
            self._emulate(before)

    def _emulate(self, screen: tuple[int, int, str, str] | None) -> None:
        """Have the browser show the page as on this screen, or on its own."""
        self._screen = screen
        if screen is None:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
            return
        width, height, scheme, motion = screen
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        preferred = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        media = {"features": [{"name": name, "value": preferred[name]} for name in preferred]}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def picture(self, name: str, around: str | None = "body > header") -> None:
        """Take a picture of what shows now, or around something, for a person to look at."""
        if around is not None:
            self._bring(self.find(around))
        PICTURES.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(PICTURES / f"{name}.png"))

    def complaints(self) -> list[str]:
        """What the browser complained of; that a problem of ours is no 200 is none."""
        said = [entry["message"] for entry in console(self.driver)]
        problem = re.compile(
            r"/checkout/\S* - Failed to load resource: .* status of (400|404|409|422|502|503)"
        )
        blocked: list[str] = self.script("return window.violations")
        return [each for each in said if not problem.search(each)] + blocked


def console(driver: webdriver.Chrome) -> list[dict[str, Any]]:
    """What was written to the browser's console since the last look."""
    entries: list[dict[str, Any]] = driver.get_log("browser")  # type: ignore[no-untyped-call]
    return entries


@contextmanager
def open_chromium() -> Iterator[webdriver.Chrome]:
    """Headless Chromium from the distribution's packages; a skip where it is not installed."""
    # The first one has no windows, and so needs a quarter less of the machine.
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    browser = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("no chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for each in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en-US"):
        options.add_argument(each)
    if os.geteuid() == 0:  # Chromium's own sandbox does not work as root
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # The driver ends the script that the package starts Chromium by, and not Chromium itself. So
    # both get a process group of their own, of which nothing is left at the end.
    service = webdriver.ChromeService(driver, popen_kw={"start_new_session": True})
    chrome = webdriver.Chrome(options=options, service=service)
    try:
        chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WITNESS})
        chrome.set_window_size(*DESKTOP)
        yield chrome
    finally:
        chrome.quit()
        with suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
