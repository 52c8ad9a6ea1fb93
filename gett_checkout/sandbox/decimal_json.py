"""JSON with exact numbers: amounts come in and go out as `Decimal`, never as binary floats.

The standard library can read a number as `Decimal` but cannot write one back as a number, so the
writing half is here. Docs: Money (JSON numbers in major units, such as `4.50`).
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import NoReturn


def read(body: bytes) -> object:
    """The JSON value in `body`; `ValueError` when there is none."""
    try:
        return json.loads(
            body.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write(value: object) -> bytes:
    """`value` as JSON in UTF-8; a `Decimal` keeps every digit it has, `4.50` stays `4.50`."""
    return _text(value).encode("utf-8")


def _text(value: object) -> str:
    match value:
        case None | bool() | int() | str():
            return json.dumps(value)
        case Decimal():
            return format(value, "f")
        case Mapping():
            members = (f"{json.dumps(name)}: {_text(member)}" for name, member in value.items())
            return "{" + ", ".join(members) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_text, value)) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written exactly; use Decimal")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
