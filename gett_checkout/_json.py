"""JSON with exact numbers: decimals are written as numbers, and fractions are read as decimals.

msgspec reads and writes ordinary JSON. The standard library reads the rest (another Unicode encoding,
half a surrogate pair), because an odd letter in a dish's name is no reason to reject a menu.
"""

from __future__ import annotations

import json
from decimal import Decimal
from types import NoneType
from typing import Any, Final

import msgspec

from gett_checkout._hidden import Hidden
from gett_checkout.errors import InvalidInputError, InvalidResponseError

Json = Any
Raw = msgspec.Raw
"""JSON that is not parsed yet."""

_PLAIN: Final = frozenset({str, Hidden, int, bool, NoneType})


# A `Hidden` text is no `str` to msgspec, and becomes one.
_write: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode
_read: Final = msgspec.json.Decoder(float_hook=Decimal).decode


def write_json(value: Json) -> bytes:
    """Return the value as JSON, decimals as numbers with every digit they have.

    Raises `InvalidInputError` for a float, which may be an amount and has lost the exact value, and
    ``TypeError`` for values JSON cannot represent.
    """
    _check(value)
    try:
        return _write(value)
    except UnicodeEncodeError:  # half a surrogate pair, from a browser that truncated a text
        return _write(_readable(value))


def read_json(body: bytes | str | Raw) -> Json:
    """Parse JSON, fractions as ``Decimal``. Raises `InvalidResponseError`."""
    try:
        return _read(body)
    except (ValueError, ArithmeticError, RecursionError):
        pass
    try:
        text = bytes(body) if isinstance(body, Raw) else body
        return json.loads(text, parse_float=Decimal, parse_constant=_reject_constant)
    except (ValueError, ArithmeticError, RecursionError):  # arithmetic: an exponent without bounds
        pass
    # Raised out here, because these exceptions contain the whole response.
    raise InvalidResponseError("the response is not JSON")


def _reject_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _check(value: Json) -> None:
    kind = type(value)
    if kind is dict:
        for each in value.values():
            if type(each) not in _PLAIN:
                _check(each)
    elif kind is list or kind is tuple:
        for each in value:
            if type(each) not in _PLAIN:
                _check(each)
    elif isinstance(value, float):
        raise InvalidInputError("pass a Decimal, not a float: it has lost the exact value")
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidInputError("a number must be finite")
    elif not isinstance(value, (str, int, NoneType)):
        raise TypeError(f"{kind.__name__} cannot be written as JSON")


def _readable(value: Json) -> Json:
    """Return the value with texts that UTF-8 can encode."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_readable(name): _readable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    return value
