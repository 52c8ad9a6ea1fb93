"""A card as the shopper enters it for Gett, and as Gett shows it afterwards.

Docs: Saved cards. Card data stays in memory only for the call that needs it: it is in no repr, no
message and no snapshot, and it cannot be pickled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NoReturn

from attrs import field, frozen

from gett_checkout._core.extra import NO_EXTRA
from gett_checkout._core.order import Address
from gett_checkout._core.validators import day, instance_of, matches, text
from gett_checkout._hidden import hidden, of_secrets

_NUMBER = re.compile(r"[0-9]{12,19}")
_CVC = re.compile(r"[0-9]{3,4}")
_BIN_DIGITS = 6  # decided: the page names ``bin`` and gives no length


def _bare(number: str) -> str:
    """Remove the separators with which people and browsers group a card number's digits."""
    return hidden(re.sub(r"[ -]", "", number)) if isinstance(number, str) else number


@of_secrets
@frozen(repr=False)
class NewCard:
    """A card to be saved at Gett with `GettClient.add_payment_card`.

    ``number`` may contain spaces or hyphens; ``card_type`` is the brand as Gett spells it (``visa``);
    ``expiration`` is a date, the last day of the printed month. Only the format is checked:
    `InvalidInputError` names the invalid member and never repeats its value. Docs: Saved cards.
    """

    number: str = field(
        repr=False, converter=_bare, validator=matches(_NUMBER, "a card number is 12 to 19 digits")
    )
    card_type: str = field(repr=False, validator=text("a card needs a card_type"))
    cvc: str = field(
        repr=False, converter=hidden, validator=matches(_CVC, "a card's cvc is 3 or 4 digits")
    )
    expiration: date = field(
        repr=False, validator=day("a card's expiration is a date, without a time")
    )
    billing_address: Address = field(
        repr=False, validator=instance_of(Address, "a card needs a billing_address")
    )

    @property
    def bin(self) -> str:
        """The first six digits, which identify the issuer."""
        return self.number[:_BIN_DIGITS]

    @property
    def last_four(self) -> str:
        """The last four digits, which may be shown."""
        return str(self.number[-4:])

    def __repr__(self) -> str:
        return "NewCard(…)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("card data must not be pickled or copied")


@frozen
class PaymentMethod:
    """A card saved at Gett. Pay with it as ``SavedCard(payment_id)``. Docs: Saved cards.

    ``expiration`` is as Gett spells it, usually a date. ``extra`` contains the members this library
    does not recognize.
    """

    payment_id: str
    card_type: str | None = None
    last_four: str | None = None
    expiration: str | None = None
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)
