"""Refusals: problem documents (RFC 9457) and bare statuses, read into errors. Docs: Errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from gett_checkout.core.codes import refuse
from gett_checkout.errors import ApiError, UnreadableAnswerError
from gett_checkout.wire.codec import Json, read_json

_LONGEST_TEXT = 500
_LONGEST_WAIT = 24 * 3600.0
# Prose of Gett's may quote what was sent: contact data, tokens and card numbers are masked.
_SECRETS = re.compile(
    r"[^\s@\"'<>]+@[^\s@\"'<>]+|eyJ[\w-]+(?:\.[\w-]*)*|(?:zpka|gett_sess)_\w+|\+?\d(?:[ -]?\d){6,}"
)


def read_problem(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> ApiError:
    """The error an answer with a refusing status amounts to, whatever its body is.

    ``now`` (aware) turns a ``Retry-After`` date into seconds.
    """
    document = _document(body)
    code = _text(document.get("errorCode"))
    if not code and status == 502:
        code = "BAD_GATEWAY"
    if not code and status == 503:
        code = "SERVICE_UNAVAILABLE"
    facts: dict[str, Any] = {"status": status}
    if isinstance(document.get("retryable"), bool):
        facts["retryable"] = document["retryable"]
    return refuse(
        code,
        mask(_text(document.get("detail"))),
        category=_text(document.get("errorCategory")),
        title=mask(_text(document.get("title"))),
        retry_after=_retry_after(document, headers, now),
        request_id=_text(document.get("requestId")) or None,
        errors=_entries(document.get("errors")),
        **facts,
    )


def mask(text: str) -> str:
    """The text without e-mail addresses, tokens, keys, phone and card numbers."""
    return _SECRETS.sub("•••", text)


def _document(body: bytes) -> dict[str, Json]:
    try:
        document = read_json(body)
    except UnreadableAnswerError:
        return {}  # gateways answer with HTML, or with nothing
    return document if isinstance(document, dict) else {}


def _text(value: Json) -> str:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def _entries(value: Json) -> list[dict[str, str]]:
    """The entries of ``errors[]`` with their text members, prose masked."""
    if not isinstance(value, list):
        return []
    return [
        {
            name: mask(_text(each)) if name in ("message", "detail") else _text(each)
            for name, each in entry.items()
            if isinstance(each, str)
        }
        for entry in value[:100]
        if isinstance(entry, dict)
    ]


def _retry_after(
    document: Mapping[str, Json], headers: Mapping[str, str], now: datetime
) -> float | None:
    """Seconds to wait: the document's ``retryAfter``, else the header, in seconds or as a date."""
    said = document.get("retryAfter")
    if said is None:
        said = headers.get("Retry-After")
    try:
        seconds = float(said) if said is not None else None
    except (TypeError, ValueError):
        seconds = _until(said, now)
    if seconds is None or not 0 <= seconds <= _LONGEST_WAIT:
        return None
    return seconds


def _until(said: Json, now: datetime) -> float | None:
    try:
        return max((parsedate_to_datetime(said) - now).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
