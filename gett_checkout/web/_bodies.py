"""JSON Schemas of the endpoints' request and response bodies; request bodies are checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from attrs import frozen

from gett_checkout import (
    CheckoutView,
    Contact,
    Fulfillment,
    Identity,
    InvalidInputError,
    Payment,
    PaymentMethod,
)
from gett_checkout.errors import FieldError, pointer_to
from gett_checkout.schemas import Definitions
from gett_checkout.views import StoreView, Suggestion

Schema = Mapping[str, Any]

_PYTHON: Final[Mapping[str, tuple[type, str]]] = {
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
}


@frozen
class Body:
    """The body of a request: a JSON object with this ``schema``.

    A missing or unknown member, or one of the wrong simple type (string, boolean, whole number), raises
    `InvalidInputError`. The step checks everything else. With ``is_parsed`` nothing is checked here:
    all checks are left to the step.
    """

    schema: Schema
    is_parsed: bool = False

    @classmethod
    def of(cls, required: Schema | None = None, optional: Schema | None = None) -> Body:
        """Make a body from the schemas of its members."""
        given = {
            **(required or {}),
            **{name: _or_null(each) for name, each in (optional or {}).items()},
        }
        return cls(_object(given, [*(required or {})]))

    def check(self, members: Mapping[str, object]) -> None:
        """Raise `InvalidInputError` with every invalid member, if any; with ``is_parsed``, check nothing."""
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
                wrong.append(FieldError(pointer_to(name), "unknown", f"unknown member {name!r}"))
                continue
            kind, words = _kind_of(known[name])
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                wrong.append(FieldError(pointer_to(name), "invalid", f"{name} must be {words}"))
        if wrong:
            raise InvalidInputError(errors=wrong)


def _kind_of(schema: Schema) -> tuple[type, str]:
    """Return a simple member's Python type and the words for it; ``object`` for other members."""
    kinds = schema.get("type")
    simple = kinds[0] if isinstance(kinds, list) and kinds[1:] == ["null"] else kinds
    return _PYTHON.get(simple, (object, "")) if isinstance(simple, str) else (object, "")


def _object(properties: Schema, required: list[str], **more: object) -> dict[str, Any]:
    shape = {"type": "object", "properties": dict(properties), "required": required}
    return {**shape, "additionalProperties": False, **more}


def _or_null(schema: Schema) -> Schema:
    """Make the schema of an optional member; null counts as left out."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return {**schema, "type": [*kinds, "null"]} if kinds else schema


def _defined(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean", "default": False}
AMOUNT: Final[Schema] = {
    "type": ["string", "number"],
    "description": 'In major units; a string such as "4.50" is exact everywhere.',
}
_QUANTITY: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 99}
_MODIFIERS: Final[Schema] = {
    "type": "object",
    "description": "The choices in each modifier group, by the group's id.",
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
IDENTITY: Final = Body(_defined("Identity"), is_parsed=True)
FULFILLMENT: Final = Body(_defined("Fulfillment"), is_parsed=True)
PAYMENT: Final = Body(_defined("Payment"), is_parsed=True)
CONTACT: Final = Body(_defined("Contact"), is_parsed=True)

VIEW: Final = _defined("CheckoutView")
MENU: Final = _defined("Menu")
STORES: Final = _defined("Stores")
SUGGESTIONS: Final = _defined("Suggestions")
CARDS: Final = _defined("SavedCards")
RECEIVED: Final = _object({"received": {"const": True}}, ["received"])


@cache
def taken() -> Mapping[str, Schema]:
    """Return the definitions that the schemas of request bodies refer to."""
    definitions = Definitions(sent=True)
    for each in (Identity, Contact, Fulfillment, Payment):
        definitions.of(each)
    found = definitions.found
    del found["Identity"]["properties"]["partner_user_id"]  # only the host's login knows it
    return found


@cache
def given() -> Mapping[str, Schema]:
    """Return the definitions that the schemas of responses refer to."""
    definitions = Definitions()
    definitions.of(CheckoutView)
    definitions.menu()
    definitions.problem()
    found = definitions.found
    del found["CheckoutView"]["properties"]["id"]  # it stays in the cookie
    found["CheckoutView"]["required"].remove("id")
    lists: Mapping[str, tuple[str, type]] = {
        "Stores": ("stores", StoreView),
        "Suggestions": ("suggestions", Suggestion),
        "SavedCards": ("cards", PaymentMethod),
    }
    for name, (member, kind) in lists.items():
        items = {"type": "array", "items": definitions.of(kind)}
        found[name] = _object({member: items}, [member])
    return found
