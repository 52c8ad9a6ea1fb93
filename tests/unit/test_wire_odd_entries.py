"""One odd entry takes no list away, and one odd member no entry: it is not known."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from gett_checkout._core.catalog import Store, StoreAddress
from gett_checkout._core.order import Charge
from gett_checkout._wire import responses
from gett_checkout.errors import InvalidResponseError

MONDAY = {"dayOfWeek": "monday", "start": "09:00:00", "end": "17:00:00"}
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday

# What is odd of a store, and what is known of it all the same.
ODD_STORES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"address": "190 Mulberry Street"}, {"address": StoreAddress("190 Mulberry Street")}),
    ({"address": 7}, {"address": None}),
    ({"availability": "always"}, {"availability": None}),
    ({"availability": [{**MONDAY, "start": "nine"}]}, {"availability": None}),
    ({"availability": [{**MONDAY, "start": None}]}, {"availability": None}),
    ({"availability": [{**MONDAY, "end": None}]}, {"availability": None}),
    ({"availability": [{**MONDAY, "start": None, "end": None}]}, {"availability": ()}),
    ({"availability": [7]}, {"availability": None}),
    ({"timezone": 7}, {"timezone": None}),
    ({"deliveryAllowed": "yes"}, {"delivery_allowed": None}),
    ({"name": 7}, {"name": ""}),
    ({"currency": 840}, {"currency": "USD"}),
    ({"catalogSetId": 7}, {"catalog_set_id": None}),
    ({"categories": "pizza"}, {"categories": ()}),
    ({"name": 7, "timezone": 7, "address": 7}, {"name": "", "timezone": None}),
]


@pytest.mark.parametrize(("odd", "known"), ODD_STORES)
def test_what_is_odd_of_a_store_is_not_known(odd: dict[str, Any], known: dict[str, Any]) -> None:
    entry = {"storeId": "s", "minimumOrderAmount": Decimal("15.00"), **odd}
    page = responses.store_page({"stores": [{"storeId": "good"}, entry]})
    good, store = page.stores
    assert (good.store_id, store.store_id, page.left_out) == ("good", "s", 0)
    assert store.minimum_order_amount == Decimal("15.00")
    assert {name: getattr(store, name) for name in known} == known


@pytest.mark.parametrize(
    "entry",
    [
        {}, {"storeId": ""}, {"storeId": 7}, {"storeId": None}, 7, None, "store", [],
        {"storeId": "s", "minimumOrderAmount": ""},
        {"storeId": "s", "minimumOrderAmount": {"amount": 15}},
    ],
)  # fmt: skip
def test_a_store_without_an_id_or_with_an_unreadable_minimum_is_left_out(entry: Any) -> None:
    page = responses.store_page({"stores": [entry, {"storeId": "good"}], "hasMore": "perhaps"})
    assert [store.store_id for store in page.stores] == ["good"]
    assert (page.left_out, page.has_more) == (1, False)
    with pytest.raises(InvalidResponseError):
        responses.store(entry)


@pytest.mark.parametrize(
    ("end", "read"),
    [
        *((each, time.min) for each in ("24:00:00", "24:00", "00:00:00")),
        ("17:00:00", time(17)),
    ],
)
def test_a_day_may_end_at_midnight_either_way(end: str, read: time) -> None:
    hours = [{**MONDAY, "end": end}]
    store: Store = responses.store({"storeId": "s", "timezone": "UTC", "availability": hours})
    assert store.availability is not None
    assert store.availability[0].end == read
    assert store.is_open(NOON)


def test_a_day_is_no_truth_value_even_where_its_number_was_read_before() -> None:
    for day, known in ((1, True), (True, False)):
        hours = [{**MONDAY, "dayOfWeek": day}]
        store = responses.store({"storeId": "s", "availability": hours})
        assert (store.availability is not None) is known


def test_a_closed_day_takes_no_other_day_away() -> None:
    closed = {"dayOfWeek": "sunday", "start": None, "end": None}
    store = responses.store({"storeId": "s", "timezone": "UTC", "availability": [closed, MONDAY]})
    assert store.is_open(NOON) is True
    assert not responses.store({"storeId": "s", "availability": [MONDAY]}).extra


@pytest.mark.parametrize("odd", [7, None, {}, {"paymentId": 7}, {"paymentId": ""}, "card"])
def test_a_card_without_an_id_is_left_out(odd: Any) -> None:
    entries = [{"paymentId": "p1"}, odd, {"paymentId": "p2", "expiration": 203012}]
    found = responses.payment_methods(entries)
    assert [card.payment_id for card in found.cards] == ["p1", "p2"]
    assert found.cards[1].expiration is None
    assert found.left_out == 1


@pytest.mark.parametrize("odd", [7, None, {}, {"orderId": 7}, "order"])
def test_an_order_without_an_id_is_left_out(odd: Any) -> None:
    page = responses.order_page({"orders": [odd, {"orderId": "o"}], "totalCount": "two"})
    assert [order.order_id for order in page.orders] == ["o"]
    assert (page.left_out, page.total_count) == (1, None)


@pytest.mark.parametrize("name", ["name", "label", "title", "description", "type", "code"])
def test_a_charge_is_named_in_any_of_these_ways(name: str) -> None:
    amounts = {"subTotal": 1, "total": 3, "feesBreakdown": [{name: "Service", "amount": 2}]}
    read = responses.order({"orderId": "o", "amounts": amounts}).amounts
    assert read is not None
    assert (read.breakdown, read.extra) == ({"fees": (Charge("Service", Decimal(2)),)}, {})
