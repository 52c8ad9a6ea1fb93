"""Values as JSON-ready data, for the caller's own responses. ``_inputs.py`` is the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final

from attrs import fields, has

from gett_checkout.messages import DEFAULT, Messages, Text

_AS_THEY_ARE: Final = frozenset({str, bool, int, float, NoneType})  # most members of a menu
# Gett's own JSON has no bounds: deeper would exceed Python's recursion limit, and longer the memory.
_DEEPEST: Final = 100
_LONGEST: Final = 100


class Worded:
    """A value with text for the shopper; its ``to_dict`` accepts the `Messages`."""

    __slots__ = ()

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the value as JSON-ready data, in the sentences of ``messages``."""
        return jsonable_fields(self, messages)


class Sentence(Worded):
    """A value with one sentence, which is the ``message`` of its JSON."""

    __slots__ = ()

    def text(self) -> Text:
        """Return the sentence's codes, and the values to fill in."""
        raise NotImplementedError

    @property
    def message(self) -> str:
        """Return the sentence in English."""
        return DEFAULT.say(self.text())

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the value as JSON-ready data, its ``message`` in the sentences of ``messages``."""
        return {**jsonable_fields(self, messages), "message": messages.say(self.text())}


def jsonable(value: object, messages: Messages = DEFAULT) -> Any:
    """Return the value as dicts, lists, strings, numbers, booleans and ``None``.

    Amounts become strings (``"4.50"``), times become ISO 8601 strings, and texts for the shopper are
    taken from ``messages``. Fields hidden from the repr, such as secrets and contact data, are omitted.
    A number beyond 1E+100 or below 1E-100 stays in scientific notation (``"1E+400"``), and values that
    are nested more than 100 deep are ``None``. Accepts this library's types and the plain types that
    their fields have; raises ``TypeError`` for any other value.
    """
    return _jsonable(value, messages, 0)


def _jsonable(value: object, messages: Messages, depth: int) -> Any:
    kind: Any = type(value)
    return None if depth > _DEEPEST else _writer(kind)(value, messages, depth)


def jsonable_fields(value: Any, messages: Messages = DEFAULT) -> dict[str, Any]:
    """Return the fields of an attrs value that may be shown, each as JSON-ready data."""
    kind: Any = type(value)
    return {
        name: member if type(member) in _AS_THEY_ARE else jsonable(member, messages)
        for name in _shown(kind)
        for member in (getattr(value, name),)
    }


@cache
def _shown(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.repr)


@cache
def _writer(kind: Any) -> Callable[[Any, Messages, int], Any]:
    """Return the writer for values of this type; cached, because a view has hundreds of values."""
    if issubclass(kind, Enum):
        return lambda value, *_: value.value
    if issubclass(kind, NoneType | str | bool | int | float):
        return lambda value, *_: value
    if issubclass(kind, Decimal):
        return lambda value, *_: _number(value)
    if issubclass(kind, datetime | date | time):
        return lambda value, *_: value.isoformat()
    if issubclass(kind, Mapping):
        return lambda value, messages, depth: {
            str(key): _jsonable(each, messages, depth + 1) for key, each in value.items()
        }
    if issubclass(kind, tuple | list | frozenset):
        return lambda value, messages, depth: [
            _jsonable(each, messages, depth + 1) for each in value
        ]
    if issubclass(kind, Worded):
        return lambda value, messages, _: value.to_dict(messages)
    if hasattr(kind, "to_dict"):
        return lambda value, *_: value.to_dict()
    if has(kind):
        return lambda value, messages, _: jsonable_fields(value, messages)
    raise TypeError(f"{kind.__name__} cannot be written as JSON")


def _number(value: Decimal) -> str:
    return format(value, "f") if abs(value.adjusted()) <= _LONGEST else str(value)
