"""The checkout's stages and every transition between them, as two literal tables.

A checkout is always in one `Stage`. An event causes two moves:

1. **Back.** `EVENTS` says whether the event is legal in the stage, and on which stage it lands: the
   earliest stage it invalidates. The event writes its own facts into the state (a new cart, a quote)
   and drops the facts that no longer hold: changing the cart or the fulfillment drops the quote. An
   event without an entry is illegal: it raises and changes nothing.
2. **Forward.** From there the checkout walks along `FACTS` while the next stage's condition holds.
   So a shopper may give the address before the first item, change the cart after choosing a card, or
   recover from a declined card, and never reaches a dead end.

One fact expires with time: the quote. `at` drops an expired quote, and is applied before anything is
decided.

Only events change a checkout: identification, a session opened or distrusted, a context sent and a
notice are events too. Those that leave the order unchanged are `Aside`: they keep the stage, and leave
a placement's key alone.

One event has a guard besides its entry: a placement begins only when no requirement is missing
(``requirements.py``), so the requirements that the caller is shown are exactly those that are enforced.

The machine moves first and effects follow, except where Gett's response *is* the event. Once an order
is in progress (``PLACING``) the only legal events are those that resolve its outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from gett_checkout._core import requirements
from gett_checkout._core.cart import Line
from gett_checkout._core.catalog import Store
from gett_checkout._core.codes import Part
from gett_checkout._core.contact import Contact
from gett_checkout._core.hand_over import HandOver
from gett_checkout._core.order import Delivery, Fulfillment, Order, Payment, Quote
from gett_checkout._core.placement import Placement
from gett_checkout._core.refusal import Refusal, answered, dropped, refused
from gett_checkout._core.session import Identity, Level, Session
from gett_checkout._core.state import (
    OPEN,
    QUOTE_MARGIN,
    CheckoutState,
    Notice,
    Resolution,
    Stage,
)
from gett_checkout._money import EXACT, ZERO, sum_of
from gett_checkout.errors import StepNotAllowedError

if TYPE_CHECKING:
    from attrs import evolve as evolve_state  # so that names and types of the changes are checked
else:
    from gett_checkout._core.state import evolve_state

_NOTICES_STORED: Final = 10


class Event:
    """An event. `change` returns the state with the event's own facts."""

    __slots__ = ()

    def change(self, state: CheckoutState) -> CheckoutState:
        """Return the state after the event; its stage is not moved yet."""
        return state


class Aside(Event):
    """An event that leaves the order unchanged: the checkout keeps its stage."""

    __slots__ = ()


@frozen
class CartChanged(Event):
    """The cart changed; ``store`` is set when a store was chosen or read again."""

    lines: tuple[Line, ...]
    store: Store | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Drop the price; drop the tip with the store. An identical cart changes nothing."""
        before, after = state.store, self.store or state.store
        moves = (
            before is not None and self.store is not None and before.store_id != self.store.store_id
        )
        menus = before and before.catalog_set_id, after and after.catalog_set_id
        has_new_menu = moves or menus[0] != menus[1]
        is_same_cart = _as_chosen(state.lines) == _as_chosen(self.lines)
        is_as_it_was = not has_new_menu and self.lines == state.lines
        refusals = state.refusals
        if has_new_menu:
            refusals = dropped(refusals, Part.STORE, Part.LINES, Part.QUOTE)
        elif self.store is not None:
            refusals = answered(refusals, Part.STORE)
        if not is_same_cart:
            refusals = dropped(refusals, Part.LINES, Part.QUOTE)
        else:
            refusals = answered(refusals, Part.LINES)
        return evolve_state(
            state if is_as_it_was else _unpriced(state),
            lines=self.lines,
            store=after,
            tip=None if moves else state.tip,
            sold_out=() if self.store is not None else state.sold_out,
            refusals=refusals,
        )


@frozen
class StoreRead(Aside):
    """The store was read again; its menu is the same."""

    store: Store

    def change(self, state: CheckoutState) -> CheckoutState:
        """Update hours and minimum."""
        return evolve_state(state, store=self.store, refusals=answered(state.refusals, Part.STORE))


@frozen
class Identified(Aside):
    """The shopper was identified."""

    identity: Identity

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the identity; the order stays as it is."""
        return evolve_state(
            state, identity=self.identity, refusals=_identified(state, self.identity)
        )


