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

Nothing else changes a checkout: who the shopper is, a session opened or distrusted, a context sent
and a notice are events too. Those that leave the order as it is are `Aside`: they land where the
checkout stands, and leave a placement's key alone.

One event has a guard besides its entry: a placement begins only when no requirement is missing
(``requirements.py``), so that what the caller is shown and what is refused can never differ.

The machine moves first and effects follow, except where an answer of Gett's *is* the event. Once
an order is in progress (``PLACING``) nothing is legal but to learn what became of it.
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
    from attrs import evolve as evolve_state  # so that names and types of what changes are checked
else:
    from gett_checkout._core.state import evolve_state

_NOTICES_STORED: Final = 10


class Event:
    """Something that happened. `change` gives the state with the event's own facts in it."""

    __slots__ = ()

    def change(self, state: CheckoutState) -> CheckoutState:
        """The state after the event, its stage not yet moved."""
        return state


class Aside(Event):
    """An event that leaves the order as it is: the checkout stays where it stands."""

    __slots__ = ()


@frozen
class CartChanged(Event):
    """The cart is another one now; ``store`` when a store was chosen, or read again."""

    lines: tuple[Line, ...]
    store: Store | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Another cart is unpriced; a tip is for the order at one store. The same again changes nothing."""
        before, after = state.store, self.store or state.store
        moves = before is not None and after is not None and before.store_id != after.store_id
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
    """The store was read again, and its menu is the same."""

    store: Store

    def change(self, state: CheckoutState) -> CheckoutState:
        """Hours and minimum are as they are now."""
        return evolve_state(state, store=self.store, refusals=answered(state.refusals, Part.STORE))


@frozen
class Identified(Aside):
    """The shopper said who they are."""

    identity: Identity

    def change(self, state: CheckoutState) -> CheckoutState:
        """The order is theirs as it stands."""
        return evolve_state(
            state, identity=self.identity, refusals=_identified(state, self.identity)
        )


@frozen
class IdentityCorrected(Identified):
    """The same person gave another name or phone number."""


@frozen
class ShopperChanged(Event):
    """Another person goes on with the checkout."""

    identity: Identity

    def change(self, state: CheckoutState) -> CheckoutState:
        """Cart and a typed address stay; price, payment, session, recipient and a stored address were
        the other's.
        """
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
    """The shopper said who receives the order; ``None``: they do themselves."""

    recipient: Contact | None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Price and payment stay. A placement's key does not fit any more, for the body names them."""
        if self.recipient == state.recipient:
            return evolve_state(state, refusals=answered(state.refusals, Part.RECIPIENT))
        refusals = dropped(state.refusals, Part.RECIPIENT, Part.QUOTE)
        return evolve_state(state, recipient=self.recipient, refusals=refusals)


@frozen
class FulfillmentChosen(Event):
    """The shopper said how the order is to reach them."""

    fulfillment: Fulfillment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Fees and taxes hang on the fulfillment, so the price goes with another one."""
        if self.fulfillment == state.fulfillment:
            return evolve_state(state, refusals=answered(state.refusals, Part.FULFILLMENT))
        refusals = dropped(state.refusals, Part.FULFILLMENT, Part.QUOTE)
        if self.fulfillment.type not in state.minimum_for:  # so the order may not be too small now
            refusals = tuple(each for each in refusals if each.code != "ORDER_BELOW_MINIMUM")
        return evolve_state(_unpriced(state), fulfillment=self.fulfillment, refusals=refusals)


@frozen
class FulfillmentRejected(Event):
    """Gett does not accept the fulfillment."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Another one is needed."""
        return _refused(evolve_state(_unpriced(state), fulfillment=None), self.refusal)


@frozen
class Quoted(Event):
    """Gett priced the cart, with this tip."""

    quote: Quote
    tip: Decimal | None

    def change(self, state: CheckoutState) -> CheckoutState:
        """The first price of an order is the one the caller shows; a later one needs consent.

        Another tip is the shopper's own wish, so what was agreed to moves with it. A price asked
        again in a new session completes the report of the change of session.
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
    """The quote expired, was used, or Gett's prices moved; what the shopper agreed to is kept."""

    refusal: Refusal | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """The cart and everything else stay."""
        return _refused(evolve_state(state, quote=None), self.refusal)


