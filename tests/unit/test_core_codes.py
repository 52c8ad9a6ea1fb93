"""Every documented error code, row by row, and what becomes of those that are not documented."""

from __future__ import annotations

from typing import Any

import pytest

from gett_checkout import errors
from gett_checkout._core.codes import CATEGORIES, ERROR_CODES, Part, category_of, part_of, refuse
from gett_checkout.errors import ApiError

# The documented errors, typed by hand: code, status, category, retryable, reserved; then the class, the
# part of the order in question and what to do next. Where a page names no category (INVALID_REQUEST,
# the two MISSING_… and 502) the one that fits is ours.
_TABLE = """
INVALID_REQUEST         400 validation     no  no  InvalidRequestError        integration contact_support
MISSING_IDEMPOTENCY_KEY 400 validation     no  no  MissingIdempotencyKeyError integration contact_support
MISSING_STORE_ID        400 validation     no  no  MissingStoreIdError        integration contact_support
ADDRESS_INVALID         400 validation     no  yes AddressInvalidError        fulfillment choose_fulfillment
ADDRESS_OUT_OF_RANGE    400 validation     no  yes AddressOutOfRangeError     fulfillment choose_fulfillment
CART_EMPTY              400 validation     no  yes CartEmptyError             lines       add_items
CATALOGSET_REQUIRED     400 validation     no  no  CatalogSetRequiredError    store       choose_store
MODIFIER_REQUIRED       400 validation     no  yes ModifierRequiredError      lines       complete_modifiers
ORDER_BELOW_MINIMUM     400 validation     no  yes OrderBelowMinimumError     lines       add_items
ORDER_TOTAL_DIFFERENT   400 validation     no  no  OrderTotalDifferentError   quote       validate
ITEM_UNAVAILABLE        400 availability   no  no  ItemUnavailableError       lines       fix_lines
STORE_CLOSED            400 availability   no  no  StoreClosedError           store       choose_store
PAYMENT_DECLINED        400 payment        no  no  PaymentDeclinedError       payment     choose_payment
PAYMENT_FAILED          400 payment        yes no  PaymentFailedError         payment     choose_payment
PAYMENT_METHOD_INVALID  400 payment        no  yes PaymentMethodInvalidError  payment     choose_payment
UNAUTHENTICATED         401 authentication no  no  UnauthenticatedError       integration contact_support
SESSION_USER_REQUIRED   401 authentication no  no  SessionUserRequiredError   integration sign_in
FORBIDDEN               403 authorization  no  no  ForbiddenError             integration contact_support
NOT_FOUND               404 not_found      no  no  NotFoundError              integration contact_support
STORE_NOT_FOUND         404 not_found      no  no  StoreNotFoundError         store       choose_store
CATALOGSET_NOT_FOUND    404 not_found      no  no  CatalogSetNotFoundError    store       choose_store
CONFLICT                409 conflict       no  no  ConflictError              used        validate
ORDER_ALREADY_PLACED    409 conflict       no  yes OrderAlreadyPlacedError    used        contact_support
VALIDATION_FAILED       422 validation     no  no  ValidationFailedError      integration contact_support
RATE_LIMITED            429 rate_limit     yes no  RateLimitedError           service     wait
INTERNAL_ERROR          500 server_error   yes no  InternalError              service     wait
BAD_GATEWAY             502 server_error   yes no  BadGatewayError            service     wait
SERVICE_UNAVAILABLE     503 availability   yes no  ServiceUnavailableError    service     wait
"""
Row = tuple[str, int, str, bool, bool, str, str, str]


def _row(line: str) -> Row:
    code, status, category, retryable, reserved, error, part, action = line.split()
    return code, int(status), category, retryable == "yes", reserved == "yes", error, part, action


DOCUMENTED = [_row(each) for each in _TABLE.strip().splitlines()]

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


@pytest.mark.parametrize("row", DOCUMENTED, ids=lambda row: row[0])
def test_a_row_is_as_documented(row: Row) -> None:
    code, status, category, retryable, reserved, error, part, action = row
    ours = ERROR_CODES[code]
    assert (ours.code, ours.status, ours.category) == (code, status, category)
    assert (ours.retryable, ours.reserved) == (retryable, reserved)
    assert ours.error.__name__ == error
    assert (ours.part, ours.action.kind) == (part, action)
    assert issubclass(ours.error, getattr(errors, CATEGORY_CLASSES[category]))


@pytest.mark.parametrize("row", DOCUMENTED, ids=lambda row: row[0])
def test_a_refusal_carries_its_documented_facts(
    row: Row,
) -> None:
    code, status, category, retryable, _, error, part, action = row
    raised = refuse(code, "what happened", request_id="req-1")
    assert type(raised).__name__ == error
    assert (raised.code, raised.status, raised.category) == (code, status, category)
    assert (raised.retryable, raised.request_id) == (retryable, "req-1")
    assert raised.next_action is not None
    assert raised.next_action.kind == action
    assert part_of(raised) == part
    assert str(raised) == f"{code}: what happened; request req-1"


def test_the_table_holds_the_documented_codes_and_no_other() -> None:
    assert set(ERROR_CODES) == {row[0] for row in DOCUMENTED}


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
@pytest.mark.parametrize("code", ["", "BRAND_NEW"])
def test_an_unknown_code_falls_back(
    code: str, category: str, status: int, error: str, part: str, action: str
) -> None:
    raised = refuse(code, category=category, status=status)
    assert type(raised).__name__ == error
    assert (raised.code, raised.status) == (code, status)
    assert part_of(raised) == part
    assert raised.next_action is not None
    assert raised.next_action.kind == action
    assert str(raised) == (code or f"HTTP {status}")


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
