"""JSON with exact numbers, and in its odder forms: half a surrogate pair, hidden texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gett_checkout._hidden import hidden
from gett_checkout._json import Raw, read_json, write_json
from gett_checkout.errors import InvalidInputError, InvalidResponseError


@pytest.mark.parametrize(
    "body", [b'["\\ud83c"]', '["\\ud83c"]', Raw(b'["\\ud83c"]')], ids=["bytes", "text", "raw"]
)
def test_half_a_surrogate_pair_is_read_however_the_json_is_held(body: Any) -> None:
    assert read_json(body) == ["\ud83c"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (True, "true"),
        (None, "null"),
        ("x", '"x"'),
        (hidden("secret"), '"secret"'),
        ({"token": hidden("secret")}, '{"token":"secret"}'),
    ],
    ids=["int", "bool", "null", "text", "hidden", "member"],
)
def test_plain_and_hidden_values_are_written_by_themselves(value: Any, text: str) -> None:
    assert write_json(value).decode() == text


@pytest.mark.parametrize("value", [object(), [b""], {"a": {1}}], ids=["object", "bytes", "set"])
def test_what_json_has_no_form_for_is_not_written(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        write_json(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("19.99"), "19.99"),
        (Decimal("1E+2"), "1E+2"),
        (Decimal("0.10"), "0.10"),
        ({"a": [1, True, None, "é\n"], "b": {}}, '{"a":[1,true,null,"é\\n"],"b":{}}'),
        ((), "[]"),
    ],
)
def test_json_is_written_with_exact_numbers(value: Any, text: str) -> None:
    assert write_json(value).decode() == text


@pytest.mark.parametrize("value", [1.5, [float("nan")], {"a": Decimal("NaN")}, Decimal("Infinity")])
def test_floats_and_what_is_no_number_are_not_written(value: Any) -> None:
    with pytest.raises(InvalidInputError):
        write_json(value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"1" * 5000,
        b"1e99999999999999999999",
    ],
)
def test_what_is_not_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        read_json(body)


def test_fractions_are_read_as_decimals_with_every_digit() -> None:
    (read,) = read_json(b"[1.50]")
    assert (type(read), str(read)) == (Decimal, "1.50")
