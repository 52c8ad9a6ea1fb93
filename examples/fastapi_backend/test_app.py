"""Tests of the backend, to copy with it.

Those that are plain functions use Starlette's ``TestClient``, which runs the lifespan and blocks while
it waits. Those that are coroutines use httpx, for what happens at the same time, or between two requests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from examples.fastapi_backend.app import create_app
from examples.shop import Opening, Settings
from examples.shopper import STEPS, card
from gett_checkout import Checkouts
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock, signed_event, the_order


@pytest.fixture
def app(settings: Settings, opening: Opening) -> FastAPI:
    return create_app(settings, opening)


# --- with TestClient ------------------------------------------------------------------------------


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:  # the block is the lifespan
        yield client


def until_payable(browser: TestClient, card_token: str = "card_ok") -> str:
    """Everything but the order; the total on the button."""
    for method, path, body in STEPS:
        response = browser.request(method, path, json=body)
        assert response.is_success, response.text
    view = browser.put("/checkout/payment", json=card(card_token)).json()
    return str(view["next_action"]["total"])


def test_an_order_is_placed(browser: TestClient, gett_sandbox: Sandbox) -> None:
    total = until_payable(browser)
    response = browser.post("/checkout/order", json={"total": total})
    assert response.json()["stage"] == "placed"
    order = the_order(gett_sandbox)
    assert response.json()["order"]["order_id"] == order.order_id
    assert order.total == Decimal(total)


def test_a_declined_card_and_then_another(browser: TestClient, gett_sandbox: Sandbox) -> None:
    total = until_payable(browser, "card_declined")
    problem = browser.post("/checkout/order", json={"total": total}).json()
    assert problem["code"] == "PAYMENT_DECLINED"
    assert problem["next_action"]["kind"] == "choose_payment"
    assert gett_sandbox.orders == []
    browser.put("/checkout/payment", json=card("card_ok"))
    assert browser.post("/checkout/order", json={"total": total}).is_success
    the_order(gett_sandbox)


@pytest.mark.parametrize("noticed_by", ["library", "gett"])
def test_a_price_that_moved_is_confirmed_first(
    browser: TestClient, gett_sandbox: Sandbox, noticed_by: str
) -> None:
    before = until_payable(browser)
    gett_sandbox.switches.price_change = Decimal("0.50")
    if noticed_by == "library":  # another tab asked for the price meanwhile
        browser.post("/checkout/quote", json={})
    response = browser.post("/checkout/order", json={"total": before})
    assert (response.status_code, response.json()["code"]) == (409, "TOTAL_CHANGED")
    after = response.json()["after"]
    assert Decimal(after) - Decimal(before) == Decimal("0.50")
    assert gett_sandbox.count("place_order") == (0 if noticed_by == "library" else 1)
    assert gett_sandbox.orders == []
    browser.post("/checkout/order", json={"total": after})
    assert the_order(gett_sandbox).total == Decimal(after)


def test_the_same_is_ordered_again(browser: TestClient, gett_sandbox: Sandbox) -> None:
    total = until_payable(browser)
    problem = browser.post("/checkout/again").json()
    assert problem["code"] == "INVALID_INPUT"  # not ordered yet
    ordered = browser.post("/checkout/order", json={"total": total}).json()
    again = browser.post("/checkout/again")
    assert (again.status_code, again.json()["stage"]) == (201, "fulfillment")
    assert [each["groups"] for each in again.json()["lines"]] == [
        each["groups"] for each in ordered["lines"]
    ]
    assert browser.get("/checkout").json()["order"] is None  # the cookie leads to the new one
    the_order(gett_sandbox)


def test_an_order_event_is_handled_once(
    browser: TestClient, gett_clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "examples")
    event = signed_event("order_update", status="shipped", now=gett_clock())
    for _ in range(2):
        response = browser.post("/checkout/webhook", content=event.body, headers=event.headers)
        assert response.json() == {"received": True}
    assert caplog.messages.count("order event") == 1


def test_an_order_event_that_is_forged_or_stale_is_refused(
    browser: TestClient, gett_clock: Clock
) -> None:
    forged = signed_event(secret="whsec_of_somebody_else", now=gett_clock())
    stale = signed_event(now=gett_clock())
    gett_clock.advance(301)
    for event in (forged, stale):
        response = browser.post("/checkout/webhook", content=event.body, headers=event.headers)
        assert response.status_code == 401


def test_the_lifespan_opens_a_shop_of_its_own(settings: Settings, gett_sandbox: Sandbox) -> None:
    with TestClient(create_app(settings)) as browser:
        assert browser.get("/checkout/stores").json()["stores"]
    assert gett_sandbox.count("discover_stores") == 1


# --- with httpx -----------------------------------------------------------------------------------


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with app.router.lifespan_context(app):  # ASGITransport runs no lifespan
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield client


async def payable(client: httpx.AsyncClient) -> dict[str, str]:
    """Everything but the order; the body that the button sends."""
    for method, path, body in STEPS:
        response = await client.request(method, path, json=body)
        assert response.is_success, response.text
    view = (await client.put("/checkout/payment", json=card("card_ok"))).json()
    return {"total": view["next_action"]["total"]}


async def test_four_clicks_are_one_order(client: httpx.AsyncClient, gett_sandbox: Sandbox) -> None:
    order = await payable(client)
    clicks = (client.post("/checkout/order", json=order) for _ in range(4))
    for response in await asyncio.gather(*clicks):
        assert response.is_success or response.json()["code"] == "PLACEMENT_IN_PROGRESS"
    the_order(gett_sandbox)


async def test_a_lost_response_is_asked_for_again(
    client: httpx.AsyncClient, gett_sandbox: Sandbox
) -> None:
    order = await payable(client)
    gett_sandbox.switches.fail("place_order", "drop_after")
    response = await client.post("/checkout/order", json=order)
    assert response.json()["order"]["order_id"] == the_order(gett_sandbox).order_id
    assert gett_sandbox.count("place_order") == 2


async def test_an_order_nobody_knows_of_is_found_later(
    client: httpx.AsyncClient, checkouts: Checkouts, gett_sandbox: Sandbox, gett_clock: Clock
) -> None:
    order = await payable(client)
    gett_sandbox.switches.fail("place_order", "drop_after", times=100)
    response = await client.post("/checkout/order", json=order)
    assert (response.status_code, response.json()["code"]) == (503, "OUTCOME_UNKNOWN")
    gett_sandbox.switches.faults.clear()
    gett_clock.advance(15)  # then it is looked at for the first time
    assert [each.outcome for each in await checkouts.reconcile()] == ["placed"]
    view = (await client.get("/checkout")).json()
    assert view["order"]["order_id"] == the_order(gett_sandbox).order_id


async def test_a_price_holds_for_fifteen_minutes(
    client: httpx.AsyncClient, gett_sandbox: Sandbox, gett_clock: Clock
) -> None:
    order = await payable(client)
    gett_clock.advance(15 * 60)
    problem = (await client.post("/checkout/order", json=order)).json()
    assert problem["next_action"]["kind"] == "validate"
    await client.post("/checkout/quote", json={})
    assert (await client.post("/checkout/order", json=order)).is_success
    the_order(gett_sandbox)


async def test_a_checkout_is_gone_when_its_lifetime_is_over(
    client: httpx.AsyncClient, checkouts: Checkouts, gett_clock: Clock
) -> None:
    await payable(client)
    gett_clock.advance(checkouts.lifetime)
    response = await client.get("/checkout")
    assert (response.status_code, response.json()["code"]) == (404, "CHECKOUT_NOT_FOUND")
