"""A rejection by Gett, as a fact of the checkout: the part it blames, and Gett's message."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import evolve, field, frozen

from gett_checkout._core.codes import Part

# The number of identical rejections in a row after which a shopper cannot fix it.
TOO_OFTEN: Final = 3


@frozen
class Refusal:
    """A rejection by Gett. It stands until the part it blames changes, or the step succeeds.

    ``part`` is the part it blames, ``code`` Gett's error code (empty when the library itself requires
    an identity), ``message`` Gett's message, masked. ``reason`` is that of a `ContactSupport`.
    ``lines`` are the ids of the lines it names, ``fields`` the inputs it names, each with Gett's
    message; ``times`` counts how often it came in a row, and ``until`` is when it is worth trying
    again. It is ``answered`` once the shopper did what it asks for, although that changed nothing.
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
        """Whether it needs an operator: the shopper cannot fix it, or it came too often."""
        if self.answered or not self.code or self.part is Part.SERVICE:
            return False
        return self.part is Part.INTEGRATION or self.times >= TOO_OFTEN


def standing(refusals: tuple[Refusal, ...], part: Part) -> Refusal | None:
    """Return the part's rejection that the shopper has not responded to."""
    for each in refusals:
        if each.part is part and not each.answered:
            return each
    return None


def refused(refusals: tuple[Refusal, ...], refusal: Refusal) -> tuple[Refusal, ...]:
    """Return the rejections with this one added; it is counted if its part was rejected before."""
    before = next((each.times for each in refusals if each.part is refusal.part), 0)
    others = dropped(refusals, refusal.part)
    return (*others, evolve(refusal, times=before + 1))


def dropped(refusals: tuple[Refusal, ...], *parts: Part) -> tuple[Refusal, ...]:
    """Return the rejections without those of parts that changed."""
    return tuple(each for each in refusals if each.part not in parts)


def answered(refusals: tuple[Refusal, ...], part: Part) -> tuple[Refusal, ...]:
    """Return the rejections after the shopper did what one asks for, although that changed nothing."""
    return tuple(
        evolve(each, answered=True) if each.part is part and not each.answered else each
        for each in refusals
    )
