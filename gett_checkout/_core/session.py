"""The shopper's identity, and the permissions of the session that carries the checkout.

Gett knows two kinds of session token (docs: Session): one made without an e-mail may browse and set the
fulfillment context, one made with an e-mail may check out. No call turns the first into the second:
upgrading means a new session. ``_wire/endpoints.py`` lists the level each operation needs.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

from attrs import field, frozen

from gett_checkout._core.contact import email_address, phone_number
from gett_checkout._core.order import Fulfillment
from gett_checkout._core.validators import optional_text, text
from gett_checkout._hidden import hidden, of_secrets
from gett_checkout._json import read_json
from gett_checkout.errors import InvalidResponseError

_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_NEEDS = "an identity needs email, first_name and last_name together; {} is missing"
_JWT_PARTS: Final = 3
# Renew this long before a session ends, because clocks may differ a little and a step takes a while.
RENEW_AHEAD = timedelta(minutes=2)


class Level(IntEnum):
    """The permission levels of a credential, in ascending order. ``NONE`` is the API key alone."""

    NONE = 0
    PARTNER_ONLY = 1
    END_USER = 2

    @property
    def label(self) -> str:
        """The level in words: ``end-user``."""
        return self.name.lower().replace("_", "-")


@of_secrets
@frozen
class Identity:
    """The end user. All contact data stays out of the repr.

    ``email``, ``first_name`` and ``last_name`` are required (docs: Session › create); ``phone`` is
    E.164. ``partner_user_id`` is the partner's own id of the user.
    """

    email: str = field(
        repr=False,
        converter=hidden,
        validator=email_address(_NEEDS.format("email")),
    )
    first_name: str = field(
        repr=False, converter=hidden, validator=text(_NEEDS.format("first_name"))
    )
    last_name: str = field(repr=False, converter=hidden, validator=text(_NEEDS.format("last_name")))
    phone: str | None = field(
        default=None,
        repr=False,
        converter=hidden,
        validator=phone_number(),
    )
    partner_user_id: str | None = field(
        default=None,
        repr=False,
        converter=hidden,
        validator=optional_text("a partner_user_id must be a string"),
    )

    def is_same_person(self, other: Identity) -> bool:
        """Whether both are the same end user: Gett identifies its end users by e-mail.

        Only the letters A to Z are compared case-insensitively. Anything looser confuses mailboxes:
        ``casefold`` turns the ``ß`` of one address into the ``ss`` of another.
        """
        return self.email.translate(_LOWER) == other.email.translate(_LOWER)


@frozen
class Session:
    """A session token and its known properties.

    ``serial`` counts the checkout's sessions; ``expires_at`` is ``None`` when unknown. ``context_set``
    is true once the checkout's fulfillment was set on this session; ``context_sent`` is a context that
    was sent but has had no response yet: it may still reach Gett, however late.
    """

    token: str = field(repr=False, converter=hidden)
    level: Level
    expires_at: datetime | None = None
    serial: int = 1
    context_set: bool = False
    context_sent: Fulfillment | None = None

    @classmethod
    def of_token(
        cls, token: str, *, made_for_end_user: bool, expires_at: datetime | None = None
    ) -> Session:
        """Make a session from its token, whose claims give its level and (by default) its expiry.

        An opaque token has no claims: ``made_for_end_user`` decides its level.
        """
        claims = _claims(token)
        level = _level(claims, made_for_end_user=made_for_end_user)
        return cls(token, level, expires_at or _expiry(claims))

    def may_carry(self, fulfillment: Fulfillment | None) -> bool:
        """Whether this session can be used for an order with this fulfillment.

        False while an earlier request that got no response could still set a different fulfillment on
        this session.
        """
        return self.context_sent is None or fulfillment is None or self.context_sent == fulfillment

    def is_fresh(self, now: datetime) -> bool:
        """Whether the session stays valid for two more minutes after ``now``; otherwise it is renewed."""
        return self.expires_at is None or now + RENEW_AHEAD < self.expires_at


def is_credential(value: object) -> bool:
    """Whether the value can be sent as a token or key: printable ASCII, and not empty."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value != ""


def _level(claims: Mapping[str, Any] | None, *, made_for_end_user: bool) -> Level:
    """Return a session token's level: by its ``Id`` claim or, if opaque, by how it was made.

    The signature is not checked: the server is the authority on its own tokens, and corrects us with
    SESSION_USER_REQUIRED. Docs: Errors › SESSION_USER_REQUIRED.
    """
    if claims is None:
        return Level.END_USER if made_for_end_user else Level.PARTNER_ONLY
    return Level.END_USER if claims.get("Id") else Level.PARTNER_ONLY


def _expiry(claims: Mapping[str, Any] | None) -> datetime | None:
    """Return the token's expiry, if it has one."""
    exp = (claims or {}).get("exp")
    try:
        return datetime.fromtimestamp(exp, UTC) if isinstance(exp, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _claims(token: str) -> Mapping[str, Any] | None:
    """Return a JWT's claims, ``None`` for an opaque token."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    header, claims = map(_object, parts[:2])
    return None if header is None else claims


def _object(part: str) -> dict[str, Any] | None:
    """Return the JSON object in a part of a JWT."""
    try:
        value = read_json(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, InvalidResponseError):
        return None
    return value if isinstance(value, dict) else None
