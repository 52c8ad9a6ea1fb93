"""Stores and their menus as the API describes them, and a checkout's questions about them.

Docs: Stores, Catalog. A catalog set is four dictionaries keyed by id; modifiers are items too and may
have groups of their own, so every traversal guards against cycles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import evolve, field, frozen

from gett_checkout._core.extra import NO_EXTRA, unreadable_in
from gett_checkout._core.jsonable import jsonable, jsonable_fields
from gett_checkout._money import DEFAULT_CURRENCY
from gett_checkout.errors import InvalidResponseError

T = TypeVar("T")

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@frozen
class Window:
    """One opening window of a weekday, in the store's local time.

    ``end`` at midnight means the end of the day; overnight windows are split in two.
    """

    day: str
    start: time
    end: time


@frozen
class StoreAddress:
    """The address of a store."""

    address1: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None


@frozen
class Store:
    """A restaurant, as returned by `get_store` and discovery.

    ``minimum_order_amount`` is in major units, ``None`` when the store has no minimum. ``availability``
    is ``None`` when the response did not mention it (unknown), and empty when the store is never open.
    ``None`` for ``delivery_allowed`` or ``pickup_allowed`` means unknown, which counts as allowed.
    ``extra`` has every other member of the response, and those that cannot be read.
    """

    store_id: str
    catalog_set_id: str | None = None
    name: str = ""
    minimum_order_amount: Decimal | None = None
    currency: str = DEFAULT_CURRENCY
    timezone: str | None = None
    availability: tuple[Window, ...] | None = None
    delivery_allowed: bool | None = None
    pickup_allowed: bool | None = None
    categories: tuple[str, ...] = ()
    address: StoreAddress | None = None
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the store as JSON-ready data, ``extra`` included."""
        return _with_extra(self)

    @property
    def fulfillment_types(self) -> tuple[str, ...]:
        """The fulfillment types it offers: ``delivery``, ``pickup``."""
        delivery, pickup = self.delivery_allowed is not False, self.pickup_allowed is not False
        return ("delivery",) * delivery + ("pickup",) * pickup

    def is_open(self, now: datetime) -> bool | None:
        """Whether the store is open at ``now`` (aware); ``None`` when hours or time zone are unknown."""
        if self.availability is None:
            return None
        if not self.availability:
            return False
        try:
            local = now.astimezone(ZoneInfo(self.timezone)) if self.timezone else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            local = None
        if local is None:
            return None
        today, clock = DAYS[local.weekday()], local.time()
        return any(
            window.start <= clock and (clock < window.end or window.end == time.min)
            for window in self.availability
            if window.day == today
        )


def shared(store: Store) -> Store:
    """Return the store as a checkout stores it, without ``extra``, which could be of any size."""
    return _shared(evolve(store, extra=NO_EXTRA) if store.extra else store)


@lru_cache(maxsize=256)
def _shared(store: Store) -> Store:
    """Intern the store, so that checkouts at one store share one object."""
    return store


@frozen
class StorePage:
    """One page of discovery. ``left_out`` counts the stores whose id or minimum cannot be read."""

    stores: tuple[Store, ...]
    has_more: bool = False
    total_count: int | None = None
    left_out: int = 0


@frozen
class Item:
    """An item on the menu, or a modifier. ``price`` is in major units, ``None`` when it has no price of its
    own (it then costs nothing), or when the price cannot be read. ``extra`` has the other members that Gett
    sends: pictures, tags, allergens.
    """

    item_id: str
    name: str = ""
    description: str | None = None
    price: Decimal | None = None
    available: bool = True
    modifier_group_ids: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)


@frozen
class ModifierGroup:
    """A choice an item offers: between ``min_selections`` and ``max_selections`` of its items.

    ``max_selections`` is ``None`` when there is no maximum. Both are as Gett sends them; a line is
    never required to have more choices than the menu actually offers.
    """

    modifier_group_id: str
    name: str = ""
    min_selections: int = 0
    max_selections: int | None = None
    item_ids: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)


@frozen
class Section:
    """A heading of the menu, with items and further sections under it."""

    section_id: str
    name: str = ""
    section_ids: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)


@frozen
class Catalog:
    """One menu of a catalog set: lunch, dinner."""

    catalog_id: str
    name: str = ""
    section_ids: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)


_LISTS: Final = frozenset({"section_ids", "item_ids"})


