"""What workers share, made harmless: bounded in time, and passed over for a while when it fails."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from hashlib import sha256
from time import monotonic
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from gett_checkout._hidden import leaves_nothing
from gett_checkout.sharing import LimitReport, MenuCache, Permit, Priority, RateLimiter

T = TypeVar("T")

_log: Final = logging.getLogger("gett_checkout")
LIMITER_SECONDS: Final = 0.25
_REPORT_SECONDS: Final = 1.0  # nobody waits for it
CACHE_SECONDS: Final = 0.5
_PAUSE: Final = 1.0  # after a failure, so that not every request waits for the next one
_WARN_EVERY: Final = 60.0
_AT_ONCE: Final = 4


class Guard:
    """Awaits calls of somebody else's; ``None`` for one that fails, takes too long, or is not made."""

    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._seconds = seconds
        # Many at once would each open a connection, and all of them be late. One for each event loop.
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._turns = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failures = 0
        self._failed_at = -math.inf
        self._warn_at = -math.inf
        self._has_warned = False

    async def result(
        self, call: Callable[[], Awaitable[T]], seconds: float | None = None
    ) -> T | None:
        """What the call gives. The log is told of an outage once, and not of each call."""
        started = monotonic()
        if self._failures > 1 and started < self._failed_at + _PAUSE:
            return None
        # A task of its own, since a driver may take seconds to end when it is cancelled.
        task = asyncio.create_task(self._called(call))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait({task}, timeout=seconds or self._seconds)
        finally:
            task.cancel()
        if not task.done() or task.cancelled():
            self._failed(started, "TimeoutError")
            return None
        if error := task.exception():
            self._failed(started, type(error).__name__)
            return None
        found = task.result()
        self._failures = 0
        if self._has_warned:
            self._has_warned = False
            _log.info("%s available again", self._what)
        return found

    async def _called(self, call: Callable[[], Awaitable[T]]) -> T:
        turns = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
        async with turns:
            return await call()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # fetched, so that asyncio does not log one that came too late

    def _failed(self, started: float, kind: str) -> None:
        # Those that fail together count once, and once may be a moment in which this process was busy.
        now = monotonic()
        if started >= self._failed_at:
            self._failures += 1
        self._failed_at = now
        if self._failures > 1 and not self._has_warned and now >= self._warn_at:
            self._has_warned = True
            self._warn_at = now + _WARN_EVERY
            # Its class only: what a driver says may quote a URL with a password.
            _log.warning("%s unavailable: each worker goes by itself (%s)", self._what, kind)


class SharedLimits:
    """A rate limiter of one organisation, asked so that it can do no harm."""

    def __init__(self, limiter: RateLimiter, organisation: str) -> None:
        self._limiter = limiter
        self._organisation = organisation
        self._guard = Guard("shared rate limit", LIMITER_SECONDS)

    async def acquire(self, bucket: str, priority: Priority) -> Permit | None:
        """The permit, or ``None`` when the limiter does not answer."""
        name = f"{self._organisation}:{bucket}"
        return await self._guard.result(lambda: self._limiter.acquire(name, priority=priority))

    async def update(self, bucket: str, permit: Permit, report: LimitReport) -> None:
        """Pass on what became of a request."""
        name = f"{self._organisation}:{bucket}"
        await self._guard.result(
            lambda: self._limiter.update(name, permit, report), _REPORT_SECONDS
        )


class SharedMenus:
    """A menu cache of one organisation, asked so that it can do no harm."""

    def __init__(self, cache: MenuCache, organisation: str) -> None:
        self._cache = cache
        self._organisation = organisation
        self._guard = Guard("shared menu cache", CACHE_SECONDS)

    async def get(self, catalog_set_id: str) -> bytes | None:
        """The menu as Gett sent it, if it is there."""
        name = self._name(catalog_set_id)
        return await self._guard.result(lambda: self._cache.get(name))

    async def put(self, catalog_set_id: str, body: bytes) -> None:
        """Store the menu."""
        name = self._name(catalog_set_id)
        await self._guard.result(lambda: self._cache.put(name, body))

    def _name(self, catalog_set_id: str) -> str:
        return f"{self._organisation}:{_digest(catalog_set_id)}"


@leaves_nothing
def organisation_digest(base_url: str, api_key: str) -> str:
    """What tells organisations and environments apart, and gives no key away."""
    return _digest(f"gett-checkout {base_url} {api_key}")


@leaves_nothing
def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
