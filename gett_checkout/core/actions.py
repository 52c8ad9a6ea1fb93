"""What to do next: a closed union of values, each with a ``kind`` and the data needed to act."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from attrs import frozen

from gett_checkout.core.minimum import MinimumOrder
from gett_checkout.core.plain import plain


class _Action:
    __slots__ = ()
    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The action as JSON-ready data, its ``kind`` first."""
        return {"kind": self.kind, **plain(self)}


@frozen
class ChooseStore(_Action):
    """Browse a store: the first one, another one, or the same one again. ``reason`` is a code."""

    kind: ClassVar[str] = "choose_store"
    reason: str | None = None


@frozen
class AddItems(_Action):
    """Change the cart: add to it until the minimum is met, or mend the ``lines`` named (their ids)."""

    kind: ClassVar[str] = "add_items"
    minimum_order: MinimumOrder | None = None
    lines: tuple[str, ...] = ()


@frozen
class CompleteModifiers(_Action):
    """Make the required choices of the ``lines`` named (their ids)."""

    kind: ClassVar[str] = "complete_modifiers"
    lines: tuple[str, ...] = ()


@frozen
class ChooseFulfillment(_Action):
    """Give an address, or choose pickup: one of what the store ``offers``."""

    kind: ClassVar[str] = "choose_fulfillment"
    offers: tuple[str, ...] = ("delivery", "pickup")


@frozen
class Validate(_Action):
    """Ask for a price."""

    kind: ClassVar[str] = "validate"


@frozen
class SignIn(_Action):
    """Ask the shopper for e-mail, first and last name, and pass them to ``identify``."""

    kind: ClassVar[str] = "sign_in"
    needs: tuple[str, ...] = ("email", "first_name", "last_name")


@frozen
class ChoosePayment(_Action):
    """Ask how to pay. ``reason`` is the error code of the payment that was refused, if one was."""

    kind: ClassVar[str] = "choose_payment"
    reason: str | None = None


@frozen
class ConfirmTotal(_Action):
    """Show both totals (major units) and, with the shopper's consent, call ``confirm_total(after)``."""

    kind: ClassVar[str] = "confirm_total"
    before: Decimal | None = None
    after: Decimal | None = None


@frozen
class Place(_Action):
    """Place the order, for ``total`` in major units."""

    kind: ClassVar[str] = "place"
    total: Decimal | None = None


@frozen
class Wait(_Action):
    """Come back after ``seconds``, and repeat what was asked."""

    kind: ClassVar[str] = "wait"
    seconds: float = 1.0


@frozen
class Settle(_Action):
    """An order was sent and nobody knows what became of it: call ``place`` again, or ``settle``."""

    kind: ClassVar[str] = "settle"


@frozen
class Done(_Action):
    """The order is placed."""

    kind: ClassVar[str] = "done"
    order_id: str | None = None


@frozen
class StartOver(_Action):
    """This checkout is over; start another."""

    kind: ClassVar[str] = "start_over"


@frozen
class ContactSupport(_Action):
    """A person must look at it: the integration is at fault, or nothing safe is left to try."""

    kind: ClassVar[str] = "contact_support"
    reason: str | None = None


NextAction = (
    ChooseStore
    | AddItems
    | CompleteModifiers
    | ChooseFulfillment
    | Validate
    | SignIn
    | ChoosePayment
    | ConfirmTotal
    | Place
    | Wait
    | Settle
    | Done
    | StartOver
    | ContactSupport
)
