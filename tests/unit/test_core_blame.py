"""Which part of the checkout a refusal blames, however it names it, and which lines."""

from __future__ import annotations

from typing import Any

import pytest

from gett_checkout._core.blame import blamed, item_ids, mark, sold_out
from gett_checkout._core.cart import Modifier
from gett_checkout._core.codes import refuse
from tests.samples.states import line

LARGE = Modifier("large", modifiers={"crust": ["cheese-crust"]})
PIZZA = line("pizza", 1, {"size": [LARGE], "toppings": ["olives"]})
LINES = (line("salad", 1), PIZZA, line("water", 1))

# The parts, and the names of members that belong to them.
NAMED = {
    "lines": [
        "cart.lineItems[2].quantity",
        "cart.lineItems",
        "cart",
        "cart.lineItems[0].specialInstructions",
    ],
    "store": ["storeId", "cart.storeId", "cart.catalogSetId", "catalogSetId"],
    "shopper": [
        "email",
        "customer.phone",
        "firstName",
        "customer.lastName",
        "partnerUserId",
        "customer",
    ],
    "fulfillment": ["address.postalCode", "addressId", "mode", "fulfillmentType", "address"],
    "payment": [
        "payment.savedCard.paymentId",
        "payment",
        "payment.cardOnFile.cardToken",
        "billingAddress.city",
    ],
    "quote": ["validatedOrderToken", "amounts.tip", "amounts.total"],
}
CASES = [(part, path) for part, paths in NAMED.items() for path in paths]


def spellings(path: str) -> list[str]:
    """The path as it may be written."""
    names = path.replace("[", ".").replace("]", "").split(".")
    brackets = "".join(f"[{name}]" if name.isdigit() else f"['{name}']" for name in names)
    return [path, f"$.{path}", f"${brackets}", "/" + "/".join(names)]


@pytest.mark.parametrize(("part", "path"), CASES)
@pytest.mark.parametrize("how", range(4))
@pytest.mark.parametrize("member", ["jsonPath", "path", "pointer", "field"])
def test_what_is_named_is_blamed(part: str, path: str, how: int, member: str) -> None:
    entry = {"code": "WRONG", "message": "wrong", member: spellings(path)[how]}
    for code, status in (("INVALID_REQUEST", 400), ("NEW", 402), ("NOT_FOUND", 404),
                         ("CONFLICT", 409), ("VALIDATION_FAILED", 422), ("", 418)):  # fmt: skip
        assert blamed(refuse(code, status=status, errors=[entry])) == part


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "FORBIDDEN", "RATE_LIMITED", "INTERNAL_ERROR"])
def test_a_credential_a_limit_and_an_outage_blame_nothing_they_name(code: str) -> None:
    named = refuse(code, errors=[{"jsonPath": "email"}])
    assert blamed(named) == blamed(refuse(code)) != "shopper"


@pytest.mark.parametrize(
    "entry",
    [{"jsonPath": "$.unheard.of"}, {"jsonPath": "$"}, {"jsonPath": 7}, {"code": "NO_PLACE"}, {}],
    ids=str,
)
def test_a_name_that_is_not_understood_blames_nothing(entry: dict[str, Any]) -> None:
    assert blamed(refuse("VALIDATION_FAILED", errors=[entry])) == "integration"
    assert blamed(refuse("ITEM_UNAVAILABLE", errors=[entry])) == "lines"


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ([{"itemId": "salad", "jsonPath": "payment"}], "lines"),
        ([{"lineItemId": "line-1"}], "lines"),
        ([{"jsonPath": "payment"}, {"jsonPath": "storeId"}], "store"),
        ([{"jsonPath": "payment"}, {"jsonPath": "email"}], "shopper"),
        ([{"jsonPath": "nothing"}, {"jsonPath": "payment"}], "payment"),
    ],
    ids=str,
)
def test_of_several_the_part_to_fix_first_is_blamed(entries: list[Any], part: str) -> None:
    assert blamed(refuse("VALIDATION_FAILED", errors=entries)) == part


