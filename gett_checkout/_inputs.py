"""What a page sends in JSON, as the values the steps take. The members are those of `jsonable`.

A misspelt or missing member is an error, not a member left out; what a member may be, its class says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from attrs import NOTHING, AttrsInstance, fields

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
from gett_checkout.errors import InvalidInputError

T = TypeVar("T", bound=AttrsInstance)

_FULFILLMENTS: Final[Mapping[str, type[Fulfillment]]] = {
    each.type: each for each in (Delivery, Pickup)
}
_PAYMENTS: Final[Mapping[str, type[Payment]]] = {
    each.kind: each for each in (CardOnFile, SavedCard, GettPayment)
}


@leaves_nothing
def read_identity(members: object) -> Identity:
    """``{"email": …, "first_name": …, "last_name": …}``, with ``phone`` and ``partner_user_id``.

    `InvalidInputError` for anything else. A page may claim to be anybody: with a login of your own,
    make the `Identity` from that instead.
    """
    return _read(Identity, _object(members, "an identity"))


@leaves_nothing
def read_fulfillment(members: object) -> Fulfillment:
    """``{"type": "pickup"}``, or ``{"type": "delivery", "address": {…}}`` or with ``address_id``.

    `InvalidInputError` for anything else.
    """
    given = _object(members, "a fulfillment")
    kind = _kind(given, "type", _FULFILLMENTS)
    if given.get("address") is not None:
        given["address"] = _read(Address, _object(given["address"], "an address"))
    return _read(kind, given)


@leaves_nothing
def read_payment(members: object) -> Payment:
    """``{"kind": "card_on_file", "card_token": …, "processor_type": …}``, with ``card_type`` and
    ``last_four``; ``{"kind": "saved_card", "payment_id": …}``; or ``{"kind": "gett_payment"}``.

    `InvalidInputError` for anything else.
    """
    given = _object(members, "a payment")
    return _read(_kind(given, "kind", _PAYMENTS), given)


def _object(value: object, what: str) -> dict[object, object]:
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{what} must be a JSON object")
    return dict(value)


def _kind(members: dict[object, object], tag: str, kinds: Mapping[str, type[T]]) -> type[T]:
    """Take the member off that says which class it is."""
    kind = members.pop(tag, None)
    if not isinstance(kind, str) or kind not in kinds:
        raise InvalidInputError(f"{tag} must be one of {', '.join(kinds)}")
    return kinds[kind]


def _read(kind: type[T], members: dict[object, object]) -> T:
    known = {each.name: each for each in fields(kind)}
    if unknown := [name for name in members if name not in known]:
        raise InvalidInputError(f"{kind.__name__} has no member {unknown[0]!r}")
    given = {str(name): value for name, value in members.items() if value is not None}
    for name, each in known.items():
        if each.default is NOTHING and name not in given:
            raise InvalidInputError(f"{kind.__name__} needs {name}")
    return kind(**given)