@frozen
class CatalogSet:
    """A store's menus. The set with a given id never changes, so it may be cached forever.

    Entries are parsed on first access: a menu has thousands of items and a checkout touches a handful.
    """

    catalog_set_id: str
    catalogs: Mapping[str, Catalog] = field(repr=lambda entries: f"<{len(entries)}>")
    sections: Mapping[str, Section] = field(repr=lambda entries: f"<{len(entries)}>")
    items: Mapping[str, Item] = field(repr=lambda entries: f"<{len(entries)}>")
    modifier_groups: Mapping[str, ModifierGroup] = field(repr=lambda entries: f"<{len(entries)}>")

    def walk(self) -> Iterator[tuple[Section, tuple[Item, ...]]]:
        """Yield every section once, in menu order, with the items listed in it.

        Entries that cannot be read are skipped: one bad entry does not make the menu unusable.
        """
        for section in self._reached():
            yield section, tuple(_readable(self.items, section.item_ids))

    def _reached(self, *, strict: bool = False) -> Iterator[Section]:
        """Yield every section reachable from a catalog, once, in menu order."""
        seen: set[str] = set()
        catalogs = _readable(self.catalogs, self.catalogs, strict=strict)
        waiting = [each for catalog in catalogs for each in catalog.section_ids][::-1]
        while waiting:
            section_id = waiting.pop()
            if section_id in seen:
                continue
            seen.add(section_id)
            for section in _readable(self.sections, [section_id], strict=strict):
                yield section
                waiting.extend(reversed(section.section_ids))

    def menu_items(self) -> Iterator[Item]:
        """Yield every item listed in a section, once: the items that can be ordered by themselves."""
        seen: set[str] = set()
        for _, items in self.walk():
            for item in items:
                if item.item_id not in seen:
                    seen.add(item.item_id)
                    yield item

    def sells(self, item_id: str) -> bool:
        """Whether a section lists the item, so that it can be ordered by itself.

        If the sections list no items at all, or at least one section cannot be read, this is true for
        every item: a gap in the menu never makes an item unavailable.
        """
        return self._sold is None or item_id in self._sold

    @cached_property
    def _sold(self) -> frozenset[str] | None:
        """Return the ids that sections list, ``None`` when unknown. Parses no item."""
        try:
            reached = tuple(self._reached(strict=True))
        except InvalidResponseError:
            return None
        listing: tuple[Catalog | Section, ...] = (
            *_readable(self.catalogs, self.catalogs),
            *reached,
        )
        if any(unreadable_in(each.extra) & _LISTS for each in listing):
            return None  # part of a list could not be read
        return frozenset().union(*(section.item_ids for section in reached)) or None

    def groups_of(self, item: Item) -> tuple[ModifierGroup, ...]:
        """Return the item's modifier groups, in order; ids missing from the set are skipped."""
        return tuple(_readable(self.modifier_groups, item.modifier_group_ids))

    def items_of(self, group: ModifierGroup) -> tuple[Item, ...]:
        """Return the modifiers the group offers, in order; ids missing from the set are skipped."""
        return tuple(_readable(self.items, group.item_ids))

    def to_dict(self) -> dict[str, Any]:
        """Return the menu as JSON-ready data for a page: sections in order, the rest by id.

        Modifiers are items too and may have groups of their own, so each item and each group reachable
        from a section appears once, and is referred to by its id. Every id referred to is present.
        """
        sections = tuple(self.walk())
        items: dict[str, Any] = {}
        groups: dict[str, Any] = {}
        waiting = [item for _, listed in sections for item in listed]
        while waiting:
            item = waiting.pop()
            if item.item_id in items:
                continue
            offered = self.groups_of(item)
            said = items[item.item_id] = _with_extra(item)
            said["modifier_group_ids"] = [group.modifier_group_id for group in offered]
            for group in offered:
                if group.modifier_group_id not in groups:
                    modifiers = self.items_of(group)
                    said = groups[group.modifier_group_id] = _with_extra(group)
                    said["item_ids"] = [modifier.item_id for modifier in modifiers]
                    waiting.extend(modifiers)
        return {
            "catalog_set_id": self.catalog_set_id,
            "sections": [
                {
                    "section_id": section.section_id,
                    "name": section.name,
                    "item_ids": [item.item_id for item in listed],
                    "extra": jsonable(section.extra),
                }
                for section, listed in sections
            ],
            "items": items,
            "modifier_groups": groups,
        }


def _with_extra(value: Store | Item | ModifierGroup) -> dict[str, Any]:
    return {**jsonable_fields(value), "extra": jsonable(value.extra)}


def _readable(entries: Mapping[str, T], ids: Iterable[str], *, strict: bool = False) -> Iterator[T]:
    """Return the entries with these ids that exist and can be read.

    With ``strict``, raises `InvalidResponseError` for one that exists and cannot be read.
    """
    for each in ids:
        try:
            entry = entries[each]
        except KeyError:
            continue
        except InvalidResponseError:
            if strict:
                raise
            continue
        yield entry


def entry_of(entries: Mapping[str, T], entry_id: str) -> T | None:
    """Return the entry with this id; ``None`` when there is none or it cannot be read."""
    return next(_readable(entries, (entry_id,)), None)


def parse_day(value: object) -> str:
    """Parse a weekday from its English name in any letter case, or from a number (0 and 7 are Sunday)."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 7:
        return DAYS[(value - 1) % 7]
    if isinstance(value, str):
        for day in DAYS:
            if len(value) >= 3 and day.startswith(value.casefold()):
                return day
    raise ValueError("not a day of the week")


def parse_time(value: object) -> time:
    """Parse a time of day from ``HH:mm:ss`` or ``HH:mm``."""
    if not isinstance(value, str):
        raise ValueError("not a time of day")
    moment = time.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError("a time of day has no zone")
    return moment
