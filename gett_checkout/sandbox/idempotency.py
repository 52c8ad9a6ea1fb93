"""Idempotency keys: one key, one order, for twenty-four hours.

Docs: Idempotency-Key. Gett's documentation describes the response to a second request with a known key
differently in different places, so the policy is a switch.
"""

import hashlib
import re
from datetime import datetime, timedelta

from attrs import frozen

from .calls import Call, Response
from .problems import RefusedError
from .switches import Switches

STORED_FOR = timedelta(hours=24)

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@frozen
class _Stored:
    digest: bytes
    at: datetime
    outcome: Response | RefusedError


class KeyBook:
    """Remembers the response to each key."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._stored: dict[str, _Stored] = {}

    def recall(self, key: str, call: Call) -> Response | None:
        """Return the response the key policy gives to a known key; `None` for a new one."""
        policy = self._switches.key_policy
        stored = self._stored.get(key)
        if policy == "none" or stored is None or stored.at + STORED_FOR <= call.at:
            return None
        if policy == "refuse_duplicates":
            raise RefusedError("CONFLICT", "This Idempotency-Key has been used.")
        if policy == "reject_other_body" and stored.digest != _digest(call):
            raise RefusedError(
                "VALIDATION_FAILED", "This Idempotency-Key was used with another body."
            )
        if isinstance(stored.outcome, RefusedError):
            raise stored.outcome
        return stored.outcome

    def store(self, key: str, call: Call, outcome: Response | RefusedError) -> None:
        """Store the outcome of the request under its key."""
        self._stored[key] = _Stored(_digest(call), call.at, outcome)

    def reset(self) -> None:
        """Forget every key."""
        self._stored.clear()


def read_key(header: str | None) -> str:
    """The UUID v4 in an `Idempotency-Key` header, or `MISSING_IDEMPOTENCY_KEY`."""
    key = (header or "").lower()
    if not _UUID4.fullmatch(key):
        raise RefusedError(
            "MISSING_IDEMPOTENCY_KEY", "The header Idempotency-Key must be a UUID v4."
        )
    return key


def _digest(call: Call) -> bytes:
    return hashlib.sha256(call.content).digest()
