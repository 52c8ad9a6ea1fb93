"""``python -m benchmarks``: the library's cost compared with the alternatives."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from unittest import SkipTest

from benchmarks.call import one_call
from benchmarks.checkout import whole_checkout
from benchmarks.crowd import crowd
from benchmarks.imports import imports
from benchmarks.load import load
from benchmarks.machine import machine_step
from benchmarks.measuring import Effort, Row
from benchmarks.memory import memory
from benchmarks.menus import open_menu, structure_menu
from benchmarks.report import PAGE, Measured, as_json, as_table, into_page
from benchmarks.steps import resumed_step
from benchmarks.storages import postgres, redis, sqlite
from benchmarks.wire import wire

Benchmark = Callable[[Effort], Awaitable[list[Row]]]

BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "checkout": whole_checkout,
    "call": one_call,
    "menu": open_menu,
    "structure": structure_menu,
    "step": resumed_step,
    "machine": machine_step,
    "crowd": crowd,
    "load": load,
    "memory": memory,
    "import": imports,
    "wire": wire,
    "sqlite": sqlite,
    "redis": redis,
    "postgres": postgres,
}
_QUICK: Final = 0.2


async def measure(name: str, effort: Effort) -> Measured:
    """Run one benchmark; skip it when the library it compares with is not installed."""
    try:
        return Measured(name, await BENCHMARKS[name](effort))
    except (ModuleNotFoundError, SkipTest) as missing:
        return Measured(name, skipped=str(missing))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks; return 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=Effort().rounds, help="default: 7")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK:.0%}% of the usual work")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results.json"))
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/speed.md")
    options = parser.parse_args(arguments)
    names = options.names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    if options.rounds < 1:
        parser.error("at least one round is required")
    if options.docs and (options.names or options.quick):
        parser.error("docs/speed.md needs the figures of a whole run")
    effort = Effort(options.rounds, _QUICK if options.quick else 1.0)
    measured = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        measured.append(asyncio.run(measure(name, effort)))
    print(as_table(measured))
    options.json.write_text(as_json(measured, effort), encoding="utf-8")
    if options.docs:
        PAGE.write_text(into_page(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")
    return int(any(row.met is False for each in measured for row in each.rows))


if __name__ == "__main__":
    sys.exit(main())
