"""What a step does when the session it runs in, or the checkout, is not what it was a moment ago."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gett_checkout import (
    GettClient,
    MemoryStorage,
    StepNotAllowedError,
)
from gett_checkout._core.order import Pickup
from gett_checkout._core.state import CheckoutState
from gett_checkout._placing import prepare
from gett_checkout._record import Record
from gett_checkout._upgrade import ShopperSession
from gett_checkout.telemetry.hooks import Hooks
from gett_checkout.testing import Clock
from tests.samples.states import NOW

NOBODY = "http://127.0.0.1:1"  # every request would fail


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def record(clock: Clock, **facts: Any) -> Record:
    kept = Record(
        "c",
        storage=MemoryStorage(clock=clock),
        clock=clock,
        lifetime=timedelta(days=7),
        hooks=Hooks(()),
        spawn=asyncio.ensure_future,
    )
    kept.state = CheckoutState("c", clock(), **facts)
    return kept


async def test_of_nothing_no_price_is_asked_and_no_order_made(clock: Clock) -> None:
    """Another worker may have taken store and fulfillment away while a session was opened."""
    async with GettClient("zpka_x", base_url=NOBODY, clock=clock) as gett:
        empty = record(clock)
        session = ShopperSession(empty, gett)
        with pytest.raises(StepNotAllowedError, match="nothing to price"):
            await session.ask_price(None)
        with pytest.raises(StepNotAllowedError, match="no session"):
            await session.set_context(Pickup())
        with pytest.raises(StepNotAllowedError, match="not complete"):
            prepare(empty.state, gett, clock())
