"""Whole checkouts over real sockets: what a partner's shopper lives through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    CheckoutConflictError,
    CheckoutNotFoundError,
    Checkouts,
    GettClient,
    Identity,
    IdentityRequiredError,
    InvalidInputError,
    ItemUnavailableError,
    MemoryStorage,
    MenuChangedError,
    NewCard,
    OrderBelowMinimumError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    PaymentFailedError,
    Pickup,
    SavedCard,
    Stage,
    StepNotAllowedError,
    StorageError,
    Store,
    StoreClosedError,
    TotalChangedError,
    TransportError,
)
from gett_checkout._core.machine import StoreRead
from gett_checkout._wire import responses
from gett_checkout.actions import ConfirmTotal, ContactSupport, Validate
from gett_checkout.errors import CartOfAnotherStoreError, ForbiddenError, OrderTotalDifferentError
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    REGULAR,
    STORE,
    fill_cart,
    lose_order,
    operations,
    payable,
    until_payable,
    until_priced,
    writes,
)
from tests.samples.shopper import place_as_shown, total_shown


def next_step(checkout: Checkout) -> str:
    return checkout.view.next_action.kind


async def test_an_order_end_to_end(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start()
    assert next_step(checkout) == "choose_store"
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    gap = checkout.view.minimum_order
    assert gap is not None
    assert gap.message() == "Add $4.50 more to reach the $15.00 minimum"
    assert next_step(checkout) == "add_items"
    await checkout.add("item_garlic_bread")
    assert next_step(checkout) == "choose_fulfillment"
    await checkout.fulfill(HOME)
    assert checkout.view.session.level == "partner-only"
    quote = await checkout.validate(tip=Decimal("3.00"))
    assert quote.amounts.tip == Decimal("3.00")
    assert next_step(checkout) == "sign_in"
    await checkout.identify(JANE)
    assert checkout.view.session.level == "partner-only"
    await checkout.pay(CARD)
    assert checkout.view.session.level == "end-user"
    assert next_step(checkout) == "place"
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    assert sandbox.orders[0].total == quote.amounts.total
    assert checkout.view.stage is Stage.PLACED
    assert checkout.view.requirements == ()


async def test_placing_again_gives_the_same_order(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await payable(checkouts)
    first = await place_as_shown(checkout)
    assert await place_as_shown(checkout) == first
    reopened = await checkouts.open(checkout.id)
    assert await place_as_shown(reopened) == first
    assert operations(sandbox).count("place_order") == 1
    assert len(sandbox.orders) == 1


async def test_without_identity_paying_is_refused_before_any_request(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    before = len(sandbox.requests)
    with pytest.raises(IdentityRequiredError) as refused:
        await checkout.pay(CARD)
    assert len(sandbox.requests) == before
    assert refused.value.next_action is not None
    assert refused.value.next_action.kind == "sign_in"
    assert refused.value.checkout_id == checkout.id


async def test_below_the_minimum_placing_is_refused_before_any_request(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    line = await checkout.add("item_margherita", modifiers=REGULAR)
    await checkout.fulfill(HOME)
    await checkout.validate(tip=Decimal("20.00"))
    await checkout.pay(CARD)
    before = len(sandbox.requests)
    with pytest.raises(OrderBelowMinimumError) as refused:
        await place_as_shown(checkout)
    assert len(sandbox.requests) == before
    gap = refused.value.minimum_order
    assert gap is not None
    assert (gap.minimum, gap.subtotal, gap.gap) == (
        Decimal("15.00"),
        Decimal("10.50"),
        Decimal("4.50"),
    )
    assert gap.basis == "quote"
    await checkout.update(line.line_id, quantity=2)
    view = checkout.view
    assert view.minimum_order is not None
    assert view.minimum_order.met
    assert view.minimum_order.basis == "estimate"
    await checkout.validate()
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]


@pytest.mark.parametrize("known", [Decimal("5.00"), None])
@pytest.mark.parametrize("refuses_at", ["validate", "place"])
async def test_a_minimum_that_only_gett_knows_of_is_read_again(
    checkouts: Checkouts, sandbox: Sandbox, refuses_at: str, known: Decimal | None
) -> None:
    """Errors › ORDER_BELOW_MINIMUM: read the store's minimum, show the gap, let the shopper add items."""
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    before = checkout.store
    assert before is not None
    lower = evolve(before, minimum_order_amount=known)  # as it was when it was browsed
    checkout._record.happen(StoreRead(lower))
    await checkout._record.save()
    await checkout.fulfill(HOME)
    if refuses_at == "place":
        await checkout.validate()
        await checkout.pay(CARD)
    sandbox.switches.reserved_codes = {"ORDER_BELOW_MINIMUM"}
    with pytest.raises(OrderBelowMinimumError) as refused:
        await (checkout.validate() if refuses_at == "validate" else place_as_shown(checkout))
    gap = checkout.view.minimum_order
    assert gap is not None
    assert gap == refused.value.minimum_order
    assert (gap.minimum, gap.gap) == (Decimal("15.00"), Decimal("4.50"))
    assert operations(sandbox).count("get_store") == 2
    await checkout.add("item_san_pellegrino")
    with pytest.raises(OrderBelowMinimumError):
        await checkout.validate()
    assert operations(sandbox).count("get_store") == 2, "what is known is not read again"


