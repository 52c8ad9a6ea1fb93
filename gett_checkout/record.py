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
from gett_checkout.errors import CheckoutConflictError, CheckoutNotFoundError, StorageError
from gett_checkout.storage import Storage, Stored
from gett_checkout.telemetry.events import StageChanged
from gett_checkout.telemetry.hooks import Hooks


class Record:
    """A checkout's state and the version it was saved under, one per checkout and process.

    Steps hold ``lock`` while they work, so in one process they follow one another. Against other
    processes the version decides: who saves second gets `CheckoutConflictError`, changes nothing
    and starts again from what is saved. ``opening`` is the session being opened, if one is: it
    goes on when the step that wanted it is cancelled, and the next step waits for the same one.
    ``kept`` is what is saved, or the state of a checkout that is not saved yet.
    """

    def __init__(
        self,
        checkout_id: str,
        kept: CheckoutState | Stored,
        *,
        storage: Storage,
        clock: Callable[[], datetime],
        lifetime: timedelta,
        hooks: Hooks,
    ) -> None:
        self._snapshots = Snapshots()
        self._checkout_id: Final = checkout_id
        self.version: int = kept.version if isinstance(kept, Stored) else 0
        self.state: CheckoutState = self._read(kept) if isinstance(kept, Stored) else kept
        self.hooks: Final = hooks.about(checkout_id)
        self.lock: Final = asyncio.Lock()
        self.opening: asyncio.Task[Session] | None = None
        self._saving = asyncio.Lock()
        self._is_sure = True
        self._storage = storage
        self._clock = clock
        self._lifetime = lifetime

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self._clock()

    async def change(self, change: Callable[[CheckoutState], CheckoutState]) -> None:
        """Save what ``change`` makes of the state; only then is it the checkout's.

        A save that was cancelled or failed may have been done all the same: what we think the
        storage has and what it has may have come apart, and `refresh` reads it again.
        """
        async with self._saving:
            state = change(self.state)
            placement, now = state.placement, self.now()
            is_due = state.stage is Stage.PLACING and placement and not placement.is_too_old(now)
            data = self._snapshots.dump(state)
            self._is_sure = False
            try:
                self.version = await self._storage.save(
                    self._checkout_id,
                    data,
                    expected_version=self.version,
                    expires_at=now + self._lifetime,
                    due_at=placement.due_at if placement and is_due else None,
                )
            except CheckoutConflictError:
                self._is_sure = True  # nothing was saved
                raise
            self._is_sure = True
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
        """Start again from what is saved, if that may be something else than we think."""
        async with self._saving:
            if not self._is_sure:
                await self._reload()

    async def reload(self) -> None:
        """Start again from what is saved."""
        async with self._saving:
            await self._reload()

    async def _reload(self) -> None:
        stored = await self._storage.load(self._checkout_id)
        if stored is None:
            raise CheckoutNotFoundError("the checkout has expired or was deleted")
        self._take(stored)

    def absorb(self, stored: Stored) -> None:
        """Take over what another process saved, unless a step is at work: it finds out by itself."""
        if stored.version > self.version and not self.lock.locked():
            self._take(stored)

    def _take(self, stored: Stored) -> None:
        self.state, self.version = self._read(stored), stored.version
        self._is_sure = True

    def _read(self, stored: Stored) -> CheckoutState:
        """The state in it; `StorageError` when it is another checkout's: two entries were exchanged."""
        state = self._snapshots.load(stored.data)
        if state.checkout_id != self._checkout_id:
            raise StorageError("what is kept under this id is another checkout")
        return state
