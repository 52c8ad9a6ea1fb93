"""Random shoppers: whatever happens in whatever order, the checkout is sound and can go on."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gett_checkout._core import machine
from gett_checkout._core.actions import NextAction
from gett_checkout._core.cart import Line, LineProblem, Modifier
from gett_checkout._core.catalog import Store, Window, parse_time
from gett_checkout._core.codes import ERROR_CODES, Part, refuse
from gett_checkout._core.consequences import event_of
from gett_checkout._core.contact import Contact
from gett_checkout._core.machine import Event
from gett_checkout._core.order import CardOnFile, Delivery, GettPayment, Pickup, SavedCard
from gett_checkout._core.requirements import next_action, refusal, requirements
from gett_checkout._core.session import Level, Session
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._core.view import view_of
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    StepNotAllowedError,
    TransportError,
)
from tests.samples import saved as snapshot
from tests.samples.states import (
    CARD,
    HOME,
    INCOMPLETE,
    NOW,
    ORDER,
    RECIPIENT,
    SALADS,
    SECRETS,
    SESSION_TOKEN,
    SOMEONE_ELSE,
    STORE,
    WHO,
    line,
    placement,
    quote,
)

pytestmark = pytest.mark.slow

EVENING = Window("monday", parse_time("17:00:00"), parse_time("19:00:00"))
STORES = [
    STORE,
    evolve(STORE, minimum_order_amount=None),
    evolve(STORE, store_id="st-2", delivery_allowed=False),
    evolve(STORE, store_id="st-3", minimum_order_amount=Decimal("21.76")),
    evolve(STORE, timezone="UTC", availability=(EVENING,)),
    evolve(STORE, availability=()),
]
LARGE = Modifier("large", modifiers={"crust": ["cheese-crust"]})
LINES = [
    SALADS,
    INCOMPLETE,
    line("water", 1),
    line("pizza", 2, {"size": [LARGE], "toppings": ["olives"]}),
    line("soldout", 1),
]
SOLD_OUT_SALADS = evolve(SALADS, problems=(LineProblem("ITEM_UNAVAILABLE"),))
OPEN_STAGES = [Stage.BROWSE, Stage.FULFILLMENT, Stage.VALIDATE, Stage.PAY, Stage.PLACE]

# What each next action asks for, as the event it leads to; `None` where it is not an event.
STEPS: dict[str, type[Event] | None] = {
    "choose_store": machine.CartChanged,
    "add_items": machine.CartChanged,
    "fix_lines": machine.CartChanged,
    "complete_modifiers": machine.CartChanged,
    "choose_fulfillment": machine.FulfillmentChosen,
    "validate": machine.Quoted,
    "sign_in": machine.Identified,
    "choose_recipient": machine.RecipientChosen,
    "choose_payment": machine.PaymentChosen,
    "confirm_total": None,
    "place": machine.PlacementBegun,
}

carts = st.lists(st.sampled_from(LINES), max_size=3).map(tuple)
tips = st.sampled_from([None, Decimal("0.00"), Decimal("3.00")])
quotes = st.builds(
    lambda sub_total, total, minutes: quote(sub_total, total, timedelta(minutes=minutes)),
    st.sampled_from(["21.75", "14.99", "15.00", "30.00"]),
    st.sampled_from(["27.00", "28.00", "40.00"]),
    st.sampled_from([15, 15, 15, 1, 0]),
)
PATHS = [
    "$.cart.lineItems[0].quantity",
    "/cart/lineItems/1",
    "$['email']",
    "addressId",
    "$.payment.savedCard.paymentId",
    "storeId",
    "$.validatedOrderToken",
    "$.weather",
]
entries = st.sampled_from([{"itemId": "salad"}, *({"jsonPath": each} for each in PATHS)])
errors = st.one_of(
    st.builds(
        lambda code, named, wait, operation: refuse(
            code, "no", errors=named, retry_after=wait, operation=operation
        ),
        st.sampled_from(sorted(ERROR_CODES)),
        st.lists(entries, max_size=2),
        st.sampled_from([None, None, 30.0]),
        st.sampled_from(["validate_order", "place_order"]),
    ),
    st.builds(
        lambda status, named: refuse("NEW", "no", status=status, errors=named),
        st.sampled_from([400, 402, 404, 409, 422]),
        st.lists(entries, max_size=2),
    ),
    st.sampled_from([IdentityRequiredError("sign in"), TransportError("down")]),
)
steps = st.sampled_from(["browse", "add", "fulfill", "validate", "pay", "place"])
payments = st.sampled_from([CARD, SavedCard("payment-1"), GettPayment()])


def furthest(state: CheckoutState, now: datetime) -> Stage:
    """The stage the facts allow, worked out by itself and not from the machine's table."""
    if state.store is None or not state.lines:
        return Stage.BROWSE
    if any(each.part in (Part.STORE, Part.LINES) and not each.answered for each in state.refusals):
        return Stage.BROWSE
    if any(each.problems for each in state.lines):
        return Stage.BROWSE
    if state.fulfillment is None:
        return Stage.FULFILLMENT
    if state.quote is None or now >= state.quote.expires_at - timedelta(seconds=10):
        return Stage.VALIDATE
    return Stage.PLACE if state.payment else Stage.PAY


