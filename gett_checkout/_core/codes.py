"""Every error code Gett documents, in one table: Gett's description, and our consequences.

Docs: Errors, one page per code. Codes marked reserved are documented but not emitted yet. The library
detects an empty cart, a missing choice and the minimum by itself, before it sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import frozen

from gett_checkout import errors as e
from gett_checkout._core import actions as a
from gett_checkout._core.actions import NextAction


class Part(StrEnum):
    """The part of the order that a rejection calls into question."""

    LINES = "lines"
    STORE = "store"
    FULFILLMENT = "fulfillment"
    SHOPPER = "shopper"
    RECIPIENT = "recipient"
    PAYMENT = "payment"
    QUOTE = "quote"
    USED = "used"  # something is used up: an order may exist
    INTEGRATION = (
        "integration"  # the request or the credential, not the order: a shopper cannot fix it
    )
    SERVICE = "service"  # Gett is slow, busy or down: the same request may succeed later


@frozen
class ErrorCode:
    """One row: Gett's columns first, then ours."""

    code: str
    status: int
    category: str
    retryable: bool
    reserved: bool
    error: type[e.ApiError]
    part: Part
    action: NextAction


_OURS = a.ContactSupport("INTEGRATION")
_LATER = a.Wait(1.0)

# fmt: off
_TABLE: Final = (
    #         code                       http category         again  reserved class                     questions         next action
    ErrorCode("INVALID_REQUEST",         400, "validation",     False, False, e.InvalidRequestError,        Part.INTEGRATION, _OURS),
    ErrorCode("MISSING_IDEMPOTENCY_KEY", 400, "validation",     False, False, e.MissingIdempotencyKeyError, Part.INTEGRATION, _OURS),
    ErrorCode("MISSING_STORE_ID",        400, "validation",     False, False, e.MissingStoreIdError,        Part.INTEGRATION, _OURS),
    ErrorCode("ADDRESS_INVALID",         400, "validation",     False, True,  e.AddressInvalidError,        Part.FULFILLMENT, a.ChooseFulfillment()),
    ErrorCode("ADDRESS_OUT_OF_RANGE",    400, "validation",     False, True,  e.AddressOutOfRangeError,     Part.FULFILLMENT, a.ChooseFulfillment()),
    ErrorCode("CART_EMPTY",              400, "validation",     False, True,  e.CartEmptyError,             Part.LINES,       a.AddItems()),
    ErrorCode("CATALOGSET_REQUIRED",     400, "validation",     False, False, e.CatalogSetRequiredError,    Part.STORE,       a.ChooseStore("CATALOGSET_REQUIRED")),
    ErrorCode("MODIFIER_REQUIRED",       400, "validation",     False, True,  e.ModifierRequiredError,      Part.LINES,       a.CompleteModifiers()),
    ErrorCode("ORDER_BELOW_MINIMUM",     400, "validation",     False, True,  e.OrderBelowMinimumError,     Part.LINES,       a.AddItems()),
    ErrorCode("ORDER_TOTAL_DIFFERENT",   400, "validation",     False, False, e.OrderTotalDifferentError,   Part.QUOTE,       a.Validate()),
    ErrorCode("ITEM_UNAVAILABLE",        400, "availability",   False, False, e.ItemUnavailableError,       Part.LINES,       a.FixLines(reason="ITEM_UNAVAILABLE")),
    ErrorCode("STORE_CLOSED",            400, "availability",   False, False, e.StoreClosedError,           Part.STORE,       a.ChooseStore("STORE_CLOSED")),
    ErrorCode("PAYMENT_DECLINED",        400, "payment",        False, False, e.PaymentDeclinedError,       Part.PAYMENT,     a.ChoosePayment("PAYMENT_DECLINED")),
    ErrorCode("PAYMENT_FAILED",          400, "payment",        True,  False, e.PaymentFailedError,         Part.PAYMENT,     a.ChoosePayment("PAYMENT_FAILED")),
    ErrorCode("PAYMENT_METHOD_INVALID",  400, "payment",        False, True,  e.PaymentMethodInvalidError,  Part.PAYMENT,     a.ChoosePayment("PAYMENT_METHOD_INVALID")),
    ErrorCode("UNAUTHENTICATED",         401, "authentication", False, False, e.UnauthenticatedError,       Part.INTEGRATION, a.ContactSupport("CREDENTIAL")),
    ErrorCode("SESSION_USER_REQUIRED",   401, "authentication", False, False, e.SessionUserRequiredError,   Part.INTEGRATION, a.SignIn()),
    ErrorCode("FORBIDDEN",               403, "authorization",  False, False, e.ForbiddenError,             Part.INTEGRATION, a.ContactSupport("PERMISSION")),
    ErrorCode("NOT_FOUND",               404, "not_found",      False, False, e.NotFoundError,              Part.INTEGRATION, _OURS),
    ErrorCode("STORE_NOT_FOUND",         404, "not_found",      False, False, e.StoreNotFoundError,         Part.STORE,       a.ChooseStore("STORE_NOT_FOUND")),
    ErrorCode("CATALOGSET_NOT_FOUND",    404, "not_found",      False, False, e.CatalogSetNotFoundError,    Part.STORE,       a.ChooseStore("CATALOGSET_NOT_FOUND")),
    ErrorCode("CONFLICT",                409, "conflict",       False, False, e.ConflictError,              Part.USED,        a.Validate()),
    ErrorCode("ORDER_ALREADY_PLACED",    409, "conflict",       False, True,  e.OrderAlreadyPlacedError,    Part.USED,        a.ContactSupport("ORDER_ALREADY_PLACED")),
    ErrorCode("VALIDATION_FAILED",       422, "validation",     False, False, e.ValidationFailedError,      Part.INTEGRATION, _OURS),
    ErrorCode("RATE_LIMITED",            429, "rate_limit",     True,  False, e.RateLimitedError,           Part.SERVICE,     _LATER),
    ErrorCode("INTERNAL_ERROR",          500, "server_error",   True,  False, e.InternalError,              Part.SERVICE,     _LATER),
    ErrorCode("BAD_GATEWAY",             502, "server_error",   True,  False, e.BadGatewayError,            Part.SERVICE,     _LATER),
    ErrorCode("SERVICE_UNAVAILABLE",     503, "availability",   True,  False, e.ServiceUnavailableError,    Part.SERVICE,     _LATER),
)
# fmt: on

