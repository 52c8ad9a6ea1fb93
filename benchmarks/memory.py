"""The memory of an open checkout."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Final

from benchmarks.journeys import ready_to_place
from benchmarks.measuring import NOTHING, Effort, Goal, Row
from benchmarks.serving import client, sandbox
from gett_checkout import Checkouts

_LINES: Final = 3
_KIB: Final = 1024


async def memory(effort: Effort) -> list[Row]:
    """A three-line `Checkout`, ready to be placed and held open, with its entry in the memory storage.

    Counts the bytes Python allocated for a number of them, without the menu and other shared objects,
    which existed before.
    """
    count = effort.of(200)
    async with sandbox() as url, client(url) as gett:
        checkouts = Checkouts(gett)
        for _ in range(3):  # the menu, the connection and other things made once
            await ready_to_place(checkouts, lines=_LINES)
        tracemalloc.start()
        try:
            before = _allocated()
            held = [await ready_to_place(checkouts, lines=_LINES) for _ in range(count)]
            taken = _allocated() - before
        finally:
            tracemalloc.stop()
    what = "memory of an open checkout of three lines"
    return [Row(what, NOTHING, "KiB", taken / len(held) / _KIB, None, Goal("≤", 10))]


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
