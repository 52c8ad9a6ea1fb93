"""Money: exact decimals in, exact decimals out."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import pytest

from gett_checkout._money import (
    from_minor_units,
    is_tidy,
    read_amount,
    show_amount,
    sum_of,
    tidy,
    to_the_cent,
)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (Decimal("4.50"), "4.50"),
        (3, "3"),
        ("19.99", "19.99"),
        ("-1.05", "-1.05"),
        (0, "0"),
        ("9999999999999.99", "9999999999999.99"),
    ],
)
def test_read_amount(value: object, amount: str) -> None:
    read = read_amount(value)
    assert isinstance(read, Decimal)
    assert str(read) == amount


@pytest.mark.parametrize(
    "value",
    [
        4.5, float("nan"), float("inf"), True, False, None, b"4.50", [], "", "4,50", "$4.50", "abc",
        "NaN", "sNaN", "Infinity", "-inf", Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
        "1e13", "1e999999", "1e999999999999999999999", "1e-21", 10**13, 10**5000,
        Decimal("1E+30"), Decimal("1E-30"),
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:12] if not isinstance(value, int) else ''}",
)  # fmt: skip
def test_read_amount_refuses(value: object) -> None:
    with pytest.raises(ValueError, match="amount"):
        read_amount(value)


def test_a_decimal_of_a_class_of_the_callers_own_is_a_decimal() -> None:
    class Euros(Decimal):
        pass

    assert type(read_amount(Euros("4.50"))) is Decimal
    assert str(read_amount(Euros("4.50"))) == "4.50"


def test_sums_are_exact() -> None:
    jitter = Random(19)
    cents = [jitter.randrange(1, 100_000) for _ in range(10_000)]
    amounts = [read_amount(f"{each // 100}.{each % 100:02}") for each in cents]
    assert sum_of(amounts) * 100 == sum(cents)
    ends = Decimal("1E+12"), Decimal("1E-20")  # as far apart as two amounts can be
    assert str(sum_of(ends)) == "1000000000000.00000000000000000001"
    assert str(sum_of([])) == "0.00"


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.125", "USD", "0.13"),
        ("-0.125", "USD", "-0.13"),
        ("0.1249999999", "USD", "0.12"),
        ("0.5", "JPY", "1"),
        ("2.0005", "KWD", "2.001"),
    ],
)
def test_halves_of_the_minor_unit_are_rounded_away_from_zero(
    amount: str, currency: str, rounded: str
) -> None:
    assert str(to_the_cent(Decimal(amount), currency)) == rounded


def test_a_price_survives_json_and_back() -> None:
    amount = json.loads('{"price": 19.99}', parse_float=Decimal)["price"]
    assert str(read_amount(amount)) == "19.99"
    assert read_amount(str(amount)) * 100 == 1999


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (1050, "USD", "10.50"),
        (1, "USD", "0.01"),
        (0, "USD", "0.00"),
        (-1050, "USD", "-10.50"),
        (1050, "JPY", "1050"),
        (1050, "KWD", "1.050"),
        (1050, "EUR", "10.50"),
    ],
)
def test_minor_units(minor: int, currency: str, amount: str) -> None:
    with localcontext(prec=2):  # the caller's, which is of no account
        assert str(from_minor_units(minor, currency)) == amount


@pytest.mark.parametrize(
    ("amount", "facts", "shown"),
    [
        ("4.5", {}, "$4.50"),
        ("1234567.891", {}, "$1,234,567.89"),
        ("-4.50", {}, "-$4.50"),
        ("4.50", {"currency": "EUR"}, "4.50 EUR"),
        ("1500", {"currency": "JPY"}, "1,500 JPY"),
        ("1.5", {"currency": "KWD"}, "1.500 KWD"),
        ("4.50", {"locale": "en_US"}, "$4.50"),
        ("1234.5", {"locale": "de_DE", "currency": "EUR"}, "1.234,50\u00a0€"),
        ("1500", {"locale": "ja-JP", "currency": "JPY"}, "￥1,500"),
    ],
)
def test_show_amount(amount: str, facts: dict[str, Any], shown: str) -> None:
    assert show_amount(Decimal(amount), **facts) == shown


# ISO 4217, by hand: the currencies whose minor unit is not a hundredth.
WHOLE = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
    "XAF", "XOF", "XPF",
)  # fmt: skip
THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
TEN_THOUSANDTHS = ("CLF", "UYW")


@pytest.mark.parametrize(
    ("currencies", "amount"),
    [
        (WHOLE, "1234"),
        (THOUSANDTHS, "1.234"),
        (TEN_THOUSANDTHS, "0.1234"),
        (("USD", "EUR", "MXN", "XXX"), "12.34"),
    ],
)
def test_minor_units_of_every_currency(currencies: tuple[str, ...], amount: str) -> None:
    for currency in currencies:
        assert str(from_minor_units(1234, currency)) == amount, currency
        assert str(from_minor_units(1234, currency.lower())) == amount, currency


def test_an_amount_has_a_sensible_size() -> None:
    assert read_amount("1E-20") == Decimal("1E-20")
    assert read_amount("1E12") == Decimal("1E12")
    for text in ("1E-21", "1E13"):
        with pytest.raises(ValueError, match="sensible size"):
            read_amount(text)


def test_a_locale_may_be_written_either_way() -> None:
    shown = show_amount(Decimal("1234.5"), "EUR", "de-AT")
    assert shown == show_amount(Decimal("1234.5"), "EUR", "de_AT")
    assert shown != show_amount(Decimal("1234.5"), "EUR")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("14.999999999999998", "15.00"),
        ("-1.7763568394002505e-15", "0.00"),
        ("1.15E+7", "11500000"),
        ("-0.0", "0.0"),
        ("0.30000000000000004", "0.30"),
        ("999.9999999999999", "1000.00"),
        ("12.3450000000001", "12.345"),  # three digits, as of a dinar
        ("4.5", "4.5"),
        ("4.50", "4.50"),
        ("7", "7"),
        ("0.000001", "0.000001"),
        ("1.500000", "1.500000"),  # as it was sent: six decimals are no noise
        ("1E+1", "10"),
        ("4.5000001", "4.50"),  # a seventh decimal is
    ],
)
def test_what_binary_fractions_leave_is_no_amount(sent: str, read: str) -> None:
    assert format(tidy(Decimal(sent)), "f") == read
    assert str(tidy(Decimal(sent))) == read


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("-1.7e-15", "USD", "$0.00"),
        ("-0.001", "JPY", "0 JPY"),
        ("5", "usd", "$5.00"),
        ("1.15E+7", "USD", "$11,500,000.00"),
        ("14.999999999999998", "KWD", "15.000 KWD"),
    ],
)
def test_what_is_shown_has_the_digits_of_its_currency(
    amount: str, currency: str, shown: str
) -> None:
    assert show_amount(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("amount", "is_ordinary"),
    [
        *((Decimal(each), True) for each in ("4.50", "4.5", "-4.50", "1234567890123.99")),
        *((Decimal(each), False) for each in ("4", "4.505", "1E+1", "12345678901234.99")),
        *((Decimal(each), False) for each in ("0.00", "-0.00", "NaN")),
        *((each, False) for each in (4, 4.5, "4.50", None, True)),
    ],
    ids=repr,
)
def test_an_ordinary_amount_needs_no_tidying(amount: object, is_ordinary: bool) -> None:
    assert is_tidy(amount) is is_ordinary
    if is_ordinary:
        assert str(tidy(read_amount(amount))) == str(amount)
