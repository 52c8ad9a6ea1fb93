"""The hand-over of an order to the partner's own books, at least once.

The first attempt begins with the save that records the order, so that none can be lost in between. Its
worker has the exclusive right to hand it over for a while; after that, or after a failure, any worker
may try.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from gett_checkout._core.order import Amounts, Order
from gett_checkout._core.placement import pause_after
from gett_checkout._hidden import hidden

# A handler that takes longer is cancelled, and called again; other workers wait slightly longer.
LONGEST: Final = timedelta(seconds=30)
LEASE: Final = LONGEST + timedelta(seconds=5)


@frozen
class PlacedOrder:
    """An order to be recorded in the partner's own system.

    Store it under ``checkout_id``, a bearer secret: the same order may be handed over more than once.
    ``order`` carries Gett's order id; that id is ``None`` while Gett has only confirmed that the order
    exists. ``amounts`` are in major units: those Gett returned with the order or, if it returned none,
    those of the quote the order was placed with. ``metadata`` was passed to `Checkouts.start`,
    ``partner_user_id`` is from the `Identity`; ``placed_at`` is when the order became known (aware
    UTC).
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
    """The state of handing the order over to the partner.

    ``attempts`` counts the calls of the handler, ``lease_until`` is the time limit of the current one,
    ``look_again_at`` when the next one is due, ``done_at`` when one returned. ``last_error`` is the
    class name of the last call's error.
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
        """Return when any worker may call the handler; ``None``: now."""
        return self.lease_until or self.look_again_at

    def is_due(self, now: datetime) -> bool:
        """Whether the handler should be called, and no worker is calling it."""
        return self.is_pending and (self.due_at is None or now >= self.due_at)

    def is_free(self, now: datetime) -> bool:
        """Whether the handler may be called, even before it is due: no worker is calling it."""
        return self.is_pending and (self.lease_until is None or now >= self.lease_until)

    def is_unresolved(self, now: datetime) -> bool:
        """Whether the order is not handed over, and no first attempt is running."""
        return self.is_pending and (self.last_error is not None or self.is_due(now))

    def begun(self, now: datetime) -> HandOver:
        """Return the same with a call in progress."""
        return evolve(self, attempts=self.attempts + 1, lease_until=now + LEASE, done_at=None)

    def wanted_again(self) -> HandOver:
        """Return the same, due at once on a worker that has the handler."""
        return evolve(self, lease_until=None, look_again_at=None, done_at=None)

    def done(self, now: datetime) -> HandOver:
        """Return the same after the handler returned."""
        return evolve(self, lease_until=None, look_again_at=None, last_error=None, done_at=now)

    def failed(self, now: datetime, error: str) -> HandOver:
        """Return the same after the handler raised: due again after a growing pause."""
        again = now + pause_after(self.attempts - 1)
        return evolve(self, lease_until=None, look_again_at=again, last_error=error)
