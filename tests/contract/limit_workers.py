"""A worker of a busy backend, in a process of its own: it browses too much, and places orders."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from contextlib import nullcontext
from functools import partial
from typing import Any

from attrs import frozen
from redis.asyncio import Redis

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
)
from gett_checkout.sharing.redis import RedisRateLimiter
from tests.samples.shopper import place_as_shown

STORE = "store_green_bowl"
SOUP = Line("line_1", "item_lentil_soup", 1)
JANE = Identity("jane@example.com", "Jane", "Doe", "+12125550123")


@frozen
class Load:
    """What one worker does, in windows of ``window`` seconds; ``redis`` is empty for no sharing."""

    url: str
    api_key: str
    redis: str
    prefix: str
    window: float
    windows: int
    requests: int  # a window
    orders: int  # a window


def work(load: Load, seed: int, ready: Any, results: Any) -> None:
    """Prepare the orders, wait for the others, and go."""
    results.put(asyncio.run(_work(load, random.Random(seed), ready)))


async def _work(load: Load, jitter: random.Random, ready: Any) -> Counter[str]:
    redis = Redis.from_url(load.redis) if load.redis else None
    async with (
        redis or nullcontext(),
        GettClient(
            load.api_key,
            base_url=load.url,
            retry=RetryPolicy(max_elapsed=load.window / 5),
            rate_limiter=RedisRateLimiter(redis, prefix=load.prefix) if redis else None,
        ) as gett,
    ):
        checkouts = Checkouts(gett)
        waiting = [await _payable(checkouts) for _ in range((load.windows + 1) * load.orders)]
        store = await gett.get_store(STORE)
        ready.wait(120)
        # All begin with a window of Gett's, which is a multiple of its length.
        begins = (time.time() // load.window + 1) * load.window
        told: Counter[str] = Counter()
        # An outage of Redis would be a reason to overrun the limit.
        logging.getLogger("gett_checkout").addFilter(partial(_heard, told))
        async with asyncio.TaskGroup() as tasks:
            for window in range(load.windows + 1):
                start = begins + window * load.window
                for _ in range(load.orders):
                    at = start + jitter.random() * load.window
                    tasks.create_task(_place(at, waiting.pop(), told))
                # In the first window there are orders alone.
                for number in range(load.requests if window else 0):
                    at = start + (number + jitter.random()) * load.window / load.requests
                    tasks.create_task(_browse(at, gett, store, told, opens=number % 10 == 9))
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


async def _place(at: float, checkout: Checkout, told: Counter[str]) -> None:
    await asyncio.sleep(at - time.time())
    try:
        await place_as_shown(checkout)
    except GettCheckoutError as error:
        told[type(error).__name__] += 1
    else:
        told["placed"] += 1


async def _browse(
    at: float, gett: GettClient, store: Store, told: Counter[str], *, opens: bool
) -> None:
    """Change a cart at Gett, or open a session."""
    await asyncio.sleep(at - time.time())
    try:
        if opens:
            await gett.create_session(JANE)
        else:
            await gett.add_cart_item(store, [], SOUP)
    except RateLimitedError as error:
        told["held back" if "not sent" in str(error) else "rejected"] += 1
    else:
        told["browsed"] += 1
