"""The checkout's stages and every transition between them, as two literal tables.

A checkout is always in one `Stage`. Something happens (an event), and two things follow:

1. **Back.** `EVENTS` says whether the event is legal in the stage, and on which stage it lands: the
   one it puts in question. The event writes its own facts into the state (a new cart, a quote) and
   takes away those it makes untrue: whatever changes the cart or the fulfillment takes the quote
   with it. An event with no entry is illegal: it raises and changes nothing.
2. **Forward.** From there the checkout walks along `FACTS` for as long as the next stage's
   condition holds. So a shopper may give the address before the first item, change the cart after
   choosing a card, or come back from a declined card, and is never in a dead end.

One fact can become untrue by itself, with time: a quote expires. `at` takes that into account and
is applied before anything is judged.

One event has a guard besides its entry: a placement begins only when no requirement is missing
(``requirements.py``), so that what the caller is shown and what is refused can never differ.

The machine moves first and effects follow, except where an answer of Gett's *is* the event. Once
an order is on its way (``PLACING``) nothing is legal but to learn what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from gett_checkout.core import requirements
from gett_checkout.core.cart import Line
from gett_checkout.core.catalog import Store
from gett_checkout.core.money import ZERO
from gett_checkout.core.order import Fulfillment, Order, Payment, Quote
from gett_checkout.core.placement import Placement
from gett_checkout.core.session import Identity
from gett_checkout.core.state import OPEN, CheckoutState, Stage
from gett_checkout.errors import StepNotAllowedError


class Event:
    """Something that happened. `change` gives the state with the event's own facts in it."""

    __slots__ = ()

    def change(self, state: CheckoutState) -> CheckoutState:
        """The state after the event, its stage not yet moved."""
        return state


@frozen
class CartChanged(Event):
    """The cart is another one now; ``store`` when a store was chosen, or read again."""

    lines: tuple[Line, ...]
    store: Store | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """A new cart is unpriced, and no refusal of the old one holds against it."""
        refused = state.store_refused if self.store is None else None
        return evolve(
            _unpriced(state),
            lines=self.lines,
            store=self.store or state.store,
            store_refused=refused,
            cart_refused=None,
        )


@frozen
class ShopperChanged(Event):
    """Another person goes on with the checkout."""

    identity: Identity

    def change(self, state: CheckoutState) -> CheckoutState:
        """Cart and fulfillment stay; the price, the payment and the session were the other's."""
        return evolve(_unpriced(state), identity=self.identity, payment=None, session=None)


@frozen
class FulfillmentChosen(Event):
    """The shopper said how the order is to reach them."""

    fulfillment: Fulfillment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Fees and taxes hang on the fulfillment, so the price goes."""
        return evolve(_unpriced(state), fulfillment=self.fulfillment)


@frozen
class FulfillmentRejected(Event):
    """Gett does not accept the fulfillment."""

    def change(self, state: CheckoutState) -> CheckoutState:
        """Another one is needed."""
        return evolve(_unpriced(state), fulfillment=None)


@frozen
class Quoted(Event):
    """Gett priced the cart, with this tip."""

    quote: Quote
    tip: Decimal | None

    def change(self, state: CheckoutState) -> CheckoutState:
        """The first price of an order is the one the caller shows; a later one needs consent.

        Another tip is the shopper's own wish, so what was agreed to moves with it.
        """
        agreed = self.quote.amounts.total
        if state.agreed_total is not None:
            agreed = state.agreed_total + (self.tip or ZERO) - (state.tip or ZERO)
        return evolve(state, quote=self.quote, tip=self.tip, agreed_total=agreed)


@frozen
class QuoteLost(Event):
    """The quote expired, was used, or Gett's prices moved; what the shopper agreed to is kept."""

    def change(self, state: CheckoutState) -> CheckoutState:
        """The cart and everything else stay."""
        return evolve(state, quote=None)


@frozen
class CartRejected(Event):
    """Gett refused the cart with this error code; ``lines`` has the culprits marked."""

    code: str
    lines: tuple[Line, ...]

    def change(self, state: CheckoutState) -> CheckoutState:
        """The cart stays for the shopper to mend."""
        return evolve(_unpriced(state), lines=self.lines, cart_refused=self.code)


@frozen
class StoreLost(Event):
    """The store cannot take the order, by this error code."""

    code: str

    def change(self, state: CheckoutState) -> CheckoutState:
        """The cart stays: the store may open again."""
        return evolve(_unpriced(state), store_refused=self.code)


@frozen
class PaymentChosen(Event):
    """The shopper said how to pay."""

    payment: Payment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only the payment changes."""
        return evolve(state, payment=self.payment, payment_refused=None)


@frozen
class PaymentRejected(Event):
    """The payment was declined, failed for good or is invalid, by this error code."""

    code: str

    def change(self, state: CheckoutState) -> CheckoutState:
        """Another one is needed."""
        return evolve(state, payment=None, payment_refused=self.code)


@frozen
class PlacementBegun(Event):
    """Key and body of the placement are made; once this is saved they are sent.

    Legal only while no requirement is missing.
    """

    placement: Placement

    def change(self, state: CheckoutState) -> CheckoutState:
        """The placement is part of the state from before its first byte leaves."""
        quote = evolve(state.quote, was_sent=True) if state.quote else None
        return evolve(state, placement=self.placement, quote=quote)


@frozen
class NoAnswer(Event):
    """The placement was sent (again) and no answer says what became of it."""

    placement: Placement

    def change(self, state: CheckoutState) -> CheckoutState:
        """The record of the attempts grows."""
        return evolve(state, placement=self.placement)


@frozen
class NotPlaced(Event):
    """The placement certainly made no order, and nothing in the order is to blame.

    Its key stays for the same body, should it be sent again.
    """


@frozen
class Placed(Event):
    """There is an order."""

    order: Order

    def change(self, state: CheckoutState) -> CheckoutState:
        """The order is kept, and the placement's key; its body has done its work."""
        sent = evolve(state.placement, body="") if state.placement else None
        return evolve(state, order=self.order, placement=sent)


