"""What an error does to the checkout, as an event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from gett_checkout._core.actions import ContactSupport
from gett_checkout._core.codes import ERROR_CODES, refuse
from gett_checkout._core.consequences import event_of
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    InvalidInputError,
    OutcomeUnknownError,
    TransportError,
    UnreadableAnswerError,
)
from tests.samples.states import NOW, SALADS, line, quote, state_at

READY = state_at(Stage.PLACE, lines=(SALADS, line("water", 1)))
SENT = state_at(Stage.PLACING, lines=READY.lines)

# The event of each code: while the order is open, and when a placement got it.
EVENTS = {
    "ADDRESS_INVALID": ("FulfillmentRejected", "FulfillmentRejected"),
    "ADDRESS_OUT_OF_RANGE": ("FulfillmentRejected", "FulfillmentRejected"),
    "CART_EMPTY": ("CartRejected", "CartRejected"),
    "CATALOGSET_REQUIRED": ("StoreLost", "StoreLost"),
    "MODIFIER_REQUIRED": ("CartRejected", "CartRejected"),
    "ORDER_BELOW_MINIMUM": ("CartRejected", "CartRejected"),
    "ITEM_UNAVAILABLE": ("CartRejected", "CartRejected"),
    "CATALOGSET_NOT_FOUND": ("StoreLost", "StoreLost"),
    "ORDER_TOTAL_DIFFERENT": ("QuoteLost", "QuoteLost"),
    "CONFLICT": ("QuoteLost", "QuoteLost"),
    "ORDER_ALREADY_PLACED": ("Objected", "NotPlaced"),
    "STORE_CLOSED": ("StoreLost", "StoreLost"),
    "STORE_NOT_FOUND": ("StoreLost", "StoreLost"),
    "PAYMENT_DECLINED": ("PaymentRejected", "PaymentRejected"),
    "PAYMENT_FAILED": ("PaymentRejected", "PaymentRejected"),
    "PAYMENT_METHOD_INVALID": ("PaymentRejected", "PaymentRejected"),
}
WAITS = {"RATE_LIMITED", "INTERNAL_ERROR", "BAD_GATEWAY", "SERVICE_UNAVAILABLE"}


def event(error: GettCheckoutError, state: CheckoutState = READY, step: str = "validate") -> Any:
    return event_of(error, step, state, NOW)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_the_event_of_a_code(code: str) -> None:
    expected = EVENTS.get(code, ("Objected", "NotPlaced"))
    for state, name in zip((READY, SENT), expected, strict=True):
        found = event(refuse(code, "their words"), state)
        assert type(found).__name__ == name
        refusal = found.refusal
        assert (refusal.code, refusal.message, refusal.at) == (code, "their words", NOW)
        assert refusal.step == "validate"
        assert refusal.until == (NOW + timedelta(seconds=1) if code in WAITS else None)


@pytest.mark.parametrize(
    ("facts", "name", "code"),
    [
        ({"category": "payment", "status": 400}, "PaymentRejected", "NEW"),
        ({"status": 402}, "PaymentRejected", "NEW"),
        ({"status": 409}, "QuoteLost", "NEW"),
        ({"status": 422}, "Objected", "NEW"),
        ({"status": 500}, "Objected", "NEW"),
        ({}, "Objected", "NEW"),
        ({"code": "", "status": 418}, "Objected", "HTTP_418"),
    ],
)
def test_the_event_of_an_unknown_code(facts: dict[str, Any], name: str, code: str) -> None:
    found = event(refuse(**{"code": "NEW", **facts}))
    assert (type(found).__name__, found.refusal.code) == (name, code)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (TransportError("gone"), "service"),
        (UnreadableAnswerError("what"), "service"),
        (IdentityRequiredError("who"), "shopper"),
    ],
)
def test_other_errors_that_say_something(error: GettCheckoutError, part: str) -> None:
    found = event(error)
    assert found.refusal.part == part
    assert found.refusal.message == ""


@pytest.mark.parametrize("error", [InvalidInputError("no"), OutcomeUnknownError("hm")])
def test_other_errors_say_nothing_of_the_checkout(error: GettCheckoutError) -> None:
    assert event(error) is None


def test_gett_says_how_long_to_wait() -> None:
    found = event(refuse("SERVICE_UNAVAILABLE", retry_after=90.0))
    assert found.refusal.until == NOW + timedelta(seconds=90)


def test_a_reason_for_support_is_remembered() -> None:
    error = refuse("UNAUTHENTICATED", next_action=ContactSupport("SESSION_REFUSED"))
    assert event(error).refusal.reason == "SESSION_REFUSED"
    assert event(refuse("FORBIDDEN")).refusal.reason == "PERMISSION"
    assert event(refuse("CONFLICT")).refusal.reason is None


def test_a_rejected_cart_has_the_lines_that_are_named() -> None:
    found = event(refuse("ITEM_UNAVAILABLE", errors=[{"itemId": "salad"}]))
    assert [bool(each.problems) for each in found.lines] == [True, False]
    assert found.refusal.lines == (SALADS.line_id,)
    assert found.sold_out == ("salad",)


def test_a_store_asked_for_in_vain_leaves_the_one_there_is() -> None:
    gone = refuse("STORE_NOT_FOUND")
    assert event(gone, step="browse") is None
    assert type(event(gone, state_at(Stage.BROWSE, store=None), "browse")).__name__ == "StoreLost"


def test_an_address_given_in_vain_leaves_the_one_there_is() -> None:
    bad = refuse("ADDRESS_INVALID")
    assert type(event(bad, step="fulfill")).__name__ == "Objected"
    assert type(event(bad, step="pay")).__name__ == "FulfillmentRejected"


@pytest.mark.parametrize("operation", ["list_payment_methods", "add_payment_card"])
def test_a_card_given_in_vain_leaves_the_payment_there_is(operation: str) -> None:
    found = event(refuse("PAYMENT_METHOD_INVALID", operation=operation), step="add_card")
    assert (type(found).__name__, found.refusal.part) == ("Objected", "payment")


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("age", "part"), [(59, "integration"), (60, "quote"), (None, "integration")]
)
def test_a_quote_of_some_age_may_be_over_at_gett(status: int, age: int | None, part: str) -> None:
    asked_at = None if age is None else NOW - timedelta(seconds=age)
    state = evolve(SENT, quote=evolve(quote(), asked_at=asked_at))
    assert event(refuse("NEW", status=status), state).refusal.part == part
    assert event(refuse("NEW", status=404), state).refusal.part == "integration"
    assert (
        event(refuse("NEW", status=status), evolve(SENT, quote=None)).refusal.part == "integration"
    )