class Shopper(RuleBasedStateMachine):
    """One checkout, driven as the shell drives it, and sometimes as it never would."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.state = CheckoutState("checkout-1", NOW)
        self.event: Event | None = None

    def happen(self, event: Event) -> None:
        """The event, whether it is legal or not."""
        before, bytes_before = self.state, snapshot.dump(self.state)
        stage = machine.at(before, self.now).stage
        legal = machine.is_legal(stage, type(event))
        missing = requirements(machine.at(before, self.now), self.now)
        refused: GettCheckoutError | None = None
        try:
            self.state = machine.apply(before, event, self.now)
        except GettCheckoutError as error:
            refused = error
        if not legal:
            assert isinstance(refused, StepNotAllowedError)
        elif isinstance(event, machine.PlacementBegun):
            blocked = any(each.blocks for each in missing)
            assert (refused is not None) is blocked
            assert refused is None or refused.requirements == missing
        else:
            assert refused is None
        if refused is not None:
            assert self.state is before
        else:
            self.event = event
        assert snapshot.dump(before) == bytes_before

    # --- what the shopper does ----------------------------------------------------------------

    @rule(lines=carts, store=st.sampled_from([None, None, *STORES]))
    def change_cart(self, lines: tuple[Line, ...], store: Store | None) -> None:
        self.happen(machine.CartChanged(lines, store))

    @rule(how=st.sampled_from([HOME, Pickup(), Delivery(address_id="address-1")]))
    def fulfill(self, how: Delivery | Pickup) -> None:
        self.happen(machine.FulfillmentChosen(how))

    @rule(payment=payments)
    def pay(self, payment: CardOnFile | SavedCard | GettPayment) -> None:
        self.happen(machine.PaymentChosen(payment))

    @rule()
    def be_someone_else(self) -> None:
        self.happen(machine.ShopperChanged(SOMEONE_ELSE))

    @rule()
    def identify(self) -> None:
        self.happen(machine.Identified(WHO))

    @rule(recipient=st.sampled_from([RECIPIENT, RECIPIENT, None]))
    def choose_recipient(self, recipient: Contact | None) -> None:
        self.happen(machine.RecipientChosen(recipient))

    @rule()
    def confirm_total(self) -> None:
        if self.state.quote is not None:
            self.happen(machine.TotalConfirmed(self.state.quote.amounts.total))

    @rule(certain=st.sampled_from([False, False, False, False, True]))
    def abandon(self, certain: bool) -> None:
        if certain:
            self.happen(machine.Abandoned())

    @rule()
    def place(self) -> None:
        self.happen(machine.PlacementBegun(placement(begun_at=self.now, lease_until=self.now)))

    # --- what Gett does -----------------------------------------------------------------------

    @rule(priced=quotes, tip=tips)
    def price(self, priced: Any, tip: Decimal | None) -> None:
        life = priced.expires_at - NOW
        self.happen(machine.Quoted(evolve(priced, expires_at=self.now + life), tip))

    @rule(error=errors, step=steps)
    def refuse(self, error: GettCheckoutError, step: str) -> None:
        event = event_of(error, step, machine.at(self.state, self.now), self.now)
        if event is not None:
            self.happen(event)

    @rule(step=steps)
    def go_through(self, step: str) -> None:
        self.happen(machine.WentThrough(step))

    @rule()
    def read_the_store_again(self) -> None:
        if self.state.store is not None:
            self.happen(machine.StoreRead(self.state.store))

    @rule()
    def change_nothing(self) -> None:
        """The lines as they are, whatever is wrong with them."""
        self.happen(machine.CartChanged(self.state.lines, self.state.store))
        self.happen(machine.CartChanged(self.state.lines))

    @rule(lines=st.sampled_from([SOLD_OUT_SALADS, SALADS]))
    def mark(self, lines: Line) -> None:
        """The cart again, with or without what is wrong with it."""
        self.happen(machine.CartChanged((lines,)))

    @rule(
        answer=st.sampled_from(
            [machine.NotPlaced(), machine.NoResponse(placement(attempts=2)), machine.Placed(ORDER)]
        )
    )
    def answer(self, answer: Event) -> None:
        self.happen(answer)

    @rule(level=st.sampled_from([Level.PARTNER_ONLY, Level.END_USER]), days=st.integers(0, 2))
    def open_session(self, level: Level, days: int) -> None:
        session = Session(SESSION_TOKEN, level, self.now + timedelta(days=days))
        session = evolve(session, serial=self.state.sessions + 1)
        self.happen(machine.SessionRenewed(session, self.now))

    @rule(seconds=st.sampled_from([1, 60, 60, 890, 3600, 23 * 3600]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # --- what holds at every point ------------------------------------------------------------

    @invariant()
    def stands_where_the_facts_put_it(self) -> None:
        state = machine.at(self.state, self.now)
        if state.stage in OPEN_STAGES:
            assert state.stage is furthest(state, self.now)
        assert machine.at(state, self.now) is state

    @invariant()
    def has_a_price_only_from_pay_on(self) -> None:
        for state in (self.state, machine.at(self.state, self.now)):
            if state.stage in OPEN_STAGES:
                priced = OPEN_STAGES.index(state.stage) >= OPEN_STAGES.index(Stage.PAY)
                assert (state.quote is not None) is priced
                # A placement that made no order leaves its key, for the same body and no other.
                if not isinstance(self.event, machine.NotPlaced | machine.Aside):
                    assert state.placement is None

    @invariant()
    def can_be_placed_exactly_when_nothing_is_missing(self) -> None:
        state = machine.at(self.state, self.now)
        blocking = [each for each in requirements(state, self.now) if each.blocks]
        complete = state.stage in OPEN_STAGES and not blocking
        try:
            placing = machine.apply(state, machine.PlacementBegun(placement()), self.now)
        except GettCheckoutError:
            assert not complete
        else:
            assert complete
            assert (state.stage, placing.stage) == (Stage.PLACE, Stage.PLACING)
        assert (refusal(state, self.now) is None) is not bool(blocking)

    @invariant()
    def is_never_in_a_dead_end(self) -> None:
        """Doing what the view says, again and again, leads to an order that can be placed."""
        state, now = machine.at(self.state, self.now), self.now
        if state.stage not in OPEN_STAGES:
            return
        kinds: list[str] = []
        while (action := next_action(state, now)).kind != "place":
            if action.kind == "contact_support":
                assert any(each.is_hopeless for each in state.refusals)
                return
            if action.kind == "wait":
                now += timedelta(seconds=action.seconds)
                state = machine.at(state, now)
                kinds.append(action.kind)
                assert len(kinds) < 12, kinds
                continue
            step = STEPS[action.kind]
            assert step is None or machine.is_legal(state.stage, step), action
            state = follow(state, action, now)
            kinds.append(action.kind)
            assert len(kinds) < 12, kinds
        assert requirements(state, now) == ()

    @invariant()
    def survives_being_saved(self) -> None:
        assert snapshot.load(snapshot.dump(self.state)) == self.state

    @invariant()
    def shows_no_secret(self) -> None:
        view = view_of(self.state, self.now)
        shown = json.dumps(view.to_dict()) + repr(view)
        assert not [secret for secret in SECRETS if secret in shown]
        assert not [secret for secret in SECRETS if secret in repr(self.state)]
        assert view.requirements == requirements(machine.at(self.state, self.now), self.now)


def follow(state: CheckoutState, action: Any, now: datetime) -> CheckoutState:
    """What a willing shopper does on the action."""
    match action.kind:
        case "choose_store":
            return machine.apply(state, machine.CartChanged(state.lines, STORE), now)
        case "add_items" | "fix_lines" | "complete_modifiers":
            fixed = (SALADS, SALADS) if state.lines != (SALADS, SALADS) else (SALADS,) * 3
            return machine.apply(state, machine.CartChanged(fixed), now)
        case "choose_fulfillment":
            how = HOME if "delivery" in action.fulfillment_types else Pickup()
            return machine.apply(state, machine.FulfillmentChosen(how), now)
        case "validate":
            priced = evolve(quote("43.50", "50.00"), expires_at=now + timedelta(minutes=15))
            return machine.apply(state, machine.Quoted(priced, state.tip), now)
        case "sign_in":
            return machine.apply(state, machine.Identified(WHO), now)
        case "choose_recipient":
            return machine.apply(state, machine.RecipientChosen(None), now)
        case "choose_payment":
            return machine.apply(state, machine.PaymentChosen(CARD), now)
        case "confirm_total":
            return machine.apply(state, machine.TotalConfirmed(action.after), now)
        case _:
            raise AssertionError(action)


class ReadyShopper(Shopper):
    """One who has come as far as the last step: most of what can go wrong goes wrong from there."""

    def __init__(self) -> None:
        super().__init__()
        state = self.state
        while (action := next_action(state, NOW)).kind != "place":
            state = follow(state, action, NOW)
        self.state = state


class ShopperWithFreePickups(ReadyShopper):
    """One whose pickups have no minimum."""

    def __init__(self) -> None:
        super().__init__()
        self.state = evolve(self.state, minimum_for=("delivery",))


RANDOM = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True, print_blob=False
)
Shopper.TestCase.settings = RANDOM
ReadyShopper.TestCase.settings = RANDOM
ShopperWithFreePickups.TestCase.settings = RANDOM
TestShopper = Shopper.TestCase
TestReadyShopper = ReadyShopper.TestCase
TestShopperWithFreePickups = ShopperWithFreePickups.TestCase


def test_the_guide_knows_every_action_of_an_open_checkout() -> None:
    decided = {"wait", "contact_support", "reconcile", "done", "start_over"}
    assert set(STEPS) | decided == {each.kind for each in NextAction.__args__}
