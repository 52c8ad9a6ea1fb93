"""The remainder of Gett's rate limits, as its responses report it. Pure: the time is passed in.

Docs: Rate limits. A limit counts per minute for the whole partner organisation, so other workers use it
too: these figures guide waiting, and the server decides. A twentieth of a minute's requests is reserved
for operations marked ``uses_reserve`` in the operations table, so that browsing and editing never
starve placing. Background requests leave a quarter to the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define, frozen

_WINDOW: Final = timedelta(minutes=1)
_SENSIBLE: Final = timedelta(hours=1)
_RESERVE: Final = 20  # one part in twenty
_SPARE: Final = 4  # one part in four, for others than background requests
_PAST: Final = datetime.min.replace(tzinfo=UTC)


@frozen
class RateLimit:
    """How many more requests a bucket accepts until ``resets_at`` (aware UTC), when all are allowed again."""

    remaining: int
    resets_at: datetime


@define
class _Bucket:
    window: int = 0  # the reset as Gett writes it, which identifies the minute
    remaining: int = 0
    most: int = 0  # the largest remainder, less a quarter for each minute since
    under_way: int = 0  # sent, but not counted in any response yet
    resets_at: datetime = _PAST
    blocked_until: datetime = _PAST


class RateLimits:
    """The buckets that responses have reported so far."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def known(self, now: datetime) -> dict[str, RateLimit]:
        """Return the known buckets at ``now``; a bucket is unknown once its minute has ended."""
        found = {}
        for name, bucket in self._buckets.items():
            if now < bucket.blocked_until:
                found[name] = RateLimit(0, bucket.blocked_until)
            elif now < bucket.resets_at:
                left = max(bucket.remaining - bucket.under_way, 0)
                found[name] = RateLimit(left, bucket.resets_at)
        return found

    def turn(
        self, name: str, now: datetime, *, uses_reserve: bool = False, can_wait: bool = False
    ) -> float:
        """Return how many seconds to wait before the next request; 0 when it may be sent."""
        bucket = self._buckets.get(name)
        if bucket is None:
            return 0.0
        if now < bucket.blocked_until:
            return (bucket.blocked_until - now).total_seconds()
        reserved = 0 if uses_reserve else bucket.most // (_SPARE if can_wait else _RESERVE)
        if now < bucket.resets_at and bucket.remaining - bucket.under_way <= reserved:
            return (bucket.resets_at - now).total_seconds()
        return 0.0

    def sent(self, name: str) -> None:
        """Count a request that is about to be sent, until it is `done`."""
        self._buckets.setdefault(name, _Bucket()).under_way += 1

    def done(self, name: str) -> None:
        """Stop counting a request: it got a response, or never will."""
        self._buckets[name].under_way -= 1

    def heard(
        self,
        name: str,
        headers: Mapping[str, str],
        now: datetime,
        *,
        blocked_for: float | None = None,
    ) -> None:
        """Record a response's figures. ``blocked_for``: the seconds to wait after a 429."""
        remaining, window = figures(headers)
        bucket = self._buckets.setdefault(name, _Bucket())
        bucket.blocked_until = now + timedelta(seconds=blocked_for) if blocked_for else _PAST
        if remaining is not None and window is not None:
            _count(bucket, remaining, window, now)


def _count(bucket: _Bucket, remaining: int, window: int, now: datetime) -> None:
    resets_at = datetime.fromtimestamp(window, UTC)
    if window < bucket.window or resets_at - now > _SENSIBLE:
        return  # a late response, from an earlier minute; or not a time in Unix seconds
    bucket.remaining = remaining
    if window > bucket.window:
        bucket.window = window
        # Gett may have lowered the limit. Or others have used the minute before this worker saw it.
        bucket.most -= bucket.most // 4
        # Clocks differ: a minute ends after 60 seconds, whatever the server's clock says.
        bucket.resets_at = min(resets_at, now + _WINDOW)
    bucket.most = max(bucket.most, remaining)


def figures(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return a response's remainder and reset (Unix seconds); ``None`` for a missing figure."""
    return (
        _whole(headers.get("X-RateLimit-Remaining")),
        _whole(headers.get("X-RateLimit-Reset")),
    )


def _whole(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 11):
        return None
    return int(text)
