"""The JSON that both backends answer with. Amounts are strings: a float would not be exact."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from gett_checkout import (
    CatalogSet,
    Checkout,
    GettCheckoutError,
    Item,
    ModifierGroup,
    PaymentMethod,
    Store,
    TopUp,
)

PROBLEM: Final = "application/problem+json"


def checkout_answer(checkout: Checkout) -> dict[str, Any]:
    """All a page needs for its next screen. The id stays in its cookie, out of reach of scripts."""
    answer = checkout.view.to_dict()
    del answer["id"]
    return answer


def problem_answer(error: GettCheckoutError) -> tuple[dict[str, Any], dict[str, str]]:
    """The problem document (RFC 9457) for an error, its ``status`` in it, and headers beside it."""
    problem = error.to_problem()
    problem.pop("checkout_id", None)
    if error.retry_after is None:
        return problem, {}
    return problem, {"Retry-After": str(math.ceil(error.retry_after))}


def http_problem(status: int) -> dict[str, Any]:
    """The problem document for what the framework refused: an unknown path, a wrong method."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": f"HTTP_{status}"}


def stores_answer(stores: Iterable[Store]) -> dict[str, Any]:
    """Restaurants to choose from."""
    return {
        "stores": [
            {
                "store_id": store.store_id,
                "name": store.name,
                "categories": list(store.categories),
                "minimum_order_amount": _amount(store.minimum_order_amount),
                "currency": store.currency,
            }
            for store in stores
        ]
    }


def menu_answer(menu: CatalogSet) -> dict[str, Any]:
    """The menu: sections in order, and items and modifier groups by their ids.

    Modifiers are items too and may have groups of their own, so each is written once and named by
    its id wherever it occurs.
    """
    items: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    waiting = list(menu.menu_items())
    while waiting:
        item = waiting.pop()
        if item.item_id in items:
            continue
        items[item.item_id] = _item(item)
        for group in menu.groups_of(item):
            groups[group.modifier_group_id] = _group(group)
            waiting += [menu.items[each] for each in group.item_ids if each in menu.items]
    return {
        "catalog_set_id": menu.catalog_set_id,
        "sections": [
            {
                "section_id": section.section_id,
                "name": section.name,
                "item_ids": [item.item_id for item in listed],
            }
            for section, listed in menu.walk()
        ],
        "items": items,
        "modifier_groups": groups,
    }


def top_ups_answer(top_ups: Iterable[TopUp]) -> dict[str, Any]:
    """Items that would close the minimum-order gap."""
    return {
        "top_ups": [
            {
                "item_id": way.item.item_id,
                "name": way.item.name,
                "quantity": way.quantity,
                "total": _amount(way.total),
            }
            for way in top_ups
        ]
    }


def cards_answer(cards: Iterable[PaymentMethod]) -> dict[str, Any]:
    """The cards the shopper keeps at Gett."""
    return {
        "cards": [
            {
                "payment_id": card.payment_id,
                "card_type": card.card_type,
                "last_four": card.last_four,
                "expiration": card.expiration,
            }
            for card in cards
        ]
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "description": item.description,
        "price": _amount(item.price),
        "available": item.available,
        "modifier_group_ids": list(item.modifier_group_ids),
    }


def _group(group: ModifierGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "min_selections": group.min_selections,
        "max_selections": group.max_selections,
        "item_ids": list(group.item_ids),
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
