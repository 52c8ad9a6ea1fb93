"""The storefront in a process of its own, and a shopper in a clean browser before it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.browser.shopping import Shop, Shopper, console, open_chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    with open_chromium() as driver:
        yield driver


COMMANDS = {
    "aiohttp": ["gett_checkout", "demo", "--web", "--no-browser", "--port=0"],
    **{host: ["tests.browser.hosts", host] for host in ("fastapi", "hypercorn", "django")},
}


@pytest.fixture(scope="session", params=COMMANDS)
def one_shop(chromium: webdriver.Chrome, request: pytest.FixtureRequest) -> Iterator[Shop]:
    shop = Shop([sys.executable, "-m", *COMMANDS[request.param]])
    try:
        yield shop
    finally:
        shop.end()


@pytest.fixture
def shop(one_shop: Shop) -> Shop:
    """The storefront, its sandbox as new."""
    one_shop.control("POST", "/reset", {})
    return one_shop


@pytest.fixture
def shopper(chromium: webdriver.Chrome, shop: Shop) -> Iterator[Shopper]:
    """Somebody who comes for the first time; what the browser complains of fails the test."""
    yield from shopper_at(chromium, shop)


def shopper_at(chromium: webdriver.Chrome, shop: Shop) -> Iterator[Shopper]:
    """A shopper with no cookies, and nothing to complain of in the end."""
    chromium.get("about:blank")  # the page of the test before asks a server that may have ended
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    console(chromium)
    shopper = Shopper(chromium, shop.url)
    shopper.open()
    yield shopper
    assert shopper.complaints() == []
