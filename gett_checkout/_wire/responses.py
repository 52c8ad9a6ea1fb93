"""Responses as values. Every documented spelling is accepted; unknown members go to `extra`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final, TypeVar

from attrs import evolve, field, fields_dict, frozen

from gett_checkout._core.card import PaymentMethod
from gett_checkout._core.cart import Choice, GroupChoice, Line
from gett_checkout._core.catalog import (
    Catalog,
    Item,
    ModifierGroup,
    Section,
    Store,
    StoreAddress,
    StorePage,
    Window,
    parse_day,
    parse_time,
)
from gett_checkout._core.extra import NO_EXTRA, Extra
from gett_checkout._core.order import Amounts, Charge, Order, OrderPage
from gett_checkout._core.session import is_credential
from gett_checkout._hidden import hidden
from gett_checkout._json import Json
from gett_checkout._wire.codec import Reader, camel_case
from gett_checkout.errors import InvalidResponseError

T = TypeVar("T")


@frozen
class SessionResponse:
    """A new session."""

    token: str = field(repr=False, converter=hidden)
    expires_at: datetime | None = None


@frozen
class ValidateResponse:
    """A price, and the token to place an order at that price."""

    validated_order_token: str = field(repr=False, converter=hidden)
    amounts: Amounts


@frozen
class PaymentMethods:
    """The cards that can be read, and how many cannot."""

    cards: tuple[PaymentMethod, ...]
    left_out: int = 0


@frozen
class CartLine:
    """A line as the cart helpers write it."""

    line_item_id: str
    item_id: str
    quantity: int
    modifier_groups: tuple[GroupChoice, ...] = ()
    special_instructions: str | None = None


# Older or conflicting spellings, by class and member. The portal's pages differ.
_SPELLINGS: Final[dict[type[Any], dict[str, tuple[str, ...]]]] = {
    SessionResponse: {"token": ("sessionToken",)},
    ModifierGroup: {
        "min_selections": ("minimumAllowed",),
        "max_selections": ("maximumAllowed",),
    },
    Item: {"price": ("basePrice",), "available": ("isAvailable",)},
    ValidateResponse: {"validated_order_token": ("orderToken", "token")},
    PaymentMethod: {"payment_id": ("paymentMethodId", "id")},
    CartLine: {"line_item_id": ("id",), "modifier_groups": ("modifiers",)},
    GroupChoice: {"chosen": ("selectedModifiers", "modifiers"), "modifier_group_id": ("id",)},
    Choice: {"groups": ("modifierGroups",)},
}
# The same for lists, wrappers and single ids, which have no class.
_CART_LINES: Final = ("lineItems", "items")
_CARDS: Final = ("payments", "paymentMethods")
_CARD: Final = ("payment", "paymentMethod")
_ADDRESS_ID: Final = ("addressId", "id")


# Classes that tolerate unreadable members, except those without a default and these. In the other
# classes, such as a price or a cart, every member must be readable.
_TOLERANT: Final[dict[type[Any], tuple[str, ...]]] = {
    **dict.fromkeys((SessionResponse, StorePage, Catalog, Section, Item, ModifierGroup), ()),
    **dict.fromkeys((OrderPage, PaymentMethod), ()),
    Store: ("minimumOrderAmount",),
    Amounts: ("fees", "promotions", "taxes", "adjustments", "tip"),  # but not an odd ``breakdown``
}


@cache
def reader() -> Reader:
    """Return the reader of every response."""
    made = Reader(_SPELLINGS, _TOLERANT)
    made.converter.register_structure_hook(Window, _window)
    made.converter.register_structure_hook(StoreAddress, _store_address)
    return made


def _window(value: Json, _: Any) -> Window:
    return _window_of(value["dayOfWeek"], value["start"], value["end"])


@lru_cache(maxsize=1024, typed=True)  # most stores share a few opening times
def _window_of(day: Json, start: Json, end: Json) -> Window:
    # Some clocks write midnight at the end of a day this way.
    is_midnight = isinstance(end, str) and end.startswith("24:00")
    return Window(parse_day(day), parse_time(start), time.min if is_midnight else parse_time(end))


def _store_address(value: Json, _: Any) -> StoreAddress:
    """Read a store's address for display: members that are no text, or no coordinate, are dropped."""
    if isinstance(value, str):
        return StoreAddress(address1=value)

    def text(name: str) -> str | None:
        found = value.get(name)
        return found if isinstance(found, str) else None

    def degrees(name: str) -> Decimal | None:
        found = value.get(name)
        sure = isinstance(found, Decimal) or type(found) is int
        return Decimal(found) if sure and -180 <= found <= 180 else None

    return StoreAddress(
        address1=text("address1"),
        city=text("city"),
        state=text("state"),
        postal_code=text("postalCode"),
        latitude=degrees("latitude"),
        longitude=degrees("longitude"),
    )


