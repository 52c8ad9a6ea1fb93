"""Request bodies: JSON read into the library's values, and `InvalidInputError` for what does not fit.

Which members there are is checked here; what a quantity, an address or an amount may be is the
library's to say.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from gett_checkout import (
    Address,
    CardOnFile,
    Delivery,
    Fulfillment,
    GettPayment,
    Identity,
    InvalidInputError,
    Payment,
    Pickup,
    SavedCard,
)


async def read_body(
    request: web.Request, *required: str, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The members of a JSON body: all that are required, and besides them only those optional."""
    return _members(await _read_json(request), "the body", *required, optional=optional)


async def read_identity(request: web.Request) -> Identity:
    """Who the shopper is."""
    names = ("email", "first_name", "last_name")
    return Identity(**await read_body(request, *names, optional=("phone",)))


async def read_fulfillment(request: web.Request) -> Fulfillment:
    """Delivery or pickup."""
    body = await read_body(request, "type", optional=("address",))
    match body:
        case {"type": "pickup"} if "address" not in body:
            return Pickup()
        case {"type": "delivery", "address": address}:
            names = ("address1", "city", "state", "postal_code")
            return Delivery(
                Address(**_members(address, "the address", *names, optional=("address2",)))
            )
    raise InvalidInputError("a fulfillment is of type pickup, or of type delivery with an address")


async def read_payment(request: web.Request) -> Payment:
    """How the order is to be paid."""
    card = ("card_token", "processor_type", "payment_id")
    match await read_body(request, "kind", optional=card):
        case {"kind": CardOnFile.kind, "card_token": str(token), "processor_type": str(processor)}:
            return CardOnFile(token, processor)
        case {"kind": SavedCard.kind, "payment_id": str(payment_id)}:
            return SavedCard(payment_id)
        case {"kind": GettPayment.kind}:
            return GettPayment()
    raise InvalidInputError(
        "a payment is a card_on_file with card_token and processor_type, a saved_card with "
        "payment_id, or a gett_payment"
    )


async def _read_json(request: web.Request) -> object:
    """Fractions become `Decimal`: as floats they would have lost the exact amount."""
    if request.content_type != "application/json":
        raise InvalidInputError("the body must be application/json")
    try:
        body: object = json.loads(await request.read(), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise InvalidInputError("the body is not JSON") from None
    return body


def _members(
    value: object, what: str, *required: str, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInputError(f"{what} must be a JSON object")
    if missing := [name for name in required if name not in value]:
        raise InvalidInputError(f"{what} needs {', '.join(missing)}")
    if unknown := sorted(value.keys() - {*required, *optional}):  # misspelt, most likely
        raise InvalidInputError(f"{what} has unknown members: {', '.join(unknown)}")
    return value
