"""What the shoppers of these tests order, and how far they get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    Delivery,
    GettClient,
    Identity,
    Order,
    OutcomeUnknownError,
    Reconciled,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.storage import Storage
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.telemetry.hooks import Hook, Hooks
from tests.samples.shopper import place_as_shown
from tests.samples.waiting import until

STORE = "store_bella_napoli"
REGULAR = {"group_pizza_size": ["item_size_regular"]}
HOME = Delivery(Address("350 5th Ave", "New York", "NY", "10118"))
JANE = Identity(
    email="jane.doe@example.com", first_name="Jane", last_name="Doe", phone="+12125550123"
)
CARD = CardOnFile(card_token="card_ok", processor_type="stripe")


async def fill_cart(checkout: Checkout) -> None:
    """A cart of exactly the store's minimum."""
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    await checkout.add("item_garlic_bread")


async def until_priced(checkout: Checkout) -> None:
    """A cart, an address and a price."""
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.validate(tip=Decimal("3.00"))


async def until_payable(
    checkout: Checkout, shopper: Identity = JANE, card: CardOnFile = CARD
) -> None:
    """Everything but `place`."""
    await until_priced(checkout)
    await checkout.identify(shopper)
    await checkout.pay(card)


async def payable(checkouts: Checkouts, identity: Identity | None = None) -> Checkout:
    """A new checkout with everything but `place`."""
    checkout = await checkouts.start(identity)
    await until_payable(checkout)
    return checkout


async def put_payable(
    gett: GettClient,
    storage: Storage,
    checkout_id: str,
    shopper: Identity,
    card: CardOnFile = CARD,
    *,
    metadata: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> None:
    """Put a checkout with everything but `place` into a storage, by one save instead of nine."""
    memory = MemoryStorage(clock=clock)
    checkouts = Checkouts(gett, storage=memory)
    checkout = await checkouts.start(shopper, checkout_id=checkout_id, metadata=metadata)
    await until_payable(checkout, shopper, card)
    stored = await memory.load(checkout_id)
    assert stored is not None
    expires_at = memory.clock() + timedelta(seconds=checkouts.lifetime)
    await storage.save(
        checkout_id, stored.data, expected_version=0, expires_at=expires_at, due_at=None
    )


async def lose_order(
    checkout: Checkout, sandbox: Sandbox, kind: FaultKind = "drop_after", **details: Any
) -> OutcomeUnknownError:
    """Place the order and lose every response; Gett responds again afterwards."""
    sandbox.switches.fail("place_order", kind, times=1000, **details)
    with pytest.raises(OutcomeUnknownError) as unknown:
        await place_as_shown(checkout)
    sandbox.switches.faults.clear()
    return unknown.value


async def begin_to_place(checkout: Checkout, sandbox: Sandbox) -> asyncio.Task[Order]:
    """Place the order in a task; its request has reached the sandbox."""
    placing = asyncio.create_task(place_as_shown(checkout))
    await until(lambda: sandbox.count("place_order"))
    return placing


def hold(sandbox: Sandbox, operation: str) -> Callable[[], None]:
    """Hold the next request of the operation at the sandbox until the returned function is called."""
    sandbox.switches.fail(operation, "delay", seconds=600)
    return sandbox.release


def operations(sandbox: Sandbox) -> list[str]:
    """What reached the sandbox, in order."""
    return [seen.operation for seen in sandbox.requests]


def writes(sandbox: Sandbox) -> list[str]:
    """The same without what only reads."""
    return [each for each in operations(sandbox) if not each.startswith(("get_", "discover_"))]


def outcomes(looked: Sequence[Reconciled]) -> dict[str, str]:
    """What each look came to, by checkout."""
    return {each.checkout_id: each.outcome for each in looked}


def listening(gett: GettClient, *hooks: Hook) -> GettClient:
    """The client with these hooks, as if it had been made with them."""
    object.__setattr__(gett, "hooks", Hooks(hooks))
    return gett
