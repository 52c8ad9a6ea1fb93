"""A worker of a busy backend, in a process of its own: it browses too much, and places orders.

Time passes in moments, the same for all workers, the sandbox and Redis's scripts. However slow the
machine is, none begins before everything of the one before has ended.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, cast

from attrs import frozen
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from gett_checkout import (
    CardOnFile,
    Checkout,
    Checkouts,
    GettCheckoutError,
    GettClient,
    Identity,
    Line,
    Pickup,
    RateLimitedError,
    RetryPolicy,
    Store,
    _shared,
)
from gett_checkout.sharing.redis import RedisRateLimiter
from tests.samples.shopper import place_as_shown

STORE = "store_green_bowl"
SOUP = Line("line_1", "item_lentil_soup", 1)
JANE = Identity("jane@example.com", "Jane", "Doe", "+12125550123")
MOMENTS: Final = (*range(0, 60, 6), 58)  # in a minute, in seconds
PATIENCE: Final = 120  # for the slowest worker


class StoppedClock:
    """A Redis whose scripts read this clock; it stands still until the test moves it on."""

    def __init__(self, redis: Redis, now: float = 1_800_000_000.0) -> None:
        self._redis = redis
        self.now = now

    async def execute_command(self, name: str, script: Any, *values: Any) -> Any:
        if name == "EVALSHA":
            raise NoScriptError
        assert name == "EVAL"
        reading = b"redis.call('TIME')"
        assert script.count(reading) == 1
        seconds, microseconds = divmod(round(self.now * 1_000_000), 1_000_000)
        script = script.replace(reading, b"{%d, %d}" % (seconds, microseconds))
        return await self._redis.eval(script, *values)

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def in_seconds(self, seconds: int) -> int:
        """A reset, as Gett writes it."""
        return int(self.now) + seconds


@frozen
class Load:
    """What one worker does in a minute of orders alone, and in ``minutes`` of a flood after it."""

    url: str
    api_key: str
    redis: str
    prefix: str
    begins: float  # Unix seconds; a minute of Gett's
    minutes: int
    requests: int  # in a minute
    orders: int  # in a minute
    is_shared: bool

    def moments(self) -> list[float]:
        """When something happens."""
        return [
            self.begins + 60 * minute + at for minute in range(self.minutes + 1) for at in MOMENTS
        ]


def work(load: Load, seed: int, turn: Any, results: Any) -> None:
    """Prepare the orders; then wait before each moment for the others, and after it."""
    # A busy machine is not an outage of Redis, which would be a reason to overrun the limit.
    _shared.LIMITER_SECONDS = _shared._REPORT_SECONDS = PATIENCE  # type: ignore[misc]
    results.put(asyncio.run(_work(load, random.Random(seed), turn)))


async def _work(load: Load, chance: random.Random, turn: Any) -> Counter[str]:
    async with Redis.from_url(load.redis) as redis:
        clock = StoppedClock(redis, load.begins - 60)
        limiter = RedisRateLimiter(cast("Redis", clock), prefix=load.prefix)
        async with GettClient(
            load.api_key,
            base_url=load.url,
            clock=lambda: datetime.fromtimestamp(clock.now, UTC),
            retry=RetryPolicy(max_elapsed=1),
            rate_limiter=limiter if load.is_shared else None,
        ) as gett:
            checkouts = Checkouts(gett)
            waiting = [await _payable(checkouts) for _ in range((load.minutes + 1) * load.orders)]
            store = await gett.get_store(STORE)
            told: Counter[str] = Counter()
            logging.getLogger("gett_checkout").addFilter(partial(_heard, told))
            planned: dict[float, list[Awaitable[None]]] = {at: [] for at in load.moments()}
            for minute in range(load.minutes + 1):
                begins = load.begins + 60 * minute
                for _ in range(load.orders):
                    at = begins + chance.choice(MOMENTS)
                    planned[at].append(_place(waiting.pop(), told))
                # In the first minute there are orders alone.
                for number in range(load.requests if minute else 0):
                    at = begins + chance.choice(MOMENTS)
                    planned[at].append(_browse(gett, store, told, opens=number % 10 == 9))
            for at, actions in planned.items():
                await asyncio.to_thread(turn.wait, PATIENCE)
                clock.now = at
                chance.shuffle(actions)
                await asyncio.gather(*actions)
                await asyncio.to_thread(turn.wait, PATIENCE)
            return told


def _heard(told: Counter[str], record: logging.LogRecord) -> bool:
    if record.getMessage().startswith("shared"):
        told[record.getMessage()] += 1
    return True


async def _payable(checkouts: Checkouts) -> Checkout:
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_lentil_soup")
    await checkout.fulfill(Pickup())
    await checkout.validate()
    await checkout.pay(CardOnFile("card_ok", "stripe"))
    return checkout


async def _place(checkout: Checkout, told: Counter[str]) -> None:
    try:
        await place_as_shown(checkout)
    except GettCheckoutError as error:
        told[type(error).__name__] += 1
    else:
        told["placed"] += 1


async def _browse(gett: GettClient, store: Store, told: Counter[str], *, opens: bool) -> None:
    """Change a cart at Gett, or open a session."""
    try:
        if opens:
            await gett.create_session(JANE)
        else:
            await gett.add_cart_item(store, [], SOUP)
    except RateLimitedError as error:
        told["held back" if "not sent" in str(error) else "rejected"] += 1
    else:
        told["browsed"] += 1
