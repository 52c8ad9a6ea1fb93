"""Carts: read strictly against the menu, and changed by the cart helpers.

Docs: Cart. Carts live with the partner; the sandbox keeps none, and each helper is a pure function
from the posted cart to the changed one.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from attrs import evolve, frozen

from .calls import Call, Response, respond
from .documents import Document
from .problems import RefusedError, invalid
from .storefront import JsonObject, Menu, Store, Storefront

HIGHEST_QUANTITY = 99
DEEPEST_NESTING = 10  # a menu may contain a cycle; an order cannot


@frozen
class Choice:
    """An item and how it is made: the modifiers chosen, group by group, each a choice itself."""

    item_id: str
    quantity: int
    groups: tuple[tuple[str, tuple["Choice", ...]], ...]

    def everything(self) -> Iterator["Choice"]:
        """This choice and all those inside it."""
        yield self
        for _, choices in self.groups:
            for choice in choices:
                yield from choice.everything()

    def document(self) -> dict[str, Any]:
        """The choice as the API writes it."""
        groups = [
            {
                "modifierGroupId": group_id,
                "selectedModifiers": [choice.document() for choice in choices],
            }
            for group_id, choices in self.groups
        ]
        return {"itemId": self.item_id, "quantity": self.quantity, "modifierGroups": groups}


@frozen
class Line:
    """One line of a cart."""

    line_id: str
    choice: Choice
    instructions: str | None

    def document(self) -> dict[str, Any]:
        """The line as the API writes it."""
        document = {"lineItemId": self.line_id, **self.choice.document()}
        if self.instructions is not None:
            document["specialInstructions"] = self.instructions
        return document


@frozen
class Cart:
    """What a shopper wants from one store."""

    store_id: str
    catalog_set_id: str
    lines: tuple[Line, ...]

    def choices(self) -> Iterator[Choice]:
        """Everything in the cart, modifiers included."""
        for line in self.lines:
            yield from line.choice.everything()

    def document(self) -> dict[str, Any]:
        """The cart as the API writes it."""
        return {
            "storeId": self.store_id,
            "catalogSetId": self.catalog_set_id,
            "lineItems": [line.document() for line in self.lines],
        }


class Carts:
    """Reads carts and serves the cart helpers."""

    def __init__(self, storefront: Storefront) -> None:
        self._storefront = storefront

    def read(self, document: Document) -> tuple[Cart, Store]:
        """The cart a request carries, and its store."""
        document.only("storeId", "catalogSetId", "lineItems")
        store = self._read_store(document)
        lines = tuple(_read_line(line, store.menu) for line in document.parts("lineItems"))
        if len({line.line_id for line in lines}) != len(lines):
            raise invalid(document.at("lineItems"), "duplicate", "A lineItemId comes twice.")
        return Cart(store.store_id, store.catalog_set_id, lines), store

    def add_cart_item(self, call: Call) -> Response:
        """POST /carts/add."""
        document = call.document()
        document.only("cart", "item", "storeId", "catalogSetId")
        store = self._read_store(document)
        cart = Cart(store.store_id, store.catalog_set_id, ())
        if document.members.get("cart") is not None:
            cart, own_store = self.read(document.part("cart"))
            if own_store is not store:
                raise invalid("$.cart.storeId", "mismatch", "The cart belongs to another store.")
        line = _read_line(document.part("item"), store.menu, new=True)
        if any(line.line_id == other.line_id for other in cart.lines):
            raise invalid("$.item.lineItemId", "duplicate", "The cart has this line already.")
        return respond({"cart": evolve(cart, lines=(*cart.lines, line)).document()})

    def remove_cart_item(self, call: Call) -> Response:
        """POST /carts/remove."""
        document = call.document()
        document.only("cart", "lineItemId")
        cart, line = self._read_line_of(document)
        lines = tuple(other for other in cart.lines if other is not line)
        return respond({"cart": evolve(cart, lines=lines).document()})

    def update_cart_item(self, call: Call) -> Response:
        """POST /carts/update."""
        document = call.document()
        document.only("cart", "lineItemId", "quantity")
        cart, line = self._read_line_of(document)
        quantity = document.whole("quantity", 1, HIGHEST_QUANTITY)
        changed = evolve(line, choice=evolve(line.choice, quantity=quantity))
        lines = tuple(changed if other is line else other for other in cart.lines)
        return respond({"cart": evolve(cart, lines=lines).document()})

    def _read_store(self, document: Document) -> Store:
        """The store named by `storeId`, if `catalogSetId` is the set it sells from now."""
        if "storeId" not in document:
            raise RefusedError("MISSING_STORE_ID", f"{document.at('storeId')} is required.")
        if "catalogSetId" not in document:
            raise RefusedError("CATALOGSET_REQUIRED", f"{document.at('catalogSetId')} is required.")
        store = self._storefront.store(document.text("storeId"))
        menu = self._storefront.menu(document.text("catalogSetId"))
        if menu.catalog_set_id != store.catalog_set_id:
            raise RefusedError("CATALOGSET_NOT_FOUND", "The store does not sell from this set.")
        return store

    def _read_line_of(self, document: Document) -> tuple[Cart, Line]:
        cart, _ = self.read(document.part("cart"))
        line_id = document.text("lineItemId")
        for line in cart.lines:
            if line.line_id == line_id:
                return cart, line
        raise invalid("$.lineItemId", "unknown", "The cart has no such line.")


def incomplete_groups(cart: Cart, menu: Menu) -> Iterator[tuple[Choice, JsonObject]]:
    """The groups with fewer selections than they ask for, each with the item it belongs to."""
    for choice in cart.choices():
        chosen = dict(choice.groups)
        for group_id in menu.items[choice.item_id].get("modifierGroupIds", ()):
            group = menu.groups[group_id]
            made = sum(modifier.quantity for modifier in chosen.get(group_id, ()))
            if made < (group.get("minSelections") or 0):
                yield choice, group


def _read_line(document: Document, menu: Menu, *, new: bool = False) -> Line:
    document.only("lineItemId", "itemId", "quantity", "modifierGroups", "specialInstructions")
    generated = new and "lineItemId" not in document
    line_id = str(uuid4()) if generated else document.text("lineItemId")
    choice = _read_choice(document, menu)
    if choice.item_id not in menu.sold:
        raise invalid(document.at("itemId"), "unknown_item", "The item is only a modifier.")
    return Line(line_id, choice, document.optional_text("specialInstructions", longest=500))


def _read_choice(document: Document, menu: Menu, depth: int = 0) -> Choice:
    item_id = document.text("itemId")
    item = menu.items.get(item_id)
    if item is None:
        raise invalid(document.at("itemId"), "unknown_item", "The catalog set has no such item.")
    if depth > DEEPEST_NESTING:
        raise invalid(document.path, "too_deep", "Modifiers are nested too deeply.")
    groups: dict[str, tuple[Choice, ...]] = {}
    for entry in document.parts("modifierGroups") if "modifierGroups" in document else ():
        group_id, choices = _read_group(entry, item, menu, depth)
        if group_id in groups:
            raise invalid(entry.path, "duplicate", "The modifier group comes twice.")
        groups[group_id] = choices
    quantity = document.whole("quantity", 1, HIGHEST_QUANTITY)
    return Choice(item_id, quantity, tuple(groups.items()))


def _read_group(
    document: Document, item: JsonObject, menu: Menu, depth: int
) -> tuple[str, tuple[Choice, ...]]:
    document.only("modifierGroupId", "selectedModifiers")
    group_id = document.text("modifierGroupId")
    if group_id not in item.get("modifierGroupIds", ()):
        raise invalid(document.path, "unknown_group", "The item has no such modifier group.")
    group = menu.groups[group_id]
    choices = []
    for entry in document.parts("selectedModifiers"):
        entry.only("itemId", "quantity", "modifierGroups")
        if entry.text("itemId") not in group["itemIds"]:
            raise invalid(entry.path, "unknown_modifier", "The group has no such modifier.")
        choices.append(_read_choice(entry, menu, depth + 1))
    most = group.get("maxSelections")
    if most is not None and sum(choice.quantity for choice in choices) > most:
        raise invalid(document.path, "too_many", f"At most {most} selections are expected.")
    return group_id, tuple(choices)
