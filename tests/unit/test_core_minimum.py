"""The minimum-order gap: its edges, what counts towards it, its words, and how to close it."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal, Inexact, localcontext
from typing import Any

import pytest
from attrs import evolve

from gett_checkout._core import machine
from gett_checkout._core.cart import Line, LineProblem, Modifier
from gett_checkout._core.catalog import Store
from gett_checkout._core.codes import Part
from gett_checkout._core.minimum import MinimumOrder, minimum_order, suggest_items
from gett_checkout._core.order import Delivery, Fulfillment, Pickup
from gett_checkout._core.requirements import minimum_gap, refusal, requirements
from gett_checkout._core.state import Stage
from gett_checkout._core.view import view_of
from gett_checkout.errors import OrderBelowMinimumError
from gett_checkout.messages import Messages
from tests.samples.states import (
    HOME,
    MENU,
    NOW,
    SALADS,
    STORE,
    group,
    item,
    line,
    menu,
    quote,
    rejection,
    state_at,
)


def gap(*lines: Line, at_least: str = "15.00") -> MinimumOrder:
    found = minimum_order(evolve(STORE, minimum_order_amount=Decimal(at_least)), lines, quote=None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("at_least", "met", "missing"),
    [("14.50", True, "0"), ("14.49", True, "0"), ("14.51", False, "0.01"), ("15", False, "0.50")],
)
def test_the_edge_is_exact(at_least: str, met: bool, missing: str) -> None:
    found = gap(line("salad", 2), at_least=at_least)  # 14.50
    assert (found.met, found.gap) == (met, Decimal(missing))
    assert (found.subtotal, found.basis) == (Decimal("14.50"), "estimate")


@pytest.mark.parametrize(
    ("lines", "counted"),
    [
        ((), "0"),
        ((line("salad", 1),), "7.25"),
        ((line("salad", 3),), "21.75"),
        ((line("salad", 1), line("water", 2)), "10.25"),
        ((line("pizza", 1, {"size": ["small"]}),), "9.50"),
        ((line("pizza", 1, {"size": ["large"]}),), "12.50"),
        ((line("pizza", 2, {"size": ["large"]}),), "25.00"),
        (
            (
                line(
                    "pizza", 1, {"size": [Modifier("large", modifiers={"crust": ["cheese-crust"]})]}
                ),
            ),
            "13.75",
        ),
        ((line("pizza", 1, {"size": ["small"], "toppings": [Modifier("olives", 2)]}),), "11.00"),
        (
            (line("pizza", 3, {"size": ["small"], "toppings": ["olives", Modifier("ham", 2)]}),),
            "37.35",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_quantities_and_nested_modifiers_count(lines: tuple[Line, ...], counted: str) -> None:
    assert gap(*lines).subtotal == Decimal(counted)


@pytest.mark.parametrize("amount", [None, Decimal(0), Decimal("0.00"), Decimal("-1.00")])
def test_a_store_without_a_minimum_has_no_gap(amount: Decimal | None) -> None:
    store = evolve(STORE, minimum_order_amount=amount)
    assert minimum_order(store, (SALADS,), None) is None
    state = state_at(Stage.VALIDATE, store=store, lines=(line("water", 1),))
    assert view_of(state, NOW).minimum_order is None
    assert "minimum_order" not in {each.code for each in requirements(state, NOW)}


def test_there_is_no_gap_without_a_store() -> None:
    assert minimum_order(None, (SALADS,), None) is None


@pytest.mark.parametrize(
    ("codes", "counts"),
    [
        ((), True),
        (("MODIFIER_REQUIRED",), True),
        (("MODIFIER_TOO_MANY", "MODIFIER_UNKNOWN"), True),
        (("ITEM_UNAVAILABLE",), False),
        (("ITEM_UNKNOWN",), False),
        (("VALIDATION_FAILED",), False),
        (("BRAND_NEW",), False),
        (("",), False),
        (("MODIFIER_REQUIRED", "ITEM_UNAVAILABLE"), False),
    ],
)
def test_a_line_that_cannot_be_had_does_not_count(codes: tuple[str, ...], counts: bool) -> None:
    problems = tuple(LineProblem(code) for code in codes)
    salad = evolve(line("salad", 1), problems=problems)
    assert salad.can_be_had is counts
    assert gap(salad, line("water", 1)).subtotal == Decimal("8.75" if counts else "1.50")
    quoted = minimum_order(STORE, (salad,), quote(sub_total="14.00", total="20.00"))
    assert quoted is not None
    assert (quoted.subtotal, quoted.basis) == (Decimal("14.00"), "quote")


def test_what_no_section_sells_does_not_count() -> None:
    assert gap(line("olives", 5), line("water", 1)).subtotal == Decimal("1.50")
    assert gap(line("nothing", 5)).subtotal == 0
    assert gap(line("soldout", 5)).subtotal == 0


@pytest.mark.parametrize(
    ("sub_total", "at_least", "currency", "counted", "missing"),
    [
        ("14.999999999999998", "15", "USD", "15.00", "0.00"),
        ("15.000000000000002", "15", "USD", "15.00", "0.00"),
        ("15", "15.000000000000002", "USD", "15.00", "0.00"),
        ("10.499999999999998", "15", "USD", "10.50", "4.50"),
        ("14.99", "15", "USD", "14.99", "0.01"),
        ("14.994", "15", "USD", "14.99", "0.01"),
        ("14.995", "15", "USD", "15.00", "0.00"),
        ("14.985", "15", "USD", "14.99", "0.01"),
        ("1499.6", "1500", "JPY", "1500", "0"),
        ("1499", "1500", "JPY", "1499", "1"),
        ("1.9994", "2", "KWD", "1.999", "0.001"),
        ("1.9999999", "2", "KWD", "2.000", "0.000"),
    ],
)
def test_amounts_are_compared_to_the_cent_of_their_currency(
    sub_total: str, at_least: str, currency: str, counted: str, missing: str
) -> None:
    store = evolve(STORE, minimum_order_amount=Decimal(at_least), currency=currency)
    found = minimum_order(store, (), quote(sub_total=sub_total, total=sub_total))
    assert found is not None
    assert str(found.subtotal) == counted
    assert found.gap == Decimal(missing)
    assert found.met is (found.gap == 0)


def test_the_callers_decimal_context_does_not_break_the_cents() -> None:
    with localcontext() as context:
        context.prec = 2
        context.traps[Inexact] = True
        found = minimum_order(STORE, (), quote(sub_total="15.000", total="20.00"))
    assert found is not None
    assert (str(found.subtotal), found.met) == ("15.00", True)


def test_a_minimum_of_less_than_a_cent_is_met() -> None:
    assert gap(at_least="0.001").met


def test_the_view_shows_the_gap_from_the_first_item_on() -> None:
    empty = state_at(Stage.BROWSE)
    assert view_of(empty, NOW).minimum_order is None
    one = machine.apply(empty, machine.CartChanged((line("water", 1),)), NOW)
    shown = view_of(one, NOW).minimum_order
    assert shown is not None
    assert shown.gap == Decimal("13.50")


def test_removing_an_item_brings_the_gap_back() -> None:
    salads, water = line("salad", 2), line("water", 1)
    both = machine.apply(state_at(Stage.BROWSE), machine.CartChanged((salads, water)), NOW)
    assert "minimum_order" not in {each.code for each in requirements(both, NOW)}
    less = machine.apply(both, machine.CartChanged((salads,)), NOW)
    found = next(each for each in requirements(less, NOW) if each.code == "minimum_order")
    assert found.message == "Add $0.50 more to reach the $15.00 minimum"
    assert found.details["minimum_order"]["gap"] == "0.50"


def test_the_quotes_subtotal_counts_while_it_lives_and_the_estimate_after() -> None:
    state = state_at(Stage.PLACE, quote=quote(sub_total="14.00", total="40.00"))
    quoted = minimum_gap(state, NOW)
    assert quoted is not None
    assert (quoted.basis, quoted.subtotal, quoted.met) == ("quote", Decimal("14.00"), False)
    for later in (
        minimum_gap(state, NOW + timedelta(minutes=15)),
        minimum_gap(machine.apply(state, machine.QuoteLost(), NOW), NOW),
    ):
        assert later is not None
        assert (later.basis, later.subtotal, later.met) == ("estimate", Decimal("21.75"), True)


def test_tip_and_fees_do_not_count() -> None:
    # Subtotal 14.99; with fees 5.25 and a tip of 3.00 the total is far above the minimum.
    state = state_at(Stage.PLACE, quote=quote(sub_total="14.99", total="23.24"))
    refused = refusal(state, NOW)
    assert isinstance(refused, OrderBelowMinimumError)
    assert refused.code == "ORDER_BELOW_MINIMUM"
    assert refused.minimum_order is not None
    assert refused.minimum_order.gap == Decimal("0.01")
    assert refused.next_action is not None
    assert refused.next_action.to_dict()["minimum_order"]["gap"] == "0.01"


BOTH, TO_HOME, NEITHER = ("delivery", "pickup"), ("delivery",), ()
NO_DELIVERY = evolve(STORE, delivery_allowed=False)


@pytest.mark.parametrize(
    ("minimum_for", "fulfillment", "store", "is_held"),
    [
        (BOTH, HOME, STORE, True),
        (BOTH, Pickup(), STORE, True),
        (BOTH, None, STORE, True),
        (TO_HOME, HOME, STORE, True),
        (TO_HOME, Pickup(), STORE, False),
        (TO_HOME, None, STORE, True),
        (TO_HOME, None, NO_DELIVERY, False),
        (("pickup",), HOME, STORE, False),
        (("pickup",), Pickup(), STORE, True),
        (("pickup",), None, NO_DELIVERY, True),
        (NEITHER, HOME, STORE, False),
        (NEITHER, None, STORE, False),
    ],
)
def test_the_minimum_holds_for_some_orders(
    minimum_for: tuple[str, ...], fulfillment: Fulfillment | None, store: Store, is_held: bool
) -> None:
    facts: dict[str, Any] = {"store": store, "fulfillment": fulfillment}
    state = state_at(
        Stage.BROWSE, lines=(line("water", 1),), minimum_for=minimum_for, confirmed_for="", **facts
    )
    assert (view_of(state, NOW).minimum_order is not None) is is_held
    assert ("minimum_order" in {each.code for each in requirements(state, NOW)}) is is_held


def test_an_order_to_collect_is_not_held_up_and_one_to_deliver_is() -> None:
    cheap = quote(sub_total="7.25", total="10.00")
    facts: dict[str, Any] = {"quote": cheap, "confirmed_total": cheap.amounts.total}
    delivered = state_at(Stage.PLACE, minimum_for=TO_HOME, **facts)
    assert isinstance(refusal(delivered, NOW), OrderBelowMinimumError)
    assert refusal(evolve(delivered, fulfillment=Pickup()), NOW) is None


@pytest.mark.parametrize(
    ("minimum_for", "chosen", "code", "stands"),
    [
        (TO_HOME, Pickup(), "ORDER_BELOW_MINIMUM", False),
        (TO_HOME, Pickup(), "MODIFIER_REQUIRED", True),
        (TO_HOME, Delivery(address_id="address-1"), "ORDER_BELOW_MINIMUM", True),
        (BOTH, Pickup(), "ORDER_BELOW_MINIMUM", True),
    ],
)
def test_a_rejection_below_the_minimum_is_over_where_there_is_none(
    minimum_for: tuple[str, ...], chosen: Fulfillment, code: str, stands: bool
) -> None:
    state = state_at(Stage.PLACE, minimum_for=minimum_for)
    rejected = machine.apply(
        state, machine.CartRejected(rejection(Part.LINES, code), state.lines), NOW
    )
    assert rejected.refused(Part.LINES)
    moved = machine.apply(rejected, machine.FulfillmentChosen(chosen), NOW)
    assert bool(moved.refused(Part.LINES)) is stands
    assert moved.stage is (Stage.BROWSE if stands else Stage.VALIDATE)


# --- words ----------------------------------------------------------------------------------------

SHORT = gap(line("water", 7))  # 10.50


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (None, "Add $4.50 more to reach the $15.00 minimum"),
        ("en_US", "Add $4.50 more to reach the $15.00 minimum"),
        ("de_DE", "Add 4,50\u00a0$ more to reach the 15,00\u00a0$ minimum"),
        ("de-DE", "Add 4,50\u00a0$ more to reach the 15,00\u00a0$ minimum"),
    ],
)
def test_the_message_in_the_shoppers_locale(locale: str | None, words: str) -> None:
    assert SHORT.message(Messages(locale=locale)) == words


def test_without_babel_the_message_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    assert SHORT.message(Messages(locale="de_DE")) == "Add $4.50 more to reach the $15.00 minimum"


def test_the_message_says_when_it_is_reached() -> None:
    assert gap(line("salad", 3)).message() == "The $15.00 minimum is reached"


def test_the_message_is_in_the_stores_currency() -> None:
    found = minimum_order(evolve(STORE, currency="EUR"), (line("water", 1),), None)
    assert found is not None
    assert found.message() == "Add 13.50 EUR more to reach the 15.00 EUR minimum"


# --- how to close it ------------------------------------------------------------------------------


def test_top_ups_close_the_gap_cheapest_first() -> None:
    # 4.50 is missing: a tiramisu 4.50, three waters 4.50, a salad 7.25; a pizza needs its size.
    ways = [(each.item.item_id, each.quantity, each.total) for each in suggest_items(SHORT, MENU)]
    assert ways == [
        ("tiramisu", 1, Decimal("4.50")),
        ("water", 3, Decimal("4.50")),
        ("salad", 1, Decimal("7.25")),
    ]


def test_every_top_up_does_close_it() -> None:
    for each in suggest_items(SHORT, MENU):
        added = line(each.item.item_id, each.quantity)
        assert not added.problems
        assert gap(line("water", 7), added).met


@pytest.mark.parametrize(
    "unfit",
    [
        item("unfit", "5.00", available=False),
        item("unfit", "5.00", "must"),
        item("unfit", None),
        item("unfit", "0.00"),
        item("unfit", "-5.00"),
        item("unfit", "0.01"),  # 450 of them: more than a line holds
    ],
    ids=["unavailable", "required choice", "no price", "free", "negative", "too many"],
)
def test_top_ups_never_suggest(unfit: object) -> None:
    assert isinstance(unfit, type(MENU.items["pizza"]))
    catalog = menu(unfit, item("x"), groups=(group("must", "x", least=1),), listed=("unfit",))
    assert suggest_items(SHORT, catalog) == ()


def test_top_ups_never_suggest_what_is_only_a_modifier() -> None:
    catalog = menu(item("dish", "5.00"), item("sauce", "4.50"), listed=("dish",))
    assert [each.item.item_id for each in suggest_items(SHORT, catalog)] == ["dish"]


def test_a_choice_that_may_be_left_out_is_no_obstacle() -> None:
    catalog = menu(item("dish", "5.00", "may"), groups=(group("may", "dish"),))
    assert [each.item.item_id for each in suggest_items(SHORT, catalog)] == ["dish"]


def test_many_of_a_kind_come_last() -> None:
    catalog = menu(item("gum", "0.50"), item("cake", "20.00"))
    ways = [(each.item.item_id, each.quantity) for each in suggest_items(SHORT, catalog)]
    assert ways == [("cake", 1), ("gum", 9)]
    catalog = menu(item("mint", "1.20"), item("roll", "1.50"), item("cake", "20.00"))
    ways = [(each.item.item_id, each.quantity) for each in suggest_items(SHORT, catalog)]
    assert ways == [("roll", 3), ("cake", 1), ("mint", 4)]


def test_top_ups_are_limited_and_nothing_is_suggested_without_a_gap() -> None:
    assert len(suggest_items(SHORT, MENU, limit=2)) == 2
    assert suggest_items(gap(line("salad", 3)), MENU) == ()
    assert suggest_items(None, MENU) == ()


def test_as_many_are_suggested_as_a_line_may_hold() -> None:
    def suggested(price: str) -> list[int]:
        return [each.quantity for each in suggest_items(gap(), menu(item("nut", price)))]

    assert gap().gap == Decimal("15.00")
    assert suggested("0.152") == [99]
    assert suggested("0.15") == []


def test_what_cannot_be_added_hides_nothing_that_comes_after_it() -> None:
    catalog = menu(
        item("soldout", "5.00", available=False),
        item("free", "0.00"),
        item("box", "9.00", "size"),
        item("salad", "7.25"),
        item("small", "0.00"),
        groups=(group("size", "small", least=1),),
        listed=("soldout", "free", "box", "salad"),
    )
    assert [each.item.item_id for each in suggest_items(gap(), catalog)] == ["salad"]
    assert [each.quantity for each in suggest_items(gap(), catalog)] == [3]


def test_five_top_ups_are_enough() -> None:
    names = [f"dish {number}" for number in range(9)]
    catalog = menu(*(item(name, "15.00") for name in names), listed=tuple(names))
    assert len(suggest_items(gap(), catalog)) == 5
    assert len(suggest_items(gap(), catalog, 7)) == 7


def test_what_gett_called_sold_out_is_not_suggested() -> None:
    def suggested(*sold_out: str) -> list[str]:
        return [each.item.item_id for each in suggest_items(SHORT, MENU, 2, frozenset(sold_out))]

    assert suggested() == ["tiramisu", "water"]
    assert suggested("tiramisu") == ["water", "salad"]
    assert suggested("tiramisu", "water", "salad", "nothing") == []


def test_a_choice_that_cannot_be_made_is_no_obstacle() -> None:
    catalog = menu(
        item("dish", "5.00", "must"),
        item("gone", available=False),
        groups=(group("must", "gone", least=1),),
        listed=("dish",),
    )
    assert [each.item.item_id for each in suggest_items(SHORT, catalog)] == ["dish"]


@pytest.mark.parametrize(
    ("price", "quantity"),
    [("4.499999999999999", 1), ("4.500000000000001", 1), ("2.2499999999999996", 2), ("4.49", 2)],
)
def test_the_dust_of_a_price_takes_no_second_item(price: str, quantity: int) -> None:
    [way] = suggest_items(SHORT, menu(item("bread", price)))
    assert way.quantity == quantity
    assert gap(line("water", 7), line("bread", quantity, catalog=menu(item("bread", price)))).met
