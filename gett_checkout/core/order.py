"""What an order is made of besides its cart: fulfillment, payment, amounts, quote; and the order."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

from attrs import field, frozen

from gett_checkout.core.jsonable import jsonable_fields
from gett_checkout.core.money import ZERO
from gett_checkout.errors import InvalidInputError

FulfillmentType = Literal["delivery", "pickup"]

_BRAND = re.compile(r"[^\W\d_](?:[ ._-]?[^\W\d_]){0,31}")  # no digit: no card number fits in
_LAST_FOUR = re.compile(r"[0-9]{4}")


@frozen
class Address:
    """Where to deliver. Docs: Session › Fulfillment context."""

    address1: str
    city: str
    state: str
    postal_code: str
    address2: str | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("address1", "city", "state", "postal_code"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise InvalidInputError(f"an address needs {name}")
        if not isinstance(self.address2, str | None):
            raise InvalidInputError("an address's address2 must be a string")


@frozen
class Delivery:
    """The store's courier brings the order to an address: one given here, or one kept at Gett."""

    type: ClassVar[Literal["delivery"]] = "delivery"
    address: Address | None = None
    address_id: str | None = None

    def __attrs_post_init__(self) -> None:
        if (self.address is None) == (not self.address_id):
            raise InvalidInputError("a delivery needs either an address or an address_id")
        if self.address is not None and not isinstance(self.address, Address):
            raise InvalidInputError("a delivery's address must be an Address")
        if not isinstance(self.address_id, str | None):
            raise InvalidInputError("an address_id must be a string")

    def to_dict(self) -> dict[str, Any]:
        """The delivery as JSON-ready data, its ``type`` included."""
        return {"type": self.type, **jsonable_fields(self)}


@frozen
class Pickup:
    """The shopper fetches the order at the store."""

    type: ClassVar[Literal["pickup"]] = "pickup"

    def to_dict(self) -> dict[str, Any]:
        """The pickup as JSON-ready data: its ``type``."""
        return {"type": self.type}


Fulfillment = Delivery | Pickup


class _Payment:
    __slots__ = ()
    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The payment as JSON-ready data, its ``kind`` first; a card's token is left out."""
        return {"kind": self.kind, **jsonable_fields(self)}


@frozen
class CardOnFile(_Payment):
    """A card the partner's own payment processor holds.

    ``processor_type`` names that processor in Gett's words; the API documents no list of them.
    ``card_type`` (``visa``) and ``last_four`` are for showing, on the view after a reload say; Gett
    is not told.
    """

    kind: ClassVar[Literal["card_on_file"]] = "card_on_file"
    card_token: str = field(repr=False)
    processor_type: str
    card_type: str | None = None
    last_four: str | None = None

    def __attrs_post_init__(self) -> None:
        if not _is_text(self.card_token) or not _is_text(self.processor_type):
            raise InvalidInputError("a card on file needs a card_token and a processor_type")
        if self.card_type is not None and not _is(_BRAND, self.card_type):
            raise InvalidInputError("a card_type is a brand's name, without digits")
        if self.last_four is not None and not _is(_LAST_FOUR, self.last_four):
            raise InvalidInputError("last_four is the last four digits of the card, and no more")


@frozen
class SavedCard(_Payment):
    """A card the shopper saved at Gett, by its ``payment_id``."""

    kind: ClassVar[Literal["saved_card"]] = "saved_card"
    payment_id: str

    def __attrs_post_init__(self) -> None:
        if not _is_text(self.payment_id):
            raise InvalidInputError("a saved card needs a payment_id")


@frozen
class GettPayment(_Payment):
    """Gett collects the payment itself."""

    kind: ClassVar[Literal["gett_payment"]] = "gett_payment"


Payment = CardOnFile | SavedCard | GettPayment


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


@frozen
class Amounts:
    """What an order costs, in major units.

    ``sub_total + fees − promotions + taxes + adjustments + tip = total``; promotions are positive.
    The tip is the caller's, the rest is Gett's. Docs: Orders › Amounts.
    """

    sub_total: Decimal
    total: Decimal
    fees: Decimal = ZERO
    promotions: Decimal = ZERO
    taxes: Decimal = ZERO
    adjustments: Decimal = ZERO
    tip: Decimal = ZERO


@frozen
class Quote:
    """Gett's price for the cart as it stands, good for one placement until ``expires_at`` (UTC).

    ``session_serial`` says in which of the checkout's sessions it was made: after a change of
    session it is renewed before anything is paid. ``was_sent``: a placement went out with it.
    """

    order_token: str = field(repr=False)
    amounts: Amounts
    expires_at: datetime
    session_serial: int = field(default=0, repr=False)
    was_sent: bool = field(default=False, repr=False)


@frozen
class Order:
    """An order Gett has made. ``state`` and ``status`` are Gett's words, unknown ones included.

    ``order_id`` is ``None`` in one case: the answer to the placement was lost, and all Gett says
    since is that the order exists.
    """

    order_id: str | None
    state: str | None = None
    status: str | None = None
    amounts: Amounts | None = None


@frozen
class OrderPage:
    """One page of the order history. Docs: Orders › history."""

    orders: tuple[Order, ...]
    has_more: bool = False
    total_count: int | None = None
