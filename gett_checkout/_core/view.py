"""The frozen view of a checkout for the caller to show, without credentials or contact data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from gett_checkout._core import requirements as registry
from gett_checkout._core.actions import NextAction
from gett_checkout._core.cart import GroupChoice, Line, LineProblem, subtotal
from gett_checkout._core.catalog import Store
from gett_checkout._core.contact import Contact
from gett_checkout._core.extra import NO_EXTRA
from gett_checkout._core.jsonable import Worded, jsonable, jsonable_fields
from gett_checkout._core.machine import at
from gett_checkout._core.minimum import MinimumOrder
from gett_checkout._core.order import CardOnFile, Fulfillment, Order, Payment, Quote, SavedCard
from gett_checkout._core.placement import Placement
from gett_checkout._core.requirements import Requirement, Situation
from gett_checkout._core.state import OPEN, CheckoutState, Notice, Stage


@frozen
class LineView:
    """A line of the cart; prices are catalog prices in major units."""

    line_id: str
    item_id: str
    name: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    groups: tuple[GroupChoice, ...]
    special_instructions: str | None
    problems: tuple[LineProblem, ...]

    @classmethod
    def of(cls, line: Line) -> LineView:
        """Make the view of a line."""
        return cls(
            line.line_id,
            line.item_id,
            line.name,
            line.quantity,
            line.unit_price,
            line.total,
            line.groups,
            line.special_instructions,
            line.problems,
        )


@frozen
class StoreView:
    """A store as a page shows it: the order's store, or one to choose.

    ``fulfillment_types`` lists the ones the store offers, ``minimum_order_amount`` is in major units,
    and ``is_open`` says whether it is open now, ``None`` when its hours are unknown. The menu
    with a given ``catalog_set_id`` never changes. ``extra`` is the `Store`'s; it is empty in the view of a
    checkout (`CheckoutView.store`).
    """

    store_id: str
    name: str
    currency: str
    fulfillment_types: tuple[str, ...]
    catalog_set_id: str | None = None
    categories: tuple[str, ...] = ()
    minimum_order_amount: Decimal | None = None
    is_open: bool | None = None
    extra: Mapping[str, Any] = field(default=NO_EXTRA, repr=False, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the store as JSON-ready data, ``extra`` included."""
        return {**jsonable_fields(self), "extra": jsonable(self.extra)}

    @classmethod
    def of(cls, store: Store, now: datetime) -> StoreView:
        """Make the view of a store at ``now`` (aware), for example of one in a `StorePage`."""
        return _store_view(store, is_open=store.is_open(now))


def _store_view(store: Store, *, is_open: bool | None) -> StoreView:
    return StoreView(
        store.store_id,
        store.name,
        store.currency,
        store.fulfillment_types,
        store.catalog_set_id,
        store.categories,
        store.minimum_order_amount,
        is_open,
        store.extra,
    )


@frozen
class SessionView:
    """The session's level: ``none``, ``partner-only`` or ``end-user``."""

    level: str
    expires_at: datetime | None


@frozen
class PaymentView:
    """How the order will be paid, masked.

    For a `CardOnFile` the caller's display data; for a `SavedCard` the ``payment_id``, which
    `Checkout.saved_cards` lists with the card's details.
    """

    kind: str
    processor_type: str | None = None
    card_type: str | None = None
    last_four: str | None = None
    payment_id: str | None = None

    @classmethod
    def of(cls, payment: Payment) -> PaymentView:
        """Make the view of a payment."""
        match payment:
            case CardOnFile():
                return cls(
                    payment.kind, payment.processor_type, payment.card_type, payment.last_four
                )
            case SavedCard():
                return cls(payment.kind, payment_id=payment.payment_id)
            case _:
                return cls(payment.kind)


@frozen
class RecipientView:
    """The recipient of the order, masked: their initials, and the end of their phone number."""

    name: str
    phone: str

    @classmethod
    def of(cls, contact: Contact) -> RecipientView:
        """Make the view of a contact."""
        initials = (f"{each.strip()[:1]}." for each in (contact.first_name, contact.last_name))
        return cls(" ".join(initials), f"…{contact.phone[-2:]}")


@frozen
class PlacementView:
    """The progress of the placement, for Gett's support and for on-call engineers.

    ``attempts`` counts the requests so far, ``last_error`` names the last attempt's error.
    """

    key: str
    begun_at: datetime
    attempts: int
    last_error: str | None


@frozen
class CheckoutView(Worded):
    """The current state of a checkout: everything a shop's page needs for its next screen.

    Amounts are in major units, times in UTC. ``id`` is a bearer secret: strip it before you send the
    view anywhere the id could leak.
    """

    id: str
    """The id to open the checkout with: a bearer secret."""

    stage: Stage
    """The current stage."""

    editable: bool
    """Whether the order can still be changed: not once it is in progress, placed or abandoned."""

    session: SessionView
    """The session's level and expiry."""

    signed_in: bool
    """Whether the shopper's identity is known."""

    store: StoreView | None
    """The store: its fulfillment types, its minimum, and whether it is open now."""

    lines: tuple[LineView, ...]
    """The cart, with the problems of each line."""

    subtotal: Decimal
    """The lines' price before tip, fees and taxes: the quote's figure, or the sum of catalog prices."""

    minimum_order: MinimumOrder | None
    """The minimum-order gap; ``None`` when no minimum applies, or before the first item."""

    fulfillment: Fulfillment | None
    """The delivery with its address, or pickup."""

    tip: Decimal | None
    """The chosen tip."""

    quote: Quote | None
    """Gett's price for the current order."""

    confirmed_total: Decimal | None
    """The total the shopper has seen; if the quote's total differs, the shopper is asked."""

    recipient: RecipientView | None
    """The recipient of the order, masked; ``None`` when it is the shopper."""

    payment: PaymentView | None
    """How the order will be paid, masked."""

    order: Order | None
    """The order, once there is one."""

    placement: PlacementView | None
    """The state of sending the order, once that has begun."""

    next_action: NextAction
    """The next action, with the data it needs."""

    requirements: tuple[Requirement, ...]
    """The missing requirements, in the order in which to fix them; ``place`` fails on those that block."""

    notices: tuple[Notice, ...]
    """Changes the library made on its own; the latest ten."""


def placement_view(placement: Placement) -> PlacementView:
    """Make the view of a placement."""
    return PlacementView(
        placement.idempotency_key, placement.begun_at, placement.attempts, placement.last_error
    )


def view_of(state: CheckoutState, now: datetime) -> CheckoutView:
    """Make the view of the checkout at ``now``."""
    state = at(state, now)
    store, session = state.store, state.session
    here = Situation.of(state, now)
    missing, action = registry.outlook(here)
    return CheckoutView(
        id=state.checkout_id,
        stage=state.stage,
        editable=state.stage in OPEN,
        session=SessionView(state.level.label, session.expires_at if session else None),
        signed_in=here.has_end_user,
        store=_store_view(store, is_open=here.store_is_open) if store else None,
        lines=tuple(LineView.of(line) for line in state.lines),
        subtotal=state.quote.amounts.sub_total if state.quote else subtotal(state.lines),
        minimum_order=here.gap if state.lines else None,
        fulfillment=state.fulfillment,
        tip=state.tip,
        quote=state.quote.without_token() if state.quote else None,
        confirmed_total=state.confirmed_total,
        recipient=RecipientView.of(state.recipient) if state.recipient else None,
        payment=PaymentView.of(state.payment) if state.payment else None,
        order=state.order,
        placement=placement_view(state.placement) if state.placement else None,
        next_action=action,
        requirements=missing,
        notices=state.notices,
    )
