"""What hooks are told. Frozen values; none holds a credential, card data or contact data.

All durations are seconds. Errors are named by their class, which keeps what they say out of logs
and the number of different values small. ``checkout_id`` is ``None`` for requests outside a checkout.
"""

from __future__ import annotations

from typing import Final, Literal

from attrs import frozen

Outcome = Literal["placed", "refused", "not_placed", "unknown", "key_expired", "duplicate_order"]


@frozen
class StepStarted:
    """A step of a checkout has begun: it has its turn, and nothing is done yet."""

    checkout_id: str
    step: str


@frozen
class StepFinished:
    """The step is over, and the checkout stands at ``stage``.

    ``error`` is the class name of what it raised; ``CancelledError`` when it was left.
    """

    checkout_id: str
    step: str
    stage: str
    seconds: float
    error: str | None


@frozen
class StageChanged:
    """The checkout went to another stage, which is saved; or its price ran out, back to ``validate``."""

    checkout_id: str
    before: str
    after: str


@frozen
class SessionUpgraded:
    """A session gave way to one of a higher level, which is saved. The first session is no upgrade."""

    checkout_id: str
    before: str
    after: str


@frozen
class _Request:
    checkout_id: str | None
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
    """The request is over: answered, failed, or left by a cancelled caller.

    ``status`` is the answer's, if one came; ``error`` the class name of what was raised;
    ``error_code`` and ``request_id`` are Gett's own, of a refusal.
    """

    status: int | None
    seconds: float
    error: str | None
    error_code: str | None
    request_id: str | None


@frozen
class RetryScheduled:
    """``attempt`` is made after ``wait`` seconds, because of ``reason``: the last one's error, by class.

    A first attempt waits too when this minute's requests are used up: ``reason`` is ``rate_limit``.
    """

    checkout_id: str | None
    operation: str
    attempt: int
    wait: float
    reason: str


@frozen
class PlacementOutcome:
    """What became of a placement after so many ``attempts``; it is saved.

    ``placed``, ``refused`` and ``not_placed`` (Gett could not be asked) resolve it. ``unknown`` does
    not, and another one follows when it is resolved. ``key_expired``, which is never sent again, and
    ``duplicate_order``, of one key, want a person, who quotes the ``idempotency_key`` to Gett.
    """

    checkout_id: str
    outcome: Outcome
    attempts: int
    idempotency_key: str | None


Event = (
    StepStarted
    | StepFinished
    | StageChanged
    | SessionUpgraded
    | RequestStarted
    | RequestFinished
    | RetryScheduled
    | PlacementOutcome
)

ENDS: Final = frozenset({StepFinished, RequestFinished})  # of what another event began
