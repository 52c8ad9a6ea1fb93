"""The person who receives an order: what is required of them, and what may be left out."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import astuple, evolve

from gett_checkout import Contact
from gett_checkout._hidden import Hidden
from gett_checkout.errors import InvalidInputError
from tests.samples.states import EMAIL, PHONE, RECIPIENT


def test_an_email_may_be_left_out() -> None:
    assert Contact("Grace", "Hopper", PHONE).email is None
    assert Contact("Grace", "Hopper", PHONE, EMAIL).email == EMAIL


def test_nothing_of_a_contact_is_shown() -> None:
    assert repr(RECIPIENT) == "Contact()"
    assert {type(each) for each in astuple(RECIPIENT)} == {Hidden}


@pytest.mark.parametrize("name", ["first_name", "last_name", "phone"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_contact_needs_names_and_a_phone(name: str, value: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=f"last_name and phone; {name} is missing"
    ) as caught:
        evolve(RECIPIENT, **{name: value})
    assert [(each.pointer, each.code) for each in caught.value.errors] == [(f"/{name}", "missing")]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("email", "grace", "invalid e-mail address"),
        ("email", "grace hopper@example.com", "invalid e-mail address"),
        ("phone", "12125550123", "must be E.164"),
        ("phone", "+0125550123", "must be E.164"),
        ("phone", "+123456", "must be E.164"),
        ("phone", "+1234567890123456", "must be E.164"),
    ],
)
def test_an_address_or_a_number_that_cannot_be(name: str, value: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        evolve(RECIPIENT, **{name: value})
    assert [(each.pointer, each.code) for each in caught.value.errors] == [(f"/{name}", "invalid")]
