"""Closed unions: each is narrowed by its tag or by its class, and an open end is noticed."""

from decimal import Decimal
from typing import assert_never, assert_type

from gett_checkout import (
    Address,
    ApiError,
    CardOnFile,
    Delivery,
    Fulfillment,
    GettCheckoutError,
    GettPayment,
    MinimumOrder,
    NextAction,
    OrderBelowMinimumError,
    Payment,
    PaymentDeclinedError,
    Pickup,
    SavedCard,
    TotalChangedError,
)
from gett_checkout.actions import (
    AddItems,
    ChooseFulfillment,
    ChoosePayment,
    ChooseRecipient,
    ChooseStore,
    CompleteModifiers,
    ConfirmTotal,
    ContactSupport,
    Done,
    FixLines,
    Place,
    Reconcile,
    SignIn,
    StartOver,
    Validate,
    Wait,
)


def by_kind(action: NextAction) -> None:
    if action.kind == "choose_store":
        assert_type(action, ChooseStore)
        assert_type(action.reason, str | None)
    elif action.kind == "add_items":
        assert_type(action, AddItems)
        assert_type(action.minimum_order, MinimumOrder | None)
    elif action.kind == "complete_modifiers":
        assert_type(action, CompleteModifiers)
        assert_type(action.lines, tuple[str, ...])
    elif action.kind == "choose_fulfillment":
        assert_type(action, ChooseFulfillment)
        assert_type(action.fulfillment_types, tuple[str, ...])
    elif action.kind == "validate":
        assert_type(action, Validate)
    elif action.kind == "sign_in":
        assert_type(action, SignIn)
    elif action.kind == "choose_recipient":
        assert_type(action, ChooseRecipient)
        assert_type(action.reason, str | None)
    elif action.kind == "choose_payment":
        assert_type(action, ChoosePayment)
    elif action.kind == "fix_lines":
        assert_type(action, FixLines)
        assert_type(action.lines, tuple[str, ...])
    elif action.kind == "confirm_total":
        assert_type(action, ConfirmTotal)
        assert_type(action.after, Decimal | None)
    elif action.kind == "place":
        assert_type(action, Place)
        assert_type(action.total, Decimal | None)
    elif action.kind == "wait":
        assert_type(action, Wait)
        assert_type(action.seconds, float)
    elif action.kind == "reconcile":
        assert_type(action, Reconcile)
    elif action.kind == "done":
        assert_type(action, Done)
        assert_type(action.order_id, str | None)
    elif action.kind == "start_over":
        assert_type(action, StartOver)
    elif action.kind == "contact_support":
        assert_type(action, ContactSupport)
    else:
        assert_never(action)


def by_class(action: NextAction) -> str:
    match action:
        case AddItems(minimum_order=MinimumOrder() as gap):
            return gap.message()
        case ChooseStore() | AddItems() | CompleteModifiers() | ChooseFulfillment() | Validate():
            return action.kind
        case FixLines(lines=lines):
            return ", ".join(lines)
        case SignIn() | ChooseRecipient() | ChoosePayment() | ConfirmTotal() | Place():
            return action.kind
        case Wait(seconds=seconds):
            return f"{seconds:g}"
        case Reconcile() | Done() | StartOver() | ContactSupport():
            return action.kind
        case _:
            assert_never(action)


def fulfillments(fulfillment: Fulfillment) -> None:
    match fulfillment:
        case Delivery(address=Address(city=city)):
            assert_type(city, str)
        case Delivery():
            assert_type(fulfillment.address_id, str | None)
        case Pickup():
            assert_type(fulfillment, Pickup)
        case _:
            assert_never(fulfillment)
    if fulfillment.type == "delivery":
        assert_type(fulfillment, Delivery)
    else:
        assert_type(fulfillment, Pickup)


def payments(payment: Payment) -> None:
    if payment.kind == "card_on_file":
        assert_type(payment, CardOnFile)
    elif payment.kind == "saved_card":
        assert_type(payment, SavedCard)
    elif payment.kind == "gett_payment":
        assert_type(payment, GettPayment)
    else:
        assert_never(payment)
    match payment:
        case CardOnFile(card_token=token, processor_type=processor):
            assert_type((token, processor), tuple[str, str])
        case SavedCard(payment_id=payment_id):
            assert_type(payment_id, str)
        case GettPayment():
            pass
        case _:
            assert_never(payment)


def errors(error: GettCheckoutError) -> None:
    assert_type(error.next_action, NextAction | None)
    assert_type(error.checkout_id, str | None)
    assert_type(error.retry_after, float | None)
    match error:
        case OrderBelowMinimumError():
            assert_type(error.minimum_order, MinimumOrder | None)
        case TotalChangedError():
            assert_type(error.after, Decimal | None)
        case PaymentDeclinedError() | ApiError():
            assert_type(error.code, str)
        case _:
            pass
