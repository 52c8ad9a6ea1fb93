"""The operations table is as documented by hand; so is the sandbox's, which shares no code with it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from gett_checkout import GettClient
from gett_checkout._core.session import Level
from gett_checkout._retry import Repeat
from gett_checkout._wire.codec import camel_case
from gett_checkout._wire.endpoints import OPERATIONS, Bucket, Mark
from gett_checkout.sandbox import operations
from tests.samples.operations import DOCUMENTED, SAMPLES, Documented

SERVED = {row.name: row for row in operations.OPERATIONS}
# Where more than the least level counts: the key alone makes sessions, and pays with cards on file.
ALLOWED = {"create_session": {"api_key"}, "place_order": {"api_key", "end_user"}}


@pytest.mark.parametrize("name", sorted({*DOCUMENTED, *OPERATIONS, *SERVED}))
def test_an_operation_is_everywhere_it_belongs(name: str) -> None:
    """All that is written by hand for an operation; its rows in the documentation are generated."""
    places = {
        "tests/samples/operations.py: a row, and a call of SENT": name
        in DOCUMENTED.keys() & SAMPLES,
        "gett_checkout/_wire/endpoints.py: a row": name in OPERATIONS,
        "gett_checkout/_client.py: a coroutine": hasattr(GettClient, name),
        "gett_checkout/sandbox/operations.py: a row": name in SERVED,
    }
    assert [place for place, is_there in places.items() if not is_there] == []


@pytest.mark.parametrize("row", DOCUMENTED.values(), ids=DOCUMENTED)
def test_a_row_is_as_documented(row: Documented) -> None:
    ours = OPERATIONS[row.name]
    assert ours.name == row.name
    assert (ours.mark, ours.level.label, ours.bucket) == (row.mark, row.level, row.bucket)
    assert ours.repeat == row.repeat
    assert bool(ours.doubt) == (row.mark != "doc")


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_sandbox_says_the_same_of_an_operation(name: str) -> None:
    row, theirs = OPERATIONS[name], SERVED[name]
    path = re.sub(r"{(\w+)}", lambda found: "{" + camel_case(found[1]) + "}", row.path)
    assert (theirs.method, theirs.path, theirs.bucket) == (row.method, path, row.bucket)
    least = {level.name.lower() for level in Level if level >= row.level}
    assert theirs.levels == ALLOWED.get(
        name, {"api_key" if each == "none" else each for each in least}
    )


def test_every_value_is_in_use() -> None:
    rows = OPERATIONS.values()
    assert {row.mark for row in rows} == set(get_args(Mark))
    assert [{getattr(row, name) for row in rows} for name in ("level", "bucket", "repeat")] == [
        set(Level),
        set(Bucket),
        set(Repeat),
    ]


def test_only_what_leads_to_an_order_uses_the_reserve() -> None:
    assert {row.name for row in OPERATIONS.values() if row.uses_reserve} == {
        "create_session",
        "place_order",
    }


def test_a_404_without_a_body_is_of_what_was_asked_for() -> None:
    others = {name: row.missing for name, row in OPERATIONS.items() if row.missing != "NOT_FOUND"}
    assert others == {"get_store": "STORE_NOT_FOUND", "get_catalog_set": "CATALOGSET_NOT_FOUND"}
