"""The sandbox's own clock: the real time, moved ahead on request, so that things expire at once."""

from datetime import UTC, datetime, timedelta

from .problems import RefusedError

FURTHEST = timedelta(days=3650)


class OwnClock:
    """Call it for the time, aware UTC."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """The time."""
        return real_time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once; never backwards, and never beyond ten years."""
        ahead = self._ahead + timedelta(seconds=seconds)
        if not self._ahead <= ahead <= FURTHEST:
            raise RefusedError("INVALID_REQUEST", "The clock goes ahead only, ten years at most.")
        self._ahead = ahead

    def reset(self) -> None:
        """Back to the real time."""
        self._ahead = timedelta()


def real_time() -> datetime:
    """The real time, as opposed to the sandbox clock's; aware UTC."""
    return datetime.now(UTC)
