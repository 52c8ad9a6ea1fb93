"""Answers read as values: older spellings, wrong types, and menus whose entries are read when looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, frozen

from gett_checkout import CatalogSet, InvalidInputError, InvalidResponseError
from gett_checkout._core.cart import Choice, GroupChoice, Line, LineProblem
from gett_checkout._core.catalog import StoreAddress
from gett_checkout._hidden import Hidden
from gett_checkout._json import write_json
from gett_checkout._wire import requests, responses
from gett_checkout._wire.assumptions import Assumptions
from gett_checkout._wire.codec import Reader
from gett_checkout._wire.menu import catalog_set


def catalog(**members: Any) -> CatalogSet:
    return catalog_set(write_json(members), "c-1")


# --- stores ---------------------------------------------------------------------------------------


def store(**members: Any) -> Any:
    return responses.store(json.loads(json.dumps({"storeId": "s", **members}), parse_float=Decimal))


def test_no_hours_and_unknown_hours_are_not_the_same() -> None:
    assert store().availability is None
    assert store(availability=None).availability == ()
    assert store(availability=[]).availability == ()
    window = {"dayOfWeek": "Monday", "start": "09:00:00", "end": "00:00:00", "note": "x"}
    [read] = store(availability=[window]).availability
    assert (read.day, read.start.hour) == ("monday", 9)


def test_a_stores_address_is_read_as_far_as_it_goes() -> None:
    where = {"address1": "1 Main", "city": 7, "latitude": 40.712776000000001, "longitude": "x"}
    assert store(address=where).address == StoreAddress(
        address1="1 Main", latitude=Decimal("40.712776")
    )


def test_categories_may_be_words_or_objects() -> None:
    assert store(categories=["pizza", {"name": "pasta"}, 7, {}]).categories == ("pizza", "pasta")
    assert store(categories=None).categories == ()
    assert not store(categories=["pizza", "pasta"]).extra  # all of it is understood


@pytest.mark.parametrize(
    "members",
    [
        {"storeId": 7},
        {"storeId": ""},
        {"storeId": None},
        {"minimumOrderAmount": "free"},
        {"minimumOrderAmount": True},
    ],
)
def test_a_store_of_the_wrong_types_is_unreadable(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError) as caught:
        store(**members)
    assert caught.value.__cause__ is None


# --- menus ----------------------------------------------------------------------------------------


def test_the_key_of_an_entry_is_its_id() -> None:
    menu = catalog(
        items={"a": {"name": "A"}, "b": {"itemId": None, "price": 1}, "c": {"itemId": "other"}}
    )
    assert [item.item_id for item in menu.items.values()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("older", "read"),
    [
        ({"basePrice": 2}, ("price", Decimal(2))),
        ({"price": 1, "basePrice": 2}, ("price", Decimal(1))),
        ({"price": None, "basePrice": 2}, ("price", Decimal(2))),
        ({"isAvailable": False}, ("available", False)),
    ],
)
def test_older_names_of_an_item(older: dict[str, Any], read: tuple[str, Any]) -> None:
    assert getattr(catalog(items={"a": older}).items["a"], read[0]) == read[1]


@pytest.mark.parametrize("entry", [None, 7, "x", []])
def test_a_malformed_entry_is_unreadable_when_looked_at_and_leaves_the_others_alone(
    entry: Any,
) -> None:
    menu = catalog(items={"good": {"price": 1}, "bad": entry, "fine": {"price": 2}})
    assert list(menu.items) == ["good", "bad", "fine"]
    assert "bad" in menu.items
    for _ in range(2):
        with pytest.raises(InvalidResponseError):
            menu.items["bad"]
    with pytest.raises(InvalidResponseError):
        menu.items.get("bad")
    assert menu.items["good"].price == 1
    assert menu.items["fine"] is menu.items["fine"]
    assert menu.items.get("none") is None


@pytest.mark.parametrize("member", ["catalogs", "sections", "items", "modifierGroups"])
def test_a_dictionary_of_the_wrong_type_is_unreadable_at_once(member: str) -> None:
    with pytest.raises(InvalidResponseError):
        catalog(**{member: []})
    assert not catalog(**{member: None}).items


@pytest.mark.parametrize("odd", ["abc", ["a", 7], {"a": 1}], ids=str)
def test_a_list_of_ids_is_read_as_far_as_it_is_one(odd: Any) -> None:
    group = catalog(modifierGroups={"g": {"name": "G", "itemIds": odd}}).modifier_groups["g"]
    assert group.name == "G"
    assert group.item_ids == (("a",) if isinstance(odd, list) else ())
    assert group.extra == {"itemIds": odd}


def test_an_ordinary_entry_is_read_without_the_reader_of_all_responses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A menu has thousands of them."""
    dish = {"name": "A", "price": Decimal("4.50"), "modifierGroupIds": ["g"], "calories": 7}
    menu = catalog(
        items={"a": dish, "b": {"name": "B"}, "c": {"price": Decimal("14.999999999999998")}},
        modifierGroups={"g": {"minSelections": 1, "itemIds": ["b"]}},
        sections={"s": {"itemIds": ["a"]}},
        catalogs={"m": {"sectionIds": ["s"]}},
    )
    monkeypatch.setattr("gett_checkout._wire.menu.reader", None)
    assert [(each.name, each.price) for each in menu.items.values()] == [
        ("A", Decimal("4.50")),
        ("B", None),
        ("", Decimal("15.00")),
    ]
    assert [each.item_id for each in menu.menu_items()] == ["a"]
    (found,) = menu.groups_of(menu.items["a"])
    assert (found.min_selections, found.item_ids) == (1, ("b",))


