"""Orders reach the partner's own books: `on_placed`, called until it returned, and then no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import define, evolve, field

from gett_checkout import (
    CardOnFile,
    Checkout,
    Checkouts,
    GettClient,
    InvalidInputError,
    MemoryStorage,
    Order,
    PaymentDeclinedError,
    PlacedOrder,
    Reconciled,
    RetryPolicy,
    Stage,
    StepNotAllowedError,
    StorageError,
)
from gett_checkout.errors import HandOverError
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import Stored
from gett_checkout.telemetry import OrderHandedOver
from gett_checkout.testing import Clock
from tests.acceptance.shopping import CARD, JANE, listening, lose_order, until_payable
from tests.samples.shopper import place_as_shown


class BooksClosedError(Exception):
    """The books cannot be written just now."""


@define
class Books:
    """Take orders, but for the first ``failures`` times."""

    failures: int = 0
    calls: list[PlacedOrder] = field(factory=list)
    rows: dict[str, str | None] = field(factory=dict)

    async def on_placed(self, order: PlacedOrder) -> None:
        self.calls.append(order)
        await asyncio.sleep(0)
        if len(self.calls) <= self.failures:
            raise BooksClosedError("no secret here")
        self.rows[order.checkout_id] = order.order.order_id


@define
class SlowBooks(Books):
    """Take an order once they are let; ``begun`` says that a call is under way."""

    begun: asyncio.Event = field(factory=asyncio.Event)
    let: asyncio.Event = field(factory=asyncio.Event)

    async def on_placed(self, order: PlacedOrder) -> None:
        self.begun.set()
        await self.let.wait()
        await super().on_placed(order)


class CountingStorage(MemoryStorage):
    """A storage that counts what is saved, unless it is full; ``is_placing`` once a placement is."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.saves: list[datetime | None] = []
        self.is_placing = asyncio.Event()
        self.is_full = False

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        if self.is_full:
            raise StorageError("planned")
        self.saves.append(due_at)
        if due_at is not None:
            self.is_placing.set()
        return await super().save(
            checkout_id,
            data,
            expected_version=expected_version,
            expires_at=expires_at,
            due_at=due_at,
        )


@pytest.fixture
def storage(clock: Clock) -> CountingStorage:
    return CountingStorage(clock)


@pytest.fixture
def once(gett: GettClient) -> GettClient:
    """A client that sends each request once, so that a response can be lost."""
    object.__setattr__(gett, "retry", RetryPolicy(max_attempts=1))
    return gett


async def payable(checkouts: Checkouts, checkout_id: str = "jane") -> Checkout:
    checkout = await checkouts.start(checkout_id=checkout_id, metadata={"basket": "7"})
    await until_payable(checkout)
    return checkout


async def lost(checkouts: Checkouts, sandbox: Sandbox, checkout_id: str = "jane") -> None:
    """Place an order of which nobody knows: its response is lost."""
    checkout = await payable(checkouts, checkout_id)
    await lose_order(checkout, sandbox)


def outlines(looked: Sequence[Reconciled]) -> list[tuple[str, str, str | None]]:
    return [(each.outcome, type(each.error).__name__, _cause(each)) for each in looked]


def _cause(looked: Reconciled) -> str | None:
    return looked.error.cause if looked.error else None


async def test_the_handler_is_given_the_order_before_place_returns(
    gett: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock
) -> None:
    books = Books()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    checkout = await payable(checkouts)
    await checkout.identify(evolve(JANE, partner_user_id="user-7"))
    order = await place_as_shown(checkout)
    assert books.rows == {"jane": order.order_id}
    [told] = books.calls
    assert told.order == order
    assert told.metadata == {"basket": "7"}
    assert told.amounts is not None
    assert told.amounts.total > Decimal(0)
    assert told.fulfillment_type == "delivery"
    assert told.idempotency_key == sandbox.orders[0].idempotency_key
    assert told.placed_at == clock.now
    assert told.partner_user_id == "user-7"
    assert "jane" not in repr(told)
    assert "user-7" not in repr(told)
    clock.advance(3600)
    assert await checkouts.reconcile() == []
    assert await checkouts.unresolved() == []


