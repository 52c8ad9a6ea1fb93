"""The events that hooks receive: frozen values without credentials, card data or contact data.

All durations are in seconds. Errors are named by their class, which keeps messages out of logs and
cardinality low; ``cause`` names the underlying cause, also with low cardinality: ``timeout``,
``ServerDisconnected``, ``HTTP 502``. ``checkout`` is a short digest of the checkout's id (`digest`),
because anyone who knows the id can place the order; it is ``None`` for events that concern no checkout.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

from attrs import frozen

Outcome = Literal["placed", "rejected", "not_placed", "unknown", "key_expired", "duplicate_order"]
Reason = Literal["unknown", "key_expired", "duplicate_order", "not_handed_over", "unreadable"]


def digest(checkout_id: str) -> str:
    """Return a checkout's name in logs, events and spans: 12 hex digits of its id's SHA-256."""
    return sha256(checkout_id.encode(errors="surrogatepass")).hexdigest()[:12]


@frozen
class StepStarted:
    """A step of a checkout has begun.

    The earlier steps have finished; this one has not done anything yet.
    """

    checkout: str
    step: str


@frozen
class StepFinished:
    """The step has ended, and the checkout is at ``stage``.

    ``error`` is the class name of the error it raised; ``CancelledError`` when it was cancelled.
    """

    checkout: str
    step: str
    stage: str
    seconds: float
    error: str | None


@frozen
class StageChanged:
    """The checkout was saved at another stage, or its price expired (back to ``validate``)."""

    checkout: str
    before: str
    after: str


@frozen
class SessionUpgraded:
    """A session was replaced by one of a higher level, and saved; a first session is no upgrade."""

    checkout: str
    before: str
    after: str


@frozen
class _Request:
    checkout: str | None
    operation: str
    method: str
    route: str
    host: str
    port: int
    attempt: int


@frozen
class RequestStarted(_Request):
    """A request is about to be sent. ``route`` is the path's template: ``/stores/{store_id}``.

    ``attempt`` counts from 1; for a placement, over all its attempts by any worker.
    """


@frozen
class RequestFinished(_Request):
    """The request has ended: with a response, with a failure, or because the caller was cancelled.

    ``status`` is the response's, if one came; ``error`` is the class name of the error raised;
    ``error_code`` and ``request_id`` are Gett's own, from a rejection.
    """

    status: int | None
    seconds: float
    error: str | None
    error_code: str | None
    request_id: str | None
    cause: str | None = None


@frozen
class RetryScheduled:
    """``attempt`` will be made after ``wait`` seconds; ``reason`` is the last attempt's error class.

    A first attempt also waits when this minute's requests are used up: ``reason`` is ``rate_limit``.
    ``idempotency_key`` is set for a placement.
    """

    checkout: str | None
    operation: str
    attempt: int
    wait: float
    reason: str
    cause: str | None = None
    idempotency_key: str | None = None


@frozen
class PlacementOutcome:
    """The outcome of a placement after ``attempts`` attempts. It has been saved.

    ``placed``, ``rejected`` and ``not_placed`` end it, unless a late response reveals an order.
    ``not_placed`` means that no order was created, for a reason outside the order: for example, the
    request was never sent. ``unknown`` is not final: another event follows once the outcome is known.
    ``key_expired`` (the order is never sent again) and ``duplicate_order`` (two orders placed under one
    key) need an operator, who quotes the ``idempotency_key`` to Gett. ``order_id`` is Gett's, if it is
    known; for a duplicate it is the second one. ``error`` is the class name of the last attempt's
    error. ``by_person`` is true when an operator reported the outcome with `Checkouts.resolve`.
    """

    checkout: str
    outcome: Outcome
    attempts: int
    idempotency_key: str | None
    order_id: str | None = None
    error: str | None = None
    cause: str | None = None
    by_person: bool = False


@frozen
class OrderHandedOver:
    """``on_placed`` was called with the order for the ``attempt``-th time.

    ``error`` is the class name of the error it raised, ``TimeoutError`` when it took too long; it is
    then called again after ``wait`` seconds, on any worker.
    """

    checkout: str
    order_id: str | None
    attempt: int
    seconds: float
    error: str | None
    wait: float | None


@frozen
class UnresolvedCounted:
    """How many checkouts are unresolved for one ``reason``, a reason of `Unresolved`.

    ``oldest`` is the age of the oldest in seconds; 0 without one, or if no age is known. Each pass of
    `Checkouts.keep_reconciling` and each call of `Checkouts.unresolved` sends one for every reason.
    ``checkout`` is ``None``.
    """

    checkout: None
    reason: Reason
    count: int
    oldest: float


Event = (
    StepStarted
    | StepFinished
    | StageChanged
    | SessionUpgraded
    | RequestStarted
    | RequestFinished
    | RetryScheduled
    | PlacementOutcome
    | OrderHandedOver
    | UnresolvedCounted
)

ENDS: Final = frozenset({StepFinished, RequestFinished})  # events that end what another event began
