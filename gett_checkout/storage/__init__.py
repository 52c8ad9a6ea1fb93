"""Where checkouts are stored: the protocol, and one module per kind of storage.

A storage stores opaque bytes under an id with a version, and changes them by compare-and-swap.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from gett_checkout._hidden import hidden

__all__ = ["ScannableStorage", "Storage", "Stored", "open_storage"]


@frozen
class Stored:
    """A stored entry. ``version`` is 1 when new and grows by one with every save."""

    data: bytes = field(converter=hidden)
    version: int


class Storage(Protocol):
    """The methods of a storage. Times are aware UTC; expired entries behave as if they did not exist.

    Each method raises `StorageError` when the storage itself fails.
    """

    async def load(self, checkout_id: str) -> Stored | None:
        """Return the entry stored under the id, or ``None``."""
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
        """Replace the entry if it still has ``expected_version``; return the new version.

        Raises `CheckoutConflictError`, and changes nothing, when the entry has another version.
        ``expected_version`` 0 means that there must be no entry yet. ``due_at`` is the time from which
        any worker may process the checkout again: it is set while the order's outcome is unknown, the
        order is not handed over to the partner, or a duplicate is unresolved; ``None`` when nothing is
        left to do.
        """
        ...

    async def delete(self, checkout_id: str) -> None:
        """Delete the entry stored under the id, if any."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of at most ``limit`` checkouts that are due, earliest first.

        A checkout is due when its ``due_at`` is at or before ``now``. Any worker may process these
        again. A ``now`` in the far future returns all that are left to process, whenever they become
        due.
        """
        ...


@runtime_checkable
class ScannableStorage(Storage, Protocol):
    """A storage that can also be searched, for example for an order's id, which only the data contains."""

    def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Yield every entry that has not expired, with its id, in no particular order.

        Entries are read in pages: they are never all in memory, and between two pages nothing is locked
        and no connection is held. An entry that exists during the whole scan is never missed. Entries
        saved or deleted meanwhile may or may not be included, and such changes may make an entry appear
        twice. Raises `StorageError` when the storage fails, even partway through the scan.
        """
        ...


# At the end, because it imports the protocols above.
from gett_checkout.storage._opening import open_storage  # noqa: E402
