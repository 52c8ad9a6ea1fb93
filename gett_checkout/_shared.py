"""What workers share, made harmless: bounded in time, and passed over for a while when it fails."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable
from hashlib import sha256
from time import monotonic
from typing import Final, TypeVar

from gett_checkout._hidden import leaves_nothing
from gett_checkout.sharing import LimitReport, MenuCache, Permit, Priority, RateLimiter

T = TypeVar("T")

_log: Final = logging.getLogger("gett_checkout")
_LIMITER_SECONDS: Final = 0.1
_CACHE_SECONDS: Final = 0.5
_PAUSE: Final = 1.0  # after a failure, so that not every request waits for the next one
_WARN_EVERY: Final = 60.0


class Guard:
    """Awaits calls of somebody else's; ``None`` for one that fails, takes too long, or is not made."""

    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._seconds = seconds
        self._again_at = -math.inf
        self._warn_at = -math.inf
        self._is_down = False

    @property
    def passes(self) -> bool:
        """Whether it is time to try."""
        return monotonic() >= self._again_at

    async def result(self, call: Awaitable[T]) -> T | None:
        """What the call gives. The log is told of an outage once, and not of each call."""
        try:
            async with asyncio.timeout(self._seconds):
                found = await call
        except Exception as error:  # noqa: BLE001 - whatever it raises, the request goes on
            self._failed(type(error).__name__)
            return None
        if self._is_down:
            self._is_down = False
            _log.info("%s available again", self._what)
        return found

    def _failed(self, kind: str) -> None:
        now = monotonic()
        self._again_at = now + _PAUSE
        if not self._is_down and now >= self._warn_at:
            self._warn_at = now + _WARN_EVERY
            # Its class only: what a driver says may quote a URL with a password.
            _log.warning("%s unavailable: each worker goes by itself (%s)", self._what, kind)
        self._is_down = True


class SharedLimits:
    """A rate limiter of one organisation, asked so that it can do no harm."""

    def __init__(self, limiter: RateLimiter, organisation: str) -> None:
        self._limiter = limiter
        self._organisation = organisation
        self._guard = Guard("shared rate limit", _LIMITER_SECONDS)

    async def acquire(self, bucket: str, priority: Priority) -> Permit | None:
        """The permit, or ``None`` when the limiter does not answer."""
        if not self._guard.passes:
            return None
        return await self._guard.result(
            self._limiter.acquire(f"{self._organisation}:{bucket}", priority=priority)
        )

    async def update(self, bucket: str, permit: Permit, report: LimitReport) -> None:
        """Pass on what became of a request."""
        if self._guard.passes:
            await self._guard.result(
                self._limiter.update(f"{self._organisation}:{bucket}", permit, report)
            )


class SharedMenus:
    """A menu cache of one organisation, asked so that it can do no harm."""

    def __init__(self, cache: MenuCache, organisation: str) -> None:
        self._cache = cache
        self._organisation = organisation
        self._guard = Guard("shared menu cache", _CACHE_SECONDS)

    async def get(self, catalog_set_id: str) -> bytes | None:
        """The menu as Gett sent it, if it is there."""
        if not self._guard.passes:
            return None
        return await self._guard.result(self._cache.get(self._name(catalog_set_id)))

    async def put(self, catalog_set_id: str, body: bytes) -> None:
        """Store the menu."""
        if self._guard.passes:
            await self._guard.result(self._cache.put(self._name(catalog_set_id), body))

    def _name(self, catalog_set_id: str) -> str:
        return f"{self._organisation}:{_digest(catalog_set_id)}"


@leaves_nothing
def organisation_digest(base_url: str, api_key: str) -> str:
    """What tells organisations and environments apart, and gives no key away."""
    return _digest(f"gett-checkout {base_url} {api_key}")


@leaves_nothing
def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
