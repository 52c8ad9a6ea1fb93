"""Refusals read into errors: documented codes, bare statuses, damaged bodies, waits, and masking."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gett_checkout import ApiError, OrderBelowMinimumError
from gett_checkout._core import blame
from gett_checkout._core.cart import Line
from gett_checkout._core.codes import ERROR_CODES
from gett_checkout._wire.problems import mask, read_problem, secrets_of
from gett_checkout.errors import SessionUserRequiredError

NOW = datetime(2026, 4, 27, 14, 30, tzinfo=UTC)
FAR = f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT"


def read(status: int, body: Any = b"", **headers: str) -> ApiError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_problem(
        status, {name.replace("_", "-"): each for name, each in headers.items()}, raw, NOW
    )


SESSION_USER_REQUIRED = {
    "type": "https://developer.gett-tech.com/errors/SESSION_USER_REQUIRED",
    "title": "Bad request",
    "status": 401,
    "detail": "This endpoint requires a session JWT minted with an email. "
    "Create one via POST /v1/marketplace/session/create.",
    "instance": "/v1/marketplace/checkout/payments",
    "requestId": "req_abc123",
    "timestamp": "2026-04-27T14:30:00.000Z",
    "errorCode": "SESSION_USER_REQUIRED",
    "errorCategory": "authentication",
    "retryable": False,
}
ORDER_BELOW_MINIMUM = {
    "type": "https://developer.gett-tech.com/errors/ORDER_BELOW_MINIMUM",
    "title": "Bad Request",
    "status": 400,
    "detail": "Order subtotal is below the merchant's minimum.",
    "instance": "/v1/marketplace/orders/validate",
    "requestId": "req_abc123",
    "timestamp": "2026-04-27T14:30:00.000Z",
    "errorCode": "ORDER_BELOW_MINIMUM",
    "errorCategory": "validation",
    "retryable": False,
}


@pytest.mark.parametrize(
    ("status", "document", "cls", "action"),
    [
        (401, SESSION_USER_REQUIRED, SessionUserRequiredError, "sign_in"),
        (400, ORDER_BELOW_MINIMUM, OrderBelowMinimumError, "add_items"),
    ],
)
def test_the_documents_of_the_portal(
    status: int, document: dict[str, Any], cls: type[ApiError], action: str
) -> None:
    error = read(status, document)
    assert type(error) is cls
    assert error.next_action is not None
    assert error.next_action.kind == action
    assert error.detail == document["detail"]
    assert (error.code, error.category, error.status, error.title) == (
        document["errorCode"],
        document["errorCategory"],
        status,
        document["title"],
    )
    assert (error.request_id, error.retryable, error.retry_after) == ("req_abc123", False, None)


@pytest.mark.parametrize("row", ERROR_CODES.values(), ids=lambda row: row.code)
def test_every_documented_code_is_its_class(row: Any) -> None:
    error = read(row.status, {"errorCode": row.code, "detail": "why", "requestId": "r"})
    assert type(error) is row.error
    assert (error.status, error.category, error.retryable) == (
        row.status,
        row.category,
        row.retryable,
    )
    assert error.next_action == row.action


@pytest.mark.parametrize(
    ("status", "document", "name"),
    [
        (400, {"errorCode": "NEW_CODE", "errorCategory": "payment"}, "ApiPaymentError"),
        (409, {"errorCode": "NEW_CODE", "errorCategory": "new_category"}, "ApiConflictError"),
        (418, {"errorCode": "NEW_CODE"}, "ApiError"),
        (404, {"errorCode": "NEW_CODE"}, "ApiNotFoundError"),
        (400, {}, "ApiValidationError"),
        (401, {}, "UnauthenticatedError"),
        (403, {}, "ForbiddenError"),
        (404, {}, "NotFoundError"),
        (409, {}, "ApiConflictError"),
        (422, {}, "ApiValidationError"),
        (429, {}, "RateLimitedError"),
        (500, {}, "InternalError"),
        (502, {}, "BadGatewayError"),
        (503, {}, "ServiceUnavailableError"),
        (504, {}, "ApiServerError"),
        (302, {}, "ApiError"),
        (599, {}, "ApiServerError"),
    ],
)
def test_what_is_not_in_the_table_goes_by_category_then_status(
    status: int, document: dict[str, Any], name: str
) -> None:
    error = read(status, document)
    assert type(error).__name__ == name
    assert error.status == status
    assert error.next_action is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>502 Bad Gateway</h1></html>",
        b'{"errorCode": "ORDER_BEL',
        b"null",
        b"[1, 2]",
        b'"x"',
        b"\xff\xfe",
        b"[" * 99_999,
        b'{"errorCode": 7, "detail": [], "title": {}, "retryable": "yes", "errors": {}, "requestId": 1}',
        b'{"errors": [7, null, {"code": 1, "message": null}], "retryAfter": {}, "errorCategory": []}',
        b'{"retryAfter": 1e999999, "detail": null}',
    ],
)
def test_a_damaged_document_is_a_refusal_all_the_same(body: bytes) -> None:
    for status in (302, 400, 404, 429, 502):
        error = read(status, body)
        assert type(error) is type(read(status))
        assert (error.status, error.retry_after, error.detail) == (status, None, "")
        assert json.dumps(error.to_problem())


def test_a_404_without_a_body_is_what_was_asked_for() -> None:
    found = read_problem(404, {}, b"", NOW, missing="STORE_NOT_FOUND")
    assert found.operation == ""
    assert type(found).__name__ == "StoreNotFoundError"
    assert type(read_problem(404, {}, b"<html>", NOW, missing="STORE_NOT_FOUND")).__name__ == (
        "NotFoundError"
    )


def test_both_forms_of_entries_are_kept() -> None:
    entries: list[dict[str, Any]] = [
        {"code": "sold_out", "message": "Sold out", "itemId": "item_12345678901", "left": 0},
        {"code": "required", "message": "Required", "jsonPath": "$.cart.lineItems[0].quantity"},
    ]
    error = read(400, {"errorCode": "ITEM_UNAVAILABLE", "errors": entries})
    del entries[0]["left"]
    assert list(error.errors) == entries


def test_what_names_something_stays_and_prose_is_masked() -> None:
    number = "4111111111111111"
    said = {"itemId": number, "cart_id": number, "field": number, "message": number}
    (entry,) = read(400, {"errors": [said]}).errors
    assert entry == {**said, "message": "•••"}


def test_at_most_a_hundred_entries_are_kept() -> None:
    entries = [{"code": str(number)} for number in range(150)]
    assert list(read(400, {"errors": entries}).errors) == entries[:100]


# --- how long to wait -----------------------------------------------------------------------------

RESET = str(int(NOW.timestamp()) + 40)


@pytest.mark.parametrize(
    ("status", "document", "headers", "wait"),
    [
        (429, {"retryAfter": 7}, {}, 7),
        (503, {"retryAfter": 0.5}, {}, 0.5),
        (503, {"retryAfter": "3"}, {}, 3),
        (429, {"retryAfter": 7}, {"Retry_After": "9"}, 7),
        (429, {"retryAfter": -1}, {"Retry_After": "9"}, 9),
        (429, {"retryAfter": True}, {}, None),
        (429, {"retryAfter": "soon"}, {}, None),
        (429, {}, {"Retry_After": "9"}, 9),
        (503, {}, {"Retry_After": "Mon, 27 Apr 2026 14:30:20 GMT"}, 20),
        (503, {}, {"Retry_After": "Mon, 27 Apr 2026 14:30:20 -0000"}, 20),
        (503, {}, {"Retry_After": "Mon, 27 Apr 2026 14:00:00 GMT"}, 0),
        (503, {}, {"Retry_After": "Fri, 27 Apr 2029 14:00:00 GMT"}, None),
        (503, {}, {"Retry_After": "nan"}, None),
        (503, {}, {"Retry_After": "1e400"}, None),
        (429, {}, {"X_RateLimit_Reset": RESET}, 40),
        (429, {"retryAfter": 7}, {"X_RateLimit_Reset": RESET}, 7),
        (503, {}, {"X_RateLimit_Reset": RESET}, None),
        (429, {}, {"X_RateLimit_Reset": "12"}, None),
        (429, {}, {"X_RateLimit_Reset": RESET + "000"}, None),
    ],
)
def test_how_long_to_wait(
    status: int, document: dict[str, Any], headers: dict[str, str], wait: float | None
) -> None:
    assert read(status, document, **headers).retry_after == wait


# --- masking --------------------------------------------------------------------------------------

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJJZCI6IjEifQ.sflKxwRJ-_x"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail to jane.doe+x@example.co.uk now", "mail to ••• now"),
        ("?email=jane%40example.com", "?email=•••"),
        ("<jane@example.com>", "<•••>"),
        (f"token {JWT} is bad", "token ••• is bad"),
        ("Bearer abc.def", "•••"),
        ("key zpka_0123-abc_x refused", "key ••• refused"),
        ("gett_sess_abc", "•••"),
        ("call +12125550123", "call •••"),
        ("call (212) 555-0123!", "call •••!"),
        ("card 4111 1111 1111 1111.", "card •••."),
        ("card 4111-1111-1111-1111", "card •••"),
        ("number: 4111111111111111,", "number: •••,"),
    ],
)
def test_prose_loses_its_secrets(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "req_abc123",
        "req_12345678901234567890",
        "0b6c1f7e-1234-4234-8234-123456789012",
        "12345678-1234-1234-1234-123456789012",
        "item_margherita",
        "item-1234567890123",
        "on 2026-04-27 14:30:00 and 2026-04-27T14:30:00.000Z",
        "Order subtotal is below the merchant's minimum of $15.00.",
        "$.cart.lineItems[0].quantity",
        "line 1 of 25, 100 per minute",
    ],
)
def test_ids_and_figures_stay(text: str) -> None:
    assert mask(text) == text


def test_what_was_sent_is_masked_wherever_it_comes_back() -> None:
    sent = json.dumps(
        {
            "customer": {"email": "j@x", "firstName": "Jane"},
            "payment": {"cardOnFile": {"cardToken": "visa-tok"}},
            "billing": [{"cvc": "737"}],
            "quantity": 3,
        }
    )
    assert set(secrets_of(sent.encode())) == {"j@x", "Jane", "visa-tok", "737"}
    document = {
        "errorCode": "VALIDATION_FAILED",
        "title": "visa-tok",
        "detail": "Jane: 737 is not 7371",
        "requestId": "req-visa-tok",
        "errors": [{"code": "visa-tok", "value": "737", "Jane": "x", "itemId": "i-7371"}],
    }
    error = read_problem(
        422, {}, json.dumps(document).encode(), NOW, secrets=tuple(secrets_of(sent.encode()))
    )
    assert error.detail == "•••: ••• is not 7371"
    assert error.errors == ({"code": "•••", "value": "•••", "•••": "x", "itemId": "i-7371"},)
    assert "visa-tok" not in f"{error.title} {error.request_id} {error!r} {error}"


@pytest.mark.parametrize("payload", [None, b"", b"{", b"7", b"[[]]"])
def test_a_body_without_secrets_has_none(payload: bytes | None) -> None:
    assert not list(secrets_of(payload))


def test_long_prose_is_cut_after_it_is_masked() -> None:
    error = read(400, {"detail": "x" * 490 + " " + JWT + "y" * 10_000})
    assert len(error.detail) <= 500
    assert "eyJ" not in error.detail


def test_a_reset_is_waited_for_within_its_minute_only() -> None:
    def wait(status: int, seconds: float) -> float | None:
        reset = str(int(NOW.timestamp() + seconds))
        return read(status, X_RateLimit_Reset=reset).retry_after

    assert [wait(429, seconds) for seconds in (0, 1, 60, 61)] == [None, 1.0, 60.0, None]
    assert wait(503, 30) is None


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (0, 0.0),
        (86400, 86400.0),
        (86401, None),
        (-1, None),
        ("9" * 400, None),
        (10**400, None),
        (FAR, None),
    ],
)
def test_a_wait_is_between_nothing_and_a_day(said: object, wait: float | None) -> None:
    assert read(503, {"errorCode": "SERVICE_UNAVAILABLE", "retryAfter": said}).retry_after == wait


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_gateways_passing_failure_is_worth_another_try(status: int) -> None:
    assert read(status, {"errorCode": "KITCHEN_ON_FIRE"}).retryable
    assert not read(status, {"errorCode": "KITCHEN_ON_FIRE", "retryable": False}).retryable
    assert not read(418, {"errorCode": "KITCHEN_ON_FIRE"}).retryable


def test_every_member_that_holds_a_secret_is_masked() -> None:
    members = {
        name: f"value-of-{name}"
        for name in [
            "email",
            "phone",
            "firstName",
            "lastName",
            "address1",
            "address2",
            "cardToken",
            "cardNumber",
            "cvc",
            "validatedOrderToken",
            "orderToken",
            "token",
        ]
    }
    body = json.dumps({"cart": [{"customer": members, "city": "Paris", "quantity": 2}]})
    assert sorted(secrets_of(body.encode())) == sorted(members.values())


def test_a_code_is_a_code_whatever_it_would_be_as_prose() -> None:
    assert read(400, {"errorCode": 5}).code == ""
    assert read(400, {"errorCode": "CART_EMPTY"}).code == "CART_EMPTY"
    assert read(404, {"errorCategory": "conflict"}).code == ""
    assert read(404, {"errorCategory": "conflict"}).category == "conflict"


def test_a_known_code_stays_and_any_other_is_masked_as_prose_is() -> None:
    def code(said: object, *secrets: str) -> str:
        body = json.dumps({"errorCode": said}).encode()
        return read_problem(400, {}, body, NOW, secrets=secrets).code

    assert code("CART_EMPTY", "CART_EMPTY") == "CART_EMPTY"  # somebody's name may be one
    assert "jane" not in code("jane@example.com")
    assert len(code("X" * 900)) == 500
    assert code(["CART_EMPTY"]) == ""


def test_an_empty_secret_masks_nothing() -> None:
    assert mask("12 eggs, please", ["", "spam"]) == "12 eggs, please"


def test_a_name_does_not_mask_the_id_of_a_dish_that_has_it() -> None:
    sent = json.dumps({"customer": {"firstName": "Margherita", "email": "m@example.com"}})
    entry = {
        "itemId": "pizza-Margherita",
        "message": "Margherita is gone",
        "field": "m@example.com",
    }
    body = json.dumps({"errorCode": "ITEM_UNAVAILABLE", "errors": [entry]}).encode()
    error = read_problem(400, {}, body, datetime.now(UTC), secrets=tuple(secrets_of(sent.encode())))
    assert error.errors == (
        {"itemId": "pizza-Margherita", "message": "••• is gone", "field": "•••"},
    )
    marked = blame.mark(error, (Line("l1", "pizza-Margherita", 1),))
    assert [each.code for each in marked[0].problems] == ["ITEM_UNAVAILABLE"]
