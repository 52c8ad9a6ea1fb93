"""The documented table of steps and stages, tried out: every step at every stage, against the sandbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from gett_checkout import (
    Address,
    Checkout,
    Checkouts,
    Contact,
    Delivery,
    GettPayment,
    Identity,
    NewCard,
    Pickup,
    Stage,
    StepNotAllowedError,
)
from gett_checkout.errors import LineNotFoundError
from gett_checkout.sandbox import Sandbox
from gett_docs import tables
from tests.acceptance.shopping import CARD, JANE, STORE, lose_order
from tests.samples.shopper import place_as_shown, total_shown
from tests.unit.test_docs_tables import rows

pytestmark = pytest.mark.slow

TABLE = {row[0].strip("`"): row[1:] for row in rows(tables.step_stages())}
AT_HOME = Address("350 5th Ave", "New York", "NY", "10118")
NEW_CARD = NewCard("4111111111111111", "visa", "123", date(2030, 1, 31), AT_HOME)


def line_of(checkout: Checkout) -> str:
    return next((each.line_id for each in checkout.view.lines), "none")


def total_of(checkout: Checkout) -> Any:
    return total_shown(checkout) if checkout.view.quote else "1.00"


STEPS: dict[str, Callable[[Checkout], Awaitable[object]]] = {
    "menu": lambda c: c.menu(),
    "browse": lambda c: c.browse(STORE),
    "add": lambda c: c.add("item_tiramisu"),
    "update": lambda c: c.update(line_of(c), quantity=3),
    "remove": lambda c: c.remove(line_of(c)),
    "suggest_items": lambda c: c.suggest_items(),
    "fulfill": lambda c: c.fulfill(Pickup()),
    "validate": lambda c: c.validate(),
    "identify": lambda c: c.identify(JANE),
    "set_recipient": lambda c: c.set_recipient(Contact("Ann", "Roe", "+12125550100")),
    "session_token": lambda c: c.session_token(),
    "confirm_total": lambda c: c.confirm_total(total_of(c)),
    "pay": lambda c: c.pay(GettPayment()),
    "saved_cards": lambda c: c.saved_cards(),
    "add_card": lambda c: c.add_card(NEW_CARD),
    "place": lambda c: c.place(total=total_of(c)),
    "reconcile": lambda c: c.reconcile(),
    "refresh_order": lambda c: c.refresh_order(),
    "abandon": lambda c: c.abandon(),
}


async def at(stage: Stage, checkouts: Checkouts, sandbox: Sandbox) -> Checkout:
    """A checkout that stands there, of an end user whom nobody named yet."""
    session = await checkouts.client.create_session(JANE)
    checkout = await checkouts.start(session_token=session.token)
    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: checkout.browse(STORE),
        lambda: checkout.add("item_garlic_bread", quantity=4),
        lambda: checkout.fulfill(Pickup()),
        lambda: checkout.validate(),
        lambda: checkout.pay(CARD),
    ]
    for way in ways[: list(Stage).index(stage) + 1]:
        await way()
    if stage is Stage.PLACING:
        await lose_order(checkout, sandbox)
    elif stage is Stage.PLACED:
        await place_as_shown(checkout)
    elif stage is Stage.ABANDONED:
        await checkout.abandon()
    assert checkout.view.stage is stage
    return checkout


@pytest.mark.parametrize("name", TABLE)
async def test_a_step_is_possible_where_the_table_says_so(
    name: str, checkouts: Checkouts, sandbox: Sandbox
) -> None:
    for stage, mark in zip(Stage, TABLE[name], strict=True):
        checkout = await at(stage, checkouts, sandbox)
        before, sent = checkout.view, len(sandbox.requests)
        is_refused = False
        try:
            await STEPS[name](checkout)
        except LineNotFoundError:
            assert stage is Stage.BROWSE  # possible, but the cart is empty
        except StepNotAllowedError as error:
            is_refused = (error.step, error.stage) == (name, stage)
            assert (checkout.view, len(sandbox.requests)) == (before, sent)
        assert is_refused is (mark == ""), stage


def test_the_table_has_every_step() -> None:
    steps = {name for name, each in vars(Checkout).items() if hasattr(each, "__wrapped__")}
    assert set(TABLE) == set(STEPS) == {each for each in steps if not each.startswith("_")}


KEEPS: list[tuple[Callable[[Checkout], Awaitable[object]], set[str]]] = [
    (lambda c: c.add("item_garlic_bread"), {"lines", "fulfillment", "recipient", "tip", "payment"}),
    (
        lambda c: c.browse("store_seoul_kitchen", replace_cart=True),
        {"fulfillment", "recipient", "payment"},
    ),
    (lambda c: c.fulfill(Pickup()), {"lines", "fulfillment", "recipient", "tip", "payment"}),
    (
        lambda c: c.identify(Identity("x@example.com", "X", "Y")),
        {"lines", "fulfillment", "tip"},
    ),
]


@pytest.mark.parametrize(("step", "kept"), KEEPS, ids=["cart", "store", "fulfillment", "shopper"])
async def test_what_a_step_of_the_shoppers_own_keeps(
    checkouts: Checkouts, step: Callable[[Checkout], Awaitable[object]], kept: set[str]
) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_tiramisu", quantity=4)
    await checkout.fulfill(Delivery(AT_HOME))
    await checkout.validate(tip="2.00")
    await checkout.pay(CARD)
    await checkout.set_recipient(Contact("Ada", "Byron", "+12125550123"))
    await checkout.validate()
    await checkout.confirm_total(total_shown(checkout))
    parts = ("lines", "fulfillment", "recipient", "tip", "payment", "quote")
    assert all(getattr(checkout.view, part) for part in parts)
    await step(checkout)
    assert {part for part in parts if getattr(checkout.view, part)} == kept
    if checkout.view.lines and checkout.identity == JANE:
        await checkout.validate()
        assert checkout.view.next_action.kind == "place"  # and nothing to confirm
