"""Make shared services harmless: limit their time, and skip them for a while after a failure."""

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
_REPORT_SECONDS: Final = 1.0  # in the background
CACHE_SECONDS: Final = 0.5
_PAUSE: Final = 1.0  # after a failure, so that not every request waits for the next one
_WARN_EVERY: Final = 60.0
_AT_ONCE: Final = 4


class Guard:
    """Awaits calls to a shared service; ``None`` for a call that fails, takes too long, or is skipped."""

    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._seconds = seconds
        # Many calls at once would each open a connection, and all be late. One per event loop.
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
        """Return the result of the call. An outage is logged once, not for each call."""
        started = monotonic()
        if self._failures > 1 and started < self._failed_at + _PAUSE:
            return None
        # A task of its own, because a driver may take seconds to end when it is cancelled.
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
            task.exception()  # retrieved, so that asyncio does not log a late error

    def _failed(self, started: float, kind: str) -> None:
        # Failures at the same time count once, and a single one may come from a busy moment of this
        # process.
        now = monotonic()
        if started >= self._failed_at:
            self._failures += 1
        self._failed_at = now
        if self._failures > 1 and not self._has_warned and now >= self._warn_at:
            self._has_warned = True
            self._warn_at = now + _WARN_EVERY
            # Log its class only: a driver's message may quote a URL with a password.
            _log.warning("%s unavailable: each worker continues on its own (%s)", self._what, kind)


class SharedLimits:
    """The rate limiter of one organisation, made harmless."""

    def __init__(self, limiter: RateLimiter, organisation: str) -> None:
        self._limiter = limiter
        self._organisation = organisation
        self._guard = Guard("shared rate limit", LIMITER_SECONDS)

    async def acquire(self, bucket: str, priority: Priority) -> Permit | None:
        """Return the permit, or ``None`` when the limiter does not respond."""
        name = f"{self._organisation}:{bucket}"
        return await self._guard.result(lambda: self._limiter.acquire(name, priority=priority))

    async def update(self, bucket: str, permit: Permit, report: LimitReport) -> None:
        """Report the outcome of a request."""
        name = f"{self._organisation}:{bucket}"
        await self._guard.result(
            lambda: self._limiter.update(name, permit, report), _REPORT_SECONDS
        )


class SharedMenus:
    """The menu cache of one organisation, made harmless."""

    def __init__(self, cache: MenuCache, organisation: str) -> None:
        self._cache = cache
        self._organisation = organisation
        self._guard = Guard("shared menu cache", CACHE_SECONDS)

    async def get(self, catalog_set_id: str) -> bytes | None:
        """Return the menu as Gett sent it, if it is cached."""
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
    """Return a digest that identifies organisation and environment without revealing the key."""
    return _digest(f"gett-checkout {base_url} {api_key}")


@leaves_nothing
def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
