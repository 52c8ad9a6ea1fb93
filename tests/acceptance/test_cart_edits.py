"""Edits of one cart by two workers: none is lost, and what would mean something else is a conflict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import (
    Checkout,
    CheckoutConflictError,
    CheckoutNotFoundError,
    Checkouts,
    GettClient,
    Identity,
    InvalidInputError,
    LineNotFoundError,
    MemoryStorage,
    Pickup,
    Storage,
)
from gett_checkout._core.cart import Line
from gett_checkout._core.edits import means_the_same
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import the_order
from tests.acceptance.shopping import HOME, JANE, REGULAR, STORE, fill_cart, payable
from tests.contract.conftest import opened_postgres, opened_redis
from tests.samples.shopper import place_as_shown
from tests.samples.states import state_at

Opened = AbstractAsyncContextManager[Storage]
OTHER = Identity("other@example.com", "Other", "Person")


@pytest.mark.slow
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
    theirs = await payable(Checkouts(gett, storage=storage))
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


# --- lines named by their caller ------------------------------------------------------------------

NAMED: dict[str, Any] = {"item_id": "item_margherita", "modifiers": REGULAR, "line_id": "mine-1"}
SAME: list[dict[str, Any]] = [
    {},
    {"quantity": 1},
    {"special_instructions": ""},
    {"modifiers": {**REGULAR, "group_pizza_toppings": []}},
    {"modifiers": {"group_pizza_size": [{"item_id": "item_size_regular"}]}},
]
OTHERS: list[dict[str, Any]] = [
    {"quantity": 2},
    {"special_instructions": "no basil"},
    {"modifiers": {"group_pizza_size": ["item_size_large"]}},
    {"modifiers": None},
    {"item_id": "item_tiramisu", "modifiers": None},
    {"item_id": "item_nobody_has"},
]


@pytest.mark.parametrize("change", SAME)
async def test_a_line_that_is_named_is_added_once(
    checkouts: Checkouts, storage: MemoryStorage, change: dict[str, Any]
) -> None:
    checkout = await checkouts.start()
    await checkout.browse(STORE)
    line = await checkout.add(**NAMED)
    assert line.line_id == "mine-1"
    before = await storage.load(checkout.id)
    assert await checkout.add(**{**NAMED, **change}) == line
    again = await checkouts.open(checkout.id)
    assert await again.add(**{**NAMED, **change}) == line
    assert again.view.lines == checkout.view.lines
    assert len(checkout.view.lines) == 1
    assert await storage.load(checkout.id) == before  # nothing was saved again


async def test_a_line_that_is_named_again_leaves_the_price_alone(checkouts: Checkouts) -> None:
    checkout = await payable(checkouts, JANE)
    await checkout.add("item_tiramisu", line_id="sweet")
    await checkout.validate()
    before = checkout.view
    await checkout.add("item_tiramisu", line_id="sweet")
    assert checkout.view == before
    assert before.stage is Stage.PLACE


@pytest.mark.parametrize("change", OTHERS)
async def test_a_named_line_of_other_content_is_an_error(
    checkouts: Checkouts, change: dict[str, Any]
) -> None:
    checkout = await checkouts.start()
    await checkout.browse(STORE)
    await checkout.add(**NAMED)
    before = checkout.view
    with pytest.raises(InvalidInputError, match="other content") as error:
        await checkout.add(**{**NAMED, **change})
    assert error.value.field == "line_id"
    assert checkout.view == before


async def test_a_line_named_again_asks_gett_nothing(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    await checkout.browse(STORE)
    line = await checkout.add(**NAMED)
    before = len(sandbox.requests)
    without_menu = await Checkouts(gett, storage=storage).open(checkout.id)
    assert await without_menu.add(**NAMED) == line
    assert len(sandbox.requests) == before


@pytest.mark.parametrize("item_id", ["item_tiramisu", "item_garlic_bread"])
async def test_the_id_of_a_line_that_was_taken_out_may_be_used_again(
    handles: tuple[Checkout, Checkout], item_id: str
) -> None:
    mine, theirs = handles
    await mine.add("item_tiramisu", line_id="sweet")
    await mine.remove("sweet")
    await mine.add("item_tiramisu", line_id="sweet")
    await theirs.add("item_tiramisu", line_id="sweet")  # is there, which this handle did not know
    await theirs.remove("sweet")
    await mine.add(item_id, line_id="sweet")  # is gone, which this handle does not know
    line = mine.view.lines[-1]
    assert (len(mine.view.lines), line.line_id, line.item_id) == (3, "sweet", item_id)


async def test_two_workers_that_name_one_line_add_it_once(
    handles: tuple[Checkout, Checkout],
) -> None:
    mine, theirs = handles
    lines = await asyncio.gather(*(each.add(**NAMED) for each in (mine, theirs, mine)))
    assert lines[0] == lines[1] == lines[2]
    assert [line.line_id for line in mine.view.lines].count("mine-1") == 1
    results = await asyncio.gather(
        mine.add("item_tiramisu", line_id="sweet"),
        theirs.add("item_tiramisu", quantity=2, line_id="sweet"),
        return_exceptions=True,
    )
    (wrong,) = (each for each in results if isinstance(each, InvalidInputError))
    assert wrong.field == "line_id"


@pytest.mark.parametrize("change", [move, lambda it: it.identify(OTHER), lambda it: it.abandon()])
async def test_a_named_line_that_would_mean_something_else_is_a_conflict(
    gett: GettClient, storage: MemoryStorage, handles: tuple[Checkout, Checkout], change: Edit
) -> None:
    mine, _ = handles
    await mine.add(**NAMED)
    theirs = await Checkouts(gett, storage=storage).open(mine.id)
    await change(theirs)
    with pytest.raises(CheckoutConflictError):
        await mine.add(**NAMED)
    assert mine.view == theirs.view


async def test_a_named_line_of_a_checkout_that_is_gone_is_not_found(
    handles: tuple[Checkout, Checkout], storage: MemoryStorage
) -> None:
    mine, _ = handles
    await mine.add(**NAMED)
    await storage.delete(mine.id)
    with pytest.raises(CheckoutNotFoundError):
        await mine.add(**NAMED)


@pytest.mark.parametrize("given", ["", "-1", ".", "..", "a/b", "a b", "ä", "a" * 65, "a\n", 7])
async def test_what_is_no_id_of_a_line_is_an_error(checkouts: Checkouts, given: Any) -> None:
    checkout = await checkouts.start()
    await checkout.browse(STORE)
    with pytest.raises(InvalidInputError) as error:
        await checkout.add("item_tiramisu", quantity=0, line_id=given)
    assert [each.pointer for each in error.value.errors] == ["/quantity", "/line_id"]
    assert checkout.view.lines == ()


async def test_a_named_line_goes_to_gett_by_its_name(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    longest = "a.Z_0~-" + "9" * 57
    assert (await checkout.add("item_tiramisu", line_id=longest)).line_id == longest
    await checkout.validate()
    await place_as_shown(checkout)
    assert longest in {line.line_id for line in the_order(sandbox).cart.lines}


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


# --- a full cart ----------------------------------------------------------------------------------


async def test_a_cart_has_at_most_two_hundred_lines(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    await checkout.browse(STORE)
    for number in range(200):
        await checkout.add("item_tiramisu", line_id=f"line-{number}")
    before = checkout.view
    with pytest.raises(InvalidInputError, match="at most 200 lines") as refused:
        await checkout.add("item_tiramisu")
    assert refused.value.to_problem()["status"] == 422
    assert (await checkout.add("item_tiramisu", line_id="line-7")).line_id == "line-7"
    assert checkout.view == before
    await checkout.update("line-7", quantity=2)
    await checkout.remove("line-8")
    await checkout.add("item_tiramisu")


async def test_a_cart_of_more_lines_than_it_may_have_can_be_edited(
    handles: tuple[Checkout, Checkout], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an earlier release saved it."""
    mine, _ = handles
    await mine.add("item_tiramisu", line_id="sweet")
    monkeypatch.setattr("gett_checkout._checkout.MAX_LINES", 1)
    await mine.browse(STORE)
    await mine.update("sweet", quantity=3)
    await mine.fulfill(HOME)
    await mine.validate()
    for line in mine.view.lines[:-1]:
        with pytest.raises(InvalidInputError, match="at most 1 lines"):
            await mine.add("item_tiramisu")
        await mine.remove(line.line_id)
    assert [(line.line_id, line.quantity) for line in mine.view.lines] == [("sweet", 3)]


async def test_a_line_that_another_worker_took_out_makes_room(
    handles: tuple[Checkout, Checkout], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = handles
    monkeypatch.setattr("gett_checkout._checkout.MAX_LINES", len(mine.view.lines))
    await remove(theirs)
    line = await mine.add("item_tiramisu")
    assert line in mine._record.state.lines
