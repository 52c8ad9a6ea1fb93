"""What is missing, what to do next, and why an order is refused: one registry, seen three ways."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from gett_checkout._core import actions, machine
from gett_checkout._core.cart import LineProblem
from gett_checkout._core.catalog import Window, parse_time
from gett_checkout._core.codes import Part
from gett_checkout._core.order import CardOnFile, GettPayment, Payment, Pickup, SavedCard
from gett_checkout._core.requirements import (
    RULES,
    Requirement,
    fulfillment_types,
    next_action,
    refusal,
    requirements,
)
from gett_checkout._core.session import Level, Session
from gett_checkout._core.state import CheckoutState, Notice, Stage
from gett_checkout._core.view import PaymentView, StoreView, view_of
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    OrderBelowMinimumError,
    StepNotAllowedError,
    TotalChangedError,
)
from gett_checkout.messages import ENGLISH, Text
from tests.samples.states import (
    INCOMPLETE,
    NOW,
    SALADS,
    STORE,
    line,
    placement,
    quote,
    rejection,
    state_at,
)

SOLD_OUT = evolve(SALADS, problems=(LineProblem("ITEM_UNAVAILABLE", (), "Salad"),))
CLOSED = evolve(STORE, availability=())
NO_DELIVERY = evolve(STORE, delivery_allowed=False)
GUEST: dict[str, Any] = {"identity": None, "session": None}


def against(part: Part, code: str = "CODE", **facts: Any) -> dict[str, Any]:
    """A checkout with this against it, as Gett said it."""
    return {"refusals": (rejection(part, code, **facts),)}


# What a checkout ready to be placed lacks: the facts, the code, its step, the next action, the error.
MISSING: list[tuple[dict[str, Any], str, str, str, type[GettCheckoutError] | None]] = [
    (against(Part.INTEGRATION), "person", "contact_support", "contact_support", None),
    (against(Part.SERVICE, until=NOW + timedelta(seconds=9)), "patience", "wait", "wait", None),
    (against(Part.SHOPPER), "shopper_accepted", "identify", "sign_in", StepNotAllowedError),
    ({"store": None}, "store", "browse", "choose_store", StepNotAllowedError),
    ({"lines": ()}, "cart", "add", "add_items", StepNotAllowedError),
    ({"lines": (SALADS, INCOMPLETE)}, "modifiers", "update", "complete_modifiers", StepNotAllowedError),
    ({"lines": (SOLD_OUT,)}, "items", "update", "fix_lines", StepNotAllowedError),
    (against(Part.STORE, "CATALOGSET_NOT_FOUND"), "menu", "browse", "choose_store", StepNotAllowedError),
    (against(Part.LINES, "ITEM_UNAVAILABLE"), "cart_accepted", "update", "fix_lines", StepNotAllowedError),
    (against(Part.LINES, "CART_EMPTY"), "cart_accepted", "update", "add_items", StepNotAllowedError),
    (
        against(Part.LINES, "MODIFIER_REQUIRED"),
        "cart_accepted", "update", "complete_modifiers", StepNotAllowedError,
    ),
    (against(Part.STORE, "STORE_CLOSED"), "store_open", "browse", "choose_store", StepNotAllowedError),
    ({"store": CLOSED}, "store_open", "browse", "choose_store", StepNotAllowedError),
    ({"quote": quote("14.99")}, "minimum_order", "add", "add_items", OrderBelowMinimumError),
    ({"fulfillment": None}, "fulfillment", "fulfill", "choose_fulfillment", StepNotAllowedError),
    ({"store": NO_DELIVERY}, "fulfillment", "fulfill", "choose_fulfillment", StepNotAllowedError),
    ({"quote": None}, "quote", "validate", "validate", StepNotAllowedError),
    (GUEST, "identity", "identify", "sign_in", IdentityRequiredError),
    (
        against(Part.RECIPIENT),
        "recipient_accepted",
        "set_recipient",
        "choose_recipient",
        StepNotAllowedError,
    ),
    ({"payment": None}, "payment", "pay", "choose_payment", StepNotAllowedError),
    ({"confirmed_total": Decimal(1)}, "total_confirmed", "confirm_total", "confirm_total", TotalChangedError),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "code", "step", "action", "error"), MISSING)
def test_each_thing_that_can_be_missing(
    facts: dict[str, Any], code: str, step: str, action: str, error: type[GettCheckoutError] | None
) -> None:
    state = state_at(Stage.PLACE, **facts)
    (found,) = requirements(state, NOW)
    assert (found.code, found.step) == (code, step)
    assert found.message
    written = json.loads(json.dumps(found.to_dict()))
    assert (written["code"], written["blocks"]) == (code, error is not None)
    assert next_action(state, NOW).kind == action
    refused = refusal(state, NOW)
    if error is None:  # it may be tried: somebody may have fixed it at Gett
        assert refused is None
    else:
        assert type(refused) is error
        assert refused.requirements == (found,)
        assert refused.next_action == next_action(state, NOW)


# --- what Gett rejected ---------------------------------------------------------------------------


def only(facts: dict[str, Any], after: float = 0.0) -> tuple[str, actions.NextAction]:
    """The first thing that is missing, and what to do next."""
    now = NOW + timedelta(seconds=after)
    state = state_at(Stage.PLACE, **facts)
    return requirements(state, now)[0].code, next_action(state, now)


# What stands against a checkout, and what it makes of the next action.
STANDING: list[tuple[dict[str, Any], actions.NextAction]] = [
    (against(Part.INTEGRATION, reason="PERMISSION"), actions.ContactSupport("PERMISSION")),
    (against(Part.INTEGRATION), actions.ContactSupport("INTEGRATION")),
    (against(Part.QUOTE, times=3), actions.ContactSupport("REPEATED")),
    (against(Part.LINES, times=4), actions.ContactSupport("REPEATED")),
    (against(Part.FULFILLMENT, times=3), actions.ContactSupport("REPEATED")),
    (
        against(Part.INTEGRATION, times=3, reason="SESSION_REFUSED"),
        actions.ContactSupport("SESSION_REFUSED"),
    ),
    (against(Part.SERVICE, until=NOW + timedelta(seconds=60)), actions.Wait(60.0)),
    (against(Part.LINES, "NEW"), actions.FixLines(("line-salad",), "NEW")),
    (against(Part.LINES, "MODIFIER_REQUIRED"), actions.CompleteModifiers(("line-salad",))),
    (against(Part.LINES, "CART_EMPTY"), actions.AddItems(None)),
    (against(Part.LINES, "ORDER_BELOW_MINIMUM"), actions.AddItems(None)),  # ours is reached
    (against(Part.STORE, "CATALOGSET_REQUIRED"), actions.ChooseStore("CATALOGSET_REQUIRED")),
    (against(Part.STORE, "STORE_NOT_FOUND"), actions.ChooseStore("STORE_NOT_FOUND")),
    (against(Part.STORE, "NEW"), actions.ChooseStore("NEW")),
    (against(Part.SHOPPER, "NEW"), actions.SignIn(reason="NEW")),
    (against(Part.SHOPPER, ""), actions.SignIn()),
    (
        {"fulfillment": None, **against(Part.FULFILLMENT, "ADDRESS_INVALID")},
        actions.ChooseFulfillment(reason="ADDRESS_INVALID"),
    ),
    (  # the one that was chosen before stands, but the shopper wanted another
        against(Part.FULFILLMENT, "ADDRESS_INVALID"),
        actions.ChooseFulfillment(reason="ADDRESS_INVALID"),
    ),
    (
        {"payment": None, **against(Part.PAYMENT, "PAYMENT_DECLINED")},
        actions.ChoosePayment("PAYMENT_DECLINED"),
    ),
    (
        {"lines": (SOLD_OUT,), **against(Part.LINES, "ITEM_UNAVAILABLE")},
        actions.FixLines(("line-salad",), "ITEM_UNAVAILABLE"),
    ),
    ({"quote": None, **against(Part.QUOTE, "CONFLICT")}, actions.Validate()),
]


@pytest.mark.parametrize(("facts", "action"), STANDING, ids=str)
def test_what_stands_against_a_checkout_leads_on(
    facts: dict[str, Any], action: actions.NextAction
) -> None:
    assert only(facts)[1] == action


HARMLESS: list[dict[str, Any]] = [
    *(against(part, times=9, answered=True) for part in Part),
    against(Part.SERVICE, until=NOW),
    against(Part.SERVICE, times=9),
    against(Part.QUOTE, times=2),  # there is a price
    against(Part.PAYMENT),
    {},
]


@pytest.mark.parametrize("facts", HARMLESS, ids=str)
def test_what_is_answered_or_over_keeps_nobody_from_placing(facts: dict[str, Any]) -> None:
    state = state_at(Stage.PLACE, **facts)
    assert requirements(state, NOW) == ()
    assert next_action(state, NOW) == actions.Place(Decimal("27.00"))


def test_a_wait_grows_shorter_and_ends() -> None:
    waiting = state_at(Stage.PLACE, **against(Part.SERVICE, until=NOW + timedelta(seconds=60)))
    assert next_action(waiting, NOW + timedelta(seconds=45)) == actions.Wait(15.0)
    over = NOW + timedelta(seconds=60)
    assert next_action(waiting, over) == actions.Place(Decimal("27.00"))


def test_a_person_is_asked_before_anything_else_and_a_wait_comes_next() -> None:
    refusals = (
        rejection(Part.SERVICE, until=NOW + timedelta(seconds=60)),
        rejection(Part.INTEGRATION, reason="PERMISSION"),
    )
    state = state_at(Stage.PLACE, store=None, refusals=refusals)
    assert [each.code for each in requirements(state, NOW)] == ["person", "patience", "store"]
    assert next_action(state, NOW) == actions.ContactSupport("PERMISSION")


def test_the_latest_of_several_is_told() -> None:
    refusals = (
        rejection(Part.INTEGRATION, "FORBIDDEN", reason="PERMISSION"),
        rejection(Part.QUOTE, "CONFLICT", times=3),
        rejection(Part.PAYMENT, "NEW"),
    )
    (found,) = requirements(state_at(Stage.PLACE, refusals=refusals), NOW)
    assert found.details["error_code"] == "CONFLICT"
    later = timedelta(seconds=5)
    waits = (
        rejection(Part.PAYMENT, "EARLIER", until=NOW + later),
        rejection(Part.SERVICE, "LATER", until=NOW + 2 * later),
        rejection(Part.STORE, "OVER", until=NOW, answered=True),
    )
    (found,) = requirements(state_at(Stage.PLACE, refusals=waits), NOW)
    assert found.details["error_code"] == "LATER"


@pytest.mark.parametrize("part", [Part.INTEGRATION, Part.QUOTE], ids=str)
def test_a_placement_begins_though_a_person_is_needed_or_a_wait_is_on(part: Part) -> None:
    facts = against(part, times=3, until=NOW + timedelta(seconds=60))
    state = state_at(Stage.PLACE, **facts)
    assert [each.blocks for each in requirements(state, NOW)] == [False, False]
    begun = machine.apply(state, machine.PlacementBegun(placement()), NOW)
    assert begun.stage is Stage.PLACING


def test_what_blocks_decides_the_error_and_all_of_it_is_told() -> None:
    state = state_at(Stage.PLACE, quote=quote("14.99"), **against(Part.INTEGRATION))
    error = refusal(state, NOW)
    assert type(error) is OrderBelowMinimumError
    assert [each.code for each in error.requirements] == ["person", "minimum_order"]
    assert error.next_action == next_action(state, NOW) == actions.ContactSupport("INTEGRATION")


def test_below_the_minimum_the_gap_is_said_with_what_gett_said() -> None:
    state = state_at(
        Stage.PLACE, quote=quote("14.99"), **against(Part.LINES, "ORDER_BELOW_MINIMUM")
    )
    first, second = requirements(state, NOW)
    assert (first.code, second.code) == ("cart_accepted", "minimum_order")
    assert first.message == second.message == "Add $0.01 more to reach the $15.00 minimum"
    action = next_action(state, NOW)
    assert isinstance(action, actions.AddItems)
    assert action.minimum_order is not None
    assert action.minimum_order.gap == Decimal("0.01")


def test_above_the_minimum_we_know_nobody_is_told_that_it_is_reached() -> None:
    for store in (STORE, evolve(STORE, minimum_order_amount=None)):
        state = state_at(Stage.PLACE, store=store, **against(Part.LINES, "ORDER_BELOW_MINIMUM"))
        (found,) = requirements(state, NOW)
        assert found.message == "Your order is too small. Please add more."


def test_a_rejected_payment_is_said_to_be() -> None:
    def words(**facts: Any) -> str:
        (found,) = requirements(state_at(Stage.PLACE, payment=None, **facts), NOW)
        return found.message

    assert words() == ENGLISH["payment"]
    assert words(**against(Part.PAYMENT)) == ENGLISH["payment.rejected"]


WORDS: list[tuple[dict[str, Any], str]] = [
    ({"lines": (INCOMPLETE,)}, "Please choose: size."),  # one problem describes itself
    ({"lines": (INCOMPLETE, evolve(INCOMPLETE, line_id="b"))}, ENGLISH["modifiers"]),
    ({"lines": (SOLD_OUT,)}, "Salad is not available."),
    ({"lines": (SOLD_OUT, evolve(SOLD_OUT, line_id="b"))}, ENGLISH["items"]),
    ({"store": CLOSED}, ENGLISH["store_open"]),
    (against(Part.STORE, "STORE_CLOSED"), ENGLISH["store_open.rejected"]),
    ({"fulfillment": None}, ENGLISH["fulfillment"]),
    (against(Part.FULFILLMENT), ENGLISH["fulfillment.rejected"]),
    ({"store": NO_DELIVERY}, ENGLISH["fulfillment.no_delivery"]),
]


@pytest.mark.parametrize(("facts", "sentence"), WORDS, ids=str)
def test_what_a_shopper_is_told(facts: dict[str, Any], sentence: str) -> None:
    assert requirements(state_at(Stage.PLACE, **facts), NOW)[0].message == sentence


def test_a_changed_total_is_in_the_stores_currency() -> None:
    store = evolve(STORE, currency="EUR")
    state = state_at(Stage.PLACE, store=store, confirmed_total=Decimal(1))
    said = "The total changed from 1.00 EUR to 27.00 EUR."
    assert requirements(state, NOW)[0].message == said
    error = refusal(state, NOW)
    assert isinstance(error, TotalChangedError)
    assert (error.before, error.after) == (Decimal(1), Decimal("27.00"))
    assert error.to_problem()["detail"] == said


def test_a_shopper_is_asked_for_other_data_or_to_sign_in() -> None:
    def words(code: str) -> str:
        return requirements(state_at(Stage.PLACE, **against(Part.SHOPPER, code)), NOW)[0].message

    assert words("VALIDATION_FAILED") == ENGLISH["shopper_accepted"]
    assert words("") == "Please sign in to continue."


# Where what Gett said is shown: the facts, and the code of the requirement.
SHOWN: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({}, "person", {"part": Part.INTEGRATION}),
    ({}, "patience", {"part": Part.SERVICE, "until": NOW + timedelta(seconds=9)}),
    ({}, "menu", {"part": Part.STORE, "code": "CATALOGSET_NOT_FOUND"}),
    ({}, "cart_accepted", {"part": Part.LINES, "code": "NEW"}),
    ({}, "cart_accepted", {"part": Part.LINES, "code": "CART_EMPTY"}),
    ({}, "cart_accepted", {"part": Part.LINES, "code": "MODIFIER_REQUIRED"}),
    ({}, "store_open", {"part": Part.STORE, "code": "STORE_CLOSED"}),
    ({}, "shopper_accepted", {"part": Part.SHOPPER}),
    ({"fulfillment": None}, "fulfillment", {"part": Part.FULFILLMENT}),
    ({}, "fulfillment", {"part": Part.FULFILLMENT}),
    ({"payment": None}, "payment", {"part": Part.PAYMENT}),
    ({"lines": (SOLD_OUT,)}, "items", {"part": Part.LINES, "code": "NEW"}),
]


@pytest.mark.parametrize(("facts", "code", "said"), SHOWN, ids=str)
def test_a_page_can_show_what_gett_said(
    facts: dict[str, Any], code: str, said: dict[str, Any]
) -> None:
    said = {"code": "CODE", "message": "too late", "lines": ("line-a", "line-b"), **said}
    said["fields"] = (("email", "too long"),)
    state = state_at(Stage.PLACE, refusals=(rejection(**said),), **facts)
    found = {each.code: each.details for each in requirements(state, NOW)}[code]
    shown = {name: found[name] for name in ("error_code", "message", "lines", "fields")}
    assert shown == {
        "error_code": said["code"],
        "message": "too late",
        "lines": ["line-a", "line-b"],
        "fields": [{"name": "email", "message": "too long"}],
    }
    bare = evolve(state, refusals=(evolve(state.refusals[0], message="", lines=(), fields=()),))
    details = {each.code: each.details for each in requirements(bare, NOW)}[code]
    assert details["error_code"] == said["code"]
    assert not {"message", "lines", "fields"} & set(details)


def test_before_there_is_a_store_either_fulfillment_can_be_chosen() -> None:
    assert fulfillment_types(CheckoutState("c", NOW)) == ("delivery", "pickup")


def test_where_only_an_end_user_is_given_a_price_signing_in_comes_first() -> None:
    guest = state_at(Stage.PLACE, quote=None, end_user_needed=True, **GUEST)
    assert [each.code for each in requirements(guest, NOW)] == ["identity"]
    user = state_at(Stage.PLACE, quote=None, end_user_needed=True)
    assert [each.code for each in requirements(user, NOW)] == ["quote"]


def test_a_requirement_shows_its_code_and_not_what_was_said() -> None:
    shown = "Requirement(code='cart', step='add', blocks=True)"
    assert repr(Requirement("cart", "add", Text.of("cart"), {"message": "of Ada's cart"})) == shown


def test_the_table_covers_the_registry_in_its_order() -> None:
    assert list(dict.fromkeys(code for _, code, *_ in MISSING)) == [rule.code for rule in RULES]


def test_nothing_is_missing_from_a_complete_order() -> None:
    state = state_at(Stage.PLACE)
    assert requirements(state, NOW) == ()
    assert refusal(state, NOW) is None
    assert next_action(state, NOW) == actions.Place(Decimal("27.00"))


def test_a_new_checkout_misses_everything_in_order() -> None:
    fresh = CheckoutState("checkout-2", NOW)
    codes = [each.code for each in requirements(fresh, NOW)]
    assert codes == ["store", "cart", "fulfillment", "quote", "identity", "payment"]
    assert next_action(fresh, NOW) == actions.ChooseStore()


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        ({"lines": (SALADS, INCOMPLETE)}, actions.CompleteModifiers(("line-pizza",))),
        ({"lines": (SOLD_OUT,)}, actions.FixLines(("line-salad",))),
        ({"store": CLOSED}, actions.ChooseStore("STORE_CLOSED")),
        ({"store": NO_DELIVERY}, actions.ChooseFulfillment(("pickup",))),
        ({"confirmed_total": Decimal(1)}, actions.ConfirmTotal(Decimal(1), Decimal("27.00"))),
    ],
    ids=str,
)
def test_the_next_action_carries_what_is_needed(
    facts: dict[str, Any], action: actions.NextAction
) -> None:
    assert next_action(state_at(Stage.PLACE, **facts), NOW) == action


@pytest.mark.parametrize(
    ("stage", "facts", "after", "action"),
    [
        (Stage.PLACED, {}, 0, actions.Done("order-1", state_at(Stage.PLACED).order)),
        (Stage.PLACED, {"order": None}, 0, actions.Done(None)),
        (Stage.ABANDONED, {}, 0, actions.StartOver()),
        (Stage.PLACING, {}, 0, actions.Wait(2.0)),
        (Stage.PLACING, {}, 59, actions.Wait(1.0)),
        (
            Stage.PLACING,
            {"placement": placement(wait_until=NOW + timedelta(seconds=120))},
            60,
            actions.Wait(60.0),
        ),
        (
            Stage.PLACING,
            {"placement": evolve(placement(), body="another")},
            0,
            actions.ContactSupport("PLACEMENT_DAMAGED"),
        ),
        (
            Stage.PLACING,
            {"placement": placement(is_lost=True)},
            0,
            actions.ContactSupport("RECORD_LOST"),
        ),
        (
            Stage.PLACED,
            against(Part.INTEGRATION),
            0,
            actions.Done("order-1", state_at(Stage.PLACED).order),
        ),
        (Stage.ABANDONED, against(Part.INTEGRATION), 0, actions.StartOver()),
        (Stage.PLACING, {}, 60, actions.Reconcile()),
        (Stage.PLACING, {"identity": None, "session": None}, 60, actions.SignIn()),
        (Stage.PLACING, {}, 22 * 3600, actions.Reconcile()),
        (Stage.PLACING, {}, 23 * 3600, actions.ContactSupport("KEY_EXPIRED")),
        (Stage.PLACING, {"placement": None}, 0, actions.ContactSupport("KEY_EXPIRED")),
    ],
    ids=str,
)
def test_what_to_do_once_it_is_decided(
    stage: Stage, facts: dict[str, Any], after: int, action: actions.NextAction
) -> None:
    state, now = state_at(stage, **facts), NOW + timedelta(seconds=after)
    assert next_action(state, now) == action
    assert requirements(state, now) == ()
    assert refusal(state, now) is None
    assert json.loads(json.dumps(action.to_dict()))["kind"] == action.kind


def test_the_kinds_of_action_are_the_designed_ones() -> None:
    kinds = {each.kind for each in actions.NextAction.__args__}
    assert kinds == {
        "choose_store", "add_items", "fix_lines", "complete_modifiers", "choose_fulfillment", "validate",
        "sign_in", "choose_recipient", "choose_payment", "confirm_total", "place", "wait", "reconcile",
        "done", "start_over", "contact_support",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("session", "missing"),
    [
        (None, True),
        (Session("t", Level.PARTNER_ONLY), True),
        (Session("t", Level.END_USER), False),
        (Session("t", Level.END_USER, NOW), True),  # over, and without an identity not renewable
    ],
)
def test_an_end_user_session_is_as_good_as_an_identity(
    session: Session | None, missing: bool
) -> None:
    state = state_at(Stage.PLACE, identity=None, session=session)
    assert ("identity" in {each.code for each in requirements(state, NOW)}) is missing


def test_opening_hours_close_an_order_without_moving_it() -> None:
    evening = evolve(STORE, timezone="UTC", availability=(window("monday", "17:00", "18:05"),))
    state = state_at(Stage.PLACE, store=evening)
    assert requirements(state, NOW) == ()
    late = NOW + timedelta(minutes=5)
    assert [each.code for each in requirements(state, late)] == ["store_open"]
    assert machine.at(state, late).stage is Stage.PLACE


def window(day: str, start: str, end: str) -> Window:
    return Window(day, parse_time(start), parse_time(end))


# --- the view -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", Stage)
def test_a_view_shows_what_the_registry_says(stage: Stage) -> None:
    state = state_at(stage)
    view = view_of(state, NOW)
    assert (view.stage, view.id) == (stage, "checkout-1")
    assert view.requirements == requirements(state, NOW)
    assert view.next_action == next_action(state, NOW)
    data = json.loads(json.dumps(view.to_dict()))
    assert data["stage"] == stage.value
    assert data["next_action"]["kind"] == view.next_action.kind
    assert data["session"]["level"] == "end-user"


def test_the_view_of_a_complete_order() -> None:
    pizza = line("pizza", 2, {"size": ["large"]}, special_instructions="well done")
    data = view_of(state_at(Stage.PLACE, lines=(pizza,), fulfillment=Pickup()), NOW).to_dict()
    assert data["fulfillment"] == {"type": "pickup"}
    assert data["payment"] == {
        "kind": "card_on_file",
        "processor_type": "stripe",
        "card_type": None,
        "last_four": None,
        "payment_id": None,
    }
    assert data["subtotal"] == data["quote"]["amounts"]["sub_total"] == "21.75"
    assert data["quote"]["amounts"]["total"] == "27.00"
    assert "order_token" not in data["quote"]
    assert data["lines"][0]["total"] == "25.00"
    assert data["lines"][0]["groups"][0]["chosen"][0]["item_id"] == "large"
    assert data["minimum_order"]["message"] == "The $15.00 minimum is reached"
    assert data["store"]["fulfillment_types"] == ["delivery", "pickup"]
    assert data["store"]["minimum_order_amount"] == "15.00"
    assert data["signed_in"] is True


@pytest.mark.parametrize(
    ("payment", "shown"),
    [
        (CardOnFile("t", "stripe", "visa", "4242"), ("stripe", "visa", "4242", None)),
        (SavedCard("pay-1"), (None, None, None, "pay-1")),
        (GettPayment(), (None, None, None, None)),
    ],
)
def test_a_view_says_of_a_payment_what_may_be_shown(
    payment: Payment, shown: tuple[str | None, ...]
) -> None:
    view = view_of(state_at(Stage.PLACE, payment=payment), NOW).payment
    assert view == PaymentView(payment.kind, *shown)


@pytest.mark.parametrize("stage", Stage)
def test_a_view_says_whether_anything_can_still_be_changed(stage: Stage) -> None:
    closed = {Stage.PLACING, Stage.PLACED, Stage.ABANDONED}
    assert view_of(state_at(stage), NOW).editable is (stage not in closed)


@pytest.mark.parametrize(
    ("stage", "facts", "subtotal"),
    [
        (Stage.BROWSE, {}, "0.00"),
        (Stage.FULFILLMENT, {}, "21.75"),
        (Stage.VALIDATE, {"lines": (line("pizza", 1),)}, "9.50"),
        (Stage.PAY, {"quote": quote("20.00")}, "20.00"),  # Gett's own figure, when there is one
        (Stage.PLACED, {"quote": quote("20.00", life=timedelta(0))}, "20.00"),
        (Stage.PAY, {"quote": quote("20.00", life=timedelta(0))}, "21.75"),  # it ran out
    ],
)
def test_a_view_says_what_the_lines_come_to(
    stage: Stage, facts: dict[str, Any], subtotal: str
) -> None:
    assert view_of(state_at(stage, **facts), NOW).subtotal == Decimal(subtotal)


@pytest.mark.parametrize(
    ("facts", "is_open"),
    [
        ({}, None),
        ({"availability": ()}, False),
        ({"availability": (window("monday", "17:00", "19:00"),), "timezone": "UTC"}, True),
        ({"availability": (window("monday", "17:00", "18:00"),), "timezone": "UTC"}, False),
        ({"availability": (window("monday", "17:00", "19:00"),)}, None),
    ],
)
def test_a_view_says_whether_the_store_is_open(facts: dict[str, Any], is_open: bool | None) -> None:
    store = evolve(STORE, **facts)
    shown = view_of(state_at(Stage.FULFILLMENT, store=store), NOW).store
    assert shown == StoreView.of(store, NOW)
    assert shown.is_open is is_open


def test_a_view_is_of_its_moment() -> None:
    view = view_of(state_at(Stage.PLACE), NOW + timedelta(minutes=15))
    assert (view.stage, view.quote, view.next_action) == (Stage.VALIDATE, None, actions.Validate())


def test_the_key_of_a_placement_is_shown_and_its_body_is_not() -> None:
    view = view_of(state_at(Stage.PLACING), NOW)
    assert view.placement is not None
    assert view.placement.key == placement().idempotency_key
    assert placement().body not in json.dumps(view.to_dict())


@pytest.mark.parametrize(
    ("facts", "code", "details"),
    [
        ({"store": CLOSED}, "store_open", {}),
        ({"store": NO_DELIVERY}, "fulfillment", {"fulfillment_types": ["pickup"]}),
        (
            {"confirmed_total": Decimal("26.00")},
            "total_confirmed",
            {"before": "26.00", "after": "27.00"},
        ),
        (
            {"lines": (SOLD_OUT,)},
            "items",
            {
                "problems": [
                    {
                        "line_id": "line-salad",
                        "code": "ITEM_UNAVAILABLE",
                        "message": "Salad is not available.",
                        "path": [],
                        "name": "Salad",
                        "count": None,
                        "said": None,
                    }
                ]
            },
        ),
    ],
)
def test_the_details_say_what_it_is_about(
    facts: dict[str, Any], code: str, details: dict[str, Any]
) -> None:
    found = {each.code: each.details for each in requirements(state_at(Stage.PLACE, **facts), NOW)}
    assert found[code] == details


def test_an_order_that_lacks_something_says_where_it_stands() -> None:
    error = refusal(state_at(Stage.PLACE, payment=None), NOW)
    assert isinstance(error, StepNotAllowedError)
    assert (error.step, error.stage) == ("place", "place")


def test_the_view_shows_notices_and_no_token_of_the_quote() -> None:
    notice = Notice("session_renewed", NOW, {"kept": "cart"})
    view = view_of(evolve(state_at(Stage.PLACE), notices=(notice,)), NOW)
    assert view.notices == (notice,)
    assert view.quote is not None
    assert view.quote.order_token == ""
