"""Ways that once led an order astray: to another address, another person, another price, or twice."""

from __future__ import annotations

import asyncio
import gc
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import (
    Address,
    AddressInvalidError,
    CardOnFile,
    Checkout,
    CheckoutConflictError,
    CheckoutNotFoundError,
    Checkouts,
    Delivery,
    GettCheckoutError,
    GettClient,
    Identity,
    IdentityRequiredError,
    ItemUnavailableError,
    MemoryStorage,
    MenuChangedError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RateLimitedError,
    RetryPolicy,
    Stage,
    StepNotAllowedError,
    StorageError,
    StoreClosedError,
    TotalChangedError,
    TransportError,
)
from gett_checkout._core.machine import Quoted
from gett_checkout.errors import InvalidRequestError, SessionUserRequiredError
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import Stored
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    STORE,
    fill_cart,
    hold,
    lose_order,
    outcomes,
    payable,
    until_priced,
)
from tests.samples.shopper import place_as_shown
from tests.samples.waiting import until

pytestmark = pytest.mark.slow

BOB = Identity(email="bob@example.org", first_name="Bob", last_name="Roe")
NEVER = 99


def at(street: str) -> Delivery:
    return Delivery(Address(street, "New York", "NY", "10001"))


async def seen(sandbox: Sandbox, operation: str, count: int) -> None:
    await until(lambda: sandbox.count(operation) >= count)


async def answered(sandbox: Sandbox) -> None:
    """Until the sandbox has nothing left to do."""
    await until(lambda: all(each.status for each in sandbox.requests))


def impatient(sandbox: Sandbox, clock: Clock) -> GettClient:
    """A client that gives a response up at once; for one step alone, since a busy machine is slow."""
    retry = RetryPolicy(max_attempts=2, initial_backoff=0.0)
    return GettClient(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=clock,
        sleep=clock.sleep,
        timeout=0.1,
        retry=retry,
    )


async def left(step: asyncio.Task[object]) -> None:
    """Cancel the step, as a deadline or a shopper who goes away does."""
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)
    assert step.cancelled()


async def order_for(checkout: Checkout) -> None:
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)


# --- where it goes --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancelled", "other worker", "timed out"])
async def test_an_address_that_arrives_late_does_not_take_the_order_with_it(
    sandbox: Sandbox, storage: MemoryStorage, clock: Clock, how: str
) -> None:
    async with (
        GettClient(sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=clock.sleep) as gett,
        impatient(sandbox, clock) as hasty,
    ):
        checkout = await Checkouts(gett, storage=storage).start(JANE)
        await fill_cart(checkout)
        await checkout.fulfill(at("1 A St"))
        before = sandbox.count("set_fulfillment_context")
        release = hold(sandbox, "set_fulfillment_context")
        client = hasty if how == "timed out" else gett
        slow = await Checkouts(client, storage=storage).open(checkout.id)
        setting = asyncio.create_task(slow.fulfill(at("2 B St")))
        await seen(sandbox, "set_fulfillment_context", before + 1)
        if how == "cancelled":
            setting.cancel()
        if how == "timed out":
            with pytest.raises(TransportError):
                await setting
        elsewhere = await Checkouts(gett, storage=storage).open(checkout.id)
        await elsewhere.fulfill(at("3 C St"))
        release()
        await answered(sandbox)
        await order_for(elsewhere)
        await asyncio.gather(setting, return_exceptions=True)
    (order,) = sandbox.orders
    assert "3 C St" in str(order.address)


async def test_an_address_in_flight_elsewhere_does_not_take_the_order_with_it(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage
) -> None:
    checkout = await Checkouts(gett, storage=storage).start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(at("1 A St"))
    release = hold(sandbox, "set_fulfillment_context")
    setting = asyncio.create_task(checkout.fulfill(at("2 B St")))
    await seen(sandbox, "set_fulfillment_context", 2)
    elsewhere = await Checkouts(gett, storage=storage).open(checkout.id)
    assert elsewhere.view.fulfillment == at("1 A St")
    await elsewhere.validate()
    release()
    await answered(sandbox)
    await order_for(elsewhere)
    with pytest.raises(CheckoutConflictError):
        await setting
    assert "1 A St" in str(sandbox.orders[0].address)


