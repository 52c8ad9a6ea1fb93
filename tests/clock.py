"""A clock that moves only when told to, shared by library and sandbox."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for the time; `sleep` passes the time without waiting for it."""

    def __init__(self) -> None:
        self.now = datetime(
            2026, 11, 20, 18, 0, tzinfo=UTC
        )  # a Friday, early afternoon in New York
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)
