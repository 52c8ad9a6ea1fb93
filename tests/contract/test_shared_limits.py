"""One rate limit for many workers: over a real Redis and real processes, against the sandbox's limits."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final, cast
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gett_checkout import GettClient, InvalidInputError, _shared
from gett_checkout.sandbox import Sandbox
from gett_checkout.sharing import LimitReport, Permit, Priority
from gett_checkout.sharing.redis import RedisRateLimiter
from gett_checkout.testing import Clock
from tests.contract.limit_workers import PATIENCE, STORE, Load, StoppedClock, work
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

WORKERS = 8
LIMIT = 100
NAME = "organisation:writes"
PAUSE: Final = 1.1  # somewhat more than the library's after a failure
READS = {"get_store", "get_catalog_set", "discover_stores"}


async def run(load: Load, sandbox: Sandbox, clock: Clock) -> Counter[str]:
    """What the workers say of it. The limits begin when all of them have their orders ready."""
    sandbox.switches.rate_limits = None
    spawn = multiprocessing.get_context("spawn")
    turn, results = spawn.Barrier(WORKERS + 1), spawn.SimpleQueue()
    workers = [
        spawn.Process(target=work, args=(load, seed, turn, results)) for seed in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    while turn.n_waiting < WORKERS:
        assert all(worker.is_alive() for worker in workers)
        await asyncio.sleep(0.05)
    sandbox.switches.rate_limits = {"writes": LIMIT}
    sandbox.requests.clear()
    for at in load.moments():
        clock.now = datetime.fromtimestamp(at, UTC)
        await asyncio.to_thread(turn.wait, PATIENCE)  # they begin
        await asyncio.to_thread(turn.wait, PATIENCE)  # they have ended
    told: Counter[str] = Counter()
    for worker in workers:
        await asyncio.to_thread(worker.join, PATIENCE)
        assert worker.exitcode == 0
        worker.close()
        told += results.get()
    results.close()
    return told


def minutes(sandbox: Sandbox) -> list[Counter[str]]:
    """In each minute, how many writes were accepted and rejected, by kind."""
    found: dict[int, Counter[str]] = {}
    for seen in sandbox.requests:
        if seen.operation not in READS:
            count = found.setdefault(int(seen.at.timestamp() // 60), Counter())
            count["429" if seen.status == 429 else "accepted"] += 1
            if seen.operation == "place_order":
                count[f"orders {seen.status}"] += 1
    return [found[key] for key in sorted(found)]


@pytest.mark.parametrize("is_shared", [True, False])
async def test_eight_processes_use_the_limit_up_and_orders_pay_only_if_it_is_not_shared(
    redis_server: RedisServer, *, is_shared: bool
) -> None:
    """They are offered three times the limit, after a minute of orders alone."""
    clock = Clock()
    async with Sandbox(clock=clock) as sandbox:
        load = Load(
            sandbox.url,
            sandbox.api_key,
            redis_server.url,
            f"test-{uuid4()}",
            begins=clock.now.timestamp() + 60,
            minutes=2,
            requests=3 * LIMIT // WORKERS + 1,
            orders=1,
            is_shared=is_shared,
        )
        told = await run(load, sandbox, clock)
    found = minutes(sandbox)
    assert len(found) == 1 + load.minutes
    assert min(each["accepted"] for each in found[1:]) >= 0.95 * LIMIT, (told, found)
    rejected = sum(each["orders 429"] for each in found)
    assert told["placed"] == WORKERS * (load.minutes + 1) - rejected, (told, found)
    assert (rejected == 0) == is_shared, (told, found)


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        yield redis


@pytest.fixture
def clock(redis: Redis) -> StoppedClock:
    return StoppedClock(redis)


@pytest.fixture
def limiter(clock: StoppedClock) -> RedisRateLimiter:
    return RedisRateLimiter(cast("Redis", clock), prefix=f"test-{uuid4()}")


async def begun(limiter: RedisRateLimiter, *, remaining: int, resets_at: int) -> None:
    """A window of which one request is spent."""
    first = await limiter.acquire(NAME, priority="normal")
    assert first.wait == 0
    await limiter.update(NAME, first, LimitReport(remaining, resets_at))


async def goes(limiter: RedisRateLimiter, priority: Priority = "normal") -> int:
    """How many requests of the priority may be sent now."""
    for count in range(1000):
        if (await limiter.acquire(NAME, priority=priority)).wait > 0:
            return count
    return 1000


async def test_browsing_leaves_a_twentieth_and_sessions_leave_half_of_that(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    await begun(limiter, remaining=99, resets_at=clock.in_seconds(20))
    assert await goes(limiter) == 94
    assert await goes(limiter, "reserved") == 2
    assert (await limiter.acquire(NAME, priority="reserved")).wait == 20
    for _ in range(9):
        assert (await limiter.acquire(NAME, priority="always")).wait == 0


async def test_as_many_orders_as_last_time_are_expected_and_one_standard_deviation_more(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    resets_at = clock.in_seconds(20)
    await begun(limiter, remaining=99, resets_at=resets_at)
    orders = [await limiter.acquire(NAME, priority="always") for _ in range(10)]
    for order in orders:
        await limiter.update(NAME, order, LimitReport(80, resets_at, is_order=True))
    await limiter.update(NAME, orders[-1], LimitReport(99, clock.in_seconds(40)))
    # The budget of the new window is 100; one of its requests is spent.
    assert await goes(limiter) == 99 - 5 - 10 - 4  # the root of 10 is 3.2
    await limiter.update(NAME, orders[0], LimitReport(99, clock.in_seconds(60)))
    assert await goes(limiter) == 99 - 5  # none was placed in the window between


async def test_a_window_begins_with_one_request_whose_response_the_others_wait_for(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    first = await limiter.acquire(NAME, priority="normal")
    assert first.wait == 0
    assert (await limiter.acquire(NAME, priority="normal")).wait == 0.05
    assert (await limiter.acquire(NAME, priority="always")).wait == 0
    await limiter.update(NAME, first, LimitReport(9, clock.in_seconds(1)))
    assert await goes(limiter) == 9  # the order may have been counted after that response
    clock.advance(2)
    late = await limiter.acquire(NAME, priority="normal")
    assert (await limiter.acquire(NAME, priority="normal")).wait == 0.05
    clock.advance(0.3)
    assert await goes(limiter) == 10  # no response yet: as many as the limit was
    assert (await limiter.acquire(NAME, priority="normal")).wait == 1
    await limiter.update(NAME, late, LimitReport(0, clock.in_seconds(20)))
    assert await goes(limiter) == 0


async def test_orders_are_expected_in_a_window_that_no_response_has_told_of(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    resets_at = clock.in_seconds(2)
    await begun(limiter, remaining=9, resets_at=resets_at)
    for _ in range(3):
        order = await limiter.acquire(NAME, priority="always")
        await limiter.update(NAME, order, LimitReport(5, resets_at, is_order=True))
    clock.advance(2.1)
    assert await goes(limiter) == 1
    clock.advance(0.3)
    assert await goes(limiter) == 10 - 1 - 5  # 3 + 1.7 orders


async def test_a_request_that_was_too_early_counts_in_the_window_before(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    resets_at = clock.in_seconds(1)
    await begun(limiter, remaining=9, resets_at=resets_at)
    clock.advance(1.1)
    early = await limiter.acquire(NAME, priority="normal")
    assert early.wait == 0
    await limiter.update(NAME, early, LimitReport(3, resets_at))
    assert await goes(limiter) == 3
    clock.advance(0.3)
    again, order = [await limiter.acquire(NAME, priority="always") for _ in range(2)]
    await limiter.update(NAME, again, LimitReport(3, resets_at))
    assert (await limiter.acquire(NAME, priority="normal")).wait == 0.25
    await limiter.update(NAME, order, LimitReport(9, clock.in_seconds(20)))
    assert await goes(limiter) == 9


async def test_what_others_spend_is_learned_and_what_never_left_is_given_back(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    resets_at = clock.in_seconds(20)
    lost = await limiter.acquire(NAME, priority="normal")
    await limiter.update(NAME, lost, LimitReport(was_sent=False))
    await begun(limiter, remaining=9, resets_at=resets_at)
    permit = await limiter.acquire(NAME, priority="normal")
    await limiter.update(NAME, permit, LimitReport(5, resets_at))
    await limiter.update(NAME, Permit(0, resets_at - 60), LimitReport(4, resets_at))
    await limiter.update(NAME, Permit(0), LimitReport(4, resets_at - 60))  # late
    await limiter.update(NAME, permit, LimitReport())  # a gateway's
    await limiter.update(NAME, permit, LimitReport(9, clock.in_seconds(10_000)))  # no time
    assert await goes(limiter) == 4
    await limiter.update(NAME, permit, LimitReport(was_sent=False))
    await limiter.update(NAME, Permit(0, 1), LimitReport(was_sent=False))
    assert await goes(limiter) == 1


async def test_a_429_holds_back_all_but_orders(limiter: RedisRateLimiter) -> None:
    permit = await limiter.acquire(NAME, priority="normal")
    await limiter.update(NAME, permit, LimitReport(retry_after=7.5))
    for priority in ("normal", "reserved"):
        assert (await limiter.acquire(NAME, priority=priority)).wait == 7.5
    assert (await limiter.acquire(NAME, priority="always")).wait == 0


async def test_where_nothing_is_said_nothing_is_limited(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    permit = await limiter.acquire(NAME, priority="normal")
    await limiter.update(NAME, permit, LimitReport())
    assert await goes(limiter) == 1000
    await limiter.update(NAME, permit, LimitReport())
    await limiter.update(NAME, permit, LimitReport(9, clock.in_seconds(20)))
    assert await goes(limiter) == 9


async def test_a_clock_that_was_put_back_is_followed(
    limiter: RedisRateLimiter, clock: StoppedClock
) -> None:
    await begun(limiter, remaining=9, resets_at=clock.in_seconds(3000))
    clock.advance(60)
    permit = await limiter.acquire(NAME, priority="normal")
    await limiter.update(NAME, permit, LimitReport(3, clock.in_seconds(20)))
    assert await goes(limiter) == 3


async def test_keys_are_apart_and_go_by_themselves(redis: Redis) -> None:
    prefix = f"test-{uuid4()}"
    limiter = RedisRateLimiter(redis, prefix=prefix)
    await begun(limiter, remaining=0, resets_at=int(time.time()) + 60)
    assert (await limiter.acquire("another:writes", priority="normal")).wait == 0
    await redis.script_flush()
    assert (await limiter.acquire(NAME, priority="normal")).wait > 0
    ttl = await redis.pttl(f"{{{prefix}}}:limit:{NAME}")
    assert 3_500_000 < ttl <= 3_600_000
    assert repr(limiter) == f"RedisRateLimiter(prefix={prefix!r})"
    with pytest.raises(InvalidInputError):
        RedisRateLimiter(redis, prefix="{a}")


async def test_redis_is_killed_in_the_middle_and_comes_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0
    monkeypatch.setattr(_shared, "monotonic", lambda: time.monotonic() + passed)
    server = RedisServer()
    caplog.set_level(logging.INFO, "gett_checkout")
    never = Retry(NoBackoff(), 0)
    try:
        server.start()
        async with (
            Sandbox() as sandbox,
            Redis.from_url(server.url, retry=never) as redis,
            GettClient(
                sandbox.api_key, base_url=sandbox.url, rate_limiter=RedisRateLimiter(redis)
            ) as gett,
        ):
            await gett.get_store(STORE)
            server.kill()
            for _ in range(20):
                await gett.get_store(STORE)
            server.start()
            passed += PAUSE
            with server.stalled():
                async with asyncio.timeout(30):  # for ever, if a stalled server were waited for
                    await asyncio.gather(*(gett.get_store(STORE) for _ in range(20)))
            async with asyncio.timeout(30):
                while "available again" not in caplog.text:  # a call may still be late
                    passed += PAUSE
                    await gett.get_store(STORE)
            keys = await redis.keys()
            digest = gett.organisation.encode()
            assert keys == [b"{gett-checkout}:limit:" + digest + b":reads"]
            assert sandbox.api_key.encode() not in keys[0]
    finally:
        server.remove()
    said = [each.message for each in caplog.records if each.message.startswith("shared")]
    assert [each.split(":")[0].removeprefix("shared rate limit ") for each in said] == [
        "unavailable",
        "available again",
    ]
