"""Checkouts stored in this process: for tests, demos and single-process backends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from gett_checkout.errors import CheckoutConflictError
from gett_checkout.storage import Stored


@frozen
class _Row:
    stored: Stored
    expires_at: datetime
    due_at: datetime | None


class MemoryStorage:
    """Stores checkouts in a dictionary, until the process ends. ``clock`` returns aware UTC."""

    def __init__(self, *, clock: Callable[[], datetime] | None = None) -> None:
        self.clock: Final[Callable[[], datetime]] = clock or (lambda: datetime.now(UTC))
        self._rows: dict[str, _Row] = {}
        self._sweep_at = 64

    def __repr__(self) -> str:
        return f"MemoryStorage(<{len(self._rows)} checkouts>)"

    async def load(self, checkout_id: str) -> Stored | None:
        """Return the entry stored under the id, or ``None``."""
        row = self._row(checkout_id)
        return row.stored if row else None

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Replace the entry if it still has ``expected_version``; else raise `CheckoutConflictError`."""
        row = self._row(checkout_id)
        version = row.stored.version if row else 0
        if version != expected_version:
            raise CheckoutConflictError("another worker changed the checkout")
        self._rows[checkout_id] = _Row(Stored(data, version + 1), expires_at, due_at)
        self._sweep()
        return version + 1

    async def delete(self, checkout_id: str) -> None:
        """Delete the entry stored under the id, if any."""
        self._rows.pop(checkout_id, None)

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of at most ``limit`` due checkouts, those due earliest first."""
        clock = self.clock()
        due = [
            (row.due_at, checkout_id)
            for checkout_id, row in self._rows.items()
            if row.due_at is not None and row.due_at <= now and clock < row.expires_at
        ]
        return [checkout_id for _, checkout_id in sorted(due)[:limit]]

    async def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Yield every entry that has not expired, with its id, in no particular order."""
        for checkout_id in list(self._rows):  # the ids only: rows come and go meanwhile
            row = self._row(checkout_id)
            if row is not None:
                yield checkout_id, row.stored

    def _row(self, checkout_id: str) -> _Row | None:
        row = self._rows.get(checkout_id)
        return row if row and self.clock() < row.expires_at else None

    def _sweep(self) -> None:
        """Drop expired rows each time the number of rows has grown twofold: cheap on average."""
        if len(self._rows) < self._sweep_at:
            return
        now = self.clock()
        self._rows = {key: row for key, row in self._rows.items() if now < row.expires_at}
        self._sweep_at = max(64, 2 * len(self._rows))
