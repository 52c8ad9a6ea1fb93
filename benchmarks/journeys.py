"""The requests of each shopper's journey: ``python -m benchmarks.journeys``.

Gett allows a partner 100 writes a minute, so a journey's writes are the cost of its order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Final

from attrs import frozen

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    Delivery,
    GettClient,
    Identity,
    MemoryStorage,
    Order,
)
from gett_checkout.sandbox import Sandbox

WRITES_A_MINUTE: Final = 100
JANE: Final = Identity(email="jane@example.com", first_name="Jane", last_name="Doe")
HOME: Final = Delivery(Address("350 5th Ave", "New York", "NY", "10118"))
CARD: Final = CardOnFile(card_token="card_ok", processor_type="stripe")  # noqa: S106 - a sandbox card

Journey = Callable[[GettClient, Checkouts], Awaitable[object]]


@frozen
class Cost:
    """The operations of a journey in order, the number of writes, and the number of saves."""

    operations: tuple[str, ...]
    writes: int
    saves: int


class CountingStorage(MemoryStorage):
    """A storage that counts the saves."""

    saves = 0

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Count and save."""
        self.saves += 1
        return await super().save(
            checkout_id,
            data,
            expected_version=expected_version,
            expires_at=expires_at,
            due_at=due_at,
        )


async def known_from_the_start(gett: GettClient, checkouts: Checkouts) -> Order:
    """The shopper is known from the start."""
    checkout = await ready_to_place(checkouts, lines=1)
    return await place(checkout)


async def own_end_user_token(gett: GettClient, checkouts: Checkouts) -> None:
    """The backend has an end-user session of its own."""
    session = await gett.create_session(JANE)
    checkout = await checkouts.start(session_token=session.token)
    await _fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.validate(tip=Decimal("3.00"))
    await _pay_and_place(checkout)


async def known_before_validate(gett: GettClient, checkouts: Checkouts) -> None:
    """The shopper signs in after giving the address."""
    checkout = await checkouts.start()
    await _fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.identify(JANE)
    await checkout.validate(tip=Decimal("3.00"))
    await _pay_and_place(checkout)


async def known_at_pay(gett: GettClient, checkouts: Checkouts) -> None:
    """The shopper signs in only to pay."""
    checkout = await checkouts.start()
    await _fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.validate(tip=Decimal("3.00"))
    await checkout.identify(JANE)
    await _pay_and_place(checkout)


async def abandoned_while_browsing(gett: GettClient, checkouts: Checkouts) -> None:
    """The shopper gives up while browsing."""
    checkout = await checkouts.start()
    await _fill_cart(checkout)
    await checkout.abandon()


JOURNEYS: Final[tuple[Journey, ...]] = (
    own_end_user_token,
    known_from_the_start,
    known_before_validate,
    known_at_pay,
    abandoned_while_browsing,
)


async def measure(journey: Journey) -> Cost:
    """Run the journey against a sandbox of its own, and count the requests."""
    async with Sandbox() as sandbox, GettClient(sandbox.api_key, base_url=sandbox.url) as gett:
        storage = CountingStorage()
        await journey(gett, Checkouts(gett, storage=storage))
        operations = tuple(seen.operation for seen in sandbox.requests)
        return Cost(operations, sandbox.writes, storage.saves)


async def ready_to_place(checkouts: Checkouts, *, lines: int) -> Checkout:
    """Make a checkout of a known shopper with ``count`` lines in the cart, ready to be placed."""
    checkout = await checkouts.start(JANE)
    await _fill_cart(checkout, lines)
    await checkout.fulfill(HOME)
    await checkout.validate(tip=Decimal("3.00"))
    await checkout.pay(CARD)
    return checkout


async def main() -> None:
    """Print a row for each journey."""
    for journey in JOURNEYS:
        cost = await measure(journey)
        orders = f"{WRITES_A_MINUTE // cost.writes} a minute" if cost.writes else "–"
        what = (journey.__doc__ or "").rstrip(".")
        print(
            f"{what:<52} {len(cost.operations)} requests  {cost.writes} writes  {orders}  {cost.saves} saves"
        )


async def _fill_cart(checkout: Checkout, lines: int = 1) -> None:
    await checkout.browse("store_bella_napoli")
    size = {"group_pizza_size": ["item_size_large"]}
    for _ in range(lines):
        await checkout.add("item_diavola", modifiers=size)


async def _pay_and_place(checkout: Checkout) -> None:
    await checkout.pay(CARD)
    await place(checkout)


async def place(checkout: Checkout) -> Order:
    """Place the order at the price the view shows."""
    quote = checkout.view.quote
    assert quote is not None  # noqa: S101 - it is ready to be placed
    return await checkout.place(total=quote.amounts.total)


if __name__ == "__main__":
    asyncio.run(main())
