"""What belongs to an end user: saved cards and addresses.

Docs: Saved cards. A card is reduced to its id, type, last four digits and expiration at the moment it
is read; number and security code are never stored.
"""

import re
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from attrs import define, field, frozen

from .addresses import Address
from .calls import Call, Response, respond
from .documents import Document
from .payments import MAGIC_NUMBERS
from .problems import invalid

_NUMBER = re.compile(r"[0-9]{12,19}")
_BIN = re.compile(r"[0-9]{6,8}")
_CVC = re.compile(r"[0-9]{3,4}")
_LAST_FOUR = re.compile(r"[0-9]{4}")
_EXPIRATION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@frozen
class SavedCard:
    """All that is left of a card once it is saved."""

    payment_id: str
    card_type: str
    last_four: str
    expiration: str
    behaves_as: str
    """The magic card it behaves like."""

    def document(self) -> dict[str, Any]:
        """The card as the API writes it."""
        return {
            "paymentId": self.payment_id,
            "cardType": self.card_type,
            "lastFour": self.last_four,
            "expiration": self.expiration,
        }


@define
class _Belongings:
    cards: dict[str, SavedCard] = field(factory=dict)
    addresses: dict[str, Address] = field(factory=dict)


class Wallets:
    """The cards and addresses of every end user."""

    def __init__(self) -> None:
        self._of: dict[str, _Belongings] = {}

    def card(self, user_id: str, payment_id: str) -> SavedCard | None:
        """A saved card, if it is this user's."""
        return self._belongings(user_id).cards.get(payment_id)

    def address(self, user_id: str, address_id: str) -> Address | None:
        """A saved address, if it is this user's."""
        return self._belongings(user_id).addresses.get(address_id)

    def list_payment_methods(self, call: Call) -> Response:
        """GET /checkout/payments."""
        cards = self._belongings(call.shopper()).cards.values()
        return respond({"payments": [card.document() for card in cards]})

    def add_payment_card(self, call: Call) -> Response:
        """POST /checkout/payments."""
        card = _read_card(call.document(), call.at)
        self._belongings(call.shopper()).cards[card.payment_id] = card
        return respond(card.document(), status=201)

    def add_address(self, call: Call) -> Response:
        """POST /checkout/addresses."""
        address = Address.read(call.document())
        address_id = str(uuid4())
        self._belongings(call.shopper()).addresses[address_id] = address
        return respond({"addressId": address_id, **address.document()}, status=201)

    def reset(self) -> None:
        """Forget every card and address."""
        self._of.clear()

    def _belongings(self, user_id: str) -> _Belongings:
        return self._of.setdefault(user_id, _Belongings())


def _read_card(document: Document, now: datetime) -> SavedCard:
    document.only(
        "bin", "cardNumber", "cardType", "cvc", "expiration", "lastFour", "billingAddress"
    )
    number = document.text("cardNumber", _NUMBER)
    if not number.startswith(document.text("bin", _BIN)):
        raise invalid("$.bin", "mismatch", "The card number does not start with it.")
    if not number.endswith(document.text("lastFour", _LAST_FOUR)):
        raise invalid("$.lastFour", "mismatch", "The card number does not end with it.")
    document.text("cvc", _CVC)
    Address.read(document.part("billingAddress"))
    return SavedCard(
        payment_id=f"pay_{uuid4().hex}",
        card_type=document.text("cardType", longest=32),
        last_four=number[-4:],
        expiration=_read_expiration(document, now),
        behaves_as=MAGIC_NUMBERS.get(number, "card_ok"),
    )


def _read_expiration(document: Document, now: datetime) -> str:
    """A date; the card is good until its month ends."""
    text = document.text("expiration", _EXPIRATION)
    try:
        expires = date.fromisoformat(text)
    except ValueError:
        raise invalid("$.expiration", "malformed", "A date is expected: 2030-12-31.") from None
    if expires < now.date().replace(day=1):
        raise invalid("$.expiration", "expired", "The card has expired.")
    return text
