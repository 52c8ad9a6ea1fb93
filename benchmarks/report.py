"""The results: as a table to read, as JSON, and as the table of docs/speed.md."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import asdict, frozen

from benchmarks.measuring import Effort, Row
from gett_checkout import __version__

PAGE: Final = Path(__file__).parents[1] / "docs" / "speed.md"
_FIGURES: Final = re.compile(r"(?<=<!-- figures -->\n)(?:\|.*\n)*")
_MET: Final = {True: "yes", False: "no", None: ""}


@frozen
class Measured:
    """A benchmark's rows, or why it was ``skipped``."""

    name: str
    rows: Sequence[Row] = ()
    skipped: str | None = None


def as_table(measured: Sequence[Measured]) -> str:
    """Return a line for each row, in columns."""
    lines = [("", "", "ours", "theirs", "ratio", "goal", "met")]
    for each in measured:
        if each.skipped:
            lines.append((each.name, f"skipped: {each.skipped}", "", "", "", "", ""))
        lines += [
            (
                each.name,
                _title(row),
                f"{_figure(row.ours)} {row.unit}",
                "" if row.theirs is None else f"{_figure(row.theirs)} {row.unit}",
                "" if row.ratio is None else f"{row.ratio:.2f}",
                _goal(row),
                _MET[row.met],
            )
            for row in each.rows
        ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = (
        "  ".join(
            cell.ljust(width) if number < 2 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(line.rstrip() for line in aligned)


def as_json(measured: Sequence[Measured], effort: Effort) -> str:
    """Return all data of a run."""
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "python": platform.python_version(),
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "effort": asdict(effort),
        "benchmarks": [
            {
                "name": each.name,
                "skipped": each.skipped,
                "rows": [row.to_dict() for row in each.rows],
            }
            for each in measured
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def into_page(page: str, measured: Sequence[Measured]) -> str:
    """Return the documentation's page with these figures."""
    lines = ["| what | compared with | ours | goal |", "|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.compared_with} | {_judged(row)} | {_missed(row)} |"
        for each in measured
        for row in each.rows
    ]
    return _FIGURES.sub(lambda _: "\n".join(lines) + "\n", page)


def _title(row: Row) -> str:
    return row.what if row.theirs is None else f"{row.what} / {row.compared_with}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def _judged(row: Row) -> str:
    return f"{_figure(row.ours)} {row.unit}" if row.ratio is None else f"{row.ratio:.2f} ×"


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    unit = "×" if row.ratio is not None else row.unit
    return f"{row.goal.sign} {row.goal.bound:g} {unit}"


def _missed(row: Row) -> str:
    return f"{_goal(row)}, missed" if row.met is False else _goal(row)
