"""A placement in progress: its key and exact body, and the meaning of a response to it.

The key is made once, outside any retry, and saved with the body before the first byte is sent; it is
never used for another body. Docs: Idempotency (repeating the key returns the original response for 24
hours; after that the same key would make a new order).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from attrs import evolve, field, frozen

from gett_checkout._core.blame import blamed
from gett_checkout._core.codes import Part
from gett_checkout._hidden import hidden
from gett_checkout.errors import (
    ApiError,
    GettCheckoutError,
    OrderAlreadyPlacedError,
    PaymentFailedError,
    TransportError,
)

KEY_LIFE: Final = timedelta(hours=24)
# Clocks differ and a request takes a while: a key this close to its end is no longer used.
KEY_MARGIN: Final = timedelta(hours=1)
COME_BACK: Final = 2.0
# A request without a response may still be running for this long; until then a rejection of the next
# one does not prove that there is no order.
QUIET: Final = timedelta(seconds=60)
# Food gets cold: an unknown outcome is asked for soon, and at least this often.
_PAUSES: Final = (15, 30, 60, 120, *[300] * 13)
_LONGEST_PAUSE: Final = 900
# The due time of a checkout that only an operator can conclude.
NEVER: Final = datetime(2200, 1, 1, tzinfo=UTC)


def pause_after(passes: int) -> timedelta:
    """Return the wait after this many unsuccessful passes: 15 s, 30 s, 1, 2, 5 min, then every 5
    minutes for an hour, then every 15.
    """
    return timedelta(seconds=_PAUSES[passes] if passes < len(_PAUSES) else _LONGEST_PAUSE)


@frozen
class Placement:
    """A placement, as saved before it is sent.

    ``lease_until`` limits how long the worker that saved it may be sending; no other worker sends
    before. ``sent_at`` is when the current attempt began, ``unanswered_at`` when the last attempt
    without a response was given up. ``token_is_fresh``: no earlier placement was sent with this quote's
    token. ``passes`` counts how often `reconcile` could not resolve the outcome, ``look_again_at`` is
    when it tries next. ``wait_until``: Gett asked to wait until then. ``is_lost``: the checkout is no
    longer stored, so only this process knows of it. ``last_error`` names the last attempt's error.
    """

    idempotency_key: str
    body: str = field(repr=False, converter=hidden)
    digest: str
    begun_at: datetime
    lease_until: datetime
    attempts: int = 1
    sent_at: datetime | None = None
    unanswered_at: datetime | None = None
    token_is_fresh: bool = True
    passes: int = 0
    look_again_at: datetime | None = None
    wait_until: datetime | None = None
    is_lost: bool = False
    last_error: str | None = None

    def key_is_expired(self, now: datetime) -> bool:
        """Whether the key is so old that sending it again might make a second order."""
        return now >= self.begun_at + KEY_LIFE - KEY_MARGIN

    def lease_left(self, now: datetime) -> float:
        """Return how many seconds another worker may still be sending; 0 when none is."""
        return max((self.lease_until - now).total_seconds(), 0.0)

    def busy_for(self, now: datetime) -> float:
        """Return when to try again, in seconds, while another worker may be sending; 0 when none is.

        Sooner than the end of the lease, because most responses come long before.
        """
        return min(self.lease_left(now), COME_BACK)

    def come_back_after(self, now: datetime) -> float:
        """Return the seconds until it is worth asking again, no sooner than Gett asked for; 0 for now."""
        asked = (self.wait_until - now).total_seconds() if self.wait_until else 0.0
        return max(self.busy_for(now), asked)

    def is_quiet(self, now: datetime) -> bool:
        """Whether no unanswered request can still be running."""
        return self.unanswered_at is None or now >= self.unanswered_at + QUIET

    def is_unresolved(self, now: datetime) -> bool:
        """Whether the outcome is unknown: an attempt got no response, or its worker is gone."""
        return self.unanswered_at is not None or not self.lease_left(now)

    def can_be_asked(self, now: datetime) -> bool:
        """Whether Gett can still be asked for the outcome: with the same bytes under the same key."""
        return self.is_intact() and not self.is_lost and not self.key_is_expired(now)

    def due_at(self, now: datetime) -> datetime:
        """Return when any worker may process it; `NEVER` when only an operator can."""
        if self.key_is_expired(now):
            return NEVER
        times = (self.lease_until, self.look_again_at, self.wait_until)
        return max(each for each in times if each is not None)

    def postponed(self, began: datetime) -> Placement:
        """Return the placement after a pass, begun then, that did not resolve its outcome."""
        passes = self.passes + 1
        return evolve(self, passes=passes, look_again_at=began + pause_after(passes))

    def attempted(self, now: datetime, lease: timedelta, wait: float = 0.0) -> Placement:
        """Return the placement with a further attempt, which begins after ``wait`` s and has ``lease``."""
        begins = now + timedelta(seconds=wait)
        return evolve(self, attempts=self.attempts + 1, sent_at=begins, lease_until=begins + lease)

    def ended(self, *, unanswered_at: datetime | None) -> Placement:
        """Return the placement after the current attempt; ``unanswered_at`` is set if it got no response."""
        return evolve(self, sent_at=None, unanswered_at=unanswered_at or self.unanswered_at)

    def failed(self, error: GettCheckoutError, now: datetime) -> Placement:
        """Return the placement after a failed attempt, which may still be running if it may take effect."""
        ended = self.ended(unanswered_at=now if error.may_have_had_effect else None)
        return evolve(ended, last_error=name_of(error))

    def released(self, now: datetime, wait: float | None = None) -> Placement:
        """Return the placement with its lease released; Gett may have asked to ``wait`` some seconds."""
        wait_until = now + timedelta(seconds=wait) if wait else None
        planned = self.look_again_at
        look_again_at = planned if planned and planned > now else now + pause_after(self.passes)
        return evolve(self, lease_until=now, wait_until=wait_until, look_again_at=look_again_at)

    def is_intact(self) -> bool:
        """Whether the body is the one its key was made for."""
        return digest(self.body) == self.digest


class Outcome(StrEnum):
    """What an attempt without an order in its response says about the order."""

    EXISTS = "exists"  # the response is evidence that an earlier attempt made the order
    REFUSED = "refused"  # final: there is no order, and a part of it must change
    TRY_AGAIN = "try_again"  # the payment failed temporarily: same key
    NOT_PLACED = "not_placed"  # certainly no order, and nothing in it is to blame
    UNKNOWN = "unknown"


def name_of(error: GettCheckoutError) -> str:
    """Return an error's short name: its class and its cause."""
    kind = type(error).__name__
    return f"{kind} ({error.cause})" if error.cause else kind


