"""Parse a page's JSON into the values the steps take. The members are those of `jsonable`.

A misspelt or missing member is an error, never ignored; the classes validate the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from attrs import NOTHING, Attribute, AttrsInstance, fields

from gett_checkout._core.contact import Contact
from gett_checkout._core.order import (
    Address,
    CardOnFile,
    Delivery,
    Fulfillment,
    GettPayment,
    Payment,
    Pickup,
    SavedCard,
)
from gett_checkout._core.session import Identity
from gett_checkout._hidden import leaves_nothing
from gett_checkout.errors import FieldError, InvalidInputError, pointer_to

T = TypeVar("T", bound=AttrsInstance)

_FULFILLMENTS: Final[Mapping[str, type[Fulfillment]]] = {
    each.type: each for each in (Delivery, Pickup)
}
_PAYMENTS: Final[Mapping[str, type[Payment]]] = {
    each.kind: each for each in (CardOnFile, SavedCard, GettPayment)
}


@leaves_nothing
def parse_identity(members: object) -> Identity:
    """Parse ``{"email": …, "first_name": …, "last_name": …}``.

    ``phone`` and ``partner_user_id`` are optional.

    Raises `InvalidInputError` for anything else. A page can claim that the shopper is anyone: if you
    have a login, make the `Identity` from that instead.
    """
    return _read(Identity, _object(members, "an identity"))


@leaves_nothing
def parse_contact(members: object) -> Contact:
    """Parse ``{"first_name": …, "last_name": …, "phone": …}``, optionally with ``email``.

    Raises `InvalidInputError` for anything else.
    """
    return _read(Contact, _object(members, "a contact"))


@leaves_nothing
def parse_fulfillment(members: object) -> Fulfillment:
    """Parse ``{"type": "pickup"}`` or ``{"type": "delivery", "address": {…}}``.

    A delivery may have ``address_id`` instead of ``address``.

    Raises `InvalidInputError` for anything else.
    """
    given = _object(members, "a fulfillment")
    return _read(_kind(given, "type", _FULFILLMENTS), given)


@leaves_nothing
def parse_payment(members: object) -> Payment:
    """Parse a payment: how an order will be paid.

    It is ``{"kind": "card_on_file", "card_token": …, "processor_type": …}``, optionally with
    ``card_type`` and ``last_four``; ``{"kind": "saved_card", "payment_id": …}``; or
    ``{"kind": "gett_payment"}``.

    Raises `InvalidInputError` for anything else.
    """
    given = _object(members, "a payment")
    return _read(_kind(given, "kind", _PAYMENTS), given)


def _object(value: object, what: str) -> dict[object, object]:
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{what} must be a JSON object")
    return dict(value)


def _kind(members: dict[object, object], tag: str, kinds: Mapping[str, type[T]]) -> type[T]:
    """Remove and return the member that names the class."""
    kind = members.pop(tag, None)
    if not isinstance(kind, str) or kind not in kinds:
        code = "missing" if kind is None else "invalid"
        words = f"{tag} must be one of {', '.join(kinds)}"
        raise InvalidInputError(words, field=tag, code=code)
    return kinds[kind]


def _read(kind: type[T], members: dict[object, object]) -> T:
    """Make the value from its members. Raises `InvalidInputError`, which lists every mistake."""
    known = {each.name: each for each in fields(kind)}
    given = {str(name): value for name, value in members.items() if value is not None}
    wrong = [
        FieldError(pointer_to(name), "unknown", f"{kind.__name__} has no member {name!r}")
        for name in members
        if name not in known
    ]
    for name, each in known.items():
        if name in given:
            try:
                given[name] = _member(each, given[name])
            except InvalidInputError as error:
                wrong += error.errors
        elif each.default is NOTHING:
            message = f"{kind.__name__} needs {name}"
            wrong.append(FieldError(pointer_to(name), "missing", message))
    if wrong:
        raise InvalidInputError(errors=wrong)
    return kind(**given)


def _member(attribute: Attribute[Any], value: object) -> object:
    if attribute.name == "address":
        try:
            value = _read(Address, _object(value, "an address"))
        except InvalidInputError as error:
            raise InvalidInputError(errors=error.within("address")) from None
    assert attribute.validator is not None  # noqa: S101 - each member of these has one
    attribute.validator(None, attribute, value)
    return value
