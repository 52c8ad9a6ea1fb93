"""A clock that moves only when told to, shared by the library and the sandbox of a test."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for the time, aware UTC; it starts on a Friday, early afternoon in New York.

    ``slept`` is every wait the library wanted, in seconds; none of them takes any real time.
    """

    def __init__(self) -> None:
        self.now: datetime = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def __repr__(self) -> str:
        return f"Clock({self.now:%Y-%m-%d %H:%M:%S})"

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Pass the time without waiting for it."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)
