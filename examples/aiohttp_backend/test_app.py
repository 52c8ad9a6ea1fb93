"""Tests of the backend, to copy with it: it listens on loopback, and runs on the test's event loop.

More tests that do as well here are those of ``examples/fastapi_backend``, whose endpoints are the same.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from examples.aiohttp_backend.app import create_app
from examples.shop import Opening, Settings
from examples.shopper import STEPS, card
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import the_order

Browser = TestClient[web.Request, web.Application]


@pytest.fixture
async def browser(settings: Settings, opening: Opening) -> AsyncIterator[Browser]:
    app = create_app(settings, opening)
    async with TestClient(TestServer(app)) as client:  # runs cleanup_ctx, and stores the cookie
        yield client


async def send(browser: Browser, method: str, path: str, **body: Any) -> tuple[int, Any]:
    """The status and the JSON of the response to a request."""
    async with browser.request(method, path, json=body) as response:
        return response.status, await response.json(content_type=None)


async def until_payable(browser: Browser, card_token: str = "card_ok") -> str:
    """Everything but the order; the total on the button."""
    for method, path, body in STEPS:
        status, view = await send(browser, method, path, **body)
        assert status < 300, view
    _, view = await send(browser, "PUT", "/checkout/payment", **card(card_token))
    return str(view["next_action"]["total"])


async def test_an_order_is_placed(browser: Browser, gett_sandbox: Sandbox) -> None:
    total = await until_payable(browser)
    _, view = await send(browser, "POST", "/checkout/order", total=total)
    assert view["stage"] == "placed"
    order = the_order(gett_sandbox)
    assert view["order"]["order_id"] == order.order_id
    assert order.total == Decimal(total)


async def test_a_tip_in_percent(browser: Browser) -> None:
    await until_payable(browser)
    status, view = await send(browser, "POST", "/checkout/tip", percent=15)
    assert (status, view["tip"]) == (200, "2.55")  # of $17.00
    for percent in (51, "15", True, 1.5):
        status, problem = await send(browser, "POST", "/checkout/tip", percent=percent)
        assert (status, problem["errors"][0]["pointer"]) == (422, "/percent")


async def test_the_sandbox_posts_what_becomes_of_an_order(
    browser: Browser, gett_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "examples")
    gett_sandbox.switches.webhook_url = str(browser.make_url("/checkout/webhook"))
    total = await until_payable(browser)
    await send(browser, "POST", "/checkout/order", total=total)
    gett_sandbox.advance_order(the_order(gett_sandbox).order_id, "confirmed")
    delivered = [each.delivered for each in await gett_sandbox.deliver()]
    assert delivered == [True, True]
    assert caplog.messages.count("order event") == 2


async def test_the_worker_opens_a_shop_of_its_own(
    settings: Settings, gett_sandbox: Sandbox
) -> None:
    async with TestClient(TestServer(create_app(settings))) as browser:
        status, found = await send(browser, "GET", "/checkout/stores")
    assert (status, bool(found["stores"])) == (200, True)
    assert gett_sandbox.count("discover_stores") == 1
