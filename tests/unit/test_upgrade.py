"""What a step does when the session it runs in, or the checkout, is not what it was a moment ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import (
    GettClient,
    MemoryStorage,
    StepNotAllowedError,
    UnauthenticatedError,
)
from gett_checkout.core.session import Level, Session
from gett_checkout.core.state import CheckoutState
from gett_checkout.placing import prepare
from gett_checkout.record import Record
from gett_checkout.telemetry.hooks import Hooks
from gett_checkout.upgrade import Carry, ask_price, with_session
from tests.clock import Clock

NOBODY = "http://127.0.0.1:1"  # every request would fail


@pytest.fixture
def clock() -> Clock:
    return Clock()


def record(clock: Clock, **facts: Any) -> Record:
    kept = Record(
        "c",
        storage=MemoryStorage(clock=clock),
        clock=clock,
        lifetime=timedelta(days=7),
        hooks=Hooks(()),
    )
    kept.state = CheckoutState("c", clock(), **facts)
    return kept


async def test_of_nothing_no_price_is_asked_and_no_order_made(clock: Clock) -> None:
    """Another worker may have taken store and fulfillment away while a session was opened."""
    async with GettClient("zpka_x", base_url=NOBODY, clock=clock) as gett:
        empty = record(clock)
        with pytest.raises(StepNotAllowedError, match="nothing to price"):
            await ask_price(empty, gett, Session("t", Level.END_USER, None), None)
        with pytest.raises(StepNotAllowedError, match="not complete"):
            prepare(empty.state, gett, clock())


async def test_a_refused_token_does_not_cost_the_session_that_replaced_it(clock: Clock) -> None:
    old = Session("old", Level.PARTNER_ONLY, clock() + timedelta(days=1), serial=1)
    new = evolve(old, token="new", serial=2)
    kept = record(clock, session=old, sessions=1)
    tokens: list[str] = []

    async def call(session: Session) -> str:
        tokens.append(session.token)
        if session == old:  # while it was asked, another worker renewed the session
            await kept.change(lambda state: evolve(state, session=new, sessions=2))
            raise UnauthenticatedError("refused")
        return "done"

    async with GettClient("zpka_x", base_url=NOBODY, clock=clock) as gett:
        done = await with_session(kept, gett, call, least=Level.PARTNER_ONLY, carry=Carry.SESSION)
    assert (done, tokens) == ("done", ["old", "new"])
    assert kept.state.session == new
