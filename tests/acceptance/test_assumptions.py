"""A Gett that is otherwise than assumed in everything that is not documented: every override, at work."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gett_checkout import Assumptions, Checkouts, GettClient, Line, OutcomeUnknownError
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.operations import BASE_PATH
from tests.acceptance.shopping import CARD, HOME, JANE, fill_cart
from tests.clock import Clock

UNDOCUMENTED = {  # the other Gett's path: the sandbox's
    "/carts/items": "/carts/add",
    "/carts/items/remove": "/carts/remove",
    "/carts/items/update": "/carts/update",
    "/me/orders": "/orders",
    "/me/addresses": "/checkout/addresses",
}
MODES = {"ToTheDoor": "DeliveryByMerchant", "Collected": "Pickup"}


def in_capitals(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"fulfillmentType": body["fulfillmentType"].upper()}


def in_an_envelope(body: dict[str, Any]) -> dict[str, Any]:
    (kind, details), *_ = body.pop("payment").items()
    return {"order": in_capitals(body), "payment": {"type": kind, **details}}


def by_the_id(body: dict[str, Any]) -> dict[str, Any]:
    return {"id" if name == "lineItemId" else name: value for name, value in body.items()}


OTHERWISE = (
    Assumptions(
        base_path="/v2",
        delivery_mode="ToTheDoor",
        pickup_mode="Collected",
        order_token_member="orderToken",
        order_token_life=60.0,
    )
    .with_path("discover_stores", "/stores", method="GET")
    .with_path("get_catalog_set", "/stores/{store_id}/catalog?catalogSetId={catalog_set_id}")
    .with_path("add_cart_item", "/carts/items")
    .with_path("remove_cart_item", "/carts/items/remove")
    .with_path("update_cart_item", "/carts/items/update")
    .with_path("list_orders", "/me/orders")
    .with_path("add_address", "/me/addresses")
    .with_body("update_cart_item", by_the_id)
    .with_body("validate_order", lambda body: {"order": in_capitals(body)})
    .with_body("place_order", in_an_envelope)
)


class OtherGett:
    """Translates to the sandbox; whatever comes in the assumed form is not understood."""

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
        self._sandbox, self._http = sandbox, http
        self.placements: list[bytes] = []

    async def serve(self, request: web.Request) -> web.Response:
        assert request.path.startswith("/v2/"), request.path
        path, query = request.path.removeprefix("/v2"), dict(request.query)
        content = await request.read()
        body: Any = json.loads(content) if content else None
        method = request.method
        assert path not in UNDOCUMENTED.values(), path
        match method, path.split("/")[1:]:
            case "GET", ["stores"]:
                method, path = "POST", "/stores/discover"
                body, query = {"limit": int(query["limit"])}, {}
            case "GET", ["stores", _, "catalog"]:
                path, query = f"/catalog-sets/{query['catalogSetId']}", {}
            case "PUT", ["session", "fulfillment-context"]:
                body["mode"] = MODES[body["mode"]]
            case "POST", ["carts", "items", "update"]:
                body["lineItemId"] = body.pop("id")
            case "POST", ["orders", "validate"]:
                body = self._lowered(body["order"])
            case "POST", ["orders", "place"]:
                self.placements.append(content)
                payment = body["payment"]
                body = self._lowered(body["order"]) | {"payment": {payment.pop("type"): payment}}
                body["validatedOrderToken"] = body.pop("orderToken")
        async with self._http.request(
            method,
            self._sandbox.url + BASE_PATH + UNDOCUMENTED.get(path, path),
            params=query,
            json=body,
            headers={
                name: value
                for name, value in request.headers.items()
                if name in ("Authorization", "Idempotency-Key")
            },
        ) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type=answer.content_type
            )

    @staticmethod
    def _lowered(body: dict[str, Any]) -> dict[str, Any]:
        assert body["fulfillmentType"].isupper()
        return body | {"fulfillmentType": body["fulfillmentType"].lower()}


@pytest.fixture
async def other(sandbox: Sandbox) -> AsyncIterator[OtherGett]:
    async with aiohttp.ClientSession() as http:
        yield OtherGett(sandbox, http)


@pytest.fixture
async def gett(other: OtherGett, sandbox: Sandbox, clock: Clock) -> AsyncIterator[GettClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", other.serve)
    async with (
        TestServer(app) as server,
        GettClient(
            sandbox.api_key,
            base_url=str(server.make_url("")),
            assumptions=OTHERWISE,
            clock=clock,
            sleep=clock.sleep,
        ) as gett,
    ):
        yield gett


async def test_an_order_is_placed_where_everything_is_otherwise(
    gett: GettClient, checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    assert len((await gett.discover_stores()).stores) == 4
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    quote = await checkout.validate(tip=Decimal("3.00"))
    assert (quote.expires_at - clock()).total_seconds() == 60
    await checkout.pay(CARD)
    order = await checkout.place()
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    history = await gett.list_orders(token=await checkout.session_token())
    assert [each.order_id for each in history.orders] == [order.order_id]


async def test_the_other_operations_are_called_otherwise(
    gett: GettClient, sandbox: Sandbox
) -> None:
    token = (await gett.create_session(JANE)).token
    assert HOME.address is not None
    assert await gett.add_address(HOME.address, token=token)
    store = await gett.get_store("store_bella_napoli")
    lines = await gett.add_cart_item(store, [], Line("1", "item_tiramisu", 1))
    lines = await gett.update_cart_item(store, lines, "1", quantity=2)
    assert [line.quantity for line in lines] == [2]
    assert await gett.remove_cart_item(store, lines, "1") == ()
    assert sandbox.count("update_cart_item") == 1


async def test_a_body_made_otherwise_is_kept_and_sent_again_as_it_was(
    other: OtherGett, checkouts: Checkouts, sandbox: Sandbox
) -> None:
    sandbox.switches.key_policy = "reject_other_body"
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.validate()
    await checkout.pay(CARD)
    sandbox.switches.fail("place_order", "error_after", times=4)
    with pytest.raises(OutcomeUnknownError):
        await checkout.place()
    order = await checkout.place()
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    assert len(other.placements) == 5
    assert len(set(other.placements)) == 1
