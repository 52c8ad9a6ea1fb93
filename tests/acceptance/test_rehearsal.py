"""What a partner rehearses: every documented error code, and order events from end to end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from decimal import Decimal

import pytest
from aiohttp import web
from attrs import frozen

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    Delivery,
    GettCheckoutError,
    GettClient,
    MemoryStorage,
    NewCard,
    OutcomeUnknownError,
    SavedCard,
    Stage,
)
from gett_checkout.errors import ApiError, BadGatewayError, WebhookError, WebhookRefusedError
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock, signed_event
from gett_checkout.webhooks import OrderEvent, handle_once, verify_event
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    REGULAR,
    STORE,
    payable,
    until_priced,
)
from tests.samples.documented import DOCUMENTED, LANDINGS, Documented
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

INVALID_ADDRESS = Delivery(Address("1 Nowhere", "New York", "NY", "00000"))
FAR_AWAY = Delivery(Address("1 Far Away", "Anchorage", "AK", "99999"))
NUMBER = "4000000000000069"
BILLING = Address("350 5th Ave", "New York", "NY", "10118")
INVALID_CARD = NewCard(NUMBER, "visa", "737", date(2031, 12, 31), BILLING)


# --- every code, from a bare client ---------------------------------------------------------------


@pytest.mark.parametrize("row", DOCUMENTED.values(), ids=DOCUMENTED)
async def test_every_code_comes_on_demand(
    gett: GettClient, sandbox: Sandbox, row: Documented
) -> None:
    is_page = row.code == "BAD_GATEWAY"
    sandbox.switches.fail(
        "get_store", "html" if is_page else "error", code=None if is_page else row.code, times=99
    )
    with pytest.raises(ApiError) as refused:
        await gett.get_store(STORE)
    error = refused.value
    assert type(error).__name__ == row.error
    assert (error.status, error.retryable) == (row.status, row.retryable)
    assert error.next_action is not None
    assert error.next_action.kind == row.next_action
    assert sandbox.requests[0].status == row.status


# --- every code, in a checkout --------------------------------------------------------------------

Step = Callable[[Checkout, Sandbox], Awaitable[object]]


async def fulfill_invalid(checkout: Checkout, _: Sandbox) -> None:
    await checkout.fulfill(INVALID_ADDRESS)


async def fulfill_far_away(checkout: Checkout, _: Sandbox) -> None:
    await checkout.fulfill(FAR_AWAY)


async def moved_out_of_range(checkout: Checkout, sandbox: Sandbox) -> None:
    """The address is found out only when the order is placed."""
    sandbox.switches.reserved_codes.clear()
    await checkout.fulfill(FAR_AWAY)
    await checkout.validate()
    sandbox.switches.reserved_codes.add("ADDRESS_OUT_OF_RANGE")
    await place_as_shown(checkout)


async def validate(checkout: Checkout, _: Sandbox) -> None:
    await checkout.validate()


async def place(checkout: Checkout, _: Sandbox) -> None:
    await place_as_shown(checkout)


async def browse_again(checkout: Checkout, _: Sandbox) -> None:
    await checkout.browse(STORE)


async def browse_elsewhere(checkout: Checkout, _: Sandbox) -> None:
    await checkout.browse("store_that_never_was", replace_cart=True)


async def place_after_closing(checkout: Checkout, sandbox: Sandbox) -> None:
    sandbox.switches.closed_stores.add(STORE)
    await place_as_shown(checkout)


async def place_sold_out(checkout: Checkout, sandbox: Sandbox) -> None:
    sandbox.switches.sold_out.add("item_garlic_bread")
    await place_as_shown(checkout)


def paying_with(token: str) -> Step:
    async def pay(checkout: Checkout, _: Sandbox) -> None:
        await checkout.pay(CardOnFile(token, "stripe"))
        await place_as_shown(checkout)

    return pay


async def pay_with_an_invalid_saved_card(checkout: Checkout, _: Sandbox) -> None:
    saved = await checkout.add_card(INVALID_CARD)
    await checkout.pay(SavedCard(saved.payment_id))
    await place_as_shown(checkout)


async def order_twice_the_same_token(checkout: Checkout, sandbox: Sandbox) -> None:
    """The order is made under a key that is then forgotten, as after a day."""
    sandbox.switches.fail("place_order", "drop_after")
    sandbox.switches.key_policy = "none"
    await place_as_shown(checkout)


async def order_twice_and_ask_a_minute_later(checkout: Checkout, sandbox: Sandbox) -> None:
    """Until then the first request may be at work still, and "used" proves nothing."""
    with pytest.raises(OutcomeUnknownError):
        await order_twice_the_same_token(checkout, sandbox)
    checkout._client.clock.advance(61)  # type: ignore[attr-defined]
    await place_as_shown(checkout)


async def distrusted(checkout: Checkout, sandbox: Sandbox) -> None:
    sandbox.switches.reject_end_users = True
    await place_as_shown(checkout)


async def too_many_writes(checkout: Checkout, sandbox: Sandbox) -> None:
    sandbox.switches.rate_limits = {"writes": 0}
    await checkout.validate(tip=Decimal(1))


def refused_with(code: str, step: Step, operation: str) -> Step:
    """The step, meeting planned faults."""

    async def run(checkout: Checkout, sandbox: Sandbox) -> None:
        sandbox.switches.fail(operation, "error", code=code, times=99)
        await step(checkout, sandbox)

    return run


@frozen
class Case:
    """How a code is met in a checkout that was ready to be placed, and what is next there."""

    code: str
    step: Step
    next_action: str
    stage: Stage
    orders: int = 0


# From the sandbox's own rules, where the library lets them through. Or what is next is not what the code
# alone says: the store chosen before is as good as it was; a session is renewed by itself, and so is a price.
# fmt: off
OWN = (
    Case("ADDRESS_INVALID", fulfill_invalid, "choose_fulfillment", Stage.PLACE),
    Case("ADDRESS_OUT_OF_RANGE", fulfill_far_away, "choose_fulfillment", Stage.PLACE),
    Case("ADDRESS_OUT_OF_RANGE", moved_out_of_range, "choose_fulfillment", Stage.FULFILLMENT),
    Case("PAYMENT_METHOD_INVALID", paying_with("card_invalid"), "choose_payment", Stage.PAY),
    Case("PAYMENT_METHOD_INVALID", pay_with_an_invalid_saved_card, "choose_payment", Stage.PAY),
    Case("ORDER_ALREADY_PLACED", order_twice_the_same_token, "done", Stage.PLACED, orders=1),
    Case("ITEM_UNAVAILABLE", place_sold_out, "fix_lines", Stage.BROWSE),
    Case("STORE_CLOSED", place_after_closing, "choose_store", Stage.BROWSE),
    Case("PAYMENT_DECLINED", paying_with("card_declined"), "choose_payment", Stage.PAY),
    Case("PAYMENT_FAILED", paying_with("card_fails_always"), "choose_payment", Stage.PAY),
    Case("CONFLICT", order_twice_and_ask_a_minute_later, "done", Stage.PLACED, orders=1),
    Case("RATE_LIMITED", too_many_writes, "wait", Stage.PLACE),
    Case("STORE_NOT_FOUND", browse_elsewhere, "place", Stage.PLACE),
    Case("SESSION_USER_REQUIRED", distrusted, "contact_support", Stage.PLACE),
    Case("ORDER_TOTAL_DIFFERENT", refused_with("ORDER_TOTAL_DIFFERENT", place, "place_order"),
         "contact_support", Stage.VALIDATE),
    Case("CART_EMPTY", refused_with("CART_EMPTY", validate, "validate_order"), "add_items", Stage.BROWSE),
    Case("UNAUTHENTICATED", refused_with("UNAUTHENTICATED", place, "*"), "contact_support", Stage.PLACE),
    Case("NOT_FOUND", refused_with("NOT_FOUND", browse_again, "get_store"), "contact_support", Stage.PLACE),
)
# fmt: on


def planned(row: Documented) -> Case:
    """The code as the response to a placement, or, where that would leave its outcome open, to browsing."""
    is_open = row.first == "unknown"
    step, operation = (browse_again, "get_store") if is_open else (place, "place_order")
    # The price was asked for just now, so that nothing speaks for an expired token.
    event = "NotPlaced" if row.part == "integration" else row.while_placing
    planned = refused_with(row.code, step, operation)
    return Case(row.code, planned, row.next_action, LANDINGS[event])


# What the sandbox never refuses with by itself is planned; a gateway's page has no code on the wire.
PLANNED = DOCUMENTED.keys() - {case.code for case in OWN} - {"BAD_GATEWAY"} | {
    "CONFLICT",
    "NOT_FOUND",
}
CASES = (*OWN, *(planned(row) for code, row in DOCUMENTED.items() if code in PLANNED))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.step.__name__}")
async def test_a_code_leads_to_its_next_action(
    checkouts: Checkouts, sandbox: Sandbox, case: Case
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.switches.reserved_codes.add(case.code)
    if case.stage is Stage.PLACED:
        await case.step(checkout, sandbox)
        assert checkout.view.next_action.kind == case.next_action
    else:
        with pytest.raises(ApiError) as refused:
            await case.step(checkout, sandbox)
        error = refused.value
        assert error.code == case.code
        assert type(error).__name__ == DOCUMENTED[case.code].error
        assert error.next_action is not None
        assert error.next_action.kind == case.next_action
        assert error.to_problem()["next_action"]["kind"] == case.next_action
        # The store chosen before is as good as it was; a session is renewed by itself, and so is a price.
        ours = ("SESSION_USER_REQUIRED", "STORE_NOT_FOUND", "ORDER_TOTAL_DIFFERENT")
        assert case.next_action == DOCUMENTED[case.code].next_action or case.code in ours
    assert case.code in {seen.error_code for seen in sandbox.requests}
    assert checkout.view.stage is case.stage
    assert len(sandbox.orders) == case.orders


async def test_after_every_refusal_the_order_can_still_be_placed(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    for case in CASES:
        checkout = await payable(checkouts, JANE)
        sandbox.switches.reserved_codes.add(case.code)
        made = len(sandbox.orders)
        try:
            await case.step(checkout, sandbox)
        except GettCheckoutError:
            sandbox.switches.reset()
            clock.advance(61)
            view = checkout.view
            if view.stage in (Stage.BROWSE, Stage.FULFILLMENT):
                await checkout.browse(STORE)
                for line in view.lines:
                    await checkout.remove(line.line_id)
                await checkout.add("item_margherita", modifiers=REGULAR, quantity=2)
                await checkout.fulfill(HOME)
            elif view.next_action.kind == "choose_fulfillment":
                await checkout.fulfill(HOME)
            await checkout.validate()
            await checkout.pay(CARD)
            await checkout.confirm_total(checkout.view.quote.amounts.total)  # type: ignore[union-attr]
            await place_as_shown(checkout)
        sandbox.switches.reset()
        assert len(sandbox.orders) == made + 1, case


async def test_a_gateways_page_is_a_wait(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start()
    sandbox.switches.fail("get_store", "html", times=99)
    with pytest.raises(BadGatewayError) as refused:
        await checkout.browse(STORE)
    assert refused.value.next_action is not None
    assert refused.value.next_action.kind == "wait"


@pytest.mark.parametrize("code", ["CART_EMPTY", "MODIFIER_REQUIRED", "ORDER_BELOW_MINIMUM"])
async def test_what_the_library_finds_first_is_never_sent(
    checkouts: Checkouts, sandbox: Sandbox, code: str
) -> None:
    sandbox.switches.reserved_codes.add(code)
    checkout = await checkouts.start(JANE)
    await until_priced(checkout)
    margherita, bread = checkout.view.lines
    await checkout.remove(bread.line_id)
    if code == "CART_EMPTY":
        await checkout.remove(margherita.line_id)
    if code == "MODIFIER_REQUIRED":
        await checkout.update(margherita.line_id, modifiers={}, quantity=2)
    before = len(sandbox.requests)
    with pytest.raises(GettCheckoutError) as refused:
        await place_as_shown(checkout)
    assert len(sandbox.requests) == before
    assert refused.value.next_action is not None
    assert refused.value.next_action.kind == DOCUMENTED[code].next_action


# --- order events, from the sandbox to the library ------------------------------------------------


@pytest.fixture
async def inbox(
    sandbox: Sandbox, clock: Clock, storage: MemoryStorage
) -> AsyncIterator[list[OrderEvent]]:
    """A partner's webhook receiver; its events, each once. It fails on the first delivery of each."""
    events: list[OrderEvent] = []
    failed: set[str] = set()

    async def receive(request: web.BaseRequest) -> web.Response:
        secret = sandbox.switches.webhook_secret
        try:
            event = verify_event(await request.read(), request.headers, secret, now=clock())
            async with handle_once(storage, event, clock=clock) as is_new:
                if event.id not in failed:
                    failed.add(event.id)
                    raise WebhookError("not now")
                if is_new:
                    events.append(event)
        except WebhookError as error:
            problem = error.to_problem()
            return web.json_response(problem, status=problem["status"])
        return web.json_response({"received": True})

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sandbox.switches.webhook_url = "http://{}:{}/".format(*runner.addresses[0][:2])
    yield events
    await runner.cleanup()


