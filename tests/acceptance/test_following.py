"""After the order: it is read again, followed until it is over, and never placed again.

Every request is counted, and time passes only where the client sleeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from attrs import define, evolve, field

from gett_checkout import (
    ApiError,
    Checkout,
    CheckoutNotFoundError,
    Checkouts,
    GettClient,
    IdentityRequiredError,
    InvalidInputError,
    InvalidResponseError,
    MemoryStorage,
    Order,
    PlacedOrder,
    RateLimitedError,
    RetryPolicy,
    Stage,
    StepNotAllowedError,
    StorageError,
    TransportError,
)
from gett_checkout.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.sandbox.orders import Progress
from gett_checkout.testing import Clock, the_order
from tests.acceptance.shopping import (
    CARD,
    JANE,
    lose_order,
    operations,
    payable,
    until_priced,
)
from tests.samples.shopper import place_as_shown
from tests.samples.waiting import until

ONCE = RetryPolicy(max_attempts=1)  # so that each request of the client's is one of the follower's
DOUBLING = [10.0, 20.0, 40.0, 80.0, 120.0]


@define
class Kitchen:
    """Brings the order further while a follower sleeps: one of the steps, or none, each time."""

    sandbox: Sandbox
    clock: Clock
    steps: list[Progress | Callable[[], object] | None] = field(factory=list)

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        step = self.steps.pop(0) if self.steps else None
        if callable(step):
            step()
        elif step is not None:
            self.advance(step)

    def advance(self, to: Progress) -> None:
        self.sandbox.advance_order(the_order(self.sandbox).order_id, to)

    def worker(self, storage: MemoryStorage, retry: RetryPolicy = ONCE) -> Checkouts:
        """A process of its own: another client, and other checkouts, over the storage."""
        client = GettClient(
            self.sandbox.api_key,
            base_url=self.sandbox.url,
            clock=self.clock,
            sleep=self.sleep,
            jitter=lambda: 0.5,
            retry=retry,
        )
        return Checkouts(client, storage=storage)

    @property
    def reads(self) -> list[int]:
        """What each reading of the order got."""
        return [each.status for each in self.sandbox.requests if each.operation == "get_order"]


@pytest.fixture
def kitchen(sandbox: Sandbox, clock: Clock) -> Kitchen:
    return Kitchen(sandbox, clock)


@pytest.fixture
async def worker(kitchen: Kitchen, storage: MemoryStorage) -> AsyncIterator[Checkouts]:
    checkouts = kitchen.worker(storage)
    async with checkouts.client:
        yield checkouts


@pytest.fixture
async def placed(worker: Checkouts, sandbox: Sandbox) -> AsyncIterator[Checkout]:
    """A checkout with an order. Whatever follows writes nothing and places nothing more."""
    checkout = await payable(worker, JANE)
    await place_as_shown(checkout)
    yield checkout
    assert len(sandbox.orders) == sandbox.count("place_order") == 1
    assert checkout.view.stage is Stage.PLACED
    assert checkout.view.next_action.kind == "done"


async def statuses(checkout: Checkout, **pace: float) -> list[tuple[str | None, str | None]]:
    """What the follower is given, until it ends."""
    return [(order.state, order.status) async for order in checkout.follow_order(**pace)]


# --- once -----------------------------------------------------------------------------------------


async def test_the_order_is_read_again_and_saved(
    placed: Checkout, kitchen: Kitchen, storage: MemoryStorage
) -> None:
    before = placed.view.order
    assert before is not None
    assert (before.state, before.status) == ("open", "pending")
    kitchen.advance("preparing")
    order = await placed.refresh_order()
    assert (order.order_id, order.state, order.status) == (before.order_id, "open", "preparing")
    assert order.amounts == before.amounts
    other = await kitchen.worker(storage).open(placed.id)
    assert placed.view.order == other.view.order == order
    shown = other.view.to_dict()
    assert shown["order"]["status"] == shown["next_action"]["order"]["status"] == "preparing"
    assert shown["order"]["amounts"]["total"] == str(the_order(kitchen.sandbox).total)
    assert kitchen.reads == [200]


async def test_what_did_not_change_is_not_saved(placed: Checkout, storage: MemoryStorage) -> None:
    await placed.refresh_order()
    before = await storage.load(placed.id)
    await placed.refresh_order()
    assert await storage.load(placed.id) == before


async def test_what_gett_leaves_out_stays_as_it_was(
    placed: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = await placed.refresh_order()

    async def get_order(order_id: str, *, token: str) -> Order:
        return Order(order_id, status="ready")

    monkeypatch.setattr(placed._client, "get_order", get_order)
    assert await placed.refresh_order() == evolve(full, status="ready")


async def test_a_response_about_another_order_is_not_taken(
    placed: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = placed.view

    async def get_order(order_id: str, *, token: str) -> Order:
        return Order("another", status="ready")

    monkeypatch.setattr(placed._client, "get_order", get_order)
    with pytest.raises(InvalidResponseError, match="another order"):
        await placed.refresh_order()
    assert placed.view == before


async def test_before_there_is_an_order_nothing_is_asked(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts, JANE)
    asked = len(sandbox.requests)
    for read in (checkout.refresh_order, checkout.follow_order().__anext__):
        with pytest.raises(StepNotAllowedError, match="refresh_order is not possible") as early:
            await read()
        assert early.value.next_action == checkout.view.next_action
        assert early.value.step == "refresh_order"
    await checkout.abandon()
    with pytest.raises(StepNotAllowedError) as late:
        await checkout.refresh_order()
    assert late.value.next_action is not None
    assert late.value.next_action.kind == "start_over"
    assert len(sandbox.requests) == asked


async def test_an_order_without_an_id_cannot_be_asked_for(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.switches.key_policy = "refuse_duplicates"
    await lose_order(checkout, sandbox)
    clock.advance(120)
    assert (await place_as_shown(checkout)).order_id is None
    clock.advance(40 * 24 * 3600)  # and the session is over: none is opened for nothing
    asked = len(sandbox.requests)
    with pytest.raises(StepNotAllowedError, match="id is unknown"):
        await checkout.refresh_order()
    assert len(sandbox.requests) == asked


# --- followed to its end --------------------------------------------------------------------------


async def test_it_is_followed_until_it_is_completed(placed: Checkout, kitchen: Kitchen) -> None:
    kitchen.steps = [None, "confirmed", None, "preparing", "ready", None, "completed"]
    kitchen.clock.slept.clear()
    assert await statuses(placed) == [
        ("open", "pending"),
        ("open", "confirmed"),
        ("open", "preparing"),
        ("open", "ready"),
        ("completed", "ready"),
    ]
    assert kitchen.reads == [200] * 8
    assert kitchen.clock.slept == [*DOUBLING, 120.0, 120.0]  # slower and slower
    order = placed.view.order
    assert order is not None
    assert order.is_over
    assert operations(kitchen.sandbox)[-9:] == ["place_order", *["get_order"] * 8]


async def test_it_is_followed_until_it_is_cancelled(placed: Checkout, kitchen: Kitchen) -> None:
    kitchen.steps = [None, "cancelled"]
    assert [state for state, _ in await statuses(placed)] == ["open", "cancelled"]
    assert kitchen.reads == [200] * 3
    # One that is over is read once more, and that is all.
    assert [state for state, _ in await statuses(placed)] == ["cancelled"]
    assert kitchen.reads == [200] * 4


async def test_the_pace_can_be_set(placed: Checkout, kitchen: Kitchen) -> None:
    kitchen.steps = [None, None, None, None, "completed"]
    kitchen.clock.slept.clear()
    await statuses(placed, every=2, max_interval=5.0)
    assert kitchen.clock.slept == [2.0, 4.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("pace", "name"),
    [
        ({"every": 0}, "every"),
        ({"every": 0.99}, "every"),
        ({"every": float("nan")}, "every"),
        ({"every": "10"}, "every"),
        ({"every": 20, "max_interval": 19}, "max_interval"),
        ({"every": 121}, "max_interval"),
        ({"max_interval": float("nan")}, "max_interval"),
        ({"max_interval": None}, "max_interval"),
    ],
)
async def test_a_pace_that_cannot_be_is_refused_at_the_call(
    placed: Checkout, pace: dict[str, Any], name: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        placed.follow_order(**pace)
    assert refused.value.field == name


async def test_it_goes_on_in_another_process(
    placed: Checkout, kitchen: Kitchen, storage: MemoryStorage
) -> None:
    kitchen.steps = ["confirmed"]
    async for order in placed.follow_order():
        if order.status == "confirmed":
            break  # this process ends
    await placed._client.close()
    assert kitchen.reads == [200, 200]
    kitchen.advance("ready")  # while nobody looks
    kitchen.steps = ["completed"]
    again = kitchen.worker(storage)
    async with again.client:
        checkout = await again.open(placed.id)
        assert checkout.view.order is not None
        assert checkout.view.order.status == "confirmed"
        assert await statuses(checkout) == [("open", "ready"), ("completed", "ready")]
    assert kitchen.reads == [200] * 4
    assert kitchen.sandbox.count("create_session") == 1
    await placed._record.reload()


# --- sessions -------------------------------------------------------------------------------------


async def test_a_session_that_gett_refuses_is_renewed_once(
    placed: Checkout, kitchen: Kitchen
) -> None:
    kitchen.steps = [kitchen.sandbox.revoke_all, "confirmed", "completed"]
    assert await statuses(placed) == [
        ("open", "pending"),
        ("open", "confirmed"),
        ("completed", "confirmed"),
    ]
    assert kitchen.reads == [200, 401, 200, 200, 200]
    assert kitchen.sandbox.count("create_session") == 2
    assert kitchen.sandbox.count("set_fulfillment_context") == 1
    assert placed.view.notices[-1].code == "session_renewed"


async def test_a_session_that_ends_is_renewed_ahead(
    worker: Checkouts, kitchen: Kitchen, storage: MemoryStorage
) -> None:
    kitchen.sandbox.switches.session_seconds = 600
    checkout = await payable(worker, JANE)
    await place_as_shown(checkout)
    kitchen.steps = [lambda: kitchen.clock.advance(3600), "completed"]
    await statuses(checkout)
    assert kitchen.reads == [200, 200, 200]
    assert kitchen.sandbox.count("create_session") == 2
    # The new session is saved: the next worker opens none.
    await (await kitchen.worker(storage).open(checkout.id)).refresh_order()
    assert kitchen.sandbox.count("create_session") == 2


async def test_a_session_nobody_can_renew_is_said(
    worker: Checkouts, kitchen: Kitchen, gett: GettClient
) -> None:
    session = await gett.create_session(JANE, expires_in=600)
    checkout = await worker.start(session_token=session.token)
    await until_priced(checkout)
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    kitchen.clock.advance(3600)
    asked = len(kitchen.sandbox.requests)
    with pytest.raises(IdentityRequiredError):
        await statuses(checkout)
    assert len(kitchen.sandbox.requests) == asked


# --- rate limits ----------------------------------------------------------------------------------


async def test_a_429_is_waited_for(placed: Checkout, kitchen: Kitchen) -> None:
    kitchen.sandbox.switches.fail(
        "get_order", "error", code="RATE_LIMITED", retry_after=300, after=1
    )
    kitchen.steps = [None, None, "completed"]
    kitchen.clock.slept.clear()
    assert [state for state, _ in await statuses(placed)] == ["open", "completed"]
    assert kitchen.reads == [200, 429, 200, 200]
    # As long as Gett says, and a part of the first interval more; then it goes on where it was.
    assert kitchen.clock.slept == [10.0, 300.0 + 5.0, 40.0]


async def test_a_429_by_itself_is_an_error_of_one_reading(
    placed: Checkout, kitchen: Kitchen
) -> None:
    kitchen.sandbox.switches.fail("get_order", "error", code="RATE_LIMITED", retry_after=300)
    with pytest.raises(RateLimitedError) as limited:
        await placed.refresh_order()
    assert limited.value.retry_after == 300
    assert limited.value.next_action == placed.view.next_action  # which stays what it was


async def test_a_quarter_of_the_minute_is_left_to_others(
    worker: Checkouts, kitchen: Kitchen
) -> None:
    kitchen.sandbox.switches.rate_limits = {"reads": 9, "writes": 100, "discovery": 60}
    checkout = await payable(worker, JANE)
    await place_as_shown(checkout)
    kitchen.clock.advance(60)  # a minute begins
    kitchen.clock.slept.clear()
    kitchen.steps = [*[None] * 8, "completed"]
    followed = await statuses(checkout, every=1, max_interval=1)
    assert [state for state, _ in followed] == ["open", "completed"]
    # Two are left after seven; the next minute begins 53 seconds later, and a half more.
    assert kitchen.clock.slept == [*[1.0] * 7, 53.5, 1.0]
    assert kitchen.reads == [200] * 9


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error", "garbage", "html"])
async def test_what_may_be_over_the_next_time_is_passed_over(
    placed: Checkout, kitchen: Kitchen, kind: FaultKind
) -> None:
    faults = kitchen.sandbox.switches.faults
    kitchen.sandbox.switches.fail("get_order", kind, times=99)
    kitchen.steps = [*[None] * 6, faults.clear, "completed"]
    kitchen.clock.slept.clear()
    assert [state for state, _ in await statuses(placed)] == ["open", "completed"]
    assert kitchen.clock.slept == [*DOUBLING, 120.0, 120.0, 120.0]
    if not kind.startswith("drop"):  # aiohttp itself sends a GET again when its connection is lost
        assert len(kitchen.reads) == 9


@pytest.mark.parametrize(
    ("code", "error", "reads"),
    [
        ("NOT_FOUND", NotFoundError, 1),
        ("FORBIDDEN", ForbiddenError, 1),
        ("UNAUTHENTICATED", UnauthenticatedError, 2),
        ("INVALID_REQUEST", ApiError, 1),
    ],
)
async def test_what_is_hopeless_is_raised(
    placed: Checkout, kitchen: Kitchen, code: str, error: type[ApiError], reads: int
) -> None:
    kitchen.sandbox.switches.fail("get_order", "error", times=9, code=code)
    kitchen.clock.slept.clear()
    with pytest.raises(error):
        await statuses(placed)
    assert len(kitchen.reads) == reads
    assert kitchen.clock.slept == []


async def test_a_closed_client_is_not_waited_for(placed: Checkout, kitchen: Kitchen) -> None:
    follower = placed.follow_order()
    await anext(follower)
    await placed._client.close()
    with pytest.raises(TransportError, match="closed"):
        await anext(follower)


async def test_a_checkout_that_is_gone_is_said(
    placed: Checkout, kitchen: Kitchen, storage: MemoryStorage
) -> None:
    kitchen.advance("ready")
    await storage.delete(placed.id)
    with pytest.raises(CheckoutNotFoundError):
        await placed.refresh_order()


async def test_a_storage_that_fails_is_said(
    placed: Checkout, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch, storage: MemoryStorage
) -> None:
    async def save(*args: object, **options: object) -> int:
        raise StorageError("it is full")

    monkeypatch.setattr(storage, "save", save)
    with pytest.raises(StorageError, match="full"):
        await statuses(placed)


# --- leaving --------------------------------------------------------------------------------------


async def test_a_follower_that_leaves_leaves_nothing_behind(
    placed: Checkout, kitchen: Kitchen
) -> None:
    before = asyncio.all_tasks()
    async for _ in placed.follow_order():
        break
    async with aclosing(placed.follow_order()) as follower:
        await anext(follower)
    with pytest.raises(StopAsyncIteration):
        await anext(follower)
    kitchen.clock.advance(3600)
    await asyncio.sleep(0.05)
    assert kitchen.reads == [200, 200]
    assert asyncio.all_tasks() <= before


async def test_a_cancelled_follower_stops_at_once_while_it_waits(
    placed: Checkout, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps = asyncio.Event()

    async def sleep(seconds: float) -> None:
        sleeps.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(placed._client, "sleep", sleep)
    task = asyncio.create_task(statuses(placed))
    await sleeps.wait()
    await cancelled(task)
    assert kitchen.reads == [200]


async def test_a_cancelled_follower_stops_at_once_while_it_asks(
    placed: Checkout, kitchen: Kitchen
) -> None:
    kitchen.sandbox.switches.fail("get_order", "hang")
    task = asyncio.create_task(statuses(placed))
    await until(lambda: kitchen.sandbox.count("get_order"))
    await cancelled(task)
    kitchen.advance("ready")
    assert (await placed.refresh_order()).status == "ready"  # nothing holds it up


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await task


# --- several at a time ----------------------------------------------------------------------------


async def test_two_workers_that_read_the_same_save_it_once(
    placed: Checkout, kitchen: Kitchen, storage: MemoryStorage
) -> None:
    other = await kitchen.worker(storage).open(placed.id)
    kitchen.advance("ready")
    assert await other.refresh_order() == await placed.refresh_order()
    assert placed.view == other.view
    assert kitchen.reads == [200, 200]  # the save race was lost to what this one had read, too


async def test_what_another_worker_read_is_not_written_over_with_what_is_older(
    placed: Checkout, kitchen: Kitchen, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The save race tells that another worker has read it, and not which of the two was later."""
    other = await kitchen.worker(storage).open(placed.id)
    kitchen.advance("preparing")
    get_order = placed._client.get_order

    async def slow(order_id: str, *, token: str) -> Order:
        read = await get_order(order_id, token=token)
        monkeypatch.undo()
        kitchen.advance("completed")
        await other.refresh_order()
        return read  # as it was before

    monkeypatch.setattr(placed._client, "get_order", slow)
    assert (await placed.refresh_order()).state == "completed"
    assert (await kitchen.worker(storage).open(placed.id)).view.order == placed.view.order
    assert kitchen.reads == [200, 200, 200]


