"""The whole state of one checkout, as one frozen value. What changes it is in ``machine.py``."""

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

# An order sent with a quote that runs out on the way would be refused: such a quote counts as gone.
QUOTE_MARGIN = timedelta(seconds=10)


class Stage(StrEnum):
    """Where a checkout stands: named after what it waits for."""

    BROWSE = "browse"
    FULFILLMENT = "fulfillment"
    VALIDATE = "validate"
    PAY = "pay"
    PLACE = "place"
    PLACING = "placing"
    PLACED = "placed"
    ABANDONED = "abandoned"


# Stages in which the checkout waits for the shopper; in the others nothing of the order may change.
OPEN = frozenset({Stage.BROWSE, Stage.FULFILLMENT, Stage.VALIDATE, Stage.PAY, Stage.PLACE})


@frozen
class Notice(Sentence):
    """Something the library did on its own that the caller may want to show or log."""

    code: str
    at: datetime
    details: Mapping[str, str] = field(factory=dict)

    def text(self) -> Text:
        """Which sentence says it."""
        return Text.of(self.code)


@frozen
class Resolution:
    """What a person said became of the order: its ``order_id``, or ``None`` when there is none."""

    order_id: str | None
    at: datetime
    note: str


@frozen(slots=False)  # `evolve_state` copies its ``__dict__``
class CheckoutState:
    """Everything there is to know about a checkout besides the menu.

    ``confirmed_total`` is the total the shopper has seen, in major units: the first quoted one of an
    order, or the one given to ``confirm_total``; ``confirmed_for`` tells which order that was.
    ``refusals`` is what Gett rejected, the latest last; ``sold_out`` the items it has no more. ``sessions``
    counts the sessions there have been; ``end_user_needed`` is true when only an end user is given a
    price: by the caller's `Assumptions`, or once Gett wanted one for what we thought needs none.
    ``minimum_for`` names the fulfillment types a store's minimum holds for, by the same assumptions.
    ``recipient`` is whom the order names in the shopper's stead. ``stage_since`` is when the checkout
    came to its stage. ``metadata`` is the partner's, who gets it back with the order. ``duplicates`` are
    ids of orders that came to light beside the ``order``.
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
        """The level of the session in hand; ``NONE`` before the first one."""
        return self.session.level if self.session else Level.NONE

    @property
    def customer(self) -> Contact | Identity | None:
        """Whom the order names: the recipient, if there is one, or else the shopper."""
        return self.recipient or self.identity

    @property
    def is_for_the_books(self) -> bool:
        """Whether the order is to be handed over to the partner yet."""
        is_placed = self.stage is Stage.PLACED
        return is_placed and self.hand_over is not None and self.hand_over.is_pending

    def due_at(self, now: datetime) -> datetime | None:
        """When anybody may look after the checkout; ``None`` when nothing is left to look after."""
        if self.stage is Stage.PLACING and self.placement is not None:
            return self.placement.due_at(now)
        if self.is_for_the_books and self.hand_over is not None:
            return self.hand_over.due_at or now
        return NEVER if self.duplicates else None

    @property
    def openable_level(self) -> Level:
        """The level a new session would have, with what is known of the shopper."""
        return Level.END_USER if self.identity else Level.PARTNER_ONLY

    def has_end_user(self, now: datetime) -> bool:
        """Whether an end-user session is in hand, or could be opened."""
        if self.openable_level is Level.END_USER:
            return True
        session = self.session
        return session is not None and session.level is Level.END_USER and session.is_fresh(now)

    @cached_property
    def order_digest(self) -> str:
        """What tells this order from another: its store, its lines as chosen, how it gets there."""
        lines = [
            (line.item_id, line.quantity, line.groups, line.special_instructions)
            for line in self.lines
        ]
        store_id = self.store.store_id if self.store else None
        return sha256(repr((store_id, lines, self.fulfillment)).encode()).hexdigest()[:16]

    @property
    def agreement(self) -> Decimal | None:
        """The total the shopper agreed to for this order; of another one nothing is agreed."""
        is_this = self.confirmed_for is None or self.confirmed_for == self.order_digest
        return self.confirmed_total if is_this else None

    def line(self, line_id: str) -> Line | None:
        """The line of this id, if the cart has it."""
        return next((line for line in self.lines if line.line_id == line_id), None)

    def refused(self, part: Part) -> Refusal | None:
        """What stands against the part, if anything does."""
        return standing(self.refusals, part)

    def quote_is_live(self, now: datetime) -> bool:
        """Whether there is a quote, with time enough left to place an order on it."""
        return self.quote is not None and now + QUOTE_MARGIN < self.quote.expires_at


def evolve_state(state: CheckoutState, **changes: Any) -> CheckoutState:
    """The state with other values for some fields: `attrs.evolve` at a tenth of its cost.

    It runs no ``__init__``, for no field of the state has a converter or a validator.
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
_ORDERED: Final = frozenset({"store", "lines", "fulfillment"})  # what `order_digest` is made of
