"""A step of a checkout that this process last saw some web requests ago: load, change, save."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from typing import Final

from benchmarks.journeys import CARD, place, ready_to_place
from benchmarks.measuring import MICROSECONDS, NOTHING, Effort, Goal, Row, race
from gett_checkout import CardOnFile, Checkouts, GettClient, MemoryStorage
from gett_checkout.sandbox import Sandbox

_LINES: Final = 10
_CARDS: Final = (CARD, CardOnFile("card_other", "stripe"))
_KIB: Final = 1024


class Weighed(MemoryStorage):
    """Memory storage that records the largest snapshot it received."""

    largest = 0

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Record the size, and save."""
        self.largest = max(self.largest, len(data))
        return await super().save(
            checkout_id,
            data,
            expected_version=expected_version,
            expires_at=expires_at,
            due_at=due_at,
        )


async def resumed_step(effort: Effort) -> list[Row]:
    """Steps that send nothing, on a ten-line checkout ready to be placed, and its stored size.

    Each of our steps opens the checkout from its bytes, as another worker would: no record of it is
    alive in the process. `pay` changes one part of the state; `update` changes a line, by the menu, and
    drops the price. Theirs: ``json.loads`` and ``json.dumps`` of the same snapshot.
    """
    count = effort.of(300)
    async with Sandbox() as sandbox, GettClient(sandbox.api_key, base_url=sandbox.url) as gett:
        storage = Weighed()
        checkouts = Checkouts(gett, storage=storage)
        paid = (await ready_to_place(checkouts, lines=_LINES)).id
        stored = await storage.load(paid)
        assert stored is not None  # noqa: S101 - it was just saved
        placed = await checkouts.open(paid)
        await place(placed)
        del placed
        priced, edited = [(await ready_to_place(checkouts, lines=_LINES)).id for _ in range(2)]
        quantities, cards = cycle((2, 3)), cycle(_CARDS)
        line_id = (await checkouts.open(edited)).view.lines[0].line_id

        # Each request is a function of its own, so that its checkout is gone when the next one comes.
        async def pay_once() -> None:
            checkout = await checkouts.open(priced)
            await checkout.pay(next(cards))

        async def update_once() -> None:
            checkout = await checkouts.open(edited)
            await checkout.update(line_id, quantity=next(quantities))

        async def pay() -> None:
            for _ in range(count):
                await pay_once()

        async def update() -> None:
            for _ in range(count):
                await update_once()

        async def plain_json() -> None:
            for _ in range(count):
                json.dumps(json.loads(stored.data))

        *times, plain = await race(effort, pay, update, plain_json)
    return [
        *_steps(("pay", "update of a line"), times, plain, count),
        _size("stored of a ten-line checkout, ready to place", len(stored.data), Goal("≤", 3.2)),
        _size("the same while its order is in progress, at most", storage.largest, None),
    ]


def _steps(names: Sequence[str], times: Sequence[float], plain: float, count: int) -> list[Row]:
    each = MICROSECONDS / count
    return [
        Row(
            f"step on a resumed ten-line checkout: {name}",
            "json.loads and json.dumps of it",
            "µs",
            taken * each,
            plain * each,
            Goal("≤", 2),
        )
        for name, taken in zip(names, times, strict=True)
    ]


def _size(what: str, size: int, goal: Goal | None) -> Row:
    return Row(what, NOTHING, "KiB", size / _KIB, None, goal)