def test_a_menu_that_is_nested_too_deeply_is_unreadable() -> None:
    with pytest.raises(InvalidResponseError):
        catalog_set(b'{"items":{},"x":' + b"[" * 100_000, "c")


def test_an_entry_is_read_or_unreadable_however_little_of_the_stack_is_left() -> None:
    menu = catalog_set(b'{"items":{"a":{"x":%b1%b}}}' % (b"[" * 500, b"]" * 500), "c")

    def look(frames: int) -> object:
        return look(frames - 1) if frames else menu.items["a"]

    with suppress(InvalidResponseError):
        look(600)


@frozen
class Label:
    """A class whose members may all be left out."""

    text: str = ""
    size: int | None = None


def test_only_a_tolerant_class_leaves_out_what_cannot_be_read() -> None:
    odd = {"text": 7, "size": 3}
    assert Reader({}, {Label: ()}).read(odd, Label) == Label("", 3)
    with pytest.raises(InvalidResponseError, match="not a Label"):
        Reader({}, {}).read(odd, Label)
    with pytest.raises(InvalidResponseError, match="not a Label"):
        Reader({}, {Label: ("text",)}).read(odd, Label)


# --- the rest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "a\nb", "é", 7, None])
def test_a_session_token_that_cannot_be_sent_is_unreadable(token: Any) -> None:
    with pytest.raises(InvalidResponseError):
        responses.session({"token": token})


def test_no_token_is_in_a_repr() -> None:
    session = responses.session({"token": "secret"})
    quote = responses.validated({"orderToken": "secret", "amounts": {"subTotal": 1, "total": 1}})
    assert "token" not in f"{session}{quote}"
    assert type(session.token) is type(quote.validated_order_token) is Hidden


@pytest.mark.parametrize(
    "receipt",
    [
        {"state": 7},
        {"amounts": {"total": 1}},
        {"amounts": "x"},
        {"status": {}, "amounts": {"subTotal": 1, "total": "?"}},
    ],
)
def test_an_order_is_an_order_whatever_its_receipt_says(receipt: dict[str, Any]) -> None:
    read = responses.order({"orderId": "o-1", **receipt})
    assert (read.order_id, read.amounts) == ("o-1", None)


