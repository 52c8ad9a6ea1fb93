"""A manual clock, shared by the library and the sandbox of a test."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

_FRIDAY: Final = 4


class Clock:
    """A clock; call it to get the time (aware UTC).

    It starts at ``start``. The default, early afternoon in New York next Friday, is in the future, so a
    storage that uses the real clock does not drop what a test saves by this one.

    ``slept`` lists every wait of the library, in seconds; none of them takes any real time.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self.now: datetime = start or _coming_friday()
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def __repr__(self) -> str:
        return f"Clock({self.now:%Y-%m-%d %H:%M:%S})"

    def advance(self, seconds: float) -> None:
        """Advance the time by ``seconds``."""
        self.now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Advance the time without waiting."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


def _coming_friday() -> datetime:
    today = datetime.now(UTC).replace(hour=18, minute=0, second=0, microsecond=0)
    return today + timedelta(days=(_FRIDAY - today.weekday()) % 7 or 7)
