"""The cost of ``import gett_checkout``, compared with that of its dependencies."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from functools import partial
from statistics import median

from benchmarks.measuring import MILLISECONDS, Effort, Goal, Row

_CHILD = (
    "import time; started = time.process_time(); import {}; print(time.process_time() - started)"
)


async def imports(effort: Effort) -> list[Row]:
    """CPU time of the import statement alone, each time in a fresh interpreter with compiled files.

    Theirs: the libraries that any user of them imports anyway.
    """
    sides = (partial(_import, "gett_checkout"), partial(_import, "aiohttp, attrs, cattrs, msgspec"))
    taken: list[list[float]] = [[], []]
    # Installed packages come compiled; so must ours, whatever the environment demands.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    for number in range(effort.rounds + 1):
        for side, times in zip(sides, taken, strict=True):
            seconds = await side(environment)
            if number:  # the first run compiles
                times.append(seconds)
    mine, base = (median(times) * MILLISECONDS for times in taken)
    what, against = "import gett_checkout", "import aiohttp, attrs, cattrs, msgspec"
    return [Row(what, against, "ms", mine, base, Goal("≤", 1.15))]


async def _import(modules: str, environment: Mapping[str, str]) -> float:
    """Return the seconds of CPU that the import takes in an interpreter of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CHILD.format(modules)),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    told, _ = await child.communicate()
    return float(told)