@pytest.mark.parametrize("sent", [[{"label": "Service", "amount": 1}], {"fees": [{"x": 1}]}, "x"])
def test_a_breakdown_of_another_form_does_not_hide_the_price(sent: Any) -> None:
    amounts = {"subTotal": Decimal(10), "total": Decimal(10), "breakdown": sent}
    quote = responses.validated({"validatedOrderToken": "t", "amounts": amounts})
    assert quote.amounts.total == 10
    assert quote.amounts.extra["breakdown"] == sent


@pytest.mark.parametrize("name", ["fees", "promotions", "taxes", "adjustments", "tip", "total"])
def test_an_amount_of_another_form_does(name: str) -> None:
    amounts = {"subTotal": Decimal(10), "total": Decimal(10), name: [1]}
    with pytest.raises(InvalidResponseError):
        responses.validated({"validatedOrderToken": "t", "amounts": amounts})


@pytest.mark.parametrize("value", [{}, {"id": "x"}, {"orderId": 7}, {"orderId": ""}, {"order": []}])
def test_an_order_without_an_id_is_none(value: Any) -> None:
    with pytest.raises(InvalidResponseError):
        responses.order(value)


def test_a_line_that_changed_loses_what_was_known_of_it() -> None:
    [line] = responses.cart_lines({"lineItems": [{"id": "1", "itemId": "a", "quantity": 1}]}, [])
    assert (line.name, line.unit_price) == ("", Decimal(0))


def test_a_line_that_stayed_keeps_what_was_known_of_it() -> None:
    problem = LineProblem("ITEM_UNAVAILABLE")
    known = Line("1", "a", 1, "Apple", Decimal("0.50"), problems=(problem,))
    answer = {"lineItems": [{"id": "1", "itemId": "a", "quantity": 2}]}
    assert responses.cart_lines(answer, [known]) == (evolve(known, quantity=2),)


def test_a_line_with_the_same_choices_keeps_their_names() -> None:
    large = Choice(
        "l", 1, (GroupChoice("rim", (Choice("cheese", 2, (), "Cheese"),), "Rim"),), "Large"
    )
    known = Line("1", "a", 1, "Pizza", Decimal("9.50"), (GroupChoice("size", (large,), "Size"),))
    rim = {"modifierGroupId": "rim", "modifiers": [{"itemId": "cheese", "quantity": 2}]}
    size = {"itemId": "l", "quantity": 1, "modifierGroups": [rim]}
    sent = {"id": "1", "itemId": "a", "quantity": 3, "specialInstructions": "hot"}
    groups = [{"modifierGroupId": "size", "modifiers": [size]}]
    [line] = responses.cart_lines({"lineItems": [{**sent, "modifierGroups": groups}]}, [known])
    assert line == evolve(known, quantity=3, special_instructions="hot")
    rim["modifiers"] = [{"itemId": "cheese", "quantity": 1}]
    [other] = responses.cart_lines({"lineItems": [{**sent, "modifierGroups": groups}]}, [known])
    assert (other.name, other.unit_price) == ("", Decimal(0))


@pytest.mark.parametrize(
    "line",
    [
        {"itemId": "a", "quantity": 1},
        {"id": "1", "itemId": "a", "quantity": 0},
        {"id": "1", "itemId": "a", "quantity": "1"},
        7,
    ],
)
def test_a_cart_with_a_malformed_line_is_unreadable(line: Any) -> None:
    with pytest.raises(InvalidResponseError):
        responses.cart_lines({"cart": {"lineItems": [line]}}, [])


def test_an_operation_nobody_knows_cannot_be_given_a_path_or_a_body() -> None:
    with pytest.raises(InvalidInputError, match="teleport"):
        Assumptions().with_path("teleport", "/x")
    with pytest.raises(InvalidInputError, match="teleport"):
        Assumptions().with_body("teleport", lambda body: body)


# --- ids and amounts that must be there -----------------------------------------------------------

QUOTE = {
    "validatedOrderToken": "t",
    "expiresAt": "2026-11-23T18:15:00Z",
    "amounts": {"subTotal": 10, "total": 12},
}
QUOTE_REST = {name: value for name, value in QUOTE.items() if name != "validatedOrderToken"}


