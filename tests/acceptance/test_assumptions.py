"""A Gett that is otherwise than assumed in everything that is not documented: every override, at work."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gett_checkout import (
    Assumptions,
    Checkouts,
    Delivery,
    GettClient,
    Line,
    MemoryStorage,
    OrderBelowMinimumError,
    OutcomeUnknownError,
    Pickup,
)
from gett_checkout.errors import ValidationFailedError
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.operations import BASE_PATH
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    REGULAR,
    STORE,
    fill_cart,
    operations,
    until_payable,
    writes,
)
from tests.samples.shopper import place_as_shown

UNDOCUMENTED = {  # the other Gett's path: the sandbox's
    "/carts/items": "/carts/add",
    "/carts/items/remove": "/carts/remove",
    "/carts/items/update": "/carts/update",
    "/me/orders": "/orders",
    "/me/addresses": "/checkout/addresses",
}
MODES = {"ToTheDoor": "DeliveryByMerchant", "Collected": "Pickup"}


def in_an_envelope(body: dict[str, Any]) -> dict[str, Any]:
    (kind, details), *_ = body.pop("payment").items()
    return {"order": body, "payment": {"type": kind, **details}}


def by_the_id(body: dict[str, Any]) -> dict[str, Any]:
    return {"id" if name == "lineItemId" else name: value for name, value in body.items()}


OTHERWISE = (
    Assumptions(
        base_path="/v2",
        delivery_mode="ToTheDoor",
        pickup_mode="Collected",
        delivery_type="DELIVERY",
        pickup_type="PICKUP",
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
    .with_body("validate_order", lambda body: {"order": body})
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
    order = await place_as_shown(checkout)
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
        await place_as_shown(checkout)
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    assert len(other.placements) == 5
    assert len(set(other.placements)) == 1


# --- the two most in doubt, against a sandbox that insists on the other form -----------------------

MODES_SENT = Assumptions(delivery_type="DeliveryByMerchant", pickup_type="Pickup")
FREE_PICKUPS = Assumptions(minimum_for=("delivery",))
HOW = pytest.mark.parametrize("how", [HOME, Pickup()], ids=lambda how: how.type)

WorkerOf = Callable[[Assumptions], Checkouts]


@pytest.fixture
async def worker_of(
    sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> AsyncIterator[WorkerOf]:
    """Workers over one storage, each with assumptions of its own."""
    async with AsyncExitStack() as clients:

        def worker(assumed: Assumptions) -> Checkouts:
            gett = GettClient(
                sandbox.api_key,
                base_url=sandbox.url,
                assumptions=assumed,
                clock=clock,
                sleep=clock.sleep,
            )
            clients.push_async_callback(gett.close)
            return Checkouts(gett, storage=storage)

        yield worker


@HOW
async def test_an_order_is_placed_where_its_type_is_the_mode(
    worker_of: WorkerOf, sandbox: Sandbox, how: Delivery | Pickup
) -> None:
    sandbox.switches.fulfillment_modes = True
    checkout = await worker_of(MODES_SENT).start()
    await fill_cart(checkout)
    await checkout.fulfill(how)
    await checkout.validate(tip=Decimal("3.00"))
    await checkout.identify(JANE)
    await checkout.pay(CARD)
    order = await place_as_shown(checkout)
    [placed] = sandbox.orders
    assert (placed.order_id, placed.fulfillment_type) == (order.order_id, how.type)


@HOW
@pytest.mark.parametrize("insists", [True, False])
async def test_the_wrong_form_is_rejected_by_name(
    worker_of: WorkerOf, sandbox: Sandbox, how: Delivery | Pickup, insists: bool
) -> None:
    sandbox.switches.fulfillment_modes = insists
    checkout = await worker_of(Assumptions() if insists else MODES_SENT).start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(how)
    with pytest.raises(ValidationFailedError) as rejected:
        await checkout.validate()
    [problem] = rejected.value.errors
    assert problem["jsonPath"] == "$.fulfillmentType"
    forms = "DeliveryByMerchant, Pickup" if insists else "delivery, pickup"
    assert forms in problem["message"]
    assert rejected.value.next_action == checkout.view.next_action
    assert checkout.view.next_action.kind == "choose_fulfillment"


async def test_the_filter_of_discovery_stays_as_it_is_documented(
    worker_of: WorkerOf, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.switches.fulfillment_modes = True
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, assumptions=MODES_SENT, clock=clock
    ) as gett:
        found = await gett.discover_stores(fulfillment_type="pickup")
    assert "store_seoul_kitchen" not in {each.store_id for each in found.stores}


async def test_a_placement_goes_on_in_the_form_it_was_begun_with(
    worker_of: WorkerOf, sandbox: Sandbox
) -> None:
    sandbox.switches.key_policy = "reject_other_body"
    sandbox.switches.fulfillment_modes = True
    checkout = await worker_of(MODES_SENT).start()
    await until_payable(checkout)
    sandbox.switches.fail("place_order", "error_after", times=4)
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    elsewhere = await worker_of(Assumptions()).open(checkout.id)
    order = await place_as_shown(elsewhere)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]


async def test_a_pickup_below_the_minimum_is_placed_where_only_deliveries_have_one(
    worker_of: WorkerOf, sandbox: Sandbox
) -> None:
    sandbox.switches.reserved_codes = {"ORDER_BELOW_MINIMUM"}
    sandbox.switches.minimum_for_deliveries = True
    checkout = await worker_of(FREE_PICKUPS).start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    before = checkout.view.minimum_order
    assert before is not None, "the shopper may yet want it delivered"
    assert not before.met
    await checkout.fulfill(Pickup())
    after = checkout.view.minimum_order
    assert after is None
    assert await checkout.suggest_items() == ()
    await checkout.validate()
    elsewhere = await worker_of(Assumptions()).open(checkout.id)
    await elsewhere.pay(CARD)
    assert elsewhere.view.minimum_order is None, "every worker judges it the same way"
    assert elsewhere.view.requirements == ()
    order = await place_as_shown(elsewhere)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]


async def test_a_rejected_delivery_below_the_minimum_may_be_picked_up(
    worker_of: WorkerOf, sandbox: Sandbox
) -> None:
    sandbox.switches.reserved_codes = {"ORDER_BELOW_MINIMUM"}
    sandbox.switches.minimum_for_deliveries = True
    checkout = await worker_of(FREE_PICKUPS).start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    await checkout.fulfill(Pickup())
    await checkout.fulfill(HOME)
    with pytest.raises(OrderBelowMinimumError) as rejected:
        await checkout.validate()
    gap = checkout.view.minimum_order
    assert gap is not None
    assert (gap, gap.gap) == (rejected.value.minimum_order, Decimal("4.50"))
    await checkout.fulfill(Pickup())
    assert [each.code for each in checkout.view.requirements] == ["quote", "payment"]
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert [each.fulfillment_type for each in sandbox.orders] == ["pickup"]


async def test_a_pickup_has_a_minimum_by_default(checkouts: Checkouts, sandbox: Sandbox) -> None:
    sandbox.switches.minimum_for_deliveries = True
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    await checkout.fulfill(Pickup())
    await checkout.validate()
    await checkout.pay(CARD)
    with pytest.raises(OrderBelowMinimumError, match=r"Add \$4\.50 more"):
        await place_as_shown(checkout)
    assert "place_order" not in operations(sandbox)


async def test_a_minimum_of_pickups_after_all_is_gett_s_to_tell(
    worker_of: WorkerOf, sandbox: Sandbox
) -> None:
    sandbox.switches.reserved_codes = {"ORDER_BELOW_MINIMUM"}
    checkout = await worker_of(FREE_PICKUPS).start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    await checkout.fulfill(Pickup())
    with pytest.raises(OrderBelowMinimumError) as rejected:
        await checkout.validate()
    assert rejected.value.minimum_order is None
    assert checkout.view.next_action.kind == "add_items"
    await checkout.add("item_garlic_bread")
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert writes(sandbox)[-1] == "place_order"
