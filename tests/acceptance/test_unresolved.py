"""What is unresolved: it is listed, looked at by a loop, and closed by a person's word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet

from gett_checkout import (
    Checkout,
    CheckoutConflictError,
    CheckoutNotFoundError,
    Checkouts,
    GettClient,
    InvalidInputError,
    MemoryStorage,
    OutcomeUnknownError,
    PlacedOrder,
    Stage,
    StepNotAllowedError,
    StorageError,
)
from gett_checkout import _checkouts as checkouts_module
from gett_checkout import _placing as placing
from gett_checkout._core.order import Order
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.telemetry import Event, PlacementOutcome, UnresolvedCounted, digest
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    begin_to_place,
    fill_cart,
    listening,
    lose_order,
    outcomes,
    payable,
    until_payable,
)
from tests.samples.shopper import place_as_shown

NEVER_BACK = 10_000
HOUR = 3600.0
REASONS = ("unknown", "key_expired", "duplicate_order", "not_handed_over", "unreadable")


async def lost(checkouts: Checkouts, sandbox: Sandbox, kind: FaultKind = "drop_after") -> str:
    """A checkout whose placement got no response; its id. Gett answers again afterwards."""
    checkout = await payable(checkouts)
    await lose_order(checkout, sandbox, kind)
    return checkout.id


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def listened(gett: GettClient, storage: MemoryStorage, events: list[Event]) -> Checkouts:
    return Checkouts(listening(gett, events.append), storage=storage)


# --- unresolved -----------------------------------------------------------------------------------


async def test_what_is_unresolved_is_listed_with_what_is_known(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    assert await listened.unresolved() == []
    checkout_id = await lost(listened, sandbox)
    sent = clock()
    clock.advance(720)
    (found,) = await listened.unresolved()
    assert (found.checkout_id, found.digest) == (checkout_id, digest(checkout_id))
    assert (found.reason, found.attempts, found.order_id) == ("unknown", 4, None)
    assert found.last_error == "TransportError (ServerDisconnected)"
    assert found.since is not None
    assert found.next_look is not None
    assert found.key_age == (clock() - found.since).total_seconds()
    assert 0 < (found.next_look - found.since).total_seconds() < 60
    assert found.since <= sent
    assert checkout_id not in repr(found)
    assert counted(events) == [
        dict.fromkeys(REASONS, (0, 0.0)),
        dict.fromkeys(REASONS, (0, 0.0)) | {"unknown": (1, found.key_age)},
    ]


def counted(events: Sequence[Event]) -> list[dict[str, tuple[int, float]]]:
    """What was told of each count: of each reason, how many there were, and the oldest's age."""
    each = [event for event in events if isinstance(event, UnresolvedCounted)]
    return [
        {of.reason: (of.count, of.oldest) for of in each[first : first + len(REASONS)]}
        for first in range(0, len(each), len(REASONS))
    ]


