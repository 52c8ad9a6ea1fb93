"""Order events that Gett posts to the partner's server: verify, parse, and handle each once.

::

    async def order_events(request):
        try:
            event = verify_event(await request.read(), request.headers, SECRET)
            async with handle_once(storage, event) as is_new:
                if is_new:
                    ...  # process the event, idempotently; if this raises, Gett sends it again
        except WebhookError as error:
            problem = error.to_problem()
            return json_response(problem, status=problem["status"])
        return json_response({"received": True})

Docs: Webhooks; Money (refunds are in minor units). The signature covers the body alone, so a fresh
timestamp proves little: `handle_once` prevents replays, for as long as it remembers events.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from attrs import field, frozen

from gett_checkout._hidden import leaves_nothing
from gett_checkout._json import read_json
from gett_checkout._money import DEFAULT_CURRENCY, from_minor_units
from gett_checkout.errors import (
    CheckoutConflictError,
    InvalidInputError,
    InvalidResponseError,
    StorageError,
    WebhookBusyError,
    WebhookPayloadError,
    WebhookRefusedError,
)
from gett_checkout.storage import Storage

__all__ = ["TOLERANCE", "OrderEvent", "Refund", "handle_once", "parse", "verify", "verify_event"]

TOLERANCE: Final = 300.0
"""Maximum deviation of a timestamp, in seconds, either way."""

_UNIX_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_HIGHEST_REFUND: Final = 10**12  # minor units
_WEEK: Final = 7 * 24 * 3600.0
_BUSY: Final = b"webhook being handled"
_DONE: Final = b"webhook handled"


@frozen
class Refund:
    """A refund. ``amount`` is in major units, ``minor`` in the event's minor units: 10.50 and 1050.

    ``type`` is documented as store_credit or original_payment; other values are passed on unchanged.
    """

    type: str
    amount: Decimal
    minor: int


@frozen
class OrderEvent:
    """The new status of an order.

    ``type`` is documented as order_create or order_update, ``status`` as created, manual_review,
    confirmed, canceled, shipped or fulfilled; other values are passed on unchanged. ``raw`` is the
    whole event, including members this release does not know. Docs: Webhooks.
    """

    type: str
    checkout_session_id: str
    permalink_url: str
    status: str
    refunds: tuple[Refund, ...] = ()
    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    @property
    def id(self) -> str:
        """The same for every delivery of the event: a digest, because events have no id of their own."""
        whole = json.dumps(self.raw, sort_keys=True, default=str)
        return f"webhook-{hashlib.sha256(whole.encode()).hexdigest()}"


@leaves_nothing
def verify(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    now: datetime | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Verify that Gett signed this ``body``, and its timestamp. Raises `WebhookRefusedError`.

    ``body`` is the request body, byte for byte. ``secret`` is the webhook secret, or several during a
    rotation. ``now`` is aware UTC (default: the real time); ``tolerance`` is how many seconds the
    timestamp may be before or after ``now`` (default: 300). Signatures are compared in constant time.
    Docs: Webhooks.
    """
    if not isinstance(body, bytes):
        raise InvalidInputError("pass the body as the bytes that arrived, not parsed or decoded")
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets or not all(isinstance(each, str) and each for each in secrets):
        raise InvalidInputError("pass a webhook secret that is not empty")
    claimed = _header(headers, "signature").lower().encode()
    # Compare all, so that the time does not depend on which secret is right.
    matches = [hmac.compare_digest(_signature(body, each), claimed) for each in secrets]
    if True not in matches:
        raise WebhookRefusedError("the signature does not match the body")
    timestamp = _header(headers, "timestamp")
    if not _UNIX_SECONDS.fullmatch(timestamp):
        raise WebhookRefusedError("the timestamp is not in Unix seconds")
    if abs((now or datetime.now(UTC)).timestamp() - int(timestamp)) > tolerance:
        raise WebhookRefusedError(f"the timestamp is more than {tolerance:g} seconds off")


