"""The state diagram as SVG, drawn from the machine's two tables.

Stages stand side by side in the order of a checkout; the arcs above them are the facts that let it walk
on. Below, each event has a lane: a dot at every stage in which it is legal, and an arrow to the stage
it lands on. A ring means that the event is legal and the stage does not change.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from gett_checkout._core import machine
from gett_checkout._core.machine import EVENTS, FACTS, Aside, Event
from gett_checkout._core.state import OPEN, Stage

PICTURE: Final = Path(__file__).parents[1] / "stages.svg"
_LABELS: Final = 140  # the width of the events' names
_STEP: Final = 76  # from stage to stage
_TOP: Final = 74  # the height of the arcs
_HEAD: Final = 26  # the height of a stage
_LANE: Final = 27
_RADIUS: Final = 3.6

_STYLE: Final = """
.stages text{font:12px var(--font-stack,system-ui,sans-serif);fill:var(--color-foreground-primary,#222)}
.stages .muted{fill:var(--color-foreground-secondary,#5a5c63)}
.stages .stage{fill:var(--color-background-secondary,#f4f5f7);stroke:var(--color-brand-primary,#0a58ca);stroke-width:1.3}
.stages .closed{stroke:var(--color-foreground-muted,#6b6f76)}
.stages .rail{stroke:var(--color-background-border,#dfe1e6);stroke-width:1}
.stages .way{fill:none;stroke:var(--color-brand-primary,#0a58ca);stroke-width:1.5}
.stages .back{stroke:var(--stages-back,#b3541e)}
.stages .dot,.stages .tip{fill:var(--color-brand-primary,#0a58ca)}
.stages .dot.back,.stages .tip.back{fill:var(--stages-back,#b3541e);stroke:none}
.stages .ring{fill:var(--color-background-primary,#fff);stroke:var(--color-brand-primary,#0a58ca);stroke-width:1.6}
"""


def words(event: type[Event]) -> str:
    """Return an event's name in words: ``cart changed``."""
    name = event.__name__
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def events(*, aside: bool = False) -> list[type[Event]]:
    """Return the table's events that move a checkout, or those that do not, in the machine's order."""
    legal = {event for row in EVENTS.values() for event in row}
    found = [each for each in vars(machine).values() if inspect.isclass(each) and each in legal]
    return [each for each in found if issubclass(each, Aside) is aside]


def landings(event: type[Event]) -> dict[Stage, Stage]:
    """Return each stage in which the event is legal, and the stage it lands on."""
    return {stage: EVENTS[stage][event] for stage in EVENTS if event in EVENTS[stage]}


def state_diagram() -> str:
    """Return the diagram, as one ``svg`` element without blank lines."""
    lanes = events()
    width = _LABELS + _STEP * len(Stage)
    height = _TOP + _HEAD + 14 + _LANE * len(lanes) + 6
    return "\n".join(
        [
            f'<svg class="stages" xmlns="http://www.w3.org/2000/svg" role="img" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
            "<title>The stages of a checkout and the events between them</title>",
            "<desc>The same as the tables below it.</desc>",
            f"<style>{_STYLE.strip()}</style>",
            *_facts(),
            *_rails(height),
            *_stages(),
            *(part for row, event in enumerate(lanes) for part in _lane(row, event)),
            "</svg>",
        ]
    )


def picture() -> str:
    """Return the diagram with its own background and colours, for the README."""
    sheet = '<rect width="100%" height="100%" fill="#fff" rx="8"/>'
    return state_diagram().replace("</style>", f"</style>\n{sheet}", 1) + "\n"


def _x(stage: Stage) -> float:
    return _LABELS + _STEP * (list(Stage).index(stage) + 0.5)


def _facts() -> Iterator[str]:
    for stage, fact, following in FACTS:
        start, end, top = _x(stage) + 9, _x(following) - 9, _TOP - 4
        middle = (start + end) / 2
        yield f'<path class="way" d="M{start} {top} C{start} {top - 30} {end} {top - 30} {end} {top - 3}"/>'
        yield _tip(end, top, "down")
        for line, word in enumerate(fact.__name__.split("_")):
            yield f'<text class="muted" x="{middle}" y="{top - 44 + 13 * line}" text-anchor="middle">{escape(word)}</text>'
    yield f'<text class="muted" x="{_LABELS - 14}" y="{_TOP - 35}" text-anchor="end">walks on while</text>'


def _stages() -> Iterator[str]:
    for stage in Stage:
        kind = "stage" if stage in OPEN else "stage closed"
        left = _x(stage) - _STEP / 2 + 2
        yield f'<rect class="{kind}" x="{left}" y="{_TOP}" width="{_STEP - 4}" height="{_HEAD}" rx="6"/>'
        yield f'<text x="{_x(stage)}" y="{_TOP + 17}" text-anchor="middle">{stage}</text>'


def _rails(height: float) -> Iterator[str]:
    for stage in Stage:
        yield f'<line class="rail" x1="{_x(stage)}" y1="{_TOP + _HEAD}" x2="{_x(stage)}" y2="{height - 6}"/>'


def _lane(row: int, event: type[Event]) -> Iterator[str]:
    top = _TOP + _HEAD + 14 + _LANE * row
    y = top + _LANE / 2
    found = landings(event)
    yield '<g class="lane">'
    yield f'<text x="{_LABELS - 14}" y="{y + 4}" text-anchor="end">{escape(words(event))}</text>'
    for target in dict.fromkeys(found.values()):
        sources = [stage for stage, landing in found.items() if landing is target]
        for rightward in (False, True):
            ways = [_x(stage) for stage in sources if (_x(stage) < _x(target)) is rightward]
            ways = [x for x in ways if x != _x(target)]
            if ways:
                yield from _way(ways, _x(target), y, turn="" if rightward else " back")
    for stage, landing in found.items():
        if stage is landing:
            yield f'<circle class="ring" cx="{_x(stage)}" cy="{y}" r="{_RADIUS + 0.8}"/>'
    yield "</g>"


def _way(sources: list[float], target: float, y: float, *, turn: str) -> Iterator[str]:
    """Return a line from the farthest source past the others to the target."""
    farthest = max(sources, key=lambda x: abs(x - target))
    away = 1 if farthest > target else -1
    end = target + away * 12
    yield f'<path class="way{turn}" d="M{farthest} {y} H{end}"/>'
    yield _tip(target + away * 7, y, "left" if away > 0 else "right", turn)
    yield from (f'<circle class="dot{turn}" cx="{x}" cy="{y}" r="{_RADIUS}"/>' for x in sources)


def _tip(x: float, y: float, way: str, turn: str = "") -> str:
    """Return an arrowhead whose point is at ``x``, ``y``."""
    corners = {
        "down": f"{x},{y} {x - 4},{y - 7} {x + 4},{y - 7}",
        "left": f"{x},{y} {x + 7},{y - 4} {x + 7},{y + 4}",
        "right": f"{x},{y} {x - 7},{y - 4} {x - 7},{y + 4}",
    }
    return f'<polygon class="tip{turn}" points="{corners[way]}"/>'


if __name__ == "__main__":
    PICTURE.write_text(picture())
