"""Stores and menus as the page shows them: amounts as strings, choices inside choices as a tree."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from gett_checkout import CatalogSet, Item, Store


def store_card(store: Store, now: datetime) -> dict[str, Any]:
    """A restaurant to choose."""
    return {
        "store_id": store.store_id,
        "name": store.name,
        "categories": list(store.categories),
        "currency": store.currency,
        "minimum": _amount(store.minimum_order_amount),
        "open": store.is_open(now) is not False,
        "delivery": store.delivery_allowed is not False,
        "pickup": store.pickup_allowed is not False,
    }


def menu_sections(menu: CatalogSet) -> list[dict[str, Any]]:
    """The menu's sections that have something in them, in menu order."""
    return [
        {"name": section.name, "items": [menu_item(item, menu) for item in items]}
        for section, items in menu.walk()
        if items
    ]


def menu_item(item: Item, menu: CatalogSet, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """An item with all its choices, and theirs; one that would contain itself stays closed."""
    path = (*above, item.item_id)
    return {
        "item_id": item.item_id,
        "name": item.name,
        "description": item.description,
        "price": _amount(item.price or Decimal(0)),
        "available": item.available,
        "groups": [
            {
                "group_id": group.modifier_group_id,
                "name": group.name,
                "min": group.min_selections,
                "max": group.max_selections,
                "choices": [
                    menu_item(menu.items[each], menu, path)
                    for each in group.item_ids
                    if each in menu.items and each not in path
                ],
            }
            for group in menu.groups_of(item)
        ],
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