async def test_an_answer_to_the_second_send_says_nothing_of_the_first(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    checkouts = Checkouts(gett, storage=storage)
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(at("1 A St"))
    release = hold(sandbox, "set_fulfillment_context")
    async with impatient(sandbox, clock) as hasty:
        elsewhere = await Checkouts(hasty, storage=storage).open(checkout.id)
        with pytest.raises(TransportError):
            await elsewhere.fulfill(at("2 B St"))
    checkout = await checkouts.open(checkout.id)
    await checkout.fulfill(at("2 B St"))
    await checkout.fulfill(at("3 C St"))
    release()
    await answered(sandbox)
    await order_for(checkout)
    assert "3 C St" in str(sandbox.orders[0].address)


async def test_a_refused_address_costs_nothing_more(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    sandbox.switches.fail("set_fulfillment_context", "error", code="ADDRESS_INVALID")
    with pytest.raises(AddressInvalidError):
        await checkout.fulfill(at("2 B St"))
    before = sandbox.count("set_fulfillment_context")
    assert (
        checkout.view.next_action.kind == "choose_fulfillment"
    )  # it is not known that HOME will do
    await checkout.fulfill(HOME)
    await order_for(checkout)
    assert sandbox.count("set_fulfillment_context") == before
    assert len(sandbox.sessions) == 1


# --- whose it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_a_session_opened_for_one_shopper_is_not_used_for_another(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, where: str
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start(JANE)
    await fill_cart(checkout)
    release = hold(sandbox, "create_session")
    opening = asyncio.create_task(checkout.fulfill(HOME))
    await seen(sandbox, "create_session", 1)
    if where == "here":
        await left(opening)
        release()
        await checkout.identify(BOB)
    else:
        await (await there.open(checkout.id)).identify(BOB)
        release()
        with pytest.raises(CheckoutConflictError):
            await opening
    await checkout.fulfill(HOME)
    await order_for(checkout)
    assert sandbox.orders[0].session_email == BOB.email
    assert BOB.email in str(sandbox.orders[0].customer)


async def test_a_session_opened_while_the_cart_changed_elsewhere_is_thrown_away(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start(JANE)
    await fill_cart(checkout)
    release = hold(sandbox, "create_session")
    opening = asyncio.create_task(checkout.fulfill(HOME))
    await seen(sandbox, "create_session", 1)
    elsewhere = await there.open(checkout.id)
    await elsewhere.add("item_tiramisu")
    release()
    with pytest.raises(CheckoutConflictError):
        await opening
    assert sandbox.count("set_fulfillment_context") == 0
    elsewhere = await there.open(checkout.id)
    assert (len(elsewhere.view.lines), elsewhere.view.session.level) == (3, "none")
    await elsewhere.fulfill(HOME)
    await order_for(elsewhere)
    assert len(sandbox.sessions) == 2


# --- how often ------------------------------------------------------------------------------------


async def test_a_slow_first_attempt_is_not_refuted_by_a_refusal_of_the_second(
    checkouts: Checkouts, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    checkout = await payable(checkouts)
    release = hold(sandbox, "place_order")
    sandbox.switches.sold_out.add("item_garlic_bread")
    async with impatient(sandbox, clock) as hasty:
        elsewhere = await Checkouts(hasty, storage=storage).open(checkout.id)
        with pytest.raises(OutcomeUnknownError):
            await place_as_shown(elsewhere)
        assert elsewhere.view.stage is Stage.PLACING
    sandbox.switches.sold_out.clear()
    release()
    await answered(sandbox)
    checkout = await checkouts.open(checkout.id)
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]


async def test_after_a_quiet_minute_a_refusal_is_believed(
    checkout: Checkout, sandbox: Sandbox, clock: Clock
) -> None:
    await lose_order(checkout, sandbox, "drop_before")
    sandbox.switches.sold_out.add("item_garlic_bread")
    for _ in range(3):  # asking in between does not start the minute anew
        with pytest.raises(OutcomeUnknownError):
            await place_as_shown(checkout)
        clock.advance(15)
    clock.advance(60)
    with pytest.raises(ItemUnavailableError):
        await place_as_shown(checkout)
    assert checkout.view.stage is Stage.BROWSE
    assert sandbox.orders == []


@pytest.mark.parametrize("code", [None, "REQUEST_IN_PROGRESS"])
async def test_a_conflict_of_another_kind_is_no_order(
    checkout: Checkout, sandbox: Sandbox, code: str | None
) -> None:
    sandbox.switches.fail("place_order", "drop_before")
    sandbox.switches.fail("place_order", "error", status=409, code=code or "TEAPOT", after=1)
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_used_token_that_went_out_before_is_no_order(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    await checkout.pay(CardOnFile("card_declined", "stripe"))
    with pytest.raises(PaymentDeclinedError):
        await place_as_shown(checkout)
    await checkout.pay(CARD)
    sandbox.switches.fail("place_order", "drop_before")
    sandbox.switches.fail("place_order", "error", status=409, code="CONFLICT", after=1)
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_an_order_that_comes_to_light_late_is_kept(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    slow, other = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await payable(slow)
    release = hold(sandbox, "place_order")
    placing = asyncio.create_task(place_as_shown(checkout))
    await seen(sandbox, "place_order", 1)
    clock.advance(120)  # its worker is given up for dead, although it only is slow
    sandbox.switches.sold_out.add("item_garlic_bread")
    elsewhere = await other.open(checkout.id)
    with pytest.raises(ItemUnavailableError):
        await place_as_shown(elsewhere)
    sandbox.switches.sold_out.clear()
    release()
    order = await placing
    elsewhere = await other.open(checkout.id)
    assert elsewhere.view.stage is Stage.PLACED
    assert elsewhere.view.order == order
    assert len(sandbox.orders) == 1


async def test_reconciling_never_begins_an_order(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await payable(here)
    await lose_order(checkout, sandbox, "drop_before")
    clock.advance(61)
    due = await storage.due(clock(), 10)
    sandbox.switches.fail("place_order", "error", code="STORE_CLOSED")
    elsewhere = await there.open(checkout.id)  # the shopper is faster than the cron job
    with pytest.raises(StoreClosedError):
        await place_as_shown(elsewhere)
    await elsewhere.browse("store_bella_napoli")
    await elsewhere.validate()
    assert elsewhere.view.stage is Stage.PLACE

    async def stale(now: object, limit: int) -> object:
        return due

    storage.due = stale  # type: ignore[assignment, method-assign]
    before = sandbox.count("place_order")
    assert outcomes(await Checkouts(gett, storage=storage).reconcile()) == {
        checkout.id: "not_placed"
    }
    assert sandbox.count("place_order") == before
    assert sandbox.orders == []


async def test_a_conflict_while_the_first_is_at_work_is_no_order(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    checkouts = Checkouts(gett, storage=storage)
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    await checkout.pay(CardOnFile("card_declined", "stripe"))
    release = hold(sandbox, "place_order")
    sandbox.switches.fail("place_order", "error", status=409, code="CONFLICT", after=1)
    async with impatient(sandbox, clock) as hasty:
        elsewhere = await Checkouts(hasty, storage=storage).open(checkout.id)
        with pytest.raises(OutcomeUnknownError):
            await place_as_shown(elsewhere)
    release()
    await answered(sandbox)
    clock.advance(61)
    checkout = await checkouts.open(checkout.id)
    with pytest.raises(PaymentDeclinedError):
        await place_as_shown(checkout)
    assert sandbox.orders == []


async def test_an_order_that_comes_to_light_after_giving_up_is_kept(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    slow, other = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await payable(slow)
    release = hold(sandbox, "place_order")
    placing = asyncio.create_task(place_as_shown(checkout))
    await seen(sandbox, "place_order", 1)
    clock.advance(120)
    sandbox.switches.fail("place_order", "error", code="STORE_CLOSED")
    elsewhere = await other.open(checkout.id)
    with pytest.raises(StoreClosedError):
        await place_as_shown(elsewhere)
    await elsewhere.abandon()
    release()
    order = await placing
    elsewhere = await other.open(checkout.id)
    assert elsewhere.view.order == order
    assert len(sandbox.orders) == 1


async def test_an_outage_longer_than_the_quote_ends_in_a_new_price(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await payable(checkouts)
    await lose_order(checkout, sandbox, "drop_before")
    clock.advance(20 * 60)
    with pytest.raises(InvalidRequestError):
        await place_as_shown(checkout)
    assert checkout.view.next_action.kind == "validate"
    await order_for(checkout)
    assert len(sandbox.orders) == 1


async def test_what_cannot_be_read_does_not_stand_before_the_rest(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    checkouts = Checkouts(gett, storage=storage)
    await storage.save(
        "damaged",
        b"?",
        expected_version=0,
        expires_at=clock().replace(year=2027),
        due_at=clock(),
    )
    checkout = await payable(checkouts)
    clock.advance(1)
    await lose_order(checkout, sandbox)
    clock.advance(20)
    before = await storage.load("damaged")
    unreadable, placed = await checkouts.reconcile(limit=1)
    assert (unreadable.checkout_id, unreadable.outcome) == ("damaged", "unknown")
    assert isinstance(unreadable.error, StorageError)
    assert (placed.checkout_id, placed.outcome) == (checkout.id, "placed")
    assert outcomes(await checkouts.reconcile(limit=1)) == {"damaged": "unknown"}
    assert await storage.load("damaged") == before


async def test_what_a_storage_failed_to_give_once_is_not_put_off(
    gett: GettClient, sandbox: Sandbox, clock: Clock
) -> None:
    class Moody(MemoryStorage):
        failures = 0

        async def load(self, checkout_id: str) -> Stored | None:
            if self.failures:
                self.failures -= 1
                raise StorageError("not now")
            return await super().load(checkout_id)

    storage = Moody(clock=clock)
    checkouts = Checkouts(gett, storage=storage)
    checkout = await payable(checkouts)
    await lose_order(checkout, sandbox)
    clock.advance(15)
    storage.failures = 1
    (failed,) = await checkouts.reconcile()
    assert (failed.checkout_id, failed.outcome) == (checkout.id, "unknown")
    assert isinstance(failed.error, StorageError)
    assert outcomes(await checkouts.reconcile()) == {checkout.id: "placed"}
    assert len(sandbox.orders) == 1


async def test_the_lock_is_given_back_when_the_loop_ends_early(
    gett: GettClient, checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    placing = asyncio.create_task(place_as_shown(checkout))
    await asyncio.sleep(0)
    for task in list(gett._tasks):
        task.cancel()
    await asyncio.gather(placing, return_exceptions=True)
    async with asyncio.timeout(5):
        await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


# --- at what price --------------------------------------------------------------------------------


async def test_a_place_that_is_cancelled_while_it_waits_does_not_happen(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    before = sandbox.count("validate_order")
    release = hold(sandbox, "validate_order")
    pricing = asyncio.create_task(checkout.validate(tip=Decimal(50)))
    await seen(sandbox, "validate_order", before + 1)
    placing = asyncio.create_task(place_as_shown(checkout))
    await asyncio.sleep(0)
    placing.cancel()
    await asyncio.gather(placing, return_exceptions=True)
    release()
    await pricing
    assert placing.cancelled()
    assert sandbox.count("place_order") == 0
    await checkout.validate(tip=Decimal(3))
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_the_total_on_the_button_is_the_one_that_is_paid(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    quote = checkout.view.quote
    assert quote is not None
    await checkout.validate(tip=Decimal(50))  # in another tab
    with pytest.raises(TotalChangedError) as changed:
        await checkout.place(total=quote.amounts.total)
    assert changed.value.before == quote.amounts.total
    assert sandbox.count("place_order") == 0
    renewed = checkout.view.quote
    assert renewed is not None
    await checkout.place(total=renewed.amounts.total)
    assert len(sandbox.orders) == 1


@pytest.mark.parametrize("tip", [Decimal(0), Decimal("0.01"), Decimal(7)])
async def test_a_price_change_does_not_hide_behind_a_tip(
    checkouts: Checkouts, sandbox: Sandbox, tip: Decimal
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    first = await checkout.validate()
    await checkout.pay(CARD)
    second = await checkout.validate(tip=tip)
    assert second.amounts.total == first.amounts.total + tip
    assert checkout.view.next_action.kind == "place"  # the tip is the shopper's own wish
    sandbox.switches.price_change = Decimal(5)
    await checkout.validate(tip=tip + 1)
    action = checkout.view.next_action.to_dict()
    assert action["kind"] == "confirm_total"
    assert Decimal(action["after"]) - Decimal(action["before"]) == 5


# --- dead ends and loops --------------------------------------------------------------------------


async def test_an_order_of_a_session_that_ended_can_still_be_found(
    gett: GettClient, checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    session = await gett.create_session(JANE)
    checkout = await checkouts.start(session_token=session.token)
    await until_priced(checkout)
    await checkout.pay(CARD)
    await lose_order(checkout, sandbox)
    sandbox.revoke_all()
    clock.advance(15)
    (looked,) = await checkouts.reconcile()
    assert (looked.checkout_id, looked.outcome) == (checkout.id, "unknown")
    assert isinstance(looked.error, IdentityRequiredError)
    assert await checkouts.reconcile() == [], "it would stand before all others for ever"
    clock.advance(3600)
    assert outcomes(await checkouts.reconcile()) == {checkout.id: "unknown"}
    clock.advance(60)
    checkout = await checkouts.open(checkout.id)
    kinds = [checkout.view.next_action.kind]
    await checkout.identify(JANE)
    assert [*kinds, checkout.view.next_action.kind] == ["sign_in", "reconcile"]
    await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [
        checkout.view.order and checkout.view.order.order_id
    ]


async def test_a_quote_that_only_gett_holds_to_be_over_is_asked_for_again(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.switches.quote_seconds = 60
    checkout = await payable(checkouts)
    clock.advance(61)
    with pytest.raises(InvalidRequestError):
        await place_as_shown(checkout)
    assert checkout.view.next_action.kind == "validate"
    await order_for(checkout)
    assert len(sandbox.orders) == 1


async def test_a_price_that_needs_an_end_user_is_not_asked_for_twice_without_one(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    sandbox.switches.fail(
        "validate_order", "error", status=401, code="SESSION_USER_REQUIRED", times=NEVER
    )
    for _ in range(3):
        with pytest.raises(IdentityRequiredError):
            await checkout.validate()
    assert checkout.view.next_action.kind == "sign_in"
    assert sandbox.count("validate_order") == 1
    sandbox.switches.faults.clear()
    await checkout.identify(JANE)
    await order_for(checkout)


async def test_totals_are_compared_to_the_cent(checkouts: Checkouts) -> None:
    checkout = await payable(checkouts)
    record = checkout._record
    state = record.state
    assert state.quote is not None
    blurred = evolve(
        state.quote,
        amounts=evolve(state.quote.amounts, total=state.quote.amounts.total + Decimal("1e-15")),
    )
    record.happen(Quoted(blurred, state.tip))
    await record.save()
    assert checkout.view.next_action.kind == "place"
    await checkout.confirm_total(round(blurred.amounts.total, 2))


async def test_a_cancelled_save_leaves_no_conflict_behind(
    gett: GettClient, storage: MemoryStorage
) -> None:
    saved, returns = asyncio.Event(), asyncio.Event()
    returns.set()

    class Slow(MemoryStorage):
        async def save(self, *args: object, **rest: object) -> int:
            version = await MemoryStorage.save(self, *args, **rest)  # type: ignore[arg-type]
            saved.set()
            await returns.wait()
            return version

    checkout = await Checkouts(gett, storage=Slow(clock=gett.clock)).start()
    await checkout.browse("store_bella_napoli")
    saved.clear()
    returns.clear()
    adding = asyncio.create_task(checkout.add("item_tiramisu"))
    await saved.wait()
    adding.cancel()
    returns.set()
    await asyncio.gather(adding, return_exceptions=True)
    await checkout.add("item_garlic_bread")
    assert [line.item_id for line in checkout.view.lines] == ["item_tiramisu", "item_garlic_bread"]


async def test_an_end_user_session_that_is_none_is_said_to_whom_it_concerns(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    original = sandbox.switches.session_seconds
    assert original is None
    create = checkout._client.create_session

    async def anonymous(*_: object, **__: object) -> object:
        return await create(None)

    checkout._client.create_session = anonymous  # type: ignore[assignment, method-assign]
    with pytest.raises(SessionUserRequiredError) as refused:
        await checkout.fulfill(HOME)
    assert refused.value.next_action is not None
    assert refused.value.next_action.kind == "contact_support"


@pytest.mark.parametrize(
    "given",
    [
        {"session_token": "abc\n"},
        {"session_token": b"abc"},
        {"identity": {"email": "jane@example.com"}},
        {"checkout_id": 5},
    ],
)
async def test_a_checkout_starts_with_sensible_things_only(
    checkouts: Checkouts, given: dict[str, object]
) -> None:
    with pytest.raises(GettCheckoutError, match="must be"):
        await checkouts.start(**given)  # type: ignore[arg-type]


# --- what other workers and late saves do to a handle ---------------------------------------------


class SlowStorage(MemoryStorage):
    """Holds a save back before it is done or after; a caller who goes away does not stop it."""

    before: asyncio.Event | None = None
    after: asyncio.Event | None = None
    saving: asyncio.Task[int] | None = None

    async def save(self, *args: Any, **rest: Any) -> int:
        self.saving = asyncio.create_task(self._save(self.before, self.after, *args, **rest))
        return await asyncio.shield(self.saving)

    async def _save(
        self, before: asyncio.Event | None, after: asyncio.Event | None, *args: Any, **rest: Any
    ) -> int:
        if before is not None:
            await before.wait()
        version = await super().save(*args, **rest)
        if after is not None:
            await after.wait()
        return version


async def test_a_save_that_arrives_after_its_caller_left_does_not_wedge_the_checkout(
    gett: GettClient, clock: Clock
) -> None:
    storage = SlowStorage(clock=clock)
    checkout = await Checkouts(gett, storage=storage).start()
    await checkout.browse(STORE)
    saved = storage.saving
    storage.before = asyncio.Event()
    adding = asyncio.create_task(checkout.add("item_tiramisu"))
    await until(lambda: storage.saving is not saved)
    await left(adding)
    arriving, let_it, storage.before = storage.saving, storage.before, None
    with pytest.raises(MenuChangedError):
        await checkout.add("item_that_is_none")  # reads what is saved: not yet
    let_it.set()
    assert arriving is not None
    await arriving
    await checkout.add("item_garlic_bread")  # again, on what was saved after all
    assert [line.item_id for line in checkout.view.lines] == ["item_tiramisu", "item_garlic_bread"]


async def test_a_save_that_is_answered_late_does_not_hide_the_next_one(
    gett: GettClient, sandbox: Sandbox, clock: Clock
) -> None:
    storage = SlowStorage(clock=clock)
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start()
    await fill_cart(checkout)
    release = hold(sandbox, "create_session")
    setting = asyncio.create_task(checkout.fulfill(HOME))
    await seen(sandbox, "create_session", 1)
    await left(setting)
    opened = await storage.load(checkout.id)
    answer = storage.after = asyncio.Event()
    release()
    while await storage.load(checkout.id) == opened:  # noqa: ASYNC110 - until the session is saved
        await asyncio.sleep(0)
    storage.after = None
    await (await there.open(checkout.id)).add("item_tiramisu")
    again = await here.open(checkout.id)
    answer.set()
    await again.add("item_tiramisu")
    assert len(again.view.lines) == 4


async def test_what_is_loaded_while_a_step_ends_is_not_taken_for_the_newest(
    gett: GettClient, clock: Clock
) -> None:
    class SlowToLoad(MemoryStorage):
        loaded: asyncio.Event | None = None
        answer = asyncio.Event()

        async def load(self, checkout_id: str) -> Stored | None:
            stored = await super().load(checkout_id)
            if self.loaded is not None:
                self.loaded.set()
                await self.answer.wait()
            return stored

    storage = SlowToLoad(clock=clock)
    checkouts = Checkouts(gett, storage=storage)
    checkout = await checkouts.start()
    await checkout.browse(STORE)
    storage.loaded = asyncio.Event()
    opening = asyncio.create_task(checkouts.open(checkout.id))
    await storage.loaded.wait()
    await checkout.add("item_tiramisu")
    del checkout  # its request is over
    gc.collect()
    storage.answer.set()
    again = await opening
    await again.add("item_tiramisu")
    assert len(again.view.lines) == 2


@pytest.mark.parametrize("handle", ["kept", "opened again"])
async def test_an_address_chosen_again_is_the_one_that_counts(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, handle: str
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start()
    await until_priced(checkout)
    before = sandbox.count("validate_order")
    release = hold(sandbox, "validate_order")
    pricing = asyncio.create_task(checkout.validate())
    await seen(sandbox, "validate_order", before + 1)
    await (await there.open(checkout.id)).fulfill(at("1 Other St"))
    if handle == "opened again":  # in the middle of the step, whose worker does not know yet
        checkout = await here.open(checkout.id)
        release()
    else:
        release()
        with pytest.raises(CheckoutConflictError):
            await pricing
    await checkout.fulfill(HOME)
    await asyncio.gather(pricing, return_exceptions=True)
    assert (await there.open(checkout.id)).view.fulfillment == HOME


async def test_choosing_nothing_new_is_refused_when_another_worker_chose(
    gett: GettClient, storage: MemoryStorage
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    elsewhere = await there.open(checkout.id)
    await elsewhere.fulfill(at("1 Other St"))
    with pytest.raises(CheckoutConflictError):
        await checkout.fulfill(HOME)
    await checkout.fulfill(HOME)
    elsewhere = await there.open(checkout.id)
    await elsewhere.identify(BOB)
    with pytest.raises(CheckoutConflictError):
        await checkout.identify(JANE)
    await checkout.identify(JANE)
    view = (await there.open(checkout.id)).view
    assert view.fulfillment == HOME
    await order_for(checkout)


async def test_a_session_that_opens_meanwhile_takes_nothing_out_of_the_cart(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start()
    await fill_cart(checkout)
    release = hold(sandbox, "create_session")
    setting = asyncio.create_task(checkout.fulfill(HOME))
    await seen(sandbox, "create_session", 1)
    await left(setting)
    await (await there.open(checkout.id)).add("item_tiramisu")
    release()
    sandbox.switches.fail("get_store", "delay", seconds=0.2)
    await checkout.browse(STORE)
    assert len((await there.open(checkout.id)).view.lines) == 3


async def test_the_total_on_the_button_holds_while_a_session_opens(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await payable(here)
    quote = checkout.view.quote
    assert quote is not None
    sandbox.revoke_all()
    before = sandbox.count("create_session")
    release = hold(sandbox, "create_session")
    looking = asyncio.create_task(checkout.saved_cards())
    await seen(sandbox, "create_session", before + 1)
    await left(looking)
    placing = asyncio.create_task(checkout.place(total=quote.amounts.total))
    await asyncio.sleep(0)
    clock.advance(11)  # the other worker does not wait any longer
    elsewhere = await there.open(checkout.id)
    await elsewhere.validate(tip=Decimal(50))
    release()
    with pytest.raises(TotalChangedError):
        await placing
    assert sandbox.count("place_order") == 0


FACTORIES: list[Any] = [None]
if sys.version_info >= (3, 12):
    FACTORIES.append(asyncio.eager_task_factory)


@pytest.mark.parametrize("factory", FACTORIES)
async def test_a_session_that_could_not_be_opened_hides_nothing_that_comes_after(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, clock: Clock, factory: Any
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start(JANE)
    await fill_cart(checkout)
    sandbox.switches.rate_limits = {"writes": 0}
    with pytest.raises(RateLimitedError):
        await gett.create_session()
    asyncio.get_running_loop().set_task_factory(factory)
    with pytest.raises(RateLimitedError):
        await checkout.fulfill(HOME)  # refused here, without a request
    elsewhere = await there.open(checkout.id)
    await elsewhere.add("item_tiramisu")
    again = await here.open(checkout.id)
    assert len(again.view.lines) == 3


@pytest.mark.parametrize("factory", FACTORIES)
async def test_a_cancelled_place_has_its_turn_until_it_ends(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock, factory: Any
) -> None:
    sandbox.switches.session_seconds = 600
    checkout = await payable(checkouts)
    clock.advance(500)  # the session is renewed first, and then the price
    asyncio.get_running_loop().set_task_factory(factory)
    release, before = hold(sandbox, "validate_order"), sandbox.count("validate_order")
    placing = asyncio.create_task(place_as_shown(checkout))
    await seen(sandbox, "validate_order", before + 1)
    await left(placing)
    adding = asyncio.create_task(checkout.add("item_tiramisu"))
    await asyncio.sleep(0)
    release()
    with pytest.raises(StepNotAllowedError):
        await adding
    (order,) = sandbox.orders
    assert checkout.view.order is not None
    assert (checkout.view.order.order_id, len(checkout.view.lines)) == (order.order_id, 2)


async def test_a_checkout_that_is_gone_is_begun_anew(
    gett: GettClient, storage: MemoryStorage
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    await checkout.browse(STORE)
    await storage.delete(checkout.id)
    with pytest.raises(CheckoutNotFoundError) as gone:
        await checkout.add("item_tiramisu")
    assert gone.value.next_action is not None
    assert gone.value.next_action.kind == "start_over"


async def test_a_checkout_is_not_opened_with_the_id_of_another(
    gett: GettClient, storage: MemoryStorage, clock: Clock
) -> None:
    checkouts = Checkouts(gett, storage=storage)
    mine, hers = await checkouts.start(), await checkouts.start(JANE)
    await hers.browse(STORE)
    stored = await storage.load(hers.id)
    assert stored is not None
    week = clock() + timedelta(days=7)
    await storage.save(mine.id, stored.data, expected_version=1, expires_at=week, due_at=None)
    for _ in range(2):  # whether it is at hand or not
        with pytest.raises(StorageError, match="another checkout"):
            await checkouts.open(mine.id)
    assert not mine.view.signed_in
