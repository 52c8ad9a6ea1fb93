"""Several worker processes over one storage: one order for each checkout, whatever happens to them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import (
    Checkouts,
    CheckoutView,
    GettCheckoutError,
    GettClient,
    RetryPolicy,
    Stage,
)
from gett_checkout.sandbox import Sandbox, Switches
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.storage import open_storage
from tests.acceptance.shopping import CARD, JANE, payable, put_payable, until_priced
from tests.faults.workers import Worker
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

FAULTS: list[FaultKind] = ["drop_before", "drop_after", "error", "error_after", "garbage", "html"]
across_processes = pytest.mark.parametrize(
    "storage_url", ["sqlite", "redis", "postgres"], indirect=True
)


def errand(sandbox: Sandbox, storage_url: str, ids: list[str], **rest: Any) -> dict[str, Any]:
    return {
        "api_key": sandbox.api_key,
        "url": sandbox.url,
        "storage": storage_url,
        "checkout_ids": ids,
        "patience": [60.0],
        "seed": 0,
        "step": "place",
        "card": [CARD.card_token, CARD.processor_type],
        **rest,
    }


@across_processes
async def test_eight_processes_place_one_checkout_once(storage_url: str) -> None:
    async with (
        Sandbox() as sandbox,
        open_storage(storage_url) as storage,
        GettClient(sandbox.api_key, base_url=sandbox.url) as gett,
    ):
        checkout = await payable(Checkouts(gett, storage=storage))
        # Long enough for the other seven to meet the first one at work.
        sandbox.switches.fail("place_order", "delay", seconds=0.3)
        given = errand(sandbox, storage_url, [checkout.id])
        workers = await asyncio.gather(*(Worker.start(given) for _ in range(8)))
        for worker in workers:
            worker.go()
        outcomes = [(await worker.outcomes())[0] for worker in workers]
        assert len(sandbox.orders) == 1
        assert sandbox.count("place_order") == 1
        assert {kind for kind, _ in outcomes} <= {"placed", "PlacementInProgressError"}
        for kind, value in outcomes:
            if kind == "placed":
                assert value == sandbox.orders[0].order_id
            else:
                assert value > 0  # seconds to come back after


@across_processes
async def test_steps_of_two_processes_end_in_one_end_user_session(storage_url: str) -> None:
    async with (
        Sandbox() as sandbox,
        open_storage(storage_url) as storage,
        GettClient(sandbox.api_key, base_url=sandbox.url) as gett,
    ):
        checkouts = Checkouts(gett, storage=storage)
        checkout = await checkouts.start()
        await until_priced(checkout)
        await checkout.identify(JANE)
        sandbox.switches.fail("create_session", "delay", seconds=0.3)
        given = errand(sandbox, storage_url, [checkout.id] * 10, step="pay")
        workers = await asyncio.gather(*(Worker.start(given) for _ in range(2)))
        for worker in workers:
            worker.go()
        kinds = {kind for worker in workers for kind, _ in await worker.outcomes()}
        assert "paid" in kinds
        assert kinds <= {"paid", "CheckoutConflictError"}
        # Each process may have opened one: that of the loser of the race is thrown away.
        levels = [each.level for each in sandbox.sessions]
        assert levels in (["partner_only", "end_user"], ["partner_only", "end_user", "end_user"])
        handle = await Checkouts(gett, storage=storage).open(checkout.id)
        await place_as_shown(handle)
        assert len(sandbox.orders) == 1


@pytest.mark.parametrize("storage_url", ["redis", "postgres"], indirect=True)
async def test_stress(storage_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("GETT_STRESS_SEED") or random.randrange(10**6))
    with capsys.disabled():
        print(f" [GETT_STRESS_SEED={seed}]", end="", flush=True)
    jitter = random.Random(seed)
    switches = Switches(rate_limits=None)
    async with (
        Sandbox(switches=switches) as sandbox,
        open_storage(storage_url) as storage,
        GettClient(
            sandbox.api_key, base_url=sandbox.url, retry=RetryPolicy(max_attempts=1)
        ) as gett,
    ):
        checkouts = Checkouts(gett, storage=storage)
        turns = asyncio.Semaphore(16)

        async def prepare(checkout_id: str) -> None:
            async with turns:
                shopper = evolve(JANE, email=f"{checkout_id}@example.com")
                await put_payable(gett, storage, checkout_id, shopper)

        ids = [f"stress-{number}" for number in range(200)]
        await asyncio.gather(*map(prepare, ids))
        for _ in range(60):
            fault, after = jitter.choice(FAULTS), jitter.randrange(200)
            switches.fail("place_order", fault, after=after, times=jitter.choice([1, 2, 3]))
        kills = 0
        given = errand(sandbox, storage_url, ids, patience=[0.02, 0.2, 60.0, 60.0])
        workers = [await Worker.start({**given, "seed": seed + n}) for n in range(3)]
        for worker in workers:
            worker.go()
        strike_at = jitter.randrange(5, 25)
        while any(worker.process.returncode is None for worker in workers):
            await asyncio.sleep(0.002)  # lets the sandbox and the workers on; nothing is awaited
            if kills < 8 and sandbox.count("place_order") >= strike_at:
                strike_at += jitter.randrange(10, 40)
                victim = jitter.choice(workers)
                if victim.process.returncode is None:
                    victim.process.send_signal(signal.SIGKILL)
                    await victim.process.wait()
                    kills += 1
                    workers.remove(victim)
                    workers.append(await Worker.start({**given, "seed": jitter.random()}))
                    workers[-1].go()
        assert kills > 0
        switches.faults.clear()
        await reconcile_all(storage_url, sandbox, ids)
        views = [await view_of(checkouts, each) for each in ids]
        placed = [view for view in views if view.stage is Stage.PLACED]
        assert len(placed) == len(ids)
        keys = [order.idempotency_key for order in sandbox.orders]
        assert sorted(keys) == sorted(
            view.placement.key if view.placement else "" for view in placed
        )
        shoppers = {order.session_email for order in sandbox.orders}
        assert len(shoppers) == len(sandbox.orders) == len(ids)


async def reconcile_all(storage_url: str, sandbox: Sandbox, ids: list[str]) -> None:
    """A side process, a minute later: every lease is over."""

    def later() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=60)

    async with (
        open_storage(storage_url, clock=later) as storage,
        GettClient(sandbox.api_key, base_url=sandbox.url, clock=later) as gett,
    ):
        checkouts = Checkouts(gett, storage=storage)
        while due := await checkouts.reconcile(limit=1000):
            assert all(each.error is None for each in due), due
        for checkout_id in ids:
            checkout = await checkouts.open(checkout_id)
            try:
                await place_as_shown(checkout)
            except GettCheckoutError as error:
                pytest.fail(f"{checkout_id}: {error!r} at {checkout.view.stage}")


async def view_of(checkouts: Checkouts, checkout_id: str) -> CheckoutView:
    checkout = await checkouts.open(checkout_id)
    return checkout.view