@pytest.mark.parametrize("operation", ["list_payment_methods", "add_payment_card"])
@pytest.mark.parametrize(
    "errors", [[], [{"jsonPath": "billingAddress.city"}], [{"jsonPath": "city"}]]
)
def test_what_is_refused_of_a_card_is_the_payment(operation: str, errors: list[Any]) -> None:
    assert blamed(refuse("VALIDATION_FAILED", operation=operation, errors=errors)) == "payment"
    assert blamed(refuse("STORE_CLOSED", operation=operation)) == "store"


def test_only_what_is_said_to_be_sold_out_is() -> None:
    entries = [
        {"itemId": "salad"},
        {"itemId": "water", "code": "MODIFIER_REQUIRED"},
        {"itemId": 7},
        {"jsonPath": "cart"},
    ]
    assert sold_out(refuse("ITEM_UNAVAILABLE", errors=entries)) == ("salad", "water")
    named = [{"itemId": "salad", "code": "ITEM_UNAVAILABLE"}, {"itemId": "water", "code": "NEW"}]
    assert sold_out(refuse("VALIDATION_FAILED", errors=named)) == ("salad",)


@pytest.mark.parametrize(
    ("entry", "blamed"),
    [
        ({"itemId": "salad"}, ["salad"]),
        ({"itemId": "pizza"}, ["pizza"]),
        ({"itemId": "olives"}, ["pizza"]),
        ({"itemId": "cheese-crust"}, ["pizza"]),
        ({"itemId": "nothing"}, []),
        ({"jsonPath": "$.cart.lineItems[0].itemId"}, ["salad"]),
        ({"jsonPath": "$.cart.lineItems[1].modifierGroups[2]"}, ["pizza"]),
        ({"jsonPath": "$.cart.lineItems[2]"}, ["water"]),
        ({"jsonPath": "$.cart.lineItems[12]"}, []),
        ({"jsonPath": "$.customer.email"}, []),
        ({"lineItemId": "line-water", "jsonPath": "$.cart.lineItems[0]"}, ["water"]),
        ({"jsonPath": "/cart/lineItems/1/quantity"}, ["pizza"]),
        ({"jsonPath": "$['cart']['lineItems'][1]"}, ["pizza"]),
        ({"jsonPath": "cart.modifiers[1]"}, []),
        ({"itemId": "water", "jsonPath": "$.cart.lineItems[0]"}, ["water"]),
        ({"code": "NO_PLACE"}, []),
        ({}, []),
    ],
    ids=str,
)
def test_an_entry_blames_the_lines_it_names(entry: dict[str, str], blamed: list[str]) -> None:
    error = refuse("ITEM_UNAVAILABLE", "sold out", errors=[entry])
    lines = mark(error, LINES)
    assert [each.item_id for each in lines if each.problems] == blamed
    assert [each.item_id for each in lines] == [each.item_id for each in LINES]


def test_the_problem_says_what_the_entry_says_or_else_the_error() -> None:
    entries = [{"itemId": "water"}, {"itemId": "water", "code": "GONE", "message": "no more"}]
    error = refuse("ITEM_UNAVAILABLE", "sold out", errors=entries)
    problems = mark(error, LINES)[2].problems
    assert [(each.code, each.message) for each in problems] == [
        ("ITEM_UNAVAILABLE", "sold out"),
        ("GONE", "no more"),
    ]


def test_the_same_item_on_two_lines_is_blamed_on_both() -> None:
    lines = (line("water", 1), line("salad", 1), line("water", 2))
    blamed = mark(refuse("ITEM_UNAVAILABLE", errors=[{"itemId": "water"}]), lines)
    assert [bool(each.problems) for each in blamed] == [True, False, True]


def test_item_ids_go_all_the_way_down() -> None:
    assert item_ids(PIZZA) == {"pizza", "large", "cheese-crust", "olives"}