@frozen
class IdentityCorrected(Identified):
    """The shopper's name or phone number was corrected."""


@frozen
class ShopperChanged(Event):
    """Another shopper continues the checkout."""

    identity: Identity

    def change(self, state: CheckoutState) -> CheckoutState:
        """Keep cart and typed address; drop price, payment, session, recipient and stored address."""
        theirs = isinstance(state.fulfillment, Delivery) and state.fulfillment.address_id
        return evolve_state(
            _unpriced(state),
            identity=self.identity,
            fulfillment=None if theirs else state.fulfillment,
            payment=None,
            session=None,
            recipient=None,
            confirmed_total=None,
            refusals=dropped(_identified(state, self.identity), Part.PAYMENT, Part.RECIPIENT),
        )


@frozen
class RecipientChosen(Aside):
    """The shopper chose who receives the order; ``None``: they do themselves."""

    recipient: Contact | None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Keep price and payment; drop a placement's key, because the body names the recipient."""
        if self.recipient == state.recipient:
            return evolve_state(state, refusals=answered(state.refusals, Part.RECIPIENT))
        refusals = dropped(state.refusals, Part.RECIPIENT, Part.QUOTE)
        return evolve_state(state, recipient=self.recipient, refusals=refusals)


@frozen
class FulfillmentChosen(Event):
    """The shopper chose delivery or pickup."""

    fulfillment: Fulfillment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Drop the price with another fulfillment, because fees and taxes depend on it."""
        if self.fulfillment == state.fulfillment:
            return evolve_state(state, refusals=answered(state.refusals, Part.FULFILLMENT))
        refusals = dropped(state.refusals, Part.FULFILLMENT, Part.QUOTE)
        if self.fulfillment.type not in state.minimum_for:  # the order may no longer be too small
            refusals = tuple(each for each in refusals if each.code != "ORDER_BELOW_MINIMUM")
        return evolve_state(_unpriced(state), fulfillment=self.fulfillment, refusals=refusals)


@frozen
class FulfillmentRejected(Event):
    """Gett rejected the fulfillment."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Require another one."""
        return _refused(evolve_state(_unpriced(state), fulfillment=None), self.refusal)


@frozen
class Quoted(Event):
    """Gett priced the cart, with this tip."""

    quote: Quote
    tip: Decimal | None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the quote. The first price of an order is the one the shopper sees; later ones need consent.

        A new tip is the shopper's own choice, so the agreed total moves with it. A price for a new
        session completes the report of the change of session.
        """
        agreed, before = self.quote.amounts.total, state.quote
        if (agreement := state.agreement) is not None:
            agreed = sum_of((agreement, self.tip or ZERO, EXACT.minus(state.tip or ZERO)))
        notices = state.notices
        if before is not None and before.session_serial != self.quote.session_serial:
            totals = before.amounts.total, self.quote.amounts.total
            notices = _with_totals(notices, *map(str, totals))
        return evolve_state(
            state,
            quote=self.quote,
            tip=self.tip,
            confirmed_total=agreed,
            confirmed_for=state.order_digest,
            notices=notices,
            refusals=answered(state.refusals, Part.QUOTE),
        )


@frozen
class QuoteLost(Event):
    """The quote expired, was used, or Gett's prices changed; the agreed total stays stored."""

    refusal: Refusal | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Drop the quote; the cart and everything else stay."""
        return _refused(evolve_state(state, quote=None), self.refusal)


@frozen
class TotalConfirmed(Aside):
    """The shopper agreed to this total."""

    total: Decimal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the agreed total only."""
        return evolve_state(state, confirmed_total=self.total, confirmed_for=state.order_digest)


