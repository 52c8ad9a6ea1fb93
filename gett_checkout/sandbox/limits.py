"""Rate limits: one count per bucket and window of the clock, shared by every credential.

Docs: Rate limits. The limits belong to the partner organisation, and the sandbox knows only one.
"""

import math
from collections import Counter
from datetime import datetime

from .operations import Bucket
from .problems import RefusedError
from .switches import Switches


class RateLimiter:
    """Counts requests in fixed windows, a minute each by default (`Switches.rate_window`)."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._resets_at = 0
        self._used: Counter[Bucket] = Counter()

    def spend(self, bucket: Bucket, now: datetime) -> None:
        """Count one request, or reject it with `RATE_LIMITED`."""
        self._turn(now)
        limit = self._limit(bucket)
        if limit is not None and self._used[bucket] >= limit:
            wait = math.ceil(self._resets_at - now.timestamp())
            raise RefusedError(
                "RATE_LIMITED",
                f"More than {limit} {bucket} in {self._switches.rate_window} seconds.",
                retry_after=max(1, wait),
            )
        self._used[bucket] += 1

    def headers(self, bucket: Bucket, now: datetime) -> dict[str, str]:
        """The rate-limit headers of a response; none where nothing is limited."""
        self._turn(now)
        limit = self._limit(bucket)
        if limit is None:
            return {}
        return {
            "X-RateLimit-Remaining": str(max(0, limit - self._used[bucket])),
            "X-RateLimit-Reset": str(self._resets_at),
        }

    def reset(self) -> None:
        """Start counting anew."""
        self._used.clear()

    def _limit(self, bucket: Bucket) -> int | None:
        limits = self._switches.rate_limits
        return None if limits is None else limits.get(bucket)

    def _turn(self, now: datetime) -> None:
        length = self._switches.rate_window
        resets_at = (int(now.timestamp()) // length + 1) * length
        if resets_at != self._resets_at:
            self._resets_at = resets_at
            self._used.clear()
