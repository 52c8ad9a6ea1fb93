"""Memory: what has expired does not pile up."""

from __future__ import annotations

from datetime import timedelta

from gett_checkout.storage import Stored
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.testing import Clock
from tests.samples.states import NOW


async def test_what_expired_is_dropped_as_more_comes() -> None:
    clock = Clock(NOW)
    storage = MemoryStorage(clock=clock)

    async def save(key: str, hours: float) -> None:
        expires_at = clock() + timedelta(hours=hours)
        await storage.save(key, b"data", expected_version=0, expires_at=expires_at, due_at=None)

    for number in range(60):
        await save(f"short {number}", 1)
    await save("long", 24)
    clock.advance(3600)
    assert repr(storage) == "MemoryStorage(<61 checkouts>)"
    for number in range(3):
        await save(f"new {number}", 1)
    assert repr(storage) == "MemoryStorage(<4 checkouts>)"
    assert await storage.load("long") == Stored(b"data", 1)
    assert await storage.load("short 0") is None