def session(value: Json) -> SessionResponse:
    """Docs: Session › create."""
    found = reader().read(value, SessionResponse)
    if not is_credential(found.token):
        raise InvalidResponseError("the new session has no token that could be sent")
    return found


def store_page(value: Json) -> StorePage:
    """Docs: Stores › discover."""
    members = _members(value, "a page of stores")
    stores, left_out = _readable(_list(members.get("stores"), "stores"), store)
    page = reader().read({**members, "stores": []}, StorePage)
    return evolve(page, stores=stores, left_out=left_out)


def store(value: Json) -> Store:
    """Docs: Stores. ``availability: null`` means never open; only an absent member means unknown."""
    members = _members(value, "a store")
    hours = members.get("availability")
    known = {**members, "categories": _categories(members)}
    if isinstance(hours, list):
        known["availability"] = [each for each in hours if not _is_closed(each)]
    found = reader().read(known, Store)
    if not found.store_id:
        raise InvalidResponseError("the store has no id")
    if "availability" in members and hours is None:
        found = evolve(found, availability=())
    in_part = {name: members[name] for name, whole in _NESTED if not whole(members.get(name))}
    return evolve(found, extra=Extra({**found.extra, **in_part})) if in_part else found


def _is_closed(window: Json) -> bool:
    """Whether a window is that of a day without hours: null at both ends."""
    ends = ("start", "end")
    return isinstance(window, dict) and all(
        name in window and window[name] is None for name in ends
    )


def _holds_only(names: Iterable[str]) -> Callable[[Json], bool]:
    known = frozenset(names)
    return lambda value: not isinstance(value, dict) or value.keys() <= known