@frozen
class TotalConfirmed(Aside):
    """The shopper agreed to this total."""

    total: Decimal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only what was agreed to changes."""
        return evolve_state(state, confirmed_total=self.total, confirmed_for=state.order_digest)


@frozen
class CartRejected(Event):
    """Gett rejected the cart; ``lines`` has the culprits marked, ``sold_out`` are items it has no more."""

    refusal: Refusal
    lines: tuple[Line, ...]
    sold_out: tuple[str, ...] = ()

    def change(self, state: CheckoutState) -> CheckoutState:
        """The cart stays for the shopper to fix."""
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
        """The cart stays: the store may open again."""
        return _refused(_unpriced(state), self.refusal)


@frozen
class ShopperRejected(Aside):
    """Gett does not accept what was said of the shopper or the recipient, or wants to know the shopper."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only what stands against them changes."""
        return _refused(state, self.refusal)


@frozen
class Objected(Aside):
    """Gett did not do what a step asked for, and nothing of the order is to blame."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only what stands against the checkout changes."""
        return _refused(state, self.refusal)


@frozen
class WentThrough(Aside):
    """A step succeeded: what it had been rejected for holds no more."""

    step: str

    def change(self, state: CheckoutState) -> CheckoutState:
        """What stood against the step is gone."""
        others = tuple(each for each in state.refusals if each.step != self.step)
        return evolve_state(state, refusals=others)


@frozen
class PaymentChosen(Event):
    """The shopper said how to pay."""

    payment: Payment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only the payment changes."""
        return evolve_state(
            state, payment=self.payment, refusals=dropped(state.refusals, Part.PAYMENT)
        )


@frozen
class PaymentRejected(Event):
    """The payment was declined, failed for good or is invalid."""

    refusal: Refusal

    def change(self, state: CheckoutState) -> CheckoutState:
        """Another one is needed."""
        return _refused(evolve_state(state, payment=None), self.refusal)


@frozen
class PlacementBegun(Event):
    """Key and body of the placement are made; once this is saved they are sent.

    Legal only while no requirement is missing. ``is_for_the_books``: the partner wants to be given
    the order.
    """

    placement: Placement
    is_for_the_books: bool = False

    def change(self, state: CheckoutState) -> CheckoutState:
        """The placement is part of the state from before its first byte leaves."""
        quote = evolve(state.quote, was_sent=True) if state.quote else None
        hand_over = state.hand_over or (HandOver() if self.is_for_the_books else None)
        return evolve_state(state, placement=self.placement, quote=quote, hand_over=hand_over)


@frozen
class NoAnswer(Event):
    """The placement was sent (again) and no answer says what became of it."""

    placement: Placement

    def change(self, state: CheckoutState) -> CheckoutState:
        """The record of the attempts grows."""
        return evolve_state(state, placement=self.placement)


@frozen
class PlacementPostponed(Aside):
    """The outcome of the placement could not be learned: it is due again later."""

    placement: Placement

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only when it is due changes."""
        return evolve_state(state, placement=self.placement)


@frozen
class NotPlaced(Event):
    """The placement certainly made no order, and nothing in the order is to blame.

    Its key stays for the same body, should it be sent again.
    """

    refusal: Refusal | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only what stands against the checkout changes."""
        return _refused(state, self.refusal)


@frozen
class Placed(Event):
    """There is an order. ``handing_over`` says that this worker gives it to the partner, from when on."""

    order: Order
    handing_over: datetime | None = None

    def change(self, state: CheckoutState) -> CheckoutState:
        """The order is stored, and the placement's key; its body has done its work."""
        sent = evolve(state.placement, body="") if state.placement else None
        hand_over = state.hand_over
        if self.handing_over is not None:
            hand_over = (hand_over or HandOver()).begun(self.handing_over)
        return evolve_state(
            state, order=self.order, placement=sent, hand_over=hand_over, refusals=()
        )


