"""Every await in `place`, struck in every way, under every key policy, over every storage.

Enumerated, not sampled: a first run counts the awaits, then each is struck in turn, before its
effect and after it. After each strike a shopper who knows nothing but ``next_action`` goes on.
There is one order in the end, never two, and what the checkout says on the way is true.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from attrs import evolve, frozen

from gett_checkout import (
    CardOnFile,
    Checkouts,
    CheckoutView,
    GettCheckoutError,
    GettClient,
    Stage,
)
from gett_checkout.sandbox import Sandbox, Switches
from gett_checkout.sandbox.switches import KeyPolicy
from gett_checkout.storage import Storage, open_storage
from gett_checkout.testing import Clock
from tests.acceptance.shopping import CARD, JANE, put_payable
from tests.faults.tripwire import TrippedClient, TrippedStorage, Tripwire, exception
from tests.faults.victims import Victims
from tests.samples.shopper import place_as_shown
from tests.samples.states import NOW

pytestmark = pytest.mark.slow

POLICIES = ["replay", "reject_other_body", "refuse_duplicates", "none"]
SCENARIOS = [
    "plain",
    "lost answer",
    "payment fails once",
    "session expired",
    "price moves",
    "price is the same after all",
]
STRIKES = ["exception", "caller cancelled", "loop shut down", "process killed"]
# Of a killed process's memory nothing is left to look at.
WAYS = [
    (storage, strike)
    for storage in ("memory", "sqlite", "redis", "postgres")
    for strike in STRIKES
    if (storage, strike) != ("memory", "process killed")
]

CASES = count()


@frozen
class Scene:
    """A sandbox, a clock and a storage; each case is a checkout of its own shopper on it.

    ``elsewhere`` is a worker that is never struck and goes on after the strike; ``gett`` is its client.
    """

    sandbox: Sandbox
    clock: Clock
    storage: Storage
    storage_url: str
    scenario: str
    gett: GettClient
    elsewhere: Checkouts

    def client(self, wire: Tripwire) -> TrippedClient:
        """A client behind the tripwire."""
        return TrippedClient(
            self.sandbox.api_key,
            wire=wire,
            base_url=self.sandbox.url,
            clock=self.clock,
            sleep=self.clock.sleep,
            jitter=lambda: 0.5,
        )

    async def payable(self) -> str:
        """A checkout on which everything is done but `place`; its id says who the shopper is."""
        checkout_id = f"case-{next(CASES)}"
        switches, fails = self.sandbox.switches, self.scenario == "payment fails once"
        switches.session_seconds = 600 if self.scenario == "session expired" else None
        switches.price_change = Decimal(0)
        shopper = evolve(JANE, email=f"{checkout_id}@example.com")
        card = CardOnFile("card_fails_once", "stripe") if fails else CARD
        await put_payable(self.gett, self.storage, checkout_id, shopper, card, clock=self.clock)
        if self.scenario == "session expired":
            self.clock.advance(600)
        if self.scenario == "lost answer":
            switches.fail("place_order", "drop_after")
        if self.scenario == "price moves":
            switches.price_change = Decimal("1.00")
        if self.scenario == "price is the same after all":
            switches.fail("place_order", "error", code="ORDER_TOTAL_DIFFERENT")
        return checkout_id

    def check(self, view: CheckoutView) -> None:
        """What the checkout says is true."""
        orders = [
            order
            for order in self.sandbox.orders
            if order.session_email == f"{view.id}@example.com"
        ]
        assert len(orders) <= 1
        if view.stage is Stage.PLACED:
            assert len(orders) == 1
            assert view.placement is not None
            assert orders[0].idempotency_key == view.placement.key
            assert orders[0].total == view.confirmed_total
            assert view.order is not None
            assert view.order.order_id in (orders[0].order_id, None)
        elif view.stage is not Stage.PLACING:
            assert orders == [], f"an order exists, and the checkout says {view.stage}"

    async def finish(self, checkout_id: str) -> None:
        """Another worker goes on by nothing but the next action, until the order is placed."""
        self.sandbox.switches.faults.clear()
        for _ in range(12):
            checkout = await self.elsewhere.open(checkout_id)
            self.check(checkout.view)
            try:
                match checkout.view.next_action.kind:
                    case "done":
                        return
                    case "wait":
                        self.clock.advance(60)
                    case "reconcile":
                        self.clock.advance(60)
                        await self.elsewhere.reconcile()
                    case "validate":
                        await checkout.validate()
                    case "choose_payment":
                        await checkout.pay(CARD)
                    case "place" | "confirm_total":
                        await place_as_shown(checkout)
                    case other:
                        pytest.fail(f"a shopper does not know how to {other}")
            except GettCheckoutError:
                self.clock.advance(60)
        pytest.fail("the checkout is in a dead end")


@asynccontextmanager
async def scene(storage_url: str, policy: KeyPolicy, scenario: str) -> AsyncIterator[Scene]:
    clock = Clock(NOW)
    switches = Switches(rate_limits=None, key_policy=policy)
    async with (
        Sandbox(clock=clock, switches=switches) as sandbox,
        open_storage(storage_url, clock=clock) as storage,
        GettClient(sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=clock.sleep) as gett,
    ):
        elsewhere = Checkouts(gett, storage=storage)
        yield Scene(sandbox, clock, storage, storage_url, scenario, gett, elsewhere)


async def strike(scene: Scene, how: str, at: int | None, victims: Victims) -> int:
    """One case: place, strike, check, finish. The number of awaits that were crossed."""
    checkout_id = await scene.payable()
    if how == "process killed" and at is not None:
        errand = {
            "api_key": scene.sandbox.api_key,
            "url": scene.sandbox.url,
            "storage": scene.storage_url,
            "now": scene.clock.now.isoformat(),
            "checkout_id": checkout_id,
            "at": at,
        }
        assert await victims.place(errand) == -9
        crossed = at
    else:
        crossed = await _strike_in_process(scene, how, at, checkout_id)
    await scene.finish(checkout_id)
    return crossed


async def _strike_in_process(scene: Scene, how: str, at: int | None, checkout_id: str) -> int:
    wire = Tripwire(at=at)
    async with scene.client(wire) as client:
        checkouts = Checkouts(client, storage=TrippedStorage(scene.storage, wire))

        async def place() -> None:
            checkout = await checkouts.open(checkout_id)
            wire.armed = True
            await place_as_shown(checkout)

        caller = asyncio.create_task(place())
        strikes: dict[str, Callable[[], Any]] = {
            "exception": exception,
            "caller cancelled": caller.cancel,
            "loop shut down": lambda: [task.cancel() for task in client._tasks],
        }
        wire.strike = strikes.get(how, exception)
        await asyncio.wait({caller})
        assert at is None or wire.crossed > at, "the strike never came"
        if not caller.cancelled() and (error := caller.exception()):
            assert isinstance(error, GettCheckoutError)
    wire.armed = False
    return wire.crossed


@pytest.mark.parametrize(("storage_url", "how"), WAYS, indirect=["storage_url"])
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("policy", POLICIES)
async def test_place_struck_at_every_await(
    storage_url: str,
    policy: KeyPolicy,
    scenario: str,
    how: str,
    victims: Victims,
    record_fault_cases: Callable[[int], None],
) -> None:
    async with scene(storage_url, policy, scenario) as stage:
        crossings = await strike(stage, how, None, victims)
        assert crossings >= 6  # saved, sent, saved: each before and after
        for at in range(crossings):
            await strike(stage, how, at, victims)
        record_fault_cases(crossings)
