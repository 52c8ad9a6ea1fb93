"""The benchmarks run, compare like with like, and say what they measured. No figure is judged here.

All of it takes some twenty seconds, most of them to start servers and interpreters.
"""

from __future__ import annotations

import json
import sys
from math import isfinite
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from benchmarks.__main__ import BENCHMARKS, main, measure
from benchmarks.checkout import by_hand, fetch_menu
from benchmarks.journeys import JOURNEYS, known_from_the_start
from benchmarks.measuring import Effort, Goal, Row
from benchmarks.report import PAGE, Measured, as_json, as_table, into_page
from benchmarks.wire import LEAST
from gett_checkout import Checkouts, GettClient
from gett_checkout.sandbox import Sandbox

pytestmark = pytest.mark.slow

LEAST_EFFORT = Effort(rounds=1, share=0.0)
FASTER = Row("a step", "another", "µs", 30.0, 60.0, Goal("≤", 0.6))
LARGER = Row("a size", "–", "KiB", 12.0, None, Goal("≤", 10))


@pytest.mark.parametrize("name", BENCHMARKS)
async def test_it_measures_something(name: str) -> None:
    measured = await measure(name, LEAST_EFFORT)
    if measured.skipped:
        pytest.skip(measured.skipped)
    assert measured.rows
    for row in measured.rows:
        assert isfinite(row.ours)
        assert row.theirs is None or (isfinite(row.theirs) and row.theirs > 0)


async def test_one_whose_comparison_is_missing_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stripe", None)
    measured = await measure("call", LEAST_EFFORT)
    assert not measured.rows
    assert "stripe" in (measured.skipped or "")


async def test_a_checkout_by_hand_sends_what_ours_sends() -> None:
    sent = []
    for is_ours in (True, False):
        async with Sandbox(record_traffic=True) as sandbox, aiohttp.ClientSession() as http:
            if is_ours:
                async with GettClient(sandbox.api_key, base_url=sandbox.url) as gett:
                    await known_from_the_start(gett, Checkouts(gett))
            else:
                await by_hand(http, sandbox.url, await fetch_menu(http, sandbox.url))
            assert len(sandbox.orders) == 1
            sent.append({each.operation: _with_one_id(each.sent) for each in sandbox.traffic})
    assert sent[0] == sent[1]
    assert sent[0]["validate_order"]["cart"]["lineItems"]


def _with_one_id(sent: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sent or "{}")
    for line in body.get("cart", {}).get("lineItems", ()):
        line["lineItemId"] = "the same"
    return body


def test_the_least_of_every_journey_is_known() -> None:
    assert set(LEAST) == set(JOURNEYS)


@pytest.mark.parametrize(
    ("row", "ratio", "met"),
    [
        (FASTER, 0.5, True),
        (evolve(FASTER, ours=40.0), pytest.approx(2 / 3), False),
        (LARGER, None, False),
        (evolve(LARGER, ours=10.0), None, True),
        (evolve(LARGER, goal=None), None, None),
        (Row("rate", "driver", "steps/s", 80.0, 100.0, Goal("≥", 0.8)), 0.8, True),
        (Row("lost", "–", "orders", 1.0, None, Goal("=", 0)), None, False),
    ],
)
def test_a_goal_is_for_the_ratio_or_else_for_our_figure(
    row: Row, ratio: float | None, met: bool | None
) -> None:
    assert (row.ratio, row.met) == (ratio, met)


def test_the_table_names_what_was_missed_and_what_was_skipped() -> None:
    measured = [Measured("step", [FASTER, LARGER]), Measured("call", skipped="no such module")]
    head, faster, larger, skipped = as_table(measured).splitlines()
    assert head.split() == ["ours", "theirs", "ratio", "goal", "met"]
    assert faster.split()[-9:] == ["30", "µs", "60", "µs", "0.50", "≤", "0.6", "×", "yes"]
    assert larger.split()[-6:] == ["12", "KiB", "≤", "10", "KiB", "no"]
    assert skipped.split(maxsplit=1) == ["call", "skipped: no such module"]
    rows = json.loads(as_json(measured, LEAST_EFFORT))["benchmarks"][0]["rows"]
    assert [(row["ratio"], row["met"]) for row in rows] == [(0.5, True), (None, False)]


def test_the_page_gets_the_figures_and_keeps_its_words() -> None:
    page = PAGE.read_text()
    written = into_page(page, [Measured("step", [FASTER, LARGER])])
    rows = [line for line in written.splitlines() if line.startswith("|")]
    assert rows[2:] == [
        "| a step | another | 0.50 × | ≤ 0.6 × |",
        "| a size | – | 12 KiB | ≤ 10 KiB, missed |",
    ]
    assert [line for line in written.splitlines() if line not in rows] == [
        line for line in page.splitlines() if not line.startswith("|")
    ]


def test_the_command_measures_what_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "results.json"
    assert main(["wire", "--rounds", "1", "--json", str(written)]) == 0
    assert "writes of five journeys / the least the API allows" in capsys.readouterr().out
    assert [each["name"] for each in json.loads(written.read_text())["benchmarks"]] == ["wire"]


@pytest.mark.parametrize("options", [["no_such"], ["wire", "--docs"], ["wire", "--rounds", "0"]])
def test_what_cannot_be_measured_is_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert "error:" in capsys.readouterr().err