async def test_a_save_of_something_else_is_made_again_without_asking(
    kitchen: Kitchen, storage: MemoryStorage
) -> None:
    """The order is being handed over, by another worker, which notes that."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def on_placed(order: PlacedOrder) -> None:
        begun.set()
        await go_on.wait()

    client = kitchen.worker(storage).client
    mine = await payable(Checkouts(client, storage=storage, on_placed=on_placed), JANE)
    placing = asyncio.create_task(place_as_shown(mine))
    await begun.wait()
    other = await kitchen.worker(storage).open(mine.id)
    go_on.set()
    await placing
    kitchen.advance("ready")
    assert (await other.refresh_order()).status == "ready"
    assert kitchen.reads == [200]
    state = (await kitchen.worker(storage).open(mine.id))._record.state
    assert state.hand_over is not None
    assert not state.hand_over.is_pending
    assert state.order == other.view.order
    await client.close()


async def test_the_books_may_read_the_order_while_it_is_handed_over(
    kitchen: Kitchen, storage: MemoryStorage
) -> None:
    read: list[Order] = []

    async def on_placed(order: PlacedOrder) -> None:
        read.append(await (await checkouts.open(order.checkout_id)).refresh_order())

    client = kitchen.worker(storage).client
    checkouts = Checkouts(client, storage=storage, on_placed=on_placed)
    checkout = await payable(checkouts, JANE)
    order = await place_as_shown(checkout)
    assert [each.order_id for each in read] == [order.order_id]
    assert kitchen.reads == [200]
    await client.close()
