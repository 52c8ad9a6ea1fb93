"""The storefront: finding stores, reading their menus, and knowing whether they are open.

Docs: Store and catalog. A catalog set is immutable under its id, so an item that runs out later
(`Switches.sold_out`) does not show in it, and a restaurant that takes one off its menu
(`Switches.off_menu`) sells from another set.
"""

import hashlib
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .calls import Call, Response, respond
from .documents import Document, write_json
from .menus import STORES
from .problems import RefusedError
from .switches import Switches

_log = logging.getLogger(__name__)

JsonObject = Mapping[str, Any]

FULFILLMENT_TYPES = ("delivery", "pickup")
DISCOVERY_RADIUS_KM = 50.0
DEFAULT_LIMIT, HIGHEST_LIMIT = 50, 100

_STORE_ID = re.compile(r"[A-Za-z0-9_-]+")
_END_OF_DAY = time(0)
_NEW_YORK_IN_WINTER = timezone(timedelta(hours=-5))
_EARTH_RADIUS_KM = 6371.0


class Menu:
    """A catalog set, by id."""

    def __init__(self, catalog_set: JsonObject) -> None:
        self.catalog_set_id: str = catalog_set["catalogSetId"]
        self._document = catalog_set
        self.items: Mapping[str, JsonObject] = catalog_set["items"]
        self.groups: Mapping[str, JsonObject] = catalog_set["modifierGroups"]
        sections = catalog_set["sections"].values()
        self.sold: frozenset[str] = frozenset(
            item for section in sections for item in section.get("itemIds", ())
        )
        """The items a line may name: those in a section, not those that are only modifiers."""
        self.content: bytes = write_json(catalog_set)
        """The catalog set as JSON; it never changes."""

    def lists(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of the ids that are items, choices or modifier groups of this menu."""
        return frozenset(each for each in ids if each in self.items or each in self.groups)

    def without(self, ids: frozenset[str]) -> "Menu":
        """The menu without the items with these ids: a new catalog set with an id of its own."""
        off = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:8]
        return Menu(
            {
                **self._document,
                "catalogSetId": f"{self.catalog_set_id}_{off}",
                "sections": _unlisted(self._document["sections"], ids, "itemIds"),
                "items": _unlisted(self.items, ids, "modifierGroupIds"),
                "modifierGroups": _unlisted(self.groups, ids, "itemIds"),
            }
        )


def _unlisted(parts: JsonObject, ids: frozenset[str], member: str) -> dict[str, JsonObject]:
    """The parts but for those of these ids, which no other lists in this member any more."""
    return {
        name: {**part, member: [each for each in part[member] if each not in ids]}
        if part.get(member)
        else part
        for name, part in parts.items()
        if name not in ids
    }


class Store:
    """A restaurant: its public document, its menu and its opening hours."""

    def __init__(self, document: JsonObject, menu: Menu) -> None:
        self.document = document
        self.content: bytes = write_json(document)
        self.menu = menu
        self.store_id: str = document["storeId"]
        self.catalog_set_id: str = menu.catalog_set_id
        self._zone = _zone(document["timezone"]) if document.get("timezone") else UTC

    def allows(self, fulfillment_type: str) -> bool:
        """Whether the store offers this fulfillment type; it does unless its document says otherwise."""
        return bool(self.document.get(f"{fulfillment_type}Allowed", True))

    def is_open(self, now: datetime) -> bool:
        """Whether `now` lies in a window, on the store's own clock. No windows: never open."""
        local = now.astimezone(self._zone)
        today = local.strftime("%A").casefold()
        return any(
            window["dayOfWeek"].casefold() == today and _covers(window, local.time())
            for window in self.document.get("availability") or ()
        )

    def matches(self, text: str) -> bool:
        """Whether a discovery query finds the store by its name or a category."""
        words = [self.document.get("name") or "", *(self.document.get("categories") or ())]
        return any(text.casefold() in word.casefold() for word in words)

    def is_near(self, latitude: float, longitude: float) -> bool:
        """Whether the store is near a position; a store without coordinates always is."""
        position = self.document.get("address") or {}
        if "latitude" not in position or "longitude" not in position:
            return True
        here = (float(position["latitude"]), float(position["longitude"]))
        return _kilometres(here, (latitude, longitude)) <= DISCOVERY_RADIUS_KM


def _opened(stores: Iterable[tuple[JsonObject, JsonObject]]) -> Iterator[Store]:
    menus: dict[str, Menu] = {}
    for document, catalog_set in stores:
        name = catalog_set["catalogSetId"]
        menu = menus[name] = menus.get(name) or Menu(catalog_set)
        yield Store(document, menu)


@cache
def _built_in() -> tuple[Store, ...]:
    """The stores of the sandbox's own, written as JSON once for every sandbox of the process."""
    return tuple(_opened(STORES))


class Storefront:
    """Every store and menu of the sandbox."""

    def __init__(self, stores: Iterable[tuple[JsonObject, JsonObject]], switches: Switches) -> None:
        self._switches = switches
        opened = _built_in() if stores is STORES else _opened(stores)
        self._stores: dict[str, Store] = {store.store_id: store for store in opened}
        self._changed: dict[tuple[str, frozenset[str]], Store] = {}

    def discover_stores(self, call: Call) -> Response:
        """POST /stores/discover."""
        document = call.document()
        document.only("location", "fulfillmentType", "query", "limit", "offset")
        found = list(self._find(document))
        limit = document.whole("limit", 1, HIGHEST_LIMIT) if "limit" in document else DEFAULT_LIMIT
        offset = document.whole("offset", 0, 1_000_000) if "offset" in document else 0
        return respond(
            {
                "stores": [store.document for store in found[offset : offset + limit]],
                "hasMore": offset + limit < len(found),
                "totalCount": len(found),
            }
        )

    def get_store(self, call: Call) -> Response:
        """GET /stores/{storeId}. A malformed id gets 404 without a body."""
        store_id = call.parameters["storeId"]
        if not _STORE_ID.fullmatch(store_id):
            return Response(404)
        return Response(200, self.store(store_id).content, "application/json")

    def get_catalog_set(self, call: Call) -> Response:
        """GET /catalog-sets/{catalogSetId}."""
        menu = self.menu(call.parameters["catalogSetId"])
        return Response(200, menu.content, "application/json")

    def store(self, store_id: str) -> Store:
        """The store with this id, or `STORE_NOT_FOUND`."""
        store = self._stores.get(store_id)
        if store is None:
            raise RefusedError("STORE_NOT_FOUND", "There is no store with this id.")
        return self._today(store)

    def _today(self, store: Store) -> Store:
        """The store with the menu it sells from now."""
        off = store.menu.lists(self._switches.off_menu)
        if not off:
            return store
        if (key := (store.store_id, off)) not in self._changed:
            menu = store.menu.without(off)
            document = {**store.document, "catalogSetId": menu.catalog_set_id}
            self._changed[key] = Store(document, menu)
        return self._changed[key]

    def menu(self, catalog_set_id: str) -> Menu:
        """The catalog set with this id, if a store currently sells from it; else `CATALOGSET_NOT_FOUND`."""
        for store in map(self._today, self._stores.values()):
            if store.catalog_set_id == catalog_set_id:
                return store.menu
        raise RefusedError("CATALOGSET_NOT_FOUND", "There is no catalog set with this id.")

    def check_open(self, store: Store, now: datetime) -> None:
        """Reject with `STORE_CLOSED` outside the hours, or when `Switches.closed_stores` has the store."""
        if store.store_id in self._switches.closed_stores or not store.is_open(now):
            raise RefusedError("STORE_CLOSED", "The store is closed.")

    def _find(self, document: Document) -> Iterable[Store]:
        stores = list(map(self._today, self._stores.values()))
        if "fulfillmentType" in document:
            wanted = document.choice("fulfillmentType", FULFILLMENT_TYPES)
            stores = [store for store in stores if store.allows(wanted)]
        if "query" in document:
            text = document.text("query")
            stores = [store for store in stores if store.matches(text)]
        if "location" in document:
            place = document.part("location")
            place.only("latitude", "longitude")
            latitude = float(place.number("latitude", -90, 90))
            longitude = float(place.number("longitude", -180, 180))
            stores = [store for store in stores if store.is_near(latitude, longitude)]
        return stores


def _covers(window: JsonObject, now: time) -> bool:
    """Whether a window of `HH:mm:ss` times holds `now`; an end of `00:00:00` is midnight."""
    end = time.fromisoformat(window["end"])
    return time.fromisoformat(window["start"]) <= now and (end == _END_OF_DAY or now < end)


def _kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The great-circle distance between two places, by the haversine formula."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, place)) for place in (one, other))
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(half))


@cache
def _zone(name: str) -> tzinfo:
    """The time zone; where there is no database of them (Alpine), that of New York in winter.

    It is looked up once, and so said once.
    """
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        if available_timezones():
            raise  # there is a database, so the name is wrong
        _log.warning(
            "this platform has no time zone database: the sandbox reads hours in %s as UTC-05:00; "
            "pip install tzdata",
            name,
        )
        return _NEW_YORK_IN_WINTER
