"""The frozen picture of a checkout that the caller shows; it holds no secret, e-mail or phone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import evolve, field, frozen

from gett_checkout.core import requirements as registry
from gett_checkout.core.actions import NextAction
from gett_checkout.core.cart import GroupChoice, Line, LineProblem
from gett_checkout.core.jsonable import jsonable_fields
from gett_checkout.core.machine import at
from gett_checkout.core.minimum import MinimumOrder
from gett_checkout.core.order import CardOnFile, Fulfillment, Order, Payment, Quote
from gett_checkout.core.requirements import Requirement
from gett_checkout.core.state import CheckoutState, Notice, Stage


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
        """The picture of a line."""
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
    """The store the order goes to."""

    store_id: str
    name: str
    currency: str
    offers: tuple[str, ...]


@frozen
class SessionView:
    """What the session in hand may do: ``none``, ``partner-only`` or ``end-user``."""

    level: str = "none"
    expires_at: datetime | None = None


@frozen
class PaymentView:
    """How the order will be paid, as much of it as may be shown."""

    kind: str
    processor_type: str | None = None

    @classmethod
    def of(cls, payment: Payment) -> PaymentView:
        """The picture of a payment."""
        processor = payment.processor_type if isinstance(payment, CardOnFile) else None
        return cls(payment.kind, processor)


@frozen
class CheckoutView:
    """Where a checkout stands: everything a shop's page needs for its next screen.

    Amounts in major units, times UTC.
    """

    id: str
    """What to open the checkout with."""

    stage: Stage
    """Where it stands."""

    session: SessionView
    """What the session in hand may do, and until when."""

    signed_in: bool
    """Whether an end user is known."""

    store: StoreView | None
    """The store, and whether it offers delivery and pickup."""

    lines: tuple[LineView, ...]
    """The cart, with what is wrong with each line."""

    minimum_order: MinimumOrder | None
    """The minimum-order gap; ``None`` when the store has no minimum, or before the first item."""

    fulfillment: Fulfillment | None
    """The delivery's address, or pickup."""

    tip: Decimal | None
    """The tip asked for."""

    quote: Quote | None
    """Gett's price for the order as it stands."""

    agreed_total: Decimal | None
    """The total the shopper has seen; when the quote's is another, the shopper is asked."""

    payment: PaymentView | None
    """How the order will be paid, masked."""

    order: Order | None
    """The order, once there is one."""

    idempotency_key: str | None
    """What to quote to support, once a placement has begun."""

    next_action: NextAction
    """What to do next, with the data to do it."""

    requirements: tuple[Requirement, ...] = field(factory=tuple)
    """What is still missing, first things first; exactly what ``place`` would refuse on."""

    notices: tuple[Notice, ...] = field(factory=tuple)
    """What the library did on its own; the latest ten."""

    def to_dict(self) -> dict[str, Any]:
        """The view as JSON-ready data: amounts as strings, times as ISO 8601."""
        return jsonable_fields(self)


def view_of(state: CheckoutState, now: datetime) -> CheckoutView:
    """The picture of the checkout at ``now``."""
    state = at(state, now)
    store, session = state.store, state.session
    missing, action = registry.outlook(state, now)
    return CheckoutView(
        id=state.checkout_id,
        stage=state.stage,
        session=SessionView(session.level.label, session.expires_at) if session else SessionView(),
        signed_in=state.has_end_user(now),
        store=StoreView(store.store_id, store.name, store.currency, registry.offers(state))
        if store
        else None,
        lines=tuple(LineView.of(line) for line in state.lines),
        minimum_order=registry.minimum_gap(state, now) if state.lines else None,
        fulfillment=state.fulfillment,
        tip=state.tip,
        quote=evolve(state.quote, order_token="") if state.quote else None,
        agreed_total=state.agreed_total,
        payment=PaymentView.of(state.payment) if state.payment else None,
        order=state.order,
        idempotency_key=state.placement.idempotency_key if state.placement else None,
        next_action=action,
        requirements=missing,
        notices=state.notices,
    )
