"""The client and the sandbox, each written from the documentation alone, agree over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from attrs import evolve

from gett_checkout import (
    Address,
    CardOnFile,
    Delivery,
    GettClient,
    GettPayment,
    Identity,
    InvalidResponseError,
    Level,
    Line,
    Order,
    Pickup,
    Quote,
    RateLimitedError,
    SavedCard,
    Store,
    TransportError,
)
from gett_checkout._core.card import NewCard
from gett_checkout._core.cart import Choice, GroupChoice
from gett_checkout._menus import Menus
from gett_checkout._wire.endpoints import OPERATIONS
from gett_checkout.errors import (
    CatalogSetNotFoundError,
    InternalError,
    NotFoundError,
    SessionUserRequiredError,
    StoreNotFoundError,
    UnauthenticatedError,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock
from tests.samples.operations import SAMPLES
from tests.samples.states import NOW

BELLA = "store_bella_napoli"
JANE = Identity("jane@example.com", "Jane", "Doe", "+12125550123")
HOME = Address("12 Spring Street", "New York", "NY", "10012")
CARD = NewCard("4111 1111 1111 1111", "visa", "737", date(2031, 12, 31), HOME)
LINE = Line(
    "1",
    "item_margherita",
    2,
    groups=(GroupChoice("group_pizza_size", (Choice("item_size_large"),)),),
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=Clock(NOW)) as sandbox:
        yield sandbox


@pytest.fixture
async def gett(sandbox: Sandbox) -> AsyncIterator[GettClient]:
    clock = Clock(NOW)
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5
    ) as gett:
        yield gett


async def priced(gett: GettClient) -> tuple[Store, str, Quote]:
    store = await gett.get_store(BELLA)
    token = (await gett.create_session(JANE)).token
    await gett.set_fulfillment_context(Delivery(HOME), token=token)
    quote = await gett.validate_order(
        store, [LINE], Delivery(HOME), tip=Decimal("3.10"), token=token
    )
    return store, token, quote


async def placed(gett: GettClient, payment: CardOnFile | SavedCard | GettPayment) -> Order:
    store, token, quote = await priced(gett)
    body = gett.placement_body(
        store,
        [LINE],
        Delivery(HOME),
        order_token=quote.order_token,
        amounts=quote.amounts,
        payment=payment,
        customer=JANE,
    )
    return await gett.place_order(body, idempotency_key=str(uuid4()), token=token)


async def test_every_operation_once(gett: GettClient, sandbox: Sandbox) -> None:
    page = await gett.discover_stores(
        latitude=40.7128, longitude=-74.006, fulfillment_type="delivery"
    )
    assert BELLA in [store.store_id for store in page.stores]
    store = await gett.get_store(BELLA)
    assert store.minimum_order_amount == Decimal("15.00")
    menu = await gett.get_catalog_set(store.catalog_set_id or "")
    assert menu.items["item_margherita"].name == "Margherita"

    lines = await gett.add_cart_item(store, [], LINE)
    assert lines == (LINE,)
    lines = await gett.add_cart_item(store, lines, Line("2", "item_garlic_bread", 1))
    lines = await gett.update_cart_item(store, lines, "2", quantity=3)
    assert [line.quantity for line in lines] == [2, 3]
    lines = await gett.remove_cart_item(store, lines, "2")
    assert lines == (LINE,)

    session = await gett.create_session(JANE, expires_in=3600)
    assert session.level is Level.END_USER
    token = session.token
    address_id = await gett.add_address(HOME, token=token)
    delivery = Delivery(address_id=address_id)
    await gett.set_fulfillment_context(delivery, token=token)
    quote = await gett.validate_order(store, lines, delivery, tip=Decimal("3.10"), token=token)
    parts = quote.amounts
    assert parts.tip == Decimal("3.10")
    assert parts.total == (
        parts.sub_total
        + parts.fees
        - parts.promotions
        + parts.taxes
        + parts.adjustments
        + parts.tip
    )

    card = await gett.add_payment_card(CARD, token=token)
    assert (card.card_type, card.last_four) == ("visa", "1111")
    assert await gett.list_payment_methods(token=token) == (card,)
    body = gett.placement_body(
        store,
        lines,
        delivery,
        order_token=quote.order_token,
        amounts=quote.amounts,
        payment=SavedCard(card.payment_id),
        customer=None,
    )
    key = str(uuid4())
    order = await gett.place_order(body, idempotency_key=key, token=token)
    assert order.order_id == sandbox.orders[0].order_id
    assert order.amounts is not None
    assert order.amounts.total == sandbox.orders[0].total == parts.total
    assert await gett.place_order(body, idempotency_key=key, token=token) == order
    found = await gett.get_order(order.order_id or "", token=token)
    assert evolve(found, extra={}) == order
    history = await gett.list_orders(token=token)
    assert (history.orders, history.has_more, history.total_count) == ((found,), False, 1)
    assert len(sandbox.orders) == 1

    for name in OPERATIONS.keys() - {seen.operation for seen in sandbox.requests}:
        await SAMPLES[name].call(gett, token)
    assert {seen.operation for seen in sandbox.requests} == set(OPERATIONS)
    assert not [seen for seen in sandbox.requests if seen.status >= 300]
    assert set(gett.rate_limits) == {"reads", "writes", "discovery"}


@pytest.mark.parametrize(
    "payment", [GettPayment(), CardOnFile("card_ok", "stripe")], ids=["gett", "card on file"]
)
async def test_every_other_way_to_pay(
    payment: CardOnFile | GettPayment, gett: GettClient, sandbox: Sandbox
) -> None:
    order = await placed(gett, payment)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]


async def test_pickup(gett: GettClient) -> None:
    store, token = await gett.get_store(BELLA), (await gett.create_session(JANE)).token
    await gett.set_fulfillment_context(Pickup(), token=token)
    quote = await gett.validate_order(store, [LINE], Pickup(), token=token)
    assert quote.amounts.tip == 0


async def test_all_stores_page_by_page(gett: GettClient, sandbox: Sandbox) -> None:
    stores = [store.store_id async for store in gett.all_stores(page_size=1)]
    assert len(stores) == len(set(stores)) == sandbox.count("discover_stores") > 2


async def test_refusals_by_their_codes(gett: GettClient, sandbox: Sandbox) -> None:
    partner, store = await gett.create_session(), await gett.get_store(BELLA)
    assert partner.level is Level.PARTNER_ONLY
    with pytest.raises(SessionUserRequiredError):
        await gett.list_payment_methods(token=partner.token)
    with pytest.raises(StoreNotFoundError):
        await gett.get_store("store_none")
    with pytest.raises(CatalogSetNotFoundError):
        await gett.get_catalog_set("none")
    with pytest.raises(CatalogSetNotFoundError):
        await gett.add_cart_item(evolve(store, catalog_set_id="none"), [], LINE)
    token = (await gett.create_session(JANE)).token
    with pytest.raises(NotFoundError):
        await gett.get_order("order_none", token=token)
    sandbox.revoke(token)
    with pytest.raises(UnauthenticatedError):
        await gett.list_payment_methods(token=token)


@pytest.mark.parametrize("name", ["add_payment_card", "place_order"])
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("drop_before", TransportError),
        ("drop_after", TransportError),
        ("error_after", InternalError),
        ("garbage", InvalidResponseError),
    ],
)
async def test_what_must_not_happen_twice_is_sent_once(
    name: str, kind: str, error: type[Exception], gett: GettClient, sandbox: Sandbox
) -> None:
    sandbox.switches.fail(name, kind)  # type: ignore[arg-type]
    token = (await gett.create_session(JANE)).token
    call: dict[str, Callable[[], Awaitable[object]]] = {
        "place_order": lambda: placed(gett, GettPayment()),
        "add_payment_card": lambda: gett.add_payment_card(CARD, token=token),
    }
    with pytest.raises(error):
        await call[name]()
    assert sandbox.count(name) == 1


async def test_what_may_happen_twice_is_sent_until_it_is_answered(
    gett: GettClient, sandbox: Sandbox
) -> None:
    for kind in ("error", "html", "drop_after"):
        sandbox.switches.fail("validate_order", kind, status=503 if kind == "error" else None)
    _, _, quote = await priced(gett)
    assert quote.amounts.tip == Decimal("3.10")
    assert sandbox.count("validate_order") == 4


async def test_the_servers_limit_is_kept_to(gett: GettClient, sandbox: Sandbox) -> None:
    sandbox.switches.rate_limits = {"reads": 2}
    await gett.get_store(BELLA)
    assert gett.rate_limits["reads"].remaining == 1
    await gett.get_store(BELLA)
    with pytest.raises(RateLimitedError, match="not sent"):  # a whole minute is beyond the budget
        await gett.get_store(BELLA)
    assert sandbox.count("get_store") == 2


async def test_a_hundred_checkouts_fetch_one_menu(gett: GettClient, sandbox: Sandbox) -> None:
    store = await gett.get_store(BELLA)
    menus = Menus(gett)
    found = await asyncio.gather(*(menus.get(store.catalog_set_id or "") for _ in range(100)))
    assert sandbox.count("get_catalog_set") == 1
    assert all(menu is found[0] for menu in found)
