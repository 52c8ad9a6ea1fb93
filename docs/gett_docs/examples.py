"""Example values: a checkout in use, every next action, and a checkout for each missing requirement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from attrs import evolve

from gett_checkout import Checkouts, GettClient, OrderBelowMinimumError
from gett_checkout._core import actions
from gett_checkout._core.actions import NextAction
from gett_checkout._core.cart import Line, LineProblem
from gett_checkout._core.catalog import Store
from gett_checkout._core.codes import Part
from gett_checkout._core.minimum import MinimumOrder
from gett_checkout._core.order import Address, Amounts, CardOnFile, Delivery, Pickup, Quote
from gett_checkout._core.refusal import Refusal
from gett_checkout._core.session import Identity, Level, Session
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout.sandbox import Sandbox

NOW: Final = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
JANE: Final = Identity("jane@example.com", "Jane", "Doe")
HOME: Final = Delivery(Address("350 5th Ave", "New York", "NY", "10118"))
CARD: Final = CardOnFile("card_ok", "stripe")
GAP: Final = MinimumOrder(
    minimum=Decimal("15.00"),
    subtotal=Decimal("10.50"),
    gap=Decimal("4.50"),
    met=False,
    basis="estimate",
)

ACTIONS: Final[tuple[NextAction, ...]] = (
    actions.ChooseStore("STORE_CLOSED"),
    actions.AddItems(GAP),
    actions.FixLines(("c0ffee00-…",), "ITEM_UNAVAILABLE"),
    actions.CompleteModifiers(("c0ffee00-…",)),
    actions.ChooseFulfillment(("delivery", "pickup")),
    actions.Validate(),
    actions.SignIn(),
    actions.ChooseRecipient("VALIDATION_FAILED"),
    actions.ChoosePayment("PAYMENT_DECLINED"),
    actions.ConfirmTotal(Decimal("18.36"), Decimal("19.25")),
    actions.Place(Decimal("19.25")),
    actions.Wait(2.0),
    actions.Reconcile(),
    actions.Done("7f0c1b9e-…"),
    actions.StartOver(),
    actions.ContactSupport("KEY_EXPIRED"),
)
"""An example of every kind of next action, with its data."""

_STORE: Final = Store("store_bella_napoli", "catalog_set", minimum_order_amount=Decimal("15.00"))
_LINE: Final = Line("c0ffee00-…", "item_diavola", 1, "Diavola", Decimal("16.50"))
_COMPLETE: Final = CheckoutState(
    "checkout",
    NOW,
    Stage.PLACE,
    store=_STORE,
    lines=(_LINE,),
    fulfillment=HOME,
    identity=JANE,
    session=Session("token", Level.END_USER),
    quote=Quote(
        "order token",
        Amounts(Decimal("16.50"), Decimal("19.25")),
        NOW + timedelta(minutes=15),
        session_serial=1,
    ),
    confirmed_total=Decimal("19.25"),
    payment=CARD,
)


def _lacking(**facts: Any) -> CheckoutState:
    return evolve(_COMPLETE, **facts)


def rejected(part: Part, code: str, said: str = "", **facts: Any) -> CheckoutState:
    """Return a checkout after Gett rejected its part with this code."""
    if part is Part.SERVICE:
        facts = {"until": NOW + timedelta(seconds=9), **facts}
    lacking = {
        Part.FULFILLMENT: {"fulfillment": None, "quote": None},
        Part.PAYMENT: {"payment": None},
        Part.QUOTE: {"quote": None},
    }
    refusal = Refusal(part, code, said, NOW, **facts)
    return _lacking(refusals=(refusal,), **lacking.get(part, {}))


def _with_problem(code: str, name: str, count: int | None = None) -> CheckoutState:
    problem = LineProblem(code, ("item_diavola", "group_pizza_size"), name, count)
    return _lacking(lines=(evolve(_LINE, problems=(problem,)),))


LACKING: Final = {
    "person": rejected(
        Part.INTEGRATION, "FORBIDDEN", "Not for this organisation.", reason="PERMISSION"
    ),
    "patience": rejected(Part.SERVICE, "RATE_LIMITED", "Too many requests."),
    "shopper_accepted": rejected(Part.SHOPPER, "VALIDATION_FAILED", "The phone is unknown."),
    "store": _lacking(store=None),
    "cart": _lacking(lines=()),
    "modifiers": _with_problem("MODIFIER_REQUIRED", "Size", 1),
    "items": _with_problem("ITEM_UNAVAILABLE", "Diavola"),
    "menu": rejected(Part.STORE, "CATALOGSET_NOT_FOUND", "No such catalog set."),
    "cart_accepted": rejected(
        Part.LINES, "VALIDATION_FAILED", "The note is too long.", lines=(_LINE.line_id,)
    ),
    "store_open": rejected(Part.STORE, "STORE_CLOSED", "The store is closed."),
    "minimum_order": _lacking(
        lines=(evolve(_LINE, unit_price=Decimal("10.50")),), quote=None, confirmed_total=None
    ),
    "fulfillment": rejected(Part.FULFILLMENT, "ADDRESS_OUT_OF_RANGE", "Too far away."),
    "quote": _lacking(quote=None),
    "identity": _lacking(identity=None, session=None),
    "recipient_accepted": rejected(Part.RECIPIENT, "VALIDATION_FAILED", "The phone is unknown."),
    "payment": rejected(Part.PAYMENT, "PAYMENT_DECLINED", "The card was declined."),
    "total_confirmed": _lacking(confirmed_total=Decimal("18.36")),
}
"""For each requirement, a checkout that lacks it: the code in ``RULES`` → the state."""


async def view_while_shopping() -> dict[str, Any]:
    """Return the view of a shopper who signed in late and has everything but a way to pay."""
    clock = _Frozen()
    async with (
        Sandbox(clock=clock) as sandbox,
        GettClient(sandbox.api_key, base_url=sandbox.url, clock=clock) as gett,
    ):
        checkout = await Checkouts(gett).start(checkout_id="9b2f6c1e-…")
        await checkout.browse("store_bella_napoli")
        await checkout.add("item_margherita", modifiers={"group_pizza_size": ["item_size_regular"]})
        await checkout.fulfill(Pickup())
        await checkout.validate(tip="2.00")
        await checkout.identify(JANE)
        await checkout.saved_cards()
        await checkout.validate()
        return checkout.view.to_dict()


async def problem_while_shopping() -> dict[str, Any]:
    """Return the problem document for an order below the minimum."""
    clock = _Frozen()
    async with (
        Sandbox(clock=clock) as sandbox,
        GettClient(sandbox.api_key, base_url=sandbox.url, clock=clock) as gett,
    ):
        checkout = await Checkouts(gett).start(JANE, checkout_id="9b2f6c1e-…")
        await checkout.browse("store_bella_napoli")
        await checkout.add("item_margherita", modifiers={"group_pizza_size": ["item_size_regular"]})
        await checkout.fulfill(Pickup())
        quote = await checkout.validate()
        await checkout.pay(CARD)
        try:
            await checkout.place(total=quote.amounts.total)
        except OrderBelowMinimumError as error:
            return error.to_problem()
        raise AssertionError("the order was not rejected")


class _Frozen:
    """A clock that stands still."""

    def __call__(self) -> datetime:
        return NOW
