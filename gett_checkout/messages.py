"""The sentences a shopper reads, by code: in English, and yours to replace or translate.

```python
german = Messages({"identity": "Bitte melden Sie sich an.", …}, locale="de-DE")
german = Messages(gettext.translation("checkout", "locale", ["de"]).gettext, locale="de-DE")

checkout.view.to_dict(german)
error.to_problem(german)
```

`ENGLISH` has every sentence. A suffix after a dot marks a variant of the same code. Words in braces are
filled in; amounts are formatted for the shopper's locale if Babel is installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from string import Formatter
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from gett_checkout._money import DEFAULT_CURRENCY, read_locale, show_amount

__all__ = ["ENGLISH", "Messages", "Text"]

_AGAIN: Final = "Something went wrong. Please try again in a moment."
_TECHNICAL: Final = "We are having technical problems. Please try again later or contact us."
_SUPPORT: Final = "Something went wrong that you cannot fix here. Please contact us."
_MENU: Final = "The menu has changed. Please look at it again."
_SIGN_IN: Final = "Please sign in to continue."
_PAYMENT: Final = "The payment was not accepted. Please choose another way to pay."
_UNKNOWN: Final = "We do not know yet whether your order was placed. Please do not order again."

# Errors of Gett, by its code. Docs: Errors.
_OF_GETT: Final[Mapping[str, str]] = {
    "INVALID_REQUEST": _SUPPORT,
    "MISSING_IDEMPOTENCY_KEY": _SUPPORT,
    "MISSING_STORE_ID": _SUPPORT,
    "ADDRESS_INVALID": "This address was not accepted. Please check it.",
    "ADDRESS_OUT_OF_RANGE": "The restaurant does not deliver to this address.",
    "CART_EMPTY": "Please add something to your cart.",
    "CATALOGSET_REQUIRED": _MENU,
    "MODIFIER_REQUIRED": "Please complete your choices.",
    "ORDER_BELOW_MINIMUM": "Your order is below the restaurant's minimum. Please add more.",
    "ORDER_TOTAL_DIFFERENT": "The total has changed. Please check the price again.",
    "VALIDATION_FAILED": "Please check your order.",
    "ITEM_UNAVAILABLE": "Something in your cart is not available. Please change or remove it.",
    "STORE_CLOSED": "The restaurant is closed.",
    "SERVICE_UNAVAILABLE": _AGAIN,
    "PAYMENT_DECLINED": "Your payment was declined. Please choose another way to pay.",
    "PAYMENT_FAILED": "Your payment did not go through. Please try again or choose another way to pay.",
    "PAYMENT_METHOD_INVALID": _PAYMENT,
    "UNAUTHENTICATED": _TECHNICAL,
    "SESSION_USER_REQUIRED": _SIGN_IN,
    "FORBIDDEN": _SUPPORT,
    "NOT_FOUND": _SUPPORT,
    "STORE_NOT_FOUND": "This restaurant cannot be found. Please choose another.",
    "CATALOGSET_NOT_FOUND": _MENU,
    "CONFLICT": "Please check the price again.",
    "ORDER_ALREADY_PLACED": "This order was already placed.",
    "RATE_LIMITED": "Too much is going on right now. Please try again in a moment.",
    "INTERNAL_ERROR": _AGAIN,
    "BAD_GATEWAY": _AGAIN,
}
ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Requirements, by code.
        "person": _SUPPORT,
        "patience": "Please wait a moment.",
        "shopper_accepted": "Please check your contact details.",
        "shopper_accepted.sign_in": _SIGN_IN,
        "store": "Please choose a restaurant.",
        "cart": "Please add something to your cart.",
        "modifiers": "Please complete your choices.",
        "items": "Please change or remove what you cannot have.",
        "menu": _MENU,
        "cart_accepted": "Your cart was not accepted. Please change it.",
        "cart_accepted.too_small": "Your order is too small. Please add more.",
        "store_open": "The restaurant is closed.",
        "store_open.rejected": "The restaurant is not taking this order right now.",
        "minimum_order": "Add {gap} more to reach the {minimum} minimum",
        "minimum_order.met": "The {minimum} minimum is reached",
        "fulfillment": "Please choose how you want to get your order.",
        "fulfillment.rejected": "Please choose another address or another way to get your order.",
        "fulfillment.no_delivery": "The restaurant does not deliver.",
        "fulfillment.no_pickup": "The restaurant does not offer pickup.",
        "quote": "Please check the price.",
        "identity": _SIGN_IN,
        "recipient_accepted": "Please check who receives the order.",
        "payment": "Please choose how to pay.",
        "payment.rejected": _PAYMENT,
        "total_confirmed": "The total changed from {before} to {after}.",
        # Problems with a line of the cart.
        "line": "Please change or remove this item.",
        "line.ITEM_UNKNOWN": "This item is no longer on the menu.",
        "line.ITEM_UNAVAILABLE": "{name} is not available.",
        "line.MODIFIER_UNKNOWN": "A choice for {name} is no longer offered.",
        "line.MODIFIER_REQUIRED": "Please choose at least {count}: {name}.",
        "line.MODIFIER_REQUIRED.one": "Please choose: {name}.",
        "line.MODIFIER_TOO_MANY": "Please choose at most {count}: {name}.",
        "line.MODIFIER_TOO_MANY.one": "Please choose only one: {name}.",
        # Notices: changes the shopper did not make, by code.
        "session_upgraded": "You are signed in.",
        "session_renewed": "Your session was renewed.",
        "duplicate_order": "Your order may have been placed twice. We are looking into it.",
        # Invalid input, by the code of a field's error or the field's name.
        "field.missing": "Please fill this in.",
        "field.invalid": "Please check this.",
        "field.unknown": "This is not asked for.",
        "field.email": "Please enter a valid e-mail address.",
        "field.phone": "Please enter the phone number with its country code, as in +12125550123.",
        "field.last_four": "Please enter the last four digits of the card.",
        "field.tip": "Please enter a tip such as 3.00.",
        "field.quantity": "Please choose a quantity from 1 to 99.",
        # Problem documents: errors of this library.
        "CHECKOUT_ERROR": _AGAIN,
        "INVALID_INPUT": "Please check what you entered.",
        "LINE_NOT_FOUND": "This item is no longer in your cart.",
        "MENU_CHANGED": _MENU,
        "CART_OF_ANOTHER_STORE": "Your cart holds items of another restaurant. Empty it to order here.",
        "STEP_NOT_ALLOWED": "This is not possible right now.",
        "STEP_NOT_ALLOWED.placed": "Your order is placed. Please start a new one to order more.",
        "IDENTITY_REQUIRED": _SIGN_IN,
        "TOTAL_CHANGED": "The total changed from {before} to {after}.",
        "TOTAL_CHANGED.unpriced": "The total has changed.",
        "OUTCOME_UNKNOWN": _UNKNOWN,
        "PLACEMENT_IN_PROGRESS": "Your order is being placed. Please wait a moment.",
        "HAND_OVER_FAILED": "Your order is placed.",
        "GETT_UNREACHABLE": _AGAIN,
        "GETT_UNREADABLE": _AGAIN,
        "STORAGE_FAILED": _AGAIN,
        "CHECKOUT_NOT_FOUND": "There is no open cart. Please start a new one.",
        "CHECKOUT_CONFLICT": "Your order was changed in another window. Please check it and try again.",
        "SNAPSHOT_TOO_NEW": _AGAIN,
        "WEBHOOK_ERROR": "The event was not accepted.",
        "WEBHOOK_REFUSED": "The signature of the event was not accepted.",
        "WEBHOOK_PAYLOAD": "The event cannot be read.",
        "WEBHOOK_BUSY": "The event is being handled.",
        # Mounted endpoints; a correct page never causes these.
        "REQUEST_REJECTED": _SUPPORT,
        "PATH_NOT_FOUND": _SUPPORT,
        "METHOD_NOT_ALLOWED": _SUPPORT,
        "OTHER_ORIGIN": _SUPPORT,
        "BODY_TOO_LARGE": _SUPPORT,
        "UNSUPPORTED_MEDIA_TYPE": _SUPPORT,
        "SHOPPER_KNOWN": _SUPPORT,
        **_OF_GETT,
        # Errors of Gett with an unknown code, by category.
        "category.validation": "Please check your order.",
        "category.availability": "Something you chose is not available right now.",
        "category.payment": _PAYMENT,
        "category.not_found": "Something you chose cannot be found. Please choose again.",
        "category.conflict": "Please check your order and try again.",
        "category.rate_limit": "Too much is going on right now. Please try again in a moment.",
    }
)


_NO_OTHERS: Final[Mapping[str, str]] = MappingProxyType({})
# Codes not in `ENGLISH` that are plausible: an error code of Gett's or of your own, a problem with a
# line by such a code, a category, a field.
_OTHERS: Final = re.compile(r"(line\.)?[A-Z][A-Z0-9_]*|category\.\w+|field\.\w+")


@frozen
class Text:
    """A sentence: its codes, of which the first known one is used, and the values to fill in."""

    codes: tuple[str, ...]
    values: Mapping[str, object] = field(factory=dict)

    @classmethod
    def of(cls, *codes: str, **values: object) -> Text:
        """Make a text from codes and values; ``currency`` is the currency of its amounts."""
        return cls(codes, values)

    @classmethod
    def of_gett(cls, code: str, *others: str) -> Text:
        """Make a text from an error code of Gett's, and the codes to use if it has no sentence.

        A code of Gett's that is spelt like a code of this library picks none of the library's sentences.
        """
        is_ours = code in ENGLISH and code not in _OF_GETT
        return cls(others if is_ours else (code, *others))


class Messages:
    """The sentences of one language.

    ``sentences`` maps codes to sentences, or is a function that translates the English ones, such as
    the ``gettext`` of a translation; sentences it lacks stay English, and `missing` has their codes.
    ``locale`` (``de-DE``) determines the format of amounts. Raises `InvalidInputError` for an unknown
    code in lower case (but not for your own ``field.`` and ``category.`` codes), for a word in braces
    that the English sentence does not have, and for a locale that Babel does not know. Unknown codes in
    upper case are accepted, because Gett may add some.
    """

    def __init__(
        self,
        sentences: Mapping[str, str] | Callable[[str], str] = _NO_OTHERS,
        *,
        locale: str | None = None,
    ) -> None:
        if locale is not None:
            try:
                read_locale(locale)
            except ValueError as error:
                raise _wrong(str(error), "locale") from None
        self.locale: Final = locale
        if not isinstance(sentences, Mapping):
            sentences = {code: sentences(english) for code, english in ENGLISH.items()}
        own = {code: _checked(code, sentence) for code, sentence in sentences.items()}
        self._sentences: Final[Mapping[str, str]] = {**ENGLISH, **own}
        self.unknown: Final[frozenset[str]] = frozenset(own.keys() - ENGLISH.keys())
        """The codes that `ENGLISH` lacks: new codes of Gett's, your own, and typos."""
        self.missing: Final[frozenset[str]] = frozenset(
            code for code, english in ENGLISH.items() if self._sentences[code] == english
        )
        """The codes whose sentence is the English one."""

    def say(self, text: Text) -> str:
        """Return the sentence, filled in."""
        known = (self._sentences[code] for code in text.codes if code in self._sentences)
        sentence = next(known, self._sentences["CHECKOUT_ERROR"])
        currency = str(text.values.get("currency", DEFAULT_CURRENCY))
        return sentence.format_map(
            {
                name: show_amount(value, currency, self.locale)
                if isinstance(value, Decimal)
                else value
                for name, value in text.values.items()
            }
        )


def _checked(code: str, sentence: str) -> str:
    if code not in ENGLISH and not _OTHERS.fullmatch(code):
        raise _wrong(f"no sentence has the code {code!r}")
    try:
        words = _words(sentence)
        sentence.format_map({name: 2 if name == "count" else "" for name in words})
    except (ValueError, LookupError, AttributeError, TypeError):
        raise _wrong(f"the sentence {code} cannot be filled in: {sentence}") from None
    unknown = words - _words(ENGLISH.get(code, ""))
    if unknown:
        raise _wrong(f"the sentence {code} has no value for {', '.join(sorted(unknown))}")
    return sentence


def _wrong(message: str, field: str = "sentences") -> Exception:
    from gett_checkout.errors import InvalidInputError  # a cycle: errors need `ENGLISH`

    return InvalidInputError(message, field=field)


def _words(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


DEFAULT: Final = Messages()
