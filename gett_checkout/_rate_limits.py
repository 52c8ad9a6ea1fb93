"""What is left of Gett's rate limits, as its answers tell it. Pure: the time is passed in.

Docs: Rate limits. A limit counts per minute for the whole partner organisation, so other workers
spend from it too: these figures are a guide for waiting, and the server has the last word. A
twentieth of a minute's requests is a reserve that only operations marked ``uses_reserve`` in the
operations table may touch, so that browsing and editing never starve placing. What nobody waits for
leaves a quarter to the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define, frozen

_WINDOW: Final = timedelta(minutes=1)
_SENSIBLE: Final = timedelta(hours=1)
_RESERVE: Final = 20  # one part in twenty
_SPARE: Final = 4  # one part in four, of what nobody waits for
_PAST: Final = datetime.min.replace(tzinfo=UTC)


@frozen
class RateLimit:
    """How many more requests a bucket takes until ``resets_at`` (UTC), when it is full again."""

    remaining: int
    resets_at: datetime


@define
class _Bucket:
    window: int = 0  # the reset as Gett writes it: it tells one minute from the next
    remaining: int = 0
    most: int = 0
    under_way: int = 0  # sent, and in no answer's count yet
    resets_at: datetime = _PAST
    refused_until: datetime = _PAST


class RateLimits:
    """The buckets heard of so far."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def known(self, now: datetime) -> dict[str, RateLimit]:
        """What is known of each bucket at ``now``; nothing once its minute is over."""
        found = {}
        for name, bucket in self._buckets.items():
            if now < bucket.refused_until:
                found[name] = RateLimit(0, bucket.refused_until)
            elif now < bucket.resets_at:
                left = max(bucket.remaining - bucket.under_way, 0)
                found[name] = RateLimit(left, bucket.resets_at)
        return found

    def turn(
        self, name: str, now: datetime, *, uses_reserve: bool = False, can_wait: bool = False
    ) -> float:
        """How many seconds to wait before the next request; 0 when it is its turn."""
        bucket = self._buckets.get(name)
        if bucket is None:
            return 0.0
        if now < bucket.refused_until:
            return (bucket.refused_until - now).total_seconds()
        kept = 0 if uses_reserve else bucket.most // (_SPARE if can_wait else _RESERVE)
        if now < bucket.resets_at and bucket.remaining - bucket.under_way <= kept:
            return (bucket.resets_at - now).total_seconds()
        return 0.0

    def sent(self, name: str) -> None:
        """Count a request that is about to be sent, until it is `done`."""
        self._buckets.setdefault(name, _Bucket()).under_way += 1

    def done(self, name: str) -> None:
        """The request was answered, or never will be."""
        self._buckets[name].under_way -= 1

    def heard(
        self,
        name: str,
        headers: Mapping[str, str],
        now: datetime,
        *,
        refused_for: float | None = None,
    ) -> None:
        """Learn from an answer. ``refused_for``: it was a 429, with so many seconds to wait."""
        remaining, window = figures(headers)
        bucket = self._buckets.setdefault(name, _Bucket())
        bucket.refused_until = now + timedelta(seconds=refused_for) if refused_for else _PAST
        if remaining is not None and window is not None:
            _count(bucket, remaining, window, now)


def _count(bucket: _Bucket, remaining: int, window: int, now: datetime) -> None:
    resets_at = datetime.fromtimestamp(window, UTC)
    if window < bucket.window or resets_at - now > _SENSIBLE:
        return  # a late answer, from a minute that is over; or not a time in Unix seconds
    bucket.remaining = remaining
    bucket.most = max(bucket.most, remaining)
    if window > bucket.window:
        bucket.window = window
        # Clocks differ: whatever the server's says, a minute is over after a minute.
        bucket.resets_at = min(resets_at, now + _WINDOW)


def figures(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """What is left and when it resets (Unix seconds), as a response says; ``None`` for no figure."""
    return (
        _whole(headers.get("X-RateLimit-Remaining")),
        _whole(headers.get("X-RateLimit-Reset")),
    )


def _whole(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 11):
        return None
    return int(text)
