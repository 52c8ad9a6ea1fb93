"""The table in the documentation is what the journeys really cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.journeys import JOURNEYS, WRITES_A_MINUTE, Journey, measure

PAGE = (Path(__file__).parents[2] / "docs" / "wire-costs.md").read_text()


@pytest.mark.parametrize("journey", JOURNEYS)
async def test_a_journey_costs_what_the_page_says(journey: Journey) -> None:
    cost = await measure(journey)
    orders = str(WRITES_A_MINUTE // cost.writes) if cost.writes else "–"
    what = (journey.__doc__ or "").rstrip(".")
    assert f"| {what} | {len(cost.operations)} | {cost.writes} | {orders} | {cost.saves} |" in PAGE


def test_the_page_has_no_other_rows() -> None:
    assert PAGE.count("\n| The ") == len(JOURNEYS)
