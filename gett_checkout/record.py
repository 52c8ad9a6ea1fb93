"""The saved state of one checkout: read once, then changed by compare-and-swap only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gett_checkout.core import machine
from gett_checkout.core.machine import Event
from gett_checkout.core.session import Session
from gett_checkout.core.snapshot import Snapshots
from gett_checkout.core.state import CheckoutState, Stage
from gett_checkout.errors import CheckoutNotFoundError, StorageError
from gett_checkout.storage import Storage, Stored
from gett_checkout.telemetry.events import StageChanged
from gett_checkout.telemetry.hooks import Hooks


class Record:
    """A checkout's state and the version it was saved under, one per checkout and process.

    Steps hold ``lock`` while they work, so in one process they follow one another. Against other
    processes the version decides: who saves second gets `CheckoutConflictError`, changes nothing
    and starts again from what is saved. ``opening`` is the session being opened, if one is: it
    goes on when the step that wanted it is cancelled, and the next step begins when it is over, so
    that nothing changes under a step's hands. There is a ``state`` once one was absorbed, or given
    to a checkout that is not saved yet.
    """

    def __init__(
        self,
        checkout_id: str,
        *,
        storage: Storage,
        clock: Callable[[], datetime],
        lifetime: timedelta,
        hooks: Hooks,
    ) -> None:
        self.hooks: Final = hooks.about(checkout_id)
        self.lock: Final = asyncio.Lock()
        self.opening: asyncio.Task[Session] | None = None
        self.version: int = 0
        self.state: CheckoutState
        self._id = checkout_id
        self._newest = 0  # the highest version that may be saved, by us or by others
        self._snapshots = Snapshots()
        self._storage = storage
        self._clock = clock
        self._lifetime = lifetime

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self._clock()

    async def change(self, change: Callable[[CheckoutState], CheckoutState]) -> None:
        """Save what ``change`` makes of the state; only then is it the checkout's.

        A save that was cancelled or failed may have been done all the same, or be done yet, and one
        that was refused tells of another: then `refresh` reads what is saved.
        """
        state = change(self.state)
        placement, now = state.placement, self.now()
        is_due = state.stage is Stage.PLACING and placement and not placement.is_too_old(now)
        data = self._snapshots.dump(state)
        self._newest = self.version + 1
        self.version = await self._storage.save(
            self._id,
            data,
            expected_version=self.version,
            expires_at=now + self._lifetime,
            due_at=placement.due_at if placement and is_due else None,
        )
        self.becomes(state)

    def becomes(self, state: CheckoutState) -> None:
        """Take this as the checkout's state, and tell the hooks if it stands elsewhere now."""
        before, self.state = self.state, state
        if before.stage is not state.stage:
            self.hooks.tell(StageChanged, before.stage.value, state.stage.value)

    async def happen(self, event: Event) -> None:
        """Move the machine and save where it went; `StepNotAllowedError` when it may not."""
        await self.change(lambda state: machine.apply(state, event, self.now()))

    async def refresh(self) -> None:
        """Before a step: start again from what is saved, if that may be something else than we think."""
        if self.opening is not None:
            await asyncio.wait({self.opening})
        if self.version < self._newest:
            await self.reload()

    async def reload(self) -> None:
        """Start again from what is saved."""
        stored = await self._storage.load(self._id)
        if stored is None:
            raise CheckoutNotFoundError("the checkout has expired or was deleted")
        self._take(stored)

    def absorb(self, stored: Stored) -> None:
        """Take over what is newer than what we have; while a step is at work, have the next one do so."""
        if stored.version <= self.version:
            return
        if self.lock.locked() or self.opening is not None:
            self._newest = stored.version
        else:
            self._take(stored)

    def _take(self, stored: Stored) -> None:
        state = self._snapshots.load(stored.data)
        if state.checkout_id != self._id:
            raise StorageError("what is kept under this id is another checkout")
        self.state = state
        self.version = self._newest = stored.version