ERROR_CODES: Final[Mapping[str, ErrorCode]] = {row.code: row for row in _TABLE}

# For a code that is not in the table: by its category, or else by the status.
CATEGORIES: Final[Mapping[str, type[e.ApiError]]] = {
    "validation": e.ApiValidationError,
    "availability": e.ApiAvailabilityError,
    "payment": e.ApiPaymentError,
    "authentication": e.ApiAuthenticationError,
    "authorization": e.ApiAuthorizationError,
    "not_found": e.ApiNotFoundError,
    "conflict": e.ApiConflictError,
    "rate_limit": e.ApiRateLimitError,
    "server_error": e.ApiServerError,
}
STATUS_CATEGORIES: Final[Mapping[int, str]] = {
    400: "validation",
    401: "authentication",
    402: "payment",
    403: "authorization",
    404: "not_found",
    409: "conflict",
    422: "validation",
    429: "rate_limit",
}
_CATEGORY_PARTS: Final[Mapping[str, Part]] = {
    "payment": Part.PAYMENT,
    "conflict": Part.USED,
    "rate_limit": Part.SERVICE,
    "server_error": Part.SERVICE,
}
_CATEGORY_ACTIONS: Final[Mapping[str, NextAction]] = {
    "payment": a.ChoosePayment(),
    "conflict": a.Validate(),
    "rate_limit": _LATER,
    "server_error": _LATER,
}


def category_of(status: int) -> str:
    """Return the category of a bare status; empty when it has none."""
    return "server_error" if status >= 500 else STATUS_CATEGORIES.get(status, "")


def refuse(
    code: str,
    detail: str = "",
    *,
    category: str = "",
    next_action: NextAction | None = None,
    **document: Any,
) -> e.ApiError:
    """Make the error of this code, with its documented properties and next action.

    An unknown code gets the class of its ``category``, then that of its ``status``.
    """
    row = ERROR_CODES.get(code)
    if row is not None:
        kind, action, category = row.error, row.action, category or row.category
        document = {"status": row.status, "retryable": row.retryable, **document}
    else:
        category = category if category in CATEGORIES else category_of(document.get("status", 0))
        kind = CATEGORIES.get(category, e.ApiError)
        action = _CATEGORY_ACTIONS.get(category, _OURS)
    wait = document.get("retry_after")
    if isinstance(action, a.Wait) and wait:
        action = a.Wait(wait)
    return kind(detail, code=code, category=category, next_action=next_action or action, **document)


def part_of(error: e.ApiError) -> Part:
    """Return the part of the order this rejection questions: by its code, or else by its category."""
    row = ERROR_CODES.get(error.code)
    return row.part if row else _CATEGORY_PARTS.get(error.category, Part.INTEGRATION)
