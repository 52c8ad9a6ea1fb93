"""Stores and their menus, as Gett's discovery returns them."""

from gett_checkout._core.catalog import (
    Catalog,
    CatalogSet,
    Item,
    ModifierGroup,
    Section,
    Store,
    StoreAddress,
    StorePage,
    Window,
)

__all__ = [
    "Catalog",
    "CatalogSet",
    "Item",
    "ModifierGroup",
    "Section",
    "Store",
    "StoreAddress",
    "StorePage",
    "Window",
]