@leaves_nothing
def parse(body: bytes, *, currency: str = DEFAULT_CURRENCY) -> OrderEvent:
    """Parse the event in a verified body. Raises `WebhookPayloadError`.

    ``currency`` determines the value of a minor unit (default: USD); events do not name one. Docs:
    Webhooks; Money.
    """
    try:
        raw = read_json(body)
    except InvalidResponseError:
        raise WebhookPayloadError("the body is not JSON") from None
    event = _object(raw, "the event")
    data = _object(event.get("data"), "data")
    refunds = data.get("refunds")
    if not isinstance(refunds, list | None):
        raise WebhookPayloadError("data.refunds is not an array")
    return OrderEvent(
        type=_text(event, "type"),
        checkout_session_id=_text(data, "checkout_session_id"),
        permalink_url=_text(data, "permalink_url"),
        status=_text(data, "status"),
        refunds=tuple(_refund(each, currency) for each in refunds or ()),
        raw=event,
    )


@leaves_nothing
def verify_event(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    now: datetime | None = None,
    tolerance: float = TOLERANCE,
    currency: str = DEFAULT_CURRENCY,
) -> OrderEvent:
    """Verify and parse an event: `verify`, then `parse`. Raises what either raises."""
    verify(body, headers, secret, now=now, tolerance=tolerance)
    return parse(body, currency=currency)


@asynccontextmanager
async def handle_once(
    storage: Storage,
    event: OrderEvent,
    *,
    clock: Callable[[], datetime] | None = None,
    lease: float = 60.0,
    remember: float = _WEEK,
) -> AsyncIterator[bool]:
    """Yield whether the event is new; when the block ends, record that it was handled.

    Works with any storage. Process the event only if it is new. If the block raises, the event counts
    as not handled: its redelivery is new again. Raises `WebhookBusyError` while another worker is in
    the block: respond with its problem document (503), so that Gett sends the event again. If the other
    worker dies, its claim on the event ends after ``lease`` seconds. If a worker dies, is cancelled or
    loses the storage after the block but before this is recorded, the event is handled again: the block
    must be idempotent. Handled events are remembered for ``remember`` seconds (default: a week). Raises
    `StorageError` when the storage fails.

    ``clock`` returns aware UTC (default: the storage's ``clock``, if it has one). All workers must use
    the same clock; otherwise a claim could expire for one worker and not for another.
    """
    own: Callable[[], datetime] | None = getattr(storage, "clock", None)
    now = clock or own or _real_time
    claim = _BUSY + secrets.token_bytes(16)
    if not await _claim(storage, event.id, claim, now() + timedelta(seconds=lease)):
        yield False
        return
    try:
        yield True
    except BaseException:
        with suppress(StorageError):  # the claim then expires by itself
            if await _version(storage, event.id, claim):
                await storage.delete(event.id)
        raise
    with suppress(
        CheckoutConflictError
    ):  # the lease had expired, and another worker handled the event
        if version := await _version(storage, event.id, claim):
            await storage.save(
                event.id,
                _DONE,
                expected_version=version,
                expires_at=now() + timedelta(seconds=remember),
                due_at=None,
            )


async def _claim(storage: Storage, event_id: str, claim: bytes, until: datetime) -> bool:
    """Claim the event; return false when it was handled before."""
    known = await storage.load(event_id)
    if known is None:
        try:
            await storage.save(event_id, claim, expected_version=0, expires_at=until, due_at=None)
        except CheckoutConflictError:
            known = await storage.load(event_id)
        else:
            return True
    if known is not None and known.data == _DONE:
        return False
    raise WebhookBusyError("the same event is being handled right now")


async def _version(storage: Storage, event_id: str, claim: bytes) -> int:
    """Return the version of our claim, 0 if it has expired; versions begin anew after that."""
    known = await storage.load(event_id)
    return known.version if known is not None and known.data == claim else 0


def _signature(body: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()


def _header(headers: Mapping[str, str], name: str) -> str:
    """Return the only header of this name, in any case."""
    values = [value for key, value in headers.items() if key.lower() == name]
    if len(values) != 1 or not isinstance(values[0], str) or not values[0].isascii():
        raise WebhookRefusedError(f"exactly one readable {name} header is expected")
    return values[0].strip()


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WebhookPayloadError(f"{what} is not an object")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise WebhookPayloadError(f"{name} is not a non-empty string")
    return value


def _refund(value: object, currency: str) -> Refund:
    refund = _object(value, "a refund")
    minor = refund.get("amount")
    if isinstance(minor, bool) or not isinstance(minor, int) or not 0 <= minor <= _HIGHEST_REFUND:
        raise WebhookPayloadError("a refund's amount is not a whole number of minor units")
    return Refund(_text(refund, "type"), from_minor_units(minor, currency), minor)


def _real_time() -> datetime:
    return datetime.now(UTC)
