"""A step ends before the proxy in front of it gives up, however slow Gett, the books or another step are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Connection

from gett_checkout import (
    Checkouts,
    GettClient,
    MemoryStorage,
    OutcomeUnknownError,
    PlacedOrder,
    PlacementInProgressError,
    RetryPolicy,
    Stage,
    StorageError,
    TransportError,
)
from gett_checkout import _steps as steps
from gett_checkout.errors import PaymentFailedError
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import open_storage
from gett_checkout.telemetry import Event, RequestFinished
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    JANE,
    hold,
    listening,
    lose_order,
    payable,
    until_priced,
    writes,
)
from tests.samples.shopper import place_as_shown
from tests.samples.waiting import until
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

GETT = 22.0  # seconds that all requests of a step may take


class Slow:
    """Every request takes ``seconds`` of the clock, from when it is turned on."""

    seconds = 0.0

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __call__(self, event: Event) -> None:
        if isinstance(event, RequestFinished):
            self.clock.advance(self.seconds)


@pytest.fixture
def slow(gett: GettClient, clock: Clock) -> Slow:
    slow = Slow(clock)
    listening(gett, slow)
    return slow


@pytest.fixture
def timeouts(gett: GettClient, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The timeout of each request."""
    seen: list[float] = []
    send = gett._transport.send

    async def noted(*args: Any, **rest: Any) -> Any:
        seen.append(rest["timeout"])
        return await send(*args, **rest)

    monkeypatch.setattr(gett._transport, "send", noted)
    return seen


