"""How long all that one step asks of Gett may take together: no longer than one call may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from typing import Final

_BEGAN: Final[ContextVar[datetime | None]] = ContextVar("gett_checkout_began", default=None)


def began() -> datetime | None:
    """When the step began that this code runs in, if it runs in one."""
    return _BEGAN.get()


@contextmanager
def counted_from(moment: datetime | None) -> Iterator[None]:
    """Have the calls in this block, and in the tasks it begins, share the patience of one.

    ``None``: each has its own again.
    """
    outside = _BEGAN.set(moment)
    try:
        yield
    finally:
        with suppress(ValueError):  # closed from elsewhere, because its loop is gone
            _BEGAN.reset(outside)
