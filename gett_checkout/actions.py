"""What to do next: one class for each kind of next action."""

from gett_checkout._core.actions import (
    AddItems,
    ChooseFulfillment,
    ChoosePayment,
    ChooseStore,
    CompleteModifiers,
    ConfirmTotal,
    ContactSupport,
    Done,
    FixLines,
    NextAction,
    Place,
    Reconcile,
    SignIn,
    StartOver,
    Validate,
    Wait,
)

__all__ = [
    "AddItems",
    "ChooseFulfillment",
    "ChoosePayment",
    "ChooseStore",
    "CompleteModifiers",
    "ConfirmTotal",
    "ContactSupport",
    "Done",
    "FixLines",
    "NextAction",
    "Place",
    "Reconcile",
    "SignIn",
    "StartOver",
    "Validate",
    "Wait",
]
