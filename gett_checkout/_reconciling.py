"""Unresolved checkouts, the results of processing them, and the loop that does so repeatedly."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Literal

from attrs import field, frozen

from gett_checkout._core.order import Order
from gett_checkout._core.placement import NEVER
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout.errors import GettCheckoutError
from gett_checkout.telemetry.events import Reason, digest

_log: Final = logging.getLogger("gett_checkout")

Outcome = Literal["placed", "not_placed", "unknown", "key_expired"]


@frozen
class Reconciled:
    """The result of processing one checkout.

    ``placed``: ``order`` is set; if ``error`` is set too, handing the order over failed
    (`HandOverError`, or an error of saving), and ``on_placed`` will be called again. Without an
    ``error`` it may still have to be called, on a worker that has it: see `Checkouts.unresolved`.
    ``not_placed``: there is no order, because Gett rejected it or for another reason; ``error`` is
    Gett's rejection, if it came during this call. ``unknown``: the outcome is still unknown because of
    ``error``; a later pass tries again while the checkout is stored. ``key_expired``: the outcome is
    unknown, and it is too late to ask: an operator calls `Checkouts.resolve`.
    """

    checkout_id: str = field(repr=False)
    outcome: Outcome
    order: Order | None = None
    error: GettCheckoutError | None = None

    @property
    def digest(self) -> str:
        """The checkout's name in logs."""
        return digest(self.checkout_id)


@frozen
class Unresolved:
    """An unresolved checkout.

    Its outcome is unknown, its order is not yet recorded in the partner's system, or it needs an
    operator.

    ``digest`` is its name in logs. ``reason`` is one of ``unknown``, ``key_expired`` (needs an
    operator), ``duplicate_order`` (needs an operator), ``not_handed_over`` (``on_placed`` has not
    succeeded), and ``unreadable`` (this release cannot read what is stored). ``since`` is when the
    order was first sent, or became known. ``attempts`` counts the placement requests or, for an order
    that is not handed over, the calls of ``on_placed``; ``last_error`` names the error of the last
    attempt. ``key_age`` is in seconds. ``next_look`` is when `Checkouts.reconcile` tries again, to
    resolve the outcome or to hand the order over. It is ``None`` when it will not try again: the rest
    is for an operator, or the ``reason`` is ``unreadable``. Times are aware UTC.
    """

    checkout_id: str = field(repr=False)
    digest: str
    reason: Reason
    since: datetime | None = None
    attempts: int = 0
    last_error: str | None = None
    idempotency_key: str | None = None
    key_age: float | None = None
    next_look: datetime | None = None
    order_id: str | None = None


def unresolved(state: CheckoutState, now: datetime) -> Unresolved | None:
    """Return why a checkout is unresolved; ``None`` if it is not, or a worker is processing it."""
    placement, hand_over = state.placement, state.hand_over
    reason: Reason
    since, last_error = state.stage_since, None
    attempts = placement.attempts if placement else 0
    if state.stage is Stage.PLACING and placement is not None and placement.is_unresolved(now):
        reason = "key_expired" if placement.key_is_expired(now) else "unknown"
        since, last_error = placement.begun_at, placement.last_error
    elif state.duplicates:
        reason = "duplicate_order"
    elif state.is_for_the_books and hand_over is not None and hand_over.is_unresolved(now):
        reason = "not_handed_over"
        attempts, last_error = hand_over.attempts, hand_over.last_error
    else:
        return None
    due_at = state.due_at(now)
    return Unresolved(
        state.checkout_id,
        digest(state.checkout_id),
        reason,
        since=since,
        attempts=attempts,
        last_error=last_error,
        idempotency_key=placement.idempotency_key if placement else None,
        key_age=(now - placement.begun_at).total_seconds() if placement else None,
        next_look=due_at if due_at != NEVER else None,
        order_id=state.order.order_id if state.order else None,
    )


def outcome_of(state: CheckoutState, error: GettCheckoutError | None, now: datetime) -> Reconciled:
    """Return the result of processing a checkout, from its current state."""
    if state.order is not None:
        return Reconciled(state.checkout_id, "placed", state.order, error)
    if state.stage is not Stage.PLACING:
        return Reconciled(state.checkout_id, "not_placed", None, error)
    is_expired = state.placement is None or state.placement.key_is_expired(now)
    outcome: Outcome = "key_expired" if is_expired else "unknown"
    return Reconciled(state.checkout_id, outcome, None, error)


@asynccontextmanager
async def repeating(
    look: Callable[[], Awaitable[Sequence[Reconciled]]],
    *,
    every: float,
    jitter: Callable[[], float],
) -> AsyncIterator[None]:
    """Call ``look`` about every ``every`` seconds until the end of the block."""

    async def repeat() -> None:
        # Spread workers that started together.
        await asyncio.sleep(every * jitter())
        while True:
            try:
                _tell(await look())
            except GettCheckoutError as error:
                cause = f" ({error.cause})" if error.cause else ""
                _log.warning("reconciling failed: %s%s", type(error).__name__, cause)
            except Exception:  # noqa: BLE001 - or nobody would look any more
                _log.exception("reconciling failed")
            await asyncio.sleep(every * (0.8 + 0.4 * jitter()))

    loop = asyncio.create_task(repeat())
    try:
        yield
    finally:
        loop.cancel()
        await asyncio.wait({loop})


def _tell(found: Sequence[Reconciled]) -> None:
    """Log the results of a pass; at the usual level only if it processed anything."""
    counts = Counter(each.outcome for each in found)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    level = logging.INFO if found else logging.DEBUG
    _log.log(level, "reconciled: %s", said or "nothing was due")
