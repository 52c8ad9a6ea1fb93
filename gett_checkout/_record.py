"""The saved state of one checkout: read once, moved by events, saved by compare-and-swap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from attrs import evolve

from gett_checkout._core import machine
from gett_checkout._core.consequences import event_of
from gett_checkout._core.hand_over import OnPlaced
from gett_checkout._core.machine import Event, NoResponse
from gett_checkout._core.session import Level
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._snapshot import Snapshots
from gett_checkout.errors import (
    ApiError,
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    HandOverError,
    StorageError,
)
from gett_checkout.storage import Storage, Stored
from gett_checkout.telemetry.events import SessionUpgraded, StageChanged
from gett_checkout.telemetry.hooks import Hooks

T = TypeVar("T")

# An unresolved checkout must be stored until an operator has looked at it.
UNRESOLVED_LIFETIME: Final = timedelta(days=365)


class Record:
    """A checkout's state and the version it was saved under, one per checkout and process.

    `happen` changes the state, at once and in memory, and is the only way to do so; `save` stores it.
    Steps hold ``lock`` while they run, so in one process they run one after another. Across processes
    the version decides: the second to save gets `CheckoutConflictError`, changes nothing and starts
    again from the stored state.

    Work that may take effect at Gett runs `to_its_end`, even when the step that began it is cancelled;
    the next step begins when it has ended. ``state`` exists once a stored state was absorbed, or was
    set for a checkout not saved yet. ``on_placed`` receives the order; ``handing_over`` is the task
    that calls it.
    """

    def __init__(
        self,
        checkout_id: str,
        *,
        storage: Storage,
        clock: Callable[[], datetime],
        lifetime: timedelta,
        hooks: Hooks,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        on_placed: OnPlaced | None = None,
    ) -> None:
        self.hooks: Final = hooks.about(checkout_id)
        self.lock: Final = asyncio.Lock()
        self.version: int = 0
        self.state: CheckoutState
        self.on_placed: Final = on_placed
        self.handing_over: asyncio.Task[HandOverError | None] | None = None
        self._id = checkout_id
        self._saved: CheckoutState | None = None  # the state that needs no saving
        self._is_gone = False  # deleted from the storage, while its order was in progress
        self._newest = 0  # the highest version that may be saved, by us or by others
        self._unfinished: asyncio.Task[Any] | None = None
        self._learned: GettCheckoutError | None = None
        self._snapshots = Snapshots()
        self._storage = storage
        self._clock = clock
        self._lifetime = lifetime
        self.spawn: Final = spawn

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        return self._clock()

    def happen(self, event: Event) -> None:
        """Apply the event; raise `StepNotAllowedError` when it is illegal. `save` stores the result."""
        self.state = machine.apply(self.state, event, self.now())

    def learn(self, error: GettCheckoutError, step: str = "place") -> bool:
        """Record what an error of ``step`` reveals about the checkout; return whether it reveals anything.

        Each error once, and only while the order can be changed: once it is sent, its placement
        decides.
        """
        if error is self._learned:
            return True
        if isinstance(error, ApiError) and not error.operation:
            return False  # a local failure, before anything was sent
        event = event_of(error, step, self.state, self.now())
        if event is None or not machine.is_legal(self.state.stage, type(event)):
            return False
        self._learned = error
        self.happen(event)
        return True

    async def save(self) -> None:
        """Save the state, changed or not. Raises `CheckoutConflictError` when another worker saved first.

        A failed save restores the last saved state. It may still have been applied, or be applied
        later, and a conflict means that another worker saved: the next `refresh` reloads.
        """
        if self._is_gone:  # only this process still knows the state
            return
        state, now = self.state, self.now()
        due_at = state.due_at(now)
        lifetime = self._lifetime if due_at is None else max(self._lifetime, UNRESOLVED_LIFETIME)
        data = self._snapshots.dump(state)
        self._newest = self.version + 1
        try:
            self.version = await self._storage.save(
                self._id,
                data,
                expected_version=self.version,
                expires_at=now + lifetime,
                due_at=due_at,
            )
        except GettCheckoutError:
            self.state = self._saved or state
            raise
        before, self._saved = self._saved, state
        if before is not None:
            self._tell_stage(before)
            if Level.NONE < before.level < state.level:
                self.hooks.tell(SessionUpgraded, before.level.label, state.level.label)

    async def save_changes(self) -> None:
        """Save if anything happened since the last save."""
        if self.state is not self._saved:
            await self.save()

    async def to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work that may take effect at Gett to its end, even when the caller is cancelled."""
        if self._unfinished is not None:  # it is part of such work already
            return await work
        self._unfinished = task = self.spawn(work)
        try:
            return await asyncio.shield(task)
        finally:
            if task.done():
                self._unfinished = None

    def leave(self) -> None:
        """Finish and save what cannot be undone, after the caller of a step was cancelled."""
        has_untold = self.state is not self._saved and self._newest == self.version
        if self._unfinished is not None or has_untold:
            self._unfinished = self.spawn(self._wind_up(self._unfinished))

    async def _wind_up(self, work: asyncio.Task[Any] | None) -> None:
        if work is not None:
            await asyncio.wait({work})
        await self.save_changes()

    async def finished(self) -> None:
        """Wait for the rest of an earlier step."""
        if self._unfinished is not None:
            await asyncio.wait({self._unfinished})
            self._unfinished = None

    async def refresh(self) -> None:
        """Reload, before a step, if our copy may be stale, and drop an expired quote."""
        if self.version < self._newest and not self._is_gone:
            await self.reload()
        before, self.state = self.state, machine.at(self.state, self.now())
        self._saved = self.state  # an expired quote needs no saving
        self._tell_stage(before)

    async def reload(self) -> None:
        """Start again from what is stored; an order that was sent is not forgotten with its record."""
        stored = await self._storage.load(self._id)
        if stored is not None:
            self._take(stored)
        elif self.state.stage is Stage.PLACING and self.state.placement:
            self._is_gone = True
            self.happen(NoResponse(evolve(self.state.placement, is_lost=True)))
        else:
            raise CheckoutNotFoundError("the checkout has expired or was deleted")

    async def require_newest(self) -> None:
        """Raise `CheckoutConflictError` when another worker has saved since our copy was loaded."""
        stored = await self._storage.load(self._id)
        if stored is None or stored.version != self.version:
            raise CheckoutConflictError("another worker saved this checkout first")

    async def delete(self) -> None:
        """Delete the checkout from the storage; the next step on any handle finds it gone."""
        await self._storage.delete(self._id)
        self._newest = self.version + 1

    def absorb(self, stored: Stored) -> None:
        """Adopt a stored state newer than ours; during a step, leave that to the next one."""
        if stored.version <= self.version:
            return
        if self.lock.locked() or self._unfinished is not None:
            self._newest = stored.version
        else:
            self._take(stored)

    def _take(self, stored: Stored) -> None:
        state = self._snapshots.load(stored.data)
        if state.checkout_id != self._id:
            raise StorageError("what is stored under this id is another checkout")
        self.state = self._saved = state
        self.version = self._newest = stored.version

    def _tell_stage(self, before: CheckoutState) -> None:
        if before.stage is not self.state.stage:
            self.hooks.tell(StageChanged, before.stage.value, self.state.stage.value)
