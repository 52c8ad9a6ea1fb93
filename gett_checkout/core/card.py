"""A card as the shopper types it in, on its way to Gett, and what Gett shows of it afterwards.

Docs: Saved cards. Card data stays in memory for the one call that needs it: it is in no repr, no
message and no snapshot, and it refuses to be pickled.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, NoReturn

from attrs import field, frozen

from gett_checkout.core.order import Address
from gett_checkout.errors import InvalidInputError

_NUMBER = re.compile(r"[0-9]{12,19}")
_CVC = re.compile(r"[0-9]{3,4}")
_BIN_DIGITS = 6  # decided: the page names ``bin`` and gives no length


def _bare(number: str) -> str:
    """The card number as it is sent: people and their browsers group its digits."""
    return re.sub(r"[ -]", "", number) if isinstance(number, str) else number


@frozen(repr=False)
class NewCard:
    """A card to be saved at Gett with `GettClient.add_payment_card`.

    ``number`` may have spaces or hyphens in it; ``card_type`` is the brand in Gett's words
    (``visa``); ``expiration`` is a date, the last day of the printed month. Only the shape is
    checked; `InvalidInputError` says which member is wrong and never repeats it. Docs: Saved cards.
    """

    number: str = field(repr=False, converter=_bare)
    card_type: str = field(repr=False)
    cvc: str = field(repr=False)
    expiration: date = field(repr=False)
    billing_address: Address = field(repr=False)

    def __attrs_post_init__(self) -> None:
        if not _is(_NUMBER, self.number):
            raise InvalidInputError("a card number is 12 to 19 digits")
        if not _is(_CVC, self.cvc):
            raise InvalidInputError("a card's cvc is 3 or 4 digits")
        if not isinstance(self.card_type, str) or not self.card_type.strip():
            raise InvalidInputError("a card needs a card_type")
        if not isinstance(self.expiration, date) or isinstance(self.expiration, datetime):
            raise InvalidInputError("a card's expiration is a date, without a time")
        if not isinstance(self.billing_address, Address):
            raise InvalidInputError("a card needs a billing_address")

    @property
    def bin(self) -> str:
        """The first six digits: whose card it is."""
        return self.number[:_BIN_DIGITS]

    @property
    def last_four(self) -> str:
        """The last four digits, which may be shown."""
        return self.number[-4:]

    def __repr__(self) -> str:
        return "NewCard(…)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("card data is not to be pickled or copied")


@frozen
class PaymentMethod:
    """A card kept at Gett. Pay with it as ``SavedCard(payment_id)``. Docs: Saved cards.

    ``expiration`` is in Gett's own words, usually a date.
    """

    payment_id: str
    card_type: str | None = None
    last_four: str | None = None
    expiration: str | None = None


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
