"""Stores and menus: opening hours, days and times as the API writes them, sections."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from typing import Any

import pytest
from attrs import asdict, evolve

from gett_checkout._core.card import PaymentMethod
from gett_checkout._core.catalog import (
    DAYS,
    Catalog,
    CatalogSet,
    Item,
    ModifierGroup,
    Section,
    Store,
    StorePage,
    Window,
    entry_of,
    parse_day,
    parse_time,
)
from gett_checkout._core.extra import Extra
from gett_checkout._core.view import StoreView
from gett_checkout._json import write_json
from gett_checkout._wire.menu import catalog_set
from tests.samples.states import MENU, NOW, group, item, menu

LUNCH = Window("monday", time(11), time(14, 30))
EVENING = Window("monday", time(18), time.min)  # to the end of the day
# A Friday night until 02:00, as the API splits it.
NIGHT = (Window("friday", time(20), time.min), Window("saturday", time.min, time(2)))


def store(*windows: Window, zone: str | None = "UTC") -> Store:
    return Store("st-1", timezone=zone, availability=windows)


def moment(day: int, clock: str) -> datetime:
    """A moment of the week of Monday 23 November 2026, in UTC."""
    return datetime.combine(datetime(2026, 11, day, tzinfo=UTC), time.fromisoformat(clock), UTC)


@pytest.mark.parametrize(
    ("day", "clock", "is_open"),
    [
        (23, "10:59:59", False),
        (23, "11:00:00", True),
        (23, "14:29:59", True),
        (23, "14:30:00", False),
        (23, "17:59:59.999999", False),
        (23, "18:00:00", True),
        (23, "23:59:59.999999", True),
        (24, "00:00:00", False),
        (24, "12:00:00", False),
        (27, "19:59:59", False),
        (27, "20:00:00", True),
        (27, "23:59:59", True),
        (28, "00:00:00", True),
        (28, "01:59:59", True),
        (28, "02:00:00", False),
        (28, "20:00:00", False),
    ],
)
def test_open_by_its_windows(day: int, clock: str, is_open: bool) -> None:
    assert store(LUNCH, EVENING, *NIGHT).is_open(moment(day, clock)) is is_open


def test_a_window_from_midnight_to_midnight_is_the_whole_day() -> None:
    always = store(Window("monday", time.min, time.min))
    assert always.is_open(moment(23, "00:00:00")) is True
    assert always.is_open(moment(23, "23:59:59")) is True
    assert always.is_open(moment(24, "00:00:00")) is False


@pytest.mark.parametrize(
    ("zone", "clock", "is_open"),
    [
        ("America/New_York", "16:00:00", True),  # 11:00 there
        ("America/New_York", "15:59:00", False),
        ("Asia/Tokyo", "02:00:00", True),  # 11:00 there
        ("Asia/Tokyo", "11:00:00", True),  # 20:00 there
        ("Asia/Tokyo", "15:00:00", False),  # Tuesday there
    ],
)
def test_windows_are_in_the_stores_own_time(zone: str, clock: str, is_open: bool) -> None:
    assert store(LUNCH, EVENING, zone=zone).is_open(moment(23, clock)) is is_open


def test_windows_follow_daylight_saving() -> None:
    lunch = store(Window("sunday", time(11), time(12)), zone="America/New_York")
    assert lunch.is_open(datetime(2026, 10, 25, 15, 30, tzinfo=UTC)) is True  # summer time
    assert lunch.is_open(datetime(2026, 11, 1, 15, 30, tzinfo=UTC)) is False
    assert lunch.is_open(datetime(2026, 11, 1, 16, 30, tzinfo=UTC)) is True


def test_no_windows_is_never_open() -> None:
    assert store().is_open(moment(23, "12:00")) is False
    assert store(zone=None).is_open(moment(23, "12:00")) is False


def test_unsaid_hours_are_unknown() -> None:
    assert Store("st-1", timezone="UTC").is_open(moment(23, "12:00")) is None


@pytest.mark.parametrize(
    "zone",
    [None, "", "Mars/Olympus", "America", "../etc/passwd", "a\0b", "/etc/localtime", "é" * 300],
)
def test_an_unknown_zone_leaves_the_hours_unknown(zone: str | None) -> None:
    assert store(LUNCH, zone=zone).is_open(moment(23, "12:00")) is None


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("monday", "monday"),
        ("Monday", "monday"),
        ("SUNDAY", "sunday"),
        ("Wed", "wednesday"),
        ("thurs", "thursday"),
        (0, "sunday"),
        (1, "monday"),
        (6, "saturday"),
        (7, "sunday"),
    ],
)
def test_days(value: object, day: str) -> None:
    assert parse_day(value) == day


@pytest.mark.parametrize("value", ["", "m", "mo", "mondays", "montag", -1, 8, True, None, 1.0, []])
def test_what_is_no_day(value: object) -> None:
    with pytest.raises(ValueError, match="day"):
        parse_day(value)


def test_every_day_by_name_and_by_number() -> None:
    assert [parse_day(number) for number in range(1, 8)] == list(DAYS)
    assert [parse_day(day.upper()) for day in DAYS] == list(DAYS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("09:30:00", time(9, 30)), ("09:30", time(9, 30)), ("23:59:59", time(23, 59, 59))],
)
def test_times(value: str, expected: time) -> None:
    assert parse_time(value) == expected


@pytest.mark.parametrize(
    "value", ["", "9:30", "25:00:00", "noon", "09:30:00Z", "09:30:00+02:00", None, 930, True]
)
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(ValueError, match=r"time|isoformat|hour|ISO"):
        parse_time(value)


# --- menus ----------------------------------------------------------------------------------------

NESTED = CatalogSet(
    "cs-2",
    catalogs={
        "lunch": Catalog("lunch", section_ids=("mains", "missing")),
        "dinner": Catalog("dinner", section_ids=("mains", "sweets")),
    },
    sections={
        "mains": Section("mains", section_ids=("vegan", "meat"), item_ids=("pasta",)),
        "vegan": Section("vegan", item_ids=("tofu", "pasta", "missing")),
        "meat": Section("meat", section_ids=("mains", "vegan"), item_ids=("steak",)),  # a cycle
        "sweets": Section("sweets", item_ids=("cake",)),
        "unlisted": Section("unlisted", item_ids=("secret",)),
    },
    items={each: item(each) for each in ("pasta", "tofu", "steak", "cake", "secret")},
    modifier_groups={},
)


def test_sections_are_walked_once_in_menu_order_with_what_is_nested() -> None:
    walked = [
        (section.section_id, [each.item_id for each in items]) for section, items in NESTED.walk()
    ]
    assert walked == [
        ("mains", ["pasta"]),
        ("vegan", ["tofu", "pasta"]),
        ("meat", ["steak"]),
        ("sweets", ["cake"]),
    ]


def test_menu_items_are_listed_once_and_modifiers_not_at_all() -> None:
    assert [each.item_id for each in NESTED.menu_items()] == ["pasta", "tofu", "steak", "cake"]
    assert "olives" not in {each.item_id for each in MENU.menu_items()}


@pytest.mark.parametrize(
    ("item_id", "sold"),
    [
        ("pasta", True),
        ("tofu", True),  # in a section of a section
        ("steak", True),  # in one of a cycle
        ("cake", True),  # of the second catalog
        ("secret", False),  # in a section that no catalog leads to
        ("missing", True),  # listed; that there is no such item is another matter
        ("nothing", False),
    ],
)
def test_what_the_sections_list_is_sold(item_id: str, sold: bool) -> None:
    assert NESTED.sells(item_id) is sold


def test_what_is_sold_is_what_the_menu_lists() -> None:
    for catalog in (NESTED, MENU):
        listed = {each.item_id for each in catalog.menu_items()}
        assert {each for each in catalog.items if catalog.sells(each)} == listed


ENTRIES = {
    "catalogs": {"all": {"sectionIds": ["s"]}},
    "sections": {"s": {"itemIds": ["a"]}},
    "items": {"a": {"price": 1}, "b": {"price": 2}},
}


@pytest.mark.parametrize(
    ("changes", "sold"),
    [
        ({}, "a"),
        ({"catalogs": {}}, "ab"),
        ({"catalogs": None}, "ab"),
        ({"catalogs": {"all": {}}}, "ab"),
        ({"catalogs": {"all": {"sectionIds": []}}}, "ab"),
        ({"sections": {}}, "ab"),
        ({"sections": None}, "ab"),
        ({"sections": {"s": {}}}, "ab"),  # its items are said some other way
        ({"sections": {"s": {"itemIds": []}}}, "ab"),
        ({"catalogs": {"all": {"sectionIds": ["s", "gone"]}}}, "a"),
        ({"catalogs": {"all": {"sectionIds": ["s"]}, "none": {}}}, "a"),
        # An entry that cannot be read may list anything.
        ({"catalogs": {"all": {"sectionIds": ["s"]}, "bad": 7}}, "ab"),
        (
            {
                "catalogs": {"all": {"sectionIds": ["s", "bad"]}},
                "sections": {"s": {"itemIds": ["a"]}, "bad": {"itemIds": 7}},
            },
            "ab",
        ),
        (
            {
                "catalogs": {"all": {"sectionIds": ["bad", "s"]}},
                "sections": {"s": {"itemIds": ["a"]}, "bad": 7},
            },
            "ab",
        ),
        ({"catalogs": {"all": {"sectionIds": ["s", 7]}}}, "ab"),
        ({"sections": {"s": {"itemIds": ["a"]}, "bad": 7}}, "a"),  # nothing leads to it
        ({"sections": {"s": {"sectionIds": ["t"]}, "t": {"itemIds": ["b"]}}}, "b"),
        ({"sections": {"s": {"sectionIds": ["s"], "itemIds": ["a"]}}}, "a"),
    ],
)
def test_a_menu_that_does_not_say_sells_everything(changes: dict[str, Any], sold: str) -> None:
    catalog = catalog_set(write_json({**ENTRIES, **changes}), "cs-1")
    assert "".join(each for each in "ab" if catalog.sells(each)) == sold


def test_what_is_sold_is_found_once_and_without_looking_at_an_item() -> None:
    class Counted(dict[str, Any]):
        looked = 0

        def __getitem__(self, key: str) -> Any:
            self.looked += 1
            return super().__getitem__(key)

    sections, items = Counted(NESTED.sections), Counted(NESTED.items)
    catalog = evolve(NESTED, sections=sections, items=items)
    assert [catalog.sells(each) for each in ("pasta", "tofu", "secret")] == [True, True, False]
    assert (sections.looked, items.looked) == (5, 0)  # one of them is not there
    assert catalog == NESTED
    assert not evolve(NESTED, catalogs={"none": Catalog("none", section_ids=("sweets",))}).sells(
        "pasta"
    )


def test_an_entry_that_cannot_be_read_hides_none_after_it() -> None:
    catalog = catalog_set(
        write_json(
            {
                "catalogs": {"bad": 7, "all": {"sectionIds": ["bad", "gone", "s"]}},
                "sections": {"bad": 7, "s": {"itemIds": ["bad", "gone", "a"]}},
                "items": {"bad": 7, "a": {}},
            }
        ),
        "cs-1",
    )
    assert [each.item_id for each in catalog.menu_items()] == ["a"]
    assert entry_of(catalog.items, "a") == Item("a")
    assert entry_of(catalog.items, "bad") is entry_of(catalog.items, "gone") is None


def test_groups_of_an_item_pass_over_what_is_not_there() -> None:
    dish = item("dish", "1.00", "missing", "toppings", "size")
    assert [each.modifier_group_id for each in MENU.groups_of(dish)] == ["toppings", "size"]


def store_view(store_id: str, **members: Any) -> StoreView:
    return StoreView.of(Store(store_id, **members), NOW)


@pytest.mark.parametrize(
    "kind", [Store, Catalog, Section, Item, ModifierGroup, PaymentMethod, store_view]
)
def test_other_members_are_in_neither_repr_nor_hash(kind: Any) -> None:
    value = kind("id", extra=Extra({"tags": ["new"]}))
    assert "extra" not in repr(value)
    assert hash(value) == hash(kind("id"))


def test_a_page_of_stores_is_the_last_and_whole_unless_it_says_otherwise() -> None:
    assert StorePage(()) == StorePage((), has_more=False, total_count=None, left_out=0)


def test_the_repr_of_a_menu_counts() -> None:
    assert repr(NESTED) == (
        "CatalogSet(catalog_set_id='cs-2', catalogs=<2>, sections=<5>, items=<5>, modifier_groups=<0>)"
    )


def test_what_a_menu_leaves_out() -> None:
    members: dict[str, Any] = {
        "available": True,
        "price": None,
        "description": None,
        "modifier_group_ids": (),
        "extra": {},
    }
    assert asdict(Item("i")) == {"item_id": "i", "name": "", **members}
    bounds: dict[str, Any] = {
        "min_selections": 0,
        "max_selections": None,
        "item_ids": (),
        "extra": {},
    }
    assert asdict(ModifierGroup("g")) == {"modifier_group_id": "g", "name": "", **bounds}
    nested: dict[str, Any] = {"item_ids": (), "section_ids": (), "extra": {}}
    assert asdict(Section("s")) == {"section_id": "s", "name": "", **nested}
    assert Catalog("c") == Catalog("c", name="", section_ids=())
    assert Store("st").name == ""
    assert not StorePage(()).has_more


# --- as JSON --------------------------------------------------------------------------------------


def test_a_menu_as_json_has_everything_once_by_its_id() -> None:
    data = MENU.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["catalog_set_id"] == "cs-1"
    (section,) = data["sections"]
    assert section == {
        "section_id": "all",
        "name": "",
        "item_ids": ["pizza", "salad", "water", "tiramisu", "soldout"],
        "extra": {},
    }
    assert set(data["items"]) == set(MENU.items)  # modifiers of modifiers too
    assert set(data["modifier_groups"]) == {"size", "crust", "toppings"}
    assert data["items"]["large"] == {
        "item_id": "large",
        "name": "large",
        "description": None,
        "price": "3.00",
        "available": True,
        "modifier_group_ids": ["crust"],
        "extra": {},
    }
    assert data["modifier_groups"]["toppings"] == {
        "modifier_group_id": "toppings",
        "name": "toppings",
        "min_selections": 0,
        "max_selections": 3,
        "item_ids": ["olives", "ham", "truffle"],
        "extra": {},
    }


def test_what_no_section_leads_to_is_not_in_the_json() -> None:
    data = menu(item("a"), item("lost", "1.00", "g"), groups=(group("g"),), listed=("a",)).to_dict()
    assert set(data["items"]) == {"a"}
    assert data["modifier_groups"] == {}


def test_a_menu_that_contains_itself_becomes_json() -> None:
    data = menu(
        item("a", "1.00", "g", "h"),
        item("b", "1.00", "h"),
        groups=(group("g", "a", "b"), group("h", "a", "b")),
        listed=("a",),
    ).to_dict()
    assert set(data["items"]) == {"a", "b"}
    assert data["modifier_groups"]["g"]["item_ids"] == ["a", "b"]
    itself = menu(item("a"), item("b", "1.00", "g"), groups=(group("g", "b"),), listed=("a", "b"))
    assert set(itself.to_dict()["items"]) == {"a", "b"}


def test_the_json_names_nothing_that_is_not_in_it() -> None:
    """What cannot be read, or is not there, takes nothing else away and leaves no name behind."""
    body = write_json(
        {
            "catalogs": {"all": {"sectionIds": ["s", "t", "gone"]}},
            "sections": {"s": {"itemIds": ["a", "bad", "gone"]}, "t": ["no section"]},
            "items": {
                "a": {"price": 1, "modifierGroupIds": ["g", "bad", "gone"]},
                "b": {"price": 2},
                "bad": 7,
            },
            "modifierGroups": {"g": {"itemIds": ["b", "bad", "gone"]}, "bad": 7},
        }
    )
    read = catalog_set(body, "cs-1")
    data = read.to_dict()
    assert [each["section_id"] for each in data["sections"]] == ["s"]
    assert data["sections"][0]["item_ids"] == ["a"]
    assert data["items"]["a"]["modifier_group_ids"] == ["g"]
    assert data["modifier_groups"]["g"]["item_ids"] == ["b"]
    assert (set(data["items"]), set(data["modifier_groups"])) == ({"a", "b"}, {"g"})
    assert [each.item_id for each in read.items_of(read.modifier_groups["g"])] == ["b"]


@pytest.mark.parametrize(
    ("delivery", "pickup", "offers"),
    [
        (None, None, ("delivery", "pickup")),
        (True, False, ("delivery",)),
        (False, None, ("pickup",)),
        (False, False, ()),
    ],
)
def test_a_store_offers_what_it_does_not_rule_out(
    delivery: bool | None, pickup: bool | None, offers: tuple[str, ...]
) -> None:
    assert Store("s", delivery_allowed=delivery, pickup_allowed=pickup).fulfillment_types == offers
