"""Whether and when a failed request is sent again. Pure: the clock and the jitter are passed in.

Docs: Errors (``retryable``, ``retryAfter``; else 1, 2, 4 … at most 30 s). ``_wire/problems.py`` reads
an error's ``retry_after`` from the document, the header, or the end of the rate limit's minute.
Placements are not decided here but by their idempotency key, in ``placement.py``.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

from gett_checkout._core.validators import at_least
from gett_checkout.errors import ApiError, GettCheckoutError, TransportError

_NEEDS = "a retry policy needs at least one attempt and no negative seconds"


class Repeat(StrEnum):
    """When a failed request may be sent again."""

    ALWAYS = "always"  # sending it twice has the same effect as once
    UNDELIVERED = "undelivered"  # only when it certainly had no effect
    BY_KEY = "by_key"  # never automatically: the placement decides, under its idempotency key


@frozen
class RetryPolicy:
    """The retry limits of a call. All durations are in seconds.

    A call is attempted at most ``max_attempts`` times, and no attempt begins more than ``max_elapsed``
    after the call began: a failure after that is not retried. In a checkout's step, ``max_elapsed`` is
    measured from the beginning of the step, for all its calls. Without a ``retryAfter`` the waits grow
    from ``initial_backoff`` by doubling, up to ``max_backoff``, with a jitter of one fifth either way,
    so that clients do not all retry at the same moment. Within an attempt, aiohttp sends a GET once more
    when the server has closed an idle connection.
    """

    max_attempts: int = field(default=4, validator=at_least(1, _NEEDS))
    max_elapsed: float = field(default=12.0, validator=at_least(0, _NEEDS))
    initial_backoff: float = field(default=1.0, validator=at_least(0, _NEEDS))
    max_backoff: float = field(default=30.0, validator=at_least(0, _NEEDS))

    def backoff(self, tried: int, jitter: float) -> float:
        """Return the wait after ``tried`` attempts; ``jitter`` is a random number from 0 up to 1."""
        wait = min(self.initial_backoff * 2.0 ** min(tried - 1, 60), self.max_backoff)
        return wait * (0.8 + 0.4 * jitter)

    def next_wait(
        self, error: GettCheckoutError, *, tried: int, elapsed: float, jitter: float
    ) -> float | None:
        """Return the wait before the next attempt, or ``None`` when there should be none."""
        wait = error.retry_after if error.retry_after is not None else self.backoff(tried, jitter)
        return wait if tried < self.max_attempts and elapsed + wait <= self.max_elapsed else None


def may_repeat(error: GettCheckoutError, repeat: Repeat) -> bool:
    """Whether sending the request again may help and cannot do harm."""
    if repeat is Repeat.BY_KEY:
        return False
    if isinstance(error, TransportError):
        return repeat is Repeat.ALWAYS or not error.may_have_arrived
    if not isinstance(error, ApiError):
        return False
    if error.status == 429:
        return True  # rejected before any work
    silent_gateway = error.status == 504 and not error.code
    return repeat is Repeat.ALWAYS and (error.retryable or silent_gateway)
