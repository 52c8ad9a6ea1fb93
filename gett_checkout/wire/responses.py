"""Answers as values. Every spelling a page shows is accepted; what is not understood is ignored."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from attrs import evolve, frozen

from gett_checkout.core.catalog import (
    Catalog,
    CatalogSet,
    Item,
    ModifierGroup,
    Section,
    Store,
    StorePage,
    Window,
    parse_day,
    parse_time,
)
from gett_checkout.core.order import Amounts, Order
from gett_checkout.errors import UnreadableAnswerError
from gett_checkout.wire.codec import Json, Lazy, Reader

T = TypeVar("T")


@frozen
class SessionAnswer:
    """A new session."""

    token: str
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "SessionAnswer(…)"


@frozen
class ValidateAnswer:
    """A price and the token to place an order at it."""

    validated_order_token: str
    amounts: Amounts

    def __repr__(self) -> str:
        return f"ValidateAnswer({self.amounts!r})"


# Older or conflicting spellings, by class and member. The portal's pages differ.
_SPELLINGS: dict[type[Any], dict[str, tuple[str, ...]]] = {
    SessionAnswer: {"token": ("sessionToken",)},
    ModifierGroup: {
        "min_selections": ("minimumAllowed",),
        "max_selections": ("maximumAllowed",),
    },
    Item: {"price": ("basePrice",), "available": ("isAvailable",)},
    ValidateAnswer: {"validated_order_token": ("orderToken", "token")},
}


@cache
def _reader() -> Reader:
    reader = Reader(_SPELLINGS)
    reader.converter.register_structure_hook(Window, _window)
    return reader


def _window(value: Json, _: Any) -> Window:
    return Window(
        parse_day(value["dayOfWeek"]), parse_time(value["start"]), parse_time(value["end"])
    )


def session(value: Json) -> SessionAnswer:
    """Docs: Session › create."""
    answer = _reader().read(value, SessionAnswer)
    if not answer.token:
        raise UnreadableAnswerError("the new session has an empty token")
    return answer


def store_page(value: Json) -> StorePage:
    """Docs: Stores › discover."""
    if not isinstance(value, dict) or not isinstance(value.get("stores"), list):
        raise UnreadableAnswerError("the answer holds no list of stores")
    page = _reader().read({**value, "stores": []}, StorePage)
    return evolve(page, stores=tuple(store(each) for each in value["stores"]))


def store(value: Json) -> Store:
    """Docs: Stores. ``availability: null`` means never open; only an absent member is unknown."""
    found = _reader().read(value, Store)
    if "availability" in value and value["availability"] is None:
        return evolve(found, availability=())
    return found


def catalog_set(value: Json, catalog_set_id: str) -> CatalogSet:
    """Docs: Catalog. Entries are structured when they are looked at."""
    if not isinstance(value, dict):
        raise UnreadableAnswerError("the answer is not a catalog set")
    return CatalogSet(
        catalog_set_id=catalog_set_id,
        catalogs=_lazy(value, "catalogs", Catalog, "catalogId"),
        sections=_lazy(value, "sections", Section, "sectionId"),
        items=_lazy(value, "items", Item, "itemId"),
        modifier_groups=_lazy(value, "modifierGroups", ModifierGroup, "modifierGroupId"),
    )


def _lazy(value: Json, member: str, cls: type[T], id_member: str) -> Lazy[T]:
    """The id-keyed dictionary under ``member``; an entry's own id may be left to its key."""
    raw = value.get(member) or {}
    if not isinstance(raw, dict):
        raise UnreadableAnswerError(f"{member} of the catalog set is not a dictionary")
    read = _reader().read

    def structure(key: str, entry: Json) -> T:
        return read({id_member: key, **entry} if isinstance(entry, dict) else entry, cls)

    return Lazy(raw, structure)


def validated(value: Json) -> ValidateAnswer:
    """Docs: Orders › validate. Also accepted wrapped in ``order``."""
    return _reader().read(_unwrapped(value), ValidateAnswer)


def order(value: Json) -> Order:
    """Docs: Orders › place, get. Also accepted wrapped in ``order``."""
    found = _reader().read(_unwrapped(value), Order)
    if not found.order_id:
        raise UnreadableAnswerError("the order has no id")
    return found


def _unwrapped(value: Json) -> Json:
    inner = value.get("order") if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else value
