"""What a refusal of Gett's does to the checkout: the event it amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from gett_checkout._core.cart import Line, LineProblem
from gett_checkout._core.codes import Part, part_of
from gett_checkout._core.machine import (
    CartRejected,
    Event,
    FulfillmentRejected,
    PaymentRejected,
    QuoteLost,
    StoreLost,
)
from gett_checkout.errors import ApiError


def event_of(error: ApiError, lines: tuple[Line, ...]) -> Event | None:
    """The event, or ``None`` when nothing in the order is to blame."""
    match part_of(error):
        case Part.CART:
            return CartRejected(error.code, blame(error, lines))
        case Part.FULFILLMENT:
            return FulfillmentRejected()
        case Part.STORE:
            return StoreLost(error.code)
        case Part.QUOTE | Part.USED:
            return QuoteLost()
        case Part.PAYMENT:
            return PaymentRejected(error.code)
    return None


def event_at_placement(error: ApiError, lines: tuple[Line, ...]) -> Event | None:
    """The event of a refused placement.

    A 400 or 422 that blames nothing does not say what is wrong. The error for a quote's token that
    Gett holds to be over is not documented, so the next thing to try is another quote.
    """
    event = event_of(error, lines)
    return QuoteLost() if event is None and error.status in (400, 422) else event


def blame(error: ApiError, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines with a problem on each that ``errors[]`` names.

    An entry names an item (``itemId``) or a place in the request (``jsonPath``); docs: Errors ›
    ITEM_UNAVAILABLE, VALIDATION_FAILED.
    """
    for entry in error.errors:
        problem = LineProblem(
            str(entry.get("code") or error.code), str(entry.get("message") or error.detail)
        )
        lines = tuple(
            evolve(line, problems=(*line.problems, problem))
            if _is_named(entry, index, line)
            else line
            for index, line in enumerate(lines)
        )
    return lines


def _is_named(entry: Mapping[str, Any], index: int, line: Line) -> bool:
    if "itemId" in entry:
        return entry["itemId"] in item_ids(line)
    return f"lineItems[{index}]" in str(entry.get("jsonPath", ""))


def item_ids(line: Line) -> set[str]:
    """The ids of the line's item and of every modifier chosen on it."""
    found, waiting = {line.item_id}, list(line.groups)
    while waiting:
        for choice in waiting.pop().chosen:
            found.add(choice.item_id)
            waiting.extend(choice.groups)
    return found