async def test_a_refusal_below_the_minimum_is_told_when_the_store_cannot_be_read(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    sandbox.switches.fail("validate_order", "error", code="ORDER_BELOW_MINIMUM")
    sandbox.switches.fail("get_store", "error", code="STORE_NOT_FOUND")
    with pytest.raises(OrderBelowMinimumError):
        await checkout.validate()
    assert operations(sandbox)[-1] == "get_store"
    assert next_step(checkout) == "add_items"


async def test_top_ups_close_the_gap(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    await checkout.browse(STORE)
    await checkout.add("item_margherita", modifiers=REGULAR)
    for way in await checkout.suggest_items():
        line = await checkout.add(way.item.item_id, quantity=way.quantity)
        assert checkout.view.minimum_order is not None
        assert checkout.view.minimum_order.met, way
        await checkout.remove(line.line_id)
        assert not checkout.view.minimum_order.met
    await checkout.add("item_garlic_bread")
    assert await checkout.suggest_items() == ()


async def test_a_store_without_minimum_has_no_gap(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.browse("store_green_bowl")
    await checkout.add("item_lentil_soup")
    assert checkout.view.minimum_order is None
    await checkout.fulfill(Pickup())
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert sandbox.orders[0].fulfillment_type == "pickup"


async def test_nested_required_modifiers(checkouts: Checkouts, sandbox: Sandbox) -> None:
    from gett_checkout import Modifier

    checkout = await checkouts.start(JANE)
    await checkout.browse("store_seoul_kitchen")
    line = await checkout.add("item_bibimbap", quantity=2)
    assert next_step(checkout) == "complete_modifiers"
    await checkout.update(line.line_id, modifiers={"group_protein": ["item_protein_bulgogi"]})
    assert next_step(checkout) == "complete_modifiers"
    with pytest.raises(StepNotAllowedError) as refused:
        await checkout.validate()
    assert refused.value.requirements[0].code == "modifiers"
    sauce = {"group_sauce_level": ["item_sauce_seoul_hot"]}
    chosen = {"group_protein": [Modifier("item_protein_bulgogi", modifiers=sauce)]}
    line = await checkout.update(line.line_id, modifiers=chosen)
    assert line.total == 2 * (Decimal("13.50") + Decimal("3.00") + Decimal("0.50"))
    await checkout.fulfill(HOME)
    quote = await checkout.validate()
    assert quote.amounts.sub_total == line.total
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


@pytest.mark.parametrize(
    ("item_id", "modifiers"),
    [
        ("item_unheard_of", None),
        ("item_truffle_burrata", None),
        ("item_size_large", None),  # no section sells it
        ("item_garlic_bread", {"group_pizza_size": ["item_size_regular"]}),
        ("item_margherita", {"group_pizza_size": ["item_topping_olives"]}),
        ("item_margherita", {"group_pizza_size": ["item_topping_olives", "item_size_large"]}),
    ],
)
async def test_what_the_menu_does_not_offer_is_no_fault_of_the_page(
    checkouts: Checkouts, item_id: str, modifiers: dict[str, list[str]] | None
) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    before = checkout.view
    with pytest.raises(MenuChangedError, match="reload the menu") as changed:
        await checkout.add(item_id, modifiers=modifiers)
    assert checkout.view == before
    problem = changed.value.to_problem()
    assert (problem["status"], problem["code"]) == (409, "MENU_CHANGED")
    assert [each["path"][0] for each in problem["problems"]] == [item_id]


async def test_too_many_choices_are_named(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    before = checkout.view
    both = {"group_pizza_size": ["item_size_regular", "item_size_large"]}
    with pytest.raises(InvalidInputError) as refused:
        await checkout.add("item_margherita", modifiers=both)
    assert [each.pointer for each in refused.value.errors] == ["/modifiers/group_pizza_size"]
    assert checkout.view == before


@pytest.mark.parametrize("quantity", [0, -1, 100, True, "2", 1.0])
async def test_a_quantity_is_a_whole_number_in_bounds(checkouts: Checkouts, quantity: int) -> None:
    checkout = await checkouts.start()
    await checkout.browse(STORE)
    with pytest.raises(InvalidInputError):
        await checkout.add("item_garlic_bread", quantity=quantity)
    assert checkout.view.lines == ()


async def test_a_storage_that_counts_its_checkouts_is_used_while_it_is_empty(
    gett: GettClient,
) -> None:
    class Counting(MemoryStorage):
        def __len__(self) -> int:
            return 0

    storage = Counting()
    checkout = await Checkouts(gett, storage=storage).start()
    assert await storage.load(checkout.id) is not None


async def test_a_tip_that_gett_does_not_repeat_is_in_the_order(
    checkouts: Checkouts, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = responses.validated

    def without_tip(value: Any, *args: Any, **kwargs: Any) -> Any:
        del value["amounts"]["tip"]
        return read(value, *args, **kwargs)

    monkeypatch.setattr(responses, "validated", without_tip)
    checkout = await payable(checkouts)
    assert checkout.view.quote is not None
    assert checkout.view.quote.amounts.tip == Decimal("3.00")
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


@pytest.mark.parametrize("tip", [Decimal(-1), 3.0, "a lot", Decimal("NaN"), Decimal("0.001")])
async def test_a_tip_is_an_exact_amount(checkouts: Checkouts, tip: Decimal) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    before = checkout.view
    with pytest.raises(InvalidInputError):
        await checkout.validate(tip=tip)
    assert checkout.view == before


async def test_another_worker_goes_on(gett: GettClient, storage: MemoryStorage) -> None:
    started = await Checkouts(gett, storage=storage).start()
    await until_priced(started)
    elsewhere = Checkouts(gett, storage=storage)
    checkout = await elsewhere.open(started.id)
    assert checkout.view == started.view
    await checkout.identify(JANE)
    await checkout.pay(CARD)
    checkout = await Checkouts(gett, storage=storage).open(started.id)
    assert (await place_as_shown(checkout)).order_id is not None


async def test_handles_in_one_process_follow_one_another(checkouts: Checkouts) -> None:
    started = await checkouts.start()
    await started.browse(STORE)
    one, other = await checkouts.open(started.id), await checkouts.open(started.id)
    await one.add("item_garlic_bread")
    await other.add("item_tiramisu")
    assert len(one.view.lines) == len(other.view.lines) == 2


async def test_an_unknown_checkout(checkouts: Checkouts) -> None:
    with pytest.raises(CheckoutNotFoundError) as missing:
        await checkouts.open("nobody")
    assert missing.value.checkout_id == "nobody"


async def test_an_expired_checkout_is_absent(checkouts: Checkouts, clock: Clock) -> None:
    checkout = await checkouts.start()
    clock.advance(8 * 24 * 3600)
    with pytest.raises(CheckoutNotFoundError):
        await checkouts.open(checkout.id)


async def test_a_taken_id_conflicts(checkouts: Checkouts) -> None:
    await checkouts.start(checkout_id="mine")
    with pytest.raises(CheckoutConflictError):
        await checkouts.start(checkout_id="mine")


async def test_a_declined_card_then_another(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    await checkout.pay(CardOnFile("card_declined", "stripe"))
    with pytest.raises(PaymentDeclinedError) as declined:
        await place_as_shown(checkout)
    action = declined.value.next_action
    assert action is not None
    assert action.to_dict() == {"kind": "choose_payment", "reason": "PAYMENT_DECLINED"}
    assert checkout.view.stage is Stage.PAY
    assert checkout.view.next_action == action
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    first, second = (seen for seen in sandbox.requests if seen.operation == "place_order")
    assert first.idempotency_key != second.idempotency_key
    assert len(sandbox.orders) == 1


async def test_a_payment_that_fails_once_is_tried_again_under_the_same_key(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    await checkout.pay(CardOnFile("card_fails_once", "stripe"))
    await place_as_shown(checkout)
    keys = [seen.idempotency_key for seen in sandbox.requests if seen.operation == "place_order"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert all(1.0 <= wait <= 3.0 for wait in clock.slept)
    assert len(sandbox.orders) == 1


async def test_a_payment_that_always_fails_is_tried_three_times(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    await checkout.pay(CardOnFile("card_fails_always", "stripe"))
    with pytest.raises(PaymentFailedError):
        await place_as_shown(checkout)
    assert sandbox.count("place_order") == 3
    assert checkout.view.stage is Stage.PAY
    assert sandbox.orders == []


async def test_an_expired_quote_asks_for_a_new_price(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await payable(checkouts)
    clock.advance(15 * 60)
    assert checkout.view.stage is Stage.VALIDATE
    assert next_step(checkout) == "validate"
    before = len(sandbox.requests)
    with pytest.raises(StepNotAllowedError):
        await place_as_shown(checkout)
    assert len(sandbox.requests) == before
    await checkout.validate()
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_changed_total_needs_consent(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await payable(checkouts)
    quote = checkout.view.quote
    assert quote is not None
    before = quote.amounts.total
    sandbox.switches.price_change = Decimal("1.25")
    with pytest.raises(TotalChangedError) as moved:  # Gett found it: the price was asked for again
        await checkout.place(total=before)
    after = before + Decimal("1.25")
    assert (moved.value.before, moved.value.after) == (before, after)
    assert moved.value.next_action == ConfirmTotal(before, after)
    assert checkout.view.next_action == moved.value.next_action
    asked = len(sandbox.requests)
    for outdated in (before, "1", after + 1):
        with pytest.raises(TotalChangedError) as changed:
            await checkout.place(total=outdated)
        assert (changed.value.before, changed.value.after) == (Decimal(outdated), after)
    with pytest.raises(TotalChangedError):
        await checkout.confirm_total(before)
    assert (len(sandbox.requests), sandbox.orders) == (asked, [])
    await checkout.place(total=after)
    assert [order.total for order in sandbox.orders] == [after]


async def test_a_total_that_is_the_same_after_all_goes_on(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    sandbox.switches.fail("place_order", "error", code="ORDER_TOTAL_DIFFERENT", times=2)
    order = await place_as_shown(checkout)
    assert [each.order_id for each in sandbox.orders] == [order.order_id]
    sent = [each for each in sandbox.requests if each.operation == "place_order"]
    assert len({each.idempotency_key for each in sent}) == len(sent) == 3
    assert checkout.view.stage is Stage.PLACED


async def test_a_total_that_differs_for_ever_is_for_a_person(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    sandbox.switches.fail("place_order", "error", code="ORDER_TOTAL_DIFFERENT", times=9)
    with pytest.raises(OrderTotalDifferentError) as different:
        await place_as_shown(checkout)
    assert different.value.next_action == ContactSupport("REPEATED")
    assert len([each for each in sandbox.requests if each.operation == "place_order"]) == 3
    assert sandbox.orders == []


@pytest.mark.parametrize("moved", [Decimal("0.00"), Decimal("1.25")])
async def test_a_moved_price_is_judged_by_no_other_rejection(
    checkouts: Checkouts, sandbox: Sandbox, moved: Decimal
) -> None:
    """The saved cards are for a person to look into; the order is the shopper's as before."""
    checkout = await payable(checkouts)
    before = total_shown(checkout)
    sandbox.switches.fail("list_payment_methods", "error", code="FORBIDDEN")
    with pytest.raises(ForbiddenError) as forbidden:
        await checkout.saved_cards()
    assert forbidden.value.next_action == ContactSupport("PERMISSION")
    sandbox.switches.price_change = moved
    if moved:
        with pytest.raises(TotalChangedError) as changed:
            await checkout.place(total=before)
        assert (changed.value.before, changed.value.after) == (before, before + moved)
        assert sandbox.orders == []
    else:
        sandbox.switches.fail("place_order", "error", code="ORDER_TOTAL_DIFFERENT")
    await checkout.place(total=before + moved)
    assert [order.total for order in sandbox.orders] == [before + moved]


async def test_a_price_that_moved_after_a_lost_response_changes_no_order(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    total = total_shown(checkout)
    await lose_order(checkout, sandbox)
    sandbox.switches.price_change = Decimal("1.25")
    order = await checkout.place(total="1")  # it is under way for the total they agreed to
    assert [(each.order_id, each.total) for each in sandbox.orders] == [(order.order_id, total)]


async def test_reconcile_asks_for_no_other_price(
    gett: GettClient, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await payable(Checkouts(gett, clock=clock))
    total = total_shown(checkout)
    await lose_order(checkout, sandbox, "drop_before")
    sandbox.switches.price_change = Decimal("1.25")
    clock.advance(90)  # no request can be at work any more
    with pytest.raises(OrderTotalDifferentError) as different:
        await checkout.reconcile()
    assert different.value.next_action == Validate()
    await checkout.validate()
    with pytest.raises(TotalChangedError) as changed:
        await checkout.place(total=total)
    assert (changed.value.before, changed.value.after) == (total, total + Decimal("1.25"))
    assert sandbox.orders == []


async def test_a_changed_cart_is_a_new_order_and_needs_no_consent(checkouts: Checkouts) -> None:
    checkout = await payable(checkouts)
    await checkout.add("item_tiramisu")
    assert checkout.view.requirements[0].code == "quote"
    await checkout.validate()
    assert checkout.view.stage is Stage.PLACE
    await place_as_shown(checkout)


async def test_a_sold_out_item_names_its_line(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    sandbox.switches.sold_out.add("item_garlic_bread")
    with pytest.raises(ItemUnavailableError):
        await checkout.validate()
    marked = [line.item_id for line in checkout.view.lines if line.problems]
    assert marked == ["item_garlic_bread"]
    assert checkout.view.stage is Stage.BROWSE
    assert next_step(checkout) == "fix_lines"
    line = next(line for line in checkout.view.lines if line.problems)
    await checkout.remove(line.line_id)
    await checkout.add("item_tiramisu")
    await checkout.validate()


async def test_a_store_that_closes_keeps_the_cart(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await payable(checkouts)
    sandbox.switches.closed_stores.add(STORE)
    with pytest.raises(StoreClosedError):
        await place_as_shown(checkout)
    assert checkout.view.next_action.to_dict() == {"kind": "choose_store", "reason": "STORE_CLOSED"}
    assert len(checkout.view.lines) == 2
    sandbox.switches.closed_stores.clear()
    await checkout.browse(STORE)
    await checkout.validate()
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_closed_store_is_said_and_not_ordered_from(checkouts: Checkouts) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.browse("store_night_owl")
    await checkout.add("item_burger", modifiers={"group_doneness": ["item_medium_rare"]})
    assert "store_open" in [each.code for each in checkout.view.requirements]


async def test_what_the_store_does_not_offer_is_refused_before_any_request(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await checkout.browse("store_green_bowl")
    before = len(sandbox.requests)
    with pytest.raises(StepNotAllowedError):
        await checkout.fulfill(HOME)
    assert len(sandbox.requests) == before


async def test_going_to_another_store_does_not_drop_the_cart_unasked(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    with pytest.raises(CartOfAnotherStoreError):
        await checkout.browse("store_seoul_kitchen")
    before = checkout.view
    assert len(before.lines) == 2
    await checkout.browse("store_seoul_kitchen", replace_cart=True)
    after = checkout.view
    assert after.lines == ()


async def test_reading_the_menu_again_keeps_the_quote(checkouts: Checkouts) -> None:
    checkout = await payable(checkouts)
    before = checkout.view.quote
    await checkout.browse(STORE)
    assert checkout.view.stage is Stage.PLACE
    assert checkout.view.quote == before


async def test_an_abandoned_checkout_takes_no_more_steps(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    await checkout.abandon()
    assert next_step(checkout) == "start_over"
    assert writes(sandbox) == []
    for step in (checkout.fulfill(HOME), place_as_shown(checkout), checkout.identify(JANE)):
        with pytest.raises(StepNotAllowedError):
            await step


async def test_the_address_may_come_before_the_first_item(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.fulfill(HOME)
    await fill_cart(checkout)
    assert checkout.view.stage is Stage.VALIDATE
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_card_is_saved_and_paid_with(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    card = NewCard(
        number="4242 4242 4242 4242",
        card_type="visa",
        cvc="123",
        expiration=date(2030, 1, 31),
        billing_address=Address("350 5th Ave", "New York", "NY", "10118"),
    )
    before = len(sandbox.requests)
    for step in (checkout.saved_cards(), checkout.add_card(card)):
        with pytest.raises(IdentityRequiredError):
            await step
    assert len(sandbox.requests) == before
    await checkout.identify(JANE)
    assert await checkout.saved_cards() == ()
    saved = await checkout.add_card(card)
    assert saved.last_four == "4242"
    assert await checkout.saved_cards() == (saved,)
    await checkout.pay(SavedCard(saved.payment_id))
    await place_as_shown(checkout)
    assert sandbox.orders[0].payment_kind == "savedCard"


async def test_a_saved_card_is_not_another_shoppers(checkouts: Checkouts) -> None:
    checkout = await payable(checkouts)
    await checkout.pay(SavedCard("jane's"))
    await checkout.identify(Identity("john@example.org", "John", "Roe"))
    assert checkout.view.payment is None


# --- what cannot be right, and what another worker did meanwhile ----------------------------------

MISTAKEN: dict[str, Callable[[Checkout], Awaitable[object]]] = {
    "an item that is no id": lambda checkout: checkout.add(5),  # type: ignore[arg-type]
    "instructions that are no text": lambda checkout: checkout.add(
        "item_garlic_bread",
        special_instructions=5,  # type: ignore[arg-type]
    ),
    "a fulfillment by its name": lambda checkout: checkout.fulfill("pickup"),  # type: ignore[arg-type]
    "an identity by its e-mail": lambda checkout: checkout.identify(JANE.email),  # type: ignore[arg-type]
    "a payment by its name": lambda checkout: checkout.pay("cash"),  # type: ignore[arg-type]
    "a card as a mapping": lambda checkout: checkout.add_card({}),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("step", MISTAKEN.values(), ids=MISTAKEN.keys())
async def test_a_value_of_another_kind_is_refused_and_changes_nothing(
    checkouts: Checkouts, sandbox: Sandbox, step: Callable[[Checkout], Awaitable[object]]
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    before, asked = checkout.view, len(sandbox.requests)
    with pytest.raises(InvalidInputError):
        await step(checkout)
    assert (checkout.view, len(sandbox.requests)) == (before, asked)


async def test_steps_out_of_turn_say_what_comes_first(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    with pytest.raises(StepNotAllowedError, match="choose a store first"):
        await checkout.add("item_garlic_bread")
    with pytest.raises(StepNotAllowedError, match="confirm_total is not possible"):
        await checkout.confirm_total("1.00")
    assert sandbox.requests == []


async def test_a_store_without_a_menu_is_not_chosen(
    checkouts: Checkouts, gett: GettClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = evolve(await gett.get_store(STORE), catalog_set_id=None)

    async def get_store(_: str) -> Store:
        return bare

    monkeypatch.setattr(gett, "get_store", get_store)
    checkout = await checkouts.start()
    with pytest.raises(StepNotAllowedError, match="the store has no menu"):
        await checkout.browse(STORE)
    assert checkout.view.store is None


def test_a_lifetime_outlives_the_longest_placement(gett: GettClient) -> None:
    with pytest.raises(InvalidInputError, match="two days"):
        Checkouts(gett, lifetime=2 * 24 * 3600 - 1)
    assert Checkouts(gett, lifetime=2 * 24 * 3600).lifetime == 172800.0
    assert Checkouts(gett).lifetime == 7 * 24 * 3600


async def test_a_cart_changed_by_another_worker_is_not_placed_unseen(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout = await payable(Checkouts(gett, storage=storage))
    elsewhere = await Checkouts(gett, storage=storage).open(checkout.id)
    await elsewhere.add("item_garlic_bread")
    with pytest.raises(CheckoutConflictError):
        await place_as_shown(checkout)
    assert sandbox.orders == []
    assert next_step(checkout) == "validate"  # it has seen the other cart by now
    assert len(checkout.view.lines) == 3


async def test_a_checkout_deleted_meanwhile_is_not_placed(
    checkouts: Checkouts, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    await storage.delete(checkout.id)
    with pytest.raises(CheckoutNotFoundError, match="expired or was deleted") as gone:
        await place_as_shown(checkout)
    assert gone.value.checkout_id == checkout.id
    assert sandbox.orders == []


async def test_another_checkout_under_the_id_is_not_opened(
    gett: GettClient, storage: MemoryStorage, clock: Clock
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    stored = await storage.load(checkout.id)
    assert stored is not None
    later = clock() + timedelta(days=1)
    await storage.save("other", stored.data, expected_version=0, expires_at=later, due_at=None)
    with pytest.raises(StorageError, match="another checkout"):
        await Checkouts(gett, storage=storage).open("other")


async def test_a_session_that_cannot_be_renewed_leaves_the_order_to_be_placed(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.switches.session_seconds = 600
    checkout = await payable(checkouts)
    clock.advance(600)  # the price lives longer than the session
    sandbox.switches.fail("create_session", "drop_before", times=99)
    with pytest.raises(TransportError) as failed:
        await place_as_shown(checkout)
    assert not isinstance(failed.value, OutcomeUnknownError)
    assert (checkout.view.stage, next_step(checkout)) == (Stage.PLACE, "wait")
    assert sandbox.count("place_order") == 0
    clock.advance(1)
    assert next_step(checkout) == "place"
    sandbox.switches.faults.clear()
    assert (await place_as_shown(checkout)).order_id == sandbox.orders[0].order_id


async def test_the_menu_is_there_at_any_stage_and_on_any_worker(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    with pytest.raises(StepNotAllowedError, match="choose a store first"):
        await checkout.menu()
    await until_payable(checkout)
    asked = sandbox.count("get_catalog_set")
    await checkout.menu()
    assert sandbox.count("get_catalog_set") == asked
    elsewhere = await Checkouts(gett, storage=storage).open(checkout.id)
    assert (await elsewhere.menu()).catalog_set_id == (await checkout.menu()).catalog_set_id
    assert sandbox.count("get_catalog_set") == asked + 1
