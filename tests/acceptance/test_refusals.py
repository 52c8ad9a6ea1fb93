"""What Gett rejected stays known: it is shown where it can be fixed, on any worker, until it is."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import (
    Address,
    ApiError,
    CatalogSet,
    Checkout,
    CheckoutConflictError,
    Checkouts,
    Delivery,
    GettCheckoutError,
    GettClient,
    Identity,
    IdentityRequiredError,
    MemoryStorage,
    NewCard,
    OrderBelowMinimumError,
    OutcomeUnknownError,
    Pickup,
    SavedCard,
    Stage,
    StepNotAllowedError,
    Store,
    TotalChangedError,
)
from gett_checkout._core.machine import StoreRead
from gett_checkout.actions import (
    ChooseFulfillment,
    ChoosePayment,
    ContactSupport,
    FixLines,
    SignIn,
    Wait,
)
from gett_checkout.errors import (
    ConflictError,
    ForbiddenError,
    OrderTotalDifferentError,
    ValidationFailedError,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.calls import Call, Response, respond
from gett_checkout.sandbox.storefront import Storefront
from gett_checkout.telemetry.events import PlacementOutcome
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    STORE,
    begin_to_place,
    fill_cart,
    hold,
    listening,
    lose_order,
    payable,
    until_payable,
)
from tests.samples.shopper import place_as_shown, total_shown

NEVER = 10_000
BOB = Identity("bob@example.com", "Bob", "Roe")
VISA = NewCard(
    "4242424242424242", "visa", "123", date(2030, 12, 31), Address("1 A St", "NY", "NY", "10118")
)


def refuse(
    sandbox: Sandbox, operation: str, status: int, code: str, *names: str, **how: Any
) -> None:
    """Have the sandbox refuse the operation, with an entry of ``errors[]`` for each path."""
    sandbox.switches.fail(operation, "error", status=status, code=code, names=names, **how)


def kind_of(checkout: Checkout) -> str:
    return checkout.view.next_action.kind


async def agree(checkouts: Checkouts, checkout: Checkout, error: GettCheckoutError) -> None:
    """The error, the view, and the view after a reload on another worker lead on alike."""
    assert error.next_action == checkout.view.next_action
    again = await checkouts.open(checkout.id)
    assert again.view.next_action == error.next_action
    assert json.loads(json.dumps(again.view.to_dict())) == again.view.to_dict()


# --- the lines of the cart ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "$.cart.lineItems[1].quantity",
        "cart.lineItems[1]",
        "$['cart']['lineItems'][1]['specialInstructions']",
        "/cart/lineItems/1",
    ],
)
@pytest.mark.parametrize("operation", ["validate_order", "place_order"])
async def test_a_line_that_is_named_is_the_one_to_fix(
    checkouts: Checkouts, sandbox: Sandbox, path: str, operation: str
) -> None:
    checkout = await payable(checkouts, JANE)
    refuse(sandbox, operation, 422, "VALIDATION_FAILED", path)
    with pytest.raises(ValidationFailedError) as refused:
        await (place_as_shown(checkout) if operation == "place_order" else checkout.validate())
    second = checkout.view.lines[1].line_id
    assert checkout.view.next_action == FixLines((second,), "VALIDATION_FAILED")
    (problem,) = checkout.view.lines[1].problems
    assert problem.said == "A planned fault."
    await agree(checkouts, checkout, refused.value)
    await checkout.update(second, quantity=1)
    await checkout.validate()
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("MODIFIER_REQUIRED", "Please complete your choices."),
        ("MODIFIER_TOO_MANY", "Please change or remove this item."),
    ],
)
async def test_a_rejection_without_a_count_is_said_without_one(
    checkouts: Checkouts, sandbox: Sandbox, code: str, sentence: str
) -> None:
    checkout = await payable(checkouts, JANE)
    refuse(sandbox, "validate_order", 422, code, "$.cart.lineItems[0].modifierGroups")
    with pytest.raises(ApiError):
        await checkout.validate()
    view = checkout.view.to_dict()
    assert view["lines"][0]["problems"][0]["message"] == sentence
    assert view["requirements"][0]["message"] == sentence
    assert view["next_action"]["kind"] == "complete_modifiers"


async def test_an_item_that_a_new_menu_has_as_null_can_be_taken_out(
    checkouts: Checkouts, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.add("item_tiramisu", line_id="sweet")
    await checkout.fulfill(HOME)
    get_catalog_set = Storefront.get_catalog_set

    def with_null(self: Storefront, call: Call) -> Response:
        document = json.loads(get_catalog_set(self, call).content, parse_float=Decimal)
        document["items"].setdefault("item_tiramisu", None)
        return respond(document)

    monkeypatch.setattr(Storefront, "get_catalog_set", with_null)
    sandbox.switches.off_menu = {"item_tiramisu"}
    with pytest.raises(ApiError):
        await checkout.validate()
    await checkout.browse(STORE)
    assert checkout.view.next_action == FixLines(("sweet",))
    (problem,) = checkout.view.lines[-1].problems
    assert problem.code == "ITEM_UNKNOWN"
    await checkout.remove("sweet")
    await checkout.validate()


async def test_what_gett_calls_sold_out_is_not_suggested_and_does_not_count(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_garlic_bread", quantity=4)
    await checkout.fulfill(HOME)
    sandbox.switches.sold_out.add("item_garlic_bread")
    with pytest.raises(ApiError):
        await checkout.validate()
    gap = checkout.view.minimum_order
    assert gap is not None
    assert not gap.met
    await checkout.remove(checkout.view.lines[0].line_id)
    await checkout.add("item_tiramisu")
    assert "item_garlic_bread" not in [
        each.item.item_id for each in await checkout.suggest_items(99)
    ]


async def test_what_is_found_here_is_no_rejection_by_gett(checkouts: Checkouts) -> None:
    """Below the minimum everything is possible but `place`."""
    checkout = await checkouts.start(JANE)
    await checkout.browse(STORE)
    await checkout.add("item_tiramisu")
    await checkout.fulfill(HOME)
    await checkout.validate()
    await checkout.pay(CARD)
    with pytest.raises(OrderBelowMinimumError) as refused:
        await place_as_shown(checkout)
    assert (checkout.view.stage, kind_of(checkout)) == (Stage.PLACE, "add_items")
    await agree(checkouts, checkout, refused.value)
    await checkout.validate()


async def test_an_update_that_changes_nothing_drops_nothing(checkouts: Checkouts) -> None:
    checkout = await payable(checkouts)
    before, line = checkout.view, checkout.view.lines[0]
    await checkout.update(line.line_id, quantity=line.quantity)
    assert checkout.view == before


async def test_a_tip_is_for_the_order_at_one_store(checkouts: Checkouts) -> None:
    checkout = await payable(checkouts, JANE)
    await checkout.validate(tip="50.00")
    await checkout.browse("store_green_bowl", replace_cart=True)
    assert checkout.view.tip is None


# --- the shopper ----------------------------------------------------------------------------------


@pytest.mark.parametrize("member", ["phone", "email", "$.firstName", "/lastName", "partnerUserId"])
async def test_contact_data_refused_with_a_session_leads_to_sign_in(
    checkouts: Checkouts, sandbox: Sandbox, member: str
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    refuse(sandbox, "create_session", 422, "VALIDATION_FAILED", member)
    with pytest.raises(ValidationFailedError) as refused:
        await checkout.fulfill(HOME)
    assert checkout.view.next_action == SignIn(reason="VALIDATION_FAILED")
    await agree(checkouts, checkout, refused.value)
    await checkout.identify(Identity(JANE.email, "Jane", "Doe", phone="+12125550199"))
    assert kind_of(checkout) == "choose_fulfillment"
    await until_payable(checkout)
    await place_as_shown(checkout)


async def test_a_session_of_somebody_is_not_taken_over_by_another(
    checkouts: Checkouts, gett: GettClient, sandbox: Sandbox
) -> None:
    token = (await gett.create_session(JANE)).token
    card = await gett.add_payment_card(VISA, token=token)
    checkout = await checkouts.start(session_token=token)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.validate()
    await checkout.pay(SavedCard(card.payment_id))
    await checkout.identify(BOB)
    assert checkout.view.payment is None
    assert await checkout.saved_cards() == ()
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    (order,) = sandbox.orders
    assert (order.session_email, order.customer.email) == (BOB.email, BOB.email)


async def test_an_address_of_somebody_goes_with_them(
    checkouts: Checkouts, gett: GettClient, sandbox: Sandbox
) -> None:
    session = await gett.create_session(JANE)
    assert HOME.address is not None
    stored = await gett.add_address(HOME.address, token=session.token)
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(Delivery(address_id=stored))
    await checkout.identify(BOB)
    assert checkout.view.fulfillment is None
    assert kind_of(checkout) == "choose_fulfillment"
    guest = await checkouts.start()
    await guest.browse(STORE)
    before = len(sandbox.requests)
    with pytest.raises(IdentityRequiredError) as refused:
        await guest.fulfill(Delivery(address_id=stored))
    assert refused.value.next_action == SignIn()
    assert len(sandbox.requests) == before
    assert guest.view.next_action == SignIn()
    await agree(checkouts, guest, refused.value)


# --- fulfillment and store ------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(404, "NOT_FOUND"), (422, "VALIDATION_FAILED")])
@pytest.mark.parametrize("step", ["fulfill", "validate"])
async def test_a_stored_address_that_is_gone_leads_to_another_fulfillment(
    checkouts: Checkouts, sandbox: Sandbox, status: int, code: str, step: str
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    if step == "validate":
        await checkout.fulfill(HOME)
    operation = "set_fulfillment_context" if step == "fulfill" else "validate_order"
    refuse(sandbox, operation, status, code, "addressId")
    with pytest.raises(ApiError) as refused:
        await (checkout.fulfill(HOME) if step == "fulfill" else checkout.validate())
    assert checkout.view.next_action == ChooseFulfillment(("delivery", "pickup"), code)
    await agree(checkouts, checkout, refused.value)


async def test_a_price_is_not_asked_for_what_the_store_does_not_offer(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await checkout.fulfill(Pickup())
    menu = await checkout.browse("store_seoul_kitchen")
    await checkout.add(sellable(menu), quantity=9)
    before = sandbox.count("validate_order")
    with pytest.raises(StepNotAllowedError) as refused:
        await checkout.validate()
    assert sandbox.count("validate_order") == before
    assert checkout.view.next_action == ChooseFulfillment(("delivery",))
    await agree(checkouts, checkout, refused.value)


def sellable(menu: CatalogSet) -> str:
    """An item that is sold and needs no choices."""
    return next(item.item_id for item in menu.menu_items() if not item.modifier_group_ids)


async def test_consent_survives_what_changed_nothing_of_the_order(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.switches.closed_stores.add(STORE)
    total = total_shown(checkout)
    with pytest.raises(ApiError):
        await checkout.place(total=total)
    sandbox.switches.closed_stores.clear()
    sandbox.switches.price_change = Decimal("5.00")
    await checkout.browse(STORE)
    await checkout.validate()
    assert kind_of(checkout) == "confirm_total"
    with pytest.raises(TotalChangedError):
        await checkout.place(total=total)
    assert sandbox.orders == []


async def test_the_total_on_the_button_is_consent_to_it(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts, JANE)
    with pytest.raises(TotalChangedError) as refused:
        await checkout.place(total="1.00")
    await agree(checkouts, checkout, refused.value)
    assert refused.value.after is not None
    await checkout.place(total=refused.value.after)
    assert len(sandbox.orders) == 1


# --- payment --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(422, "VALIDATION_FAILED"), (404, "NOT_FOUND")])
async def test_a_saved_card_deleted_meanwhile_leads_to_another_payment(
    checkouts: Checkouts, sandbox: Sandbox, status: int, code: str
) -> None:
    checkout = await payable(checkouts, JANE)
    card = await checkout.add_card(VISA)
    await checkout.pay(SavedCard(card.payment_id))
    refuse(sandbox, "place_order", status, code, "payment.savedCard.paymentId")
    with pytest.raises(ApiError) as refused:
        await place_as_shown(checkout)
    assert checkout.view.next_action == ChoosePayment(code)
    assert checkout.view.payment is None
    await agree(checkouts, checkout, refused.value)
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


# --- what is nobody's here ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("operation", ["validate_order", "place_order"])
async def test_what_names_nothing_is_for_support_until_it_goes_through(
    checkouts: Checkouts, sandbox: Sandbox, status: int, operation: str
) -> None:
    checkout = await payable(checkouts, JANE)
    refuse(sandbox, operation, status, "SHINY_NEW_CODE")
    again = await checkouts.open(checkout.id)
    step = partial(place_as_shown, again) if operation == "place_order" else again.validate
    with pytest.raises(ApiError) as refused:
        await step()
    assert checkout.view.next_action == ContactSupport("INTEGRATION")
    await agree(checkouts, checkout, refused.value)
    assert (
        refused.value.to_problem()["requirements"][0]["details"]["error_code"] == "SHINY_NEW_CODE"
    )
    await step()
    assert kind_of(again) != "contact_support"


async def test_a_quote_that_may_be_over_at_gett_is_asked_for_again(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    """The error for an expired order token is not documented."""
    checkout = await payable(checkouts, JANE)
    clock.advance(120)
    refuse(sandbox, "place_order", 400, "INVALID_REQUEST")
    with pytest.raises(ApiError):
        await place_as_shown(checkout)
    assert kind_of(checkout) == "validate"
    await checkout.validate()
    await place_as_shown(checkout)


async def test_the_same_again_and_again_is_for_support(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts, JANE)
    refuse(sandbox, "place_order", 409, "CONFLICT", times=NEVER)
    for _ in range(3):
        with pytest.raises(ConflictError) as refused:
            await place_as_shown(checkout)
        await agree(checkouts, checkout, refused.value)
        if kind_of(checkout) == "validate":
            await checkout.validate()
    assert checkout.view.next_action == ContactSupport("REPEATED")
    sandbox.switches.faults.clear()  # somebody fixed it at Gett
    await checkout.validate()
    await place_as_shown(checkout)


async def test_a_wait_has_its_end_in_what_is_saved(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    sandbox.switches.fail(
        "validate_order",
        "error",
        status=503,
        code="SERVICE_UNAVAILABLE",
        retry_after=90,
        times=NEVER,
    )
    with pytest.raises(ApiError) as refused:
        await checkout.validate()
    await agree(checkouts, checkout, refused.value)
    assert checkout.view.next_action == Wait(90.0)
    clock.advance(30)
    assert (await checkouts.open(checkout.id)).view.next_action == Wait(60.0)
    clock.advance(60)
    assert kind_of(checkout) == "validate"


async def test_a_permission_that_lacks_is_for_support_on_any_worker(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await fill_cart(checkout)
    refuse(sandbox, "create_session", 403, "FORBIDDEN", "email")
    with pytest.raises(ForbiddenError) as refused:
        await checkout.fulfill(HOME)
    assert checkout.view.next_action == ContactSupport("PERMISSION")
    await agree(checkouts, checkout, refused.value)


# --- while others are at work, and after lost answers ---------------------------------------------


async def test_what_another_worker_changed_meanwhile_is_a_conflict(
    gett: GettClient, sandbox: Sandbox
) -> None:
    storage = MemoryStorage(clock=gett.clock)
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await here.start(JANE)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    await (await there.open(checkout.id)).fulfill(Pickup())
    refuse(sandbox, "validate_order", 422, "VALIDATION_FAILED")
    with pytest.raises(CheckoutConflictError) as conflict:
        await checkout.validate()
    await agree(there, checkout, conflict.value)
    assert kind_of(await there.open(checkout.id)) == "validate"


@pytest.mark.parametrize(
    ("status", "code", "wait"), [(429, "RATE_LIMITED", 60), (503, "SERVICE_UNAVAILABLE", 120)]
)
async def test_gett_says_how_long_an_unknown_outcome_has_to_wait(
    checkouts: Checkouts, sandbox: Sandbox, status: int, code: str, wait: int
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.switches.fail("place_order", "drop_after")
    sandbox.switches.fail(
        "place_order", "error", status=status, code=code, retry_after=wait, after=1, times=NEVER
    )
    with pytest.raises(OutcomeUnknownError) as unknown:
        await place_as_shown(checkout)
    assert unknown.value.retry_after == wait
    assert unknown.value.problem_headers()["Retry-After"] == str(wait)
    assert unknown.value.next_action == Wait(float(wait))
    await agree(checkouts, checkout, unknown.value)
    sandbox.switches.faults.clear()
    assert (await place_as_shown(checkout)).order_id == sandbox.orders[0].order_id


@pytest.mark.parametrize("how", [{"retryable": True}, {"retry_after": 5}])
async def test_a_conflict_that_may_be_retried_is_a_request_still_at_work(
    checkouts: Checkouts, sandbox: Sandbox, how: dict[str, Any]
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.switches.fail("place_order", "drop_before")
    sandbox.switches.fail(
        "place_order", "error", status=409, code="CONFLICT", after=1, times=NEVER, **how
    )
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    assert checkout.view.stage is Stage.PLACING
    assert sandbox.orders == []


async def test_an_order_outlives_its_record(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    told: list[Any] = []
    checkouts = Checkouts(listening(gett, told.append), storage=storage)
    checkout = await payable(checkouts, JANE)
    release = hold(sandbox, "place_order")
    placing = await begin_to_place(checkout, sandbox)
    await storage.delete(checkout.id)
    release()
    order = await placing
    assert order.order_id == sandbox.orders[0].order_id
    assert [each.outcome for each in told if isinstance(each, PlacementOutcome)] == ["placed"]
    assert kind_of(checkout) == "done"


async def test_an_unknown_order_whose_record_is_gone_is_for_a_person(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkouts = Checkouts(gett, storage=storage)
    checkout = await payable(checkouts, JANE)
    await lose_order(checkout, sandbox)
    await storage.delete(checkout.id)
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError) as unknown:
            await place_as_shown(checkout)
        assert unknown.value.next_action == ContactSupport("RECORD_LOST")
        assert checkout.view.placement is not None
        assert unknown.value.idempotency_key == checkout.view.placement.key
    assert len(sandbox.orders) == 1


async def test_a_menu_that_stays_gone_ends_at_support(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    await fill_cart(checkout)
    sandbox.switches.fail("get_catalog_set", "error", code="CATALOGSET_NOT_FOUND", times=9)
    worker = Checkouts(gett, storage=storage)  # one that has not read the menu yet
    checkout = await worker.open(checkout.id)
    with pytest.raises(ApiError):
        await checkout.add("item_tiramisu")
    assert kind_of(checkout) == "choose_store"
    for _ in range(2):
        with pytest.raises(ApiError):
            await checkout.browse(STORE)
    assert kind_of(checkout) == "contact_support"


@pytest.mark.parametrize("stage", [Stage.PLACING, Stage.ABANDONED])
async def test_a_step_that_once_failed_succeeds_at_any_stage(
    checkouts: Checkouts, sandbox: Sandbox, stage: Stage
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.switches.fail("list_payment_methods", "error", status=503, times=9)
    with pytest.raises(ApiError):
        await checkout.saved_cards()
    sandbox.switches.faults.clear()
    if stage is Stage.PLACING:
        await lose_order(checkout, sandbox)
    else:
        await checkout.abandon()
    assert await checkout.saved_cards() is not None
    assert checkout.view.stage is stage


async def test_a_price_change_that_names_an_item_is_about_the_item(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts, JANE)
    names = ("cart.lineItems[0].itemId",)
    sandbox.switches.fail("place_order", "error", code="ORDER_TOTAL_DIFFERENT", names=names)
    before = sandbox.count("validate_order")
    with pytest.raises(OrderTotalDifferentError) as rejected:
        await place_as_shown(checkout)
    assert rejected.value.next_action == checkout.view.next_action
    assert kind_of(checkout) == "fix_lines"
    assert sandbox.count("validate_order") == before


# --- around a step --------------------------------------------------------------------------------


async def test_hours_read_long_ago_close_no_store(
    checkouts: Checkouts, gett: GettClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = await payable(checkouts, JANE)
    store = checkout.store
    assert store is not None
    checkout._record.happen(StoreRead(evolve(store, availability=())))
    assert kind_of(checkout) == "choose_store"
    before = sandbox.count("get_store")
    await place_as_shown(checkout)
    assert sandbox.count("get_store") == before + 1
    closed = await payable(checkouts, JANE)

    async def as_before(store_id: str) -> Store:
        return evolve(store, availability=())

    monkeypatch.setattr(gett, "get_store", as_before)
    closed._record.happen(StoreRead(evolve(store, availability=())))
    with pytest.raises(StepNotAllowedError, match="closed"):
        await place_as_shown(closed)


async def test_an_order_reconciled_elsewhere_meanwhile_is_reconciled_here(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, clock: Clock
) -> None:
    here, there = Checkouts(gett, storage=storage), Checkouts(gett, storage=storage)
    checkout = await payable(here, JANE)
    await lose_order(checkout, sandbox)
    order = await place_as_shown(await there.open(checkout.id))
    assert await checkout.reconcile() == order
    assert len(sandbox.orders) == 1


async def test_what_is_no_error_of_ours_leaves_the_checkout_as_it_was(
    checkouts: Checkouts, gett: GettClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = await payable(checkouts, JANE)
    before = checkout.view

    async def broken(store_id: str) -> Store:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(gett, "get_store", broken)
    with pytest.raises(RuntimeError):
        await checkout.browse(STORE)
    assert checkout.view == before


async def test_a_call_that_lacks_an_argument_fails_at_the_call(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    with pytest.raises(TypeError, match="item_id"):
        _ = checkout.add()  # type: ignore[call-arg]