@frozen
class CartRejected(Event):
    """Gett rejected the cart; the problems are marked on ``lines``, ``sold_out`` lists unavailable items."""

    refusal: Refusal
    lines: tuple[Line, ...]
    sold_out: tuple[str, ...] = ()

    def change(self, state: CheckoutState) -> CheckoutState:
        """Keep the cart, for the shopper to fix."""
        changed = evolve_state(
            _unpriced(state),
            lines=self.lines,
            sold_out=tuple(dict.fromkeys((*state.sold_out, *self.sold_out))),
        )
        return _refused(changed, self.refusal)


@frozen
class StoreLost(Event):
    """The store cannot take the order."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Keep the cart: the store may open again."""
        return _refused(_unpriced(state), self.refusal)


@frozen
class ShopperRejected(Aside):
    """Gett rejected the shopper's or the recipient's data, or requires an end user."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the rejection only."""
        return _refused(state, self.refusal)


@frozen
class Objected(Aside):
    """Gett rejected a step, and nothing in the order is to blame."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the rejection only."""
        return _refused(state, self.refusal)


@frozen
class WentThrough(Aside):
    """A step succeeded: earlier rejections of it no longer hold."""

    step: str

    def change(self, state: CheckoutState) -> CheckoutState:
        """Drop the rejections of the step."""
        others = tuple(each for each in state.refusals if each.step != self.step)
        return evolve_state(state, refusals=others)


@frozen
class PaymentChosen(Event):
    """The shopper chose how to pay."""

    payment: Payment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Change the payment only."""
        return evolve_state(
            state, payment=self.payment, refusals=dropped(state.refusals, Part.PAYMENT)
        )


@frozen
class PaymentRejected(Event):
    """The payment was declined, failed permanently or is invalid."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Require another one."""
        return _refused(evolve_state(state, payment=None), self.refusal)


@frozen
class PlacementBegun(Event):
    """Key and body of the placement exist; they are sent once this is saved.

    Legal only while no requirement is missing. ``is_for_the_books``: the partner has an ``on_placed``
    handler.
    """

    placement: Placement
    is_for_the_books: bool = False

    def change(self, state: CheckoutState) -> CheckoutState:
        """Make the placement part of the state before its first byte is sent."""
        quote = evolve(state.quote, was_sent=True) if state.quote else None
        hand_over = state.hand_over or (HandOver() if self.is_for_the_books else None)
        return evolve_state(state, placement=self.placement, quote=quote, hand_over=hand_over)


@frozen
class NoResponse(Event):
    """The placement was sent (again), and no response revealed the outcome."""

    placement: Placement

    def change(self, state: CheckoutState) -> CheckoutState:
        """Extend the record of the attempts."""
        return evolve_state(state, placement=self.placement)


@frozen
class PlacementPostponed(Aside):
    """The outcome of the placement could not be resolved: it is due again later."""

    placement: Placement

    def change(self, state: CheckoutState) -> CheckoutState:
        """Change only the time when it is due."""
        return evolve_state(state, placement=self.placement)


@frozen
class NotPlaced(Event):
    """The placement certainly made no order, and nothing in the order is to blame.

    Its key stays valid for the same body, in case it is sent again.
    """

    refusal: Refusal | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the rejection only."""
        return _refused(state, self.refusal)


@frozen
class Placed(Event):
    """The order exists. ``handing_over`` is set when this worker hands it over, and says since when."""

    order: Order
    handing_over: datetime | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the order and the placement's key; drop the body."""
        sent = evolve(state.placement, body="") if state.placement else None
        hand_over = state.hand_over
        if self.handing_over is not None:
            hand_over = (hand_over or HandOver()).begun(self.handing_over)
        return evolve_state(
            state, order=self.order, placement=sent, hand_over=hand_over, refusals=()
        )


@frozen
class HandOverBegun(Aside):
    """The order is about to be handed over (again)."""

    hand_over: HandOver

    def change(self, state: CheckoutState) -> CheckoutState:
        """Keep other workers from handing it over for a while."""
        return evolve_state(state, hand_over=self.hand_over)


@frozen
class HandOverEnded(Aside):
    """The hand-over succeeded or failed."""

    hand_over: HandOver

    def change(self, state: CheckoutState) -> CheckoutState:
        """Change only the state of the hand-over."""
        return evolve_state(state, hand_over=self.hand_over)


