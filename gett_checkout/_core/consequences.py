"""Translate errors into events of the checkout."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from gett_checkout._core.actions import ContactSupport
from gett_checkout._core.blame import FOUND_HERE, SUBJECTS, blamed, mark, named_inputs, sold_out
from gett_checkout._core.codes import Part
from gett_checkout._core.machine import (
    CartRejected,
    Event,
    FulfillmentRejected,
    NotPlaced,
    Objected,
    PaymentRejected,
    QuoteLost,
    ShopperRejected,
    StoreLost,
)
from gett_checkout._core.refusal import Refusal
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout.errors import (
    ApiError,
    GettCheckoutError,
    IdentityRequiredError,
    InvalidResponseError,
    TransportError,
)

_LATER: Final = 1.0
_FRESH: Final = timedelta(minutes=1)


def event_of(
    error: GettCheckoutError, step: str, state: CheckoutState, now: datetime
) -> Event | None:
    """Return the event that a step's error implies for the checkout; ``None`` when it implies none."""
    match error:
        case IdentityRequiredError():
            return ShopperRejected(_refusal(Part.SHOPPER, "", error, step, now))
        case TransportError() if error.cause in FOUND_HERE:
            return None
        case TransportError() | InvalidResponseError():
            return Objected(_refusal(Part.SERVICE, error.problem_code, error, step, now))
        case ApiError():
            return _event_of(error, step, state, now)
    return None


def _event_of(error: ApiError, step: str, state: CheckoutState, now: datetime) -> Event | None:
    part = blamed(error)
    inputs = named_inputs(error, part)
    if part is Part.SHOPPER and error.operation == "place_order" and state.recipient is not None:
        part = Part.RECIPIENT  # the person the order names
    is_valid = state.store is not None and state.refused(Part.STORE) is None
    if part is Part.STORE and step == "browse" and is_valid:
        return None  # the store chosen before
    is_placing = state.stage is Stage.PLACING
    if is_placing and part is Part.INTEGRATION and _may_be_over(error, state, now):
        part = Part.QUOTE
    if part is Part.USED:
        part = Part.INTEGRATION if error.code == "ORDER_ALREADY_PLACED" else Part.QUOTE
    refusal = _refusal(part, error.code or f"HTTP_{error.status}", error, step, now, inputs)
    if error.operation in SUBJECTS or (part is Part.FULFILLMENT and step == "fulfill"):
        return Objected(refusal)  # the earlier choice is still valid
    match part:
        case Part.LINES:
            lines = mark(error, state.lines)
            named = [new.line_id for new, old in zip(lines, state.lines, strict=True) if new != old]
            return CartRejected(evolve(refusal, lines=tuple(named)), lines, sold_out(error))
        case Part.STORE:
            return StoreLost(refusal)
        case Part.FULFILLMENT:
            return FulfillmentRejected(refusal)
        case Part.SHOPPER | Part.RECIPIENT:
            return ShopperRejected(refusal)
        case Part.PAYMENT:
            return PaymentRejected(refusal)
        case Part.QUOTE:
            return QuoteLost(refusal)
    return NotPlaced(refusal) if is_placing else Objected(refusal)


def _may_be_over(error: ApiError, state: CheckoutState, now: datetime) -> bool:
    """Whether Gett may consider the quote's token expired: its response to that is undocumented."""
    asked_at = state.quote.asked_at if state.quote else None
    return error.status in (400, 422) and asked_at is not None and now >= asked_at + _FRESH


def _refusal(
    part: Part,
    code: str,
    error: GettCheckoutError,
    step: str,
    now: datetime,
    inputs: tuple[tuple[str, str], ...] = (),
) -> Refusal:
    action = error.next_action
    wait = error.retry_after if error.retry_after is not None else _LATER
    return Refusal(
        part,
        code,
        error.detail if isinstance(error, ApiError) else "",
        now,
        step,
        reason=action.reason if isinstance(action, ContactSupport) else None,
        until=now + timedelta(seconds=wait) if part is Part.SERVICE else None,
        fields=inputs,
    )