def _each(whole: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: not isinstance(value, list) or all(map(whole, value))


# Members of a store with a form of their own, and how to tell whether they are fully understood.
_NESTED: Final[tuple[tuple[str, Callable[[Json], bool]], ...]] = (
    ("address", _holds_only(map(camel_case, fields_dict(StoreAddress)))),
    ("availability", _each(_holds_only(("dayOfWeek", "start", "end")))),
    ("categories", lambda value: value is None or _is_list_of_text(value)),
)


def _is_list_of_text(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _readable(entries: list[Json], read: Callable[[Json], T]) -> tuple[tuple[T, ...], int]:
    """Return the readable entries, and how many are unreadable: one odd entry does not spoil a list."""
    found: list[T] = []
    for each in entries:
        with suppress(InvalidResponseError):
            found.append(read(each))
    return tuple(found), len(entries) - len(found)


def _categories(members: Mapping[str, Json]) -> list[str]:
    """Read the names of categories; the documentation does not show whether they are objects."""
    said = members.get("categories")
    names = [
        each.get("name") if isinstance(each, dict) else each
        for each in (said if isinstance(said, list) else ())
    ]
    return [name for name in names if isinstance(name, str)]


def cart_lines(value: Json, known: Iterable[Line]) -> tuple[Line, ...]:
    """Docs: Cart helpers. The cart may come wrapped in ``cart``.

    A ``known`` line with the same choices keeps its name, unit price and problems; others have none
    until they are resolved against the menu.
    """
    members = _members(value, "a cart")
    cart = members.get("cart")
    lines = _list(_first(cart if isinstance(cart, dict) else members, _CART_LINES), "lineItems")
    by_id = {line.line_id: line for line in known}
    return tuple(_cart_line(each, by_id) for each in lines)


def _cart_line(value: Json, known: Mapping[str, Line]) -> Line:
    read = reader().read(value, CartLine)
    if read.quantity < 1:
        raise InvalidResponseError("a line of the cart has no quantity")
    line = Line(
        line_id=read.line_item_id,
        item_id=read.item_id,
        quantity=read.quantity,
        groups=read.modifier_groups,
        special_instructions=read.special_instructions,
    )
    old = known.get(line.line_id)
    if old is None:
        return line
    same = evolve(old, quantity=line.quantity, special_instructions=line.special_instructions)
    return same if same.content == line.content else line


def validated(value: Json, tip: Decimal | None = None) -> ValidateResponse:
    """Docs: Orders › validate, Amounts. Also accepted wrapped in ``order``. Gett's total is authoritative.

    A response without a tip has the one that was sent, which is the caller's.
    """
    members = _unwrapped(value, "order")
    found = reader().read(members, ValidateResponse)
    if tip is not None and members["amounts"].get("tip") is None:
        found = evolve(found, amounts=evolve(found.amounts, tip=tip))
    if not found.validated_order_token:
        raise InvalidResponseError("the quote has an empty token")
    if found.amounts.total < 0 or found.amounts.sub_total < 0:
        raise InvalidResponseError("the quote has a negative total")
    return evolve(found, amounts=_broken_down(found.amounts))


def order(value: Json) -> Order:
    """Docs: Orders › place, get. Also accepted wrapped in ``order``.

    An id proves the order: unreadable members go to ``extra``, so that one odd figure in a receipt does
    not call a placed order into question.
    """
    members = {**_unwrapped(value, "order")}
    order_id = members.pop("orderId", None)
    if not isinstance(order_id, str) or not order_id:
        raise InvalidResponseError("the order has no id")

    def understood(name: str, cls: type[T]) -> T | None:
        """Return the member and remove it from the extra ones; ``None`` when it cannot be read."""
        try:
            found = None if members.get(name) is None else reader().read(members[name], cls)
        except InvalidResponseError:
            return None
        members.pop(name, None)
        return found

    amounts = understood("amounts", Amounts)
    links = [understood(name, str) for name in _TRACKING]
    return Order(
        order_id=order_id,
        state=understood("state", str),
        status=understood("status", str),
        amounts=amounts and _broken_down(amounts),
        estimated_ready_at=understood("estimatedReadyAt", datetime),
        cancel_reason=understood("cancelReason", str),
        tracking_urls=tuple(each for each in links if each),
        extra=Extra(members) if members else NO_EXTRA,
    )


# Decided: no page names the member. Docs: Webhooks (permalink_url).
_TRACKING: Final = ("trackingUrl", "trackingURL", "permalinkUrl")
# Possible names of a charge's name; no page shows one.
_CHARGE_NAMES: Final = ("name", "label", "title", "description", "type", "code")


def _broken_down(amounts: Amounts) -> Amounts:
    """Add the breakdowns to the amounts: ``feesBreakdown`` and the like. Docs: Orders › Amounts."""
    extra, breakdown = dict(amounts.extra), dict[str, tuple[Charge, ...]]()
    for part, member in _BREAKDOWNS.items():
        sent = extra.get(member)
        if sent is not None and (charges := _charges(sent)):
            breakdown[part] = charges
            if all(len(each) == 2 for each in sent):  # only the name and the amount
                del extra[member]
    if not breakdown:
        return amounts
    return evolve(amounts, breakdown=breakdown, extra=Extra(extra) if extra else NO_EXTRA)


_BREAKDOWNS: Final = {
    part: camel_case(f"{part}_breakdown")
    for part in fields_dict(Amounts)
    if part not in ("breakdown", "extra")
}


def _charges(value: Json) -> tuple[Charge, ...]:
    """Return the charges of a breakdown; none when one of them is not understood."""
    found = []
    for each in value if isinstance(value, list) else ():
        charge = each if isinstance(each, dict) else {}
        name, amount = _first(charge, _CHARGE_NAMES), charge.get("amount")
        try:
            found.append(Charge(reader().read(name, str), reader().read(amount, Decimal)))
        except InvalidResponseError:
            return ()
    return tuple(found)


def order_page(value: Json) -> OrderPage:
    """Docs: Orders › history. A bare list is accepted too."""
    members = {"orders": value} if isinstance(value, list) else _members(value, "a page of orders")
    orders, left_out = _readable(_list(members.get("orders"), "orders"), order)
    page = reader().read({**members, "orders": []}, OrderPage)
    return evolve(page, orders=orders, left_out=left_out)


def payment_methods(value: Json) -> PaymentMethods:
    """Docs: Saved cards › list. A bare list is accepted too."""
    cards = value if isinstance(value, list) else _first(_members(value, "a list of cards"), _CARDS)
    found, left_out = _readable(_list(cards, "payments"), payment_method)
    return PaymentMethods(found, left_out)


def payment_method(value: Json) -> PaymentMethod:
    """Docs: Saved cards › add. Also accepted wrapped in ``payment``."""
    found = reader().read(_unwrapped(value, *_CARD), PaymentMethod)
    if not found.payment_id:
        raise InvalidResponseError("the card has no id")
    # Whatever Gett sends, at most four digits of a card are stored.
    return evolve(found, last_four=found.last_four and found.last_four[-4:])


def address_id(value: Json) -> str:
    """Docs: Checkout › addresses. Also accepted wrapped in ``address``."""
    found = _first(_unwrapped(value, "address"), _ADDRESS_ID)
    if not isinstance(found, str) or not found:
        raise InvalidResponseError("the address has no id")
    return found


def _unwrapped(value: Json, *wrappers: str) -> dict[str, Json]:
    """Return the members of an object, and of the one it wraps under one of these names."""
    members = _members(value, "a JSON object")
    for name in wrappers:
        if isinstance(inner := members.get(name), dict):
            return {**{each: members[each] for each in members if each != name}, **inner}
    return members


def _first(members: Mapping[str, Json], names: Iterable[str]) -> Json:
    """Return the first of the members that is present."""
    return next((members[name] for name in names if members.get(name) is not None), None)


def _members(value: Json, what: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise InvalidResponseError(f"the response is not {what}")
    return value


def _list(value: Json, member: str) -> list[Json]:
    if not isinstance(value, list):
        raise InvalidResponseError(f"the response has no list of {member}")
    return value
