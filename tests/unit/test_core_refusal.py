"""What Gett rejected, as a fact: counted per part, answered, dropped, and hopeless in the end."""

from __future__ import annotations

import pytest
from attrs import evolve

from gett_checkout._core.codes import Part
from gett_checkout._core.refusal import answered, dropped, refused, standing
from tests.samples.states import rejection

LINES = rejection(Part.LINES, "ITEM_UNAVAILABLE")
STORE = rejection(Part.STORE, "STORE_CLOSED")
QUOTE = rejection(Part.QUOTE, "ORDER_TOTAL_DIFFERENT", answered=True)


def test_a_rejection_is_counted_on_for_its_part_and_is_the_latest() -> None:
    assert refused((), LINES) == (LINES,)
    assert refused((STORE,), LINES) == (STORE, LINES)
    assert refused((LINES, STORE), LINES) == (STORE, evolve(LINES, times=2))
    another = rejection(Part.LINES, "MODIFIER_REQUIRED")
    assert refused((evolve(LINES, times=2),), another) == (evolve(another, times=3),)


def test_an_answered_one_is_counted_on_and_stands_again() -> None:
    again = rejection(Part.QUOTE, "CONFLICT")
    assert refused((QUOTE,), again) == (evolve(again, times=2),)


def test_a_rejection_does_not_show_what_gett_said_of_a_field() -> None:
    named = evolve(LINES, fields=(("phone", "+12125550100 is not a phone number"),))
    assert "fields" not in repr(named)


def test_what_stands_is_what_is_not_answered() -> None:
    every = (LINES, QUOTE)
    assert standing(every, Part.LINES) is LINES
    assert standing(every, Part.QUOTE) is None
    assert standing(every, Part.STORE) is None
    assert standing((), Part.LINES) is None


def test_answering_leaves_the_other_parts_and_the_count() -> None:
    twice = evolve(LINES, times=2)
    assert answered((twice, STORE), Part.LINES) == (evolve(twice, answered=True), STORE)
    assert answered((QUOTE,), Part.QUOTE) == (QUOTE,)


def test_dropping_leaves_the_other_parts() -> None:
    assert dropped((LINES, STORE, QUOTE), Part.LINES, Part.QUOTE) == (STORE,)
    assert dropped((LINES, STORE)) == (LINES, STORE)


# How often it came in a row, whether it is answered: of which parts only a person can help.
HOPELESS: list[tuple[int, bool, set[Part]]] = [
    (1, False, {Part.INTEGRATION}),
    (2, False, {Part.INTEGRATION}),
    (3, False, {*Part} - {Part.SERVICE}),  # what is slow may be fast again
    (4, False, {*Part} - {Part.SERVICE}),
    (1, True, set()),
    (3, True, set()),
]


@pytest.mark.parametrize(("times", "is_answered", "hopeless"), HOPELESS)
def test_after_three_times_in_a_row_a_person_is_needed(
    times: int, is_answered: bool, hopeless: set[Part]
) -> None:
    each = {part: rejection(part, times=times, answered=is_answered) for part in Part}
    assert {part for part in each if each[part].is_hopeless} == hopeless


def test_what_the_library_itself_wants_to_know_is_for_the_shopper_however_often() -> None:
    assert not rejection(Part.SHOPPER, "", times=9).is_hopeless


def test_what_was_said_is_not_in_the_repr() -> None:
    assert "secret" not in repr(rejection(Part.SHOPPER, message="secret"))
