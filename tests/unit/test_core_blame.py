"""Which part of the checkout an error blames, however it names it, and which lines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from gett_checkout._core.blame import blamed, item_ids, mark, may_pass, named_inputs, sold_out
from gett_checkout._core.cart import Modifier
from gett_checkout._core.codes import ERROR_CODES, Part, refuse
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    InvalidResponseError,
    StorageError,
    TransportError,
)
from tests.samples.states import line

LARGE = Modifier("large", modifiers={"crust": ["cheese-crust"]})
PIZZA = line("pizza", 1, {"size": [LARGE], "toppings": ["olives"]})
LINES = (line("salad", 1), PIZZA, line("water", 1))


def dotted(names: list[str]) -> str:
    return ".".join(f"[{each}]" if each.isdigit() else each for each in names).replace(".[", "[")


# GETT_API §4: these all mean the same place.
SPELLINGS: dict[str, Callable[[list[str]], str]] = {
    "jsonPath": lambda names: "$." + dotted(names),
    "bare": dotted,
    "quoted": lambda names: (
        "$" + "".join(f"[{each}]" if each.isdigit() else f"['{each}']" for each in names)
    ),
    "double-quoted": lambda names: (
        "$" + "".join(f"[{each}]" if each.isdigit() else f'["{each}"]' for each in names)
    ),
    "pointer": lambda names: "/" + "/".join(names),
    "fragment": lambda names: "#/" + "/".join(names),
    "upper": lambda names: dotted(names).upper(),
}

# A place in a request, and the part that it blames: the design (§5), typed by hand.
PLACES = {
    "cart lineItems 2 quantity": "lines",
    "cart lineItems 2": "lines",
    "cart lineItems": "lines",
    "lineItems 0 modifierGroups 1 modifiers 0 itemId": "lines",
    "cart lineItems 2 specialInstructions": "lines",
    "cart": "lines",
    "modifierGroups 1": "lines",
    "storeId": "store",
    "cart storeId": "store",
    "cart catalogSetId": "store",
    "catalogSetId": "store",
    "address": "fulfillment",
    "address postalCode": "fulfillment",
    "addressId": "fulfillment",
    "fulfillment address city": "fulfillment",
    "fulfillmentType": "fulfillment",
    "mode": "fulfillment",
    "email": "shopper",
    "firstName": "shopper",
    "lastName": "shopper",
    "phone": "shopper",
    "customer": "shopper",
    "customer phone": "shopper",
    "partnerUserId": "shopper",
    "payment": "payment",
    "payment savedCard paymentId": "payment",
    "paymentId": "payment",
    "payment cardOnFile cardToken": "payment",
    "payment billingAddress postalCode": "payment",
    "billingAddress postalCode": "payment",
    "validatedOrderToken": "quote",
    "amounts total": "quote",
    "tip": "quote",
}


@pytest.mark.parametrize(("place", "part"), PLACES.items(), ids=list(PLACES))
def test_a_place_blames_its_part_however_it_is_spelt(place: str, part: str) -> None:
    for spelt, member in product(SPELLINGS.values(), ("jsonPath", "path", "pointer", "field")):
        entry = {"code": "INVALID", member: spelt(place.split())}
        for status, code in ((400, "INVALID_REQUEST"), (422, "VALIDATION_FAILED"), (404, "NEW")):
            assert blamed(refuse(code, status=status, errors=[entry])) == part, entry


@pytest.mark.parametrize("code", [*ERROR_CODES, "NEW"])
def test_what_is_named_goes_before_the_code(code: str) -> None:
    """Unless it is about a credential or a limit, or no refusal at all."""
    error = refuse(code, status=ERROR_CODES[code].status if code in ERROR_CODES else 400)
    named = refuse(code, status=error.status, errors=[{"jsonPath": "$.addressId"}])
    exempt = error.status in (401, 403, 429) or error.status >= 500
    assert blamed(named) == (blamed(error) if exempt else "fulfillment")


@pytest.mark.parametrize(
    ("status", "category", "part"),
    [
        (401, "", "integration"),
        (403, "", "integration"),
        (408, "", "integration"),
        (429, "", "service"),
        (500, "", "service"),
        (399, "", "integration"),
        (403, "payment", "payment"),
    ],
)
def test_a_credential_or_a_limit_is_not_the_order_whatever_it_names(
    status: int, category: str, part: str
) -> None:
    error = refuse("NEW", status=status, category=category, errors=[{"itemId": "salad"}])
    assert blamed(error) == part


# Entries, the part they blame together, with a code that blames nothing.
ENTRIES: list[tuple[list[dict[str, Any]], str]] = [
    ([], "integration"),
    ([{}], "integration"),
    ([{"code": "NO_PLACE", "message": "no"}], "integration"),
    ([{"jsonPath": "$.weather"}], "integration"),
    ([{"jsonPath": "$"}], "integration"),
    ([{"jsonPath": ""}], "integration"),
    ([{"jsonPath": None}], "integration"),
    ([{"jsonPath": 5}], "integration"),
    ([{"jsonPath": ["$.email"]}], "integration"),
    ([{"jsonPath": "$.emails"}], "integration"),
    ([{"jsonPath": "$.cart.weather"}], "integration"),
    ([{"jsonPath": "$.customerly"}], "integration"),
    ([{"jsonPath": "$.weather.email"}], "shopper"),
    ([{"jsonPath": "$.weather", "field": "email"}], "shopper"),
    ([{"itemId": "salad"}], "lines"),
    ([{"itemId": "unheard of"}], "lines"),
    ([{"lineItemId": "line-salad"}], "lines"),
    ([{"itemId": "salad", "jsonPath": "$.payment"}], "lines"),  # ids before paths
    ([{"lineItemId": "x", "jsonPath": "$.storeId"}], "lines"),
    ([{"itemId": "", "lineItemId": None, "jsonPath": "$.payment"}], "payment"),
    ([{"jsonPath": "$.payment"}, {"jsonPath": "$.weather"}], "payment"),
    # Several: in the order in which they are to be fixed.
    ([{"jsonPath": "$.tip"}, {"jsonPath": "$.payment"}], "payment"),
    ([{"jsonPath": "$.payment"}, {"jsonPath": "$.address"}], "fulfillment"),
    ([{"jsonPath": "$.address"}, {"jsonPath": "$.email"}], "shopper"),
    ([{"jsonPath": "$.email"}, {"itemId": "salad"}], "lines"),
    ([{"itemId": "salad"}, {"jsonPath": "$.storeId"}], "store"),
]


@pytest.mark.parametrize(("entries", "part"), ENTRIES, ids=str)
def test_what_entries_blame(entries: list[dict[str, Any]], part: str) -> None:
    for code in ("VALIDATION_FAILED", "INVALID_REQUEST", "NOT_FOUND"):
        assert blamed(refuse(code, errors=entries)) == part


@pytest.mark.parametrize("code", ["STORE_CLOSED", "PAYMENT_DECLINED", "ADDRESS_INVALID"])
def test_a_name_that_is_not_understood_leaves_it_to_the_code(code: str) -> None:
    assert blamed(refuse(code, errors=[{"jsonPath": "$.weather"}])) == ERROR_CODES[code].part


@pytest.mark.parametrize("operation", ["list_payment_methods", "add_payment_card"])
def test_a_request_about_a_card_blames_the_payment(operation: str) -> None:
    def part(code: str, *paths: str, **facts: Any) -> str:
        errors = [{"jsonPath": each} for each in paths]
        return blamed(refuse(code, operation=operation, errors=errors, **facts))

    assert part("VALIDATION_FAILED") == "payment"
    assert part("VALIDATION_FAILED", "$.address.postalCode") == "payment"
    assert part("VALIDATION_FAILED", "$.weather") == "payment"
    assert part("NOT_FOUND") == "payment"
    assert part("STORE_CLOSED") == "store"
    assert part("FORBIDDEN", "$.bin") == "integration"
    assert part("RATE_LIMITED", "$.bin") == "service"
    assert part("NEW", status=500) == "service"


# --- the lines ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_place_names_a_line_however_it_is_spelt(spelling: str) -> None:
    befores, rests = ["cart ", ""], ["", " quantity", " modifierGroups 2 itemIds 0"]
    for index, before, rest in product([0, 1, 2, 12, 21], befores, rests):
        path = SPELLINGS[spelling](f"{before}lineItems {index}{rest}".split())
        marked = mark(refuse("VALIDATION_FAILED", errors=[{"jsonPath": path}]), LINES)
        named = [place for place, each in enumerate(marked) if each.problems]
        assert named == ([index] if index < len(LINES) else []), path


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"itemId": "salad"}, ["salad"]),
        ({"itemId": "pizza"}, ["pizza"]),
        ({"itemId": "olives"}, ["pizza"]),
        ({"itemId": "cheese-crust"}, ["pizza"]),
        ({"itemId": "nothing"}, []),
        ({"lineItemId": "line-water"}, ["water"]),
        ({"lineItemId": "line-none"}, []),
        ({"lineItemId": "line-water", "itemId": "salad"}, ["water"]),
        ({"path": "/cart/lineItems/1"}, ["pizza"]),
        ({"jsonPath": "$.customer.email"}, []),
        ({"jsonPath": "$.cart.lineItems"}, []),
        ({"jsonPath": "$.modifierGroups[1]"}, []),
        ({"jsonPath": 1}, []),
        ({"itemId": "water", "jsonPath": "$.cart.lineItems[0]"}, ["water"]),
        ({"itemId": None, "jsonPath": "$.cart.lineItems[0]"}, ["salad"]),
        ({"itemId": ["salad"]}, []),
        ({"itemId": {"id": "salad"}}, []),
        ({"lineItemId": ["line-salad"]}, []),
        ({"code": "NO_PLACE"}, []),
        ({}, []),
    ],
    ids=str,
)
def test_an_entry_marks_the_lines_it_names(entry: dict[str, Any], named: list[str]) -> None:
    error = refuse("ITEM_UNAVAILABLE", "sold out", errors=[entry])
    lines = mark(error, LINES)
    assert [each.item_id for each in lines if each.problems] == named
    assert [each.item_id for each in lines] == [each.item_id for each in LINES]


def test_the_problem_says_what_the_entry_says_or_else_the_error() -> None:
    entries = [{"itemId": "water"}, {"itemId": "water", "code": "GONE", "message": "no more"}]
    error = refuse("ITEM_UNAVAILABLE", "sold out", errors=entries)
    problems = mark(error, LINES)[2].problems
    assert [(each.code, each.name, each.said) for each in problems] == [
        ("ITEM_UNAVAILABLE", "water", "sold out"),
        ("GONE", "water", "no more"),
    ]


def test_the_same_item_on_two_lines_is_marked_on_both() -> None:
    lines = (line("water", 1), line("salad", 1), line("water", 2))
    marked = mark(refuse("ITEM_UNAVAILABLE", errors=[{"itemId": "water"}]), lines)
    assert [bool(each.problems) for each in marked] == [True, False, True]


@pytest.mark.parametrize(
    ("code", "entries", "items"),
    [
        ("ITEM_UNAVAILABLE", [{"itemId": "a"}, {"itemId": "b", "code": "ITEM_UNAVAILABLE"}], "a b"),
        ("ITEM_UNAVAILABLE", [{"itemId": "a", "code": "GONE"}], "a"),
        ("VALIDATION_FAILED", [{"itemId": "a", "code": "ITEM_UNAVAILABLE"}, {"itemId": "b"}], "a"),
        ("VALIDATION_FAILED", [{"itemId": "a", "code": "TOO_MANY"}], ""),
        ("ITEM_UNAVAILABLE", [{"itemId": 5}, {"jsonPath": "$.cart.lineItems[0]"}, {}], ""),
        ("ITEM_UNAVAILABLE", [], ""),
    ],
)
def test_what_gett_has_no_more(code: str, entries: list[Any], items: str) -> None:
    assert sold_out(refuse(code, errors=entries)) == tuple(items.split())


def test_item_ids_go_all_the_way_down() -> None:
    assert item_ids(PIZZA) == {"pizza", "large", "cheese-crust", "olives"}


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (TransportError("down"), True),
        (TransportError("refused", may_have_arrived=False, cause="ConnectionRefused"), True),
        (TransportError("slow", may_have_arrived=False, cause="out of time"), True),
        (TransportError("closed", may_have_arrived=False, cause="closed"), False),
        (TransportError("odd", may_have_arrived=False, cause="other event loop"), False),
        (InvalidResponseError("odd", status=200), True),
        (refuse("RATE_LIMITED"), True),
        (refuse("NEW", status=429), True),
        (refuse("", status=408), True),
        (refuse("", status=500), True),
        (refuse("NEW", status=504, category="availability"), True),
        (refuse("SERVICE_UNAVAILABLE"), True),
        (refuse("NOT_FOUND"), False),
        (refuse("FORBIDDEN"), False),
        (refuse("UNAUTHENTICATED"), False),
        (refuse("STORE_CLOSED"), False),
        (refuse("NEW", status=418), False),
        (IdentityRequiredError("who?"), False),
        (StorageError("full"), False),
    ],
    ids=repr,
)
def test_what_may_pass_by_itself(error: GettCheckoutError, passes: bool) -> None:
    assert may_pass(error) is passes


@pytest.mark.parametrize(
    ("place", "part", "name"),
    [
        ("address address1", Part.FULFILLMENT, "address1"),
        ("address address2", Part.FULFILLMENT, "address2"),
        ("address city", Part.FULFILLMENT, "city"),
        ("address state", Part.FULFILLMENT, "state"),
        ("address postalCode", Part.FULFILLMENT, "postal_code"),
        ("email", Part.SHOPPER, "email"),
        ("customer firstName", Part.SHOPPER, "first_name"),
        ("customer lastName", Part.SHOPPER, "last_name"),
        ("customer phone", Part.SHOPPER, "phone"),
        ("customer", Part.SHOPPER, None),
        ("address", Part.FULFILLMENT, None),
        ("payment billingAddress postalCode", Part.FULFILLMENT, None),  # of the card
        ("email", Part.FULFILLMENT, None),
        ("payment cardOnFile cvc", Part.PAYMENT, None),  # typed at the processor's
    ],
)
def test_the_input_that_is_named_is_spelt_as_the_steps_do(
    place: str, part: Part, name: str | None
) -> None:
    expected = ((name, "no"),) if name else ()
    for spelling, spell in SPELLINGS.items():
        entry = {"code": "INVALID", "message": "no", "jsonPath": spell(place.split())}
        named = named_inputs(refuse("VALIDATION_FAILED", errors=[entry]), part)
        assert (spelling, named) == (spelling, expected)


def test_each_input_is_named_once_with_what_was_said_of_it_first() -> None:
    entries = [
        {},
        {"jsonPath": "$.address.city", "path": "", "message": "too long"},
        {"pointer": "/address/city", "message": "no such city"},
        {"field": "state"},
    ]
    error = refuse("VALIDATION_FAILED", "all of it is wrong", errors=entries)
    expected = (("city", "too long"), ("state", "all of it is wrong"))
    assert named_inputs(error, Part.FULFILLMENT) == expected
