"""Paying with magic values: what a card token or card number makes the payment do.

Docs: Validate and place (`payment`); Errors › PAYMENT_DECLINED, PAYMENT_FAILED, PAYMENT_METHOD_INVALID.
A payment with any value not listed here is approved.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from attrs import field, frozen

from .documents import Document
from .problems import RefusedError
from .switches import Switches

Behaviour = Literal["approves", "declined", "fails_once", "fails_always", "invalid"]
PaymentKind = Literal["gettPayment", "cardOnFile", "savedCard"]


@frozen
class MagicCard:
    """A card that behaves in a fixed way."""

    behaviour: Behaviour
    description: str


MAGIC_CARDS: Mapping[str, MagicCard] = MappingProxyType(
    {
        "card_ok": MagicCard("approves", "Approves, as does any token that is not listed."),
        "card_declined": MagicCard("declined", "Is always declined: PAYMENT_DECLINED."),
        "card_fails_once": MagicCard(
            "fails_once", "Fails the first time under each Idempotency-Key: PAYMENT_FAILED."
        ),
        "card_fails_always": MagicCard("fails_always", "Never goes through: PAYMENT_FAILED."),
        "card_invalid": MagicCard(
            "invalid", "PAYMENT_METHOD_INVALID once that reserved code is on, else declined."
        ),
    }
)

MAGIC_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "4000000000000002": "card_declined",
        "4000000000000341": "card_fails_once",
        "4000000000000119": "card_fails_always",
        "4000000000000069": "card_invalid",
    }
)
"""Numbers of saved cards that behave like a magic card; every other number approves."""


@frozen
class Payment:
    """How an order is to be paid."""

    kind: PaymentKind
    token: str = field(default="", repr=False)
    """The card token of a card on file, or the payment id of a saved card."""

    @classmethod
    def read(cls, document: Document) -> "Payment":
        """The one payment method a request names."""
        document.only("gettPayment", "cardOnFile", "savedCard")
        if len(document.members) != 1:
            raise RefusedError("INVALID_REQUEST", "Exactly one payment method is expected.")
        if "cardOnFile" in document:
            card = document.part("cardOnFile")
            card.only("cardToken", "processorType")
            card.text("processorType", longest=64)
            return cls("cardOnFile", card.text("cardToken"))
        if "savedCard" in document:
            saved = document.part("savedCard")
            saved.only("paymentId")
            return cls("savedCard", saved.text("paymentId"))
        document.part("gettPayment").only()
        return cls("gettPayment")


class Terminal:
    """Charges cards, as far as a rehearsal can."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._failed_keys: set[str] = set()

    def charge(self, card_token: str, key: str) -> None:
        """Reject the payment where the card's behaviour says so; `key` is the order's Idempotency-Key."""
        card = MAGIC_CARDS.get(card_token)
        match card.behaviour if card else "approves":
            case "declined":
                raise _declined()
            case "invalid":
                if "PAYMENT_METHOD_INVALID" in self._switches.reserved_codes:
                    raise RefusedError("PAYMENT_METHOD_INVALID", "The card cannot be used.")
                raise _declined()
            case "fails_always":
                raise _failed()
            case "fails_once" if key not in self._failed_keys:
                self._failed_keys.add(key)
                raise _failed()

    def reset(self) -> None:
        """Forget which keys have seen a failure."""
        self._failed_keys.clear()


def _declined() -> RefusedError:
    return RefusedError("PAYMENT_DECLINED", "The payment was declined.")


def _failed() -> RefusedError:
    return RefusedError("PAYMENT_FAILED", "The payment could not be processed right now.")