def test_a_quote_is_read() -> None:
    answer = responses.validated(QUOTE)
    assert (answer.validated_order_token, answer.amounts.total) == ("t", Decimal(12))
    assert responses.validated({"order": QUOTE}) == answer
    free = {**QUOTE, "amounts": {"subTotal": 0, "total": 0}}
    assert responses.validated(free).amounts.total == 0


@pytest.mark.parametrize(
    ("given", "sent", "tip"),
    [({}, None, 0), ({}, 3, 3), ({"tip": None}, 3, 3), ({"tip": 0}, 3, 0), ({"tip": 2}, 3, 2)],
)
def test_a_quote_without_a_tip_has_the_one_that_was_sent(
    given: dict[str, object], sent: int | None, tip: int
) -> None:
    quote = {"validatedOrderToken": "t", "amounts": {"subTotal": 10, "total": 13, **given}}
    charge = None if sent is None else Decimal(sent)
    for answer in (quote, {"order": quote}):
        assert responses.validated(answer, charge).amounts.tip == tip


@pytest.mark.parametrize(
    "change",
    [
        {"validatedOrderToken": ""},
        {"validatedOrderToken": 5},
        {"amounts": {"subTotal": 10, "total": Decimal("-0.01")}},
        {"amounts": {"subTotal": Decimal("-0.01"), "total": 12}},
        {"amounts": {"subTotal": 10}},
        {"amounts": "12.00"},
    ],
)
def test_a_quote_without_token_or_total_is_unreadable(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError):
        responses.validated({**QUOTE, **change})


def test_a_card_needs_an_id_and_keeps_four_digits() -> None:
    with pytest.raises(InvalidResponseError, match="no id"):
        responses.payment_method({"paymentId": ""})
    card = responses.payment_method({"paymentId": "p", "lastFour": "4111111111111234"})
    assert (card.payment_id, card.last_four) == ("p", "1234")
    assert responses.payment_methods([{"paymentId": "p"}]).cards == (evolve(card, last_four=None),)
    with pytest.raises(InvalidResponseError, match=r"payments$"):
        responses.payment_methods({"payments": "none"})


@pytest.mark.parametrize("missing", ["", None, 5, [], {}])
def test_an_address_that_is_kept_has_an_id(missing: Any) -> None:
    assert responses.address_id({"addressId": "a-1"}) == "a-1"
    with pytest.raises(InvalidResponseError, match="no id"):
        responses.address_id({"addressId": missing})


def test_a_list_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidResponseError, match=r"no list of stores$"):
        responses.store_page({})
    with pytest.raises(InvalidResponseError, match=r"no list of orders$"):
        responses.order_page({})
    with pytest.raises(InvalidResponseError, match=r"no list of lineItems$"):
        responses.cart_lines({"cart": {}}, [])


@pytest.mark.parametrize("kind", ["an order page", "a store page"])
def test_the_rest_of_a_page_may_be_left_out(kind: str) -> None:
    if kind == "an order page":
        page = responses.order_page({"orders": [{"orderId": "o"}], "hasMore": True})
        assert [each.order_id for each in page.orders] == ["o"]
        assert page.has_more
        assert not responses.order_page([{"orderId": "o"}]).has_more
    else:
        stores = responses.store_page({"stores": [{"storeId": "s"}], "hasMore": True})
        assert [each.store_id for each in stores.stores] == ["s"]
        assert stores.has_more


def test_every_part_of_a_stores_address_is_read() -> None:
    whole = {
        "address1": "350 5th Ave",
        "city": "New York",
        "state": "NY",
        "postalCode": "10118",
        "latitude": Decimal("40.7484"),
        "longitude": 180,
    }
    address = responses.store({"storeId": "s", "address": whole}).address
    assert address == StoreAddress(
        address1="350 5th Ave",
        city="New York",
        state="NY",
        postal_code="10118",
        latitude=Decimal("40.7484"),
        longitude=Decimal(180),
    )
    assert not responses.store({"storeId": "s", "address": whole}).extra
    west = responses.store({"storeId": "s", "address": {"longitude": -180}}).address
    assert west == StoreAddress(longitude=Decimal(-180))
    odd = {"latitude": True, "longitude": Decimal("180.01"), "city": 5}
    assert responses.store({"storeId": "s", "address": odd}).address == StoreAddress()
    odd = {"latitude": "40", "longitude": Decimal("-180.01")}
    assert responses.store({"storeId": "s", "address": odd}).address == StoreAddress()