async def test_a_handler_that_fails_is_called_after_growing_pauses(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    books = Books(failures=6)
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    order = await place_as_shown(await payable(checkouts))
    [standing] = await checkouts.unresolved()
    assert standing.reason == "not_handed_over"
    assert standing.last_error == "BooksClosedError"
    assert standing.order_id == order.order_id
    assert standing.next_look == clock.now + timedelta(seconds=15)
    for calls, (pause, following) in enumerate(
        [(15, 30), (30, 60), (60, 120), (120, 300), (300, 300)], start=2
    ):
        clock.advance(pause - 1)
        assert await checkouts.reconcile() == []
        clock.advance(1)
        [looked] = await checkouts.reconcile()
        assert looked.outcome == "placed"
        assert looked.order == order
        assert isinstance(looked.error, HandOverError)
        assert looked.error.cause == "BooksClosedError"
        assert looked.error.retry_after == following
        assert isinstance(looked.error.__cause__, BooksClosedError)
        assert len(books.calls) == calls
    clock.advance(300)
    assert outlines(await checkouts.reconcile()) == [("placed", "NoneType", None)]
    assert books.rows == {"jane": order.order_id}
    clock.advance(3600)
    assert await checkouts.reconcile() == []
    assert len(books.calls) == 7


async def test_a_pass_that_comes_late_leaves_the_next_attempt_its_pause(
    gett: GettClient, storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Books(failures=1)
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    checkout = await payable(checkouts)
    await place_as_shown(checkout)

    async def due(now: datetime, limit: int) -> list[str]:
        return [checkout.id]  # as it was before another worker tried

    monkeypatch.setattr(storage, "due", due)
    assert await checkouts.reconcile(limit=1) == []
    assert len(books.calls) == 1


async def test_one_that_is_asked_for_by_its_id_is_handed_over_without_a_pause(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    books = Books(failures=3)
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    checkout = await payable(checkouts)
    order = await place_as_shown(checkout)
    assert await checkouts.reconcile() == []  # not due yet
    [looked] = await checkouts.reconcile(checkout.id)
    assert isinstance(looked.error, HandOverError)
    assert looked.error.retry_after == 30
    assert await checkout.reconcile() == order
    assert await checkouts.reconcile() == []
    assert outlines(await checkouts.reconcile(checkout.id)) == [("placed", "NoneType", None)]
    assert books.rows == {"jane": order.order_id}
    assert len(books.calls) == 4
    assert outlines(await checkouts.reconcile(checkout.id)) == [("placed", "NoneType", None)]
    assert len(books.calls) == 4
    assert await checkouts.unresolved() == []


@pytest.mark.parametrize("found", ["when it is paid again", "by an operator"])
async def test_a_rejected_order_is_for_the_books_once_there_is_one(
    gett: GettClient, storage: CountingStorage, found: str
) -> None:
    books = Books()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    checkout = await checkouts.start()
    await until_payable(checkout, card=CardOnFile("card_declined", "stripe"))
    with pytest.raises(PaymentDeclinedError):
        await place_as_shown(checkout)
    assert await checkout.reconcile() is None
    assert outlines(await checkouts.reconcile(checkout.id)) == [("not_placed", "NoneType", None)]
    assert books.calls == []
    await checkout.pay(CARD)
    if found == "by an operator":
        await Checkouts(gett, storage=storage).resolve(checkout.id, order_id="ord_1", note="theirs")
        await checkouts.reconcile()
    else:
        await place_as_shown(checkout)
    (called,) = books.calls
    assert called.order == (await checkouts.open(checkout.id)).view.order


async def test_place_gives_the_order_whatever_the_handler_raises(
    gett: GettClient, storage: CountingStorage, sandbox: Sandbox
) -> None:
    books = Books(failures=1)
    checkout = await payable(Checkouts(gett, storage=storage, on_placed=books.on_placed))
    order = await place_as_shown(checkout)
    assert order.order_id == sandbox.orders[0].order_id
    assert checkout.view.stage is Stage.PLACED
    assert await place_as_shown(checkout) == order
    assert len(books.calls) == 1  # a pass calls it again, not the shopper


@pytest.mark.parametrize("one_process", [True, False])
async def test_two_workers_that_look_at_once_call_it_once(
    gett: GettClient, storage: CountingStorage, clock: Clock, one_process: bool
) -> None:
    books = Books(failures=1)
    here = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    there = here if one_process else Checkouts(gett, storage=storage, on_placed=books.on_placed)
    await place_as_shown(await payable(here))
    clock.advance(15)
    looks = await asyncio.gather(here.reconcile(), there.reconcile(), here.reconcile("jane"))
    assert {each.outcome for look in looks for each in look} == {"placed"}
    assert {each.error for look in looks for each in look} == {None}
    assert len(books.calls) == 2
    assert await here.unresolved() == []


async def test_a_pass_leaves_alone_what_place_is_handing_over(
    gett: GettClient, storage: CountingStorage, sandbox: Sandbox
) -> None:
    books = SlowBooks()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    placing = asyncio.create_task(place_as_shown(await payable(checkouts)))
    await storage.is_placing.wait()
    looking = asyncio.create_task(checkouts.reconcile("jane"))  # waits for its turn behind `place`
    await books.begun.wait()
    [looked] = await looking
    assert (looked.outcome, looked.error) == ("placed", None)
    assert not placing.done()
    books.let.set()
    await placing
    assert len(books.calls) == 1


async def test_a_handler_may_use_the_checkout_itself(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    steps: list[Order | None] = []

    async def on_placed(order: PlacedOrder) -> None:
        checkout = await checkouts.open(order.checkout_id)
        assert checkout.view.stage is Stage.PLACED
        steps.extend([await place_as_shown(checkout), await checkout.reconcile()])
        assert [each.error for each in await checkouts.reconcile(order.checkout_id)] == [None]
        assert await checkouts.reconcile() == []
        if len(steps) == 2:
            raise BooksClosedError

    checkouts = Checkouts(gett, storage=storage, on_placed=on_placed)
    async with asyncio.timeout(10):
        order = await place_as_shown(await payable(checkouts))
        clock.advance(15)
        assert [each.error for each in await checkouts.reconcile()] == [None]
    assert steps == [order] * 4
    assert await checkouts.unresolved() == []


async def test_without_a_handler_nothing_is_due_and_nothing_more_is_saved(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    checkouts = Checkouts(gett, storage=storage)
    checkout = await payable(checkouts)
    storage.saves.clear()
    await place_as_shown(checkout)
    assert len(storage.saves) == 2  # before it is sent, and once it is placed
    assert storage.saves[-1] is None
    assert await storage.due(clock.now + timedelta(days=30), 10) == []
    assert await checkouts.reconcile() == []
    assert await checkouts.unresolved() == []


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_a_worker_without_the_handler_leaves_it_to_one_that_has_it(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock, limit: int
) -> None:
    books = Books(failures=5)
    with_it = Checkouts(once, storage=storage, on_placed=books.on_placed)
    without = Checkouts(once, storage=storage)
    for each in range(5):
        await place_as_shown(await payable(with_it, f"booked-{each}"))
    clock.advance(1)
    for each in range(3):
        await lost(without, sandbox, f"lost-{each}")
    clock.advance(60)
    # Five stand before its own, and are none of its business.
    found: list[str] = []
    for _ in range(3):
        looked = await without.reconcile(limit=limit)
        assert len(looked) <= limit
        assert {each.outcome for each in looked} <= {"placed"}
        found += [each.checkout_id for each in looked]
    assert sorted(found) == ["lost-0", "lost-1", "lost-2"]
    assert len(books.calls) == 5
    for _ in range(6):
        assert len(await with_it.reconcile(limit=limit)) <= limit
    assert len(books.rows) == 5
    assert len(sandbox.orders) == 8
    assert await with_it.unresolved() == []


async def test_a_pass_looks_at_no_more_than_it_was_told(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock
) -> None:
    books = Books(failures=9)
    with_it = Checkouts(once, storage=storage, on_placed=books.on_placed)
    without = Checkouts(once, storage=storage)
    await place_as_shown(await payable(with_it, "booked-0"))
    clock.advance(1)
    for each in range(4):
        await lost(without, sandbox, f"lost-{each}")
    clock.advance(60)
    # The first of what it asks for is passed over, and another is asked for in its place.
    assert [len(await without.reconcile(limit=2)) for _ in range(3)] == [2, 2, 0]


@pytest.mark.parametrize("finder", ["with", "without"])
async def test_an_order_begun_with_a_handler_is_handed_over_whoever_finds_it(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock, finder: str
) -> None:
    books = Books()
    with_it = Checkouts(once, storage=storage, on_placed=books.on_placed)
    without = Checkouts(once, storage=storage)
    await lost(with_it, sandbox)
    clock.advance(60)
    [looked] = await (with_it if finder == "with" else without).reconcile()
    assert looked.outcome == "placed"
    if finder == "without":
        assert books.calls == []
        [standing] = await without.unresolved()
        assert standing.reason == "not_handed_over"
        assert await without.reconcile() == []
        assert [each.error for each in await with_it.reconcile()] == [None]
    assert books.rows == {"jane": sandbox.orders[0].order_id}
    assert len(books.calls) == 1
    assert await with_it.unresolved() == []


async def test_an_order_begun_without_a_handler_is_handed_over_by_a_finder_that_has_one(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock
) -> None:
    books = Books()
    await lost(Checkouts(once, storage=storage), sandbox)
    clock.advance(60)
    with_it = Checkouts(once, storage=storage, on_placed=books.on_placed)
    [looked] = await with_it.reconcile()
    assert (looked.outcome, looked.error) == ("placed", None)
    assert books.rows == {"jane": sandbox.orders[0].order_id}


@pytest.mark.parametrize("failures", [0, 1])
async def test_an_order_whose_checkout_was_deleted_meanwhile_is_handed_over(
    gett: GettClient,
    storage: CountingStorage,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
) -> None:
    books = Books(failures)
    checkout = await payable(Checkouts(gett, storage=storage, on_placed=books.on_placed))
    send = gett.place_order

    async def deleted_meanwhile(*args: Any, **rest: Any) -> Order:
        await storage.delete("jane")
        return await send(*args, **rest)

    monkeypatch.setattr(GettClient, "place_order", staticmethod(deleted_meanwhile))
    order = await place_as_shown(checkout)
    assert order.order_id == sandbox.orders[0].order_id
    assert [each.order for each in books.calls] == [order]


async def test_a_cancelled_place_is_handed_over_all_the_same(
    gett: GettClient, storage: CountingStorage, sandbox: Sandbox
) -> None:
    books = SlowBooks()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    placing = asyncio.create_task(place_as_shown(await payable(checkouts)))
    await storage.is_placing.wait()
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    await books.begun.wait()
    books.let.set()
    await gett.close()  # waits for what was begun
    assert books.rows == {"jane": sandbox.orders[0].order_id}
    assert await checkouts.unresolved() == []


async def test_a_place_cancelled_while_the_handler_works_does_not_stop_it(
    gett: GettClient, storage: CountingStorage, sandbox: Sandbox
) -> None:
    books = SlowBooks()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    placing = asyncio.create_task(place_as_shown(await payable(checkouts)))
    await books.begun.wait()
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    assert books.calls == []
    books.let.set()
    await gett.close()
    assert books.rows == {"jane": sandbox.orders[0].order_id}
    assert await checkouts.unresolved() == []


async def test_a_handler_stopped_by_the_end_of_the_loop_is_called_again(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    books = SlowBooks()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    placing = asyncio.create_task(place_as_shown(await payable(checkouts)))
    await books.begun.wait()
    for task in gett._tasks:
        task.cancel()
    order = await placing
    clock.advance(34)
    assert await checkouts.reconcile() == []  # as others cannot know that it was stopped
    clock.advance(1)
    books.begun.clear()
    looking = asyncio.create_task(checkouts.reconcile())
    await books.begun.wait()
    for task in gett._tasks.copy():
        if task is checkouts._records_here()["jane"].handing_over:
            task.cancel()
    assert outlines(await looking) == [("placed", "NoneType", None)]
    books.let.set()
    clock.advance(60)
    assert outlines(await checkouts.reconcile()) == [("placed", "NoneType", None)]
    assert books.rows == {"jane": order.order_id}
    assert await checkouts.unresolved() == []


async def test_what_could_not_be_noted_is_handed_over_again(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    books = SlowBooks()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    placing = asyncio.create_task(place_as_shown(await payable(checkouts)))
    await books.begun.wait()
    storage.is_full = True
    books.let.set()
    await placing
    clock.advance(60)
    [looked] = await checkouts.reconcile()  # cannot even note that it begins
    assert isinstance(looked.error, StorageError)
    assert len(books.calls) == 1
    storage.is_full = False
    assert outlines(await checkouts.reconcile()) == [("placed", "NoneType", None)]
    assert len(books.calls) == 2
    assert await checkouts.unresolved() == []


async def test_a_handler_that_cancels_itself_has_failed(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    async def on_placed(_: PlacedOrder) -> None:
        raise asyncio.CancelledError

    checkouts = Checkouts(gett, storage=storage, on_placed=on_placed)
    await place_as_shown(await payable(checkouts))
    clock.advance(15)
    assert outlines(await checkouts.reconcile()) == [("placed", "HandOverError", "CancelledError")]


async def test_an_order_that_gets_its_name_during_the_call_is_handed_over_again(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock
) -> None:
    books = SlowBooks()
    with_it = Checkouts(once, storage=storage, on_placed=books.on_placed)
    sandbox.switches.key_policy = "refuse_duplicates"
    await lost(with_it, sandbox)
    clock.advance(60)
    looking = asyncio.create_task(with_it.reconcile())
    await books.begun.wait()  # with an order that has no id yet
    await Checkouts(once, storage=storage).resolve("jane", order_id="order-7")
    books.let.set()
    await looking
    assert books.rows == {"jane": None}
    await with_it.reconcile()
    assert books.rows == {"jane": "order-7"}
    assert await with_it.unresolved() == []


async def test_a_call_that_outlived_its_lease_changes_nothing_any_more(
    gett: GettClient, storage: CountingStorage, clock: Clock
) -> None:
    slow, books = SlowBooks(failures=1), Books()
    here = Checkouts(gett, storage=storage, on_placed=slow.on_placed)
    there = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    placing = asyncio.create_task(place_as_shown(await payable(here)))
    await slow.begun.wait()
    clock.advance(60)  # asleep, on a machine that was suspended say
    assert outlines(await there.reconcile()) == [("placed", "NoneType", None)]
    slow.let.set()
    order = await placing
    assert books.rows == {"jane": order.order_id}
    assert await here.unresolved() == []
    clock.advance(3600)
    assert await here.reconcile() == []


@pytest.mark.parametrize("one_process", [True, False])
async def test_a_slow_call_does_not_have_the_last_word_on_a_name(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock, one_process: bool
) -> None:
    slow, books = SlowBooks(), Books()
    slow.rows = books.rows
    handlers = [slow.on_placed]

    async def on_placed(order: PlacedOrder) -> None:
        await (handlers.pop() if handlers else books.on_placed)(order)

    here = Checkouts(once, storage=storage, on_placed=on_placed)
    there = here if one_process else Checkouts(once, storage=storage, on_placed=on_placed)
    sandbox.switches.key_policy = "refuse_duplicates"
    await lost(here, sandbox)
    clock.advance(60)
    looking = asyncio.create_task(here.reconcile())
    await slow.begun.wait()  # with an order that has no id yet
    await there.resolve("jane", order_id="order-7")
    assert books.rows == {"jane": "order-7"}
    slow.let.set()
    await looking
    assert books.rows == {"jane": None}  # written over by what was known before
    await there.reconcile()
    assert books.rows == {"jane": "order-7"}
    clock.advance(3600)
    assert await here.reconcile() == []
    assert len(books.calls) == 2


async def test_an_order_that_gets_its_name_without_a_handler_is_for_nobody(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock
) -> None:
    checkouts = Checkouts(once, storage=storage)
    sandbox.switches.key_policy = "refuse_duplicates"
    await lost(checkouts, sandbox)
    clock.advance(60)
    [looked] = await checkouts.reconcile()
    assert looked.order == Order(None)
    await checkouts.resolve("jane", order_id="order-7")
    assert (await checkouts.open("jane")).view.order == Order("order-7")
    clock.advance(3600)
    assert await checkouts.reconcile() == []
    assert await checkouts.unresolved() == []


async def test_an_order_placed_by_an_earlier_release_is_handed_over_once_it_has_a_name(
    once: GettClient, storage: CountingStorage, sandbox: Sandbox, clock: Clock
) -> None:
    without, books = Checkouts(once, storage=storage), Books()
    sandbox.switches.key_policy = "refuse_duplicates"
    await lost(without, sandbox)
    clock.advance(60)
    await without.reconcile()
    stored = await storage.load("jane")
    assert stored is not None
    snapshot = json.loads(stored.data)
    del snapshot["stage_since"]
    data, later = json.dumps(snapshot).encode(), clock.now + timedelta(days=7)
    await storage.save("jane", data, expected_version=stored.version, expires_at=later, due_at=None)
    with_it = Checkouts(once, storage=storage, on_placed=books.on_placed)
    await with_it.resolve("jane", order_id="order-7")
    assert books.rows == {"jane": "order-7"}
    assert await with_it.unresolved() == []


async def test_a_checkout_forgotten_during_the_call_is_not_called_for_again(
    gett: GettClient, storage: CountingStorage
) -> None:
    told: list[OrderHandedOver] = []
    listening(
        gett, lambda event: told.append(event) if isinstance(event, OrderHandedOver) else None
    )
    books = SlowBooks()
    checkout = await payable(Checkouts(gett, storage=storage, on_placed=books.on_placed))
    placing = asyncio.create_task(place_as_shown(checkout))
    await books.begun.wait()
    await Checkouts(gett, storage=storage).forget("jane", force=True)
    books.let.set()
    order = await placing
    assert books.rows == {"jane": order.order_id}
    assert [(each.error, each.wait) for each in told] == [(None, None)]


async def test_an_order_that_is_not_handed_over_is_not_forgotten(
    gett: GettClient, storage: CountingStorage
) -> None:
    books = Books(failures=1)
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    await place_as_shown(await payable(checkouts))
    with pytest.raises(StepNotAllowedError):
        await checkouts.forget("jane")
    await checkouts.forget("jane", force=True)
    assert await storage.load("jane") is None


SECRET = "s3cret"


@pytest.mark.parametrize(
    "metadata",
    [
        {f"{SECRET}{each}": "" for each in range(51)},
        {SECRET.ljust(41, "x"): "text"},
        {"name": SECRET.ljust(501, "x")},
        {"": SECRET},
        {"name": 7},
        {7: SECRET},
        {"name": {"deep": SECRET}},
        [("name", SECRET)],
        SECRET,
    ],
)
async def test_metadata_out_of_bounds_is_refused_and_not_quoted(
    gett: GettClient, storage: CountingStorage, metadata: Any
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await Checkouts(gett, storage=storage).start(metadata=metadata)
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(refused.value)
    assert storage.saves == []


@pytest.mark.parametrize(
    "metadata",
    [{}, {f"{each:040}": "x" * 500 for each in range(50)}, {"name": ""}, None],
)
async def test_metadata_within_bounds_comes_back_as_it_was_given(
    gett: GettClient, storage: CountingStorage, metadata: dict[str, str] | None
) -> None:
    books = Books()
    checkouts = Checkouts(gett, storage=storage, on_placed=books.on_placed)
    checkout = await checkouts.start(checkout_id="jane", metadata=metadata)
    given = dict(metadata or {})
    if metadata:
        metadata.clear()  # the caller's own, which may change
    await until_payable(checkout)
    await place_as_shown(checkout)
    assert dict(books.calls[0].metadata) == given
    stored = await storage.load("jane")
    assert isinstance(stored, Stored)
