"""Edits of one cart by two workers: none is lost, and what would mean something else is a conflict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from attrs import evolve

from gett_checkout import (
    Checkout,
    CheckoutConflictError,
    Checkouts,
    GettClient,
    Identity,
    LineNotFoundError,
    MemoryStorage,
    Pickup,
    Storage,
)
from gett_checkout._core.cart import Line
from gett_checkout._core.edits import means_the_same
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout.sandbox import Sandbox
from tests.acceptance.shopping import HOME, JANE, STORE, fill_cart, until_payable
from tests.contract.conftest import opened_postgres, opened_redis
from tests.samples.shopper import place_as_shown
from tests.samples.states import state_at

Opened = AbstractAsyncContextManager[Storage]
OTHER = Identity("other@example.com", "Other", "Person")


@pytest.mark.parametrize(
    ("server", "opened"),
    [("redis_server", opened_redis), ("postgres_server", opened_postgres)],
)
async def test_forty_parallel_adds_on_two_workers_are_all_there(
    sandbox: Sandbox,
    server: str,
    opened: Callable[..., Opened],
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue(server)
    async with (
        opened(url) as storage,
        GettClient(sandbox.api_key, base_url=sandbox.url) as gett,
    ):
        workers = [Checkouts(gett, storage=storage) for _ in range(2)]
        started = await workers[0].start()
        await started.browse(STORE)

        async def add(number: int) -> str:
            checkout = await workers[number % 2].open(started.id)
            return (await checkout.add("item_garlic_bread", quantity=number + 1)).line_id

        added = await asyncio.gather(*map(add, range(40)))
        for worker in workers:
            lines = (await worker.open(started.id)).view.lines
            assert {line.line_id for line in lines} == set(added)
            assert sorted(line.quantity for line in lines) == list(range(1, 41))


@pytest.fixture
async def handles(gett: GettClient, storage: MemoryStorage) -> tuple[Checkout, Checkout]:
    """Two workers' handles on one checkout with a cart, neither of which knows of the other."""
    mine = await Checkouts(gett, storage=storage).start(JANE)
    await fill_cart(mine)
    return mine, await Checkouts(gett, storage=storage).open(mine.id)


async def update(checkout: Checkout, quantity: int = 3, which: int = 0) -> None:
    await checkout.update(checkout.view.lines[which].line_id, quantity=quantity)


async def remove(checkout: Checkout, which: int = 0) -> None:
    await checkout.remove(checkout.view.lines[which].line_id)


async def add(checkout: Checkout) -> None:
    await checkout.add("item_tiramisu")


async def move(checkout: Checkout) -> None:
    await checkout.browse("store_seoul_kitchen", replace_cart=True)


async def price(checkout: Checkout) -> None:
    await checkout.fulfill(HOME)
    await checkout.validate()


Edit = Callable[[Checkout], Awaitable[object]]
CARTS: list[tuple[Edit, Edit, list[tuple[str, int]]]] = [
    (add, add, [("margherita", 1), ("garlic_bread", 1), ("tiramisu", 1), ("tiramisu", 1)]),
    (add, update, [("margherita", 3), ("garlic_bread", 1), ("tiramisu", 1)]),
    (add, remove, [("garlic_bread", 1), ("tiramisu", 1)]),
    (update, add, [("margherita", 3), ("garlic_bread", 1), ("tiramisu", 1)]),
    (update, lambda it: update(it, which=1), [("margherita", 3), ("garlic_bread", 3)]),
    (remove, lambda it: remove(it, which=1), []),
    (remove, lambda it: update(it, which=1), [("garlic_bread", 3)]),
    (price, add, [("margherita", 1), ("garlic_bread", 1), ("tiramisu", 1)]),
    (lambda it: it.fulfill(Pickup()), remove, [("garlic_bread", 1)]),
]


