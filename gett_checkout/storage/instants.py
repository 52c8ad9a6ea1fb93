"""Times as whole numbers, for storages that have no type for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return the microseconds from 1970 to ``moment`` (aware), exactly."""
    return (moment - _EPOCH) // _MICROSECOND
