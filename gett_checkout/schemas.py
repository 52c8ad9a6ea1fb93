"""JSON Schemas (2020-12) of a front end's input and output, generated from the classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, fields, has

from gett_checkout._core.actions import NextAction
from gett_checkout._core.cart import LineProblem
from gett_checkout._core.catalog import Item, ModifierGroup, Section
from gett_checkout._core.contact import Contact
from gett_checkout._core.jsonable import Worded
from gett_checkout._core.order import Fulfillment, Payment
from gett_checkout._core.requirements import Requirement
from gett_checkout._core.session import Identity
from gett_checkout._core.state import Stage
from gett_checkout._core.view import CheckoutView, StoreView
from gett_checkout.errors import InvalidInputError

__all__ = ["json_schema"]

Schema = dict[str, Any]

OBJECT: Final[Schema] = {"type": "object"}
TEXT: Final[Schema] = {"type": "string"}
AMOUNT: Final[Schema] = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}

_LEAVES: Final[Mapping[Any, Schema]] = {
    str: TEXT,
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    Decimal: AMOUNT,
    datetime: {"type": "string", "format": "date-time"},
    Any: {},
}
# Unions with a definition of their own.
_UNIONS: Final[Mapping[Any, str]] = {
    NextAction: "NextAction",
    Fulfillment: "Fulfillment",
    Payment: "Payment",
}
# Members that `to_dict` adds to the fields.
_ALSO: Final[Mapping[type, Mapping[str, Schema]]] = {
    Requirement: {"details": OBJECT},
    StoreView: {"extra": OBJECT},
}


def json_schema(name: str) -> Schema:
    """Make the schema of this name: ``view``, ``menu``, ``problem`` or ``inputs``.

    The first three describe ``view.to_dict()``, ``menu.to_dict()`` and ``error.to_problem()``.
    ``inputs`` describes the input of `parse_identity`, `parse_contact`, `parse_fulfillment` and
    `parse_payment`: ``Identity``, ``Contact``, ``Fulfillment`` and ``Payment`` in its ``$defs``. Raises
    `InvalidInputError` for another name.
    """
    if name not in SCHEMAS:
        raise InvalidInputError(f"the schemas are {', '.join(SCHEMAS)}")
    definitions = Definitions(sent=name == "inputs")
    root = SCHEMAS[name](definitions)
    version = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": version, "title": name, **root, "$defs": definitions.found}


class Definitions:
    """Schemas of types; ``found`` collects the definitions they refer to.

    Output always has every member. Input (``sent``) may leave out members with a default, and also has
    the members that output never shows.
    """

    def __init__(self, *, sent: bool = False) -> None:
        self.found: dict[str, Schema] = {}
        self._sent = sent

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type, as `jsonable` writes its values."""
        if kind in _LEAVES:
            return _LEAVES[kind]
        if has(kind):
            return self._defined(kind.__name__, lambda: self._object(kind))
        origin, inner = get_origin(kind), get_args(kind)
        if kind in _UNIONS:
            return self._defined(_UNIONS[kind], lambda: _any_of(map(self.of, inner)))
        if origin in (Union, UnionType):
            return _any_of(map(self.of, inner))
        if origin is Literal:
            return {"enum": [*inner]}
        if origin is tuple:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is Mapping:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"enum": [each.value for each in kind]}
        raise TypeError(f"{kind!r} has no JSON Schema")

    def _defined(self, name: str, make: Callable[[], Schema]) -> Schema:
        if name not in self.found:
            self.found[name] = {}  # it may be recursive
            self.found[name] = make()
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, kind: type[Any], **also: Schema) -> Schema:
        hints = get_type_hints(kind)
        shown = [each for each in fields(kind) if each.repr or self._sent]
        tags: dict[str, Schema] = {
            tag: {"const": value}
            for tag in ("kind", "type")
            if isinstance(value := getattr(kind, tag, None), str)
        }
        members = tags | {each.name: self.of(hints[each.name]) for each in shown}
        if issubclass(kind, Worded) and hasattr(kind, "text"):
            members["message"] = {**TEXT, "description": "A sentence for the shopper."}
        members |= {**_ALSO.get(kind, {}), **also}
        optional = {each.name for each in shown if self._sent and each.default is not NOTHING}
        return {"description": _summary(kind), **closed(members, optional)}

    def menu(self) -> Schema:
        """Make the schema of a menu: sections in order, items and modifier groups by id."""
        section = self._object(Section, extra=OBJECT)
        del section["properties"]["section_ids"]
        section["required"].remove("section_ids")
        self.found["MenuSection"] = section
        self.found["MenuItem"] = self._object(Item, extra=OBJECT)
        self.found["MenuModifierGroup"] = self._object(ModifierGroup, extra=OBJECT)
        members = {
            "catalog_set_id": TEXT,
            "sections": {"type": "array", "items": {"$ref": "#/$defs/MenuSection"}},
            "items": by_id("MenuItem"),
            "modifier_groups": by_id("MenuModifierGroup"),
        }
        self.found["Menu"] = closed(members)
        return {"$ref": "#/$defs/Menu"}

    def problem(self) -> Schema:
        """Make the schema of a problem document (RFC 9457)."""
        always: dict[str, Schema] = {
            "type": {"const": "about:blank"},
            "title": TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {**TEXT, "description": "A sentence for the shopper."},
            "code": {**TEXT, "description": "The code for programs."},
        }
        field_error: dict[str, Schema] = {
            "pointer": {**TEXT, "description": "A JSON Pointer (RFC 6901) into what was sent."},
            "code": {"enum": ["missing", "unknown", "invalid"]},
            "detail": TEXT,
        }
        sometimes: dict[str, Schema] = {
            "next_action": self.of(NextAction),
            "requirements": self.of(tuple[Requirement, ...]),
            "errors": {"type": "array", "items": closed(field_error)},
            "problems": self.of(tuple[LineProblem, ...]),
            "retry_after": {"type": "number", "description": "Seconds."},
            "step": TEXT,
            "stage": self.of(Stage),
            "before": AMOUNT,
            "after": AMOUNT,
            "said": {**TEXT, "description": "Gett's own message."},
            "idempotency_key": TEXT,
            "checkout_id": TEXT,
        }
        self.found["Problem"] = closed(always | sometimes, sometimes)
        return {"$ref": "#/$defs/Problem"}


def closed(members: Mapping[str, Schema], optional: Collection[str] = ()) -> Schema:
    """Make the schema of an object with exactly these members."""
    return {
        "type": "object",
        "properties": dict(members),
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


def by_id(name: str) -> Schema:
    """Make the schema of an object that maps ids to values of this definition."""
    return {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{name}"}}


def _any_of(schemas: Iterable[Schema]) -> Schema:
    found = [*schemas]
    kinds = [each["type"] for each in found if each.keys() == {"type"}]
    return {"type": kinds} if len(kinds) == len(found) else {"anyOf": found}


def _summary(kind: type[Any]) -> str:
    """Return the first paragraph of the class's docstring, without the API page it cites."""
    first = (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
    return first.partition(" Docs: ")[0].replace("``", "`")


SCHEMAS: Final[Mapping[str, Callable[[Definitions], Schema]]] = {
    "view": lambda definitions: definitions.of(CheckoutView),
    "menu": Definitions.menu,
    "problem": Definitions.problem,
    "inputs": lambda definitions: _any_of(
        map(definitions.of, (Identity, Contact, Fulfillment, Payment))
    ),
}
