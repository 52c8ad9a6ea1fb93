"""Turn problem documents (RFC 9457) and bare error statuses into errors. Docs: Errors.

Whatever the body is (nothing, HTML, half a document), the result is an `ApiError`. Gett's messages may
quote what was sent to it, so everything is masked first.
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

# The meaning of a status without a document, as gateways send it.
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
)  # statuses worth a retry unless the document denies it
# Request members with credentials, card data or contact data. A token is recognised by its name,
# because that of the order's token can be overridden.
_SENSITIVE: Final = re.compile(
    r"email|phone|firstName|lastName|address1|address2|cardNumber|cvc|\w*[tT]oken"
)
# Members of ``errors[]`` that are ids: they are no prose and stay as they are.
_IDS: Final = re.compile(r"\w*[iI]d")
_NAMES: Final = re.compile(r"code|path|jsonPath|field")

_MASK: Final = "•••"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9:.]+)?"
_PROSE = re.compile(
    rf"(?P<date>\b{_DATE}\b)"  # looks like a phone number, but is none
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
    """Return the error for a response with an error status, whatever its body.

    ``now`` (aware) converts dates into seconds. ``missing`` is the code of a 404 without a body,
    ``operation`` the operation that was called. All ``secrets`` are masked; see `secrets_of`.
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
    """Return the credentials, card data and contact data in a request body, for `read_problem` to mask."""
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
    """Return the text without e-mail addresses, tokens, keys, phone and card numbers, or ``secrets``.

    Ids such as ``req_abc123`` and UUIDs stay.
    """
    return _PROSE.sub(lambda found: found["date"] or _MASK, _without(text, secrets))


def _without(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        if secret and secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _MASK, text)
    return text


def _document(body: bytes) -> dict[str, Json]:
    try:
        document = read_json(body)
    except InvalidResponseError:
        return {}  # gateways send HTML, or nothing
    return document if isinstance(document, dict) else {}


def _prose(value: Json, secrets: Collection[str]) -> str:
    # Cut twice: masking must not take long, and a secret must not be cut before it is masked.
    return (
        mask(value[: 8 * _LONGEST_TEXT], secrets)[:_LONGEST_TEXT] if isinstance(value, str) else ""
    )


def _name(value: str, secrets: Collection[str]) -> str:
    return _without(value[:_LONGEST_TEXT], secrets)


def _reader_of(name: str) -> Callable[[str, Collection[str]], str]:
    """Return the function that masks a member's value."""
    if _IDS.fullmatch(name):
        return _id
    return _name if _NAMES.fullmatch(name) else _prose


def _id(value: str, secrets: Collection[str]) -> str:
    """Return an id without secrets; names are not masked, because a dish's name may contain one."""
    return _without(value[:_LONGEST_TEXT], [each for each in secrets if not each.isalpha()])


def _entries(value: Json, secrets: Collection[str]) -> list[dict[str, str]]:
    """Return the entries of ``errors[]`` with an ``itemId`` or a ``jsonPath``; text members only."""
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
    """Return the seconds to wait: the document's ``retryAfter``, else the header (seconds or date).

    Without either, a 429 ends with its minute: ``X-RateLimit-Reset``, in Unix seconds.
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