async def test_each_reason_is_counted_by_itself(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    first = await lost(listened, sandbox)
    clock.advance(24 * HOUR)
    await lost(listened, sandbox)
    clock.advance(60)
    late, expired = (each.key_age for each in reversed(await listened.unresolved()))
    zeros: dict[str, tuple[int, float]] = dict.fromkeys(REASONS, (0, 0.0))
    assert counted(events) == [zeros | {"unknown": (1, late), "key_expired": (1, expired)}]
    await listened.resolve(first, not_placed=True)
    await listened.reconcile()
    await listened.unresolved()
    assert counted(events)[1:] == [zeros]


async def test_an_order_being_placed_right_now_is_not_unresolved(
    listened: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await payable(listened)
    sandbox.switches.fail("place_order", "hang")
    placing_it = await begin_to_place(checkout, sandbox)
    assert await listened.unresolved() == []
    clock.advance(60)  # its worker has no right to send any more
    assert [each.reason for each in await listened.unresolved()] == ["unknown"]
    await sandbox.stop()
    with pytest.raises(OutcomeUnknownError):
        await placing_it


async def test_an_expired_key_stays_listed_until_a_person_resolves_it(
    listened: Checkouts, storage: MemoryStorage, sandbox: Sandbox, clock: Clock
) -> None:
    checkout_id = await lost(listened, sandbox)
    clock.advance(24 * HOUR)
    assert outcomes(await listened.reconcile()) == {checkout_id: "key_expired"}
    assert await listened.reconcile() == []
    for _ in range(8):
        clock.advance(10 * 24 * HOUR)
        (found,) = await listened.unresolved()
        assert (found.reason, found.next_look) == ("key_expired", None)
    await listened.resolve(checkout_id, order_id="order-7", note="Gett's support, ticket 12")
    assert await listened.unresolved() == []
    assert (await listened.open(checkout_id)).view.order == Order("order-7")
    assert sandbox.count("place_order") == 4


async def test_what_cannot_be_read_is_listed_too(
    listened: Checkouts, storage: MemoryStorage, clock: Clock
) -> None:
    await storage.save(
        "damaged", b"?", expected_version=0, expires_at=clock().replace(year=2030), due_at=clock()
    )
    (found,) = await listened.unresolved()
    assert (found.reason, found.since, found.last_error) == ("unreadable", None, "StorageError")


async def test_what_no_key_decrypts_is_listed_and_hides_nothing(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, clock: Clock
) -> None:
    old, new = (EncryptedStorage(storage, [Fernet.generate_key()]) for _ in range(2))
    locked = await lost(Checkouts(gett, storage=old), sandbox)
    checkouts = Checkouts(gett, storage=new)
    readable = await lost(checkouts, sandbox)
    clock.advance(60)
    reasons = {each.checkout_id: each.reason for each in await checkouts.unresolved()}
    assert reasons == {locked: "unreadable", readable: "unknown"}
    assert outcomes(await checkouts.reconcile()) == {locked: "unknown", readable: "placed"}
    assert outcomes(await Checkouts(gett, storage=old).reconcile()) == {locked: "placed"}


async def test_a_long_pass_counts_after_each_batch(
    listened: Checkouts,
    sandbox: Sandbox,
    clock: Clock,
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkouts_module, "_BATCH", 1)
    for _ in range(2):
        await lost(listened, sandbox)
    clock.advance(60)
    await listened._pass()
    assert [each["unknown"][0] for each in counted(events)] == [1, 0, 0]


async def test_a_duplicate_is_listed_as_such_before_it_is_handed_over(
    gett: GettClient, storage: MemoryStorage
) -> None:
    async def on_placed(order: PlacedOrder) -> None:
        raise OSError

    checkouts = Checkouts(gett, storage=storage, on_placed=on_placed)
    checkout = await payable(checkouts)
    await place_as_shown(checkout)
    (before,) = await checkouts.unresolved()
    assert before.reason == "not_handed_over"
    await placing.placed(checkout._record, Order("ord_second"))
    (found,) = await checkouts.unresolved()
    assert found.reason == "duplicate_order"
    assert found.next_look is not None  # the hand-over goes on


async def test_what_went_meanwhile_is_not_listed(
    listened: Checkouts, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def due(now: datetime, limit: int) -> Sequence[str]:
        return ["gone"]

    monkeypatch.setattr(storage, "due", due)
    assert await listened.unresolved() == []


async def test_reconciling_one_needs_no_due_date(
    listened: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout_id = await lost(listened, sandbox)
    assert await listened.reconcile() == []
    (looked,) = await listened.reconcile(checkout_id)
    assert (looked.outcome, looked.error, looked.digest) == ("placed", None, digest(checkout_id))
    assert looked.order is not None
    assert looked.order.order_id == sandbox.orders[0].order_id
    assert checkout_id not in repr(looked)
    (unknown,) = await listened.reconcile("nobody's")
    assert isinstance(unknown.error, CheckoutNotFoundError)


# --- the loop -------------------------------------------------------------------------------------


def loops() -> int:
    return sum("repeat" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - another task sees to it
            await asyncio.sleep(0.005)


async def test_the_loop_finds_the_order_and_ends_with_its_block(
    listened: Checkouts,
    storage: MemoryStorage,
    sandbox: Sandbox,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "gett_checkout")
    purged: list[int] = []

    async def purge() -> int:
        purged.append(1)
        return 0

    monkeypatch.setattr(storage, "purge", purge, raising=False)
    checkout_id = await lost(listened, sandbox)
    clock.advance(15)

    async def is_placed() -> bool:
        return (await listened.open(checkout_id)).view.stage is Stage.PLACED

    async with listened.keep_reconciling(every=0.01):
        assert loops() == 1
        await until(is_placed)

        async def has_purged() -> bool:
            return bool(purged)

        await until(has_purged)
    assert loops() == 0
    assert "reconciled: 1 placed" in caplog.messages
    assert len(sandbox.orders) == 1


async def test_a_pass_goes_on_until_nothing_is_due(
    listened: Checkouts,
    sandbox: Sandbox,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "gett_checkout")
    monkeypatch.setattr("gett_checkout._checkouts._BATCH", 2)
    for _ in range(5):
        await lost(listened, sandbox)
    clock.advance(100)

    async def is_told() -> bool:
        return "reconciled: 5 placed" in caplog.messages

    async with listened.keep_reconciling(every=0.01):
        await until(is_told)
    assert len(sandbox.orders) == 5


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (StorageError("away"), "reconciling failed: StorageError"),
        (RuntimeError("a bug"), "reconciling failed"),
    ],
)
async def test_the_loop_outlives_a_storage_that_is_unavailable(
    listened: Checkouts,
    storage: MemoryStorage,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG, "gett_checkout")
    real, failing = storage.due, [failure, failure]

    async def due(now: datetime, limit: int) -> Sequence[str]:
        if failing:
            raise failing.pop()
        return await real(now, limit)

    monkeypatch.setattr(storage, "due", due)

    async def is_well() -> bool:
        return "reconciled: nothing was due" in caplog.messages

    async with listened.keep_reconciling(every=0.01):
        await until(is_well)
    assert caplog.messages.count(said) == 2


async def test_an_error_in_the_block_ends_the_loop_too(listened: Checkouts) -> None:
    with pytest.raises(ValueError, match="the block's own"):
        async with listened.keep_reconciling():
            raise ValueError("the block's own")
    assert loops() == 0


@pytest.mark.parametrize("every", [0, -1, 86_401])
def test_the_loop_wants_a_time_it_can_keep(listened: Checkouts, every: float) -> None:
    with pytest.raises(InvalidInputError, match="every must be"):
        listened.keep_reconciling(every=every)


@pytest.mark.parametrize("limit", [0, -1, True, "7"])
async def test_a_limit_must_make_sense(checkouts: Checkouts, limit: int) -> None:
    for ask in (checkouts.reconcile, checkouts.unresolved):
        with pytest.raises(InvalidInputError, match="limit must be"):
            await ask(limit=limit)


async def test_a_handler_must_be_callable(gett: GettClient) -> None:
    with pytest.raises(InvalidInputError, match="on_placed must be"):
        Checkouts(gett, on_placed="shop.books:book")  # type: ignore[arg-type]


# --- a person's word ------------------------------------------------------------------------------


async def test_while_gett_can_be_asked_a_persons_word_needs_force(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    checkout_id = await lost(listened, sandbox)
    for word in ({"order_id": "order-7"}, {"not_placed": True}):
        with pytest.raises(StepNotAllowedError, match="Gett can still be asked") as refused:
            await listened.resolve(checkout_id, **word)
        assert refused.value.next_action is not None
        assert refused.value.next_action.kind == "reconcile"
    assert (await listened.open(checkout_id)).view.stage is Stage.PLACING
    events.clear()
    await listened.resolve(checkout_id, order_id="order-7", force=True)
    (told,) = [each for each in events if isinstance(each, PlacementOutcome)]
    assert (told.outcome, told.order_id, told.by_person) == ("placed", "order-7", True)
    assert (await listened.open(checkout_id)).view.order == Order("order-7")


async def test_an_order_that_is_not_placed_can_be_placed_again(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    checkout_id = await lost(listened, sandbox, "drop_before")
    clock.advance(24 * HOUR)
    await listened.resolve(checkout_id, not_placed=True, note="Gett's support")
    told = [each for each in events if isinstance(each, PlacementOutcome)][-1]
    assert (told.outcome, told.by_person) == ("not_placed", True)
    assert await listened.unresolved() == []
    checkout = await listened.open(checkout_id)
    assert checkout.view.next_action.kind == "validate"
    await checkout.validate()
    order = await place_as_shown(checkout)
    assert [order.order_id] == [each.order_id for each in sandbox.orders]
    keys = {seen.idempotency_key for seen in sandbox.requests if seen.operation == "place_order"}
    assert len(keys) == 2


async def test_a_person_may_be_wrong_and_gett_has_the_last_word(
    listened: Checkouts, sandbox: Sandbox
) -> None:
    checkout_id = await lost(listened, sandbox)  # there is an order
    await listened.resolve(checkout_id, not_placed=True, force=True)
    checkout = await listened.open(checkout_id)
    assert checkout.view.next_action.kind == "place"
    order = await place_as_shown(checkout)
    assert [order.order_id] == [each.order_id for each in sandbox.orders]


async def test_an_order_gett_has_and_we_do_not_know_is_taken_in(
    gett: GettClient, storage: MemoryStorage
) -> None:
    booked: list[PlacedOrder] = []

    async def book(order: PlacedOrder) -> None:
        booked.append(order)

    checkouts = Checkouts(gett, storage=storage, on_placed=book)
    checkout = await checkouts.start(metadata={"cart": "7"})
    await until_payable(checkout)
    await checkouts.resolve(checkout.id, order_id="order-9", note="found by the restaurant")
    assert checkout.view.stage is Stage.PLACED
    (order,) = booked
    assert (order.order.order_id, order.metadata) == ("order-9", {"cart": "7"})
    assert await checkouts.unresolved() == []


async def test_an_order_without_an_id_is_named_and_handed_over_once_more(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, clock: Clock
) -> None:
    booked: list[str | None] = []

    async def book(order: PlacedOrder) -> None:
        booked.append(order.order.order_id)

    sandbox.switches.key_policy = "refuse_duplicates"
    checkouts = Checkouts(gett, storage=storage, on_placed=book)
    checkout_id = await lost(checkouts, sandbox)
    clock.advance(100)
    assert outcomes(await checkouts.reconcile()) == {checkout_id: "placed"}
    assert booked == [None]
    order_id = sandbox.orders[0].order_id
    await checkouts.resolve(checkout_id, order_id=order_id)
    assert booked == [None, order_id]
    await checkouts.resolve(checkout_id, order_id=order_id)  # said twice
    assert booked == [None, order_id]
    with pytest.raises(StepNotAllowedError, match="another order is known"):
        await checkouts.resolve(checkout_id, order_id="order-10")
    with pytest.raises(StepNotAllowedError, match="there is an order"):
        await checkouts.resolve(checkout_id, not_placed=True)


async def test_a_duplicate_is_unresolved_until_a_person_says_which_stands(
    listened: Checkouts, events: list[Event]
) -> None:
    checkout = await payable(listened)
    order = await place_as_shown(checkout)
    # As when another worker saved its response first, and ours names another order.
    await placing.placed(checkout._record, Order("another"))
    (found,) = await listened.unresolved()
    assert (found.reason, found.next_look, found.order_id) == (
        "duplicate_order",
        None,
        order.order_id,
    )
    assert await listened.reconcile() == []
    events.clear()
    await listened.resolve(checkout.id, order_id=order.order_id, note="the other is cancelled")
    assert await listened.unresolved() == []
    assert [each.by_person for each in events if isinstance(each, PlacementOutcome)] == [True]
    assert checkout.view.order == order


@pytest.mark.parametrize("word", [{"order_id": "ord_typo"}, {"not_placed": True}])
@pytest.mark.parametrize("found", [True, False])
async def test_a_persons_word_gives_way_to_what_was_saved_meanwhile(
    gett: GettClient,
    storage: MemoryStorage,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    *,
    word: dict[str, Any],
    found: bool,
) -> None:
    checkouts, worker = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout_id = await lost(checkouts, sandbox)
    if not found:
        sandbox.switches.fail("place_order", "drop_after", times=NEVER_BACK)
    save = storage.save

    async def second(*args: Any, **kwargs: Any) -> int:
        monkeypatch.setattr(storage, "save", save)
        await worker.reconcile(checkout_id)
        return await save(*args, **kwargs)

    monkeypatch.setattr(storage, "save", second)
    with pytest.raises(CheckoutConflictError) as conflict:
        await checkouts.resolve(checkout_id, **word, force=True)
    state = (await worker.open(checkout_id))._record.state
    assert (state.resolution, state.duplicates) == (None, ())
    known = state.order and state.order.order_id
    assert known == (sandbox.orders[0].order_id if found else None)
    assert conflict.value.next_action is not None
    assert conflict.value.next_action.kind == ("done" if found else "reconcile")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ({}, "either the order_id, or"),
        ({"order_id": "o", "not_placed": True}, "either the order_id, or"),
        ({"order_id": " "}, "an order_id must be"),
        ({"order_id": 7}, "an order_id must be"),
        ({"not_placed": True, "note": "x" * 501}, "a note must be"),
        ({"not_placed": True, "note": None}, "a note must be"),
    ],
)
async def test_a_persons_word_must_make_sense(
    checkouts: Checkouts, word: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        await checkouts.resolve("any", **word)  # type: ignore[arg-type]


async def test_nothing_can_be_not_placed_before_it_is_sent(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    with pytest.raises(StepNotAllowedError, match="no order is in progress"):
        await checkouts.resolve(checkout.id, not_placed=True)


# --- forget ---------------------------------------------------------------------------------------


async def test_a_forgotten_checkout_is_gone(checkouts: Checkouts, storage: MemoryStorage) -> None:
    checkout = await payable(checkouts)
    await checkouts.forget(checkout.id)
    assert await storage.load(checkout.id) is None
    with pytest.raises(CheckoutNotFoundError):
        await place_as_shown(checkout)  # a handle of before places nothing
    await checkouts.forget(checkout.id)  # twice is no harm


async def test_a_placed_order_can_be_forgotten(
    checkout: Checkout, checkouts: Checkouts, storage: MemoryStorage
) -> None:
    await place_as_shown(checkout)
    await checkouts.forget(checkout.id)
    assert await storage.load(checkout.id) is None


async def test_what_is_unresolved_is_forgotten_by_force_only(
    checkouts: Checkouts, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout_id = await lost(checkouts, sandbox)
    with pytest.raises(StepNotAllowedError, match="it is unresolved"):
        await checkouts.forget(checkout_id)
    assert await storage.load(checkout_id) is not None
    await checkouts.forget(checkout_id, force=True)
    assert await storage.load(checkout_id) is None
    assert await checkouts.unresolved() == []


async def test_what_cannot_be_read_is_forgotten_by_force_only(
    checkouts: Checkouts, storage: MemoryStorage, clock: Clock
) -> None:
    await storage.save(
        "damaged", b"?", expected_version=0, expires_at=clock().replace(year=2030), due_at=None
    )
    with pytest.raises(StorageError):
        await checkouts.forget("damaged")
    await checkouts.forget("damaged", force=True)
    assert await storage.load("damaged") is None


async def test_no_worker_places_what_is_being_forgotten(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await payable(here)
    elsewhere = await there.open(checkout.id)
    await here.forget(checkout.id)
    with pytest.raises(CheckoutNotFoundError):
        await place_as_shown(elsewhere)
    assert sandbox.count("place_order") == 0
