"""The JSON Schemas against what they describe, and against what has a member more or another type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta

from gett_checkout import (
    GettPayment,
    InvalidInputError,
    Pickup,
    Stage,
    StepNotAllowedError,
    TotalChangedError,
    parse_fulfillment,
    parse_identity,
    parse_payment,
)
from gett_checkout._cli import main
from gett_checkout._core.codes import Part
from gett_checkout._core.state import Notice
from gett_checkout._core.view import view_of
from gett_checkout.actions import ChoosePayment
from gett_checkout.errors import ApiError, FieldError, GettCheckoutError, MenuChangedError
from gett_checkout.schemas import SCHEMAS, Definitions, json_schema
from gett_checkout.views import LineProblem
from tests.samples.states import HOME, INCOMPLETE, MENU, NOW, line, rejection, state_at

FREE = ("details", "extra", "breakdown")  # any member may be in these

STATES = {
    **{stage.value: state_at(stage) for stage in Stage},
    "rejected": state_at(
        Stage.PLACE,
        lines=(line("pizza", 1, {"size": ["large"], "toppings": ["olives"]}), INCOMPLETE),
        refusals=(rejection(Part.FULFILLMENT, "ADDRESS_INVALID"),),
        tip=Decimal("2.00"),
        notices=(Notice("session_upgraded", NOW, {"from": "none"}),),
    ),
    "at an address": state_at(Stage.PLACE, fulfillment=HOME),
    "picked up": state_at(Stage.PLACE, fulfillment=Pickup(), payment=GettPayment()),
}


def validator(name: str, definition: str = "") -> Draft202012Validator:
    schema = json_schema(name)
    meta.validate(schema)
    root = {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]} if definition else schema
    return Draft202012Validator(root)


def changed(value: Any, *, optional: bool = False) -> Iterator[Any]:
    """Copies of a document, in each one object with a member more or less, or one value of another type."""
    if isinstance(value, dict):
        yield {**value, "more": 1}
        for name, member in value.items():
            if not optional:
                yield {key: each for key, each in value.items() if key != name}
            if name not in FREE:
                for other in changed(member):
                    yield {**value, name: other}
    elif isinstance(value, list):
        yield {}
        for at, member in enumerate(value):
            for other in changed(member):
                yield [*value[:at], other, *value[at + 1 :]]
    else:
        yield [value]


def view_at(name: str) -> Any:
    return json.loads(json.dumps(view_of(STATES[name], NOW).to_dict()))


@pytest.mark.parametrize("name", STATES)
def test_a_view_is_as_its_schema_says(name: str) -> None:
    validator("view").validate(view_at(name))


# Between them these have every member: the cart and its problems, a delivery, a placement, an order.
@pytest.mark.parametrize("name", ["rejected", "at an address", "placing", "placed"])
def test_no_other_view_is_as_its_schema_says(name: str) -> None:
    view, valid = view_at(name), validator("view")
    others = [*changed(view)]
    assert len(others) > 50
    assert [each for each in others if valid.is_valid(each)] == []


def test_a_menu_is_as_its_schema_says_and_nothing_else_is() -> None:
    valid = validator("menu")
    menu = MENU.to_dict()
    valid.validate(menu)
    by_id = {**menu, "items": [*menu["items"].values()]}
    assert not valid.is_valid(by_id)
    item = {**menu["items"]["pizza"]}
    for other in changed(item):
        assert not valid.is_valid({**menu, "items": {"pizza": other}})


PROBLEMS: list[GettCheckoutError] = [
    GettCheckoutError(retry_after=2.5),
    InvalidInputError(errors=[FieldError("/a", "missing", "a is missing")]),
    MenuChangedError(problems=[LineProblem("ITEM_UNKNOWN", ("x",), "x")]),
    StepNotAllowedError(step="place", stage="browse"),
    TotalChangedError(before=Decimal("1.00"), after=Decimal("2.00")),
    ApiError(code="NEW_CODE", status=418, operation="place_order", detail="I am a teapot"),
]


@pytest.mark.parametrize("error", PROBLEMS, ids=lambda error: type(error).__name__)
def test_a_problem_is_as_its_schema_says_and_nothing_else_is(error: GettCheckoutError) -> None:
    error.checkout_id, error.idempotency_key = "c-1", "k-1"
    error.next_action = ChoosePayment("PAYMENT_DECLINED")
    error.requirements = view_of(state_at(Stage.BROWSE), NOW).requirements
    problem = error.to_problem()
    valid = validator("problem")
    valid.validate(problem)
    assert [each for each in changed(problem, optional=True) if valid.is_valid(each)] == []
    assert not valid.is_valid({**problem, "code": None})


@pytest.mark.parametrize(
    ("definition", "parse", "members"),
    [
        ("Identity", parse_identity, {"email": "j@x.org", "first_name": "J", "last_name": "D"}),
        ("Fulfillment", parse_fulfillment, {"type": "pickup"}),
        ("Fulfillment", parse_fulfillment, {"type": "delivery", "address_id": "a-1"}),
        (
            "Fulfillment",
            parse_fulfillment,
            {
                "type": "delivery",
                "address": {"address1": "1", "city": "C", "state": "S", "postal_code": "P"},
            },
        ),
        (
            "Payment",
            parse_payment,
            {"kind": "card_on_file", "card_token": "t", "processor_type": "stripe"},
        ),
        ("Payment", parse_payment, {"kind": "saved_card", "payment_id": "p-1"}),
        ("Payment", parse_payment, {"kind": "gett_payment"}),
    ],
)
def test_what_the_parsers_take_is_as_the_schema_says(
    definition: str, parse: Callable[[object], object], members: dict[str, Any]
) -> None:
    valid = validator("inputs", definition)
    valid.validate(members)
    parse(members)
    for other in changed(members, optional=True):
        assert not valid.is_valid(other)
        with pytest.raises(InvalidInputError):
            parse(other)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_command_prints_them(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema(name)


def test_there_are_no_others() -> None:
    with pytest.raises(InvalidInputError, match="view, menu, problem, inputs"):
        json_schema("order")
    with pytest.raises(TypeError, match="no JSON Schema"):
        Definitions().of(complex)
