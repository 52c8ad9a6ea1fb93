"""What the sandbox records: each request, and its bodies with secrets masked before they are stored."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from .operations import Level

MASK = "***"
LARGEST_SHOWN = 4096

SECRETS = frozenset(
    {
        # credentials, and what is as good as one
        "token", "sessionToken", "validatedOrderToken", "cardToken", "webhook_secret",
        # card data
        "bin", "cardNumber", "cvc", "expiration", "lastFour",
        # contact data
        "email", "phone", "firstName", "lastName", "address1", "address2", "partnerUserId",
    }
)  # fmt: skip
"""Members whose values are never stored, at any depth."""


@frozen
class Seen:
    """One request the sandbox got; `status` is 0 until a response is sent."""

    at: datetime
    method: str
    path: str
    operation: str
    level: Level
    status: int = 0
    error_code: str | None = None
    idempotency_key: str | None = None


@frozen
class Exchange:
    """One request and its response; `status` is 0 where none was sent."""

    at: datetime
    method: str
    path: str
    operation: str
    level: Level
    sent: str
    """The request's body, masked."""
    status: int
    received: str
    """The response's body, masked."""

    def __str__(self) -> str:
        """The exchange on up to three lines."""
        outcome = str(self.status) if self.status else "no response"
        lines = [f"{self.at:%H:%M:%S} {self.method} {self.path} [{self.level}] -> {outcome}"]
        lines += [f"    > {self.sent}"] if self.sent else []
        lines += [f"    < {self.received}"] if self.received else []
        return "\n".join(lines)


def masked(content: bytes) -> str:
    """A body without its secrets; for one that is large or not JSON, only its number of bytes."""
    if not content:
        return ""
    if len(content) <= LARGEST_SHOWN:
        try:
            return json.dumps(_mask(json.loads(content)), ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return f"<{len(content)} bytes>"


def _mask(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: MASK if name in SECRETS else _mask(member) for name, member in value.items()}
    return [_mask(member) for member in value] if isinstance(value, list) else value