def test_one_path_is_replaced_and_the_others_stay() -> None:
    changed = Assumptions().with_path("get_store", "/a").with_path("get_order", "/b")
    paths = {name: changed.operation(name).path for name in ("get_store", "get_order")}
    assert paths == {"get_store": "/a", "get_order": "/b"}
    assert changed.operation("place_order") == Assumptions().operation("place_order")


def test_what_the_documentation_says_is_assumed() -> None:
    assumed = Assumptions()
    assert (assumed.order_token_life, assumed.session_life) == (900.0, 2_592_000.0)
    assert (assumed.delivery_mode, assumed.pickup_mode) == ("DeliveryByMerchant", "Pickup")
    assert (assumed.delivery_type, assumed.pickup_type) == ("delivery", "pickup")
    assert assumed.minimum_for == ("delivery", "pickup")
    assert assumed.base_path == "/v1/marketplace"


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ((), ()),
        (("pickup",), ("pickup",)),
        (("pickup", "delivery"), ("delivery", "pickup")),
        (("delivery", "delivery"), ("delivery",)),
    ],
)
def test_the_minimum_holds_for_any_of_the_fulfillment_types(given: Any, known: Any) -> None:
    assert Assumptions(minimum_for=given).minimum_for == known


@pytest.mark.parametrize(
    "given",
    [
        "delivery",
        ["delivery"],
        ("Pickup",),
        ("delivery", "dine_in"),
        None,
        1,
        ([],),
        {"delivery": True},
    ],
)
def test_a_minimum_of_anything_else_cannot_be(given: Any) -> None:
    with pytest.raises(InvalidInputError, match="minimum_for"):
        Assumptions(minimum_for=given)


# The spellings that pages of the portal use for one and the same member.
SPELLINGS: list[tuple[Callable[[Any], Any], dict[str, Any], dict[str, Any]]] = [
    (responses.payment_method, {"paymentId": "p"}, {"paymentMethodId": "p"}),
    (responses.payment_method, {"paymentId": "p"}, {"id": "p"}),
    (responses.payment_method, {"paymentId": "p"}, {"payment": {"paymentId": "p"}}),
    (responses.payment_method, {"paymentId": "p"}, {"paymentMethod": {"paymentId": "p"}}),
    (responses.payment_methods, {"payments": [{"id": "p"}]}, {"paymentMethods": [{"id": "p"}]}),
    (responses.validated, QUOTE, {**QUOTE_REST, "orderToken": "t"}),
    (responses.validated, QUOTE, {**QUOTE_REST, "token": "t"}),
    (responses.session, {"token": "t"}, {"sessionToken": "t"}),
    (responses.address_id, {"addressId": "a"}, {"id": "a"}),
]


@pytest.mark.parametrize(("read", "usual", "other"), SPELLINGS)
def test_other_spellings_read_the_same(
    read: Callable[[Any], Any], usual: dict[str, Any], other: dict[str, Any]
) -> None:
    assert read(other) == read(usual)


@pytest.mark.parametrize(
    ("lines", "line_id", "groups", "group_id", "chosen"),
    [
        ("lineItems", "lineItemId", "modifierGroups", "modifierGroupId", "selectedModifiers"),
        ("items", "id", "modifiers", "id", "modifiers"),
    ],
)
def test_a_cart_is_read_in_either_spelling(
    lines: str, line_id: str, groups: str, group_id: str, chosen: str
) -> None:
    inner = {group_id: "h", chosen: [{"itemId": "n", "quantity": 1}]}
    outer = {
        group_id: "g",
        chosen: [{"itemId": "m", "quantity": 2, "modifierGroups": [inner]}],
    }
    line = {line_id: "1", "itemId": "a", "quantity": 3, groups: [outer]}
    nested = (GroupChoice("h", (Choice("n"),)),)
    assert responses.cart_lines({lines: [line]}, ()) == (
        Line("1", "a", 3, groups=(GroupChoice("g", (Choice("m", 2, nested),)),)),
    )


