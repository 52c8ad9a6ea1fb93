"""What a page sends in JSON becomes the values the steps take, or a clear error."""

from __future__ import annotations

from typing import Any

import pytest

from gett_checkout import (
    Address,
    CardOnFile,
    Delivery,
    Identity,
    InvalidInputError,
    Pickup,
    SavedCard,
)
from gett_checkout.core.inputs import read_fulfillment, read_identity, read_payment
from gett_checkout.core.jsonable import jsonable
from gett_checkout.core.order import GettPayment
from tests.samples.states import MENU, group, item, menu

ADDRESS = {"address1": "1 Main St", "city": "Springfield", "state": "IL", "postal_code": "62701"}
PERSON = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}


def test_what_is_right_is_read() -> None:
    assert read_identity(PERSON) == Identity(**PERSON)
    assert read_identity({**PERSON, "phone": None}) == Identity(**PERSON)
    assert read_fulfillment({"type": "pickup"}) == Pickup()
    at_home = {"type": "delivery", "address": ADDRESS, "address_id": None}
    assert read_fulfillment(at_home) == Delivery(Address(**ADDRESS))
    kept = {"type": "delivery", "address_id": "a", "address": None}
    assert read_fulfillment(kept) == Delivery(address_id="a")
    card = {"kind": "card_on_file", "card_token": "tok", "processor_type": "stripe"}
    assert read_payment(card) == CardOnFile("tok", "stripe")
    assert read_payment({"kind": "saved_card", "payment_id": "p"}) == SavedCard("p")
    assert read_payment({"kind": "gett_payment"}) == GettPayment()
    assert card["kind"] == "card_on_file"  # what was passed is not taken apart


@pytest.mark.parametrize(
    ("read", "members", "said"),
    [
        (read_identity, [], "an identity must be a JSON object"),
        (read_identity, {**PERSON, "mail": "x"}, "Identity has no member 'mail'"),
        (read_identity, {"email": "ada@example.com"}, "Identity needs first_name"),
        (read_identity, {**PERSON, "email": 5}, "email must be a string"),
        (read_fulfillment, {}, "type must be one of delivery, pickup"),
        (read_fulfillment, {"type": ["pickup"]}, "type must be one of"),
        (read_fulfillment, {"type": "delivery", "address": "home"}, "an address must be a JSON"),
        (read_fulfillment, {"type": "pickup", "when": "now"}, "Pickup has no member 'when'"),
        (read_payment, None, "a payment must be a JSON object"),
        (
            read_payment,
            {"kind": "cash"},
            "kind must be one of card_on_file, saved_card, gett_payment",
        ),
        (read_payment, {"kind": "saved_card"}, "SavedCard needs payment_id"),
    ],
)
def test_what_cannot_be_right_is_said(read: Any, members: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        read(members)


def test_what_has_no_form_in_json_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="object has no form in JSON"):
        jsonable(object())


def test_a_menu_for_a_page_has_each_reachable_item_and_group_once() -> None:
    shown = MENU.to_dict()
    assert shown["catalog_set_id"] == "cs-1"
    listed = ["pizza", "salad", "water", "tiramisu", "soldout"]
    assert shown["sections"] == [
        {"section_id": "all", "name": MENU.sections["all"].name, "item_ids": listed}
    ]
    chosen = ["small", "large", "cheese-crust", "olives", "ham", "truffle"]
    assert sorted(shown["items"]) == sorted([*listed, *chosen])
    assert sorted(shown["modifier_groups"]) == ["crust", "size", "toppings"]
    assert shown["items"]["cheese-crust"]["price"] == "1.25"
    assert shown["modifier_groups"]["size"]["item_ids"] == ["small", "large"]
    shared = menu(
        *(item("pizza", "9.50", "first", "second"), item("small")),
        groups=(group("first", "small"), group("second", "small")),
        listed=("pizza",),
    ).to_dict()
    assert sorted(shared["items"]) == ["pizza", "small"]
    assert [each["item_ids"] for each in shared["modifier_groups"].values()] == [["small"]] * 2
