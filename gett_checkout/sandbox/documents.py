"""JSON: request bodies are read strictly, numbers are exact in both directions.

Each member has its type and bounds, or is rejected. Amounts are `Decimal`, never binary floats; the
standard library's `json` cannot write a `Decimal` as a number, so this module does. Docs: Money (JSON
numbers in major units: `4.50`). Docs: Errors › VALIDATION_FAILED (`errors[]` names what to fix).
Members nobody documented are rejected too, because a misspelt optional member would otherwise be
dropped silently. Messages never repeat the value that was sent: it may be a card number.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from attrs import frozen

from .problems import RefusedError, invalid

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PHONE = re.compile(r"\+[1-9][0-9]{1,14}")  # E.164. Docs: Session
ANY_TEXT = re.compile(r".*\S.*", re.DOTALL)

MONTH = 31 * 24 * 3600
"""The longest time that any member may name, in seconds."""

_HIGHEST_AMOUNT = Decimal(1_000_000)


@frozen
class Document:
    """One JSON object of a request and the JSON path that leads to it."""

    members: dict[str, object]
    path: str = "$"

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def only(self, *names: str) -> None:
        """Reject any member that is not one of `names`."""
        for name in self.members:
            if name not in names:
                raise invalid(self.at(name), "unknown_member", "No such member is documented.")

    def at(self, name: str) -> str:
        """The JSON path of the member `name`."""
        return f"{self.path}.{name}"

    def text(self, name: str, pattern: re.Pattern[str] = ANY_TEXT, *, longest: int = 256) -> str:
        """A string of a given shape, by default any that is not blank."""
        value = self._member(name)
        if not isinstance(value, str):
            raise invalid(self.at(name), "wrong_type", "A string is expected.")
        if len(value) > longest or not pattern.fullmatch(value):
            raise invalid(self.at(name), "malformed", "The value does not have the expected form.")
        return value

    def optional_text(
        self, name: str, pattern: re.Pattern[str] = ANY_TEXT, *, longest: int = 256
    ) -> str | None:
        """The same, or `None` where the member is absent."""
        return self.text(name, pattern, longest=longest) if name in self else None

    def choice(self, name: str, choices: Collection[str]) -> str:
        """One of a few fixed strings, letter case included."""
        value = self.text(name)
        if value not in choices:
            expected = ", ".join(choices)
            raise invalid(self.at(name), "unknown_value", f"One of {expected} is expected.")
        return value

    def whole(self, name: str, lowest: int, highest: int) -> int:
        """A whole number within bounds; `2.0` and `"2"` are not whole numbers."""
        value = self._member(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(self.at(name), "wrong_type", "A whole number is expected.")
        if not lowest <= value <= highest:
            message = f"A number from {lowest} to {highest} is expected."
            raise invalid(self.at(name), "out_of_bounds", message)
        return value

    def number(self, name: str, lowest: int, highest: int) -> Decimal:
        """Any number within bounds."""
        value = self._member(name)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise invalid(self.at(name), "wrong_type", "A number is expected.")
        if Decimal(value).is_nan() or not lowest <= value <= highest:
            message = f"A number from {lowest} to {highest} is expected."
            raise invalid(self.at(name), "out_of_bounds", message)
        return Decimal(value)

    def amount(self, name: str, *, negative: bool = False) -> Decimal:
        """An amount of money in major units with at most two decimals. Docs: Money."""
        highest = int(_HIGHEST_AMOUNT)
        value = self.number(name, -highest if negative else 0, highest)
        if value != round(value, 2):
            raise invalid(self.at(name), "malformed", "At most two decimals are expected.")
        return round(value, 2)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._member(name)
        if not isinstance(value, bool):
            raise invalid(self.at(name), "wrong_type", "True or false is expected.")
        return value

    def texts(self, name: str, choices: Collection[str] | None = None) -> set[str]:
        """An array of strings; if `choices` is given, each must be one of them."""
        value = self._member(name)
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise invalid(self.at(name), "wrong_type", "An array of strings is expected.")
        if choices is not None and not set(value) <= set(choices):
            expected = ", ".join(sorted(choices))
            raise invalid(self.at(name), "unknown_value", f"Some of {expected} are expected.")
        return set(value)

    def part(self, name: str) -> "Document":
        """A JSON object."""
        return _object(self._member(name), self.at(name))

    def parts(self, name: str, *, most: int = 200) -> Iterator["Document"]:
        """A JSON array of objects."""
        value = self._member(name)
        if not isinstance(value, list):
            raise invalid(self.at(name), "wrong_type", "An array is expected.")
        if len(value) > most:
            raise invalid(self.at(name), "out_of_bounds", f"At most {most} entries are expected.")
        for index, entry in enumerate(value):
            yield _object(entry, f"{self.at(name)}[{index}]")

    def _member(self, name: str) -> object:
        if name not in self.members:
            raise invalid(self.at(name), "missing", "The member is required.")
        return self.members[name]


def read_body(content: bytes, content_type: str) -> Document:
    """The JSON object a request carries."""
    if content_type != "application/json":
        raise RefusedError("INVALID_REQUEST", "Content-Type must be application/json.")
    try:
        value = read_json(content)
    except ValueError as error:
        raise RefusedError("INVALID_REQUEST", "The body is not JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise RefusedError("INVALID_REQUEST", "The body is not a JSON object.")
    return Document(value)


def _object(value: object, path: str) -> Document:
    if not isinstance(value, dict):
        raise invalid(path, "wrong_type", "An object is expected.")
    return Document(value, path)


Read = Callable[[Document, str], Any]
"""Reads the member of this name; `RefusedError` where it has the wrong type."""


def read_json(body: bytes) -> object:
    """The JSON value in `body`; `ValueError` when there is none."""
    try:
        return json.loads(
            body.decode("utf-8"), parse_float=Decimal, parse_constant=_reject_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write_json(value: object) -> bytes:
    """`value` as JSON in UTF-8; a `Decimal` keeps every digit it has, `4.50` stays `4.50`."""
    return _written(value).encode("utf-8")


def _written(value: object) -> str:
    match value:
        case None | bool() | int() | str():
            return json.dumps(value)
        case Decimal():
            return format(value, "f")
        case Mapping():
            members = (f"{json.dumps(name)}: {_written(member)}" for name, member in value.items())
            return "{" + ", ".join(members) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_written, value)) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written exactly; use Decimal")


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
