"""The machine: every stage with every event, what each changes, and the one fact that expires."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, frozen

from gett_checkout._core import machine
from gett_checkout._core.codes import Part
from gett_checkout._core.hand_over import HandOver
from gett_checkout._core.machine import Aside, Event
from gett_checkout._core.order import Delivery, GettPayment, Pickup, SavedCard
from gett_checkout._core.session import Identity, Level
from gett_checkout._core.state import (
    OPEN,
    CheckoutState,
    Notice,
    Resolution,
    Stage,
    evolve_state,
)
from gett_checkout.errors import (
    IdentityRequiredError,
    OrderBelowMinimumError,
    StepNotAllowedError,
    TotalChangedError,
)
from tests.samples.states import (
    HOME,
    INCOMPLETE,
    NOW,
    ORDER,
    RECIPIENT,
    SALADS,
    SESSION,
    SOMEONE_ELSE,
    STORE,
    WHO,
    line,
    placement,
    quote,
    rejection,
    state_at,
)

OUT_OF_SALADS = rejection(Part.LINES, "ITEM_UNAVAILABLE")
CLOSED = rejection(Part.STORE, "STORE_CLOSED")
TOO_FAR = rejection(Part.FULFILLMENT, "ADDRESS_OUT_OF_RANGE")
DECLINED = rejection(Part.PAYMENT, "PAYMENT_DECLINED")
NO_PHONE = rejection(Part.SHOPPER, "VALIDATION_FAILED")
FORBIDDEN = rejection(Part.INTEGRATION, "FORBIDDEN")

SAMPLES: dict[type[Event], Event] = {
    machine.CartChanged: machine.CartChanged((SALADS, line("water", 1))),
    machine.ShopperChanged: machine.ShopperChanged(SOMEONE_ELSE),
    machine.FulfillmentChosen: machine.FulfillmentChosen(Pickup()),
    machine.FulfillmentRejected: machine.FulfillmentRejected(TOO_FAR),
    machine.Quoted: machine.Quoted(quote(total="28.00"), Decimal("3.00")),
    machine.QuoteLost: machine.QuoteLost(),
    machine.CartRejected: machine.CartRejected(OUT_OF_SALADS, (SALADS,)),
    machine.StoreLost: machine.StoreLost(CLOSED),
    machine.PaymentChosen: machine.PaymentChosen(GettPayment()),
    machine.PaymentRejected: machine.PaymentRejected(DECLINED),
    machine.PlacementBegun: machine.PlacementBegun(placement()),
    machine.NoResponse: machine.NoResponse(placement(attempts=2)),
    machine.NotPlaced: machine.NotPlaced(),
    machine.Placed: machine.Placed(ORDER),
    machine.Abandoned: machine.Abandoned(),
    machine.StoreRead: machine.StoreRead(STORE),
    machine.Identified: machine.Identified(WHO),
    machine.IdentityCorrected: machine.IdentityCorrected(WHO),
    machine.RecipientChosen: machine.RecipientChosen(RECIPIENT),
    machine.TotalConfirmed: machine.TotalConfirmed(Decimal("28.00")),
    machine.PlacementPostponed: machine.PlacementPostponed(placement()),
    machine.OrderRead: machine.OrderRead(ORDER),
    machine.SessionOpened: machine.SessionOpened(SESSION),
    machine.SessionRenewed: machine.SessionRenewed(SESSION, NOW),
    machine.SessionDistrusted: machine.SessionDistrusted(end_user_wanted=False),
    machine.ContextSent: machine.ContextSent(Pickup()),
    machine.ContextSet: machine.ContextSet(None),
    machine.ContextUnchanged: machine.ContextUnchanged(SESSION),
    machine.Noticed: machine.Noticed(Notice("a", NOW)),
    machine.ShopperRejected: machine.ShopperRejected(NO_PHONE),
    machine.Objected: machine.Objected(FORBIDDEN),
    machine.WentThrough: machine.WentThrough("validate"),
    machine.HandOverBegun: machine.HandOverBegun(HandOver().begun(NOW)),
    machine.HandOverEnded: machine.HandOverEnded(HandOver().begun(NOW).done(NOW)),
    machine.DuplicateFound: machine.DuplicateFound("order-2", Notice("duplicate_order", NOW)),
    machine.Resolved: machine.Resolved(Resolution("order-1", NOW, "Gett's support")),
}

# stage → event → (the stage it lands on, the stage it has walked on to), from the samples above.
# The design, typed by hand. ShopperChanged: another person goes on with the checkout.
B, F, V, P = Stage.BROWSE, Stage.FULFILLMENT, Stage.VALIDATE, Stage.PAY
LANDS: dict[Stage, dict[str, tuple[Stage, Stage]]] = {
    Stage.BROWSE: {
        "CartChanged": (B, V),
        "CartRejected": (B, B),
        "StoreLost": (B, B),
        "FulfillmentChosen": (B, B),
        "FulfillmentRejected": (B, B),
        "ShopperChanged": (B, B),
        "QuoteLost": (B, B),
        "PaymentRejected": (B, B),
        "Abandoned": (Stage.ABANDONED, Stage.ABANDONED),
        "Placed": (Stage.PLACED, Stage.PLACED),  # an order that comes to light late
    },
    Stage.FULFILLMENT: {
        "CartChanged": (B, F),
        "CartRejected": (B, B),
        "StoreLost": (B, B),
        "FulfillmentChosen": (F, V),
        "FulfillmentRejected": (F, F),
        "ShopperChanged": (F, F),
        "QuoteLost": (F, F),
        "PaymentRejected": (F, F),
        "Abandoned": (Stage.ABANDONED, Stage.ABANDONED),
        "Placed": (Stage.PLACED, Stage.PLACED),  # an order that comes to light late
    },
    Stage.VALIDATE: {
        "CartChanged": (B, V),
        "CartRejected": (B, B),
        "StoreLost": (B, B),
        "FulfillmentChosen": (F, V),
        "FulfillmentRejected": (F, F),
        "ShopperChanged": (F, V),
        "Quoted": (V, Stage.PLACE),
        "QuoteLost": (V, V),
        "PaymentRejected": (V, V),
        "Abandoned": (Stage.ABANDONED, Stage.ABANDONED),
        "Placed": (Stage.PLACED, Stage.PLACED),  # an order that comes to light late
    },
    Stage.PAY: {
        "CartChanged": (B, V),
        "CartRejected": (B, B),
        "StoreLost": (B, B),
        "FulfillmentChosen": (F, V),
        "FulfillmentRejected": (F, F),
        "ShopperChanged": (F, V),
        "Quoted": (V, P),
        "QuoteLost": (V, V),
        "PaymentChosen": (P, Stage.PLACE),
        "PaymentRejected": (P, P),
        "Abandoned": (Stage.ABANDONED, Stage.ABANDONED),
        "Placed": (Stage.PLACED, Stage.PLACED),  # an order that comes to light late
    },
    Stage.PLACE: {
        "CartChanged": (B, V),
        "CartRejected": (B, B),
        "StoreLost": (B, B),
        "FulfillmentChosen": (F, V),
        "FulfillmentRejected": (F, F),
        "ShopperChanged": (F, V),
        "Quoted": (V, Stage.PLACE),
        "QuoteLost": (V, V),
        "PaymentChosen": (P, Stage.PLACE),
        "PaymentRejected": (P, P),
        "PlacementBegun": (Stage.PLACING, Stage.PLACING),
        "Abandoned": (Stage.ABANDONED, Stage.ABANDONED),
        "Placed": (Stage.PLACED, Stage.PLACED),  # an order that comes to light late
    },
    Stage.PLACING: {
        "Placed": (Stage.PLACED, Stage.PLACED),
        "PaymentRejected": (P, P),
        "QuoteLost": (V, V),
        "CartRejected": (B, B),
        "FulfillmentRejected": (F, F),
        "StoreLost": (B, B),
        "ShopperRejected": (Stage.PLACE, Stage.PLACE),
        "NotPlaced": (Stage.PLACE, Stage.PLACE),
        "NoResponse": (Stage.PLACING, Stage.PLACING),
    },
    Stage.PLACED: {},
    Stage.ABANDONED: {"Placed": (Stage.PLACED, Stage.PLACED)},
}

# The events that leave the order as it is, and the stages in which they may happen.
EVERYWHERE = set(Stage)
ASIDES: dict[str, set[Stage]] = {
    "SessionOpened": EVERYWHERE,
    "SessionRenewed": EVERYWHERE,
    "SessionDistrusted": EVERYWHERE,
    "Noticed": EVERYWHERE,
    "ContextSent": {*OPEN, Stage.PLACING},
    "ContextSet": {*OPEN, Stage.PLACING},
    "ContextUnchanged": {*OPEN, Stage.PLACING},
    "Identified": {*OPEN, Stage.PLACING},
    "IdentityCorrected": set(OPEN),
    "RecipientChosen": set(OPEN),
    "StoreRead": set(OPEN),
    "ShopperRejected": set(OPEN),  # and it ends a placement, above
    "Objected": set(OPEN),
    "WentThrough": set(OPEN),
    "TotalConfirmed": {Stage.PAY, Stage.PLACE},
    "PlacementPostponed": {Stage.PLACING},
    "OrderRead": {Stage.PLACED},
    "HandOverBegun": {Stage.PLACED},
    "HandOverEnded": {Stage.PLACED},
    "DuplicateFound": {Stage.PLACED},
    "Resolved": EVERYWHERE,
}
for _name, _stages in ASIDES.items():
    for _stage in _stages:
        LANDS[_stage][_name] = (_stage, _stage)


EVENT_CLASSES = [
    each
    for each in vars(machine).values()
    if isinstance(each, type) and issubclass(each, Event) and each not in (Event, Aside)
]


def named(value: object) -> str:
    if isinstance(value, Event):
        value = type(value)
    return value.__name__ if isinstance(value, type) else str(value)


def test_every_event_has_a_sample_and_every_stage_a_row() -> None:
    assert set(EVENT_CLASSES) == set(SAMPLES)
    assert set(LANDS) == set(Stage) == set(machine.EVENTS)
    assert {name for row in LANDS.values() for name in row} == {each.__name__ for each in SAMPLES}


def test_the_event_table_is_the_designed_one() -> None:
    table = {
        stage: {kind.__name__: landing for kind, landing in row.items()}
        for stage, row in machine.EVENTS.items()
    }
    assert table == {
        stage: {name: landing for name, (landing, _) in row.items()} for stage, row in LANDS.items()
    }


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_an_event_lands_where_it_is_legal_and_else_raises_and_changes_nothing(
    kind: type[Event],
) -> None:
    for stage in Stage:
        is_legal = kind.__name__ in LANDS[stage]
        assert machine.is_legal(stage, kind) is is_legal
        state, twin = state_at(stage), state_at(stage)
        if is_legal:
            moved = machine.apply(state, SAMPLES[kind], NOW)
            assert (stage, moved.stage) == (stage, LANDS[stage][kind.__name__][1])
        else:
            with pytest.raises(StepNotAllowedError) as raised:
                machine.apply(state, SAMPLES[kind], NOW)
            assert raised.value.stage == stage
            assert kind.__name__ in str(raised.value)
        assert state == twin


def test_a_state_cannot_be_changed_in_place() -> None:
    state = state_at(Stage.PLACE)
    with pytest.raises(AttributeError):
        state.stage = Stage.PLACED  # type: ignore[misc]


def test_an_event_of_somebody_elses_is_illegal() -> None:
    @frozen
    class Invented(Event):
        pass

    for stage in Stage:
        with pytest.raises(StepNotAllowedError):
            machine.apply(state_at(stage), Invented(), NOW)


PRICED = [Stage.PAY, Stage.PLACE]
DROPPING: list[Event] = [
    machine.CartChanged((SALADS, SALADS)),
    machine.CartChanged((evolve(SALADS, problems=INCOMPLETE.problems),)),
    machine.CartChanged((SALADS,), evolve(STORE, catalog_set_id="cs-2")),
    machine.FulfillmentChosen(Pickup()),
    machine.FulfillmentRejected(TOO_FAR),
    machine.ShopperChanged(SOMEONE_ELSE),
    machine.CartRejected(OUT_OF_SALADS, (SALADS,)),
    machine.StoreLost(CLOSED),
]


@pytest.mark.parametrize("stage", PRICED)
@pytest.mark.parametrize("event", DROPPING, ids=lambda event: type(event).__name__)
def test_what_questions_the_order_drops_the_price(stage: Stage, event: Event) -> None:
    moved = machine.apply(state_at(stage), event, NOW)
    assert moved.quote is None
    assert OPEN_ORDER.index(moved.stage) < OPEN_ORDER.index(P)
    assert moved.tip == Decimal("3.00")


OPEN_ORDER = [B, F, V, P, Stage.PLACE]
NOTHING_NEW: list[Event] = [
    machine.CartChanged((SALADS,)),
    machine.CartChanged((SALADS,), STORE),
    machine.CartChanged((SALADS,), evolve(STORE, name="Nonna's")),
    machine.FulfillmentChosen(HOME),
    machine.StoreRead(STORE),
    machine.Identified(WHO),
    machine.RecipientChosen(None),
]


@pytest.mark.parametrize("stage", PRICED)
@pytest.mark.parametrize("event", NOTHING_NEW, ids=repr)
def test_what_changes_nothing_of_the_order_drops_nothing(stage: Stage, event: Event) -> None:
    state = state_at(stage, confirmed_for=AGREED)
    moved = machine.apply(state, event, NOW)
    assert moved == evolve(state, store=moved.store)
    assert moved.agreement == Decimal("27.00")


def test_a_store_that_is_read_again_is_known_as_it_is_now() -> None:
    renamed = evolve(STORE, name="Nonna's")
    for event in (machine.CartChanged((SALADS,), renamed), machine.StoreRead(renamed)):
        assert machine.apply(state_at(Stage.PLACE), event, NOW).store == renamed


@pytest.mark.parametrize("stage", sorted(OPEN))
def test_another_recipient_changes_nothing_but_whom_the_order_names(stage: Stage) -> None:
    state = state_at(stage, confirmed_for=AGREED)
    named = machine.apply(state, machine.RecipientChosen(RECIPIENT), NOW)
    assert named == evolve(state, recipient=RECIPIENT)
    assert (state.customer, named.customer) == (WHO, RECIPIENT)
    assert named.agreement == state.agreement
    assert machine.apply(named, machine.RecipientChosen(None), NOW) == state


def test_a_recipient_is_gone_with_another_shopper_alone() -> None:
    state = state_at(Stage.PLACE, recipient=RECIPIENT)
    for event in (machine.Identified(WHO), machine.IdentityCorrected(WHO), *NOTHING_NEW[:-1]):
        assert machine.apply(state, event, NOW).recipient is RECIPIENT
    changed = machine.apply(state, machine.ShopperChanged(SOMEONE_ELSE), NOW)
    assert changed.recipient is None
    assert changed.customer == SOMEONE_ELSE


def test_a_rejected_recipient_stands_until_there_is_another() -> None:
    """One that is given again is an answer, too."""
    rejected = machine.ShopperRejected(rejection(Part.RECIPIENT, "VALIDATION_FAILED"))
    state = machine.apply(state_at(Stage.PLACE, recipient=RECIPIENT), rejected, NOW)
    again = machine.apply(state, machine.RecipientChosen(RECIPIENT), NOW)
    assert state.refused(Part.RECIPIENT) is not None
    assert again.refused(Part.RECIPIENT) is None
    assert [each.times for each in again.refusals] == [1]
    unpriced = machine.apply(state, machine.QuoteLost(rejection(Part.QUOTE)), NOW)
    for event in (machine.RecipientChosen(None), machine.ShopperChanged(SOMEONE_ELSE)):
        assert machine.apply(unpriced, event, NOW).refusals == ()


# --- consent --------------------------------------------------------------------------------------

AGREED = state_at(Stage.PLACE).order_digest


def agreed(**facts: Any) -> CheckoutState:
    """A checkout ready to be placed, for a total the shopper agreed to."""
    state = state_at(Stage.VALIDATE, **facts)
    return machine.apply(state, machine.Quoted(quote(), Decimal("3.00")), NOW)


def test_a_price_is_agreed_to_for_the_order_it_is_of() -> None:
    assert (agreed().confirmed_total, agreed().confirmed_for) == (Decimal("27.00"), AGREED)
    assert agreed().agreement == Decimal("27.00")
    for state in (agreed(), agreed(confirmed_for="another order"), state_at(Stage.PLACE)):
        confirmed = machine.apply(state, machine.TotalConfirmed(Decimal("28.00")), NOW)
        assert (confirmed.confirmed_total, confirmed.confirmed_for) == (Decimal("28.00"), AGREED)


OTHER_ORDERS: list[Event] = [
    machine.CartChanged((SALADS, SALADS)),
    machine.CartChanged((evolve(SALADS, quantity=4),)),
    machine.CartChanged((evolve(SALADS, special_instructions="no onions"),)),
    machine.CartChanged((SALADS,), evolve(STORE, store_id="st-2")),
    machine.FulfillmentChosen(Pickup()),
]


@pytest.mark.parametrize("event", OTHER_ORDERS, ids=repr)
def test_of_another_order_nothing_is_agreed(event: Event) -> None:
    moved = machine.apply(agreed(), event, NOW)
    assert moved.agreement is None
    priced = machine.apply(moved, machine.Quoted(quote(total="31.00"), moved.tip), NOW)
    assert (priced.agreement, priced.confirmed_for) == (Decimal("31.00"), moved.order_digest)


# What happens to an order, and what makes it the same again.
THERE_AND_BACK: list[tuple[Event, Event]] = [
    (machine.StoreLost(CLOSED), machine.CartChanged((SALADS,), STORE)),
    (machine.StoreLost(CLOSED), machine.StoreRead(STORE)),
    (
        machine.CartRejected(OUT_OF_SALADS, (evolve(SALADS, problems=INCOMPLETE.problems),)),
        machine.CartChanged((SALADS,)),
    ),
    (machine.FulfillmentRejected(TOO_FAR), machine.FulfillmentChosen(HOME)),
    (machine.CartChanged((SALADS, SALADS)), machine.CartChanged((SALADS,))),
    (machine.FulfillmentChosen(Pickup()), machine.FulfillmentChosen(HOME)),
    (machine.QuoteLost(), machine.Identified(WHO)),
]


@pytest.mark.parametrize(("there", "back"), THERE_AND_BACK, ids=lambda each: type(each).__name__)
def test_what_was_agreed_to_survives_what_changed_nothing_in_the_end(
    there: Event, back: Event
) -> None:
    again = machine.apply(machine.apply(agreed(), there, NOW), back, NOW)
    assert (again.quote, again.agreement) == (None, Decimal("27.00"))
    landed = machine.apply(again, machine.CartChanged(again.lines), NOW)
    priced = machine.apply(landed, machine.Quoted(quote(total="29.00"), landed.tip), NOW)
    with pytest.raises(TotalChangedError) as raised:
        machine.apply(priced, machine.PlacementBegun(placement()), NOW)
    assert (raised.value.before, raised.value.after) == (Decimal("27.00"), Decimal("29.00"))


def test_another_shopper_has_agreed_to_nothing() -> None:
    assert machine.apply(agreed(), machine.ShopperChanged(SOMEONE_ELSE), NOW).agreement is None


def test_a_tip_is_for_the_order_at_one_store() -> None:
    elsewhere = evolve(STORE, store_id="st-2")
    assert machine.apply(agreed(), machine.CartChanged((), elsewhere), NOW).tip is None
    new_menu = evolve(STORE, catalog_set_id="cs-2")
    moved = machine.apply(agreed(), machine.CartChanged((SALADS,), new_menu), NOW)
    assert moved.tip == Decimal("3.00")
    first = CheckoutState("c", NOW, tip=Decimal("3.00"))
    assert machine.apply(first, machine.CartChanged((), STORE), NOW).tip == Decimal("3.00")


def test_a_lost_quote_keeps_what_the_shopper_agreed_to() -> None:
    lost = machine.apply(state_at(Stage.PLACE), machine.QuoteLost(), NOW)
    assert (lost.quote, lost.confirmed_total) == (None, Decimal("27.00"))
    again = machine.apply(lost, machine.Quoted(quote(total="29.00"), Decimal("3.00")), NOW)
    assert again.confirmed_total == Decimal("27.00")
    with pytest.raises(TotalChangedError) as raised:
        machine.apply(again, machine.PlacementBegun(placement()), NOW)
    assert (raised.value.before, raised.value.after) == (Decimal("27.00"), Decimal("29.00"))


def test_another_tip_is_another_price_the_shopper_asked_for() -> None:
    moved = machine.apply(
        state_at(Stage.PLACE), machine.Quoted(quote(total="30.00"), Decimal("6.00")), NOW
    )
    assert (moved.confirmed_total, moved.tip) == (Decimal("30.00"), Decimal("6.00"))


def test_the_first_price_is_agreed_to_by_going_on() -> None:
    moved = machine.apply(
        state_at(Stage.VALIDATE), machine.Quoted(quote(total="31.00"), Decimal("3.00")), NOW
    )
    assert (moved.stage, moved.confirmed_total) == (Stage.PLACE, Decimal("31.00"))


def test_a_cart_refusal_holds_until_the_cart_changes() -> None:
    refused = machine.apply(
        state_at(Stage.PLACE), machine.CartRejected(OUT_OF_SALADS, (SALADS,)), NOW
    )
    assert (refused.stage, refused.refused(Part.LINES)) == (Stage.BROWSE, OUT_OF_SALADS)
    marked = machine.CartRejected(OUT_OF_SALADS, (INCOMPLETE,))
    assert machine.apply(state_at(Stage.PLACE), marked, NOW).lines == (INCOMPLETE,)
    with pytest.raises(StepNotAllowedError):
        machine.apply(refused, machine.Quoted(quote(), None), NOW)
    fixed = machine.apply(refused, machine.CartChanged((SALADS, SALADS)), NOW)
    assert (fixed.stage, fixed.refusals) == (Stage.VALIDATE, ())


def test_what_gett_has_no_more_is_kept_until_the_menu_is_read_again() -> None:
    state = state_at(Stage.PLACE)
    for items in (("salad",), ("ham", "salad")):
        event = machine.CartRejected(OUT_OF_SALADS, (SALADS,), items)
        state = machine.apply(state, event, NOW)
    assert state.sold_out == ("salad", "ham")
    assert machine.apply(state, machine.CartChanged(()), NOW).sold_out == ("salad", "ham")
    assert machine.apply(state, machine.CartChanged((), STORE), NOW).sold_out == ()


def test_a_cart_of_no_store_cannot_be_ordered() -> None:
    state = state_at(Stage.PLACE)
    assert machine.cart_orderable(state, NOW)
    assert not machine.cart_orderable(evolve(state, store=None), NOW)


def test_a_lost_store_stays_lost_until_a_store_is_read() -> None:
    lost = machine.apply(state_at(Stage.PLACE), machine.StoreLost(CLOSED), NOW)
    assert (lost.stage, lost.store, lost.lines) == (Stage.BROWSE, STORE, (SALADS,))
    still = machine.apply(lost, machine.CartChanged((SALADS,)), NOW)
    assert (still.stage, still.refused(Part.STORE)) == (Stage.BROWSE, CLOSED)
    reopened = machine.apply(still, machine.CartChanged((SALADS,), STORE), NOW)
    assert (reopened.stage, reopened.refused(Part.STORE)) == (Stage.VALIDATE, None)


@pytest.mark.parametrize(
    "lines", [(), (INCOMPLETE,), (SALADS, INCOMPLETE)], ids=["empty", "incomplete", "one of two"]
)
def test_a_cart_that_cannot_be_ordered_stays_in_browse(lines: Any) -> None:
    moved = machine.apply(state_at(Stage.PLACE), machine.CartChanged(lines), NOW)
    assert (moved.stage, moved.fulfillment, moved.payment) == (
        Stage.BROWSE,
        HOME,
        state_at(Stage.PLACE).payment,
    )


def test_a_rejected_payment_is_taken_away_and_another_clears_it() -> None:
    declined = machine.apply(state_at(Stage.PLACING), machine.PaymentRejected(DECLINED), NOW)
    assert (declined.stage, declined.payment) == (Stage.PAY, None)
    assert declined.refused(Part.PAYMENT) == DECLINED
    assert declined.quote is not None
    assert declined.placement is None
    chosen = machine.apply(declined, machine.PaymentChosen(GettPayment()), NOW)
    assert (chosen.stage, chosen.refusals) == (Stage.PLACE, ())


def test_another_shopper_keeps_cart_and_fulfillment_but_no_saved_card() -> None:
    state = state_at(Stage.PLACE, payment=SavedCard("payment-1"))
    moved = machine.apply(state, machine.ShopperChanged(SOMEONE_ELSE), NOW)
    assert (moved.identity, moved.session, moved.payment) == (SOMEONE_ELSE, None, None)
    assert (moved.lines, moved.fulfillment) == (state.lines, state.fulfillment)
    assert moved.sessions == state.sessions


@pytest.mark.parametrize("stage", sorted(OPEN - {Stage.FULFILLMENT}))
def test_another_shopper_has_no_address_that_is_stored_for_this_one(stage: Stage) -> None:
    state = state_at(stage, fulfillment=Delivery(address_id="address-1"))
    moved = machine.apply(state, machine.ShopperChanged(SOMEONE_ELSE), NOW)
    assert moved.fulfillment is None
    assert moved.stage is (Stage.BROWSE if stage is Stage.BROWSE else Stage.FULFILLMENT)


# --- what stands against the checkout -------------------------------------------------------------

EVERY = tuple(rejection(part, f"CODE_{part}", step=f"step-{part}") for part in Part)
NEW_MENU = evolve(STORE, catalog_set_id="cs-2")
CALLED = evolve(WHO, phone="+12125550199")

# What happens, the parts whose rejections are gone by it, and those whose are answered: typed by hand.
# The order: changed is gone, the same again is answered.
FADING: list[tuple[Event, str, str]] = [
    (machine.CartChanged((SALADS, SALADS)), "lines quote", ""),
    (machine.CartChanged((SALADS,)), "", "lines"),
    (machine.CartChanged((evolve(SALADS, problems=INCOMPLETE.problems),)), "", "lines"),
    (machine.CartChanged((SALADS,), STORE), "", "lines store"),
    (machine.CartChanged((SALADS, SALADS), STORE), "lines quote", "store"),
    (machine.CartChanged((SALADS,), NEW_MENU), "lines store quote", ""),
    (machine.CartChanged((), evolve(STORE, store_id="st-2")), "lines store quote", ""),
    (machine.StoreRead(STORE), "", "store"),
    (machine.FulfillmentChosen(Pickup()), "fulfillment quote", ""),
    (machine.FulfillmentChosen(HOME), "", "fulfillment"),
    (machine.Identified(WHO), "", "shopper"),
    (machine.Identified(CALLED), "shopper quote", ""),
    (machine.IdentityCorrected(WHO), "", "shopper"),
    (machine.IdentityCorrected(CALLED), "shopper quote", ""),
    (machine.ShopperChanged(SOMEONE_ELSE), "shopper recipient payment quote", ""),
    (machine.RecipientChosen(RECIPIENT), "recipient quote", ""),
    (machine.RecipientChosen(None), "", "recipient"),
    (machine.PaymentChosen(GettPayment()), "payment", ""),
    (machine.Quoted(quote(), Decimal("3.00")), "", "quote"),
    (machine.WentThrough("step-service"), "service", ""),
    (machine.WentThrough("step-lines"), "lines", ""),
    (machine.WentThrough("another"), "", ""),
    (machine.QuoteLost(), "", ""),
    (machine.TotalConfirmed(Decimal("27.00")), "", ""),
    (machine.Abandoned(), "", ""),
    (machine.SessionOpened(SESSION), "", ""),
    (machine.SessionRenewed(SESSION, NOW), "", ""),
    (machine.SessionDistrusted(end_user_wanted=True), "", ""),
    (machine.ContextSent(HOME), "", ""),
    (machine.ContextSet(None), "", ""),
    (machine.ContextUnchanged(SESSION), "", ""),
    (machine.Noticed(Notice("a", NOW)), "", ""),
    (machine.Placed(ORDER), " ".join(Part), ""),
]


@pytest.mark.parametrize(("event", "gone", "answered"), FADING, ids=lambda each: repr(each)[:50])
def test_what_becomes_of_what_gett_rejected(event: Event, gone: str, answered: str) -> None:
    moved = machine.apply(state_at(Stage.PLACE, refusals=EVERY), event, NOW)
    assert {each for each in EVERY if each.part not in gone.split()} == {
        evolve(each, answered=False) for each in moved.refusals
    }
    assert {each.part.value for each in moved.refusals if each.answered} == set(answered.split())


BEFORE_THE_ORDER = OPEN | {Stage.PLACING}
REJECTING: list[tuple[Event, Part, frozenset[Stage]]] = [
    (machine.CartRejected(OUT_OF_SALADS, (SALADS,)), Part.LINES, BEFORE_THE_ORDER),
    (machine.StoreLost(CLOSED), Part.STORE, BEFORE_THE_ORDER),
    (machine.FulfillmentRejected(TOO_FAR), Part.FULFILLMENT, BEFORE_THE_ORDER),
    (machine.ShopperRejected(NO_PHONE), Part.SHOPPER, BEFORE_THE_ORDER),
    (machine.PaymentRejected(DECLINED), Part.PAYMENT, BEFORE_THE_ORDER),
    (machine.QuoteLost(rejection(Part.QUOTE)), Part.QUOTE, BEFORE_THE_ORDER),
    (machine.Objected(FORBIDDEN), Part.INTEGRATION, OPEN),
    (machine.NotPlaced(FORBIDDEN), Part.INTEGRATION, frozenset({Stage.PLACING})),
]


@pytest.mark.parametrize(
    ("event", "part", "stages"), REJECTING, ids=[named(event) for event, *_ in REJECTING]
)
def test_what_gett_rejects_stands_and_is_counted(
    event: Any, part: Part, stages: frozenset[Stage]
) -> None:
    assert not any(machine.is_legal(each, type(event)) for each in (Stage.PLACED, Stage.ABANDONED))
    other = rejection(next(each for each in Part if each is not part), "OTHER")
    before = evolve(event.refusal, times=2, answered=True, code="BEFORE")
    for stage in stages:
        once = machine.apply(state_at(stage, refusals=(other,)), event, NOW)
        assert (stage, once.refusals) == (stage, (other, event.refusal))
        again = machine.apply(state_at(stage, refusals=(before, other)), event, NOW)
        assert (stage, again.refusals) == (stage, (other, evolve(event.refusal, times=3)))


def test_a_placement_that_is_rejected_for_the_shopper_keeps_its_key_for_the_same_body() -> None:
    moved = machine.apply(state_at(Stage.PLACING), machine.ShopperRejected(NO_PHONE), NOW)
    assert (moved.stage, moved.placement) == (Stage.PLACE, placement())
    assert moved.refused(Part.SHOPPER) == NO_PHONE


@pytest.mark.parametrize("part", [Part.LINES, Part.STORE], ids=str)
def test_a_cart_that_was_rejected_can_be_ordered_once_that_is_answered(part: Part) -> None:
    refused = state_at(Stage.PLACE, refusals=(rejection(part),))
    assert not machine.cart_orderable(refused, NOW)
    asked = state_at(Stage.PLACE, refusals=(rejection(part, answered=True),))
    assert machine.cart_orderable(asked, NOW)


def test_the_placement_is_in_the_state_before_it_is_sent_and_grows() -> None:
    begun = machine.apply(state_at(Stage.PLACE), machine.PlacementBegun(placement()), NOW)
    assert (begun.stage, begun.placement) == (Stage.PLACING, placement())
    unsure = machine.apply(begun, machine.NoResponse(placement(attempts=2)), NOW)
    assert unsure.placement is not None
    assert (unsure.stage, unsure.placement.attempts) == (Stage.PLACING, 2)


def test_a_placed_order_keeps_its_key_and_lets_the_body_go() -> None:
    placed = machine.apply(state_at(Stage.PLACING), machine.Placed(ORDER), NOW)
    assert (placed.stage, placed.order) == (Stage.PLACED, ORDER)
    assert placed.placement is not None
    assert (placed.placement.body, placed.placement.idempotency_key) == (
        "",
        placement().idempotency_key,
    )


def test_an_order_is_to_be_handed_over_once_its_placement_has_begun() -> None:
    begins = machine.PlacementBegun(placement(), is_for_the_books=True)
    without = machine.PlacementBegun(placement())
    assert machine.apply(state_at(Stage.PLACE), without, NOW).hand_over is None
    begun = machine.apply(state_at(Stage.PLACE), begins, NOW)
    assert begun.hand_over == HandOver()
    tried = HandOver(attempts=1)
    for event in (begins, without):
        assert machine.apply(state_at(Stage.PLACE, hand_over=tried), event, NOW).hand_over is tried
    elsewhere = machine.apply(begun, machine.Placed(ORDER), NOW)  # this worker has no handler
    assert elsewhere.hand_over == HandOver()
    here = machine.Placed(ORDER, handing_over=NOW)
    for before in (None, HandOver(), tried):
        placed = machine.apply(state_at(Stage.PLACING, hand_over=before), here, NOW)
        assert placed.hand_over == (before or HandOver()).begun(NOW)


# What is learned, and the facts that it replaces.
SECOND = evolve(SESSION, serial=2)
UNRESOLVED = {"duplicates": ("order-2",), "notices": (Notice("duplicate_order", NOW),)}
REPLACING: list[tuple[Stage, dict[str, Any], Event, dict[str, Any]]] = [
    (Stage.PLACE, {}, machine.Identified(CALLED), {"identity": CALLED}),
    (Stage.PLACE, {}, machine.SessionOpened(SECOND), {"session": SECOND, "sessions": 2}),
    (
        Stage.PLACING,
        {},
        machine.PlacementPostponed(placement(passes=1)),
        {"placement": placement(passes=1)},
    ),
    (
        Stage.PLACED,
        {},
        machine.OrderRead(evolve(ORDER, status="ready")),
        {"order": evolve(ORDER, status="ready")},
    ),
    *(
        (Stage.PLACED, {"hand_over": HandOver()}, kind(HandOver(2)), {"hand_over": HandOver(2)})
        for kind in (machine.HandOverBegun, machine.HandOverEnded)
    ),
    (
        Stage.PLACED,
        UNRESOLVED,
        machine.DuplicateFound("order-3", Notice("another", NOW)),
        {
            "duplicates": ("order-2", "order-3"),
            "notices": (Notice("duplicate_order", NOW), Notice("another", NOW)),
        },
    ),
    (
        Stage.PLACED,
        UNRESOLVED,
        machine.DuplicateFound("order-2", Notice("again", NOW)),
        {"notices": (Notice("duplicate_order", NOW), Notice("again", NOW))},
    ),
    (
        Stage.PLACED,
        UNRESOLVED,
        machine.Resolved(Resolution("order-1", NOW, "a note")),
        {"duplicates": (), "resolution": Resolution("order-1", NOW, "a note")},
    ),
]


@pytest.mark.parametrize(("stage", "facts", "event", "changes"), REPLACING, ids=named)
def test_what_is_learned_replaces_what_was_known(
    stage: Stage, facts: dict[str, Any], event: Event, changes: dict[str, Any]
) -> None:
    state = state_at(stage, **facts)
    assert machine.apply(state, event, NOW) == evolve(state, **changes)


# --- the guard of a placement ---------------------------------------------------------------------

UNFIT: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"identity": None, "session": None}, IdentityRequiredError),
    ({"quote": quote(sub_total="14.99")}, OrderBelowMinimumError),
    ({"confirmed_total": Decimal("26.99")}, TotalChangedError),
    ({"store": evolve(STORE, availability=())}, StepNotAllowedError),
    ({"store": evolve(STORE, delivery_allowed=False)}, StepNotAllowedError),
]


@pytest.mark.parametrize(("facts", "error"), UNFIT, ids=lambda each: named(each))
def test_a_placement_does_not_begin_while_something_is_missing(
    facts: dict[str, Any], error: type[Exception]
) -> None:
    state = state_at(Stage.PLACE, **facts)
    with pytest.raises(error):
        machine.apply(state, machine.PlacementBegun(placement()), NOW)
    assert state == state_at(Stage.PLACE, **facts)


# --- time -----------------------------------------------------------------------------------------

LAST = NOW + timedelta(minutes=15) - timedelta(seconds=10)  # the margin is ten seconds


@pytest.mark.parametrize("stage", PRICED)
def test_a_quote_is_dropped_ten_seconds_before_it_ends(stage: Stage) -> None:
    state = state_at(stage)
    assert machine.at(state, LAST - timedelta(microseconds=1)) is state
    late = machine.at(state, LAST)
    assert (late.stage, late.quote) == (Stage.VALIDATE, None)
    assert late.confirmed_total == Decimal("27.00")
    assert late.payment == state.payment


@pytest.mark.parametrize("stage", sorted(set(Stage) - set(PRICED)))
def test_time_changes_nothing_at_the_other_stages(stage: Stage) -> None:
    state = state_at(stage)
    assert machine.at(state, NOW + timedelta(days=2)) is state


def test_a_stage_is_dated_from_when_the_checkout_entered_it() -> None:
    """A lost quote sends it back when the quote ended, whenever that is noticed."""
    before, later = NOW - timedelta(hours=1), LAST + timedelta(hours=1)
    entered = state_at(Stage.PLACE, stage_since=before)
    assert machine.apply(entered, machine.Identified(WHO), NOW).stage_since == before
    moved = machine.apply(entered, machine.PaymentRejected(DECLINED), NOW)
    assert (moved.stage, moved.stage_since) == (P, NOW)
    assert machine.at(entered, later).stage_since == LAST
    assert machine.at(state_at(Stage.PLACE), later).stage_since == LAST
    restored = state_at(Stage.PLACE, stage_since=LAST + timedelta(minutes=1))
    assert machine.at(restored, later).stage_since == restored.stage_since
    priced = state_at(V, quote=quote(), stage_since=before)
    assert machine.at(priced, later).stage_since == before


def test_an_event_meets_the_state_as_it_is_by_then() -> None:
    state = state_at(Stage.PLACE)
    with pytest.raises(StepNotAllowedError) as raised:
        machine.apply(state, machine.PlacementBegun(placement()), LAST)
    assert raised.value.stage == Stage.VALIDATE
    with pytest.raises(StepNotAllowedError):
        machine.apply(state_at(Stage.PAY), machine.PaymentChosen(GettPayment()), LAST)


def test_a_quote_that_comes_too_late_is_no_quote() -> None:
    late = quote(life=timedelta(seconds=10))
    moved = machine.apply(state_at(Stage.VALIDATE), machine.Quoted(late, None), NOW)
    assert (moved.stage, moved.quote) == (Stage.VALIDATE, None)


@pytest.mark.parametrize(
    "event", [machine.NotPlaced(), machine.PaymentRejected(DECLINED)], ids=repr
)
def test_a_placement_that_fails_after_its_quote_ran_out_needs_a_new_price(event: Event) -> None:
    moved = machine.apply(state_at(Stage.PLACING), event, LAST)
    assert (moved.stage, moved.quote) == (Stage.VALIDATE, None)


def test_an_order_on_its_way_does_not_lose_its_price_with_time() -> None:
    moved = machine.apply(state_at(Stage.PLACING), machine.NoResponse(placement()), LAST)
    assert (moved.stage, moved.quote) == (Stage.PLACING, quote())


# --- the samples themselves -----------------------------------------------------------------------


@pytest.mark.parametrize("stage", sorted(OPEN))
def test_the_samples_stand_where_their_facts_put_them(stage: Stage) -> None:
    state: CheckoutState = state_at(stage)
    reached = Stage.BROWSE
    for here, holds, following in machine.FACTS:
        if reached is here and holds(state, NOW):
            reached = following
    assert reached is stage


def test_a_placement_marks_the_quote_as_sent() -> None:
    """Its token is used up from then on, whatever becomes of the placement."""
    ready = state_at(Stage.PLACE)
    assert ready.quote is not None
    assert not ready.quote.was_sent
    begun = machine.apply(ready, machine.PlacementBegun(placement()), NOW)
    assert begun.quote == evolve(ready.quote, was_sent=True)
    again = machine.apply(begun, machine.NotPlaced(), NOW)
    assert again.quote == begun.quote


# --- what leaves the order as it is ---------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in ASIDES if ASIDES[name] & OPEN])
def test_an_aside_takes_nothing_of_the_order(name: str) -> None:
    """Nor the key of a placement that made no order, which is for the same body if it is sent again."""
    event = next(sample for kind, sample in SAMPLES.items() if kind.__name__ == name)
    for stage in ASIDES[name] & OPEN:
        state = state_at(stage, placement=placement())
        moved = machine.apply(state, event, NOW)
        for part in ("lines", "fulfillment", "tip", "quote", "payment", "placement"):
            assert (stage, getattr(moved, part)) == (stage, getattr(state, part))


def test_a_session_that_follows_another_is_reported() -> None:
    guest = evolve(SESSION, level=Level.PARTNER_ONLY)
    state = state_at(Stage.PLACE, session=guest)
    signed_in = evolve(SESSION, serial=2)
    moved = machine.apply(state, machine.SessionRenewed(signed_in, NOW), NOW)
    assert (moved.session, moved.sessions) == (signed_in, 2)
    (notice,) = moved.notices
    assert notice.code == "session_upgraded"
    assert notice.details == {
        "from": "partner-only",
        "to": "end-user",
        "kept": "cart, fulfillment, tip",
    }
    renewed = machine.apply(moved, machine.SessionRenewed(evolve(SESSION, serial=3), NOW), NOW)
    assert renewed.notices[-1].code == "session_renewed"


def test_a_price_asked_in_a_new_session_completes_its_report() -> None:
    state = state_at(Stage.PLACE)
    other = evolve(quote(total="29.00"), session_serial=2)
    noticed = machine.apply(state, machine.Noticed(Notice("a", NOW)), NOW)
    reported = machine.apply(noticed, machine.SessionRenewed(SESSION, NOW), NOW)
    priced = machine.apply(reported, machine.Quoted(other, state.tip), NOW)
    assert priced.notices[:-1] == noticed.notices
    details = priced.notices[-1].details
    assert (details["total_before"], details["total_after"]) == ("27.00", "29.00")
    assert details["kept"] == "cart, fulfillment, tip"
    unreported = machine.apply(state, machine.Quoted(other, state.tip), NOW)
    assert unreported.notices == ()
    same_session = machine.apply(reported, machine.Quoted(quote(), state.tip), NOW)
    assert "total_before" not in same_session.notices[-1].details


def test_only_the_latest_ten_notices_are_stored() -> None:
    state = state_at(Stage.PLACE)
    for number in range(11):
        notice = Notice(str(number), NOW)
        state = machine.apply(state, machine.Noticed(notice), NOW)
    assert [each.code for each in state.notices] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize(
    ("level", "needed"), [(Level.PARTNER_ONLY, True), (Level.END_USER, False)], ids=str
)
def test_a_session_that_lacks_an_end_user_has_its_level_corrected(
    level: Level, needed: bool
) -> None:
    state = state_at(Stage.PLACE, session=evolve(SESSION, level=level))
    moved = machine.apply(state, machine.SessionDistrusted(end_user_wanted=True), NOW)
    assert moved.session == evolve(SESSION, level=Level.PARTNER_ONLY)
    assert moved.end_user_needed is needed
    again = machine.apply(moved, machine.SessionDistrusted(end_user_wanted=True), NOW)
    assert again.end_user_needed


@pytest.mark.parametrize(
    "event",
    [
        machine.SessionRenewed(evolve(SESSION, level=Level.PARTNER_ONLY), NOW),
        machine.SessionDistrusted(end_user_wanted=True),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("identity", [None, WHO], ids=["unknown", "known"])
def test_an_owner_known_by_the_session_alone_is_unknown_after_it(
    event: Event, identity: Identity | None
) -> None:
    moved = machine.apply(state_at(Stage.PLACE, identity=identity), event, NOW)
    assert moved.level is Level.PARTNER_ONLY
    assert moved.owner_unknown is moved.is_strangers is (identity is None)


def test_a_session_that_is_not_accepted_is_over() -> None:
    moved = machine.apply(
        state_at(Stage.PLACE), machine.SessionDistrusted(end_user_wanted=False), NOW
    )
    assert moved.session is not None
    assert not moved.session.is_fresh(NOW)
    assert moved.session.level is SESSION.level


@pytest.mark.parametrize("name", ["SessionDistrusted", "ContextSent"])
def test_what_is_said_of_no_session_changes_nothing(name: str) -> None:
    state = state_at(Stage.PLACE, session=None)
    event = next(sample for kind, sample in SAMPLES.items() if kind.__name__ == name)
    assert machine.apply(state, event, NOW) == state


def test_a_context_is_in_doubt_from_before_it_is_sent() -> None:
    state = state_at(Stage.PLACE)
    sent = machine.apply(state, machine.ContextSent(Pickup()), NOW)
    assert sent.session == evolve(SESSION, context_set=False, context_sent=Pickup())
    unchanged = machine.apply(sent, machine.ContextUnchanged(SESSION), NOW)
    assert unchanged.session == SESSION
    done = machine.apply(sent, machine.ContextSet(None), NOW)
    assert done.session == evolve(SESSION, context_set=True, context_sent=None)
    doubtful = machine.apply(sent, machine.ContextSet(HOME), NOW)
    assert doubtful.session == evolve(SESSION, context_set=True, context_sent=HOME)


def test_a_state_has_no_other_fields() -> None:
    state = state_at(Stage.PAY)
    assert evolve_state(state, sessions=7) == evolve(state, sessions=7)
    with pytest.raises(TypeError, match="no a_field, another"):
        evolve_state(state, another=1, a_field=2)
