"""The error tree: as drawn, picklable with all it carries, ready for the partner's own answer."""

from __future__ import annotations

import copy
import json
import pickle
import re
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest

from gett_checkout import errors
from gett_checkout._core.actions import Wait
from gett_checkout._core.codes import ERROR_CODES, refuse
from gett_checkout._core.minimum import MinimumOrder
from gett_checkout._core.requirements import refusal
from gett_checkout._core.state import Stage
from gett_checkout.errors import ApiError, GettCheckoutError
from gett_checkout.messages import DEFAULT
from tests.samples.states import NOW, SECRETS, quote, state_at

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, GettCheckoutError)
]
OWN_FACTS: dict[str, dict[str, Any]] = {
    "StepNotAllowedError": {"step": "pay", "stage": "browse"},
    "TotalChangedError": {
        "before": Decimal("10.00"),
        "after": Decimal("12.00"),
    },
    "TransportError": {"may_have_arrived": False},
    "InvalidResponseError": {"status": 200},
}
API_FACTS: dict[str, Any] = {
    "code": "SOME_CODE",
    "category": "validation",
    "status": 400,
    "title": "No",
    "retryable": True,
    "retry_after": 2.5,
    "request_id": "req-1",
    "errors": [{"code": "X", "itemId": "salad"}],
}


def whole(kind: type[GettCheckoutError]) -> GettCheckoutError:
    """An error of the class with everything set that can be set."""
    facts = API_FACTS if issubclass(kind, ApiError) else OWN_FACTS.get(kind.__name__, {})
    error = kind("what happened", **facts)
    error.checkout_id = "checkout-1"
    error.next_action = Wait(2.5)
    missing = refusal(state_at(Stage.BROWSE), NOW)
    assert missing is not None
    error.requirements = missing.requirements
    error.idempotency_key = "key-1"
    error.retry_after = 2.5
    if isinstance(error, errors.OrderBelowMinimumError):
        error.minimum_order = MinimumOrder(
            Decimal(15), Decimal(14), Decimal(1), met=False, basis="estimate"
        )
    return error


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_pickles_with_all_it_carries(kind: type[GettCheckoutError]) -> None:
    error = whole(kind)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert vars(twin) == vars(error)
        assert (str(twin), twin.args) == (str(error), error.args)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_problem_document_is_json(kind: type[GettCheckoutError]) -> None:
    problem = json.loads(json.dumps(whole(kind).to_problem()))
    assert problem["type"] == "about:blank"
    assert problem["detail"] == DEFAULT.say(whole(kind).text())
    assert "what happened" not in problem["detail"]
    assert problem["title"] == HTTPStatus(problem["status"]).phrase
    assert 400 <= problem["status"] <= 599
    assert problem["code"]
    assert problem["title"]
    assert problem["checkout_id"] == "checkout-1"
    assert problem["next_action"] == {"kind": "wait", "seconds": 2.5}
    assert [each["code"] for each in problem["requirements"]] == [
        "cart",
        "minimum_order",
        "quote",
    ]
    assert problem["retry_after"] == 2.5


@pytest.mark.parametrize("kind", CLASSES)
def test_a_bare_error_has_a_problem_document_too(kind: type[GettCheckoutError]) -> None:
    problem = json.loads(json.dumps(kind().to_problem()))
    assert set(problem) == {"type", "title", "status", "detail", "code"}


@pytest.mark.parametrize("code", ERROR_CODES)
def test_the_documented_next_action_is_in_the_problem(code: str) -> None:
    problem = json.loads(json.dumps(refuse(code).to_problem()))
    assert problem["code"] == code
    assert problem["next_action"]["kind"] == ERROR_CODES[code].action.kind


@pytest.mark.parametrize(
    ("status", "outward"),
    [
        (400, 400), (402, 402), (404, 404), (409, 409), (422, 422),
        (401, 502), (403, 502), (500, 502), (502, 502), (0, 502),
        (429, 503), (503, 503), (504, 503),
    ],
)  # fmt: skip
def test_the_partners_status_is_true_of_the_partners_server(status: int, outward: int) -> None:
    assert ApiError("no", status=status).to_problem()["status"] == outward


def test_every_error_is_caught_by_the_root_and_input_errors_by_value_error() -> None:
    assert issubclass(errors.InvalidInputError, ValueError)
    assert all(issubclass(each, GettCheckoutError) for each in CLASSES)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each name stands under its parent: a base class one step less indented, or heading its row."""
    assert errors.__doc__ is not None
    drawing = errors.__doc__.split("::\n")[1].split("\nWhich code")[0]
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    category = ""
    for row in drawing.splitlines():
        names = [each for each in re.findall(r"\b\w+Error\b", row) if each != "ValueError"]
        if not names:
            continue
        depth = row.index(names[0])
        if "──" not in row and above:  # a row of leaves goes on
            drawn.update(dict.fromkeys(names, category))
            continue
        while above and above[-1][0] >= depth:
            above.pop()
        drawn[names[0]] = above[-1][1] if above else ""
        above.append((depth, names[0]))
        category = names[0]
        drawn.update(dict.fromkeys(names[1:], category))
    actual = {each.__name__: each.__bases__[0].__name__ for each in CLASSES}
    actual["GettCheckoutError"] = ""
    assert drawn == actual


def test_a_refused_placement_shows_no_secret() -> None:
    error = refusal(state_at(Stage.PLACE, quote=quote(sub_total="1.00")), NOW)
    assert error is not None
    said = f"{error!s}{error!r}{error.args}{vars(error)}{error.to_problem()}"
    assert not [secret for secret in SECRETS if secret in said]


def test_the_headers_of_a_problem_say_when_to_come_back() -> None:
    error = GettCheckoutError("no")
    assert error.problem_headers() == {"Content-Type": "application/problem+json"}
    error.retry_after = 1.2
    assert error.problem_headers()["Retry-After"] == "2"  # whole seconds, never too early


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (errors.TransportError(may_have_arrived=True), True),
        (errors.TransportError(may_have_arrived=False), False),
        (errors.InvalidResponseError(status=200), True),
        (errors.ApiError(status=500), True),
        (errors.ApiError(status=408), True),
        (errors.ApiError(status=302), True),
        (errors.ApiError(status=409), False),
        (errors.StorageError("unavailable"), True),
        (errors.OutcomeUnknownError("no response"), True),
        (errors.PlacementInProgressError("another worker"), True),
        (errors.HandOverError("on_placed failed"), True),
        (errors.CheckoutConflictError("another worker"), False),
        (errors.StepNotAllowedError("no"), False),
        (errors.InvalidInputError("wrong"), False),
    ],
    ids=repr,
)
def test_whether_a_request_may_have_had_an_effect(
    error: errors.GettCheckoutError, may: bool
) -> None:
    assert error.may_have_had_effect is may
