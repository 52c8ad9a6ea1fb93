"""What an error does to the checkout: the event it amounts to, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import errors
from gett_checkout._core import actions
from gett_checkout._core.codes import refuse
from gett_checkout._core.consequences import event_of
from gett_checkout._core.machine import (
    EVENTS,
    CartRejected,
    NotPlaced,
    Objected,
    PaymentRejected,
    ShopperRejected,
    StoreLost,
)
from gett_checkout._core.state import OPEN, Stage
from gett_checkout.errors import GettCheckoutError, IdentityRequiredError, TransportError
from tests.samples.documented import DOCUMENTED, PARTS, Documented
from tests.samples.states import NOW, RECIPIENT, line, quote, state_at

LINES = (line("salad", 1), line("water", 1))


def event(
    error: GettCheckoutError, stage: Stage = Stage.PLACE, step: str = "validate", age: float = 60
) -> Any:
    """What the error of a step amounts to, where the price was asked for ``age`` seconds ago."""
    priced = evolve(quote(), asked_at=NOW - timedelta(seconds=age))
    return event_of(error, step, state_at(stage, lines=LINES, quote=priced), NOW)


@pytest.mark.parametrize("row", DOCUMENTED.values(), ids=DOCUMENTED)
def test_the_event_of_a_code(row: Documented) -> None:
    of_nobody = row.part if row.part == "service" else "integration"
    for stage in OPEN:
        found = event(refuse(row.code), stage)
        assert type(found).__name__ == row.while_shopping
        assert found.refusal.part == PARTS.get(row.while_shopping, of_nobody)
        assert type(found) in EVENTS[stage]
    found = event(refuse(row.code), Stage.PLACING)
    assert type(found).__name__ == row.while_placing
    assert found.refusal.part == PARTS.get(row.while_placing, of_nobody)
    assert type(found) in EVENTS[Stage.PLACING]


# Unknown codes: by category, or by status, or by what is named.
UNKNOWN: list[tuple[dict[str, Any], str, str]] = [
    ({"category": "payment", "status": 400}, "PaymentRejected", "PaymentRejected"),
    ({"status": 402}, "PaymentRejected", "PaymentRejected"),
    ({"status": 409}, "QuoteLost", "QuoteLost"),
    ({"status": 400}, "Objected", "QuoteLost"),
    ({"status": 422}, "Objected", "QuoteLost"),
    ({"status": 404}, "Objected", "NotPlaced"),
    ({"status": 403}, "Objected", "NotPlaced"),
    ({"status": 500}, "Objected", "NotPlaced"),
    ({}, "Objected", "NotPlaced"),
    ({"status": 404, "errors": [{"itemId": "salad"}]}, "CartRejected", "CartRejected"),
    ({"status": 422, "errors": [{"path": "/email"}]}, "ShopperRejected", "ShopperRejected"),
    (
        {"status": 422, "errors": [{"field": "addressId"}]},
        "FulfillmentRejected",
        "FulfillmentRejected",
    ),
    ({"status": 409, "errors": [{"path": "/payment"}]}, "PaymentRejected", "PaymentRejected"),
    ({"status": 400, "errors": [{"path": "/storeId"}]}, "StoreLost", "StoreLost"),
    ({"status": 400, "errors": [{"path": "/tip"}]}, "QuoteLost", "QuoteLost"),
]


@pytest.mark.parametrize(("facts", "shopping", "placing"), UNKNOWN)
def test_the_event_of_an_unknown_code(facts: dict[str, Any], shopping: str, placing: str) -> None:
    error = refuse("NEW", **facts)
    assert type(event(error)).__name__ == shopping
    assert type(event(error, Stage.PLACING)).__name__ == placing


@pytest.mark.parametrize("stage", [Stage.PLACE, Stage.PLACING])
def test_whom_the_order_names_is_the_recipient_if_there_is_one(stage: Stage) -> None:
    named = ({"jsonPath": "$.customer.phone"},)
    for recipient, operation, part in (
        (RECIPIENT, "place_order", "recipient"),
        (RECIPIENT, "validate_order", "shopper"),
        (None, "place_order", "shopper"),
    ):
        error = refuse("VALIDATION_FAILED", errors=named, operation=operation)
        found = event_of(error, "place", state_at(stage, recipient=recipient), NOW)
        assert isinstance(found, ShopperRejected)
        assert found.refusal.part == part
    declined = refuse("PAYMENT_DECLINED", operation="place_order")
    found = event_of(declined, "place", state_at(stage, recipient=RECIPIENT), NOW)
    assert isinstance(found, PaymentRejected)  # it names no person


@pytest.mark.parametrize("operation", ["list_payment_methods", "add_payment_card"])
def test_a_card_that_is_not_added_leaves_the_payment_that_was_chosen(operation: str) -> None:
    for code in ("VALIDATION_FAILED", "PAYMENT_DECLINED"):
        found = event(refuse(code, operation=operation))
        assert isinstance(found, Objected)
        assert found.refusal.part == "payment"
    assert event(refuse("FORBIDDEN", operation=operation)).refusal.part == "integration"


@pytest.mark.parametrize(
    ("facts", "age", "name"),
    [
        ({"status": 400}, 60, "QuoteLost"),
        ({"status": 422}, 900, "QuoteLost"),
        ({"status": 400}, 59.9, "NotPlaced"),
        ({"status": 422}, 0, "NotPlaced"),
        ({"status": 404}, 900, "NotPlaced"),
        ({"status": 403}, 900, "NotPlaced"),
    ],
)
def test_a_placement_is_priced_anew_only_when_its_token_may_be_over(
    facts: dict[str, Any], age: float, name: str
) -> None:
    assert type(event(refuse("NEW", **facts), Stage.PLACING, age=age)).__name__ == name


@pytest.mark.parametrize("facts", [{"quote": None}, {"quote": quote()}], ids=["none", "of old"])
def test_a_token_of_which_nobody_knows_how_old_it_is_is_taken_to_be_good(facts: Any) -> None:
    state = state_at(Stage.PLACING, **facts)
    found = event_of(refuse("VALIDATION_FAILED"), "place", state, NOW)
    assert isinstance(found, NotPlaced)
    assert found.refusal is not None
    assert found.refusal.part == "integration"


@pytest.mark.parametrize("code", ["STORE_NOT_FOUND", "CATALOGSET_NOT_FOUND", "STORE_CLOSED"])
def test_a_store_that_cannot_be_browsed_leaves_the_one_that_was_chosen(code: str) -> None:
    assert event(refuse(code), step="browse") is None
    first = event_of(refuse(code), "browse", state_at(Stage.BROWSE, store=None), NOW)
    assert isinstance(first, StoreLost)
    assert isinstance(event(refuse("FORBIDDEN"), step="browse"), Objected)


def test_an_address_that_is_not_accepted_leaves_the_one_that_was_chosen() -> None:
    found = event(refuse("ADDRESS_INVALID"), step="fulfill")
    assert isinstance(found, Objected)
    assert found.refusal.part == "fulfillment"


# --- what is kept of it ---------------------------------------------------------------------------


def test_a_rejection_says_what_was_said_when_and_at_which_step() -> None:
    kept = event(refuse("STORE_CLOSED", "closed for today")).refusal
    assert (kept.code, kept.message, kept.at) == ("STORE_CLOSED", "closed for today", NOW)
    assert (kept.step, kept.reason, kept.until) == ("validate", None, None)
    assert (kept.times, kept.lines, kept.answered) == (1, (), False)


def test_a_rejection_without_a_code_goes_by_its_status() -> None:
    assert event(refuse("", status=404)).refusal.code == "HTTP_404"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refuse("FORBIDDEN"), "PERMISSION"),
        (refuse("UNAUTHENTICATED"), "CREDENTIAL"),
        (refuse("VALIDATION_FAILED"), "INTEGRATION"),
        (refuse("ORDER_ALREADY_PLACED"), "ORDER_ALREADY_PLACED"),
        (refuse("", status=418), "INTEGRATION"),
        (refuse("SESSION_USER_REQUIRED"), None),
        (
            refuse("UNAUTHENTICATED", next_action=actions.ContactSupport("SESSION_REFUSED")),
            "SESSION_REFUSED",
        ),
    ],
)
def test_a_rejection_keeps_what_a_person_is_to_look_at(
    error: GettCheckoutError, reason: str | None
) -> None:
    assert event(error).refusal.reason == reason


def test_a_rejection_keeps_which_inputs_are_wrong() -> None:
    entries = [{"jsonPath": "$.customer.phone", "message": "too short"}]
    error = refuse("VALIDATION_FAILED", errors=entries, operation="place_order")
    for state in (state_at(Stage.PLACING), state_at(Stage.PLACING, recipient=RECIPIENT)):
        found = event_of(error, "place", state, NOW)
        assert isinstance(found, ShopperRejected)
        assert found.refusal.fields == (("phone", "too short"),)


def test_a_rejected_cart_has_its_lines_marked_and_named() -> None:
    entries = [{"itemId": "water"}]
    found = event(refuse("ITEM_UNAVAILABLE", "sold out", errors=entries))
    assert isinstance(found, CartRejected)
    assert [bool(each.problems) for each in found.lines] == [False, True]
    assert (found.refusal.lines, found.sold_out) == (("line-water",), ("water",))
    unnamed = event(refuse("ITEM_UNAVAILABLE"))
    assert (unnamed.lines, unnamed.refusal.lines, unnamed.sold_out) == (LINES, (), ())


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (refuse("RATE_LIMITED", retry_after=60.0), 60.0),
        (refuse("RATE_LIMITED", retry_after=0.0), 0.0),
        (refuse("RATE_LIMITED"), 1.0),
        (refuse("SERVICE_UNAVAILABLE", retry_after=120.0), 120.0),
        (refuse("", status=504), 1.0),
        (TransportError(), 1.0),
        (errors.InvalidResponseError(status=200), 1.0),
        (refuse("STORE_CLOSED", retry_after=60.0), None),
        (refuse("FORBIDDEN", retry_after=60.0), None),
    ],
    ids=repr,
)
def test_a_wait_is_kept_as_the_time_at_which_it_ends(
    error: GettCheckoutError, seconds: float | None
) -> None:
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert event(error).refusal.until == until


# Errors that are not Gett's: the event, the part, the code.
OURS: list[tuple[GettCheckoutError, str, str, str]] = [
    (IdentityRequiredError("sign in"), "ShopperRejected", "shopper", ""),
    (TransportError("down"), "Objected", "service", "GETT_UNREACHABLE"),
    (TransportError(may_have_arrived=False), "Objected", "service", "GETT_UNREACHABLE"),
    (errors.InvalidResponseError(status=200), "Objected", "service", "GETT_UNREADABLE"),
]


@pytest.mark.parametrize(("error", "name", "part", "code"), OURS, ids=repr)
def test_the_event_of_an_error_of_ours(
    error: GettCheckoutError, name: str, part: str, code: str
) -> None:
    found = event(error)
    assert type(found).__name__ == name
    assert (found.refusal.part, found.refusal.code, found.refusal.message) == (part, code, "")


@pytest.mark.parametrize(
    "error",
    [
        TransportError("no", cause="closed"),
        TransportError("no", cause="other event loop"),
        errors.InvalidInputError("no"),
        errors.StepNotAllowedError("no"),
        errors.TotalChangedError("no"),
        errors.OutcomeUnknownError("no"),
        errors.CheckoutConflictError("no"),
        errors.CheckoutNotFoundError("no"),
        errors.StorageError("no"),
    ],
    ids=repr,
)
def test_an_error_that_says_nothing_of_the_checkout_is_no_event(error: GettCheckoutError) -> None:
    assert event(error) is None
