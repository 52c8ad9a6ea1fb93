"""Amounts of money: exact decimals in major units, never binary floats.

Gett's amounts are JSON numbers in major units (``4.50``) with no currency member; USD is implied.
Refunds in webhooks are the one exception: integers in minor units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation, localcontext
from functools import lru_cache, reduce, wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from babel import Locale

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_CURRENCY = "USD"
_FINEST: Final = -6  # anything after this many decimals is dust: the finest minor unit has four
_DUST: Final = Decimal(1).scaleb(_FINEST)
_ONE: Final = Decimal(1)
_CENT: Final = Decimal("0.01")
_DIME: Final = Decimal("0.1")
_LOWEST: Final = -20
_HIGHEST: Final = 12  # the highest digit before the point that an amount may have, counted from 0
# A context of our own: the caller's may have a precision of two digits, or raise when rounding.
EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
ZERO = Decimal("0.00")

# ISO 4217 currencies whose minor unit is not a hundredth; everything else has two digits.
_DIGITS = {
    "BHD": 3, "BIF": 0, "CLF": 4, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3,
    "JPY": 0, "KMF": 0, "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3,
    "UGX": 0, "UYI": 0, "UYW": 4, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip


def exactly(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function in a decimal context of its own, whatever the caller's."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return call


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    return reduce(EXACT.add, amounts, ZERO)


def read_amount(value: object) -> Decimal:
    """Return an amount from a decimal, an int or a decimal string; raise ``ValueError`` for anything else.

    Floats are rejected, because they have already lost the exact value.
    """
    if type(value) is Decimal:
        amount = value
    elif isinstance(value, (Decimal, int, str)) and not isinstance(value, bool):
        try:
            amount = Decimal(value)
        except InvalidOperation:
            raise ValueError("not a decimal amount") from None
    else:
        raise ValueError(
            f"an amount must be a Decimal, int or decimal string, not {type(value).__name__}"
        )
    if not amount.is_finite() or not _LOWEST <= amount.adjusted() <= _HIGHEST:
        raise ValueError("an amount must be finite and of a sensible size")
    return amount


def tidy(amount: Decimal) -> Decimal:
    """Return the amount without the noise of binary fractions: 14.999999999999998 is 15.00."""
    rounded = EXACT.quantize(amount, _DUST)
    if rounded != amount or (exponent := int(amount.as_tuple().exponent)) < _FINEST:
        cents = EXACT.quantize(rounded, _CENT)
        amount = cents if cents == rounded else EXACT.normalize(rounded)
    elif exponent > 0:
        amount = EXACT.quantize(amount, _ONE)
    return amount or amount.copy_abs()  # no -0


def is_tidy(amount: object) -> bool:
    """Whether it is an ordinary amount, which needs neither `read_amount` nor `tidy`."""
    return (
        type(amount) is Decimal
        and (amount.same_quantum(_CENT) or amount.same_quantum(_DIME))
        and amount.adjusted() <= _HIGHEST
        and bool(amount)
    )


def is_same_amount(one: Decimal, other: Decimal, currency: str = DEFAULT_CURRENCY) -> bool:
    """Whether two amounts are equal to the cent: a server may write binary fractions."""
    return to_the_cent(one, currency) == to_the_cent(other, currency)


def to_the_cent(amount: Decimal, currency: str = DEFAULT_CURRENCY) -> Decimal:
    """Round the amount to the currency's minor unit, halves away from zero."""
    return EXACT.quantize(amount, _cent_of(currency))


@lru_cache
def _cent_of(currency: str) -> Decimal:
    return Decimal(1).scaleb(-minor_digits(currency))


def minor_digits(currency: str) -> int:
    """Return the number of decimals of the currency's minor unit: 2 for USD, 0 for JPY or jpy."""
    return _DIGITS.get(currency.upper(), 2)


def from_minor_units(minor: int, currency: str = DEFAULT_CURRENCY) -> Decimal:
    """Convert minor units to major ones: 1050 → 10.50."""
    return Decimal(minor).scaleb(-minor_digits(currency), context=EXACT)


def read_locale(locale: str) -> Locale | None:
    """Return the locale (``de-DE``, ``de_DE``), ``None`` without Babel; ``ValueError`` if unknown to
    Babel.
    """
    try:
        from babel import Locale, UnknownLocaleError
    except ImportError:
        return None
    try:
        return Locale.parse(locale.replace("-", "_"))
    except (AttributeError, UnknownLocaleError, ValueError):
        raise ValueError(f"Babel knows no locale {locale!r}") from None


@exactly
def show_amount(
    amount: Decimal, currency: str = DEFAULT_CURRENCY, locale: str | None = None
) -> str:
    """Return the amount as a person reads it: ``$4.50``.

    With a ``locale``, and Babel installed (extra ``babel``), in that locale's format; otherwise plain:
    the dollar sign for USD, the currency code after the figure for the rest.
    """
    if locale is not None and (known := read_locale(locale)):
        from babel.numbers import format_currency

        return format_currency(amount, currency, locale=known)
    currency = currency.upper()
    figure = f"{tidy(round(amount, minor_digits(currency))):,.{minor_digits(currency)}f}"
    if currency != "USD":
        return f"{figure} {currency}"
    return f"-${figure[1:]}" if figure.startswith("-") else f"${figure}"