def test_an_odd_member_takes_no_entry_of_a_menu_away() -> None:
    parts = ("catalogs", "sections", "items", "modifierGroups")
    menu = catalog(**{part: {"a": {"name": 7}} for part in parts})
    for entries in (menu.catalogs, menu.sections, menu.items, menu.modifier_groups):
        entry: Any = entries["a"]
        assert (entry.name, entry.extra) == ("", {"name": 7})


def test_every_card_is_read_unless_it_says_otherwise() -> None:
    assert responses.PaymentMethods(()).left_out == 0


@pytest.mark.parametrize("ends", [True, "soon", 10**20, [], Decimal("1.5")])
def test_a_time_that_is_none_is_not_known(ends: Any) -> None:
    assert responses.session({"token": "t", "expiresAt": ends}).expires_at is None


@pytest.mark.parametrize(
    "ends", [1800000000, "2027-01-15T08:00:00Z", "2027-01-15T08:00:00", "2027-01-15T09:00:00+01:00"]
)
def test_a_time_is_iso_8601_or_unix_seconds_and_utc(ends: Any) -> None:
    answer = responses.session({"token": "t", "expiresAt": ends})
    assert answer.expires_at == datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def test_what_an_answer_leaves_out_is_no_obstacle() -> None:
    """An item is sold, a choice may be left out, and a page is the last unless they say otherwise."""
    menu = catalog(
        items={"i": {"name": "I"}},
        modifierGroups={"g": {"name": "G", "minimumAllowed": 1}, "h": {}},
    )
    assert menu.items["i"].available is True
    groups = menu.modifier_groups
    assert [groups[each].min_selections for each in ("g", "h")] == [1, 0]
    assert groups["h"].max_selections is None
    assert responses.store_page({"stores": []}).has_more is False
    assert responses.order_page({"orders": []}).has_more is False


def test_an_answer_that_says_so_is_believed() -> None:
    group = {"minSelections": 1, "minimumAllowed": 2, "maximumAllowed": 3}
    menu = catalog(items={"i": {"isAvailable": False}}, modifierGroups={"g": group})
    assert menu.items["i"].available is False
    read = menu.modifier_groups["g"]
    assert (read.min_selections, read.max_selections) == (1, 3)  # the usual name comes first


def test_the_key_of_a_catalog_or_a_section_is_its_id() -> None:
    menu = catalog(catalogs={"c": {}}, sections={"s": {}})
    assert (menu.catalogs["c"].catalog_id, menu.sections["s"].section_id) == ("c", "s")


def test_pages_and_places_have_bounds() -> None:
    assert requests.page(limit=1, offset=0) == {"limit": 1, "offset": 0}
    assert requests.page(limit=100, offset=5) == {"limit": 100, "offset": 5}
    for limit, offset in ((0, 0), (101, 0), (1, -1)):
        with pytest.raises(InvalidInputError):
            requests.page(limit=limit, offset=offset)
    assert requests._degrees(Decimal(180), 180) == Decimal(180)
    with pytest.raises(InvalidInputError):
        requests._degrees(Decimal("180.1"), 180)


def test_on_a_page_an_entry_is_read_as_it_is_by_itself() -> None:
    odd_order = {"orderId": "o", "amounts": "unreadable"}
    assert responses.order_page({"orders": [odd_order]}).orders == (responses.order(odd_order),)
    odd_store = {"storeId": "s", "catalogSetId": "c", "categories": [{"name": "pizza"}, "pasta"]}
    assert responses.store_page({"stores": [odd_store]}).stores == (responses.store(odd_store),)
