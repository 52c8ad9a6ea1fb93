"""Reading a large menu: 9,000 items in 2.7 MB of JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from benchmarks.measuring import MILLISECONDS, Effort, Goal, Row, race
from gett_checkout import CatalogSet
from gett_checkout._wire import menu

_ITEMS: Final = 9000
_PER_SECTION: Final = 30
_GROUPS: Final = 600


def large_menu(items: int) -> bytes:
    """Make a catalog set of ``items`` items, about 300 bytes each with sections and groups, as Gett
    sends it.
    """
    words = "Slow-roasted, hand-cut and served with a seasonal salad, pickled onions and a slice of lemon."
    groups = max(1, items * _GROUPS // _ITEMS)
    sections = range(0, items, _PER_SECTION)
    return json.dumps(
        {
            "catalogSetId": "menu",
            "catalogs": {
                "all": {
                    "catalogId": "all",
                    "name": "All day",
                    "sectionIds": [f"section_{each}" for each in sections],
                }
            },
            "sections": {
                f"section_{first}": {
                    "sectionId": f"section_{first}",
                    "name": f"Section {first}",
                    "itemIds": [
                        f"item_{each:06}" for each in range(first, min(first + _PER_SECTION, items))
                    ],
                }
                for first in sections
            },
            "items": {
                f"item_{each:06}": {
                    "itemId": f"item_{each:06}",
                    "name": f"Dish number {each} of the house",
                    "description": f"{words} No. {each}",
                    "price": each % 4000 / 100 + 0.99,
                    "available": each % 50 != 0,
                    "modifierGroupIds": [
                        f"group_{(each + step) % groups:04}" for step in range(each % 3)
                    ],
                }
                for each in range(items)
            },
            "modifierGroups": {
                f"group_{each:04}": {
                    "modifierGroupId": f"group_{each:04}",
                    "name": f"Choice {each}",
                    "minSelections": each % 2,
                    "maxSelections": 3,
                    "itemIds": [f"item_{(each * 7 + step) % items:06}" for step in range(6)],
                }
                for each in range(groups)
            },
        },
        separators=(",", ":"),
    ).encode()


async def open_menu(effort: Effort) -> list[Row]:
    """From the bytes of the response to the first item, its modifier groups and their items.

    Ours: what `GettClient.get_catalog_set` does with a response, prices as exact decimals. Theirs:
    ``json.loads`` of the same bytes, prices as floats.
    """
    body = large_menu(effort.of(_ITEMS))

    async def ours() -> None:
        menu = _read(body)
        for group in menu.groups_of(menu.items["item_000000"]):
            for item_id in group.item_ids:
                menu.items[item_id]

    async def theirs() -> None:
        json.loads(body)["items"]["item_000000"]

    mine, loads = await race(effort, ours, theirs)
    what, against = f"open a menu of {_size(body)}, first look-up", "json.loads of the same bytes"
    return [_row(what, against, mine, loads, 0.25)]


async def structure_menu(effort: Effort) -> list[Row]:
    """The same with every entry made an object.

    Ours: every catalog, section, item and group is accessed. Theirs: pydantic models with the same
    fields and camelCase aliases, prices as ``Decimal``, validated straight from the bytes. Of the
    several spellings in Gett's documentation, theirs reads one.
    """
    from pydantic import BaseModel, ConfigDict
    from pydantic.alias_generators import to_camel

    class Model(BaseModel):
        model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    class CatalogModel(Model):
        catalog_id: str
        name: str = ""
        section_ids: tuple[str, ...] = ()

    class SectionModel(Model):
        section_id: str
        name: str = ""
        section_ids: tuple[str, ...] = ()
        item_ids: tuple[str, ...] = ()

    class ItemModel(Model):
        item_id: str
        name: str = ""
        description: str | None = None
        price: Decimal | None = None
        available: bool = True
        modifier_group_ids: tuple[str, ...] = ()

    class GroupModel(Model):
        modifier_group_id: str
        name: str = ""
        min_selections: int = 0
        max_selections: int | None = None
        item_ids: tuple[str, ...] = ()

    class CatalogSetModel(Model):
        catalog_set_id: str
        catalogs: dict[str, CatalogModel]
        sections: dict[str, SectionModel]
        items: dict[str, ItemModel]
        modifier_groups: dict[str, GroupModel]

    # The annotations are text, and name classes of this function.
    CatalogSetModel.model_rebuild(_types_namespace=locals())
    body = large_menu(effort.of(_ITEMS))

    async def ours() -> None:
        menu = _read(body)
        parts: tuple[Any, ...] = (menu.catalogs, menu.sections, menu.items, menu.modifier_groups)
        for part in parts:
            for _ in part.values():
                pass

    async def theirs() -> None:
        CatalogSetModel.model_validate_json(body)

    mine, models = await race(effort, ours, theirs)
    what = f"the same menu of {_size(body)}, every entry structured"
    return [_row(what, "pydantic models of the same shape", mine, models, 0.8)]


def _read(body: bytes) -> CatalogSet:
    return menu.catalog_set(body, "menu")


def _size(body: bytes) -> str:
    return f"{len(body) / 1e6:.1f} MB"


def _row(what: str, against: str, ours: float, theirs: float, most: float) -> Row:
    return Row(what, against, "ms", ours * MILLISECONDS, theirs * MILLISECONDS, Goal("≤", most))
