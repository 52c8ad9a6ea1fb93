"""What a refusal does to the checkout, and which lines it blames."""

from __future__ import annotations

from typing import Any

import pytest

from gett_checkout._core.cart import Modifier
from gett_checkout._core.codes import ERROR_CODES, refuse
from gett_checkout._core.consequences import blame, event_of, item_ids
from gett_checkout._core.machine import (
    CartRejected,
    Event,
    FulfillmentRejected,
    PaymentRejected,
    QuoteLost,
    StoreLost,
)
from tests.samples.states import line

LARGE = Modifier("large", modifiers={"crust": ["cheese-crust"]})
PIZZA = line("pizza", 1, {"size": [LARGE], "toppings": ["olives"]})
LINES = (line("salad", 1), PIZZA, line("water", 1))

EVENTS: dict[str, Event | None] = {
    "ADDRESS_INVALID": FulfillmentRejected(),
    "ADDRESS_OUT_OF_RANGE": FulfillmentRejected(),
    "CART_EMPTY": CartRejected("CART_EMPTY", LINES),
    "CATALOGSET_REQUIRED": CartRejected("CATALOGSET_REQUIRED", LINES),
    "MODIFIER_REQUIRED": CartRejected("MODIFIER_REQUIRED", LINES),
    "ORDER_BELOW_MINIMUM": CartRejected("ORDER_BELOW_MINIMUM", LINES),
    "ITEM_UNAVAILABLE": CartRejected("ITEM_UNAVAILABLE", LINES),
    "CATALOGSET_NOT_FOUND": CartRejected("CATALOGSET_NOT_FOUND", LINES),
    "ORDER_TOTAL_DIFFERENT": QuoteLost(),
    "CONFLICT": QuoteLost(),
    "ORDER_ALREADY_PLACED": QuoteLost(),
    "STORE_CLOSED": StoreLost("STORE_CLOSED"),
    "STORE_NOT_FOUND": StoreLost("STORE_NOT_FOUND"),
    "PAYMENT_DECLINED": PaymentRejected("PAYMENT_DECLINED"),
    "PAYMENT_FAILED": PaymentRejected("PAYMENT_FAILED"),
    "PAYMENT_METHOD_INVALID": PaymentRejected("PAYMENT_METHOD_INVALID"),
    "INVALID_REQUEST": None,
    "MISSING_IDEMPOTENCY_KEY": None,
    "MISSING_STORE_ID": None,
    "UNAUTHENTICATED": None,
    "SESSION_USER_REQUIRED": None,
    "FORBIDDEN": None,
    "NOT_FOUND": None,
    "VALIDATION_FAILED": None,
    "RATE_LIMITED": None,
    "INTERNAL_ERROR": None,
    "BAD_GATEWAY": None,
    "SERVICE_UNAVAILABLE": None,
}


@pytest.mark.parametrize("code", ERROR_CODES)
def test_the_event_of_a_code(code: str) -> None:
    assert event_of(refuse(code), LINES) == EVENTS[code]


@pytest.mark.parametrize(
    ("facts", "event"),
    [
        ({"category": "payment", "status": 400}, PaymentRejected("NEW")),
        ({"status": 402}, PaymentRejected("NEW")),
        ({"status": 409}, QuoteLost()),
        ({"status": 422}, None),
        ({"status": 500}, None),
        ({}, None),
    ],
)
def test_the_event_of_an_unknown_code(facts: dict[str, Any], event: Event | None) -> None:
    assert event_of(refuse("NEW", **facts), LINES) == event


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
        ({"itemId": "water", "jsonPath": "$.cart.lineItems[0]"}, ["water"]),
        ({"code": "NO_PLACE"}, []),
        ({}, []),
    ],
    ids=str,
)
def test_an_entry_blames_the_lines_it_names(entry: dict[str, str], blamed: list[str]) -> None:
    error = refuse("ITEM_UNAVAILABLE", "sold out", errors=[entry])
    lines = blame(error, LINES)
    assert [each.item_id for each in lines if each.problems] == blamed
    assert [each.item_id for each in lines] == [each.item_id for each in LINES]


def test_the_problem_says_what_the_entry_says_or_else_the_error() -> None:
    entries = [{"itemId": "water"}, {"itemId": "water", "code": "GONE", "message": "no more"}]
    error = refuse("ITEM_UNAVAILABLE", "sold out", errors=entries)
    problems = blame(error, LINES)[2].problems
    assert [(each.code, each.message) for each in problems] == [
        ("ITEM_UNAVAILABLE", "sold out"),
        ("GONE", "no more"),
    ]


def test_the_same_item_on_two_lines_is_blamed_on_both() -> None:
    lines = (line("water", 1), line("salad", 1), line("water", 2))
    blamed = blame(refuse("ITEM_UNAVAILABLE", errors=[{"itemId": "water"}]), lines)
    assert [bool(each.problems) for each in blamed] == [True, False, True]


def test_a_rejected_cart_carries_the_blame() -> None:
    event = event_of(refuse("ITEM_UNAVAILABLE", errors=[{"itemId": "salad"}]), LINES)
    assert isinstance(event, CartRejected)
    assert [bool(each.problems) for each in event.lines] == [True, False, False]


def test_item_ids_go_all_the_way_down() -> None:
    assert item_ids(PIZZA) == {"pizza", "large", "cheese-crust", "olives"}