@frozen
class DuplicateFound(Aside):
    """Gett has another order of this checkout: one key produced two."""

    order_id: str
    notice: Notice

    def change(self, state: CheckoutState) -> CheckoutState:
        """Require manual review."""
        return evolve_state(
            state,
            duplicates=tuple(dict.fromkeys((*state.duplicates, self.order_id))),
            notices=_noticing(state.notices, self.notice),
        )


@frozen
class Resolved(Aside):
    """An operator reported the order's outcome, or which of two orders is valid."""

    resolution: Resolution

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the outcome; nothing needs an operator any more."""
        return evolve_state(state, resolution=self.resolution, duplicates=())


@frozen
class OrderRead(Aside):
    """The placed order was read again."""

    order: Order

    def change(self, state: CheckoutState) -> CheckoutState:
        """Change only the order."""
        return evolve_state(state, order=self.order)


@frozen
class Abandoned(Event):
    """The shopper or the partner abandoned the checkout."""


@frozen
class SessionOpened(Aside):
    """The checkout's first session was opened."""

    session: Session

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the session, and count it."""
        return evolve_state(state, session=self.session, sessions=self.session.serial)


@frozen
class SessionRenewed(SessionOpened):
    """A session of a higher level or with a longer life was opened; the shopper is told."""

    at: datetime

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the session, with a report of the values carried over to it."""
        notices = _noticing(state.notices, _report(state, self.session, self.at))
        return evolve_state(
            state,
            session=self.session,
            sessions=self.session.serial,
            owner_unknown=state.is_strangers,
            notices=notices,
        )


@frozen
class SessionDistrusted(Aside):
    """Gett rejected the session's token, or requires an end user where it has none."""

    end_user_wanted: bool

    def change(self, state: CheckoutState) -> CheckoutState:
        """Drop the session; or correct its level, and remember Gett's requirement."""
        session = state.session
        if session is None:
            return state
        if not self.end_user_wanted:
            return evolve_state(state, session=evolve(session, expires_at=state.created_at))
        # It had no end user, and our assumption that none is needed was wrong.
        needed = state.end_user_needed or session.level is Level.PARTNER_ONLY
        session = evolve(session, level=Level.PARTNER_ONLY)
        return evolve_state(
            state, session=session, end_user_needed=needed, owner_unknown=state.is_strangers
        )


@frozen
class ContextSent(Aside):
    """The fulfillment context is about to be set on the session: it is in doubt until Gett responds."""

    fulfillment: Fulfillment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Mark the session's context as unknown, before it is sent."""
        return _with_context(state, sent=self.fulfillment, is_set=False)


@frozen
class ContextSet(Aside):
    """Gett set the context. ``in_doubt`` was sent earlier, without a response: it may still arrive."""

    in_doubt: Fulfillment | None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Give the session the checkout's fulfillment."""
        return _with_context(state, sent=self.in_doubt, is_set=True)


@frozen
class ContextUnchanged(Aside):
    """The context that was sent had no effect: the session is unchanged."""

    before: Session

    def change(self, state: CheckoutState) -> CheckoutState:
        """Restore the session's known context."""
        before = self.before
        return _with_context(state, sent=before.context_sent, is_set=before.context_set)


@frozen
class Noticed(Aside):
    """Something the caller may want to show or log."""

    notice: Notice

    def change(self, state: CheckoutState) -> CheckoutState:
        """Store the latest notices only."""
        return evolve_state(state, notices=_noticing(state.notices, self.notice))


def _unpriced(state: CheckoutState) -> CheckoutState:
    return state if state.quote is None else evolve_state(state, quote=None)


def _refused(state: CheckoutState, refusal: Refusal | None) -> CheckoutState:
    return evolve_state(state, refusals=refused(state.refusals, refusal)) if refusal else state


def _identified(state: CheckoutState, identity: Identity) -> tuple[Refusal, ...]:
    """Return the rejections that remain after the shopper was identified."""
    if identity == state.identity:
        return answered(state.refusals, Part.SHOPPER)
    return dropped(state.refusals, Part.SHOPPER, Part.QUOTE)