@frozen
class Abandoned(Event):
    """The shopper gave up, or the partner gave up on the shopper."""


def _unpriced(state: CheckoutState) -> CheckoutState:
    return evolve(state, quote=None, agreed_total=None)


# An order that comes to light late, after its worker was given up for dead, is an order all the same.
_LATE: Final[Mapping[type[Event], Stage]] = {Placed: Stage.PLACED}
_CHANGES: Final[Mapping[type[Event], Stage]] = {
    **_LATE,
    CartChanged: Stage.BROWSE,
    FulfillmentChosen: Stage.FULFILLMENT,
    FulfillmentRejected: Stage.FULFILLMENT,
    Abandoned: Stage.ABANDONED,
}
_PRICED: Final[Mapping[type[Event], Stage]] = {
    **_CHANGES,
    ShopperChanged: Stage.VALIDATE,
    Quoted: Stage.VALIDATE,
    CartRejected: Stage.BROWSE,
    StoreLost: Stage.BROWSE,
}

# stage → event → the stage it lands on; what is not here is illegal.
EVENTS: Final[Mapping[Stage, Mapping[type[Event], Stage]]] = {
    Stage.BROWSE: {
        **_LATE,
        CartChanged: Stage.BROWSE,
        FulfillmentChosen: Stage.BROWSE,
        ShopperChanged: Stage.BROWSE,
        Abandoned: Stage.ABANDONED,
    },
    Stage.FULFILLMENT: {**_CHANGES, ShopperChanged: Stage.FULFILLMENT},
    Stage.VALIDATE: _PRICED,
    Stage.PAY: {
        **_PRICED,
        QuoteLost: Stage.VALIDATE,
        PaymentChosen: Stage.PAY,
    },
    Stage.PLACE: {
        **_PRICED,
        QuoteLost: Stage.VALIDATE,
        PaymentChosen: Stage.PAY,
        PaymentRejected: Stage.PAY,
        PlacementBegun: Stage.PLACING,
    },
    Stage.PLACING: {
        Placed: Stage.PLACED,
        PaymentRejected: Stage.PAY,
        QuoteLost: Stage.VALIDATE,
        CartRejected: Stage.BROWSE,
        FulfillmentRejected: Stage.FULFILLMENT,
        StoreLost: Stage.BROWSE,
        NotPlaced: Stage.PLACE,
        NoAnswer: Stage.PLACING,
    },
    Stage.PLACED: {},
    Stage.ABANDONED: _LATE,
}


def cart_orderable(state: CheckoutState, now: datetime) -> bool:
    """There is a cart, and nothing known is wrong with it or with its store."""
    return (
        state.store is not None
        and bool(state.lines)
        and not any(line.problems for line in state.lines)
        and state.cart_refused is None
        and state.store_refused is None
    )


def fulfillment_set(state: CheckoutState, now: datetime) -> bool:
    """The shopper said how the order is to reach them."""
    return state.fulfillment is not None


def quote_live(state: CheckoutState, now: datetime) -> bool:
    """There is a quote, with time enough left to place an order on it."""
    return state.quote_is_live(now)


def payment_chosen(state: CheckoutState, now: datetime) -> bool:
    """The shopper said how to pay."""
    return state.payment is not None


Fact = Callable[[CheckoutState, datetime], bool]

# stage, what lets the checkout go on from it, and the stage it then reaches; in order.
FACTS: Final[tuple[tuple[Stage, Fact, Stage], ...]] = (
    (Stage.BROWSE, cart_orderable, Stage.FULFILLMENT),
    (Stage.FULFILLMENT, fulfillment_set, Stage.VALIDATE),
    (Stage.VALIDATE, quote_live, Stage.PAY),
    (Stage.PAY, payment_chosen, Stage.PLACE),
)


def is_legal(stage: Stage, event: type[Event]) -> bool:
    """Whether the event may happen in the stage."""
    return event in EVENTS[stage]


def apply(state: CheckoutState, event: Event, now: datetime) -> CheckoutState:
    """The state after the event; `StepNotAllowedError` when it is illegal, and nothing changes."""
    state = at(state, now)
    landing = EVENTS[state.stage].get(type(event))
    if landing is None:
        raise StepNotAllowedError(
            f"{type(event).__name__} is not possible at stage {state.stage}", stage=state.stage
        )
    if isinstance(event, PlacementBegun) and (refusal := requirements.refusal(state, now)):
        raise refusal
    changed = event.change(state)
    is_over = landing in OPEN and not isinstance(event, NotPlaced)
    placement = None if is_over else changed.placement
    stage = _forward(changed, landing, now)
    return at(evolve(changed, stage=stage, placement=placement), now)


def at(state: CheckoutState, now: datetime) -> CheckoutState:
    """The state as it stands at ``now``: a quote that ran out is gone."""
    if state.quote is None or state.stage not in OPEN or quote_live(state, now):
        return state
    landing = EVENTS[state.stage].get(QuoteLost, state.stage)
    return evolve(QuoteLost().change(state), stage=landing)


def _forward(state: CheckoutState, stage: Stage, now: datetime) -> Stage:
    """The stage that is reached from this one."""
    for start, holds, following in FACTS:
        if stage is start and holds(state, now):
            stage = following
    return stage
