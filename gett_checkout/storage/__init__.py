"""Where paused checkouts are kept: the protocol, and one module per kind of storage.

A storage keeps opaque bytes under an id with a version, and changes them by compare-and-swap.
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
    """What is kept under an id. ``version`` is 1 when new and grows by one with every save."""

    data: bytes = field(converter=hidden)
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
        ``due_at`` is when anybody may look after the checkout again: the outcome of its order is not
        known, or the order was not handed over to the partner yet. ``None`` when nothing is left to
        look after.
        """
        ...

    async def delete(self, checkout_id: str) -> None:
        """Forget what is kept under the id, if anything."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Give the ids of at most ``limit`` checkouts with a ``due_at`` until ``now``, earliest first.

        These are the checkouts that anybody may look after again. ``now`` may lie in the far future:
        that gives all that are left to look after, whenever they become due.
        """
        ...


@runtime_checkable
class ScannableStorage(Storage, Protocol):
    """A storage that can also be searched: for example for an order's id, which only the data holds."""

    def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Give everything that is stored and has not expired, with its id, in no particular order.

        It is read in pages: never is all of it in memory, and between two pages nothing is locked and
        no connection taken. What stays stored during the whole scan is never missed. What is saved or
        deleted meanwhile may come or not, and while others are, one may come twice. `StorageError`
        when the storage fails, also in the middle.
        """
        ...


# At the end, for it opens storages as they are described here.
from gett_checkout.storage._opening import open_storage  # noqa: E402
