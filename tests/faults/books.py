"""A partner's books outside of any worker: a file, in which a row stays whatever becomes of its writer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Literal

from attrs import Factory, frozen

from gett_checkout import Checkouts, PlacedOrder
from tests.faults.tripwire import Tripwire
from tests.samples.shopper import place_as_shown

Found = Literal["at once", "late", "again"]


class BooksClosedError(Exception):
    """The books cannot be written just now."""


@frozen
class Books:
    """The file, and the handler of a worker that writes to it: `on_placed`.

    The handler looks, writes its row under the checkout's id, and looks again. ``wire`` lies around
    each of the three.
    """

    path: Path
    wire: Tripwire = Factory(Tripwire)

    async def on_placed(self, order: PlacedOrder) -> None:
        self.wire.mark()
        self._append(order.checkout_id, None)
        await self._around(self._look())
        await self._around(self._write(order))
        await self._around(self._look())
        self.wire.mark()

    def calls(self, checkout_id: str | None = None) -> int:
        """How often a handler was called with the checkout's order, or with any."""
        return sum(row is None and checkout_id in (each, None) for each, row in self._read())

    def rows(self, checkout_id: str) -> list[dict[str, Any]]:
        """What handlers wrote of the checkout."""
        return [row for each, row in self._read() if each == checkout_id and row is not None]

    async def _around(self, work: Any) -> None:
        planned = BooksClosedError("planned")
        await self.wire.around(work, planned, planned)

    async def _look(self) -> None:
        await asyncio.sleep(0)

    async def _write(self, order: PlacedOrder) -> None:
        await asyncio.sleep(0)
        row = {
            "order_id": order.order.order_id,
            "key": order.idempotency_key,
            "metadata": dict(order.metadata),
            "total": str(order.amounts and order.amounts.total),
            "fulfillment_type": order.fulfillment_type,
            "placed_at": order.placed_at.isoformat(),
        }
        self._append(order.checkout_id, row)

    def _append(self, checkout_id: str, row: dict[str, Any] | None) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([checkout_id, row]) + "\n")

    def _read(self) -> list[tuple[str, dict[str, Any] | None]]:
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [(each, row) for each, row in map(json.loads, lines)]


async def come_to_the_order(checkouts: Checkouts, checkout_id: str, found: Found) -> None:
    """Place it, or find in a pass what another worker placed or did not hand over."""
    if found == "at once":
        checkout = await checkouts.open(checkout_id)
        await place_as_shown(checkout)
    else:
        await checkouts.reconcile()
