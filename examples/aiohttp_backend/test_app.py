"""Tests of the backend, to copy with it: it listens on loopback, and runs on the test's event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from examples.aiohttp_backend.app import create_app
from examples.shop import Settings, Shop
from examples.shopper import STEPS, card
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock, signed_event, the_order

Browser = TestClient[web.Request, web.Application]


@pytest.fixture
async def browser(shop: Shop) -> AsyncIterator[Browser]:
    app = create_app(shop.settings, opening=lambda _: nullcontext(shop))
    async with TestClient(TestServer(app)) as client:  # runs cleanup_ctx, and keeps the cookie
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


async def test_a_declined_card_and_then_another(browser: Browser, gett_sandbox: Sandbox) -> None:
    total = await until_payable(browser, "card_declined")
    _, problem = await send(browser, "POST", "/checkout/order", total=total)
    assert problem["code"] == "PAYMENT_DECLINED"
    assert problem["next_action"]["kind"] == "choose_payment"
    assert gett_sandbox.orders == []
    await send(browser, "PUT", "/checkout/payment", **card("card_ok"))
    status, _ = await send(browser, "POST", "/checkout/order", total=total)
    assert status == 200
    the_order(gett_sandbox)


async def test_a_price_that_moved_is_confirmed_first(
    browser: Browser, gett_sandbox: Sandbox
) -> None:
    before = await until_payable(browser)
    gett_sandbox.switches.price_change = Decimal("0.50")
    await send(browser, "POST", "/checkout/quote")
    status, problem = await send(browser, "POST", "/checkout/order", total=before)
    assert (status, problem["code"]) == (409, "TOTAL_CHANGED")
    assert Decimal(problem["after"]) - Decimal(before) == Decimal("0.50")
    assert gett_sandbox.orders == []
    await send(browser, "POST", "/checkout/order", total=problem["after"])
    assert the_order(gett_sandbox).total == Decimal(problem["after"])


async def test_four_clicks_are_one_order(browser: Browser, gett_sandbox: Sandbox) -> None:
    total = await until_payable(browser)
    clicks = (send(browser, "POST", "/checkout/order", total=total) for _ in range(4))
    for status, body in await asyncio.gather(*clicks):
        assert status == 200 or body["code"] == "PLACEMENT_IN_PROGRESS"
    the_order(gett_sandbox)


async def test_a_lost_response_is_asked_for_again(browser: Browser, gett_sandbox: Sandbox) -> None:
    total = await until_payable(browser)
    gett_sandbox.switches.fail("place_order", "drop_after")
    _, view = await send(browser, "POST", "/checkout/order", total=total)
    assert view["order"]["order_id"] == the_order(gett_sandbox).order_id
    assert gett_sandbox.count("place_order") == 2


async def test_an_order_nobody_knows_of_is_found_later(
    browser: Browser, shop: Shop, gett_sandbox: Sandbox, gett_clock: Clock
) -> None:
    total = await until_payable(browser)
    gett_sandbox.switches.fail("place_order", "drop_after", times=100)
    status, problem = await send(browser, "POST", "/checkout/order", total=total)
    assert (status, problem["code"]) == (503, "OUTCOME_UNKNOWN")
    gett_sandbox.switches.faults.clear()
    gett_clock.advance(15)  # then it is looked at for the first time
    assert [each.outcome for each in await shop.checkouts.reconcile()] == ["placed"]
    _, view = await send(browser, "GET", "/checkout")
    assert view["order"]["order_id"] == the_order(gett_sandbox).order_id


async def test_a_price_holds_for_fifteen_minutes(
    browser: Browser, gett_sandbox: Sandbox, gett_clock: Clock
) -> None:
    total = await until_payable(browser)
    gett_clock.advance(15 * 60)
    _, problem = await send(browser, "POST", "/checkout/order", total=total)
    assert problem["next_action"]["kind"] == "validate"
    await send(browser, "POST", "/checkout/quote")
    status, _ = await send(browser, "POST", "/checkout/order", total=total)
    assert status == 200
    the_order(gett_sandbox)


async def test_the_sandbox_posts_what_becomes_of_an_order(
    browser: Browser, gett_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "examples")
    gett_sandbox.switches.webhook_url = str(browser.make_url("/webhooks/gett"))
    total = await until_payable(browser)
    await send(browser, "POST", "/checkout/order", total=total)
    gett_sandbox.advance_order(the_order(gett_sandbox).order_id, "confirmed")
    delivered = [each.delivered for each in await gett_sandbox.deliver()]
    assert delivered == [True, True]
    assert caplog.messages.count("order event") == 2


async def test_an_order_event_that_is_forged_or_stale_is_refused(
    browser: Browser, gett_clock: Clock
) -> None:
    forged = signed_event(secret="whsec_of_somebody_else", now=gett_clock())
    stale = signed_event(now=gett_clock())
    gett_clock.advance(301)
    for body, headers in (forged, stale):
        async with browser.post("/webhooks/gett", data=body, headers=headers) as response:
            assert response.status == 401


async def test_the_worker_opens_a_shop_of_its_own(
    settings: Settings, gett_sandbox: Sandbox
) -> None:
    async with TestClient(TestServer(create_app(settings))) as browser:
        status, found = await send(browser, "GET", "/stores")
    assert (status, bool(found["stores"])) == (200, True)
    assert gett_sandbox.count("discover_stores") == 1
