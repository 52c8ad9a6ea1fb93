"""An order for somebody else: whom it names, who sees that, and until when it may change."""

from __future__ import annotations

import json

import pytest

from gett_checkout import (
    ApiError,
    CardOnFile,
    Checkout,
    CheckoutConflictError,
    Checkouts,
    Contact,
    GettClient,
    Identity,
    InvalidInputError,
    MemoryStorage,
    PaymentDeclinedError,
    Stage,
    StepNotAllowedError,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.orders import Customer
from gett_checkout.testing import the_order
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    fill_cart,
    lose_order,
    operations,
    payable,
)
from tests.samples.shopper import place_as_shown

GRACE = Contact("Grace", "Hopper", "+12125550177")
ALAN = Contact("Alan", "Turing", "+12125550188", "alan@example.com")
PHONE = "$.customer.phone"


@pytest.fixture
async def checkout(checkouts: Checkouts) -> Checkout:
    """Ready to be placed."""
    return await payable(checkouts)


async def test_the_order_names_the_recipient_and_belongs_to_the_shopper(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    before, asked = checkout.view, len(sandbox.requests)
    await checkout.set_recipient(GRACE)
    assert len(sandbox.requests) == asked  # nothing is sent
    assert checkout.view.next_action == before.next_action  # the price and the payment stay
    await place_as_shown(checkout)
    order = the_order(sandbox)
    assert order.customer == Customer("Grace", "Hopper", None, "+12125550177")
    assert order.session_email == JANE.email


async def test_a_recipient_with_an_email_is_named_with_it(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    await checkout.set_recipient(ALAN)
    await place_as_shown(checkout)
    expected = Customer("Alan", "Turing", "alan@example.com", "+12125550188")
    assert the_order(sandbox).customer == expected


async def test_without_a_recipient_the_order_names_the_shopper(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    await checkout.set_recipient(GRACE)
    await checkout.set_recipient(None)
    assert checkout.recipient is None
    assert checkout.view.recipient is None
    await place_as_shown(checkout)
    assert the_order(sandbox).customer == Customer("Jane", "Doe", JANE.email, JANE.phone)


async def test_it_is_masked_on_the_view_of_any_worker(
    checkout: Checkout, gett: GettClient, storage: MemoryStorage
) -> None:
    await checkout.set_recipient(ALAN)
    other = await Checkouts(gett, storage=storage).open(checkout.id)
    assert other.recipient == ALAN
    for each in (checkout, other):
        data = each.view.to_dict()
        assert data["recipient"] == {"name": "A. T.", "phone": "…88"}
        told = json.dumps(data) + repr(each.view) + repr(each.recipient) + repr(each)
        for secret in ("Alan", "Turing", "alan@", "5550188"):
            assert secret not in told


async def test_it_may_be_said_at_every_open_stage_and_stays(checkouts: Checkouts) -> None:
    checkout = await checkouts.start()

    async def say(stage: Stage) -> None:
        assert checkout.view.stage is stage
        await checkout.set_recipient(ALAN)
        await checkout.set_recipient(GRACE)
        assert checkout.view.stage is stage

    await say(Stage.BROWSE)
    await fill_cart(checkout)
    await say(Stage.FULFILLMENT)
    await checkout.fulfill(HOME)
    await say(Stage.VALIDATE)
    await checkout.validate()
    await say(Stage.PAY)
    await checkout.identify(JANE)  # the recipient was named before the shopper was
    await checkout.pay(CARD)
    await say(Stage.PLACE)
    await checkout.add("item_tiramisu")
    await checkout.identify(Identity(JANE.email, "Janet", "Doe"))
    assert checkout.recipient == GRACE


async def test_another_shopper_starts_without_it(checkout: Checkout) -> None:
    await checkout.set_recipient(GRACE)
    await checkout.identify(Identity("john@example.com", "John", "Roe"))
    assert checkout.recipient is None


@pytest.mark.parametrize("given", [JANE, "Grace", {"first_name": "Grace"}])
async def test_what_is_no_contact_is_refused(checkout: Checkout, given: object) -> None:
    with pytest.raises(InvalidInputError, match="pass a Contact"):
        await checkout.set_recipient(given)  # type: ignore[arg-type]
    assert checkout.recipient is None


async def test_it_stands_while_an_attempt_may_be_out(checkout: Checkout, sandbox: Sandbox) -> None:
    await checkout.set_recipient(GRACE)
    await lose_order(checkout, sandbox)
    for contact in (ALAN, None, GRACE):
        with pytest.raises(StepNotAllowedError) as refused:
            await checkout.set_recipient(contact)
        assert refused.value.next_action == checkout.view.next_action
    sandbox.switches.faults.clear()
    await place_as_shown(checkout)
    assert the_order(sandbox).customer.first_name == "Grace"
    with pytest.raises(StepNotAllowedError, match="the order is placed"):
        await checkout.set_recipient(ALAN)


async def test_another_recipient_is_another_body_under_another_key(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    """The same one again is the same body, and keeps the key of an attempt that made no order."""
    keys = []
    for contact in (GRACE, ALAN, ALAN):
        await checkout.set_recipient(contact)
        sandbox.switches.fail("place_order", "error", code="FORBIDDEN")
        with pytest.raises(ApiError):
            await place_as_shown(checkout)
        placement = checkout.view.placement
        assert placement is not None
        keys.append(placement.key)
    assert keys[0] != keys[1] == keys[2]
    await place_as_shown(checkout)
    assert the_order(sandbox).customer.first_name == "Alan"


async def test_it_outlives_a_declined_card(checkout: Checkout, sandbox: Sandbox) -> None:
    await checkout.set_recipient(GRACE)
    await checkout.pay(CardOnFile("card_declined", "stripe"))
    with pytest.raises(PaymentDeclinedError):
        await place_as_shown(checkout)
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert the_order(sandbox).customer.first_name == "Grace"


async def test_a_rejected_recipient_is_asked_for_again(
    checkout: Checkout, sandbox: Sandbox, gett: GettClient, storage: MemoryStorage
) -> None:
    await checkout.set_recipient(GRACE)
    fail = {"code": "VALIDATION_FAILED", "names": (PHONE,)}
    sandbox.switches.fail("place_order", "error", **fail)  # type: ignore[arg-type]
    with pytest.raises(ApiError) as rejected:
        await place_as_shown(checkout)
    action = {"kind": "choose_recipient", "reason": "VALIDATION_FAILED"}
    other = await Checkouts(gett, storage=storage).open(checkout.id)
    for each in (rejected.value.next_action, checkout.view.next_action, other.view.next_action):
        assert each is not None
        assert each.to_dict() == action
    (missing,) = other.view.requirements
    assert (missing.code, missing.step) == ("recipient_accepted", "set_recipient")
    assert missing.message == "Please check who receives the order."
    asked = len(operations(sandbox))
    with pytest.raises(StepNotAllowedError):
        await place_as_shown(other)
    assert len(operations(sandbox)) == asked
    await other.set_recipient(ALAN)
    await place_as_shown(other)
    assert the_order(sandbox).customer.first_name == "Alan"


async def test_a_recipient_that_is_insisted_on_and_always_rejected_is_a_persons_case(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    sandbox.switches.fail("place_order", "error", times=9, code="VALIDATION_FAILED", names=(PHONE,))
    kinds = []
    for _ in range(3):
        await checkout.set_recipient(GRACE)
        with pytest.raises(ApiError):
            await place_as_shown(checkout)
        kinds.append(checkout.view.next_action.kind)
    assert kinds == ["choose_recipient", "choose_recipient", "contact_support"]


async def test_of_two_workers_one_is_second(
    checkout: Checkout, gett: GettClient, storage: MemoryStorage
) -> None:
    other = await Checkouts(gett, storage=storage).open(checkout.id)
    await other.set_recipient(GRACE)
    with pytest.raises(CheckoutConflictError):
        await checkout.set_recipient(ALAN)
    assert checkout.recipient == GRACE
