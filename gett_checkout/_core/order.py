"""The parts of an order besides its cart (fulfillment, payment, amounts, quote), and the order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, get_args

from attrs import evolve, field, fields, frozen

from gett_checkout._core.extra import NO_EXTRA
from gett_checkout._core.jsonable import jsonable, jsonable_fields
from gett_checkout._core.validators import instance_of, matches, optional_text, text
from gett_checkout._hidden import hidden, of_secrets
from gett_checkout._money import ZERO
from gett_checkout.errors import InvalidInputError

FulfillmentType = Literal["delivery", "pickup"]
FULFILLMENT_TYPES: Final[tuple[FulfillmentType, ...]] = get_args(FulfillmentType)

_BRAND = re.compile(r"[^\W\d_](?:[ ._-]?[^\W\d_]){0,31}")  # no digit: a card number does not fit in
_CARD_NEEDS = "a card on file needs a card_token and a processor_type"
_LAST_FOUR = re.compile(r"[0-9]{4}")
_OVER: Final = frozenset({"completed", "cancelled", "canceled"})  # one l: webhooks spell it so


@frozen
class Address:
    """An address: for delivery, or for the bill of a `NewCard`. Docs: Session › Fulfillment context."""

    address1: str = field(validator=text("an address needs address1"))
    city: str = field(validator=text("an address needs city"))
    state: str = field(validator=text("an address needs state"))
    postal_code: str = field(validator=text("an address needs postal_code"))
    address2: str | None = field(
        default=None, validator=optional_text("an address's address2 must be a string")
    )


@frozen
class Delivery:
    """Delivery by the store's courier, to an address given here or to one stored at Gett."""

    type: ClassVar[Literal["delivery"]] = "delivery"
    address: Address | None = field(
        default=None,
        validator=instance_of(Address, "a delivery's address must be an Address", optional=True),
    )
    address_id: str | None = field(
        default=None, validator=text("an address_id must be a string, not empty", optional=True)
    )

    def __attrs_post_init__(self) -> None:
        if (self.address is None) == (self.address_id is None):
            code = "missing" if self.address is None else "invalid"
            raise InvalidInputError(
                "a delivery needs either an address or an address_id", field="address", code=code
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the delivery as JSON-ready data, its ``type`` included."""
        return {"type": self.type, **jsonable_fields(self)}


@frozen
class Pickup:
    """Pickup by the shopper at the store."""

    type: ClassVar[Literal["pickup"]] = "pickup"

    def to_dict(self) -> dict[str, Any]:
        """Return the pickup as JSON-ready data: its ``type``."""
        return {"type": self.type}


Fulfillment = Delivery | Pickup


class _Payment:
    __slots__ = ()
    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the payment as JSON-ready data, its ``kind`` first; a card's token is omitted."""
        return {"kind": self.kind, **jsonable_fields(self)}


@of_secrets
@frozen
class CardOnFile(_Payment):
    """A card stored by the partner's own payment processor.

    ``processor_type`` names that processor as Gett spells it; the API documents no list of them.
    ``card_type`` (``visa``) and ``last_four`` are for display only, for example on the view after a
    reload; they are not sent to Gett.
    """

    kind: ClassVar[Literal["card_on_file"]] = "card_on_file"
    card_token: str = field(repr=False, converter=hidden, validator=text(_CARD_NEEDS))
    processor_type: str = field(validator=text(_CARD_NEEDS))
    card_type: str | None = field(
        default=None,
        validator=matches(_BRAND, "a card_type is a brand's name, without digits", optional=True),
    )
    last_four: str | None = field(
        default=None,
        validator=matches(
            _LAST_FOUR,
            "last_four is the last four digits of the card, and no more",
            optional=True,
        ),
    )


@frozen
class SavedCard(_Payment):
    """A card that the shopper has saved at Gett, identified by its ``payment_id``."""

    kind: ClassVar[Literal["saved_card"]] = "saved_card"
    payment_id: str = field(validator=text("a saved card needs a payment_id"))


@frozen
class GettPayment(_Payment):
    """Gett itself collects the payment."""

    kind: ClassVar[Literal["gett_payment"]] = "gett_payment"


Payment = CardOnFile | SavedCard | GettPayment


@frozen
class Charge:
    """A part of an amount, with Gett's name for it: for example the service fee among the fees."""

    name: str
    amount: Decimal


@frozen
class Amounts:
    """An order's amounts, in major units.

    ``sub_total + fees − promotions + taxes + adjustments + tip = total``; promotions are positive. The
    tip is the caller's, the rest is Gett's. ``breakdown`` maps a field's name, such as ``fees``, to the
    parts into which Gett breaks that amount down. ``extra`` contains the members this library does not
    recognize. Docs: Orders › Amounts.
    """

    sub_total: Decimal
    total: Decimal
    fees: Decimal = ZERO
    promotions: Decimal = ZERO
    taxes: Decimal = ZERO
    adjustments: Decimal = ZERO
    tip: Decimal = ZERO
    breakdown: Mapping[str, tuple[Charge, ...]] = field(factory=dict, hash=False)
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)


@frozen
class Quote:
    """Gett's price for the current cart, good for one placement until ``expires_at`` (aware UTC).

    ``session_serial`` is the ``serial`` of the session in which the quote was made: after a change of
    session, `pay` and `place` renew the quote first. ``asked_at`` is when Gett was asked for it.
    ``was_sent``: a placement was sent with it.
    """

    order_token: str = field(repr=False, converter=hidden)
    amounts: Amounts
    expires_at: datetime
    session_serial: int = field(default=0, repr=False)
    was_sent: bool = field(default=False, repr=False)
    asked_at: datetime | None = field(default=None, repr=False)

    def without_token(self) -> Quote:
        """Return the quote as the caller may see it."""
        return Quote(
            "", self.amounts, self.expires_at, self.session_serial, self.was_sent, self.asked_at
        )


@frozen
class Order:
    """An order that Gett has accepted. ``state`` and ``status`` are Gett's own values, passed on even
    when this library does not know them.

    ``order_id`` is ``None`` when Gett has only said that the order exists: after a lost response, or
    with the error ORDER_ALREADY_PLACED. ``amounts`` are those of the placed order. ``estimated_ready_at`` is
    aware UTC. ``extra`` contains the members this library does not recognize; they may include contact
    data.
    """

    order_id: str | None
    state: str | None = None
    status: str | None = None
    amounts: Amounts | None = None
    estimated_ready_at: datetime | None = None
    cancel_reason: str | None = None
    tracking_urls: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)

    @property
    def is_over(self) -> bool:
        """Whether the order is final by its ``state``: completed or cancelled."""
        return self.state is not None and self.state.lower() in _OVER

    def read_again(self, read: Order) -> Order:
        """Return ``read``, this order fetched later, with what it lacks filled in from this one."""
        left_out = [each.name for each in fields(Order) if not getattr(read, each.name)]
        return evolve(read, **{name: getattr(self, name) for name in left_out})

    def to_dict(self, *, extra: bool = False) -> dict[str, Any]:
        """Return the order as JSON-ready data.

        ``extra`` is included only on request, because it may name the shopper.
        """
        shown = jsonable_fields(self)
        return {**shown, "extra": jsonable(self.extra)} if extra else shown


@frozen
class OrderPage:
    """One page of the order history. ``left_out`` counts the orders without an id.

    Docs: Orders › history.
    """

    orders: tuple[Order, ...]
    has_more: bool = False
    total_count: int | None = None
    left_out: int = 0
