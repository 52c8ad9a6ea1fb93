"""The state of a checkout: what follows from its facts, and copies of it with other ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from gett_checkout._core.hand_over import HandOver
from gett_checkout._core.order import Pickup
from gett_checkout._core.placement import NEVER
from gett_checkout._core.session import Identity, Level
from gett_checkout._core.state import OPEN, CheckoutState, Notice, Stage, evolve_state
from tests.samples.states import NOW, SALADS, SESSION, STORE, WHO, line, placement, quote, state_at

SECONDS = timedelta(seconds=1)
RUNNING = HandOver().begun(NOW)
FAILED = RUNNING.failed(NOW, "OSError")
DONE = RUNNING.done(NOW)
TWO_ORDERS = ("order-2",)


def test_a_checkout_that_starts_knows_nothing_yet() -> None:
    state = CheckoutState("checkout-1", NOW)
    assert (state.stage, state.sessions, state.end_user_needed) == (Stage.BROWSE, 0, False)
    assert Notice("a", NOW).details == {}


def test_the_stages_are_stored_and_shown_by_these_names() -> None:
    open_stages = ["browse", "fulfillment", "validate", "pay", "place"]
    assert [*Stage] == [*open_stages, "placing", "placed", "abandoned"]
    assert [stage for stage in Stage if stage in OPEN] == open_stages


def test_a_quote_is_live_until_ten_seconds_before_it_ends() -> None:
    priced = state_at(Stage.PLACE, quote=quote(life=60 * SECONDS))
    assert priced.quote_is_live(NOW + 49 * SECONDS)
    assert not priced.quote_is_live(NOW + 50 * SECONDS)
    assert not state_at(Stage.VALIDATE).quote_is_live(NOW)


@pytest.mark.parametrize(
    ("identity", "owner_unknown", "level", "is_strangers"),
    [
        (None, False, Level.PARTNER_ONLY, False),
        (None, False, Level.END_USER, True),
        (None, True, Level.PARTNER_ONLY, True),
        (None, True, Level.END_USER, True),
        (WHO, False, Level.END_USER, False),
        (WHO, True, Level.END_USER, False),
    ],
)
def test_a_checkout_of_a_session_alone_is_a_strangers(
    identity: Identity | None, owner_unknown: bool, level: Level, is_strangers: bool
) -> None:
    session = evolve(SESSION, level=level)
    state = state_at(Stage.PLACE, identity=identity, owner_unknown=owner_unknown, session=session)
    assert state.is_strangers is is_strangers


@pytest.mark.parametrize(
    ("stage", "facts", "due_at", "is_for_the_books"),
    [
        (Stage.PLACE, {}, None, False),
        (Stage.PLACE, {"placement": placement(), "hand_over": HandOver()}, None, False),
        (Stage.PLACING, {"hand_over": HandOver()}, NOW + 60 * SECONDS, False),
        (Stage.PLACING, {"placement": None}, None, False),
        (Stage.PLACED, {}, None, False),
        (Stage.PLACED, {"hand_over": HandOver()}, NOW, True),
        (Stage.PLACED, {"hand_over": RUNNING}, NOW + 35 * SECONDS, True),
        (Stage.PLACED, {"hand_over": FAILED}, NOW + 15 * SECONDS, True),
        (Stage.PLACED, {"hand_over": DONE}, None, False),
        (Stage.PLACED, {"hand_over": DONE, "duplicates": TWO_ORDERS}, NEVER, False),
        (Stage.PLACED, {"hand_over": HandOver(), "duplicates": TWO_ORDERS}, NOW, True),
        (Stage.ABANDONED, {"placement": placement()}, None, False),
    ],
    ids=str,
)
def test_when_a_worker_may_process_a_checkout(
    stage: Stage, facts: dict[str, Any], due_at: datetime | None, is_for_the_books: bool
) -> None:
    state = state_at(stage, **facts)
    assert state.due_at(NOW) == due_at
    assert state.is_for_the_books is is_for_the_books


def test_a_line_is_found_by_its_id() -> None:
    water = line("water", 1)
    state = state_at(Stage.PLACE, lines=(SALADS, water))
    assert [state.line(each) for each in ("line-salad", "line-water")] == [SALADS, water]
    assert state.line("line-none") is None


@pytest.mark.parametrize(
    ("changes", "is_another"),
    [
        ({"store": evolve(STORE, store_id="st-2")}, True),
        ({"lines": (SALADS, SALADS)}, True),
        ({"fulfillment": Pickup()}, True),
        ({"tip": None, "payment": None, "identity": None}, False),
    ],
    ids=str,
)
def test_another_order_has_another_digest(changes: dict[str, Any], is_another: bool) -> None:
    state = state_at(Stage.PLACE)
    known = state.order_digest
    evolved = evolve_state(state, **changes)
    assert (evolved.order_digest != known) is is_another
    assert evolved == evolve(state, **changes)
    assert evolved.order_digest == evolve(state, **changes).order_digest
    assert state.order_digest == known