@frozen
class HandOverBegun(Aside):
    """The partner is about to be given the order (again)."""

    hand_over: HandOver

    def change(self, state: CheckoutState) -> CheckoutState:
        """Other workers leave it alone for a while."""
        return evolve_state(state, hand_over=self.hand_over)


@frozen
class HandOverEnded(Aside):
    """The partner has taken the order, or failed to."""

    hand_over: HandOver

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only what is known of the hand-over changes."""
        return evolve_state(state, hand_over=self.hand_over)


@frozen
class DuplicateFound(Aside):
    """Gett has another order of this checkout: one key brought two."""

    order_id: str
    notice: Notice

    def change(self, state: CheckoutState) -> CheckoutState:
        """A person must look at it."""
        return evolve_state(
            state,
            duplicates=tuple(dict.fromkeys((*state.duplicates, self.order_id))),
            notices=_noticing(state.notices, self.notice),
        )


@frozen
class Resolved(Aside):
    """A person said what became of the order, or which of two is the one."""

    resolution: Resolution

    def change(self, state: CheckoutState) -> CheckoutState:
        """What they said is stored, and nothing waits for them any more."""
        return evolve_state(state, resolution=self.resolution, duplicates=())


@frozen
class OrderRead(Aside):
    """More is known of the order that was placed."""

    order: Order

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only the order changes."""
        return evolve_state(state, order=self.order)


@frozen
class Abandoned(Event):
    """The shopper gave up, or the partner gave up on the shopper."""


@frozen
class SessionOpened(Aside):
    """There is a session now; it is the checkout's first."""

    session: Session

    def change(self, state: CheckoutState) -> CheckoutState:
        """The session is the one in hand, and counted."""
        return evolve_state(state, session=self.session, sessions=self.session.serial)


@frozen
class SessionRenewed(SessionOpened):
    """There is another session now, of a higher level or with a longer life; the shopper is told."""

    at: datetime

    def change(self, state: CheckoutState) -> CheckoutState:
        """The session is the one in hand, with a report of what was carried over to it."""
        notices = _noticing(state.notices, _report(state, self.session, self.at))
        return evolve_state(
            state, session=self.session, sessions=self.session.serial, notices=notices
        )


@frozen
class SessionDistrusted(Aside):
    """Gett does not accept the session's token, or wants an end user where it has none."""

    end_user_wanted: bool

    def change(self, state: CheckoutState) -> CheckoutState:
        """The session is over; or its level is corrected, and what Gett wants is remembered."""
        session = state.session
        if session is None:
            return state
        if not self.end_user_wanted:
            return evolve_state(state, session=evolve(session, expires_at=state.created_at))
        # It had no end user, and what we thought needs none does.
        needed = state.end_user_needed or session.level is Level.PARTNER_ONLY
        session = evolve(session, level=Level.PARTNER_ONLY)
        return evolve_state(state, session=session, end_user_needed=needed)


@frozen
class ContextSent(Aside):
    """The fulfillment context is about to be set on the session: until Gett responds it is in doubt."""

    fulfillment: Fulfillment

    def change(self, state: CheckoutState) -> CheckoutState:
        """Nobody knows which context the session has from before it is sent."""
        return _with_context(state, sent=self.fulfillment, is_set=False)


@frozen
class ContextSet(Aside):
    """Gett has set the context. ``in_doubt`` was sent earlier, without a response: it may still arrive."""

    in_doubt: Fulfillment | None

    def change(self, state: CheckoutState) -> CheckoutState:
        """The session has the checkout's fulfillment."""
        return _with_context(state, sent=self.in_doubt, is_set=True)


@frozen
class ContextUnchanged(Aside):
    """The context that was sent had no effect: the session is as it was before."""

    before: Session

    def change(self, state: CheckoutState) -> CheckoutState:
        """What was known of the session's context is known again."""
        before = self.before
        return _with_context(state, sent=before.context_sent, is_set=before.context_set)


