"""Order events that Gett posts to the partner's server: verified, read, and kept from being handled twice.

::

    async def order_events(request):
        try:
            event = verify_event(await request.read(), request.headers, SECRET)
            async with handle_once(storage, event) as is_new:
                if is_new:
                    ...  # do what the event asks for; raise, and it comes again
        except WebhookError as error:
            problem = error.to_problem()
            return json_response(problem, status=problem["status"])
        return json_response({"received": True})

Docs: Webhooks; Money (refunds are in minor units). The signature covers the body alone, so a fresh
timestamp proves little: `handle_once` is what stands against a replay.
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
"""How far a timestamp may be off, in seconds, both ways."""

_UNIX_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_HIGHEST_REFUND: Final = 10**12  # minor units
_WEEK: Final = 7 * 24 * 3600.0
_BUSY: Final = b"webhook being handled"
_DONE: Final = b"webhook handled"


@frozen
class Refund:
    """Money given back. ``amount`` is in major units, ``minor`` what the event says: 10.50 and 1050.

    ``type`` is documented as store_credit or original_payment; another word is kept as it came.
    """

    type: str
    amount: Decimal
    minor: int


@frozen
class OrderEvent:
    """What became of an order.

    ``type`` is documented as order_create or order_update, ``status`` as created, manual_review,
    confirmed, canceled, shipped or fulfilled; another word is kept as it came. ``raw`` is the
    whole event, with members this release knows nothing of. Docs: Webhooks.
    """

    type: str
    checkout_session_id: str
    permalink_url: str
    status: str
    refunds: tuple[Refund, ...] = ()
    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    @property
    def id(self) -> str:
        """The same for every delivery of the event; events have no id of their own, so it is a digest."""
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
    """Make sure that Gett sent this ``body``, and just now; `WebhookRefusedError` otherwise.

    ``body`` is what arrived, byte for byte. ``secret`` is the webhook secret, or several while it
    is being changed. ``now`` is aware UTC, the real time unless given; ``tolerance`` is how far the
    timestamp may be off either way, in seconds, 300 unless given. Signatures are compared in
    constant time. Docs: Webhooks.
    """
    if not isinstance(body, bytes):
        raise InvalidInputError("pass the body as the bytes that arrived, not parsed or decoded")
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets or not all(isinstance(each, str) and each for each in secrets):
        raise InvalidInputError("pass a webhook secret that is not empty")
    claimed = _header(headers, "signature").lower().encode()
    # All are compared, so that it takes the same time whichever secret is right.
    matches = [hmac.compare_digest(_signature(body, each), claimed) for each in secrets]
    if True not in matches:
        raise WebhookRefusedError("the signature is not that of the body")
    timestamp = _header(headers, "timestamp")
    if not _UNIX_SECONDS.fullmatch(timestamp):
        raise WebhookRefusedError("the timestamp is not in Unix seconds")
    if abs((now or datetime.now(UTC)).timestamp() - int(timestamp)) > tolerance:
        raise WebhookRefusedError(f"the timestamp is more than {tolerance:g} seconds off")


@leaves_nothing
def parse(body: bytes, *, currency: str = DEFAULT_CURRENCY) -> OrderEvent:
    """The event in a verified body; `WebhookPayloadError` when there is none.

    ``currency`` says what a minor unit is worth, USD unless given; events do not name one. Docs:
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
    """The event in a body: `verify`, then `parse`; what either raises."""
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
    """Handle an event in the block if it is new, and remember that it was; any storage will do.

    Gives whether it is new. A block that raises has not handled it: its redelivery is new again.
    While another worker is in the block, `WebhookBusyError`: the answer makes Gett come back, and
    if that worker dies its claim ends after ``lease`` seconds. So when a worker dies, is cancelled
    or loses the storage just behind the block, before it is remembered, the event is handled again:
    what the block does must bear that. It is remembered for ``remember`` seconds (default: a week).
    Raises `StorageError` when the storage fails. ``clock`` gives aware UTC (default: the storage's
    ``clock``, if it has one): with two clocks a claim may be over for one and not for the other.
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
        with suppress(StorageError):  # then the claim ends by itself
            if await _version(storage, event.id, claim):
                await storage.delete(event.id)
        raise
    with suppress(CheckoutConflictError):  # the lease was over, and another worker did the same
        if version := await _version(storage, event.id, claim):
            await storage.save(
                event.id,
                _DONE,
                expected_version=version,
                expires_at=now() + timedelta(seconds=remember),
                due_at=None,
            )


async def _claim(storage: Storage, event_id: str, claim: bytes, until: datetime) -> bool:
    """Whether the event is ours to handle; false when it was handled before."""
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
    """The version of our claim while it is ours still; versions begin anew when a claim has ended."""
    known = await storage.load(event_id)
    return known.version if known is not None and known.data == claim else 0


def _signature(body: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()


def _header(headers: Mapping[str, str], name: str) -> str:
    """The one header of this name, however its letters are cased."""
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
        raise WebhookPayloadError(f"{name} is not a string with something in it")
    return value


def _refund(value: object, currency: str) -> Refund:
    refund = _object(value, "a refund")
    minor = refund.get("amount")
    if isinstance(minor, bool) or not isinstance(minor, int) or not 0 <= minor <= _HIGHEST_REFUND:
        raise WebhookPayloadError("a refund's amount is not a whole number of minor units")
    return Refund(_text(refund, "type"), from_minor_units(minor, currency), minor)


def _real_time() -> datetime:
    return datetime.now(UTC)
