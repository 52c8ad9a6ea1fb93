"""Every documented error code, wherever it is said, and what becomes of those that are not documented."""

from __future__ import annotations

from typing import Any

import pytest

from gett_checkout import errors
from gett_checkout._core.actions import ChooseStore, Wait
from gett_checkout._core.codes import CATEGORIES, ERROR_CODES, Part, category_of, part_of, refuse
from gett_checkout.errors import ApiError
from gett_checkout.messages import ENGLISH
from gett_checkout.sandbox.problems import CODES
from tests.samples.documented import DOCUMENTED, Documented

CATEGORY_CLASSES = {
    "validation": "ApiValidationError",
    "availability": "ApiAvailabilityError",
    "payment": "ApiPaymentError",
    "authentication": "ApiAuthenticationError",
    "authorization": "ApiAuthorizationError",
    "not_found": "ApiNotFoundError",
    "conflict": "ApiConflictError",
    "rate_limit": "ApiRateLimitError",
    "server_error": "ApiServerError",
}


ROWS = pytest.mark.parametrize("row", DOCUMENTED.values(), ids=DOCUMENTED)


@ROWS
def test_a_row_is_as_documented(row: Documented) -> None:
    ours = ERROR_CODES[row.code]
    assert (ours.code, ours.status, ours.category) == (row.code, row.status, row.category)
    assert (ours.retryable, ours.reserved) == (row.retryable, row.reserved)
    assert ours.error.__name__ == row.error
    assert ours.part == row.part
    assert ours.action.kind == row.next_action
    assert getattr(ours.action, "reason", None) == row.reason
    assert issubclass(ours.error, getattr(errors, CATEGORY_CLASSES[row.category]))


@ROWS
def test_a_refusal_carries_its_documented_facts(row: Documented) -> None:
    raised = refuse(row.code, "what happened", request_id="req-1")
    assert type(raised).__name__ == row.error
    assert (raised.code, raised.status, raised.category) == (row.code, row.status, row.category)
    assert (raised.retryable, raised.request_id) == (row.retryable, "req-1")
    assert raised.next_action == ERROR_CODES[row.code].action
    assert part_of(raised) == row.part
    assert str(raised) == f"{row.code}: what happened; request req-1"


@pytest.mark.parametrize("code", sorted({*DOCUMENTED, *ERROR_CODES, *CODES}))
def test_a_code_is_everywhere_it_belongs(code: str) -> None:
    """All that is written by hand for a code; its rows in the documentation are generated."""
    documented = DOCUMENTED.get(code)
    places = {
        "tests/samples/documented.py: a row": documented is not None,
        "gett_checkout/errors.py: its class": documented is None
        or documented.error in errors.__all__,
        "gett_checkout/_core/codes.py: a row": code in ERROR_CODES,
        "gett_checkout/messages.py: its sentence": code in ENGLISH,
        # The sandbox plays Gett, not the gateways before it.
        "gett_checkout/sandbox/problems.py: a row": code in CODES or code == "BAD_GATEWAY",
    }
    assert [place for place, is_there in places.items() if not is_there] == []


@pytest.mark.parametrize("code", CODES)
def test_the_sandbox_says_the_same_of_a_code(code: str) -> None:
    theirs, row = CODES[code], DOCUMENTED[code]
    assert (theirs.status, theirs.retryable, theirs.reserved) == (
        row.status,
        row.retryable,
        row.reserved,
    )
    assert theirs.category in (row.category, None)  # some pages name none


def test_every_leaf_class_has_a_row_and_every_row_its_own_class() -> None:
    leaves = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, ApiError) and not each.__subclasses__()
    }
    rows = [row.error for row in ERROR_CODES.values()]
    assert set(rows) == leaves
    assert len(rows) == len(leaves)


def test_every_category_has_its_class() -> None:
    assert {name: each.__name__ for name, each in CATEGORIES.items()} == CATEGORY_CLASSES


