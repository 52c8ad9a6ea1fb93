"""Addresses, fulfillments and payments: what cannot be right is refused as it is made."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, fields

from gett_checkout import (
    Address,
    Amounts,
    CardOnFile,
    Delivery,
    InvalidInputError,
    Order,
    Pickup,
    Quote,
    SavedCard,
)
from gett_checkout._core.extra import Extra
from gett_checkout._core.jsonable import jsonable_fields
from gett_checkout._core.order import GettPayment, OrderPage
from gett_checkout._hidden import Hidden
from tests.samples.states import ORDER_TOKEN, quote

WHOLE = Address("350 5th Ave", "New York", "NY", "10118")


@pytest.mark.parametrize("name", ["address1", "city", "state", "postal_code"])
@pytest.mark.parametrize("value", ["", "  ", None, 5])
def test_an_address_needs_each_of_its_parts(name: str, value: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"an address needs {name}"):
        evolve(WHOLE, **{name: value})


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "either an address or an address_id"),
        ({"address_id": ""}, "an address_id must be a string, not empty"),
        ({"address": WHOLE, "address_id": ""}, "must be a string, not empty"),
        ({"address": WHOLE, "address_id": "address-1"}, "either an address or an address_id"),
        ({"address": {"address1": "350 5th Ave"}}, "must be an Address"),
    ],
)
def test_a_delivery_goes_to_one_address(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        Delivery(**facts)


def test_a_fulfillment_says_its_type() -> None:
    home, kept = Delivery(evolve(WHOLE, address2="Floor 2")), Delivery(address_id="address-1")
    assert home.to_dict() == {
        "type": "delivery",
        "address": {
            "address1": "350 5th Ave",
            "city": "New York",
            "state": "NY",
            "postal_code": "10118",
            "address2": "Floor 2",
        },
        "address_id": None,
    }
    assert kept.to_dict() == {"type": "delivery", "address": None, "address_id": "address-1"}
    assert Pickup().to_dict() == {"type": "pickup"}


@pytest.mark.parametrize(
    "payment",
    [
        lambda: CardOnFile("", "stripe"),
        lambda: CardOnFile("tok", ""),
        lambda: SavedCard(""),
    ],
)
def test_a_payment_needs_what_it_is_made_with(payment: Any) -> None:
    with pytest.raises(InvalidInputError, match="needs a"):
        payment()


def test_a_payment_says_its_kind_and_not_its_token() -> None:
    card = CardOnFile("secret-token", "stripe")
    assert "card_token" not in repr(card)
    assert type(card.card_token) is Hidden
    kinds = [card.kind, SavedCard("p").kind, GettPayment().kind]
    assert kinds == ["card_on_file", "saved_card", "gett_payment"]


def test_a_quote_does_not_show_its_token() -> None:
    shown: Quote = quote()
    assert shown.order_token == ORDER_TOKEN
    assert repr(shown) == f"Quote(amounts={shown.amounts!r}, expires_at={shown.expires_at!r})"
    assert type(shown.order_token) is Hidden
    assert list(jsonable_fields(shown)) == ["amounts", "expires_at"]  # nor our own notes on it


@pytest.mark.parametrize(
    ("state", "is_over"),
    [
        ("completed", True),
        ("cancelled", True),
        ("canceled", True),
        ("CANCELLED", True),
        ("open", False),
        ("completing", False),
        ("", False),
        (None, False),
    ],
)
def test_an_order_is_over_by_its_state(state: str | None, is_over: bool) -> None:
    assert Order("o", state=state, status="completed").is_over is is_over


FULL = Order(
    "o",
    state="open",
    status="ready",
    amounts=Amounts(Decimal(1), Decimal(2)),
    estimated_ready_at=datetime(2026, 11, 23, 18, 30, tzinfo=UTC),
    cancel_reason="because",
    tracking_urls=("https://example.com/1",),
    extra={"courier": "Joe"},
)


@pytest.mark.parametrize("name", [each.name for each in fields(Order) if each.name != "order_id"])
def test_of_an_order_read_again_what_is_said_counts_and_the_rest_stays(name: str) -> None:
    assert FULL.read_again(Order("o")) == FULL
    assert Order("o").read_again(FULL) == FULL
    alone = evolve(Order("o"), **{name: getattr(FULL, name)})
    before = evolve(FULL, **{name: getattr(Order("o"), name)})
    assert before.read_again(alone) == FULL
    assert FULL.to_dict()["estimated_ready_at"] == "2026-11-23T18:30:00+00:00"


def test_what_gett_sends_besides_is_in_the_json_on_request() -> None:
    shown = FULL.to_dict()
    assert "extra" not in shown
    assert FULL.to_dict(extra=True) == {**shown, "extra": {"courier": "Joe"}}


def test_other_members_are_in_neither_repr_nor_hash() -> None:
    extra = Extra({"tags": ["new"]})
    one = Decimal(1)
    for value, bare in (
        (Order("o", extra=extra), Order("o")),
        (Amounts(one, one, breakdown={"fees": ()}, extra=extra), Amounts(one, one)),
    ):
        assert "extra" not in repr(value)
        assert hash(value) == hash(bare)


def test_what_is_not_said_of_an_order_or_a_page_of_them() -> None:
    assert Order("o") == Order("o", None, None, None, None, None, ())
    assert OrderPage(()) == OrderPage((), has_more=False, total_count=None, left_out=0)
    one, zero = Decimal(1), Decimal(0)
    assert Amounts(one, one) == Amounts(one, one, zero, zero, zero, zero, zero)
