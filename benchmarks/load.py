"""Two thousand checkouts, two hundred at a time, over Redis and PostgreSQL: does every order exist once?"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import aiohttp

from benchmarks.journeys import ready_to_place
from benchmarks.measuring import NOTHING, Effort, Goal, Row
from benchmarks.serving import sandbox
from gett_checkout import (
    Checkout,
    Checkouts,
    GettClient,
    Order,
    OutcomeUnknownError,
    PlacementInProgressError,
    RetryPolicy,
    Storage,
)
from gett_checkout.sandbox.credentials import SANDBOX_API_KEY
from tests.servers import PostgresServer, RedisServer

_ROUNDS: Final = 8
_A_ROUND: Final = 250
_AT_ONCE: Final = 200
_WARM_UPS: Final = 2  # until the pools, the menu and the allocator are warm
_KIB: Final = 1024
# One request in eight fails: half of them lose their response, half meet a rate limit.
_FAULTS: Final = 30
_PATIENT: Final = RetryPolicy(
    max_attempts=8, max_elapsed=120.0, initial_backoff=0.05, max_backoff=1.0
)


async def load(effort: Effort) -> list[Row]:
    """Eight rounds of 250 checkouts, 200 at a time, in one process, without and with faults.

    The faults are lost responses to placements and rate limits. At the end the sandbox is asked which
    orders it made, and Python how much memory it allocated since the second round and still holds: a
    little of that is this benchmark's own list of orders.
    """
    rows: list[Row] = []
    for name, opened in (("Redis", _redis), ("PostgreSQL", _postgres)):
        for faults in (False, True):
            rows += await _crowd(effort, name, opened, faults=faults)
    return rows


async def _crowd(
    effort: Effort,
    name: str,
    opened: Callable[[], AbstractAsyncContextManager[Storage]],
    *,
    faults: bool,
) -> list[Row]:
    size, placed = effort.of(_A_ROUND), Counter[str | None]()
    rounds = max(_WARM_UPS + 1, effort.of(_ROUNDS))
    async with opened() as storage, sandbox() as url, aiohttp.ClientSession() as control:
        async with GettClient(SANDBOX_API_KEY, base_url=url, timeout=60, retry=_PATIENT) as gett:
            checkouts, turns = Checkouts(gett, storage=storage), asyncio.Semaphore(_AT_ONCE)

            async def one() -> None:
                async with turns:
                    checkout = await ready_to_place(checkouts, lines=1)
                    placed[(await _insist(checkout)).order_id] += 1

            for number in range(rounds):
                if number == _WARM_UPS:
                    tracemalloc.start()
                if faults:
                    await _plan_faults(control, url, effort.of(_FAULTS))
                await asyncio.gather(*(one() for _ in range(size)))
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
        async with control.get(f"{url}/_sandbox/orders") as response:
            made = Counter(order["order_id"] for order in (await response.json())["orders"])
    lost = sum(((made - placed) + (placed - made)).values())
    how = f"{'with faults' if faults else 'as they come'}, over {name}"
    count = f"{placed.total():,} orders"
    each = grown / _KIB / (size * (rounds - _WARM_UPS))
    return [
        Row(f"lost or duplicated of {count} {how}", NOTHING, "orders", lost, None, Goal("=", 0)),
        Row(f"memory that stays of a checkout, {how}", NOTHING, "KiB", each, None, Goal("≤", 1)),
    ]


async def _insist(checkout: Checkout) -> Order:
    """Place repeatedly until the outcome is known, as a page does."""
    quote = checkout.view.quote
    assert quote is not None  # noqa: S101 - it is ready to be placed
    while True:
        try:
            return await checkout.place(total=quote.amounts.total)
        except (OutcomeUnknownError, PlacementInProgressError):  # the latter after a stall of 5 s
            await asyncio.sleep(0.05)


async def _plan_faults(control: aiohttp.ClientSession, url: str, count: int) -> None:
    for operation, kind, code in (
        ("place_order", "drop_after", None),
        ("place_order", "error", "RATE_LIMITED"),
        ("validate_order", "error", "RATE_LIMITED"),
    ):
        fault: dict[str, object] = {"operation": operation, "kind": kind, "times": count}
        if code is not None:
            fault |= {"code": code, "retry_after": 1}
        async with control.post(f"{url}/_sandbox/faults", json=fault) as response:
            if response.status != 201:
                raise RuntimeError(await response.text())


@asynccontextmanager
async def _redis() -> AsyncIterator[Storage]:
    from gett_checkout.storage.redis import open_redis

    server = RedisServer()
    try:
        await asyncio.to_thread(server.start)
        async with open_redis(server.url) as storage:
            yield storage
    finally:
        await asyncio.to_thread(server.remove)


@asynccontextmanager
async def _postgres() -> AsyncIterator[Storage]:
    from gett_checkout.storage.postgres import open_postgres

    server = await asyncio.to_thread(PostgresServer)
    try:
        await asyncio.to_thread(server.start)
        async with open_postgres(server.url) as storage:
            await storage.create_schema()
            yield storage
    finally:
        await asyncio.to_thread(server.remove)
