"""Whole checkouts against the sandbox always, and against a real host when there is one to be had.

The real host is GETT_BASE_URL, with GETT_API_KEY. Orders are placed there only with a card of
GETT_TEST_CARD_TOKEN (and GETT_TEST_PROCESSOR), and never in production. Nothing here knows a
store or an item: it takes the first restaurant that can be ordered from.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from attrs import field, frozen

from gett_checkout import (
    PRODUCTION,
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    Delivery,
    GettClient,
    Identity,
    IdentityRequiredError,
    Item,
    Level,
    Modifier,
    OrderBelowMinimumError,
    Pickup,
    Stage,
)
from gett_checkout._core.cart import Modifiers
from gett_checkout._core.catalog import CatalogSet
from gett_checkout.errors import StoreNotFoundError
from gett_checkout.sandbox import Sandbox
from tests.samples.shopper import place_as_shown

API_KEY, BASE_URL = os.environ.get("GETT_API_KEY", ""), os.environ.get("GETT_BASE_URL", "")
HAS_HOST = bool(API_KEY and BASE_URL)
SHOPPER = Identity("jane.doe@example.com", "Jane", "Doe", "+12125550123")
HOME = Delivery(Address("350 5th Ave", "New York", "NY", "10118"))


@frozen
class Host:
    """Where the checkouts go. Without a card no order is placed there."""

    url: str
    api_key: str = field(repr=False)
    card: CardOnFile | None


@pytest.fixture(
    params=[
        "sandbox",
        pytest.param(
            "live",
            marks=[
                pytest.mark.live,
                pytest.mark.skipif(not HAS_HOST, reason="set GETT_API_KEY and GETT_BASE_URL"),
            ],
        ),
    ]
)
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    if request.param == "live":
        token = "" if BASE_URL == PRODUCTION else os.environ.get("GETT_TEST_CARD_TOKEN", "")
        processor = os.environ.get("GETT_TEST_PROCESSOR", "stripe")
        yield Host(BASE_URL, API_KEY, CardOnFile(token, processor) if token else None)
    else:
        async with Sandbox() as sandbox:
            yield Host(sandbox.url, sandbox.api_key, CardOnFile("card_ok", "stripe"))


@pytest.fixture
async def gett(host: Host) -> AsyncIterator[GettClient]:
    async with GettClient(host.api_key, base_url=host.url) as gett:
        yield gett


@pytest.fixture
def checkouts(gett: GettClient) -> Checkouts:
    return Checkouts(gett)


def choices(item: Item, menu: CatalogSet) -> Modifiers:
    """The first choices that every required group of the item will take."""
    required: dict[str, list[Modifier | str]] = {}
    for group_id in item.modifier_group_ids:
        group = menu.modifier_groups[group_id]
        if group.min_selections:
            required[group_id] = [
                Modifier(each, modifiers=choices(menu.items[each], menu))
                for each in group.item_ids[: group.min_selections]
            ]
    return required


async def until_priced(checkout: Checkout, gett: GettClient) -> None:
    """A cart that can be ordered, from the first restaurant where one can be made, and its price."""
    async for store in gett.all_stores():
        if not store.catalog_set_id:
            continue
        menu = await checkout.browse(store.store_id, replace_cart=True)
        if "store_open" in {each.code for each in checkout.view.requirements}:
            continue
        for section in menu.sections.values():
            for item_id in section.item_ids:
                item = menu.items[item_id]
                if item.available is not False and item.price:
                    await checkout.add(item_id, modifiers=choices(item, menu))
                    await fulfill_and_price(checkout)
                    return
    pytest.fail("the host has no restaurant to order from")


async def fulfill_and_price(checkout: Checkout) -> None:
    store = checkout.store
    assert store is not None
    await checkout.fulfill(Pickup() if store.pickup_allowed is not False else HOME)
    await checkout.validate(tip=Decimal("1.00"))


async def test_browsing_needs_no_session(gett: GettClient) -> None:
    page = await gett.discover_stores(limit=1)
    assert len(page.stores) == 1
    store = await gett.get_store(page.stores[0].store_id)
    assert store.store_id == page.stores[0].store_id
    with pytest.raises(StoreNotFoundError):
        await gett.get_store("00000000-0000-4000-8000-000000000000")


async def test_a_session_is_of_the_level_it_was_asked_for(gett: GettClient) -> None:
    assert (await gett.create_session()).level is Level.PARTNER_ONLY
    assert (await gett.create_session(SHOPPER)).level is Level.END_USER


async def test_the_shopper_signs_in_late_and_loses_nothing(
    checkouts: Checkouts, gett: GettClient
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout, gett)
    before = checkout.view
    assert before.session.level == "partner-only"
    card = CardOnFile("card_never_charged", "stripe")
    with pytest.raises(IdentityRequiredError):
        await checkout.pay(card)
    await checkout.identify(SHOPPER)
    await checkout.pay(card)
    after = checkout.view
    assert after.session.level == "end-user"
    assert (after.lines, after.fulfillment, after.tip) == (
        before.lines,
        before.fulfillment,
        before.tip,
    )
    assert after.quote is not None


async def test_the_minimum_is_known_before_the_server_says_so(
    checkouts: Checkouts, gett: GettClient
) -> None:
    checkout = await checkouts.start(SHOPPER)
    await until_priced(checkout, gett)
    gap = checkout.view.minimum_order
    if gap is None or gap.met:
        return
    await checkout.pay(CardOnFile("card_never_charged", "stripe"))
    with pytest.raises(OrderBelowMinimumError):
        await place_as_shown(checkout)


async def test_an_order_is_placed_once(checkouts: Checkouts, gett: GettClient, host: Host) -> None:
    checkout = await checkouts.start(SHOPPER)
    await until_priced(checkout, gett)
    gap = checkout.view.minimum_order
    while gap is not None and not gap.met:
        line = checkout.view.lines[0]
        await checkout.update(line.line_id, quantity=line.quantity + 1)
        gap = checkout.view.minimum_order
    await checkout.validate()
    if host.card is None:
        assert checkout.view.next_action.kind == "choose_payment"
        return
    await checkout.pay(host.card)
    order = await place_as_shown(checkout)
    assert checkout.view.stage is Stage.PLACED
    again = await checkouts.open(checkout.id)
    assert await place_as_shown(again) == order
    assert order.order_id is not None
    session = await checkout.session_token()
    read = await gett.get_order(order.order_id, token=session)
    assert read.order_id == order.order_id