@frozen
class Noticed(Aside):
    """Something the caller may want to show or log."""

    notice: Notice

    def change(self, state: CheckoutState) -> CheckoutState:
        """Only the latest notices are stored."""
        return evolve_state(state, notices=_noticing(state.notices, self.notice))


def _unpriced(state: CheckoutState) -> CheckoutState:
    return state if state.quote is None else evolve_state(state, quote=None)


def _refused(state: CheckoutState, refusal: Refusal | None) -> CheckoutState:
    return evolve_state(state, refusals=refused(state.refusals, refusal)) if refusal else state


def _identified(state: CheckoutState, identity: Identity) -> tuple[Refusal, ...]:
    """What still stands once the shopper said who they are."""
    if identity == state.identity:
        return answered(state.refusals, Part.SHOPPER)
    return dropped(state.refusals, Part.SHOPPER, Part.QUOTE)


def _as_chosen(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines without what is wrong with them."""
    return tuple(evolve(line, problems=()) if line.problems else line for line in lines)


def _with_context(state: CheckoutState, *, sent: Fulfillment | None, is_set: bool) -> CheckoutState:
    if state.session is None:
        return state
    session = evolve(state.session, context_sent=sent, context_set=is_set)
    return evolve_state(state, session=session)


def _noticing(notices: tuple[Notice, ...], notice: Notice) -> tuple[Notice, ...]:
    return (*notices, notice)[-_NOTICES_STORED:]


def _report(state: CheckoutState, session: Session, now: datetime) -> Notice:
    """What a change of session carried over; the totals are added once they are known."""
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
    """The notices, the latest of them with both totals."""
    if not notices:
        return notices
    *others, last = notices
    details = {**last.details, "total_before": before, "total_after": after}
    return (*others, evolve(last, details=details))


def _stays(stage: Stage, *events: type[Event]) -> Mapping[type[Event], Stage]:
    return dict.fromkeys(events, stage)


# The events that leave the stage as it is: always, while Gett may be asked for the order, while it is open.
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

# An order that comes to light late, after its worker was given up for dead, is an order all the same.
_LATE: Final[Mapping[type[Event], Stage]] = {Placed: Stage.PLACED}
# What sends every open checkout back to the same stage, or ends it.
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

# stage → event → the stage it lands on; what is not here is illegal.
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
        NoAnswer: Stage.PLACING,
    },
    Stage.PLACED: _stays(
        Stage.PLACED, *_ALWAYS, OrderRead, HandOverBegun, HandOverEnded, DuplicateFound
    ),
    Stage.ABANDONED: {**_LATE, **_stays(Stage.ABANDONED, *_ALWAYS)},
}


def cart_orderable(state: CheckoutState, now: datetime) -> bool:
    """There is a cart, and nothing known is wrong with it or with its store."""
    return (
        state.store is not None
        and bool(state.lines)
        and not any(line.problems for line in state.lines)
        and state.refused(Part.LINES) is None
        and state.refused(Part.STORE) is None
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
    is_over = landing in OPEN and not isinstance(event, NotPlaced | Aside)
    placement = None if is_over else changed.placement
    stage = _forward(changed, landing, now)
    since = now if stage is not state.stage else state.stage_since
    return at(evolve_state(changed, stage=stage, stage_since=since, placement=placement), now)


def at(state: CheckoutState, now: datetime) -> CheckoutState:
    """The state as it stands at ``now``: a quote that ran out is gone."""
    if state.quote is None or state.stage not in OPEN or quote_live(state, now):
        return state
    stage = EVENTS[state.stage][QuoteLost]
    ended = state.quote.expires_at - QUOTE_MARGIN
    since = state.stage_since if stage is state.stage else max(state.stage_since or ended, ended)
    return evolve_state(QuoteLost().change(state), stage=stage, stage_since=since)


def _forward(state: CheckoutState, stage: Stage, now: datetime) -> Stage:
    """The stage that is reached from this one."""
    for start, holds, following in FACTS:
        if stage is start and holds(state, now):
            stage = following
    return stage
