"""The time budget that all of a step's calls to Gett share: that of one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from typing import Final

_BEGAN: Final[ContextVar[datetime | None]] = ContextVar("gett_checkout_began", default=None)


def began() -> datetime | None:
    """Return when the current step began, if this code runs in one."""
    return _BEGAN.get()


@contextmanager
def counted_from(moment: datetime | None) -> Iterator[None]:
    """Make the calls in this block, and in the tasks it begins, share the time budget of one call.

    ``None``: each has its own again.
    """
    outside = _BEGAN.set(moment)
    try:
        yield
    finally:
        with suppress(ValueError):  # closed in another context, because its loop is gone
            _BEGAN.reset(outside)
