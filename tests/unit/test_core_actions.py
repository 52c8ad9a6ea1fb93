"""What a page is told to do next, as it is written into its JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gett_checkout._core import actions
from gett_checkout._core.actions import NextAction

WRITTEN: list[tuple[NextAction, dict[str, Any]]] = [
    (actions.ChooseStore(), {"kind": "choose_store", "reason": None}),
    (actions.AddItems(), {"kind": "add_items", "minimum_order": None}),
    (
        actions.FixLines(("l",), "ITEM_UNAVAILABLE"),
        {"kind": "fix_lines", "lines": ["l"], "reason": "ITEM_UNAVAILABLE"},
    ),
    (actions.CompleteModifiers(("l",)), {"kind": "complete_modifiers", "lines": ["l"]}),
    (
        actions.ChooseFulfillment(),
        {"kind": "choose_fulfillment", "fulfillment_types": ["delivery", "pickup"], "reason": None},
    ),
    (actions.Validate(), {"kind": "validate"}),
    (
        actions.SignIn(reason="VALIDATION_FAILED"),
        {
            "kind": "sign_in",
            "needs": ["email", "first_name", "last_name"],
            "reason": "VALIDATION_FAILED",
        },
    ),
    (actions.ChooseRecipient("NEW"), {"kind": "choose_recipient", "reason": "NEW"}),
    (actions.ChoosePayment(), {"kind": "choose_payment", "reason": None}),
    (
        actions.ConfirmTotal(Decimal("27.00"), Decimal("28.00")),
        {"kind": "confirm_total", "before": "27.00", "after": "28.00"},
    ),
    (actions.Place(Decimal("27.00")), {"kind": "place", "total": "27.00"}),
    (actions.Wait(), {"kind": "wait", "seconds": 1.0}),
    (actions.Reconcile(), {"kind": "reconcile"}),
    (actions.Done("o"), {"kind": "done", "order_id": "o", "order": None}),
    (actions.StartOver(), {"kind": "start_over"}),
    (actions.ContactSupport(), {"kind": "contact_support", "reason": None}),
]


@pytest.mark.parametrize(("action", "written"), WRITTEN)
def test_an_action_as_json(action: NextAction, written: dict[str, Any]) -> None:
    assert action.to_dict() == written
    assert next(iter(action.to_dict())) == "kind"


def test_every_action_is_in_the_table() -> None:
    assert {type(action) for action, _ in WRITTEN} == set(NextAction.__args__)
