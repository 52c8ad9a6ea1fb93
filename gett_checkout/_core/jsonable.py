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

from gett_checkout.messages import DEFAULT, Messages, Text

_AS_THEY_ARE: Final = frozenset({str, bool, int, float, NoneType})  # most members of a menu


class Worded:
    """A value with something for the shopper to read in it; its ``to_dict`` takes the `Messages`."""

    __slots__ = ()

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """The value as JSON-ready data, in the sentences of ``messages``."""
        return jsonable_fields(self, messages)


class Sentence(Worded):
    """A value that says one sentence; it is the ``message`` of its JSON."""

    __slots__ = ()

    def text(self) -> Text:
        """The sentence by its code, with what is filled in."""
        raise NotImplementedError

    @property
    def message(self) -> str:
        """The sentence in English."""
        return DEFAULT.say(self.text())

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """The value as JSON-ready data, its ``message`` in the sentences of ``messages``."""
        return {**jsonable_fields(self, messages), "message": messages.say(self.text())}


def jsonable(value: object, messages: Messages = DEFAULT) -> Any:
    """The value in dicts, lists, strings, numbers, booleans and ``None``.

    Amounts become strings (``"4.50"``), times ISO 8601, and what is for the shopper to read comes in the
    sentences of ``messages``. A field hidden from the repr holds a secret or contact data and is left
    out. ``TypeError`` for what is no value of this library's.
    """
    kind: Any = type(value)
    return _writer(kind)(value, messages)


def jsonable_fields(value: Any, messages: Messages = DEFAULT) -> dict[str, Any]:
    """The fields of an attrs value that may be shown, each as JSON-ready data."""
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
def _writer(kind: Any) -> Callable[[Any, Messages], Any]:
    """What makes JSON-ready data of values of this type; looked up once, for a view has hundreds."""
    if issubclass(kind, Enum):
        return lambda value, _: value.value
    if issubclass(kind, NoneType | str | bool | int | float):
        return lambda value, _: value
    if issubclass(kind, Decimal):
        return lambda value, _: format(value, "f")
    if issubclass(kind, datetime | date | time):
        return lambda value, _: value.isoformat()
    if issubclass(kind, Mapping):
        return lambda value, messages: {
            str(key): jsonable(each, messages) for key, each in value.items()
        }
    if issubclass(kind, tuple | list | frozenset):
        return lambda value, messages: [jsonable(each, messages) for each in value]
    if issubclass(kind, Worded):
        return lambda value, messages: value.to_dict(messages)
    if hasattr(kind, "to_dict"):
        return lambda value, _: value.to_dict()
    if has(kind):
        return jsonable_fields
    raise TypeError(f"{kind.__name__} has no form in JSON")
