"""Whether a cart edit still means the same after another worker changed the checkout."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from gett_checkout._core.edits import means_the_same
from gett_checkout._core.state import Stage
from tests.samples.states import SALADS, SOMEONE_ELSE, STORE, WHO, line, state_at

WATER = line("water", 1)


@pytest.mark.parametrize(
    ("before", "after", "line_id", "is_same"),
    [
        ({}, {}, None, True),
        ({}, {"stage": Stage.PLACING}, None, False),
        ({}, {"stage": Stage.PLACED}, None, False),
        ({}, {"store": evolve(STORE, name="Nonna's")}, None, True),
        ({}, {"store": evolve(STORE, store_id="st-2")}, None, False),
        ({}, {"store": None}, None, False),
        ({"store": None}, {}, None, False),
        ({"store": None}, {"store": None}, None, True),
        ({}, {"identity": evolve(WHO, phone=None)}, None, True),
        ({}, {"identity": SOMEONE_ELSE}, None, False),
        ({}, {"identity": None}, None, False),
        ({"identity": None}, {}, None, True),
        ({}, {"lines": ()}, None, True),
        ({}, {}, "line-salad", True),
        ({}, {"lines": (WATER, SALADS)}, "line-salad", True),
        ({}, {"lines": (evolve(SALADS, quantity=1), WATER)}, "line-salad", False),
        ({}, {"lines": (evolve(SALADS, quantity=1), WATER)}, None, True),
        ({}, {"lines": (WATER,)}, "line-salad", True),  # the edit itself detects that it is gone
        ({"lines": ()}, {}, "line-salad", False),
    ],
    ids=str,
)
def test_an_edit_means_the_same(
    before: dict[str, Any], after: dict[str, Any], line_id: str | None, is_same: bool
) -> None:
    states = state_at(Stage.VALIDATE, **before), evolve(state_at(Stage.VALIDATE), **after)
    assert means_the_same(*states, line_id) is is_same
