"""Refusals: problem documents (RFC 9457) and bare statuses, read into errors. Docs: Errors.

Whatever the body is — nothing, HTML, half a document — the answer is an `ApiError`. Gett's prose may
quote what was sent to it, so everything that comes out of here is masked first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from gett_checkout._core.codes import ERROR_CODES, refuse
from gett_checkout._json import Json, read_json
from gett_checkout.errors import ApiError, InvalidResponseError

_LONGEST_TEXT: Final = 500
_LONGEST_ERRORS: Final = 100
_LONGEST_WAIT: Final = 24 * 3600.0
_LONGEST_WINDOW: Final = 60.0

# What a status means when the answer says no more; gateways answer so.
_BARE: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
}
_PASSING: Final = (
    429,
    502,
    503,
    504,
)  # statuses that are worth another try unless the answer denies it
# Members of requests whose values are credentials, card data or contact data. A token is one by its
# name, for that of the order's token can be overridden.
_SENSITIVE: Final = re.compile(
    r"email|phone|firstName|lastName|address1|address2|cardNumber|cvc|\w*[tT]oken"
)
# Members of ``errors[]`` that name something: their values are not prose and stay as they are.
_IDS: Final = re.compile(r"\w*[iI]d")
_NAMES: Final = re.compile(r"code|path|jsonPath|field")

_MASK: Final = "•••"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9:.]+)?"
_PROSE = re.compile(
    rf"(?P<kept>\b{_DATE}\b)"  # looks like a number to call, and is none
    r"|(?<![^\s@\"'<>=:,;(])[^\s@\"'<>=:,;(]+(?:@|%40)[^\s@\"'<>]+"  # e-mail
    r"|\beyJ[\w-]+(?:\.[\w-]*)*"  # JWT
    r"|\b(?:zpka|gett_sess)_[\w-]+"
    r"|(?i:\bbearer\s+)(?=[^\s\"']*[0-9_.])[^\s\"']+"
    r"|(?<![\w+-])\+[0-9](?:[ ()-]{0,2}[0-9]){6,14}(?![\w-])"  # phone, E.164
    r"|(?<![\w+-])\(?[0-9](?:[ ()-]{0,2}[0-9]){9,18}(?![\w-])"  # phone or card
)


def read_problem(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    *,
    operation: str = "",
    missing: str = "NOT_FOUND",
    secrets: Collection[str] = (),
) -> ApiError:
    """The error an answer with a refusing status amounts to, whatever its body is.

    ``now`` (aware) turns dates into seconds. ``missing`` is the code of a 404 without a body,
    ``operation`` what was asked for.
    ``secrets`` are masked wherever they stand; see `secrets_of`.
    """
    document = _document(body)

    def text(name: str) -> str:
        return _prose(document.get(name), secrets)

    said = document.get("errorCode")
    code = said if isinstance(said, str) and said in ERROR_CODES else text("errorCode")
    if not code and not document.get("errorCategory"):
        code = missing if status == 404 and not body else _BARE.get(status, "")
    facts: dict[str, Any] = {"status": status}
    if isinstance(document.get("retryable"), bool):
        facts["retryable"] = document["retryable"]
    elif code not in ERROR_CODES:
        facts["retryable"] = status in _PASSING
    return refuse(
        code,
        text("detail"),
        category=text("errorCategory"),
        title=text("title"),
        retry_after=_retry_after(status, document, headers, now),
        request_id=text("requestId") or None,
        operation=operation,
        errors=_entries(document.get("errors"), secrets),
        **facts,
    )


def secrets_of(payload: bytes | None) -> Iterator[str]:
    """The credentials, card data and contact data in a request body, for `read_problem` to mask."""
    try:
        waiting: list[Json] = [read_json(payload)] if payload else []
    except InvalidResponseError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            yield from (
                each
                for name, each in value.items()
                if _SENSITIVE.fullmatch(name) and isinstance(each, str)
            )


def mask(text: str, secrets: Collection[str] = ()) -> str:
    """The text without e-mail addresses, tokens, keys, phone and card numbers, or ``secrets``.

    Ids such as ``req_abc123`` and UUIDs stay.
    """
    return _PROSE.sub(lambda found: found["kept"] or _MASK, _without(text, secrets))


def _without(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        if secret and secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _MASK, text)
    return text


def _document(body: bytes) -> dict[str, Json]:
    try:
        document = read_json(body)
    except InvalidResponseError:
        return {}  # gateways answer with HTML, or with nothing
    return document if isinstance(document, dict) else {}


def _prose(value: Json, secrets: Collection[str]) -> str:
    # Cut twice: masking is not to take long, and a secret is not to be cut before it is masked.
    return (
        mask(value[: 8 * _LONGEST_TEXT], secrets)[:_LONGEST_TEXT] if isinstance(value, str) else ""
    )


def _name(value: str, secrets: Collection[str]) -> str:
    return _without(value[:_LONGEST_TEXT], secrets)


def _reader_of(name: str) -> Callable[[str, Collection[str]], str]:
    """How the value of a member is masked."""
    if _IDS.fullmatch(name):
        return _id
    return _name if _NAMES.fullmatch(name) else _prose


def _id(value: str, secrets: Collection[str]) -> str:
    """An id without secrets; but a shopper's name may well be part of a dish's."""
    return _without(value[:_LONGEST_TEXT], [each for each in secrets if not each.isalpha()])


def _entries(value: Json, secrets: Collection[str]) -> list[dict[str, str]]:
    """The entries of ``errors[]``, which hold an ``itemId`` or a ``jsonPath``; text members only."""
    if not isinstance(value, list):
        return []
    return [
        {
            _name(name, secrets): _reader_of(name)(each, secrets)
            for name, each in entry.items()
            if isinstance(each, str)
        }
        for entry in value[:_LONGEST_ERRORS]
        if isinstance(entry, dict)
    ]


def _retry_after(
    status: int, document: Mapping[str, Json], headers: Mapping[str, str], now: datetime
) -> float | None:
    """Seconds to wait: the document's ``retryAfter``, else the header, in seconds or as a date.

    When neither says, a 429 is over with its minute: ``X-RateLimit-Reset``, in Unix seconds.
    """
    for said in (document.get("retryAfter"), headers.get("Retry-After")):
        wait = _seconds(said, now)
        if wait is not None and 0 <= wait <= _LONGEST_WAIT:
            return wait
    if status == 429:
        wait = _seconds(headers.get("X-RateLimit-Reset"), now)
        if wait is not None and 0 < wait - now.timestamp() <= _LONGEST_WINDOW:
            return wait - now.timestamp()
    return None


def _seconds(said: Json, now: datetime) -> float | None:
    if said is None or isinstance(said, bool):
        return None
    try:
        return float(said)
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        date = parsedate_to_datetime(str(said))
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((date - now).total_seconds(), 0.0)
