"""Where paused checkouts are kept: the protocol, and one module per kind of storage.

A storage keeps opaque bytes under an id with a version, and changes them by compare-and-swap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

__all__ = ["Storage", "Stored"]


@frozen
class Stored:
    """What is kept under an id. ``version`` is 1 when new and grows by one with every save."""

    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")
    version: int


class Storage(Protocol):
    """What a storage does. Times are aware UTC; what has expired is absent in every method.

    Each method raises `StorageError` when the storage itself fails.
    """

    async def load(self, checkout_id: str) -> Stored | None:
        """What is kept under the id, or ``None``."""
        ...

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Replace what is kept if it still has ``expected_version``; the new version.

        0 means that nothing is kept yet. Otherwise `CheckoutConflictError`, and nothing changes.
        ``due_at`` is when an unresolved placement may be looked after by anybody.
        """
        ...

    async def delete(self, checkout_id: str) -> None:
        """Forget what is kept under the id, if anything."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of at most ``limit`` checkouts whose ``due_at`` has come, the longest due first."""
        ...
