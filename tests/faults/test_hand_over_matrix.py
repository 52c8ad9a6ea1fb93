"""Every await from Gett's response until the order is in the partner's books and that is saved, struck.

Enumerated as in ``test_fault_matrix.py``: a first run counts the awaits, then each is struck in turn,
before its effect and after it. After each strike other workers do nothing but `reconcile`. There is one
order in the end, it is in the books, and no handler is called with it for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from gett_checkout import (
    Checkouts,
    GettCheckoutError,
    GettClient,
    OutcomeUnknownError,
    PlacedOrder,
    RetryPolicy,
    Stage,
)
from gett_checkout.sandbox import Sandbox, Switches
from gett_checkout.storage import Storage, open_storage
from gett_checkout.testing import Clock
from tests.acceptance.shopping import JANE, put_payable
from tests.faults.books import Books, BooksClosedError, Found, come_to_the_order
from tests.faults.tripwire import TrippedClient, TrippedStorage, Tripwire, exception
from tests.faults.victims import Victims
from tests.samples.shopper import place_as_shown
from tests.samples.states import NOW

pytestmark = pytest.mark.slow

FOUND: Sequence[Found] = ("at once", "late", "again")
STRIKES = [
    "exception",
    "handler hangs",
    "caller cancelled",
    "deadline passes",
    "loop shut down",
    "process killed",
]
LEAVING = ("caller cancelled", "deadline passes")
# Of a killed process's memory nothing is left to look at.
WAYS = [
    (storage, strike)
    for storage in ("memory", "sqlite", "redis", "postgres")
    for strike in STRIKES
    if (storage, strike) != ("memory", "process killed")
]
PASSES = 6
MOST_CALLS = 3
LONGEST = 30.0  # seconds a handler has
EVERYTHING = 10_000

CASES = count()


class Limits:
    """Stands in for `asyncio.timeout`, and lets one of them be over now."""

    def __init__(self) -> None:
        self._timeout = asyncio.timeout
        self._of: dict[asyncio.Task[Any] | None, asyncio.Timeout] = {}

    def __call__(self, delay: float | None) -> asyncio.Timeout:
        limit = self._timeout(delay)
        if delay == LONGEST:
            self._of[asyncio.current_task()] = limit
        return limit

    def end(self) -> None:
        """The time of the handler that runs in this task is over."""
        self._of[asyncio.current_task()].reschedule(asyncio.get_running_loop().time())


@frozen
class Scene:
    """A sandbox, a clock, a storage and books; each case is a checkout of its own shopper.

    ``elsewhere`` is a worker that is never struck, and whose client tries once.
    """

    sandbox: Sandbox
    clock: Clock
    storage: Storage
    storage_url: str
    books: Books
    gett: GettClient
    limits: Limits
    victims: Victims

    @property
    def elsewhere(self) -> Checkouts:
        return Checkouts(self.gett, storage=self.storage, on_placed=self.books.on_placed)

    async def until(self, found: Found) -> str:
        """A checkout at which the worker under test begins."""
        checkout_id = f"books-{next(CASES)}"
        shopper = evolve(JANE, email=f"{checkout_id}@example.com")
        basket = {"basket": f"basket of {checkout_id}"}
        await put_payable(
            self.gett, self.storage, checkout_id, shopper, metadata=basket, clock=self.clock
        )
        handler = self.books.on_placed if found != "again" else self._refuse
        checkouts = Checkouts(self.gett, storage=self.storage, on_placed=handler)
        checkout = await checkouts.open(checkout_id)
        match found:
            case "late":
                self.sandbox.switches.fail("place_order", "drop_after")
                with pytest.raises(OutcomeUnknownError):
                    await place_as_shown(checkout)
                self.clock.advance(60)
            case "again":
                await place_as_shown(checkout)
                self.clock.advance(60)
            case "at once":
                pass
        return checkout_id

    async def strike(self, how: str, at: int | None, found: Found) -> Tripwire:
        """One case: begin, strike, go on elsewhere, and look at what came of it."""
        checkout_id = await self.until(found)
        if how == "process killed" and at is not None:
            wire = Tripwire(at=at)
            errand = {
                "api_key": self.sandbox.api_key,
                "url": self.sandbox.url,
                "storage": self.storage_url,
                "now": self.clock.now.isoformat(),
                "checkout_id": checkout_id,
                "found": found,
                "books": str(self.books.path),
                "at": at,
            }
            assert await self.victims.place(errand) == -9
        else:
            wire = await self._strike_in_process(how, at, checkout_id, found)
        if how in LEAVING and found != "again":  # no step is left half-way by those
            assert self.books.rows(checkout_id)
            assert self.books.calls(checkout_id) == 1
        await self._finish(checkout_id)
        await self._check(checkout_id)
        return wire

    async def stays_so(self, calls: int) -> None:
        """Nothing is left to do: however often they look, no handler is called."""
        assert await self.elsewhere.unresolved() == []
        for _ in range(3):
            self.clock.advance(3600)
            assert await self.elsewhere.reconcile() == []
        assert self.books.calls() == calls

    async def _strike_in_process(
        self, how: str, at: int | None, checkout_id: str, found: Found
    ) -> Tripwire:
        wire = Tripwire(at=at, hangs=how == "handler hangs")
        deadline = asyncio.timeout(None)
        async with TrippedClient(
            self.sandbox.api_key,
            wire=wire,
            from_response=found != "again",
            base_url=self.sandbox.url,
            clock=self.clock,
            sleep=self.clock.sleep,
            jitter=lambda: 0.5,
        ) as client:
            checkouts = Checkouts(
                client,
                storage=TrippedStorage(self.storage, wire),
                on_placed=Books(self.books.path, wire).on_placed,
            )

            async def begin() -> None:
                wire.armed = found == "again"
                async with deadline:
                    await come_to_the_order(checkouts, checkout_id, found)

            caller = asyncio.create_task(begin())

            def shut_down() -> None:
                for task in (caller, *client._tasks):
                    task.cancel()

            def pass_deadline() -> None:
                deadline.reschedule(asyncio.get_running_loop().time())

            strikes: dict[str, Callable[[], Any]] = {
                "exception": exception,
                "handler hangs": self.limits.end,
                "caller cancelled": caller.cancel,
                "deadline passes": pass_deadline,
                "loop shut down": shut_down,
            }
            wire.strike = strikes.get(how, exception)
            await asyncio.wait({caller})
            if not caller.cancelled() and (error := caller.exception()):
                assert isinstance(error, GettCheckoutError | TimeoutError)
        assert at is None or wire.crossed > at, "the strike never came"
        wire.armed = False
        return wire

    async def _finish(self, checkout_id: str) -> None:
        """Others look until there is nothing to look after; the first, like the command, has no handler."""
        self.clock.advance(60)
        await Checkouts(self.gett, storage=self.storage).reconcile()
        for _ in range(PASSES):
            checkout = await self.elsewhere.open(checkout_id)
            assert checkout.view.stage in (Stage.PLACING, Stage.PLACED)
            self.clock.advance(60)
            if not await self.elsewhere.reconcile():
                return
        pytest.fail("there is always something to look after")

    async def _check(self, checkout_id: str) -> None:
        made = [
            order
            for order in self.sandbox.orders
            if order.session_email == f"{checkout_id}@example.com"
        ]
        assert len(made) == 1
        view = (await self.elsewhere.open(checkout_id)).view
        assert view.stage is Stage.PLACED
        assert view.order is not None
        assert view.order.order_id == made[0].order_id
        assert view.quote is not None
        rows = self.books.rows(checkout_id)
        assert rows, "the order is not in the books"
        for row in rows:
            assert row["order_id"] == made[0].order_id
            assert row["key"] == made[0].idempotency_key
            assert row["metadata"] == {"basket": f"basket of {checkout_id}"}
            assert row["total"] == str(view.quote.amounts.total)
            assert row["fulfillment_type"] == made[0].fulfillment_type
        assert 1 <= self.books.calls(checkout_id) <= MOST_CALLS

    async def _refuse(self, order: PlacedOrder) -> None:
        self.books._append(order.checkout_id, None)
        raise BooksClosedError("planned")


@asynccontextmanager
async def scene(
    storage_url: str, books: Path, limits: Limits, victims: Victims
) -> AsyncIterator[Scene]:
    clock = Clock(NOW)
    async with (
        Sandbox(clock=clock, switches=Switches(rate_limits=None)) as sandbox,
        open_storage(storage_url, clock=clock) as storage,
        GettClient(
            sandbox.api_key,
            base_url=sandbox.url,
            clock=clock,
            sleep=clock.sleep,
            retry=RetryPolicy(max_attempts=1),
        ) as gett,
    ):
        for left in await Checkouts(gett, storage=storage).unresolved(limit=EVERYTHING):
            await storage.delete(left.checkout_id)  # by another test
        yield Scene(sandbox, clock, storage, storage_url, Books(books), gett, limits, victims)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    limits = Limits()
    monkeypatch.setattr(asyncio, "timeout", limits)
    return limits


@pytest.mark.parametrize(("storage_url", "how"), WAYS, indirect=["storage_url"])
@pytest.mark.parametrize("found", FOUND)
async def test_hand_over_struck_at_every_await(
    storage_url: str,
    how: str,
    found: Found,
    tmp_path: Path,
    limits: Limits,
    victims: Victims,
    record_fault_cases: Callable[[int], None],
) -> None:
    async with scene(storage_url, tmp_path / "books", limits, victims) as stage:
        counted = await stage.strike("not at all", None, found)
        first, last = counted.marks
        assert last - first == 6  # looked, written, looked: each before and after
        assert first >= 2  # saved, before and after; so is the handler's return
        assert counted.crossed >= last + 2
        places = range(first, last) if how == "handler hangs" else range(counted.crossed)
        for at in places:
            await stage.strike(how, at, found)
        record_fault_cases(len(places))
        await stage.stays_so(stage.books.calls())
