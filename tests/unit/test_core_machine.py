"""The machine: every stage with every event, what each changes, and the one fact that expires."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, frozen

from gett_checkout._core import machine
from gett_checkout._core.cart import LineProblem
from gett_checkout._core.codes import Part
from gett_checkout._core.machine import Aside, Event
from gett_checkout._core.order import Delivery, GettPayment, Pickup, SavedCard
from gett_checkout._core.refusal import Refusal
from gett_checkout._core.session import Level
from gett_checkout._core.state import OPEN, CheckoutState, Notice, Stage
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
    SALADS,
    SESSION,
    SOMEONE_ELSE,
    STORE,
    WHO,
    line,
    placement,
    quote,
    state_at,
)

SOLD_OUT = Refusal(Part.LINES, "ITEM_UNAVAILABLE", "sold out", NOW)
CLOSED = Refusal(Part.STORE, "STORE_CLOSED", "closed", NOW)
ADDRESS = Refusal(Part.FULFILLMENT, "ADDRESS_INVALID", "no such street", NOW)
DECLINED = Refusal(Part.PAYMENT, "PAYMENT_DECLINED", "declined", NOW)
PHONE = Refusal(Part.SHOPPER, "VALIDATION_FAILED", "no such phone", NOW)
CONFLICT = Refusal(Part.QUOTE, "CONFLICT", "used", NOW, "place")
FORBIDDEN = Refusal(Part.INTEGRATION, "FORBIDDEN", "not you", NOW, "validate")
ALL = (SOLD_OUT, CLOSED, ADDRESS, DECLINED, PHONE, CONFLICT, FORBIDDEN)

SAMPLES: dict[type[Event], Event] = {
    machine.CartChanged: machine.CartChanged((SALADS, line("water", 1))),
    machine.ShopperChanged: machine.ShopperChanged(SOMEONE_ELSE),
    machine.FulfillmentChosen: machine.FulfillmentChosen(Pickup()),
    machine.FulfillmentRejected: machine.FulfillmentRejected(ADDRESS),
    machine.Quoted: machine.Quoted(quote(total="28.00"), Decimal("3.00")),
    machine.QuoteLost: machine.QuoteLost(),
    machine.CartRejected: machine.CartRejected(SOLD_OUT, (SALADS,)),
    machine.StoreLost: machine.StoreLost(CLOSED),
    machine.PaymentChosen: machine.PaymentChosen(GettPayment()),
    machine.PaymentRejected: machine.PaymentRejected(DECLINED),
    machine.PlacementBegun: machine.PlacementBegun(placement()),
    machine.NoAnswer: machine.NoAnswer(placement(attempts=2)),
    machine.NotPlaced: machine.NotPlaced(),
    machine.Placed: machine.Placed(ORDER),
    machine.Abandoned: machine.Abandoned(),
    machine.StoreRead: machine.StoreRead(STORE),
    machine.ShopperRejected: machine.ShopperRejected(PHONE),
    machine.Objected: machine.Objected(FORBIDDEN),
    machine.WentThrough: machine.WentThrough("validate"),
    machine.Identified: machine.Identified(WHO),
    machine.IdentityCorrected: machine.IdentityCorrected(WHO),
    machine.TotalConfirmed: machine.TotalConfirmed(Decimal("28.00")),
    machine.PlacementPostponed: machine.PlacementPostponed(placement()),
    machine.OrderRead: machine.OrderRead(ORDER),
    machine.SessionOpened: machine.SessionOpened(SESSION),
    machine.SessionRenewed: machine.SessionRenewed(SESSION, NOW),
    machine.SessionDistrusted: machine.SessionDistrusted(end_user_wanted=False),
    machine.ContextSent: machine.ContextSent(Pickup()),
    machine.ContextSet: machine.ContextSet(None),
    machine.ContextUnchanged: machine.ContextUnchanged(SESSION),
    machine.Noticed: machine.Noticed(Notice("a", "b", NOW)),
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
        "NoAnswer": (Stage.PLACING, Stage.PLACING),
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
    "StoreRead": set(OPEN),
    "ShopperRejected": set(OPEN),
    "Objected": set(OPEN),
    "WentThrough": set(OPEN),
    "TotalConfirmed": {Stage.PAY, Stage.PLACE},
    "PlacementPostponed": {Stage.PLACING},
    "OrderRead": {Stage.PLACED},
}
for _name, _stages in ASIDES.items():
    for _stage in _stages:
        LANDS[_stage][_name] = (_stage, _stage)


EVENT_CLASSES = [
    each
    for each in vars(machine).values()
    if isinstance(each, type) and issubclass(each, Event) and each not in (Event, Aside)
]
PAIRS = [(stage, kind) for stage in Stage for kind in EVENT_CLASSES]
LEGAL = [(stage, kind) for stage, kind in PAIRS if kind.__name__ in LANDS[stage]]
ILLEGAL = [(stage, kind) for stage, kind in PAIRS if kind.__name__ not in LANDS[stage]]


def named(value: object) -> str:
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


@pytest.mark.parametrize(("stage", "kind"), LEGAL, ids=named)
def test_a_legal_event_lands_and_walks_forward(stage: Stage, kind: type[Event]) -> None:
    assert machine.is_legal(stage, kind)
    moved = machine.apply(state_at(stage), SAMPLES[kind], NOW)
    expected = LANDS[stage][kind.__name__][1]
    assert moved.stage is expected


@pytest.mark.parametrize(("stage", "kind"), ILLEGAL, ids=named)
def test_an_illegal_event_raises_and_changes_nothing(stage: Stage, kind: type[Event]) -> None:
    assert not machine.is_legal(stage, kind)
    state, twin = state_at(stage), state_at(stage)
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
ANOTHER_CART = (line("salad", 4),)
DROPPING: list[Event] = [
    machine.CartChanged(ANOTHER_CART),
    machine.CartChanged((SALADS,), evolve(STORE, catalog_set_id="cs-2")),
    machine.FulfillmentChosen(Pickup()),
    machine.FulfillmentRejected(ADDRESS),
    machine.ShopperChanged(SOMEONE_ELSE),
    machine.CartRejected(SOLD_OUT, (SALADS,)),
    machine.StoreLost(CLOSED),
]


@pytest.mark.parametrize("stage", PRICED)
@pytest.mark.parametrize("event", DROPPING, ids=lambda event: type(event).__name__)
def test_what_questions_the_order_drops_the_price(stage: Stage, event: Event) -> None:
    moved = machine.apply(state_at(stage), event, NOW)
    assert moved.quote is None
    assert moved.tip == Decimal("3.00")


SAME: list[Event] = [
    machine.CartChanged((SALADS,)),
    machine.CartChanged((SALADS,), STORE),
    machine.FulfillmentChosen(HOME),
    machine.StoreRead(STORE),
    machine.IdentityCorrected(WHO),
]


@pytest.mark.parametrize("stage", PRICED)
@pytest.mark.parametrize("event", SAME, ids=lambda event: type(event).__name__)
def test_what_changes_nothing_drops_nothing(stage: Stage, event: Event) -> None:
    assert machine.apply(state_at(stage), event, NOW) == state_at(stage)


REJECTING = [event for event in DROPPING if hasattr(event, "refusal")]


@pytest.mark.parametrize("event", REJECTING, ids=lambda event: type(event).__name__)
def test_consent_survives_a_rejection_and_ends_with_the_order_it_was_for(event: Event) -> None:
    dearer = machine.Quoted(quote(total="29.00"), Decimal("3.00"))
    agreed = machine.apply(state_at(Stage.VALIDATE), machine.Quoted(quote(), Decimal("3.00")), NOW)
    state = machine.apply(agreed, event, NOW)
    for again in (machine.CartChanged((SALADS,), STORE), machine.FulfillmentChosen(HOME)):
        state = machine.apply(state, again, NOW)
    assert machine.apply(state, dearer, NOW).agreement == Decimal("27.00")
    other = machine.apply(state, machine.CartChanged(ANOTHER_CART), NOW)
    assert other.agreement is None
    assert machine.apply(other, dearer, NOW).agreement == Decimal("29.00")
    back = machine.apply(other, machine.CartChanged((SALADS,)), NOW)
    assert back.agreement == Decimal("27.00")


def test_the_same_cart_with_something_wrong_has_no_price() -> None:
    marked = evolve(SALADS, problems=(LineProblem("ITEM_UNAVAILABLE", "sold out"),))
    moved = machine.apply(state_at(Stage.PLACE), machine.CartChanged((marked,)), NOW)
    assert (moved.stage, moved.quote) == (Stage.BROWSE, None)


def test_a_tip_is_for_the_order_at_one_store() -> None:
    other = evolve(STORE, store_id="st-2")
    moved = machine.apply(state_at(Stage.PLACE), machine.CartChanged((), other), NOW)
    assert moved.tip is None
    first = machine.apply(state_at(Stage.BROWSE, store=None), machine.CartChanged((), STORE), NOW)
    assert first.tip == Decimal("3.00")


# --- what was rejected ----------------------------------------------------------------------------


def parts(state: CheckoutState, *, answered: bool = False) -> set[str]:
    return {each.part.value for each in state.refusals if each.answered is answered}


EVERY = {each.part.value for each in ALL}
TELLING: list[tuple[Event, str, str]] = [
    # What happened, what it drops, what it answers though nothing changed.
    (machine.CartChanged(ANOTHER_CART), "lines quote", ""),
    (machine.CartChanged((SALADS,)), "", "lines"),
    (machine.CartChanged((SALADS,), STORE), "", "lines store"),
    (
        machine.CartChanged((SALADS,), evolve(STORE, catalog_set_id="cs-2")),
        "lines store quote",
        "",
    ),
    (machine.CartChanged((), evolve(STORE, store_id="st-2")), "lines store quote", ""),
    (machine.StoreRead(STORE), "", "store"),
    (machine.FulfillmentChosen(Pickup()), "fulfillment quote", ""),
    (machine.FulfillmentChosen(HOME), "", "fulfillment"),
    (machine.IdentityCorrected(evolve(WHO, phone=None)), "shopper quote", ""),
    (machine.IdentityCorrected(WHO), "", "shopper"),
    (machine.ShopperChanged(SOMEONE_ELSE), "shopper quote payment", ""),
    (machine.PaymentChosen(GettPayment()), "payment", ""),
    (machine.WentThrough("validate"), "integration", ""),
    (machine.WentThrough("place"), "quote", ""),
]


@pytest.mark.parametrize(("event", "dropped", "answered"), TELLING)
def test_what_was_rejected_stands_until_it_changes(
    event: Event, dropped: str, answered: str
) -> None:
    moved = machine.apply(state_at(Stage.PLACE, refusals=ALL), event, NOW)
    assert parts(moved) == EVERY - {*dropped.split()} - {*answered.split()}
    assert parts(moved, answered=True) == {*answered.split()}


def test_a_price_answers_what_was_said_of_the_last_one() -> None:
    state = state_at(Stage.VALIDATE, refusals=(CONFLICT, FORBIDDEN))
    moved = machine.apply(state, machine.Quoted(quote(), None), NOW)
    assert (parts(moved), parts(moved, answered=True)) == ({"integration"}, {"quote"})


def test_an_order_leaves_nothing_standing() -> None:
    state = state_at(Stage.PLACING, refusals=ALL)
    assert machine.apply(state, machine.Placed(ORDER), NOW).refusals == ()


def test_the_same_again_is_counted_until_the_part_changes() -> None:
    state = state_at(Stage.PLACE)
    for times in (1, 2, 3):
        state = machine.apply(state, machine.QuoteLost(CONFLICT), NOW)
        assert [each.times for each in state.refusals] == [times]
        assert state.refusals[0].is_hopeless is (times == 3)
        state = machine.apply(state, machine.Quoted(quote(), None), NOW)
        assert not state.refusals[0].is_hopeless
    state = machine.apply(state, machine.CartChanged(ANOTHER_CART), NOW)
    state = machine.apply(state, machine.Quoted(quote(), None), NOW)
    state = machine.apply(state, machine.QuoteLost(CONFLICT), NOW)
    assert [each.times for each in state.refusals] == [1]


def test_what_gett_has_no_more_is_known_until_a_store_is_read() -> None:
    gone = machine.CartRejected(SOLD_OUT, (SALADS,), ("salad",))
    also = machine.CartRejected(SOLD_OUT, (SALADS,), ("water", "salad"))
    state = machine.apply(state_at(Stage.PLACE), gone, NOW)
    state = machine.apply(state, also, NOW)
    assert state.sold_out == ("salad", "water")
    assert machine.apply(state, machine.CartChanged(()), NOW).sold_out == ("salad", "water")
    assert machine.apply(state, machine.CartChanged((), STORE), NOW).sold_out == ()


def test_a_stored_address_goes_with_its_owner() -> None:
    state = state_at(Stage.PLACE, fulfillment=Delivery(address_id="address-1"))
    moved = machine.apply(state, machine.ShopperChanged(SOMEONE_ELSE), NOW)
    assert (moved.stage, moved.fulfillment) == (Stage.FULFILLMENT, None)


def test_a_lost_quote_keeps_what_the_shopper_agreed_to() -> None:
    lost = machine.apply(state_at(Stage.PLACE), machine.QuoteLost(), NOW)
    assert (lost.quote, lost.agreed_total) == (None, Decimal("27.00"))
    again = machine.apply(lost, machine.Quoted(quote(total="29.00"), Decimal("3.00")), NOW)
    assert again.agreed_total == Decimal("27.00")
    with pytest.raises(TotalChangedError) as raised:
        machine.apply(again, machine.PlacementBegun(placement()), NOW)
    assert (raised.value.before, raised.value.after) == (Decimal("27.00"), Decimal("29.00"))


def test_another_tip_is_another_price_the_shopper_asked_for() -> None:
    moved = machine.apply(
        state_at(Stage.PLACE), machine.Quoted(quote(total="30.00"), Decimal("6.00")), NOW
    )
    assert (moved.agreed_total, moved.tip) == (Decimal("30.00"), Decimal("6.00"))


def test_the_first_price_is_agreed_to_by_going_on() -> None:
    moved = machine.apply(
        state_at(Stage.VALIDATE), machine.Quoted(quote(total="31.00"), Decimal("3.00")), NOW
    )
    assert (moved.stage, moved.agreed_total) == (Stage.PLACE, Decimal("31.00"))


def test_a_cart_that_was_rejected_stays_until_it_changes() -> None:
    rejected = machine.apply(state_at(Stage.PLACE), machine.CartRejected(SOLD_OUT, (SALADS,)), NOW)
    assert (rejected.stage, rejected.refused(Part.LINES)) == (Stage.BROWSE, SOLD_OUT)
    blamed = machine.CartRejected(SOLD_OUT, (INCOMPLETE,))
    assert machine.apply(state_at(Stage.PLACE), blamed, NOW).lines == (INCOMPLETE,)
    with pytest.raises(StepNotAllowedError):
        machine.apply(rejected, machine.Quoted(quote(), None), NOW)
    fixed = machine.apply(rejected, machine.CartChanged(ANOTHER_CART), NOW)
    assert (fixed.stage, fixed.refused(Part.LINES)) == (Stage.VALIDATE, None)


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


def test_the_placement_is_in_the_state_before_it_is_sent_and_grows() -> None:
    begun = machine.apply(state_at(Stage.PLACE), machine.PlacementBegun(placement()), NOW)
    assert (begun.stage, begun.placement) == (Stage.PLACING, placement())
    unsure = machine.apply(begun, machine.NoAnswer(placement(attempts=2)), NOW)
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


# --- the guard of a placement ---------------------------------------------------------------------

UNFIT: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"identity": None, "session": None}, IdentityRequiredError),
    ({"quote": quote(sub_total="14.99")}, OrderBelowMinimumError),
    ({"agreed_total": Decimal("26.99")}, TotalChangedError),
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
    assert late.agreed_total == Decimal("27.00")
    assert late.payment == state.payment


@pytest.mark.parametrize("stage", sorted(set(Stage) - set(PRICED)))
def test_time_changes_nothing_at_the_other_stages(stage: Stage) -> None:
    state = state_at(stage)
    assert machine.at(state, NOW + timedelta(days=2)) is state


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
    moved = machine.apply(state_at(Stage.PLACING), machine.NoAnswer(placement()), LAST)
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


@pytest.mark.parametrize("name", ASIDES)
@pytest.mark.parametrize("stage", sorted(OPEN))
def test_an_aside_takes_nothing_of_the_order(name: str, stage: Stage) -> None:
    """Nor the key of a placement that made no order, which is for the same body if it is sent again."""
    if stage not in ASIDES[name]:
        return
    state = state_at(stage, placement=placement())
    event = next(sample for kind, sample in SAMPLES.items() if kind.__name__ == name)
    moved = machine.apply(state, event, NOW)
    for part in ("lines", "fulfillment", "tip", "quote", "payment", "placement"):
        assert getattr(moved, part) == getattr(state, part)


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
    reported = machine.apply(state, machine.SessionRenewed(SESSION, NOW), NOW)
    priced = machine.apply(reported, machine.Quoted(other, state.tip), NOW)
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
        notice = Notice(str(number), "words", NOW)
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
