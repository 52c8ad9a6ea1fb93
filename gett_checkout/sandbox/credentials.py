"""Credentials: the one API key, and the sessions made with it, from issue to expiry.

Docs: Hosts and credentials. A session created with an e-mail belongs to an end user, and its token
carries an `Id` claim; one created without is partner-only, and its token has none.
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from uuid import uuid4

from attrs import field, frozen

from .operations import Level
from .problems import RefusedError
from .switches import Switches

ISSUER = "gett-marketfront-sandbox"
SANDBOX_API_KEY = "zpka_sandbox_only_for_rehearsals"


@frozen
class Session:
    """One session: its token, what it may do, and until when."""

    token: str = field(repr=False)
    level: Level
    email: str | None = field(repr=False)
    user_id: str | None
    created_at: datetime
    expires_at: datetime


class Credentials:
    """Issues session tokens and recognises every credential the sandbox accepts."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._secret = secrets.token_bytes(32)
        self._live: dict[str, Session] = {}
        self._user_ids: dict[str, str] = {}
        self.sessions: list[Session] = []

    def issue(self, email: str | None, life: timedelta, now: datetime) -> Session:
        """A new session; the same e-mail is always the same end user."""
        user_id = None if email is None else self._user_id(email)
        expires_at = now + life
        session = Session(
            token=self._token(user_id, now, expires_at),
            level="partner_only" if email is None else "end_user",
            email=email,
            user_id=user_id,
            created_at=now,
            expires_at=expires_at,
        )
        self.sessions.append(session)
        self._live[session.token] = session
        return session

    def recognise(self, authorization: str | None, now: datetime) -> tuple[Level, Session | None]:
        """Return what an `Authorization` header proves: `none` for an unknown or expired one."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer":
            return "none", None
        if token == SANDBOX_API_KEY:
            return "api_key", None
        session = self._live.get(token)
        if session is None or session.expires_at <= now:
            return "none", None
        return session.level, session

    def revoke(self, token: str) -> None:
        """Stop accepting one session token."""
        self._live.pop(token, None)

    def revoke_all(self) -> None:
        """Stop accepting every session token issued so far."""
        self._live.clear()

    def reset(self) -> None:
        """Forget every session and every end user."""
        self._live.clear()
        self._user_ids.clear()
        self.sessions.clear()

    def _user_id(self, email: str) -> str:
        return self._user_ids.setdefault(email.casefold(), str(uuid4()))

    def _token(self, user_id: str | None, now: datetime, expires_at: datetime) -> str:
        if self._switches.opaque_tokens:
            return f"gett_sess_{secrets.token_urlsafe(32)}"
        claims: dict[str, object] = {
            "iss": ISSUER,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": str(uuid4()),
        }
        if user_id is not None:
            claims["Id"] = user_id
        return _signed(claims, self._secret)


def _signed(claims: dict[str, object], secret: bytes) -> str:
    """A JSON Web Token of the claims, signed with HMAC and SHA-256 (RFC 7515)."""
    parts = (json.dumps(each).encode() for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    unsigned = b".".join(map(_in_base64url, parts))
    signature = hmac.digest(secret, unsigned, hashlib.sha256)
    return b".".join((unsigned, _in_base64url(signature))).decode()


def _in_base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def unauthenticated() -> RefusedError:
    """Return the rejection of a missing, unknown or expired credential."""
    return RefusedError("UNAUTHENTICATED", "The bearer credential is missing, unknown or expired.")
