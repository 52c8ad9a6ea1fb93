"""The caller's decimal context changes no amount and raises nothing: not here, nor in the sandbox."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any

import pytest

from gett_checkout import CardOnFile, Checkouts, GettClient, Identity, Pickup
from gett_checkout.sandbox import Sandbox
from tests.acceptance.shopping import HOME, STORE

TWO_DIGITS = Context(prec=2)
EVERYTHING_TRAPPED = Context(prec=1, Emin=0, Emax=0, traps=list(TWO_DIGITS.flags))


@pytest.fixture(params=[TWO_DIGITS, EVERYTHING_TRAPPED], ids=["two digits", "everything trapped"])
def odd(request: pytest.FixtureRequest) -> Iterator[Context]:
    before = decimal.getcontext()
    yield request.param
    decimal.setcontext(before)


async def order(gett: GettClient) -> list[dict[str, Any]]:
    """What the views of an order say of amounts, step by step."""
    views: list[dict[str, Any]] = []
    checkout = await Checkouts(gett).start(Identity("jane@example.com", "Jane", "Doe"))

    def look() -> None:
        view = checkout.view.to_dict()
        names = ("subtotal", "minimum_order", "quote", "confirmed_total", "requirements", "lines")
        amounts = {name: view[name] for name in names}
        for line in amounts["lines"]:
            line.pop("line_id")
        if amounts["quote"]:
            amounts["quote"] = amounts["quote"]["amounts"]
        views.append(amounts)

    await checkout.browse(STORE)
    await checkout.add("item_diavola", modifiers={"group_pizza_size": ["item_size_large"]})
    look()
    ways = await checkout.suggest_items()
    views.append({"ways": [(each.item.item_id, str(each.total)) for each in ways]})
    await checkout.add("item_garlic_bread", quantity=7)
    look()
    await checkout.fulfill(HOME)
    await checkout.validate(tip=Decimal("12.34"))
    look()
    await checkout.validate(tip=Decimal("3.05"))
    look()
    await checkout.fulfill(Pickup())
    await checkout.validate(tip=Decimal("3.05"))
    await checkout.pay(CardOnFile("card_ok", "stripe"))
    look()
    placed = await checkout.place(total=checkout.view.quote.amounts.total)  # type: ignore[union-attr]
    views.append({"order": str(placed.amounts)})
    return views


async def test_no_amount_changes(gett: GettClient, odd: Context) -> None:
    usual = await order(gett)
    decimal.setcontext(odd)
    assert await order(gett) == usual


async def test_nor_in_a_sandbox_that_was_started_in_it(gett: GettClient, odd: Context) -> None:
    usual = await order(gett)
    decimal.setcontext(odd)
    async with (
        Sandbox() as sandbox,
        GettClient(sandbox.api_key, base_url=sandbox.url) as other,
    ):
        assert await order(other) == usual
