"""Validators for the fields of values callers make: each raises `InvalidInputError`.

attrs' own validators quote the value in their message, and combinators keep it in their frame. It may
be a secret, and error trackers show the locals of every frame: a message here never quotes it, and the
frame that raises has dropped it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from attrs import Attribute

from gett_checkout._money import DEFAULT_CURRENCY, exactly, minor_digits, read_amount
from gett_checkout.errors import FieldError, InvalidInputError

Validator = Callable[[Any, Any, Any], None]

MAX_CHARGE = 1_000_000  # in major units; decided: the API documents no bound


def text(message: str, *, optional: bool = False) -> Validator:
    """Accept a string that is not blank."""
    return _accept((_is_text, message), optional=optional)


def optional_text(message: str) -> Validator:
    """Accept ``None`` or any string."""
    return instance_of(str, message, optional=True)


def matches(
    pattern: re.Pattern[str], message: str, *, blank: str | None = None, optional: bool = False
) -> Validator:
    """Accept a string that matches the whole pattern; ``blank`` is the message for a blank one."""
    needed = ((_is_text, blank),) if blank else ()
    return _accept(*needed, (lambda value: _is(pattern, value), message), optional=optional)


def instance_of(kind: type, message: str, *, optional: bool = False) -> Validator:
    """Accept an instance of ``kind``."""
    return _accept((lambda value: isinstance(value, kind), message), optional=optional)


def day(message: str) -> Validator:
    """Accept a date, but no datetime."""
    return _accept((_is_day, message))


def at_least(least: float, message: str) -> Validator:
    """Accept a number of at least the given one."""
    return _accept((lambda value: isinstance(value, int | float) and value >= least, message))


def _accept(*rules: tuple[Callable[[object], bool], str], optional: bool = False) -> Validator:
    def validate(instance: object, attribute: Attribute[Any], value: object) -> None:
        if optional and value is None:
            return
        for is_valid, message in rules:
            if not is_valid(value):
                is_there = value is not None and not _is_blank(value)
                del instance, value
                code = "invalid" if is_there else "missing"
                raise InvalidInputError(message, field=attribute.name, code=code)

    return validate


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not _is_blank(value)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def each_of(**checks: Callable[[], object]) -> dict[str, Any]:
    """Return the result of each check, by its name; one `InvalidInputError` lists all mistakes."""
    found: dict[str, Any] = {}
    wrong: list[FieldError] = []
    for name, check in checks.items():
        try:
            found[name] = check()
        except InvalidInputError as error:
            if not error.errors:
                raise
            wrong += error.errors
    if wrong:
        raise InvalidInputError(errors=wrong)
    return found


@exactly
def read_charge(value: object, *, field: str, currency: str = DEFAULT_CURRENCY) -> Decimal:
    """Return an amount to be charged, for example a tip: 0 to a million, no finer than a cent."""
    try:
        amount = read_amount(value)
    except ValueError as error:
        raise InvalidInputError(f"the {field}: {error}", field=field) from None
    if amount < 0:
        raise InvalidInputError(f"the {field} must not be negative", field=field)
    if amount > MAX_CHARGE:
        raise InvalidInputError(f"the {field} must not be above {MAX_CHARGE}", field=field)
    digits = minor_digits(currency)
    charge = amount.quantize(Decimal(1).scaleb(-digits))
    if charge != amount:
        raise InvalidInputError(f"the {field} must have at most {digits} decimals", field=field)
    return charge