def test_what_the_answer_says_goes_before_what_is_documented() -> None:
    raised = refuse("STORE_CLOSED", status=409, retryable=True, category="weather")
    assert (raised.status, raised.retryable, raised.category) == (409, True, "weather")
    assert isinstance(raised, errors.StoreClosedError)


# An unknown code: its category decides, failing that the status, failing that it is an ApiError.
UNKNOWN: list[tuple[str, int, str, str, str]] = [
    *((name, 418, each, *{"payment": ("payment", "choose_payment"),
                          "conflict": ("used", "validate"),
                          "rate_limit": ("service", "wait"),
                          "server_error": ("service", "wait")}
       .get(name, ("integration", "contact_support")))
      for name, each in CATEGORY_CLASSES.items()),
    ("payment", 500, "ApiPaymentError", "payment", "choose_payment"),
    ("", 400, "ApiValidationError", "integration", "contact_support"),
    ("", 401, "ApiAuthenticationError", "integration", "contact_support"),
    ("", 402, "ApiPaymentError", "payment", "choose_payment"),
    ("", 403, "ApiAuthorizationError", "integration", "contact_support"),
    ("", 404, "ApiNotFoundError", "integration", "contact_support"),
    ("", 409, "ApiConflictError", "used", "validate"),
    ("", 422, "ApiValidationError", "integration", "contact_support"),
    ("", 429, "ApiRateLimitError", "service", "wait"),
    ("", 500, "ApiServerError", "service", "wait"),
    ("", 504, "ApiServerError", "service", "wait"),
    ("", 599, "ApiServerError", "service", "wait"),
    ("unheard of", 409, "ApiConflictError", "used", "validate"),
    ("", 418, "ApiError", "integration", "contact_support"),
    ("", 302, "ApiError", "integration", "contact_support"),
    ("", 0, "ApiError", "integration", "contact_support"),
]  # fmt: skip


@pytest.mark.parametrize(("category", "status", "error", "part", "action"), UNKNOWN)
def test_an_unknown_code_falls_back(
    category: str, status: int, error: str, part: str, action: str
) -> None:
    for code in ("", "BRAND_NEW"):
        raised = refuse(code, category=category, status=status)
        assert type(raised).__name__ == error
        assert (raised.code, raised.status) == (code, status)
        assert part_of(raised) == part
        assert raised.next_action is not None
        assert raised.next_action.kind == action
        assert str(raised) == (code or f"HTTP {status}")


@pytest.mark.parametrize(
    ("facts", "seconds"), [({}, 1.0), ({"retry_after": 7.5}, 7.5), ({"retry_after": 0.0}, 1.0)]
)
def test_the_next_action_waits_as_long_as_gett_asks(facts: dict[str, Any], seconds: float) -> None:
    for code, category in (("RATE_LIMITED", ""), ("BRAND_NEW", "server_error")):
        assert refuse(code, category=category, **facts).next_action == Wait(seconds)
    assert refuse("STORE_CLOSED", **facts).next_action == ChooseStore("STORE_CLOSED")


def test_a_refusal_may_lack_everything() -> None:
    raised = refuse("")
    assert type(raised) is ApiError
    assert (raised.code, raised.status, raised.errors) == ("", 0, ())


@pytest.mark.parametrize(("status", "category"), [(500, "server_error"), (499, ""), (200, "")])
def test_categories_of_bare_statuses(status: int, category: str) -> None:
    assert category_of(status) == category


def test_the_parts_are_all_in_use_but_those_that_only_a_name_blames() -> None:
    only_named = {Part.SHOPPER, Part.RECIPIENT}
    assert {row.part for row in ERROR_CODES.values()} == set(Part) - only_named


def test_an_action_in_the_table_is_ready_for_json() -> None:
    for row in ERROR_CODES.values():
        data: dict[str, Any] = row.action.to_dict()
        assert data["kind"] == row.action.kind
