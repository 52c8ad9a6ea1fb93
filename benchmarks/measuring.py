"""How everything is measured: alternating rounds, medians, and rows with a goal."""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any, Final, Literal

from attrs import asdict, frozen

Side = Callable[[], Awaitable[object]]

MICROSECONDS: Final = 1e6  # in a second
MILLISECONDS: Final = 1e3
NOTHING: Final = "–"  # shown for a row without a comparison


@frozen
class Effort:
    """How much to measure: ``rounds`` of each side, each with a ``share`` of the usual work."""

    rounds: int = 7
    share: float = 1.0

    def of(self, count: int) -> int:
        """Return the share of ``count`` to do, at least one."""
        return max(1, round(count * self.share))

    def finer(self, times: int) -> Effort:
        """Return the same work in so many times the rounds."""
        return Effort(self.rounds * times, self.share / times)

    def at_most(self, rounds: int) -> Effort:
        """Return the same with fewer rounds, for slow benchmarks."""
        return Effort(min(self.rounds, rounds), self.share)


async def race(
    effort: Effort,
    *sides: Side,
    clock: Callable[[], float] = time.process_time,
    warm_ups: int = 1,
) -> tuple[float, ...]:
    """Return the median of each side's rounds, by the ``clock`` (default: CPU seconds of this process).

    The sides take turns, so that a busy machine affects all of them alike. The first rounds,
    ``warm_ups``, do not count.
    """
    taken: list[list[float]] = [[] for _ in sides]
    for number in range(effort.rounds + warm_ups):
        for side, times in zip(sides, taken, strict=True):
            gc.collect()
            started = clock()
            await side()
            if number >= warm_ups:
                times.append(clock() - started)
    return tuple(median(times) for times in taken)


@frozen
class Goal:
    """A bound on a row's ratio, or on our own figure if there is no comparison."""

    sign: Literal["≤", "≥", "="]
    bound: float

    def is_met(self, judged: float) -> bool:
        """Whether the figure meets the bound."""
        match self.sign:
            case "≤":
                return judged <= self.bound
            case "≥":
                return judged >= self.bound
            case "=":
                return judged == self.bound


@frozen
class Row:
    """One line of the table. ``theirs`` is ``None`` without a comparison."""

    what: str
    compared_with: str
    unit: str
    ours: float
    theirs: float | None
    goal: Goal | None

    @property
    def ratio(self) -> float | None:
        """Our figure divided by theirs."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met, if there is one."""
        if self.goal is None:
            return None
        return self.goal.is_met(self.ours if self.ratio is None else self.ratio)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON-ready data."""
        return asdict(self) | {"ratio": self.ratio, "met": self.met}
