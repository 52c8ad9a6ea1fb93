"""Find the part of the checkout, and the lines, that a rejection blames.

``errors[]`` names the part, whatever the code; without a name the code decides, or the category if the
code is unknown. Docs: Errors › VALIDATION_FAILED, INVALID_REQUEST.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from attrs import evolve

from gett_checkout._core.cart import Line, LineProblem
from gett_checkout._core.codes import Part, part_of
from gett_checkout.errors import (
    ApiError,
    GettCheckoutError,
    InvalidResponseError,
    TransportError,
)

# The request members that belong to each part, in the order in which the parts must be fixed.
MEMBERS: Final[Mapping[Part, re.Pattern[str]]] = {
    part: re.compile(members, re.IGNORECASE)
    for part, members in {
        Part.STORE: "storeId|catalogSetId",
        Part.LINES: "cart|lineItems?|lineItemId|itemId|specialInstructions|quantity|modifier.*",
        Part.SHOPPER: "customer|email|firstName|lastName|phone|partnerUserId",
        Part.FULFILLMENT: "address|addressId|address[12]|city|state|postalCode|mode|fulfillment.*",
        Part.PAYMENT: "payment.*|cardOnFile|savedCard|gettPayment|cardToken|processorType"
        "|bin|card.*|cvc|expiration|lastFour|billingAddress",
        Part.QUOTE: "validatedOrderToken|amounts|tip",
    }.items()
}
# What a shopper types of each part, as the steps spell it.
_INPUTS: Final[Mapping[Part, tuple[str, ...]]] = {
    Part.FULFILLMENT: ("address1", "address2", "city", "state", "postal_code"),
    Part.SHOPPER: ("email", "first_name", "last_name", "phone"),
}
_PATHS: Final = ("jsonPath", "path", "pointer", "field")
_SEPARATORS: Final = re.compile(r"[^\w]+")
# Operations whose requests concern only one part, and that part.
SUBJECTS: Final[Mapping[str, Part]] = {
    "list_payment_methods": Part.PAYMENT,
    "add_payment_card": Part.PAYMENT,
}
# Causes of a `TransportError` found before anything was sent, which are permanent.
FOUND_HERE: Final = ("closed", "other event loop")
# Statuses that concern a credential or a limit, whatever they name.
_NOT_THE_ORDER: Final = (401, 403, 408, 429)


def blamed(error: ApiError) -> Part:
    """Return the part that the error blames: by ``errors[]``, or else by its code."""
    if 400 <= error.status < 500 and error.status not in _NOT_THE_ORDER:
        named = {part for entry in error.errors for part in _parts(entry)}
        if named and error.operation in SUBJECTS:
            return SUBJECTS[error.operation]
        for part in MEMBERS:
            if part in named:
                # A used token is no part to change: it may be evidence of the order.
                is_used = part is Part.QUOTE and part_of(error) is Part.USED
                return Part.USED if is_used else part
        part = part_of(error)
        return SUBJECTS.get(error.operation, part) if part is Part.INTEGRATION else part
    return part_of(error)


def may_pass(error: GettCheckoutError) -> bool:
    """Whether the failure is in Gett's service or the connection: the same request may succeed later."""
    match error:
        case TransportError():
            return error.cause not in FOUND_HERE
        case InvalidResponseError():
            return True
        case ApiError():
            return error.may_have_had_effect or blamed(error) is Part.SERVICE
    return False


def _parts(entry: Mapping[str, Any]) -> Iterator[Part]:
    """Return the parts an entry of ``errors[]`` names; empty when its names are unknown."""
    if entry.get("itemId") or entry.get("lineItemId"):
        yield Part.LINES
        return
    for path in _paths(entry):
        for name in path:
            found = next((part for part, known in MEMBERS.items() if known.fullmatch(name)), None)
            if found is Part.LINES and name.lower() == "cart":
                continue  # the cart names the store, too
            if found is not None:
                yield found
                return
        if [name.lower() for name in path] == ["cart"]:
            yield Part.LINES


def _paths(entry: Mapping[str, Any]) -> Iterator[list[str]]:
    """Return the names in each path of an entry, in any notation: ``$.a.b[2]``, ``$['a']``, ``/a/b/2``."""
    for member in _PATHS:
        path = entry.get(member)
        if isinstance(path, str):
            yield [name for name in _SEPARATORS.split(path) if name]


def mark(error: ApiError, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the lines, with a problem on each that ``errors[]`` names.

    An entry names an item (``itemId``), a line, or a place in the request; docs: Errors ›
    ITEM_UNAVAILABLE, VALIDATION_FAILED.
    """
    for entry in error.errors:
        code, said = entry.get("code") or error.code, entry.get("message") or error.detail
        problem = LineProblem(str(code), said=str(said) or None)
        lines = tuple(
            evolve(line, problems=(*line.problems, evolve(problem, name=line.name)))
            if _is_named(entry, index, line)
            else line
            for index, line in enumerate(lines)
        )
    return lines


def _is_named(entry: Mapping[str, Any], index: int, line: Line) -> bool:
    if entry.get("lineItemId"):
        return bool(entry["lineItemId"] == line.line_id)
    if entry.get("itemId"):
        return str(entry["itemId"]) in item_ids(line)
    return any(str(index) in _indexes(path) for path in _paths(entry))


def named_inputs(error: ApiError, part: Part) -> tuple[tuple[str, str], ...]:
    """The inputs of the part that ``errors[]`` names, each with what was said of it."""
    inputs = {name.replace("_", ""): name for name in _INPUTS.get(part, ())}
    found: dict[str, str] = {}
    for entry in error.errors:
        if part not in _parts(entry):
            continue
        for name in (path[-1].lower() for path in _paths(entry) if path):
            if name in inputs:
                found.setdefault(inputs[name], str(entry.get("message") or error.detail))
    return tuple(found.items())


def _indexes(path: list[str]) -> Iterator[str]:
    """Return the numbers that follow ``lineItems`` in a path."""
    for name, following in pairwise(path):
        if name.lower() == "lineitems":
            yield following


def sold_out(error: ApiError) -> tuple[str, ...]:
    """Return the items that Gett reports as sold out. Docs: Errors › ITEM_UNAVAILABLE."""
    return tuple(
        entry["itemId"]
        for entry in error.errors
        if isinstance(entry.get("itemId"), str)
        and "ITEM_UNAVAILABLE" in (entry.get("code"), error.code)
    )


def item_ids(line: Line) -> set[str]:
    """Return the ids of the line's item and of every modifier chosen on it."""
    found, waiting = {line.item_id}, list(line.groups)
    while waiting:
        for choice in waiting.pop().chosen:
            found.add(choice.item_id)
            waiting.extend(choice.groups)
    return found
