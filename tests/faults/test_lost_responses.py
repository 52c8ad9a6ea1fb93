"""The classic: the server makes the order and its response is lost. Never two orders, never "failed"."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gett_checkout import (
    ApiError,
    CardOnFile,
    Checkout,
    CheckoutNotFoundError,
    Checkouts,
    GettClient,
    MemoryStorage,
    OutcomeUnknownError,
    PaymentDeclinedError,
    PlacementInProgressError,
    RetryPolicy,
    Stage,
    StepNotAllowedError,
    TransportError,
)
from gett_checkout.actions import Wait
from gett_checkout.errors import ConflictError, ForbiddenError
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    begin_to_place,
    hold,
    lose_order,
    operations,
    outcomes,
    payable,
    until_payable,
)
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

LOSES = ["drop_after", "error_after", "garbage"]
NEVER = 99  # longer than any patience


def keys(sandbox: Sandbox) -> set[str | None]:
    return {seen.idempotency_key for seen in sandbox.requests if seen.operation == "place_order"}


@pytest.mark.parametrize("policy", ["replay", "reject_other_body", "refuse_duplicates", "none"])
@pytest.mark.parametrize("kind", LOSES)
async def test_one_lost_response_is_found_again(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock, kind: str, policy: str
) -> None:
    sandbox.switches.key_policy = policy  # type: ignore[assignment]
    checkout = await payable(checkouts)
    sandbox.switches.fail("place_order", kind)  # type: ignore[arg-type]
    if policy in ("refuse_duplicates", "none"):
        # "Already used" proves the order only when nothing can be at work any more.
        with pytest.raises(OutcomeUnknownError):
            await place_as_shown(checkout)
        clock.advance(60)
    order = await place_as_shown(checkout)
    assert len(sandbox.orders) == 1
    assert len(keys(sandbox)) == 1
    assert checkout.view.stage is Stage.PLACED
    # Where the server only says that the order exists, its id is not known.
    assert order.order_id in (sandbox.orders[0].order_id, None)
    if policy in ("replay", "reject_other_body"):
        assert order.order_id == sandbox.orders[0].order_id


@pytest.mark.parametrize("finder", ["place", "reconcile", "other worker"])
@pytest.mark.parametrize("kind", LOSES)
async def test_responses_lost_for_long_are_found_later(
    gett: GettClient,
    storage: MemoryStorage,
    sandbox: Sandbox,
    clock: Clock,
    kind: FaultKind,
    finder: str,
) -> None:
    here = Checkouts(gett, storage=storage)
    checkout = await payable(here)
    unknown = await lose_order(checkout, sandbox, kind)
    assert unknown.next_action is not None
    assert unknown.next_action.kind == "reconcile"
    assert {unknown.idempotency_key} == keys(sandbox)
    assert checkout.view.stage is Stage.PLACING
    match finder:
        case "place":
            await place_as_shown(checkout)
        case "reconcile":
            elsewhere = Checkouts(gett, storage=storage)
            assert await elsewhere.reconcile() == []  # a response may be a moment late
            clock.advance(15)
            assert outcomes(await elsewhere.reconcile()) == {checkout.id: "placed"}
        case _:
            await place_as_shown(await Checkouts(gett, storage=storage).open(checkout.id))
    found = await here.open(checkout.id)
    assert found.view.stage is Stage.PLACED
    assert found.view.order is not None
    assert found.view.order.order_id == sandbox.orders[0].order_id
    assert len(sandbox.orders) == 1
    assert len(keys(sandbox)) == 1
    assert await here.reconcile() == []


async def test_while_the_outcome_is_unknown_nothing_else_is_accepted(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    await lose_order(checkout, sandbox)
    before, saved = len(sandbox.requests), checkout.view
    line = saved.lines[0].line_id
    for step in (
        checkout.browse("store_bella_napoli"),
        checkout.add("item_tiramisu"),
        checkout.update(line, quantity=2),
        checkout.remove(line),
        checkout.fulfill(HOME),
        checkout.validate(),
        checkout.identify(JANE),
        checkout.pay(CARD),
        checkout.abandon(),
    ):
        with pytest.raises(StepNotAllowedError) as refused:
            await step
        assert refused.value.next_action is not None
        assert refused.value.next_action.kind == "reconcile"
    assert len(sandbox.requests) == before
    assert checkout.view == saved


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_at_place_is_unknown_and_not_refused(
    checkout: Checkout, sandbox: Sandbox, status: int
) -> None:
    unknown = await lose_order(checkout, sandbox, "error", status=status)
    assert isinstance(unknown.__cause__, ApiError)
    assert checkout.view.stage is Stage.PLACING


async def test_what_never_left_is_certainly_not_placed(
    checkout: Checkout, sandbox: Sandbox, clock: Clock
) -> None:
    await sandbox.stop()
    with pytest.raises(TransportError) as refused:
        await place_as_shown(checkout)
    assert not refused.value.may_have_arrived
    assert checkout.view.stage is Stage.PLACE
    assert checkout.view.next_action == refused.value.next_action == Wait(1.0)
    clock.advance(1)
    assert str(checkout.view.next_action.to_dict()["kind"]) == "place"


async def test_a_refusal_after_a_lost_response_that_proves_nothing_stays_unknown(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    sandbox.switches.fail("place_order", "drop_after")
    sandbox.switches.fail("place_order", "error", status=403, code="FORBIDDEN", after=1)
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    assert checkout.view.stage is Stage.PLACING
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_session_refused_after_a_lost_response_is_renewed_and_the_same_bytes_sent(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    sandbox.switches.fail("place_order", "drop_after")
    sandbox.switches.fail("place_order", "error", status=401, code="UNAUTHENTICATED", after=1)
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    assert len(keys(sandbox)) == 1


async def test_an_order_resumed_in_another_session_goes_where_it_was_to_go(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    """The first attempt never arrived: the second one makes the order, in a session without a context."""
    await lose_order(checkout, sandbox, "drop_before")
    sandbox.revoke_all()
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    assert len(keys(sandbox)) == 1
    assert operations(sandbox)[-4:] == [
        "place_order",
        "create_session",
        "set_fulfillment_context",
        "place_order",
    ]


@pytest.mark.parametrize("code", ["ADDRESS_INVALID", "ADDRESS_OUT_OF_RANGE", "NOT_FOUND"])
async def test_a_context_refused_to_an_order_in_progress_says_nothing_of_the_order(
    checkout: Checkout, sandbox: Sandbox, code: str
) -> None:
    """The stored response is asked for under the key all the same."""
    await lose_order(checkout, sandbox)
    sandbox.revoke_all()
    sandbox.switches.fail("set_fulfillment_context", "error", code=code, times=NEVER)
    assert (await place_as_shown(checkout)).order_id == sandbox.orders[0].order_id
    assert len(sandbox.orders) == 1


async def test_a_used_token_on_the_first_attempt_is_no_evidence_of_an_order(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    sandbox.switches.fail("place_order", "error", status=409, code="CONFLICT")
    with pytest.raises(ConflictError):
        await place_as_shown(checkout)
    assert checkout.view.stage is Stage.VALIDATE
    await checkout.validate()
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_key_is_not_used_after_its_time(
    checkout: Checkout, checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    await lose_order(checkout, sandbox)
    clock.advance(23 * 3600)
    before = len(sandbox.requests)
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError) as unknown:
            await place_as_shown(checkout)
        assert unknown.value.next_action is not None
        assert unknown.value.next_action.kind == "contact_support"
    assert await checkouts.reconcile() == []
    (unresolved,) = await checkouts.unresolved()
    assert (unresolved.reason, unresolved.next_look) == ("key_expired", None)
    assert len(sandbox.requests) == before
    assert checkout.view.next_action.kind == "contact_support"


class Sleeper:
    """Sleeps too long once, on a machine that is suspended; ``meanwhile`` others may do something."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def __call__(self, seconds: float) -> None:
        self._clock.advance(self._seconds)
        self._seconds = 0
        if self.meanwhile is not None:
            await self.meanwhile()


