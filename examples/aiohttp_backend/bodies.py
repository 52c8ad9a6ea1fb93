"""Request bodies: JSON with exact amounts, and `InvalidInputError` for what is not one.

What a quantity, an address or a payment may be is the library's to say.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from gett_checkout import InvalidInputError


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body. Fractions become `Decimal`: as floats they would have lost the exact amount."""
    if request.content_type != "application/json":
        raise InvalidInputError("the body must be application/json")
    try:
        body = json.loads(await request.read(), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise InvalidInputError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidInputError("the body must be a JSON object")
    return body


async def read_members(
    request: web.Request, *required: str, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The members of the body: all that are required, and besides them only those optional."""
    body = await read_json(request)
    if missing := [name for name in required if name not in body]:
        raise InvalidInputError(f"the body needs {', '.join(missing)}")
    if unknown := sorted(body.keys() - {*required, *optional}):  # misspelt, most likely
        raise InvalidInputError(f"the body has unknown members: {', '.join(unknown)}")
    return body
