"""What the endpoints take and give, as JSON Schemas; a request's body is held to its own."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from attrs import NOTHING, fields, frozen

from gett_checkout import (
    Address,
    CardOnFile,
    CheckoutView,
    Contact,
    Delivery,
    GettPayment,
    Identity,
    InvalidInputError,
    Pickup,
    SavedCard,
    Stage,
)
from gett_checkout.errors import FieldError, pointer_to

Schema = Mapping[str, Any]

_PYTHON: Final[Mapping[str, tuple[type, str]]] = {
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
}


@frozen
class Body:
    """What a request takes: a JSON object of this ``schema``.

    Members that are missing, unknown, or no string or boolean where one is due are `InvalidInputError`.
    What else a member may be, the step says. ``is_parsed`` leaves all of it to the step.
    """

    schema: Schema
    is_parsed: bool = False

    @classmethod
    def of(cls, required: Schema | None = None, optional: Schema | None = None) -> Body:
        """Make one of the schemas of its members."""
        return cls(_object({**(required or {}), **(optional or {})}, [*(required or {})]))

    def check(self, members: Mapping[str, object]) -> None:
        """`InvalidInputError`, which names every member that is wrong."""
        if self.is_parsed:
            return
        known = self.schema["properties"]
        wrong = [
            FieldError(pointer_to(name), "missing", f"{name} is missing")
            for name in self.schema["required"]
            if name not in members
        ]
        for name, value in members.items():
            if name not in known:
                wrong.append(FieldError(pointer_to(name), "unknown", f"there is no {name!r}"))
                continue
            kind, words = _PYTHON.get(str(known[name].get("type")), (object, ""))
            if not isinstance(value, kind):
                wrong.append(FieldError(pointer_to(name), "invalid", f"{name} must be {words}"))
        if wrong:
            raise InvalidInputError(errors=wrong)


def _object(properties: Schema, required: list[str], **more: object) -> dict[str, Any]:
    shape = {"type": "object", "properties": dict(properties), "required": required}
    return {**shape, "additionalProperties": False, **more}


def _texts(kind: Any, tag: str = "", **own: Schema) -> dict[str, Any]:
    """The schema of a value whose fields are texts, but for its ``own``; ``tag`` names its kind."""
    tags = {tag: {"const": getattr(kind, tag)}} if tag else {}
    properties = {**tags, **{each.name: own.get(each.name, TEXT) for each in fields(kind)}}
    required = [*tags, *(each.name for each in fields(kind) if each.default is NOTHING)]
    return _object(properties, required, title=kind.__name__)


def _words(kind: type[Enum]) -> dict[str, Any]:
    return {"type": "string", "enum": [each.value for each in kind]}


TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean", "default": False}
AMOUNT: Final[Schema] = {
    "type": ["string", "number"],
    "description": 'In major units; a string such as "4.50" is exact everywhere.',
}
_QUANTITY: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 99}
_MODIFIERS: Final[Schema] = {
    "type": "object",
    "description": "The id of each modifier group, with what is chosen in it.",
    "additionalProperties": {
        "type": "array",
        "items": {
            "anyOf": [
                TEXT,
                {
                    "type": "object",
                    "description": "A choice with a quantity, or with choices (modifiers) of its own.",
                    "properties": {
                        "item_id": TEXT,
                        "quantity": _QUANTITY,
                        "modifiers": {"type": "object"},
                    },
                    "required": ["item_id"],
                },
            ]
        },
    },
}
_ABOUT_A_LINE: Final[Schema] = {
    "quantity": _QUANTITY,
    "modifiers": _MODIFIERS,
    "special_instructions": TEXT,
}

NOTHING_SENT: Final = Body.of()
STORE: Final = Body.of({"store_id": TEXT}, {"replace_cart": FLAG})
LINE: Final = Body.of({"item_id": TEXT}, {**_ABOUT_A_LINE, "line_id": TEXT})
LINE_CHANGE: Final = Body.of(optional=_ABOUT_A_LINE)
TIP: Final = Body.of(optional={"tip": AMOUNT})
TOTAL: Final = Body.of({"total": AMOUNT})
IDENTITY: Final = Body(_texts(Identity), is_parsed=True)
CONTACT: Final = Body(_texts(Contact), is_parsed=True)
FULFILLMENT: Final = Body(
    {"oneOf": [_texts(Delivery, "type", address=_texts(Address)), _texts(Pickup, "type")]},
    is_parsed=True,
)
PAYMENT: Final = Body(
    {"oneOf": [_texts(each, "kind") for each in (CardOnFile, SavedCard, GettPayment)]},
    is_parsed=True,
)

_SHOWN: Final = [each.name for each in fields(CheckoutView) if each.name != "id"]
VIEW: Final[Schema] = {
    "type": "object",
    "title": "CheckoutView",
    "properties": {
        **{name: {} for name in _SHOWN},
        "stage": _words(Stage),
        "next_action": {"type": "object", "properties": {"kind": TEXT}, "required": ["kind"]},
        "requirements": {"type": "array", "items": {"type": "object"}},
        "lines": {"type": "array", "items": {"type": "object"}},
    },
    "required": _SHOWN,
}
MENU: Final[Schema] = {"type": "object", "title": "CatalogSet"}
RECEIVED: Final[Schema] = {
    "type": "object",
    "properties": {"received": {"const": True}},
    "required": ["received"],
}
PROBLEM: Final[Schema] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `detail` is a sentence to show; `code` is what a program compares.",
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "code": TEXT,
        "next_action": {"type": "object"},
        "requirements": {"type": "array", "items": {"type": "object"}},
        "errors": {"type": "array", "items": {"type": "object"}},
        "retry_after": {"type": "number"},
    },
    "required": ["type", "title", "status", "detail", "code"],
}


def listed(name: str) -> Schema:
    """The schema of an object with a list under this name."""
    items = {"type": "array", "items": {"type": "object"}}
    return {"type": "object", "properties": {name: items}, "required": [name]}
