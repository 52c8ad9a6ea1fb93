"""A restaurant, its menu, a shopper, and a checkout at every stage: plain values, no network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import evolve

from gett_checkout._core.cart import Line, Modifiers, read_modifiers, resolve
from gett_checkout._core.catalog import Catalog, CatalogSet, Item, ModifierGroup, Section, Store
from gett_checkout._core.codes import Part
from gett_checkout._core.contact import Contact
from gett_checkout._core.order import Address, Amounts, CardOnFile, Delivery, Order, Quote
from gett_checkout._core.placement import Placement, digest
from gett_checkout._core.refusal import Refusal
from gett_checkout._core.session import Identity, Level, Session
from gett_checkout._core.state import CheckoutState, Stage

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)  # a Monday

EMAIL = "secret-mail@example.com"
PHONE = "+12125550123"
RECIPIENT_EMAIL = "secret-friend@example.com"
RECIPIENT_PHONE = "+12125550177"
CARD_TOKEN = "secret-card-token"
SESSION_TOKEN = "secret-session-token"
ORDER_TOKEN = "secret-order-token"
SECRETS = (EMAIL, PHONE, RECIPIENT_EMAIL, RECIPIENT_PHONE, CARD_TOKEN, SESSION_TOKEN, ORDER_TOKEN)

WHO = Identity(EMAIL, "Ada", "Lovelace", phone=PHONE)
RECIPIENT = Contact("Grace", "Hopper", RECIPIENT_PHONE, RECIPIENT_EMAIL)
SOMEONE_ELSE = Identity("other-secret-mail@example.com", "Bob", "Other")
HOME = Delivery(Address("1 Main St", "Springfield", "IL", "62701"))
CARD = CardOnFile(card_token=CARD_TOKEN, processor_type="stripe")

STORE = Store("st-1", "cs-1", name="Nonna", minimum_order_amount=Decimal("15.00"))


def menu(
    *items: Item, groups: tuple[ModifierGroup, ...] = (), listed: tuple[str, ...] | None = None
) -> CatalogSet:
    """A menu of one section; it lists all items, or those ``listed``."""
    ids = tuple(item.item_id for item in items) if listed is None else listed
    return CatalogSet(
        "cs-1",
        catalogs={"menu": Catalog("menu", section_ids=("all",))},
        sections={"all": Section("all", item_ids=ids)},
        items={item.item_id: item for item in items},
        modifier_groups={group.modifier_group_id: group for group in groups},
    )


def item(item_id: str, price: str | None = "1.00", *groups: str, available: bool = True) -> Item:
    """An item called as its id is."""
    amount = None if price is None else Decimal(price)
    return Item(item_id, item_id, price=amount, available=available, modifier_group_ids=groups)


def group(group_id: str, *item_ids: str, least: int = 0, most: int | None = None) -> ModifierGroup:
    """A modifier group called as its id is."""
    return ModifierGroup(group_id, group_id, least, most, item_ids)


# A pizza needs one size; a size may have a crust; toppings are up to three, and may be doubled.
MENU = menu(
    item("pizza", "9.50", "size", "toppings"),
    item("salad", "7.25"),
    item("water", "1.50"),
    item("tiramisu", "4.50"),
    item("soldout", "5.00", available=False),
    item("small", "0.00"),
    item("large", "3.00", "crust"),
    item("cheese-crust", "1.25"),
    item("olives", "0.75"),
    item("ham", "1.10"),
    item("truffle", "6.00", available=False),
    groups=(
        group("size", "small", "large", least=1, most=1),
        group("crust", "cheese-crust", most=1),
        group("toppings", "olives", "ham", "truffle", most=3),
    ),
    listed=("pizza", "salad", "water", "tiramisu", "soldout"),
)


def line(
    item_id: str = "salad",
    quantity: int = 2,
    modifiers: Modifiers | None = None,
    catalog: CatalogSet = MENU,
    **facts: Any,
) -> Line:
    """A line of the cart, resolved against the menu."""
    facts = {"line_id": f"line-{item_id}", "groups": read_modifiers(modifiers), **facts}
    return resolve(Line(item_id=item_id, quantity=quantity, **facts), catalog)


# A line whose required choice is not made.
INCOMPLETE = line("pizza", 1)
SALADS = line("salad", 3)  # 21.75


def quote(
    sub_total: str = "21.75", total: str = "27.00", life: timedelta = timedelta(minutes=15)
) -> Quote:
    """A quote made at `NOW`."""
    amounts = Amounts(sub_total=Decimal(sub_total), total=Decimal(total), fees=Decimal("5.25"))
    return Quote(ORDER_TOKEN, amounts, NOW + life, session_serial=1)


def placement(**facts: Any) -> Placement:
    """A placement begun at `NOW`, its lease a minute long."""
    body = facts.pop("body", '{"order":"token"}')
    facts = {"begun_at": NOW, "lease_until": NOW + timedelta(minutes=1), **facts}
    return Placement("00000000-0000-4000-8000-000000000001", body, digest(body), **facts)


def rejection(part: Part, code: str = "CODE", **facts: Any) -> Refusal:
    """What Gett said at `NOW` against a part of the order, once."""
    return Refusal(part, code, facts.pop("message", "what was said"), NOW, **facts)


SESSION = Session(SESSION_TOKEN, Level.END_USER, NOW + timedelta(days=30), context_set=True)
ORDER = Order("order-1", state="open", status="pending")

_PLACE = CheckoutState(
    "checkout-1",
    NOW,
    Stage.PLACE,
    store=STORE,
    lines=(SALADS,),
    fulfillment=HOME,
    identity=WHO,
    session=SESSION,
    sessions=1,
    tip=Decimal("3.00"),
    quote=quote(),
    confirmed_total=Decimal("27.00"),
    payment=CARD,
)
_UNPRICED: dict[str, Any] = {"quote": None, "confirmed_total": None}


def state_at(stage: Stage, **facts: Any) -> CheckoutState:
    """A checkout at the stage, with as much known of it as the stage allows."""
    made: dict[Stage, dict[str, Any]] = {
        Stage.BROWSE: {**_UNPRICED, "lines": ()},
        Stage.FULFILLMENT: {**_UNPRICED, "fulfillment": None},
        Stage.VALIDATE: _UNPRICED,
        Stage.PAY: {"payment": None},
        Stage.PLACE: {},
        Stage.PLACING: {"placement": placement()},
        Stage.PLACED: {"placement": placement(body=""), "order": ORDER},
        Stage.ABANDONED: {},
    }
    return evolve(_PLACE, stage=stage, **{**made[stage], **facts})
