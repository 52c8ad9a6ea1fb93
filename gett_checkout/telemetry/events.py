"""What hooks are told. Frozen values; none holds a credential, card data or contact data.

All durations are seconds. Errors are named by their class, which keeps what they say out of logs
and the number of different values small; ``cause`` says what was behind one in a word or two, of few
values: ``timeout``, ``ServerDisconnected``, ``HTTP 502``. ``checkout`` is a short digest of the
checkout's id (`digest`), because anyone who knows the id can place the order; it is ``None`` for what is
about no checkout.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

from attrs import frozen

Outcome = Literal["placed", "rejected", "not_placed", "unknown", "key_expired", "duplicate_order"]


def digest(checkout_id: str) -> str:
    """What logs, events and spans call a checkout: the first 12 hex digits of its id's SHA-256."""
    return sha256(checkout_id.encode(errors="surrogatepass")).hexdigest()[:12]


@frozen
class StepStarted:
    """A step of a checkout has begun: it has its turn, and nothing is done yet."""

    checkout: str
    step: str


@frozen
class StepFinished:
    """The step is over, and the checkout stands at ``stage``.

    ``error`` is the class name of what it raised; ``CancelledError`` when it was left.
    """

    checkout: str
    step: str
    stage: str
    seconds: float
    error: str | None


@frozen
class StageChanged:
    """The checkout went to another stage, which is saved; or its price ran out, back to ``validate``."""

    checkout: str
    before: str
    after: str


@frozen
class SessionUpgraded:
    """A session gave way to one of a higher level, which is saved. The first session is no upgrade."""

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

    ``attempt`` counts from 1; of a placement, over all its attempts, whichever worker made them.
    """


@frozen
class RequestFinished(_Request):
    """The request is over: it got a response, failed, or was left by a cancelled caller.

    ``status`` is the response's, if one came; ``error`` the class name of what was raised;
    ``error_code`` and ``request_id`` are Gett's own, of a rejection.
    """

    status: int | None
    seconds: float
    error: str | None
    error_code: str | None
    request_id: str | None
    cause: str | None = None


@frozen
class RetryScheduled:
    """``attempt`` is made after ``wait`` seconds, because of ``reason``: the last one's error, by class.

    A first attempt waits too when this minute's requests are used up: ``reason`` is ``rate_limit``.
    ``idempotency_key`` is that of a placement.
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
    """What became of a placement after so many ``attempts``; it is saved.

    ``placed``, ``rejected`` and ``not_placed`` (Gett could not be asked) conclude it. ``unknown`` does
    not, and another one follows once it is known. ``key_expired``, which is never sent again, and
    ``duplicate_order``, of one key, want a person, who quotes the ``idempotency_key`` to Gett.
    ``order_id`` is Gett's, if it is known; of a duplicate it is the second one. ``error`` is the class
    name of what the last attempt raised. ``by_person``: somebody said so, by `Checkouts.resolve`.
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

    ``error`` is the class name of what it raised, ``TimeoutError`` when it took too long; then it is
    called again after ``wait`` seconds, on any worker.
    """

    checkout: str
    order_id: str | None
    attempt: int
    seconds: float
    error: str | None
    wait: float | None


@frozen
class UnresolvedCounted:
    """So many placements are unresolved, and the oldest has been for ``oldest`` seconds; 0 without one.

    Told by each pass of `Checkouts.keep_reconciling`, and by `Checkouts.unresolved`. ``checkout`` is
    ``None``.
    """

    checkout: None
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

ENDS: Final = frozenset({StepFinished, RequestFinished})  # of what another event began