@pytest.mark.parametrize(("first", "second", "cart"), CARTS)
async def test_an_edit_is_made_again_on_what_another_worker_saved(
    handles: tuple[Checkout, Checkout], first: Edit, second: Edit, cart: list[tuple[str, int]]
) -> None:
    mine, theirs = handles
    await first(theirs)
    await second(mine)
    expected = [(f"item_{item}", quantity) for item, quantity in cart]
    assert [(line.item_id, line.quantity) for line in mine.view.lines] == expected
    assert mine.view.quote is None


CONFLICTS: list[tuple[Edit, Edit]] = [
    (update, lambda it: update(it, quantity=4)),
    (update, remove),
    (move, add),
    (move, update),
    (lambda it: it.identify(OTHER), add),
    (lambda it: it.abandon(), add),
]


@pytest.mark.parametrize(("first", "second"), CONFLICTS)
async def test_an_edit_that_would_mean_something_else_is_a_conflict(
    handles: tuple[Checkout, Checkout], first: Edit, second: Edit
) -> None:
    mine, theirs = handles
    await first(theirs)
    with pytest.raises(CheckoutConflictError) as conflict:
        await second(mine)
    assert conflict.value.checkout_id == mine.id
    assert mine.view == theirs.view  # what is saved says how to go on


@pytest.mark.parametrize("second", [update, remove])
async def test_a_line_that_another_worker_took_out_is_not_found(
    handles: tuple[Checkout, Checkout], second: Edit
) -> None:
    mine, theirs = handles
    await remove(theirs)
    with pytest.raises(LineNotFoundError):
        await second(mine)
    assert mine.view == theirs.view


async def test_an_edit_of_an_order_in_progress_is_a_conflict(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    theirs = await Checkouts(gett, storage=storage).start()
    await until_payable(theirs)
    mine = await Checkouts(gett, storage=storage).open(theirs.id)
    await place_as_shown(theirs)
    with pytest.raises(CheckoutConflictError):
        await mine.add("item_tiramisu")
    assert mine.view.stage is Stage.PLACED
    assert len(sandbox.orders) == 1


async def test_an_edit_that_always_comes_second_gives_up(
    gett: GettClient, handles: tuple[Checkout, Checkout]
) -> None:
    mine, theirs = handles
    refused = 0

    class Hasty(MemoryStorage):
        async def save(self, checkout_id: str, data: bytes, **how: object) -> int:
            nonlocal refused
            refused += 1
            raise CheckoutConflictError("somebody else was faster")

    storage = Hasty(clock=gett.clock)
    storage.load = theirs._record._storage.load  # type: ignore[method-assign]
    checkout = await Checkouts(gett, storage=storage).open(mine.id)
    with pytest.raises(CheckoutConflictError):
        await checkout.add("item_tiramisu")
    assert refused == 50
    assert len(mine.view.lines) == 2


LINE = Line("1", "a", 2)
STATE = evolve(state_at(Stage.PAY), lines=(LINE,), identity=JANE)


@pytest.mark.parametrize(
    ("before", "after", "line_id", "same"),
    [
        (STATE, STATE, None, True),
        (STATE, STATE, "1", True),
        (STATE, evolve(STATE, lines=()), "1", True),  # which it finds gone
        (STATE, evolve(STATE, stage=Stage.BROWSE, fulfillment=Pickup(), quote=None), "1", True),
        (STATE, evolve(STATE, stage=Stage.PLACING), None, False),
        (STATE, evolve(STATE, identity=OTHER), None, False),
        (STATE, evolve(STATE, identity=None), None, False),
        (evolve(STATE, identity=None), STATE, None, True),
        (STATE, evolve(STATE, store=None), None, False),
        (STATE, evolve(STATE, lines=(evolve(LINE, quantity=3),)), "1", False),
        (STATE, evolve(STATE, lines=(evolve(LINE, name="A", problems=()),)), "1", True),
        (STATE, evolve(STATE, lines=()), None, True),
    ],
)
def test_what_still_means_the_same(
    before: CheckoutState, after: CheckoutState, line_id: str | None, same: bool
) -> None:
    assert means_the_same(before, after, line_id) is same
