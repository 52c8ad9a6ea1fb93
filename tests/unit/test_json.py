"""JSON in its odder forms: half a surrogate pair, hidden texts, and values that are no object."""

from __future__ import annotations

from typing import Any

import pytest

from gett_checkout._hidden import hidden
from gett_checkout._json import Raw, read_json, write_json


@pytest.mark.parametrize("body", [b'["\\ud83c"]', '["\\ud83c"]', Raw(b'["\\ud83c"]')], ids=repr)
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