async def test_order_events_arrive_and_are_handled_once(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock, inbox: list[OrderEvent]
) -> None:
    checkout = await payable(checkouts, JANE)
    order = await place_as_shown(checkout)
    assert order.order_id is not None
    assert inbox == []  # placing does not wait for it
    sandbox.advance_order(order.order_id, "completed")
    sandbox.refund_order(order.order_id, Decimal("10.50"))
    for _ in range(3):
        await sandbox.deliver()
        clock.advance(30)
    assert [(event.type, event.status) for event in inbox] == [
        ("order_create", "created"),
        ("order_update", "fulfilled"),
        ("order_update", "fulfilled"),
    ]
    assert [refund.amount for refund in inbox[-1].refunds] == [Decimal("10.50")]
    assert inbox[0].permalink_url.endswith(order.order_id)
    assert all(len(delivery.attempts) == 2 for delivery in sandbox.deliveries)


async def test_a_receiver_with_another_secret_refuses(
    checkouts: Checkouts, sandbox: Sandbox, inbox: list[OrderEvent]
) -> None:
    checkout = await payable(checkouts, JANE)
    await place_as_shown(checkout)
    event = signed_event(body=sandbox.deliveries[0].body)
    with pytest.raises(WebhookRefusedError, match="signature"):
        verify_event(*event, "whsec_other")
    assert inbox == []
