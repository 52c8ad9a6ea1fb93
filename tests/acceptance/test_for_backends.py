"""What spares a backend its own code: menus at any stage, ids that lead nowhere, errors with headers."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from gett_checkout import (
    CardOnFile,
    Checkout,
    CheckoutConflictError,
    CheckoutNotFoundError,
    Checkouts,
    GettCheckoutError,
    GettClient,
    IdentityRequiredError,
    InvalidInputError,
    LineNotFoundError,
    MemoryStorage,
    OutcomeUnknownError,
    Pickup,
    PlacementInProgressError,
    RateLimitedError,
    Stage,
    StepNotAllowedError,
    StorageError,
    TransportError,
    jsonable,
)
from gett_checkout.errors import StoreNotFoundError
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import Stored
from gett_checkout.testing import Clock
from gett_checkout.views import StoreView
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    REGULAR,
    STORE,
    fill_cart,
    operations,
    until_payable,
    until_priced,
)
from tests.samples.shopper import place_as_shown

# --- the menu -------------------------------------------------------------------------------------


async def test_the_menu_is_there_on_another_worker_and_read_once(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    browsed = await checkout.browse(STORE)
    worker = Checkouts(gett, storage=storage)
    one, other = await worker.open(checkout.id), await worker.open(checkout.id)
    menu = await one.menu()
    assert menu.to_dict() == browsed.to_dict()
    assert await other.menu() is menu
    assert operations(sandbox).count("get_catalog_set") == 2  # once for each worker
    assert operations(sandbox).count("get_store") == 1


async def test_the_menu_is_there_at_every_stage(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    async def shown(checkout: Checkout) -> Stage:
        reopened = await Checkouts(gett, storage=storage).open(checkout.id)
        before = reopened.view
        assert "item_margherita" in (await reopened.menu()).items
        assert reopened.view == before
        return before.stage

    checkout = await Checkouts(gett, storage=storage).start()
    await checkout.browse(STORE)
    stages = [await shown(checkout)]
    for step in (fill_cart, until_priced, until_payable):
        await step(checkout)
        stages.append(await shown(checkout))
    await place_as_shown(checkout)
    stages.append(await shown(checkout))
    assert stages == ["browse", "fulfillment", "pay", "place", "placed"]
    assert len(sandbox.orders) == 1
    given_up = await Checkouts(gett, storage=storage).start()
    await given_up.browse(STORE)
    await given_up.abandon()
    assert await shown(given_up) is Stage.ABANDONED


async def test_without_a_store_there_is_no_menu(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start()
    with pytest.raises(StepNotAllowedError, match="choose a store first") as caught:
        await checkout.menu()
    problem = caught.value.to_problem()
    assert (problem["step"], problem["stage"]) == ("menu", "browse")
    assert problem["next_action"]["kind"] == "choose_store"
    assert problem["checkout_id"] == checkout.id
    assert sandbox.requests == []


async def test_the_stores_to_choose_from_are_shown_as_the_chosen_one(
    gett: GettClient, checkouts: Checkouts, clock: Clock
) -> None:
    page = await gett.discover_stores()
    shown = {each.store_id: StoreView.of(each, clock()) for each in page.stores}
    checkout = await checkouts.start()
    for store_id, seen in shown.items():
        await checkout.browse(store_id)
        assert checkout.view.store == seen
    assert jsonable(shown[STORE])["minimum_order_amount"] == "15.00"


# --- the cart -------------------------------------------------------------------------------------


async def test_a_line_that_is_gone_is_not_found(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    before = checkout.view
    gone = before.lines[0].line_id
    await checkout.remove(gone)
    left = checkout.view
    steps: list[Callable[[], Any]] = [
        lambda: checkout.remove(gone),
        lambda: checkout.update(gone, quantity=2),
        lambda: checkout.update(gone, quantity=0),  # whatever else is wrong with it
        lambda: checkout.update(""),
    ]
    for step in steps:
        with pytest.raises(LineNotFoundError) as caught:
            await step()
        problem = caught.value.to_problem()
        assert (problem["code"], problem["status"]) == ("LINE_NOT_FOUND", 404)
        assert problem["next_action"] == checkout.view.next_action.to_dict()
        assert isinstance(caught.value, InvalidInputError)
        assert gone not in str(caught.value)
    assert checkout.view == left


async def test_empty_special_instructions_take_them_away(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    line = await checkout.add("item_garlic_bread", quantity=4, special_instructions="cut")
    assert (await checkout.update(line.line_id, quantity=5)).special_instructions == "cut"
    assert (
        await checkout.update(line.line_id, special_instructions="")
    ).special_instructions is None
    assert (
        await checkout.add("item_tiramisu", special_instructions="")
    ).special_instructions is None
    await checkout.fulfill(HOME)
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert "cut" not in json.dumps(checkout.view.to_dict())


async def test_the_card_is_named_on_another_worker(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    await until_payable(checkout, card=CardOnFile("card_ok", "stripe", "visa", "4242"))
    reopened = await Checkouts(gett, storage=storage).open(checkout.id)
    payment = reopened.view.payment
    assert payment is not None
    assert (payment.card_type, payment.last_four) == ("visa", "4242")
    await place_as_shown(reopened)
    assert len(sandbox.orders) == 1


# --- ids that lead nowhere ------------------------------------------------------------------------


NOWHERE: list[tuple[Any, str]] = [
    (None, "no id was given"),
    ("", "the id is empty"),
    *(
        (each, "never started, or has expired")
        for each in ("nobody", "\ud800", "a\0b", "webhook-1")
    ),
    (7, "a string, not int"),
    (b"id", "a string, not bytes"),
]


@pytest.mark.parametrize(("unknown", "said"), NOWHERE)
async def test_an_id_that_leads_nowhere_is_not_found(
    checkouts: Checkouts, unknown: Any, said: str
) -> None:
    with pytest.raises(CheckoutNotFoundError, match=said) as caught:
        await checkouts.open(unknown)
    known = unknown if isinstance(unknown, str) and unknown else None
    assert caught.value.checkout_id == known
    problem = caught.value.to_problem()
    assert (problem["status"], problem["next_action"]) == (404, {"kind": "start_over"})
    assert problem["detail"] == "There is no open cart. Please start a new one."


async def exchange(storage: MemoryStorage, one: str, other: str, clock: Clock) -> None:
    """What somebody who can write to the storage may do, even to an encrypted one."""
    kept = {each: await storage.load(each) for each in (one, other)}
    for into, source in ((one, other), (other, one)):
        taken, there = kept[source], kept[into]
        assert isinstance(taken, Stored)
        assert isinstance(there, Stored)
        await storage.save(
            into,
            taken.data,
            expected_version=there.version,
            expires_at=clock() + timedelta(days=7),
            due_at=None,
        )


async def test_exchanged_entries_are_refused(
    gett: GettClient, storage: MemoryStorage, clock: Clock, sandbox: Sandbox
) -> None:
    checkouts = Checkouts(gett, storage=storage)
    mine, theirs = await checkouts.start(), await checkouts.start()
    await until_payable(theirs)
    await exchange(storage, mine.id, theirs.id, clock)
    for worker in (Checkouts(gett, storage=storage), checkouts):  # without and with it in hand
        with pytest.raises(StorageError, match="another checkout") as refused:
            await worker.open(mine.id)
        assert refused.value.checkout_id == mine.id
    with pytest.raises(CheckoutConflictError):  # it was changed elsewhere
        await mine.browse(STORE)
    assert mine.view.store is None
    assert sandbox.orders == []
    await exchange(storage, mine.id, theirs.id, clock)
    assert (await Checkouts(gett, storage=storage).open(theirs.id)).view.stage is Stage.PLACE


# --- how long -------------------------------------------------------------------------------------


async def test_a_checkout_is_kept_for_its_lifetime(gett: GettClient, clock: Clock) -> None:
    checkouts = Checkouts(gett, lifetime=200_000.5, storage=MemoryStorage(clock=clock))
    response = web.Response()
    response.set_cookie("checkout", "id", max_age=checkouts.lifetime)
    assert "Max-Age=200000;" in response.cookies["checkout"].OutputString() + ";"
    checkout_id = (await checkouts.start()).id
    clock.advance(checkouts.lifetime)
    assert (await checkouts.open(checkout_id)).id == checkout_id
    clock.advance(1)
    with pytest.raises(CheckoutNotFoundError):
        await checkouts.open(checkout_id)


def test_a_lifetime_unless_given_is_a_week(checkouts: Checkouts) -> None:
    assert checkouts.lifetime == 7 * 24 * 3600


@pytest.mark.parametrize("lifetime", [0, -1, 172_799, float("nan"), float("inf"), 1e12])
def test_a_lifetime_that_cannot_be_right_is_refused(gett: GettClient, lifetime: float) -> None:
    with pytest.raises(InvalidInputError, match="two days"):
        Checkouts(gett, lifetime=lifetime)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "retry_after", "sent"),
    [
        (GettCheckoutError(), None, None),
        (StoreNotFoundError(status=404), None, None),
        (PlacementInProgressError(), 2.0, "2"),
        (PlacementInProgressError(), 2.1, "3"),
        (PlacementInProgressError(), 0.0, "0"),
        (PlacementInProgressError(), -3.5, "0"),
        (RateLimitedError(status=429), 30.0, "30"),
    ],
)
def test_the_headers_of_a_problem(
    error: GettCheckoutError, retry_after: float | None, sent: str | None
) -> None:
    error.retry_after = retry_after
    headers = error.problem_headers()
    assert headers.pop("Content-Type") == "application/problem+json"
    assert headers == ({} if sent is None else {"Retry-After": sent})
    # As the documentation has aiohttp send them.
    response = web.Response(text="{}", headers=error.problem_headers())
    assert response.content_type == "application/problem+json"


async def refused(step: Callable[[], Any]) -> StepNotAllowedError:
    with pytest.raises(StepNotAllowedError) as caught:
        await step()
    return caught.value


async def test_a_step_out_of_place_says_what_comes_first(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    told = [await refused(checkout.validate)]
    await checkout.browse(STORE)
    told.append(await refused(checkout.validate))
    await checkout.add("item_margherita", modifiers=REGULAR)
    told.append(await refused(checkout.validate))  # below the minimum, which is not what hinders it
    await checkout.add("item_garlic_bread")
    await checkout.fulfill(HOME)
    told.append(await refused(lambda: checkout.pay(CARD)))
    await checkout.abandon()
    told.append(await refused(checkout.validate))
    assert [(str(each), each.step, each.stage) for each in told] == [
        (
            "validate is not possible at stage browse: Please choose a restaurant.",
            "validate",
            "browse",
        ),
        (
            "validate is not possible at stage browse: Please add something to your cart.",
            "validate",
            "browse",
        ),
        (
            "validate is not possible at stage fulfillment: "
            "Please choose how you want to get your order.",
            "validate",
            "fulfillment",
        ),
        ("pay is not possible at stage validate: Please check the price.", "pay", "validate"),
        ("validate is not possible at stage abandoned", "validate", "abandoned"),
    ]
    for error in told:
        problem = error.to_problem()
        assert (problem["step"], problem["stage"]) == (error.step, error.stage)
        said = str(error).partition(": ")[2] or "This is not possible right now."
        assert problem["detail"] == said
        again = pickle.loads(pickle.dumps(error))
        assert again.to_problem() == problem


def test_a_step_that_is_not_named_is_not_in_the_problem() -> None:
    assert not {"step", "stage"} & set(StepNotAllowedError("no").to_problem())


# --- advice that can be followed ------------------------------------------------------------------


async def test_a_stale_total_is_said_only_when_nothing_else_is_missing(
    checkouts: Checkouts,
) -> None:
    """Else a page would be told to confirm a total, and again, of an order that is not complete."""
    checkout = await checkouts.start()
    await until_priced(checkout)
    with pytest.raises(IdentityRequiredError) as caught:
        await checkout.place(total="1.00")
    assert caught.value.next_action == checkout.view.next_action


async def test_what_the_restaurant_does_not_offer_leads_to_what_it_does(
    checkouts: Checkouts,
) -> None:
    checkout = await checkouts.start()
    await checkout.browse("store_seoul_kitchen")
    with pytest.raises(StepNotAllowedError) as caught:
        await checkout.fulfill(Pickup())
    assert caught.value.next_action == checkout.view.next_action  # the cart comes first
    assert "does not offer pickup" in str(caught.value)
    assert "fulfillment" in [each.code for each in caught.value.requirements]
    assert caught.value.to_problem()["step"] == "fulfill"


async def test_an_unknown_outcome_says_when_to_come_back(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await until_payable(checkout)
    sandbox.switches.fail("place_order", "drop_after", times=99)
    with pytest.raises(OutcomeUnknownError) as caught:
        await place_as_shown(checkout)
    assert caught.value.problem_headers()["Retry-After"] == "2"


async def test_an_action_that_says_wait_is_in_the_headers(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    sandbox.switches.fail("get_store", "drop_before", times=99)
    checkout = await checkouts.start()
    with pytest.raises(TransportError) as caught:
        await checkout.browse(STORE)
    assert caught.value.problem_headers()["Retry-After"] == "1"


async def test_an_id_that_is_taken_is_called_so(checkouts: Checkouts) -> None:
    await checkouts.start(checkout_id="mine")
    with pytest.raises(CheckoutConflictError, match="stored already"):
        await checkouts.start(checkout_id="mine")


def test_a_url_is_no_storage(gett: GettClient) -> None:
    with pytest.raises(InvalidInputError, match="open_storage"):
        Checkouts(gett, storage="sqlite:///checkouts.db")  # type: ignore[arg-type]


async def test_an_order_that_cannot_be_asked_after_for_want_of_a_session_stays_unknown(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await until_payable(checkout)
    sandbox.switches.fail("place_order", "drop_after", times=99)
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    sandbox.switches.faults.clear()
    sandbox.switches.fail("place_order", "error", code="UNAUTHENTICATED")
    sandbox.switches.fail("create_session", "drop_before", times=99)
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    assert checkout.view.stage is Stage.PLACING
    sandbox.switches.faults.clear()
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]


@pytest.mark.parametrize("total", ["much", True, 1.5])
async def test_a_total_that_is_none_is_refused_whatever_is_missing(
    checkouts: Checkouts, total: Any
) -> None:
    checkout = await checkouts.start()
    with pytest.raises(InvalidInputError, match="the total"):
        await checkout.place(total=total)