async def test_all_requests_of_a_step_share_one_patience(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock, slow: Slow, timeouts: list[float]
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    done, began = len(writes(sandbox)), clock.now
    timeouts.clear()
    slow.seconds = 8.6
    with pytest.raises(TransportError, match="not sent") as late:
        await checkout.pay(CARD)
    assert (clock.now - began).total_seconds() <= GETT
    assert writes(sandbox)[done:] == ["create_session", "set_fulfillment_context"]
    assert late.value.cause == "out of time"
    assert not late.value.may_have_arrived
    assert late.value.next_action is not None
    assert late.value.next_action.kind == checkout.view.next_action.kind == "wait"
    # What was done is stored, so the next attempt does only what is left.
    await checkout.pay(CARD)
    assert writes(sandbox)[done + 2 :] == ["validate_order"]
    assert timeouts == [10.0, 10.0, 10.0]


async def test_a_request_that_begins_late_has_what_time_is_left(
    checkouts: Checkouts, clock: Clock, slow: Slow, timeouts: list[float]
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    timeouts.clear()
    slow.seconds = 7.0
    await checkout.pay(CARD)
    assert timeouts == [10.0, 10.0, 8.0]


async def test_calls_outside_a_step_have_each_their_own(
    gett: GettClient, slow: Slow, timeouts: list[float]
) -> None:
    slow.seconds = 9.0
    for _ in range(4):
        await gett.get_store("store_bella_napoli")
    assert timeouts == [10.0] * 4


async def test_an_order_without_a_response_is_unknown_in_time(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock, slow: Slow
) -> None:
    checkout = await payable(checkouts)
    slow.seconds = 10.0  # each attempt runs into its timeout
    sandbox.switches.fail("place_order", "drop_after", times=2)
    began = clock.now
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    assert (clock.now - began).total_seconds() <= GETT
    assert sandbox.count("place_order") == 2
    slow.seconds = 0.0
    clock.advance(15)
    [looked] = await checkouts.reconcile()  # which goes on with it
    assert looked.outcome == "placed"
    assert len(sandbox.orders) == 1


async def test_an_order_is_not_begun_when_its_session_took_the_time(
    checkouts: Checkouts, sandbox: Sandbox, slow: Slow
) -> None:
    checkout = await payable(checkouts)
    sandbox.revoke_all()
    slow.seconds = 6.0
    # Rejected, a new session, its context, and the price once more: 18 of the 22 seconds.
    with pytest.raises(TransportError, match="not sent"):
        await place_as_shown(checkout)
    assert checkout.view.stage is Stage.PLACE
    assert sandbox.orders == []
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]


async def test_an_order_in_doubt_stays_so_when_its_session_took_the_time(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock, slow: Slow
) -> None:
    checkout = await payable(checkouts)
    await lose_order(checkout, sandbox)
    sandbox.revoke_all()
    slow.seconds, sent = 9.0, sandbox.count("place_order")
    with pytest.raises(OutcomeUnknownError) as unknown:
        await place_as_shown(checkout)  # asks in the old session, opens one, sets the context
    assert unknown.value.cause == "out of time"
    assert sandbox.count("place_order") == sent + 1
    assert checkout.view.stage is Stage.PLACING
    assert (await place_as_shown(checkout)).order_id == sandbox.orders[0].order_id


async def test_a_payment_that_fails_slowly_is_not_tried_for_ever(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock, slow: Slow
) -> None:
    checkout = await payable(checkouts)
    sandbox.switches.fail("place_order", "error", code="PAYMENT_FAILED", times=3)
    slow.seconds, began = 9.0, clock.now
    with pytest.raises(PaymentFailedError):
        await place_as_shown(checkout)
    assert (clock.now - began).total_seconds() <= GETT
    assert sandbox.count("place_order") == 2


async def test_what_a_step_waits_for_its_turn_counts(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    before = sandbox.count("validate_order")
    release = hold(sandbox, "validate_order")
    first = asyncio.create_task(checkout.validate())
    second = asyncio.create_task(checkout.validate())
    await until(lambda: sandbox.count("validate_order") > before)
    clock.advance(18)
    release()
    await first
    with pytest.raises(TransportError, match="18 seconds already"):
        await second
    assert sandbox.count("validate_order") == before + 1
    await checkout.validate()


@pytest.mark.parametrize("slow_one", ["create_session", "set_fulfillment_context", "place_order"])
async def test_a_gett_that_never_responds_is_given_up(
    slow_one: str, storage: MemoryStorage
) -> None:
    retry = RetryPolicy(max_elapsed=3, initial_backoff=0.05)
    async with (
        Sandbox() as sandbox,
        GettClient(sandbox.api_key, base_url=sandbox.url) as patient,
        GettClient(sandbox.api_key, base_url=sandbox.url, timeout=2, retry=retry) as gett,
    ):
        prepared = await payable(Checkouts(patient, storage=storage))
        checkout = await Checkouts(gett, storage=storage).open(prepared.id)
        sandbox.revoke_all()
        before = sandbox.count(slow_one)
        sandbox.switches.fail(slow_one, "hang", times=99)
        with pytest.raises((TransportError, OutcomeUnknownError)):
            await place_as_shown(checkout)
        # It ended by its own timeouts, and began no attempt that its patience had no time for.
        assert 1 <= sandbox.count(slow_one) - before <= 2


async def test_place_does_not_wait_long_for_the_books(
    gett: GettClient, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    let, rows = asyncio.Event(), list[str]()

    async def on_placed(order: PlacedOrder) -> None:
        await let.wait()
        rows.append(order.checkout_id)

    waits: list[float | None] = []

    async def wait(tasks: set[asyncio.Task[Any]], timeout: float | None = None) -> None:  # noqa: ASYNC109
        waits.append(timeout)
        await asyncio.wait(tasks, timeout=0 if timeout else None)

    monkeypatch.setattr(steps, "wait", wait)
    checkouts = Checkouts(gett, storage=storage, on_placed=on_placed)
    checkout = await payable(checkouts)
    await place_as_shown(checkout)
    assert (waits, rows) == ([5.0], [])
    assert checkout.view.stage is Stage.PLACED
    let.set()
    await gett.close()  # which waits for it
    assert rows == [checkout.id]
    assert await checkouts.unresolved() == []


async def test_a_handler_has_a_patience_of_its_own(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, slow: Slow
) -> None:
    stores: list[str] = []

    async def on_placed(order: PlacedOrder) -> None:
        stores.append((await gett.get_store("store_bella_napoli")).store_id)

    checkout = await payable(Checkouts(gett, storage=storage, on_placed=on_placed))
    slow.seconds = 20.0
    await place_as_shown(checkout)
    assert stores == ["store_bella_napoli"]


# --- how long a worker is alone with an order -----------------------------------------------------


class SlowToSave(MemoryStorage):
    """Takes its time to save once, by the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.passes: Callable[[float], None] = clock.advance
        self.seconds = 0.0

    async def save(self, *args: Any, **rest: Any) -> int:
        version = await super().save(*args, **rest)
        seconds, self.seconds = self.seconds, 0.0
        self.passes(seconds)
        return version


@pytest.mark.parametrize(("seconds", "is_sent"), [(5.0, True), (5.1, False)])
async def test_nothing_is_sent_that_may_outlast_its_lease(
    gett: GettClient, sandbox: Sandbox, clock: Clock, seconds: float, is_sent: bool
) -> None:
    storage = SlowToSave(clock)
    checkout = await payable(Checkouts(gett, storage=storage))
    storage.seconds = seconds
    if is_sent:
        await place_as_shown(checkout)
    else:
        with pytest.raises(PlacementInProgressError) as busy:
            await place_as_shown(checkout)
        assert busy.value.retry_after == 2.0
        clock.advance(10)
    assert sandbox.count("place_order") == is_sent
    elsewhere = await Checkouts(gett, storage=storage).open(checkout.id)
    await place_as_shown(elsewhere)
    assert len(sandbox.orders) == 1


async def test_a_silent_redis_is_given_up_at_once(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []
    send = Connection.send_command

    async def noted(self: Connection, *command: Any, **options: Any) -> None:
        commands.append(command[0])
        await send(self, *command, **options)

    monkeypatch.setattr(Connection, "send_command", noted)
    async with open_storage(f"{redis_server.url}?socket_timeout=0.5") as storage:
        await storage.load("a")
        commands.clear()
        with redis_server.stalled():
            with pytest.raises(StorageError, match="TimeoutError"):
                await storage.load("a")
            assert len(commands) == 1  # one attempt, and not four
