"""JSON from Gett without bounds, which becomes JSON-ready data within bounds."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from gett_checkout import jsonable
from gett_checkout._json import read_json
from gett_checkout._wire import responses
from gett_checkout._wire.menu import catalog_set


def nested(depth: int, innermost: Any, *, in_objects: bool = False) -> Any:
    for _ in range(depth):
        innermost = {"in": innermost} if in_objects else [innermost]
    return innermost


@pytest.mark.parametrize("in_objects", [False, True])
def test_what_is_nested_too_deep_is_null(in_objects: bool) -> None:
    assert jsonable(nested(100, 7, in_objects=in_objects)) == nested(100, 7, in_objects=in_objects)
    for depth in (101, 102, 900):
        shown = jsonable(nested(depth, 7, in_objects=in_objects))
        assert shown == nested(101, None, in_objects=in_objects)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("1e100", "1" + "0" * 100),
        ("1e-100", "0." + "0" * 99 + "1"),
        ("1e101", "1E+101"),
        ("1e-101", "1E-101"),
        ("-1.50e100000000", "-1.50E+100000000"),
        ("0e-100000000", "0E-100000000"),
    ],
)
def test_a_number_stays_short(number: str, shown: str) -> None:
    assert jsonable(Decimal(number)) == shown
    assert Decimal(shown) == Decimal(number)


def test_a_menu_and_an_order_with_unbounded_members_are_shown() -> None:
    odd = b"[" * 400 + b"1e100000000" + b"]" * 400
    menu = catalog_set(
        b'{"catalogs":{"c":{"sectionIds":["s"]}},"sections":{"s":{"itemIds":["i"]}},'
        b'"items":{"i":{"name":"Soup","odd":%b,"weight":1e100000000}}}' % odd,
        "cs",
    )
    order = responses.order(read_json(b'{"orderId":"o","odd":%b}' % odd))
    item = menu.to_dict()["items"]["i"]
    assert (item["name"], item["extra"]["weight"]) == ("Soup", "1E+100000000")
    assert len(json.dumps([menu.to_dict(), order.to_dict(extra=True)])) < 2000
