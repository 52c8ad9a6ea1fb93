"""A rejection by Gett, as a fact of the checkout: what it blames, and what was said."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import evolve, field, frozen

from gett_checkout._core.codes import Part

# Rejected so often with nothing changed, it is not for the shopper to fix.
TOO_OFTEN: Final = 3


@frozen
class Refusal:
    """What Gett rejected and why. It stands until the part it blames changes, or the step succeeds.

    ``part`` is what it blames, ``code`` Gett's error code, empty when the library itself wants to know
    who the shopper is, ``message`` what was said, masked.
    ``reason`` is that of a `ContactSupport`. ``lines`` are the ids of the lines it names, ``fields`` the
    inputs, each with what was said of it; ``times`` counts how often it came in a row, and ``until`` is
    when it is worth asking again. It is ``answered`` once the shopper did what it asks for, though nothing
    changed by it.
    """

    part: Part
    code: str
    message: str = field(repr=False)
    at: datetime
    step: str = ""
    reason: str | None = None
    lines: tuple[str, ...] = ()
    times: int = 1
    until: datetime | None = None
    answered: bool = False
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_hopeless(self) -> bool:
        """Whether a person is needed: nothing in it is the shopper's, or it came too often."""
        if self.answered or not self.code or self.part is Part.SERVICE:
            return False
        return self.part is Part.INTEGRATION or self.times >= TOO_OFTEN


def standing(refusals: tuple[Refusal, ...], part: Part) -> Refusal | None:
    """What stands against the part and is not answered."""
    for each in refusals:
        if each.part is part and not each.answered:
            return each
    return None


def refused(refusals: tuple[Refusal, ...], refusal: Refusal) -> tuple[Refusal, ...]:
    """The refusals with this one, counted on if its part was refused before."""
    before = next((each.times for each in refusals if each.part is refusal.part), 0)
    others = dropped(refusals, refusal.part)
    return (*others, evolve(refusal, times=before + 1))


def dropped(refusals: tuple[Refusal, ...], *parts: Part) -> tuple[Refusal, ...]:
    """The refusals but for those of parts that changed."""
    return tuple(each for each in refusals if each.part not in parts)


def answered(refusals: tuple[Refusal, ...], part: Part) -> tuple[Refusal, ...]:
    """The refusals when the shopper did what one asks for, and nothing changed by it."""
    return tuple(
        evolve(each, answered=True) if each.part is part and not each.answered else each
        for each in refusals
    )
