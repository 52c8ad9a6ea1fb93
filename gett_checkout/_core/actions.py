"""The next actions: a closed union of values, each with a ``kind`` and the data needed to act."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Literal

from attrs import frozen

from gett_checkout._core.jsonable import Worded, jsonable_fields
from gett_checkout._core.minimum import MinimumOrder
from gett_checkout._core.order import Order
from gett_checkout.messages import DEFAULT, Messages


class _Action(Worded):
    __slots__ = ()
    kind: ClassVar[str]

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the action as JSON-ready data, its ``kind`` first."""
        return {"kind": self.kind, **jsonable_fields(self, messages)}


@frozen
class ChooseStore(_Action):
    """Browse a store: for the first time, a different one, or the same one again. ``reason`` is the error
    code that caused this: after ``STORE_CLOSED`` and ``STORE_NOT_FOUND`` choose another store; after a code
    that begins with ``CATALOGSET_`` browse the same one again, because its menu has changed.
    """

    kind: ClassVar[Literal["choose_store"]] = "choose_store"
    reason: str | None = None


@frozen
class AddItems(_Action):
    """Add items to the cart: any, or enough to reach the minimum."""

    kind: ClassVar[Literal["add_items"]] = "add_items"
    minimum_order: MinimumOrder | None = None


@frozen
class FixLines(_Action):
    """Change or remove the ``lines`` listed (ids). ``reason`` is the error code with which Gett
    rejected them, if it did.
    """

    kind: ClassVar[Literal["fix_lines"]] = "fix_lines"
    lines: tuple[str, ...] = ()
    reason: str | None = None


@frozen
class CompleteModifiers(_Action):
    """Correct the choices of the ``lines`` listed (ids): some are missing, too many or not on the menu."""

    kind: ClassVar[Literal["complete_modifiers"]] = "complete_modifiers"
    lines: tuple[str, ...] = ()


@frozen
class ChooseFulfillment(_Action):
    """Ask whether to deliver the order, and where, or have it picked up; offer only the store's
    ``fulfillment_types``. ``reason`` is Gett's error code if it rejected the previous choice.
    """

    kind: ClassVar[Literal["choose_fulfillment"]] = "choose_fulfillment"
    fulfillment_types: tuple[str, ...] = ("delivery", "pickup")
    reason: str | None = None


@frozen
class Validate(_Action):
    """Have the order priced."""

    kind: ClassVar[Literal["validate"]] = "validate"


@frozen
class SignIn(_Action):
    """Ask the shopper for e-mail, first and last name, and pass them to ``identify``. ``reason`` is the
    error code with which Gett rejected the last identity, if it did.
    """

    kind: ClassVar[Literal["sign_in"]] = "sign_in"
    needs: tuple[str, ...] = ("email", "first_name", "last_name")
    reason: str | None = None


@frozen
class ChooseRecipient(_Action):
    """Ask who receives the order, and pass that contact to ``set_recipient``, or ``None`` if it is the
    shopper. ``reason`` is the error code with which Gett rejected the recipient.
    """

    kind: ClassVar[Literal["choose_recipient"]] = "choose_recipient"
    reason: str | None = None


@frozen
class ChoosePayment(_Action):
    """Ask how to pay. ``reason`` is the error code with which the last payment was rejected, if it was."""

    kind: ClassVar[Literal["choose_payment"]] = "choose_payment"
    reason: str | None = None


@frozen
class ConfirmTotal(_Action):
    """Show both totals (major units) and, once the shopper agrees, call ``place(total=after)``."""

    kind: ClassVar[Literal["confirm_total"]] = "confirm_total"
    before: Decimal | None = None
    after: Decimal | None = None


@frozen
class Place(_Action):
    """Place the order, for ``total`` in major units."""

    kind: ClassVar[Literal["place"]] = "place"
    total: Decimal | None = None


@frozen
class Wait(_Action):
    """Wait ``seconds``, then repeat the request."""

    kind: ClassVar[Literal["wait"]] = "wait"
    seconds: float = 1.0


@frozen
class Reconcile(_Action):
    """An order was sent and its outcome is unknown: call ``place`` again, or ``reconcile``."""

    kind: ClassVar[Literal["reconcile"]] = "reconcile"


@frozen
class Done(_Action):
    """The order is placed. To order again, start another checkout: `Checkouts.start`."""

    kind: ClassVar[Literal["done"]] = "done"
    order_id: str | None = None
    order: Order | None = None


@frozen
class StartOver(_Action):
    """This checkout has ended; start another."""

    kind: ClassVar[Literal["start_over"]] = "start_over"


@frozen
class ContactSupport(_Action):
    """The case needs an operator: the integration is at fault, or no safe action is left.

    ``reason`` is ``INTEGRATION`` (Gett finds the request itself wrong), ``CREDENTIAL`` (Gett rejects
    the API key), ``PERMISSION`` (the organisation may not do this), ``SESSION_REFUSED`` (Gett rejects a
    session it has just created), ``REPEATED`` (Gett has rejected the same part of the order three times
    in a row), ``ORDER_ALREADY_PLACED`` (this order was already placed), ``KEY_EXPIRED`` (the outcome is
    unknown, and it is too late to ask again), ``RECORD_LOST`` (the outcome is unknown, and the checkout
    is no longer stored), or ``PLACEMENT_DAMAGED`` (the saved body does not match its key).
    """

    kind: ClassVar[Literal["contact_support"]] = "contact_support"
    reason: str | None = None


NextAction = (
    ChooseStore
    | AddItems
    | FixLines
    | CompleteModifiers
    | ChooseFulfillment
    | Validate
    | SignIn
    | ChooseRecipient
    | ChoosePayment
    | ConfirmTotal
    | Place
    | Wait
    | Reconcile
    | Done
    | StartOver
    | ContactSupport
)