def _as_chosen(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the lines without their problems."""
    return tuple(evolve(line, problems=()) if line.problems else line for line in lines)


def _with_context(state: CheckoutState, *, sent: Fulfillment | None, is_set: bool) -> CheckoutState:
    if state.session is None:
        return state
    session = evolve(state.session, context_sent=sent, context_set=is_set)
    return evolve_state(state, session=session)


def _noticing(notices: tuple[Notice, ...], notice: Notice) -> tuple[Notice, ...]:
    return (*notices, notice)[-_NOTICES_STORED:]


def _report(state: CheckoutState, session: Session, now: datetime) -> Notice:
    """Report the values a change of session carried over; the totals are added once they are known."""
    before, after = state.level, session.level
    facts = {"cart": state.lines, "fulfillment": state.fulfillment, "tip": state.tip}
    details = {
        "from": before.label,
        "to": after.label,
        "kept": ", ".join(name for name, value in facts.items() if value),
    }
    if after > before:
        return Notice("session_upgraded", now, details)
    return Notice("session_renewed", now, details)


def _with_totals(notices: tuple[Notice, ...], before: str, after: str) -> tuple[Notice, ...]:
    """Return the notices, the latest of them with both totals."""
    if not notices:
        return notices
    *others, last = notices
    details = {**last.details, "total_before": before, "total_after": after}
    return (*others, evolve(last, details=details))


def _stays(stage: Stage, *events: type[Event]) -> Mapping[type[Event], Stage]:
    return dict.fromkeys(events, stage)


# The events that keep the stage: always legal, legal while Gett may be asked for the order, or legal
# while the order can be changed.
_ALWAYS: Final = (SessionOpened, SessionRenewed, SessionDistrusted, Noticed, Resolved)
_ASKING: Final = (*_ALWAYS, Identified, ContextSent, ContextSet, ContextUnchanged)
_SHOPPING: Final = (
    *_ASKING,
    IdentityCorrected,
    RecipientChosen,
    ShopperRejected,
    Objected,
    WentThrough,
    StoreRead,
)

# A late response may reveal an order after its worker was presumed dead: it counts all the same.
_LATE: Final[Mapping[type[Event], Stage]] = {Placed: Stage.PLACED}
# The events that send every open checkout back to the same stage, or end it.
_CHANGES: Final[Mapping[type[Event], Stage]] = {
    **_LATE,
    CartChanged: Stage.BROWSE,
    CartRejected: Stage.BROWSE,
    StoreLost: Stage.BROWSE,
    Abandoned: Stage.ABANDONED,
}
_WITH_CART: Final[Mapping[type[Event], Stage]] = {
    **_CHANGES,
    FulfillmentChosen: Stage.FULFILLMENT,
    FulfillmentRejected: Stage.FULFILLMENT,
    ShopperChanged: Stage.FULFILLMENT,
}
_PRICED: Final[Mapping[type[Event], Stage]] = {
    **_WITH_CART,
    Quoted: Stage.VALIDATE,
    QuoteLost: Stage.VALIDATE,
}

# stage → event → the stage it lands on; other events are illegal.
EVENTS: Final[Mapping[Stage, Mapping[type[Event], Stage]]] = {
    Stage.BROWSE: {
        **_CHANGES,
        **_stays(Stage.BROWSE, *_SHOPPING),
        FulfillmentChosen: Stage.BROWSE,
        FulfillmentRejected: Stage.BROWSE,
        ShopperChanged: Stage.BROWSE,
        QuoteLost: Stage.BROWSE,
        PaymentRejected: Stage.BROWSE,
    },
    Stage.FULFILLMENT: {
        **_WITH_CART,
        **_stays(Stage.FULFILLMENT, *_SHOPPING),
        QuoteLost: Stage.FULFILLMENT,
        PaymentRejected: Stage.FULFILLMENT,
    },
    Stage.VALIDATE: {
        **_PRICED,
        **_stays(Stage.VALIDATE, *_SHOPPING),
        PaymentRejected: Stage.VALIDATE,
    },
    Stage.PAY: {
        **_PRICED,
        **_stays(Stage.PAY, *_SHOPPING, TotalConfirmed),
        PaymentChosen: Stage.PAY,
        PaymentRejected: Stage.PAY,
    },
    Stage.PLACE: {
        **_PRICED,
        **_stays(Stage.PLACE, *_SHOPPING, TotalConfirmed),
        PaymentChosen: Stage.PAY,
        PaymentRejected: Stage.PAY,
        PlacementBegun: Stage.PLACING,
    },
    Stage.PLACING: {
        **_stays(Stage.PLACING, *_ASKING, PlacementPostponed),
        Placed: Stage.PLACED,
        PaymentRejected: Stage.PAY,
        QuoteLost: Stage.VALIDATE,
        CartRejected: Stage.BROWSE,
        FulfillmentRejected: Stage.FULFILLMENT,
        StoreLost: Stage.BROWSE,
        ShopperRejected: Stage.PLACE,
        NotPlaced: Stage.PLACE,
        NoResponse: Stage.PLACING,
    },
    Stage.PLACED: _stays(
        Stage.PLACED, *_ALWAYS, OrderRead, HandOverBegun, HandOverEnded, DuplicateFound
    ),
    Stage.ABANDONED: {**_LATE, **_stays(Stage.ABANDONED, *_ALWAYS)},
}


def cart_orderable(state: CheckoutState, now: datetime) -> bool:
    """There is a cart, and no known problem with it or with its store."""
    return (
        state.store is not None
        and bool(state.lines)
        and not any(line.problems for line in state.lines)
        and state.refused(Part.LINES) is None
        and state.refused(Part.STORE) is None
    )


def fulfillment_set(state: CheckoutState, now: datetime) -> bool:
    """Delivery or pickup is chosen."""
    return state.fulfillment is not None


def quote_live(state: CheckoutState, now: datetime) -> bool:
    """There is a quote, with enough time left to place an order with it."""
    return state.quote_is_live(now)


def payment_chosen(state: CheckoutState, now: datetime) -> bool:
    """A payment is chosen."""
    return state.payment is not None


Fact = Callable[[CheckoutState, datetime], bool]

# stage, the fact that lets the checkout walk on, and the next stage; in order.
FACTS: Final[tuple[tuple[Stage, Fact, Stage], ...]] = (
    (Stage.BROWSE, cart_orderable, Stage.FULFILLMENT),
    (Stage.FULFILLMENT, fulfillment_set, Stage.VALIDATE),
    (Stage.VALIDATE, quote_live, Stage.PAY),
    (Stage.PAY, payment_chosen, Stage.PLACE),
)


def is_legal(stage: Stage, event: type[Event]) -> bool:
    """Whether the event is legal in the stage."""
    return event in EVENTS[stage]


def apply(state: CheckoutState, event: Event, now: datetime) -> CheckoutState:
    """Return the state after the event; raise `StepNotAllowedError` when it is illegal."""
    state = at(state, now)
    landing = EVENTS[state.stage].get(type(event))
    if landing is None:
        raise StepNotAllowedError(
            f"{type(event).__name__} is not possible at stage {state.stage}", stage=state.stage
        )
    if isinstance(event, PlacementBegun) and (refusal := requirements.refusal(state, now)):
        raise refusal
    changed = event.change(state)
    is_over = landing in OPEN and not isinstance(event, NotPlaced | Aside)
    placement = None if is_over else changed.placement
    stage = _forward(changed, landing, now)
    since = now if stage is not state.stage else state.stage_since
    return at(evolve_state(changed, stage=stage, stage_since=since, placement=placement), now)


def at(state: CheckoutState, now: datetime) -> CheckoutState:
    """Return the state as it is at ``now``: without an expired quote."""
    if state.quote is None or state.stage not in OPEN or quote_live(state, now):
        return state
    stage = EVENTS[state.stage][QuoteLost]
    ended = state.quote.expires_at - QUOTE_MARGIN
    since = state.stage_since if stage is state.stage else max(state.stage_since or ended, ended)
    return evolve_state(QuoteLost().change(state), stage=stage, stage_since=since)


def _forward(state: CheckoutState, stage: Stage, now: datetime) -> Stage:
    """Return the stage reached by walking forward."""
    for start, holds, following in FACTS:
        if stage is start and holds(state, now):
            stage = following
    return stage
