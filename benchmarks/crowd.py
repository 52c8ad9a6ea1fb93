"""Many checkouts at once in one process: the cost of each, and whether every order exists once."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Final

import aiohttp

from benchmarks.journeys import known_from_the_start
from benchmarks.measuring import MICROSECONDS, NOTHING, Effort, Goal, Row, race
from benchmarks.serving import sandbox
from gett_checkout import Checkouts, GettClient
from gett_checkout.sandbox.credentials import SANDBOX_API_KEY

_CONNECTIONS: Final = 100
_PATIENCE: Final = 600.0  # seconds: a request waits for a connection behind thousands of others
_CROWDS: Final = (100, 1000, 5000)
_ALONE: Final = 100  # checkouts one after another, for the figure of a single one


async def crowd(effort: Effort) -> list[Row]:
    """Whole checkouts, one after another and many at a time, over a pool of 100 connections.

    Compares the CPU time of one checkout among many with that of one alone. Each round begins with an
    empty memory storage. At the end the sandbox is asked which orders it made.
    """
    effort = effort.at_most(2)
    alone, sizes = effort.of(_ALONE), [effort.of(size) for size in _CROWDS]
    placed: Counter[str | None] = Counter()
    async with sandbox() as url, _session() as http:
        gett = GettClient(SANDBOX_API_KEY, base_url=url, http=http, timeout=_PATIENCE)

        async def one(checkouts: Checkouts) -> None:
            order = await known_from_the_start(gett, checkouts)
            placed[order.order_id] += 1

        async def one_by_one() -> None:
            checkouts = Checkouts(gett)
            for _ in range(alone):
                await one(checkouts)

        async def at_once(size: int) -> None:
            checkouts = Checkouts(gett)
            await asyncio.gather(*(one(checkouts) for _ in range(size)))

        crowds = [partial(at_once, size) for size in sizes]
        await one_by_one()  # warms up; a whole round would take as long as a counted one
        first, *rest = await race(effort, one_by_one, *crowds, warm_ups=0)
        async with http.get(f"{url}/_sandbox/orders") as response:
            made = Counter(order["order_id"] for order in (await response.json())["orders"])
    single = first * MICROSECONDS / alone
    rows = [
        Row(
            f"a checkout, {size:,} at once",
            "a checkout alone",
            "µs",
            taken * MICROSECONDS / size,
            single,
            Goal("≤", 1.0),
        )
        for size, taken in zip(sizes, rest, strict=True)
    ]
    wrong = sum(((made - placed) + (placed - made)).values())
    counted = f"orders lost or duplicated, of {placed.total():,}"
    return [*rows, Row(counted, NOTHING, "orders", wrong, None, Goal("=", 0))]


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS), cookie_jar=aiohttp.DummyCookieJar()
    )
