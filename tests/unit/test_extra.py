"""What Gett sends and nobody here understands comes back whole, exact and out of the repr."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gett_checkout._core.catalog import Store, shared
from gett_checkout._core.extra import Extra
from gett_checkout._core.order import Amounts, Charge, Order, Quote
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._core.view import StoreView
from gett_checkout._json import read_json, write_json
from gett_checkout._snapshot import Snapshots
from gett_checkout._wire import responses
from gett_checkout._wire.menu import catalog_set

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
UNKNOWN: dict[str, Any] = {
    "images": [{"url": "https://cdn.example/1.jpg", "ratio": Decimal("1.50")}],
    "tags": ["vegan", None, 7],
    "pause": {"reason": "BUSY", "resumeAt": "2026-11-26T13:00:00Z"},
    "nothing": None,
    "": "a member without a name",
}
AMOUNTS = {"subTotal": Decimal("10.00"), "total": Decimal("12.50"), "fees": Decimal("2.50")}


def test_a_store_keeps_what_is_not_understood_of_it_at_every_level() -> None:
    nested = {
        "address": {"address1": "1 Main", "floor": 3},
        "availability": [
            {"dayOfWeek": "monday", "start": "09:00", "end": "17:00", "note": "brunch"}
        ],
        "categories": [{"name": "pizza", "icon": "p.svg"}],
    }
    page = responses.store_page({"stores": [{"storeId": "s", **nested, **UNKNOWN}]})
    (store,) = page.stores
    assert store.extra == {**nested, **UNKNOWN}
    assert store.address is not None
    assert store.address.address1 == "1 Main"
    assert store.categories == ("pizza",)
    assert store.availability is not None
    assert len(store.availability) == 1


@pytest.mark.parametrize(
    ("odd", "known"),
    [
        ({"name": 7}, {"name": ""}),
        ({"address": 7}, {"address": None}),
        ({"availability": "always"}, {"availability": None}),
        ({"currency": {}}, {"currency": "USD"}),
    ],
)
def test_what_cannot_be_read_is_in_extra_as_it_came(
    odd: dict[str, Any], known: dict[str, Any]
) -> None:
    store = responses.store({"storeId": "s", **odd})
    assert {name: getattr(store, name) for name in known} == known
    assert store.extra == odd


MENU = {
    "catalogs": {"c": {"sectionIds": ["s", 7], **UNKNOWN}},
    "sections": {"s": {"itemIds": ["i", None], **UNKNOWN}},
    "items": {"i": {"basePrice": "much", "modifierGroupIds": ["g", {}], "name": 7, **UNKNOWN}},
    "modifierGroups": {"g": {"minimumAllowed": "one", "itemIds": ["m", 7], **UNKNOWN}},
}


def test_a_menu_keeps_what_is_not_understood_of_its_entries() -> None:
    menu = catalog_set(write_json(MENU), "cs")
    assert menu.catalogs["c"].extra == {"sectionIds": ["s", 7], **UNKNOWN}
    assert menu.sections["s"].extra == {"itemIds": ["i", None], **UNKNOWN}
    item = menu.items["i"]
    assert item.extra == {
        "basePrice": "much", "modifierGroupIds": ["g", {}], "name": 7, **UNKNOWN,
    }  # fmt: skip
    assert (item.price, item.modifier_group_ids, item.name) == (None, ("g",), "")
    group = menu.modifier_groups["g"]
    assert group.extra == {"minimumAllowed": "one", "itemIds": ["m", 7], **UNKNOWN}
    assert (group.min_selections, group.item_ids) == (0, ("m",))


def test_a_menu_and_a_store_show_it_as_json() -> None:
    entry = {"images": ["1.jpg"], "weight": Decimal("1.10")}
    parts = {
        "catalogs": {"c": {"sectionIds": ["s"]}},
        "sections": {"s": {"itemIds": ["i"], **entry}},
        "items": {"i": {"modifierGroupIds": ["g"], **entry}},
        "modifierGroups": {"g": entry},
    }
    shown = {"images": ["1.jpg"], "weight": "1.10"}
    data = catalog_set(write_json(parts), "cs").to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["sections"][0]["extra"] == shown
    assert data["items"]["i"]["extra"] == shown
    assert data["modifier_groups"]["g"]["extra"] == shown
    store = responses.store({"storeId": "s", **entry})
    assert store.to_dict()["extra"] == shown
    assert StoreView.of(store, NOW).to_dict()["extra"] == shown


def test_a_checkout_stores_what_it_understands_of_its_store() -> None:
    assert shared(Store("s", extra=Extra(UNKNOWN))) == Store("s")
    assert shared(Store("s")) is shared(Store("s"))


def test_an_order_keeps_what_is_not_understood_and_shows_it_when_asked() -> None:
    said = {
        "orderId": "o", "state": "cancelled", "status": 7, "cancelReason": "CLOSED",
        "estimatedReadyAt": "2026-11-26T12:30:00Z", "trackingUrl": "https://track.example/o",
        "customer": {"email": "jane@example.com"}, "rating": Decimal("4.50"),
    }  # fmt: skip
    for document in (said, {"order": said}):
        order = responses.order(document)
        assert order.estimated_ready_at == datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
        assert order.cancel_reason == "CLOSED"
        assert order.tracking_urls == ("https://track.example/o",)
        assert order.extra == {name: said[name] for name in ("status", "customer", "rating")}
        assert "jane" not in repr(order)
        assert "jane" not in json.dumps(order.to_dict())
        assert order.to_dict(extra=True)["extra"]["rating"] == "4.50"
    for name in ("trackingURL", "permalinkUrl"):  # no page names the member
        assert responses.order({"orderId": "o", name: "https://a"}).tracking_urls == ("https://a",)
    assert responses.order({"order": {"orderId": "o"}, "requestId": "r"}).extra == {
        "requestId": "r"
    }
    assert responses.order({"orderId": "o", "order": "o"}).extra == {"order": "o"}


BREAKDOWNS: list[tuple[Any, tuple[Charge, ...], bool]] = [
    (
        [{"name": "Service", "amount": Decimal("2.50")}],
        (Charge("Service", Decimal("2.50")),),
        False,
    ),
    ([{"label": "Service", "amount": 2}], (Charge("Service", Decimal(2)),), False),
    (
        [{"name": "Service", "amount": 2, "taxed": True}],
        (Charge("Service", Decimal(2)),),
        True,
    ),
    ([{"name": "Service"}], (), True),
    ([{"amount": 2}], (), True),
    (["Service"], (), True),
    ({"Service": 2}, (), True),
    ([], (), True),
]


@pytest.mark.parametrize(("sent", "charges", "is_extra"), BREAKDOWNS)
def test_amounts_keep_their_breakdowns(
    sent: Any, charges: tuple[Charge, ...], is_extra: bool
) -> None:
    answer = {"validatedOrderToken": "t", "amounts": {**AMOUNTS, "feesBreakdown": sent}}
    for amounts in (
        responses.validated(answer).amounts,
        responses.order({"orderId": "o", "amounts": answer["amounts"]}).amounts,
    ):
        assert amounts is not None
        assert amounts.breakdown == ({"fees": charges} if charges else {})
        assert amounts.extra == ({"feesBreakdown": sent} if is_extra else {})


def test_a_card_keeps_what_is_not_understood() -> None:
    card = responses.payment_method({"payment": {"id": "p", "expiration": 2030, "wallet": "x"}})
    assert (card.payment_id, card.extra) == ("p", {"expiration": 2030, "wallet": "x"})


def test_extra_is_read_only_and_is_copied_and_pickled() -> None:
    store = responses.store({"storeId": "s", **UNKNOWN})
    with pytest.raises(TypeError):
        store.extra["images"] = []  # type: ignore[index]
    assert pickle.loads(pickle.dumps(store)) == store
    assert copy.deepcopy(store) == store
    odd = Extra({"name": 7}, frozenset({"name"}))
    assert (copy.copy(odd), copy.copy(odd).unreadable) == (odd, odd.unreadable)
    assert "images" not in repr(store)
    assert (repr(store.extra), repr(Store("s").extra)) == ("{...}", "{}")
    assert hash(store) == hash(Store("s"))


def test_an_order_and_a_price_are_the_same_after_a_reload() -> None:
    amounts = Amounts(
        Decimal("10.00"), Decimal("12.50"), Decimal("2.50"),
        breakdown={"fees": (Charge("Service", Decimal("2.50")),)}, extra=Extra(UNKNOWN),
    )  # fmt: skip
    order = Order("o", "open", "ready", amounts, NOW, "late", ("https://t",), Extra(UNKNOWN))
    state = CheckoutState(
        "c", NOW, Stage.PLACED, order=order, quote=Quote("t", amounts, NOW), metadata={"a": "b"}
    )
    loaded = Snapshots().load(Snapshots().dump(state))
    assert loaded == state
    assert loaded.order is not None
    assert loaded.order.extra["images"][0]["ratio"].as_tuple() == Decimal("1.50").as_tuple()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"\\ud800"', "\ud800"),
        (b"\xef\xbb\xbf[1]", [1]),
        ('{"a":1.50}'.encode("utf-16"), {"a": Decimal("1.50")}),
    ],
)
def test_unusual_json_is_read_too(text: bytes, value: Any) -> None:
    assert read_json(text) == value


def test_half_a_character_is_sent_as_a_replacement() -> None:
    sent = write_json({"note": ["a\ud800b", {"\ud83d\ude00": 1}]})
    assert json.loads(sent) == {"note": ["a\N{REPLACEMENT CHARACTER}b", {"\N{GRINNING FACE}": 1}]}
