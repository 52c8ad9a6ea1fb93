"""Values as JSON-ready data, for the caller's own answers. The way back is ``_inputs.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final

from attrs import fields, has

_AS_THEY_ARE: Final = frozenset({str, bool, int, float, NoneType})  # most members of a menu


def jsonable(value: object) -> Any:
    """The value in dicts, lists, strings, numbers, booleans and ``None``.

    Amounts become strings (``"4.50"``), times ISO 8601. A field hidden from the repr holds a
    secret or contact data and is left out. ``TypeError`` for what is no value of this library's.
    """
    kind: Any = type(value)
    return _writer(kind)(value)


def jsonable_fields(value: Any) -> dict[str, Any]:
    """The fields of an attrs value that may be shown, each as JSON-ready data."""
    kind: Any = type(value)
    return {
        name: member if type(member) in _AS_THEY_ARE else jsonable(member)
        for name in _shown(kind)
        for member in (getattr(value, name),)
    }


@cache
def _shown(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.repr)


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    """What makes JSON-ready data of values of this type; looked up once, for a view has hundreds."""
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, NoneType | str | bool | int | float):
        return lambda value: value
    if issubclass(kind, Decimal):
        return lambda value: format(value, "f")
    if issubclass(kind, datetime | date | time):
        return lambda value: value.isoformat()
    if issubclass(kind, Mapping):
        return lambda value: {str(key): jsonable(each) for key, each in value.items()}
    if issubclass(kind, tuple | list | frozenset):
        return lambda value: [jsonable(each) for each in value]
    if hasattr(kind, "to_dict"):
        return lambda value: value.to_dict()
    if has(kind):
        return jsonable_fields
    raise TypeError(f"{kind.__name__} has no form in JSON")
