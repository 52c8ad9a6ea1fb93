"""The order's recipient if not the shopper, and the checks of names, e-mail and phone."""

from __future__ import annotations

import re
from typing import Final

from attrs import field, frozen

from gett_checkout._core.validators import Validator, matches, text
from gett_checkout._hidden import hidden, of_secrets

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NEEDS: Final = "a contact needs first_name, last_name and phone; {} is missing"


def email_address(missing: str | None = None) -> Validator:
    """Accept an e-mail address; also ``None``, unless there is a ``missing`` message."""
    message = "invalid e-mail address"
    return matches(_EMAIL, message, blank=missing, optional=missing is None)


def phone_number(missing: str | None = None) -> Validator:
    """Accept a phone number in E.164; also ``None``, unless there is a ``missing`` message."""
    message = "the phone number must be E.164, as in +12125550123"
    return matches(_E164, message, blank=missing, optional=missing is None)


@of_secrets
@frozen
class Contact:
    """The recipient of an order, if not the shopper. All of it stays out of the repr.

    ``phone`` is E.164. Docs: Orders › place (``customer``).
    """

    first_name: str = field(
        repr=False, converter=hidden, validator=text(_NEEDS.format("first_name"))
    )
    last_name: str = field(repr=False, converter=hidden, validator=text(_NEEDS.format("last_name")))
    phone: str = field(repr=False, converter=hidden, validator=phone_number(_NEEDS.format("phone")))
    email: str | None = field(default=None, repr=False, converter=hidden, validator=email_address())
