"""The hand-over of an order to the partner's own books, at least once.

The first attempt begins with the save that makes the order known, so that none can be forgotten in
between. Its worker is alone with it for a while; after that, or after a failure, any worker may try.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from gett_checkout._core.order import Amounts, Order
from gett_checkout._core.placement import pause_after
from gett_checkout._hidden import hidden

# A handler that takes longer is stopped, and called again; others wait for a little longer than that.
LONGEST: Final = timedelta(seconds=30)
LEASE: Final = LONGEST + timedelta(seconds=5)


@frozen
class PlacedOrder:
    """An order as it is handed over to the partner's own books.

    ``checkout_id`` is the key to store it under: the same order may be handed over more than once.
    ``order`` has Gett's id of it, or ``None`` while all Gett says is that it exists. ``amounts`` are in
    major units, Gett's of the order or else of the price it was placed for. ``metadata`` is what
    `Checkouts.start` was given, ``partner_user_id`` that of the `Identity`; ``placed_at`` is when the order
    became known (aware UTC).
    """

    checkout_id: str = field(repr=False)
    order: Order
    amounts: Amounts | None
    fulfillment_type: str | None
    metadata: Mapping[str, str]
    idempotency_key: str | None
    placed_at: datetime
    partner_user_id: str | None = field(default=None, repr=False, converter=hidden)


OnPlaced = Callable[[PlacedOrder], Awaitable[object]]


@frozen
class HandOver:
    """The partner wants to be told of the order.

    ``attempts`` counts the calls of the handler, ``lease_until`` is how long the one under way may take,
    ``look_again_at`` when the next one is due, ``done_at`` when one returned. ``last_error`` is the
    class of what the last one raised.
    """

    attempts: int = 0
    lease_until: datetime | None = None
    look_again_at: datetime | None = None
    last_error: str | None = None
    done_at: datetime | None = None

    @property
    def is_pending(self) -> bool:
        """Whether no handler has returned yet."""
        return self.done_at is None

    @property
    def due_at(self) -> datetime | None:
        """When anybody may call the handler; ``None``: now."""
        return self.lease_until or self.look_again_at

    def is_due(self, now: datetime) -> bool:
        """Whether the handler is to be called, and nobody is at it."""
        return self.is_pending and (self.due_at is None or now >= self.due_at)

    def is_unresolved(self, now: datetime) -> bool:
        """Whether the order is not in the books, and nobody is at work on it for the first time."""
        return self.is_pending and (self.last_error is not None or self.is_due(now))

    def begun(self, now: datetime) -> HandOver:
        """The same with a call under way."""
        return evolve(self, attempts=self.attempts + 1, lease_until=now + LEASE, done_at=None)

    def wanted_again(self) -> HandOver:
        """The same, due at once on a worker that has the handler."""
        return evolve(self, lease_until=None, look_again_at=None, done_at=None)

    def done(self, now: datetime) -> HandOver:
        """The same once the handler returned."""
        return evolve(self, lease_until=None, look_again_at=None, last_error=None, done_at=now)

    def failed(self, now: datetime, error: str) -> HandOver:
        """The same after the handler raised: due again after a growing pause."""
        again = now + pause_after(self.attempts - 1)
        return evolve(self, lease_until=None, look_again_at=again, last_error=error)
