"""The whole state of one checkout, as one frozen value. ``machine.py`` changes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from attrs import field, fields_dict, frozen

from gett_checkout._core.cart import Line
from gett_checkout._core.catalog import Store
from gett_checkout._core.codes import Part
from gett_checkout._core.contact import Contact
from gett_checkout._core.hand_over import HandOver
from gett_checkout._core.jsonable import Sentence
from gett_checkout._core.order import FULFILLMENT_TYPES, Fulfillment, Order, Payment, Quote
from gett_checkout._core.placement import NEVER, Placement
from gett_checkout._core.refusal import Refusal, standing
from gett_checkout._core.session import Identity, Level, Session
from gett_checkout.messages import Text

# Gett would reject an order whose quote expires in transit, so such a quote counts as expired.
QUOTE_MARGIN = timedelta(seconds=10)


class Stage(StrEnum):
    """The stage of a checkout. A stage that waits for the shopper is named after what it waits for."""

    BROWSE = "browse"
    FULFILLMENT = "fulfillment"
    VALIDATE = "validate"
    PAY = "pay"
    PLACE = "place"
    PLACING = "placing"
    PLACED = "placed"
    ABANDONED = "abandoned"


# Stages in which the checkout waits for the shopper; in the others the order must not change.
OPEN = frozenset({Stage.BROWSE, Stage.FULFILLMENT, Stage.VALIDATE, Stage.PAY, Stage.PLACE})


@frozen
class Notice(Sentence):
    """Something the library did on its own that the caller may want to show or log."""

    code: str
    at: datetime
    details: Mapping[str, str] = field(factory=dict)

    def text(self) -> Text:
        """Return the codes and values of its sentence; `message` returns the sentence itself."""
        return Text.of(self.code)


@frozen
class Resolution:
    """The order's outcome as an operator reported it: its ``order_id``, or ``None`` when there is none."""

    order_id: str | None
    at: datetime
    note: str


@frozen(slots=False)  # `evolve_state` copies its ``__dict__``
class CheckoutState:
    """Everything known about a checkout, except the menu.

    ``confirmed_total`` is the total the shopper has seen, in major units: the first quoted one of an
    order, or the one passed to ``confirm_total``; ``confirmed_for`` identifies that order. ``refusals``
    are Gett's rejections, the latest last; ``sold_out`` are the items Gett reported as unavailable.
    ``sessions`` counts the sessions so far; ``end_user_needed`` is true when only an end user gets a
    price: by the caller's `Assumptions`, or once Gett required one where we assumed that none is
    needed. ``owner_unknown``: the checkout had an end-user session whose shopper is not known by
    name. ``minimum_for`` lists the fulfillment types to which a store's minimum applies, by the same
    assumptions. ``recipient`` is named in the order instead of the shopper. ``stage_since`` is when the
    checkout entered its stage. ``metadata`` is the partner's, and is returned with the order.
    ``duplicates`` are the ids of duplicate orders found besides the ``order``.
    """

    checkout_id: str
    created_at: datetime
    stage: Stage = Stage.BROWSE
    stage_since: datetime | None = None
    metadata: Mapping[str, str] | None = None
    store: Store | None = None
    lines: tuple[Line, ...] = ()
    fulfillment: Fulfillment | None = None
    identity: Identity | None = None
    recipient: Contact | None = None
    session: Session | None = None
    sessions: int = 0
    end_user_needed: bool = False
    owner_unknown: bool = False
    minimum_for: tuple[str, ...] = FULFILLMENT_TYPES
    tip: Decimal | None = None
    quote: Quote | None = None
    confirmed_total: Decimal | None = None
    confirmed_for: str | None = None
    payment: Payment | None = None
    placement: Placement | None = None
    order: Order | None = None
    duplicates: tuple[str, ...] = ()
    hand_over: HandOver | None = None
    resolution: Resolution | None = None
    refusals: tuple[Refusal, ...] = ()
    sold_out: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def level(self) -> Level:
        """The current session's level; ``NONE`` before the first one."""
        return self.session.level if self.session else Level.NONE

    @property
    def is_strangers(self) -> bool:
        """Whether it is a shopper's of whom only a session is known, even if that session has ended."""
        return self.identity is None and (self.owner_unknown or self.level is Level.END_USER)

    @property
    def customer(self) -> Contact | Identity | None:
        """The person the order names: the recipient, if there is one, or else the shopper."""
        return self.recipient or self.identity

    @property
    def is_for_the_books(self) -> bool:
        """Whether the order still has to be handed over to the partner."""
        is_placed = self.stage is Stage.PLACED
        return is_placed and self.hand_over is not None and self.hand_over.is_pending

    def due_at(self, now: datetime) -> datetime | None:
        """Return when any worker may process the checkout; ``None`` when nothing is left to do."""
        if self.stage is Stage.PLACING and self.placement is not None:
            return self.placement.due_at(now)
        if self.is_for_the_books and self.hand_over is not None:
            return self.hand_over.due_at or now
        return NEVER if self.duplicates else None

    @property
    def openable_level(self) -> Level:
        """The level a new session would have, given the known identity."""
        return Level.END_USER if self.identity else Level.PARTNER_ONLY

    def has_end_user(self, now: datetime) -> bool:
        """Whether an end-user session exists, or could be opened."""
        if self.openable_level is Level.END_USER:
            return True
        session = self.session
        return session is not None and session.level is Level.END_USER and session.is_fresh(now)

    @cached_property
    def order_digest(self) -> str:
        """A digest that identifies this order: its store, its lines as chosen, its fulfillment."""
        lines = [
            (line.item_id, line.quantity, line.groups, line.special_instructions)
            for line in self.lines
        ]
        store_id = self.store.store_id if self.store else None
        return sha256(repr((store_id, lines, self.fulfillment)).encode()).hexdigest()[:16]

    @property
    def agreement(self) -> Decimal | None:
        """The total the shopper agreed to for this order; ``None`` when the order has changed since."""
        is_this = self.confirmed_for is None or self.confirmed_for == self.order_digest
        return self.confirmed_total if is_this else None

    def line(self, line_id: str) -> Line | None:
        """Return the line with this id, if the cart has it."""
        return next((line for line in self.lines if line.line_id == line_id), None)

    def refused(self, part: Part) -> Refusal | None:
        """Return the rejection that stands against the part, if any."""
        return standing(self.refusals, part)

    def quote_is_live(self, now: datetime) -> bool:
        """Whether there is a quote, with enough time left to place an order with it."""
        return self.quote is not None and now + QUOTE_MARGIN < self.quote.expires_at


def evolve_state(state: CheckoutState, **changes: Any) -> CheckoutState:
    """Return the state with other values for some fields: `attrs.evolve` at a tenth of its cost.

    It runs no ``__init__``, because no field of the state has a converter or a validator.
    """
    if not _FIELDS.issuperset(changes):
        raise TypeError(f"a checkout has no {', '.join(sorted(set(changes) - _FIELDS))}")
    evolved = object.__new__(CheckoutState)
    known = vars(evolved)
    known.update(vars(state), **changes)
    if not _ORDERED.isdisjoint(changes):
        known.pop("order_digest", None)
    return evolved


_FIELDS: Final = frozenset(fields_dict(CheckoutState))
_ORDERED: Final = frozenset({"store", "lines", "fulfillment"})  # the fields behind `order_digest`
