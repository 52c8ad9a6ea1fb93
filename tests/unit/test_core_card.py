"""Card data: its shape is checked, it is sent bare, and it is shown nowhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from gett_checkout import Address, InvalidInputError, NewCard
from gett_checkout._core.jsonable import jsonable_fields

WHOLE: dict[str, Any] = {
    "number": "4111 1111-1111 1234",
    "card_type": "visa",
    "cvc": "737",
    "expiration": date(2031, 12, 31),
    "billing_address": Address("350 5th Ave", "New York", "NY", "10118"),
}


def test_a_number_is_taken_as_people_write_it() -> None:
    card = NewCard(**WHOLE)
    assert (card.number, card.bin, card.last_four) == ("4111111111111234", "411111", "1234")
    assert card.card_type == "visa"
    assert "737" not in repr(card.cvc)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": "4111"}, "12 to 19 digits"),
        ({"number": "4" * 20}, "12 to 19 digits"),
        ({"number": 4111111111111234}, "12 to 19 digits"),
        ({"cvc": "12"}, "3 or 4 digits"),
        ({"cvc": 737}, "3 or 4 digits"),
        ({"card_type": "  "}, "card_type"),
        ({"card_type": 5}, "card_type"),
        ({"expiration": "2031-12-31"}, "expiration"),
        ({"expiration": datetime(2031, 12, 31, tzinfo=UTC)}, "without a time"),
        ({"billing_address": {"city": "New York"}}, "billing_address"),
    ],
)
def test_what_cannot_be_a_card_is_refused_unquoted(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        NewCard(**WHOLE | change)
    assert not [
        each for each in map(str, change.values()) if len(each) > 3 and each in str(caught.value)
    ]


def test_the_shortest_and_the_longest_numbers_are_numbers() -> None:
    for digits in (12, 19):
        assert len(NewCard(**WHOLE | {"number": "4" * digits, "cvc": "1234"}).number) == digits


def test_nothing_of_a_card_is_shown() -> None:
    assert jsonable_fields(NewCard(**WHOLE)) == {}
    assert repr(NewCard(**WHOLE)) == "NewCard(…)"