def digest(body: str) -> str:
    """Return the SHA-256 of the body, in hex."""
    return hashlib.sha256(body.encode()).hexdigest()


def judge(
    error: GettCheckoutError,
    *,
    sent_before: bool,
    is_quiet: bool = True,
    token_is_fresh: bool = True,
) -> Outcome:
    """Decide what an attempt's failure says about the order.

    ``sent_before``: an earlier attempt under this key may have arrived and its response is unknown, so
    a rejection of this attempt no longer means that there is no order. The earlier one may even be
    running still, unless ``is_quiet``: then a rejection proves nothing either. That something is used
    up proves that there is an order only when ``token_is_fresh``.
    """
    outcome = _judge(error, sent_before=sent_before, token_is_fresh=token_is_fresh)
    if not sent_before or isinstance(error, OrderAlreadyPlacedError):
        return outcome
    if not is_quiet:
        return Outcome.UNKNOWN
    # Had an earlier attempt made the order, the key would have returned its response.
    is_other_response = isinstance(error, ApiError) and error.status in (400, 422)
    return Outcome.REFUSED if outcome is Outcome.UNKNOWN and is_other_response else outcome


def _judge(error: GettCheckoutError, *, sent_before: bool, token_is_fresh: bool) -> Outcome:
    if isinstance(error, TransportError) and not error.may_have_had_effect:
        return Outcome.UNKNOWN if sent_before else Outcome.NOT_PLACED
    if not isinstance(error, ApiError) or error.may_have_had_effect:
        return Outcome.UNKNOWN
    if isinstance(error, OrderAlreadyPlacedError):
        return Outcome.EXISTS
    if isinstance(error, PaymentFailedError):
        return Outcome.TRY_AGAIN
    match blamed(error):
        case Part.INTEGRATION | Part.SERVICE:
            return Outcome.UNKNOWN if sent_before else Outcome.NOT_PLACED
        case Part.USED if sent_before:
            # Gett allows a retry, so the first request may still be running.
            is_at_work = error.retryable or error.retry_after is not None
            is_evidence = error.code == "CONFLICT" and token_is_fresh and not is_at_work
            return Outcome.EXISTS if is_evidence else Outcome.UNKNOWN
        case _:
            return Outcome.REFUSED
