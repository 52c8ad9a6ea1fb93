"""What a value made with a wrong member is refused with, and that nothing of it is repeated."""

import copy
import pickle
import traceback
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import Address, CardOnFile, Delivery, Identity, NewCard, SavedCard
from gett_checkout._core.cart import read_line_id, read_quantity
from gett_checkout._core.validators import each_of, read_charge
from gett_checkout._retry import RetryPolicy
from gett_checkout.errors import InvalidInputError

HOME = Address("350 5th Ave", "New York", "NY", "10118")
ADA = Identity("ada@example.com", "Ada", "Lovelace", "+12125550123")
CARD = NewCard("4111 1111 1111 1234", "visa", "737", date(2030, 1, 31), HOME)


@pytest.mark.parametrize(
    ("value", "changes", "said"),
    [
        (ADA, {"email": "nobody at all"}, "invalid e-mail address"),
        (ADA, {"email": " "}, "email, first_name and last_name together; email is missing"),
        (ADA, {"last_name": 7}, "last_name is missing"),
        (ADA, {"phone": "0012125550199"}, "must be E.164"),
        (ADA, {"partner_user_id": 7}, "partner_user_id must be a string"),
        (CARD, {"number": "4111 1111 111"}, "12 to 19 digits"),
        (CARD, {"cvc": "98765"}, "3 or 4 digits"),
        (CARD, {"cvc": None}, "cvc"),
        (CARD, {"expiration": "2030-01"}, "a date, without a time"),
        (CARD, {"billing_address": None}, "needs a billing_address"),
        (HOME, {"city": "\t"}, "an address needs city"),
        (HOME, {"address2": 7}, "address2 must be a string"),
        (Delivery(HOME), {"address_id": "home"}, "either an address or an address_id"),
        (Delivery(HOME), {"address": "home"}, "must be an Address"),
        (CardOnFile("tok_1", "stripe"), {"card_token": ""}, "needs a card_token"),
        (CardOnFile("tok_1", "stripe"), {"processor_type": None}, "and a processor_type"),
        (CardOnFile("tok_1", "stripe"), {"last_four": "41111"}, "the last four digits"),
        (SavedCard("pay_1"), {"payment_id": ""}, "needs a payment_id"),
        (RetryPolicy(), {"max_attempts": 0}, "at least one attempt"),
        (RetryPolicy(), {"max_attempts": None}, "at least one attempt"),
        (RetryPolicy(), {"max_backoff": -0.1}, "no negative seconds"),
        (RetryPolicy(), {"max_elapsed": "20"}, "no negative seconds"),
        (RetryPolicy(), {"initial_backoff": float("nan")}, "no negative seconds"),
    ],
)
def test_what_is_changed_is_validated_as_what_is_made(
    value: Any, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        evolve(value, **changes)


@pytest.mark.parametrize(
    ("value", "name", "secret"),
    [
        (ADA, "email", "ada-at-example.com"),
        (ADA, "phone", "0012125550199"),
        (CARD, "number", "41111111111"),
        (CARD, "cvc", "98765"),
        (CardOnFile("tok_1", "stripe"), "card_type", "4111111111111234"),
    ],
)
def test_neither_the_error_nor_a_validator_s_frame_holds_the_value(
    value: Any, name: str, secret: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        evolve(value, **{name: secret})
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    of_validators = [
        frame for frame in frames if frame.f_code.co_filename.endswith("/validators.py")
    ]
    assert of_validators == frames[-1:]
    assert not [each for each in of_validators[0].f_locals.values() if secret in repr(each)]
    assert secret not in repr(caught.value.args)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("value", [ADA, HOME, Delivery(HOME), CardOnFile("tok_1", "stripe")])
def test_values_are_pickled_and_copied(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value


def test_checks_return_their_results_or_every_mistake() -> None:
    found = each_of(line_id=lambda: read_line_id("a"), quantity=lambda: read_quantity(2))
    assert found == {"line_id": "a", "quantity": 2}
    with pytest.raises(InvalidInputError) as caught:
        each_of(
            line_id=lambda: read_line_id(""), item_id=lambda: "i", quantity=lambda: read_quantity(0)
        )
    assert [each.pointer for each in caught.value.errors] == ["/line_id", "/quantity"]


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("3", "3.00"),
        (Decimal("3.1"), "3.10"),
        (0, "0.00"),
        ("3.000", "3.00"),
        (1_000_000, "1000000.00"),
    ],
)
def test_read_charge(value: object, amount: str) -> None:
    assert str(read_charge(value, field="tip")) == amount


@pytest.mark.parametrize(
    ("value", "said"),
    [
        *((each, "must not be negative") for each in (-1, "-0.01")),
        *((each, "must not be above 1000000") for each in (1_000_001, "1000000.01")),
        ("0.001", "at most 2 decimals"),
        *((each, "an amount must be a Decimal") for each in (3.0, True, None)),
        ("NaN", "an amount must be finite"),
        ("three", "not a decimal amount"),
    ],
)
def test_read_charge_names_what_cannot_be(value: object, said: str) -> None:
    with pytest.raises(InvalidInputError, match=f"the tip.*{said}") as caught:
        read_charge(value, field="tip")
    assert caught.value.field == "tip"


def test_a_mistake_that_names_no_field_is_not_lost_among_those_that_do() -> None:
    def whole() -> None:
        raise InvalidInputError("the whole of it is wrong")

    with pytest.raises(InvalidInputError, match="the whole of it"):
        each_of(all=whole)
