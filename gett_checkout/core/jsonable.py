"""Values as JSON-ready data, for the caller's own answers. The way back is ``inputs.py``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

from attrs import fields, has


def jsonable(value: Any) -> Any:
    """The value in dicts, lists, strings, numbers, booleans and ``None``.

    Amounts become strings (``"4.50"``), times ISO 8601. A field hidden from the repr holds a
    secret or contact data and is left out.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [jsonable(each) for each in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if has(type(value)):
        return jsonable_fields(value)
    raise TypeError(f"{type(value).__name__} has no plain form")


def jsonable_fields(value: Any) -> dict[str, Any]:
    """The fields of an attrs value that may be shown, each in its plain form."""
    return {
        each.name: jsonable(getattr(value, each.name)) for each in fields(type(value)) if each.repr
    }