async def test_a_worker_that_sleeps_too_long_does_not_use_an_old_key(
    sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    sleep = Sleeper(clock, 25 * 3600)
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=sleep
    ) as suspended:
        checkout = await payable(Checkouts(suspended, storage=storage))
        unknown = await lose_order(checkout, sandbox)
    assert unknown.next_action is not None
    assert unknown.next_action.kind == "contact_support"
    assert sandbox.count("place_order") == 1


async def test_patience_does_not_outlast_the_key(
    sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    async with GettClient(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=clock,
        sleep=clock.sleep,
        retry=RetryPolicy(max_elapsed=100_000),
    ) as patient:
        checkout = await payable(Checkouts(patient, storage=storage))
        sandbox.switches.fail("place_order", "error_after", status=503, retry_after=86_400)
        with pytest.raises(OutcomeUnknownError) as unknown:
            await place_as_shown(checkout)
    assert unknown.value.next_action is not None
    assert unknown.value.next_action.kind == "contact_support"
    assert sandbox.count("place_order") == 1


async def test_a_worker_that_sleeps_too_long_leaves_the_order_to_others(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    sleep = Sleeper(clock, 60)
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=sleep
    ) as suspended:
        checkout = await payable(Checkouts(suspended, storage=storage))
        sandbox.switches.fail("place_order", "drop_after")
        sleep.meanwhile = Checkouts(gett, storage=storage).reconcile
        order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    assert sandbox.count("place_order") == 2


async def test_a_cancelled_caller_does_not_stop_the_order(
    gett: GettClient, checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    release = hold(sandbox, "place_order")
    placing = await begin_to_place(checkout, sandbox)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    release()
    await gett.close()  # waits for what is shielded
    assert len(sandbox.orders) == 1
    assert checkout.view.stage is Stage.PLACED


async def test_eight_clicks_in_one_process(
    checkout: Checkout, checkouts: Checkouts, sandbox: Sandbox
) -> None:

    async def click() -> str | None:
        handle = await checkouts.open(checkout.id)
        return (await place_as_shown(handle)).order_id

    ids = await asyncio.gather(*(click() for _ in range(8)))
    assert set(ids) == {sandbox.orders[0].order_id}
    assert len(sandbox.orders) == 1
    assert sandbox.count("place_order") == 1


async def test_eight_workers_over_one_storage(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    waits: list[float | None] = []
    workers = [Checkouts(gett, storage=storage) for _ in range(8)]
    checkout = await workers[0].start()
    await until_payable(checkout)

    async def click(worker: Checkouts) -> str | None:
        try:
            handle = await worker.open(checkout.id)
            return (await place_as_shown(handle)).order_id
        except PlacementInProgressError as busy:
            waits.append(busy.retry_after)
            return "busy"

    ids = set(await asyncio.gather(*map(click, workers)))
    assert ids - {"busy"} == {sandbox.orders[0].order_id}
    assert all(wait is not None and 0 < wait < 60 for wait in waits)
    assert len(sandbox.orders) == 1
    assert len(keys(sandbox)) == 1


async def test_a_dead_workers_placement_is_taken_over_when_its_lease_is_over(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, clock: Clock
) -> None:
    dead, alive = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await payable(dead)
    sandbox.switches.fail("place_order", "hang")
    hanging = await begin_to_place(checkout, sandbox)
    handle = await alive.open(checkout.id)
    assert handle.view.next_action.kind == "wait"
    with pytest.raises(PlacementInProgressError) as busy:
        await place_as_shown(handle)
    assert busy.value.retry_after is not None
    clock.advance(14.9)  # an attempt takes at most 10, and five are for the save before it
    assert await alive.reconcile() == []
    clock.advance(0.1)
    assert outcomes(await alive.reconcile()) == {checkout.id: "placed"}
    assert len(sandbox.orders) == 1
    await sandbox.stop()  # lets the hanging request go; its worker finds that it lost
    assert (await hanging).order_id == sandbox.orders[0].order_id


async def test_what_was_certainly_not_placed_goes_out_again_under_its_key(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    sandbox.switches.fail("place_order", "error", status=403, code="FORBIDDEN")
    with pytest.raises(ForbiddenError) as refused:
        await place_as_shown(checkout)
    assert checkout.view.stage is Stage.PLACE
    await place_as_shown(checkout)
    assert keys(sandbox) == {refused.value.idempotency_key}
    assert len(sandbox.orders) == 1


async def test_a_declined_order_names_its_key(checkout: Checkout, sandbox: Sandbox) -> None:
    await checkout.pay(CardOnFile("card_declined", "stripe"))
    with pytest.raises(PaymentDeclinedError) as declined:
        await place_as_shown(checkout)
    assert {declined.value.idempotency_key} == keys(sandbox)


async def test_a_saved_body_that_was_tampered_with_is_not_sent(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await payable(Checkouts(gett, storage=storage))
    await lose_order(checkout, sandbox, "drop_before")
    stored = await storage.load(checkout.id)
    assert stored is not None
    await storage.save(
        checkout.id,
        stored.data.replace(b"card_ok", b"card_no"),
        expected_version=stored.version,
        expires_at=clock().replace(year=2027),
        due_at=clock(),
    )
    before = len(sandbox.requests)
    tampered = await Checkouts(gett, storage=storage).open(checkout.id)
    with pytest.raises(StepNotAllowedError, match="does not match its idempotency key"):
        await place_as_shown(tampered)
    assert len(sandbox.requests) == before


class Overtaken:
    """A worker's storage, where something else happens before the order is saved."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self.load, self.delete, self.due = storage.load, storage.delete, storage.due
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def save(self, checkout_id: str, data: bytes, **options: Any) -> int:
        meanwhile = self.meanwhile
        if meanwhile is not None and b'"stage":"placed"' in data:
            self.meanwhile = None
            await meanwhile()
        return await self._storage.save(checkout_id, data, **options)


@pytest.mark.parametrize("policy", ["replay", "refuse_duplicates"])
async def test_an_order_that_another_worker_recorded_first_is_the_same_order(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, clock: Clock, policy: str
) -> None:
    """Even where that worker was only told that there is one: ours brings its id."""
    sandbox.switches.key_policy = policy  # type: ignore[assignment]
    slow = Overtaken(storage)
    checkout = await payable(Checkouts(gett, storage=slow))

    async def reconcile_elsewhere() -> None:
        clock.advance(100)
        assert outcomes(await Checkouts(gett, storage=storage).reconcile()) == {
            checkout.id: "placed"
        }

    slow.meanwhile = reconcile_elsewhere
    order = await place_as_shown(checkout)
    assert checkout.view.order == order
    assert "duplicate_order" not in {notice.code for notice in checkout.view.notices}
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    assert sandbox.count("place_order") == 2
    assert len(keys(sandbox)) == 1
    assert checkout.view.stage is Stage.PLACED


async def test_reconciling_may_learn_that_the_card_was_declined(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await checkouts.start()
    await until_payable(checkout, card=CardOnFile("card_declined", "stripe"))
    await lose_order(checkout, sandbox, "drop_before")
    clock.advance(60)
    (looked,) = await checkouts.reconcile()
    assert (looked.checkout_id, looked.outcome) == (checkout.id, "not_placed")
    assert isinstance(looked.error, PaymentDeclinedError)
    assert checkout.view.stage is Stage.PAY  # there is nothing to come back to
    clock.advance(3600)
    assert await checkouts.reconcile() == []
    assert sandbox.orders == []


async def test_a_checkout_gone_before_it_is_reconciled_is_not_brought_back(
    gett: GettClient, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def due(now: object, limit: int) -> list[str]:
        return ["gone"]

    monkeypatch.setattr(storage, "due", due)
    (looked,) = await Checkouts(gett, storage=storage).reconcile()
    assert (looked.checkout_id, looked.outcome) == ("gone", "unknown")
    assert isinstance(looked.error, CheckoutNotFoundError)
    assert await storage.load("gone") is None


async def test_without_a_session_to_ask_in_the_outcome_stays_unknown(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.switches.session_seconds = 600
    checkout = await payable(checkouts)
    sandbox.switches.fail("place_order", "drop_before", times=NEVER)
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    clock.advance(600)  # the session is over, and no other can be had
    sandbox.switches.fail("create_session", "drop_before", times=NEVER)
    asked = sandbox.count("place_order")
    with pytest.raises(OutcomeUnknownError) as unknown:
        await place_as_shown(checkout)
    assert isinstance(unknown.value.__cause__, TransportError)
    assert (checkout.view.stage, sandbox.count("place_order")) == (Stage.PLACING, asked)
    sandbox.switches.faults.clear()
    clock.advance(60)
    assert (await place_as_shown(checkout)).order_id == sandbox.orders[0].order_id
