"""How anything is measured here: rounds in turn, medians, and rows that know their goal."""

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
NOTHING: Final = "–"  # what a row is compared with when it is not


@frozen
class Effort:
    """How much to measure: ``rounds`` of each side, each with a ``share`` of the usual work."""

    rounds: int = 7
    share: float = 1.0

    def of(self, count: int) -> int:
        """How much of ``count`` to do, at least one."""
        return max(1, round(count * self.share))

    def finer(self, times: int) -> Effort:
        """The same in so many times the rounds, each with less of the work."""
        return Effort(self.rounds * times, self.share / times)

    def at_most(self, rounds: int) -> Effort:
        """The same with fewer rounds, for what takes long."""
        return Effort(min(self.rounds, rounds), self.share)


async def race(
    effort: Effort,
    *sides: Side,
    clock: Callable[[], float] = time.process_time,
    warm_ups: int = 1,
) -> tuple[float, ...]:
    """The median of each side's rounds, by the ``clock``: seconds of this process's CPU.

    The sides take turns, so that a busy machine is busy for all of them. The first
    rounds, ``warm_ups``, do not count.
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
    """A bound on a row's ratio, or on our own figure where there is nothing to compare it with."""

    sign: Literal["≤", "≥", "="]
    bound: float

    def is_met(self, judged: float) -> bool:
        """Whether the figure keeps to the bound."""
        match self.sign:
            case "≤":
                return judged <= self.bound
            case "≥":
                return judged >= self.bound
            case "=":
                return judged == self.bound


@frozen
class Row:
    """One line of the table. ``theirs`` is ``None`` where nothing is compared."""

    what: str
    compared_with: str
    unit: str
    ours: float
    theirs: float | None
    goal: Goal | None

    @property
    def ratio(self) -> float | None:
        """Ours in theirs."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met, if there is one."""
        if self.goal is None:
            return None
        return self.goal.is_met(self.ours if self.ratio is None else self.ratio)

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-ready data."""
        return asdict(self) | {"ratio": self.ratio, "met": self.met}
