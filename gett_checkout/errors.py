"""The errors of the library in one tree; `gett_checkout.web` adds those of its endpoints.

::

    GettCheckoutError
    ├── InvalidInputError            invalid argument or request body (also a ValueError)
    │   └── LineNotFoundError        the cart has no such line
    ├── CartOfAnotherStoreError      the cart holds items of another store
    ├── MenuChangedError             the menu does not sell this item or choice (any more)
    ├── StepNotAllowedError          the step does not fit the stage, or a requirement is missing
    ├── IdentityRequiredError        the step needs an end user and no identity is known
    ├── TotalChangedError            the total differs from the one the shopper agreed to
    ├── OutcomeUnknownError          an order was sent and no response revealed its outcome
    ├── PlacementInProgressError     another worker is placing this checkout right now
    ├── HandOverError                the order is placed, but on_placed failed
    ├── TransportError               no complete response: connection refused, reset, timed out
    ├── InvalidResponseError         the response does not match the API's documentation
    ├── CheckoutNotFoundError        unknown or expired checkout
    ├── CheckoutConflictError        another worker changed the checkout first
    ├── StorageError                 the storage failed
    │   ├── SnapshotTooNewError      saved by a later release
    │   └── UndecryptableError       no encryption key decrypts it
    ├── WebhookError                 a webhook that must not be processed now
    │   ├── WebhookRefusedError      not signed by Gett, or dated too far off
    │   ├── WebhookPayloadError      signed, but not an event the API documents
    │   └── WebhookBusyError         the same event is being handled elsewhere
    └── ApiError                     Gett rejected the request: a problem document, or an error status
        ├── ApiValidationError       InvalidRequestError, MissingIdempotencyKeyError, MissingStoreIdError,
        │                            AddressInvalidError, AddressOutOfRangeError, CartEmptyError,
        │                            CatalogSetRequiredError, ModifierRequiredError, OrderBelowMinimumError,
        │                            OrderTotalDifferentError, ValidationFailedError
        ├── ApiAvailabilityError     ItemUnavailableError, StoreClosedError, ServiceUnavailableError
        ├── ApiPaymentError          PaymentDeclinedError, PaymentFailedError, PaymentMethodInvalidError
        ├── ApiAuthenticationError   UnauthenticatedError, SessionUserRequiredError
        ├── ApiAuthorizationError    ForbiddenError
        ├── ApiNotFoundError         NotFoundError, StoreNotFoundError, CatalogSetNotFoundError
        ├── ApiConflictError         ConflictError, OrderAlreadyPlacedError
        ├── ApiRateLimitError        RateLimitedError
        └── ApiServerError           InternalError, BadGatewayError

``_core/codes.py`` maps codes, statuses and categories to classes. The errors are plain classes and not
attrs classes, because an attrs exception prints even the fields that its repr hides. All of them can be
pickled. No attribute holds a credential, card data or a shopper's contact data, except ``checkout_id``,
a bearer secret, and the ``extra`` of a placed order in ``next_action``, which Gett fills.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import evolve, frozen

from gett_checkout._money import DEFAULT_CURRENCY
from gett_checkout.messages import DEFAULT, Messages, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from gett_checkout._core.actions import NextAction
    from gett_checkout._core.cart import LineProblem
    from gett_checkout._core.minimum import MinimumOrder
    from gett_checkout._core.requirements import Requirement

__all__ = [
    "AddressInvalidError",
    "AddressOutOfRangeError",
    "ApiAuthenticationError",
    "ApiAuthorizationError",
    "ApiAvailabilityError",
    "ApiConflictError",
    "ApiError",
    "ApiNotFoundError",
    "ApiPaymentError",
    "ApiRateLimitError",
    "ApiServerError",
    "ApiValidationError",
    "BadGatewayError",
    "CartEmptyError",
    "CartOfAnotherStoreError",
    "CatalogSetNotFoundError",
    "CatalogSetRequiredError",
    "CheckoutConflictError",
    "CheckoutNotFoundError",
    "ConflictError",
    "FieldError",
    "ForbiddenError",
    "GettCheckoutError",
    "HandOverError",
    "IdentityRequiredError",
    "InternalError",
    "InvalidInputError",
    "InvalidRequestError",
    "InvalidResponseError",
    "ItemUnavailableError",
    "LineNotFoundError",
    "MenuChangedError",
    "MissingIdempotencyKeyError",
    "MissingStoreIdError",
    "ModifierRequiredError",
    "NotFoundError",
    "OrderAlreadyPlacedError",
    "OrderBelowMinimumError",
    "OrderTotalDifferentError",
    "OutcomeUnknownError",
    "PaymentDeclinedError",
    "PaymentFailedError",
    "PaymentMethodInvalidError",
    "PlacementInProgressError",
    "RateLimitedError",
    "ServiceUnavailableError",
    "SessionUserRequiredError",
    "SnapshotTooNewError",
    "StepNotAllowedError",
    "StorageError",
    "StoreClosedError",
    "StoreNotFoundError",
    "TotalChangedError",
    "TransportError",
    "UnauthenticatedError",
    "UndecryptableError",
    "ValidationFailedError",
    "WebhookBusyError",
    "WebhookError",
    "WebhookPayloadError",
    "WebhookRefusedError",
]


class GettCheckoutError(Exception):
    """The root: catch it to catch every error this library raises deliberately.

    A checkout sets ``checkout_id``, ``next_action`` and ``requirements`` (those still missing) on
    errors raised by its steps. A bare `GettClient` sets the ``next_action`` that Gett documents for an
    error code, or a wait when there was no readable response. ``idempotency_key`` is set once a
    placement has begun: quote it to support. ``retry_after`` is in seconds, ``None`` when unknown.
    ``cause`` names the underlying cause for logs and alerts, with low cardinality: ``timeout``,
    ``ServerDisconnected``, ``HTTP 502``. ``problem_code`` and ``problem_status`` are the class's values
    for `to_problem`; some errors override them.
    """

    _may_have_had_effect: ClassVar[bool] = False
    cause: str | None = None
    problem_code: ClassVar[str] = "CHECKOUT_ERROR"
    problem_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str = "",
        *,
        checkout_id: str | None = None,
        next_action: NextAction | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.checkout_id = checkout_id
        self.next_action = next_action
        self.requirements: tuple[Requirement, ...] = ()
        self.idempotency_key: str | None = None
        self.retry_after = retry_after

    @property
    def may_have_had_effect(self) -> bool:
        """Whether what was asked for may have happened despite the error, or may still happen."""
        return self._may_have_had_effect

    def text(self) -> Text:
        """Return the sentence for the shopper; ``str(error)`` is for developers."""
        return Text.of(self.problem_code)

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return an RFC 9457 problem document for your own HTTP response.

        It has no credential and no contact data, apart from ``checkout_id``, a bearer secret: drop it
        where no browser should have it. Its ``detail`` is for the shopper, in the sentences of
        ``messages``.
        """
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": _phrase(self.problem_status),
            "status": self.problem_status,
            "detail": messages.say(self.text()),
            "code": self.problem_code,
        }
        if self.checkout_id is not None:
            problem["checkout_id"] = self.checkout_id
        if self.next_action is not None:
            problem["next_action"] = self.next_action.to_dict(messages)
        if self.requirements:
            problem["requirements"] = [each.to_dict(messages) for each in self.requirements]
        if self.retry_after is not None:
            problem["retry_after"] = self.retry_after
        if self.idempotency_key is not None:
            problem["idempotency_key"] = self.idempotency_key
        return problem

    def problem_headers(self) -> dict[str, str]:
        """Return the headers to send with the problem document: media type, ``Retry-After`` in seconds.

        In aiohttp: ``web.Response(text=json.dumps(problem), headers=…)``, because ``json_response``
        sets its own media type.
        """
        headers = {"Content-Type": "application/problem+json"}
        wait = (
            getattr(self.next_action, "seconds", None)
            if self.retry_after is None
            else self.retry_after
        )
        if wait is not None:
            headers["Retry-After"] = str(max(ceil(wait), 0))
        return headers


@frozen
class FieldError:
    """One invalid field of the caller's input.

    ``pointer`` is a JSON Pointer (RFC 6901) into it: ``/address/postal_code``. ``code`` is ``missing``,
    ``unknown`` or ``invalid``. ``message`` is for developers, and never repeats the value.
    """

    pointer: str
    code: str
    message: str

    def text(self) -> Text:
        """Return the sentence for the shopper."""
        name = self.pointer.rpartition("/")[2]
        own = (f"field.{name}",) if self.code == "invalid" else ()
        return Text.of(*own, f"field.{self.code}", "field.invalid")


MAX_ERRORS = 20  # of one input: each names its place, and a guest can make thousands of mistakes


class InvalidInputError(GettCheckoutError, ValueError):
    """Invalid input; nothing changed, and at most the menu was fetched from Gett.

    Raise it for a field of your own: ``InvalidInputError("…", field="item_id", code="missing")``.
    ``errors`` lists the invalid fields, at most the first 20, if fields are to blame; ``field`` is the
    first of them, with dots between nested names: ``address.postal_code``.
    """

    problem_code = "INVALID_INPUT"
    problem_status = 422

    def __init__(
        self,
        message: str = "",
        *,
        field: str | None = None,
        code: str = "invalid",
        errors: Iterable[FieldError] = (),
    ) -> None:
        pointer = pointer_to(*field.split(".")) if field else ""
        listed = tuple(islice(errors, MAX_ERRORS))
        found = (FieldError(pointer, code, message),) if field else listed
        super().__init__(message or "; ".join(each.message for each in found))
        self.errors = found

    @property
    def field(self) -> str | None:
        """The first invalid field; ``None`` when no field is to blame."""
        names = self.errors[0].pointer.split("/")[1:] if self.errors else ()
        return ".".join(map(_unescaped, names)) or None

    def within(self, *names: object) -> tuple[FieldError, ...]:
        """Return the field errors, each pointer prefixed with the path that ``names`` spells out.

        Use it when the input that was checked is part of a larger input, nested there under that path.
        """
        outside = pointer_to(*names)
        if not self.errors:
            return (FieldError(outside, "invalid", str(self)),)
        return tuple(evolve(each, pointer=outside + each.pointer) for each in self.errors)

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the problem document, with an entry in ``errors`` for each invalid field."""
        errors = [
            {"pointer": each.pointer, "code": each.code, "detail": messages.say(each.text())}
            for each in self.errors
        ]
        return {**super().to_problem(messages), **({"errors": errors} if errors else {})}


def pointer_to(*names: object) -> str:
    """Return the JSON Pointer (RFC 6901) to a member, given the names or indexes that lead to it."""
    return "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in names)


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


class CartOfAnotherStoreError(GettCheckoutError):
    """The cart holds items of another store: ask, then ``browse(store_id, replace_cart=True)``."""

    problem_code = "CART_OF_ANOTHER_STORE"
    problem_status = 409


class LineNotFoundError(InvalidInputError):
    """The cart has no line with this id: it was removed, for example in another tab."""

    problem_code = "LINE_NOT_FOUND"
    problem_status = 404


class MenuChangedError(GettCheckoutError):
    """The menu does not sell this item or choice, or no longer does: show the menu again.

    This is not a bug in the page if it loaded the menu some time ago: the menu may have changed since.
    ``problems`` lists each unavailable item or choice and its place. Nothing changed; at most the menu
    was fetched from Gett.
    """

    problem_code = "MENU_CHANGED"
    problem_status = 409

    def __init__(self, message: str = "", *, problems: Iterable[LineProblem] = ()) -> None:
        self.problems: tuple[LineProblem, ...] = tuple(problems)
        found = "; ".join(f"{each.code} {' › '.join(each.path)}" for each in self.problems)
        super().__init__(message or f"reload the menu, it does not offer this: {found}")

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the problem document, with the unavailable items and choices in ``problems``."""
        problems = [each.to_dict(messages) for each in self.problems]
        return {**super().to_problem(messages), **({"problems": problems} if problems else {})}


class StepNotAllowedError(GettCheckoutError):
    """The step does not fit the checkout's stage, or a requirement is missing.

    The order is unchanged. The reference documentation of `Checkout` has a table of which steps are
    allowed at which stages. ``step`` is the step that was called, ``stage`` the checkout's stage, and
    ``requirements`` lists the missing requirements.
    """

    problem_code = "STEP_NOT_ALLOWED"
    problem_status = 409

    def __init__(
        self,
        message: str = "",
        *,
        step: str = "",
        stage: str = "",
        next_action: NextAction | None = None,
    ) -> None:
        super().__init__(message, next_action=next_action)
        self.step = step
        self.stage = stage

    def text(self) -> Text:
        """Return the sentence of the first missing requirement, if known."""
        if self.stage == "placed":
            return Text.of("STEP_NOT_ALLOWED.placed")
        # A cart below the minimum blocks only `place`.
        missing = [
            each
            for each in self.requirements
            if each.blocks and (self.step == "place" or each.code != "minimum_order")
        ]
        return missing[0].text() if missing else super().text()

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the problem document, with the step and the checkout's stage, once they are known."""
        known = {"step": self.step, "stage": self.stage} if self.step else {}
        return {**super().to_problem(messages), **known}


class IdentityRequiredError(GettCheckoutError):
    """The step needs an end-user session and no identity is known.

    Raised before any request, or after Gett rejected a session without an end user. Docs: Errors ›
    SESSION_USER_REQUIRED.
    """

    problem_code = "IDENTITY_REQUIRED"
    problem_status = 409


class TotalChangedError(GettCheckoutError):
    """The total differs from the agreed one: ask the shopper, then call ``place(total=error.after)``.

    ``before`` is the total they agreed to or were shown; ``after`` is the current one, ``None`` without
    a quote. Both are in major units.
    """

    problem_code = "TOTAL_CHANGED"
    problem_status = 409

    def __init__(
        self,
        message: str = "",
        *,
        before: Decimal | None = None,
        after: Decimal | None = None,
        currency: str = DEFAULT_CURRENCY,
    ) -> None:
        super().__init__(message)
        self.before = before
        self.after = after
        self.currency = currency

    def text(self) -> Text:
        """Return the sentence with both totals, if both are known."""
        if self.before is None or self.after is None:
            return Text.of("TOTAL_CHANGED.unpriced")
        return Text.of(
            "TOTAL_CHANGED", before=self.before, after=self.after, currency=self.currency
        )

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the problem document, with both totals."""
        totals = {"before": self.before, "after": self.after}
        known = {name: format(total, "f") for name, total in totals.items() if total is not None}
        return {**super().to_problem(messages), **known}


class OutcomeUnknownError(GettCheckoutError):
    """An order was sent, but no response said whether it was placed: it may exist.

    Call ``place`` again, here or on another worker: it sends the same bytes under the same key. If that
    is no longer possible (the key has expired, for example), ``next_action`` is `ContactSupport`.
    """

    _may_have_had_effect = True
    problem_code = "OUTCOME_UNKNOWN"
    problem_status = 503


class PlacementInProgressError(GettCheckoutError):
    """Another worker is placing this checkout; try again after ``retry_after`` seconds."""

    _may_have_had_effect = True
    problem_code = "PLACEMENT_IN_PROGRESS"
    problem_status = 409


class HandOverError(GettCheckoutError):
    """The order is placed, but ``on_placed`` raised or took too long, or its success was not saved.

    `Checkouts.reconcile` calls ``on_placed`` again until it has returned and that is saved. ``cause``
    is the class name of the error, ``retry_after`` the seconds until the next call.
    """

    _may_have_had_effect = True
    problem_code = "HAND_OVER_FAILED"
    problem_status = 500


class TransportError(GettCheckoutError):
    """No complete response arrived: connection refused, reset, timed out or cut short.

    ``may_have_arrived`` is false only when the request certainly did not reach the server.
    """

    problem_code = "GETT_UNREACHABLE"
    problem_status = 503

    def __init__(
        self, message: str = "", *, may_have_arrived: bool = True, cause: str | None = None
    ) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived
        self.cause: str | None = cause

    @property
    def may_have_had_effect(self) -> bool:
        """Whether the request may have arrived."""
        return self.may_have_arrived


class InvalidResponseError(GettCheckoutError):
    """A success ``status`` with a body that does not match the API's documentation."""

    _may_have_had_effect = True
    cause: str | None = "unreadable"
    problem_code = "GETT_UNREADABLE"
    problem_status = 502

    def __init__(self, message: str = "", *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class StorageError(GettCheckoutError):
    """The storage failed, or an entry in it cannot be read.

    A save that raises this may or may not have happened; everything saved before is intact.
    """

    _may_have_had_effect = True
    problem_code = "STORAGE_FAILED"
    problem_status = 503


class CheckoutNotFoundError(GettCheckoutError):
    """No checkout is stored under this id: unknown, expired, or no id was given."""

    problem_code = "CHECKOUT_NOT_FOUND"
    problem_status = 404


class CheckoutConflictError(GettCheckoutError):
    """Another worker changed the checkout first: open it again and repeat the step.

    From `Checkouts.start`: a checkout with that id exists. Open it, or choose another id.
    """

    problem_code = "CHECKOUT_CONFLICT"
    problem_status = 409


class UndecryptableError(StorageError):
    """None of the encryption keys decrypts the entry."""


class SnapshotTooNewError(StorageError):
    """A later release saved the checkout."""

    problem_code = "SNAPSHOT_TOO_NEW"
    problem_status = 500


class WebhookError(GettCheckoutError):
    """A webhook that must not be processed now; respond with ``to_problem()``. Docs: Webhooks."""

    problem_code = "WEBHOOK_ERROR"


class WebhookRefusedError(WebhookError):
    """The signature is missing or wrong, or the timestamp is missing or too far off."""

    problem_code = "WEBHOOK_REFUSED"
    problem_status = 401


class WebhookPayloadError(WebhookError):
    """The body is not an order event as documented."""

    problem_code = "WEBHOOK_PAYLOAD"
    problem_status = 400


class WebhookBusyError(WebhookError):
    """Another worker is handling the same event; respond with 503 and Gett sends it again."""

    problem_code = "WEBHOOK_BUSY"
    problem_status = 503


class ApiError(GettCheckoutError):
    """Gett rejected the request: a problem document (RFC 9457), or an error status without one.

    ``code`` is Gett's ``errorCode``. If Gett sent none, or the request was not sent, it is the code
    with the same meaning, or empty. ``category`` is Gett's ``errorCategory``, ``status`` the HTTP
    status, ``request_id`` the id to quote to Gett, ``operation`` the operation that was called
    (``place_order``), ``retryable`` whether Gett allows sending the same request again, ``retry_after``
    the seconds to wait before that. ``errors`` holds the texts of ``errors[]``. In ``errors``,
    ``title`` and ``detail``, secrets are masked and long texts are cut. Docs: Errors.
    """

    def __init__(
        self,
        detail: str = "",
        *,
        code: str = "",
        category: str = "",
        status: int = 0,
        title: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
        operation: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        next_action: NextAction | None = None,
    ) -> None:
        super().__init__(detail, next_action=next_action, retry_after=retry_after)
        self.cause: str | None = f"HTTP {status}" if status else None
        self.detail = detail
        self.code = code
        self.category = category
        self.status = status
        self.title = title
        self.retryable = retryable
        self.request_id = request_id
        self.operation = operation
        self.errors: tuple[Mapping[str, Any], ...] = tuple(errors)

    @property
    def may_have_had_effect(self) -> bool:
        """True for a 408 (request timeout) and for any status other than 4xx.

        After such a status, the request may have had an effect.
        """
        return not 400 <= self.status < 500 or self.status == 408

    def __str__(self) -> str:
        said = self.code or f"HTTP {self.status}"
        said = f"{said}: {self.detail}" if self.detail else said
        return f"{said}; request {self.request_id}" if self.request_id else said

    def text(self) -> Text:
        """Return the shopper's sentence for ``code``, or for ``category`` if that code has none."""
        return Text.of_gett(self.code, f"category.{self.category}", self.problem_code)

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the problem document, with Gett's code and a status that fits the partner's server.

        The shopper is not to blame for the partner's credential or for Gett's outages, so 401, 403,
        429, 5xx and redirects become 502 or 503. The member ``said`` of the document is Gett's own
        ``detail`` or else its ``title``, if it sent either.
        """
        problem = super().to_problem(messages)
        problem["code"] = self.code or f"HTTP_{self.status}"
        problem["status"] = (
            502
            if self.status < 400
            else _OUTWARD_STATUS.get(self.status, 503 if self.status > 500 else self.status)
        )
        problem["title"] = _phrase(problem["status"])
        if self.operation and (said := self.detail or self.title):
            problem["said"] = said
        return problem


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # not a registered status
        return "Error"


_OUTWARD_STATUS = {401: 502, 403: 502, 429: 503, 500: 502, 502: 502}


class ApiValidationError(ApiError):
    """Category ``validation``: the request, or the order in it, is not acceptable as it is."""


class ApiAvailabilityError(ApiError):
    """Category ``availability``: an item, a store or the service is not available now."""


class ApiPaymentError(ApiError):
    """Category ``payment``: the payment failed."""


class ApiAuthenticationError(ApiError):
    """Category ``authentication``: the credential was not accepted."""


class ApiAuthorizationError(ApiError):
    """Category ``authorization``: the credential may not do this."""


class ApiNotFoundError(ApiError):
    """Category ``not_found``: no such resource."""


class ApiConflictError(ApiError):
    """Category ``conflict``: the request contradicts an earlier one."""


class ApiRateLimitError(ApiError):
    """Category ``rate_limit``: too many requests."""


class ApiServerError(ApiError):
    """Category ``server_error``: Gett, or a gateway in front of it, failed."""


class InvalidRequestError(ApiValidationError):
    """INVALID_REQUEST: the request is malformed."""


class MissingIdempotencyKeyError(ApiValidationError):
    """MISSING_IDEMPOTENCY_KEY: a placement was sent without a key."""


class MissingStoreIdError(ApiValidationError):
    """MISSING_STORE_ID: the request names no store."""


class AddressInvalidError(ApiValidationError):
    """ADDRESS_INVALID: the address is not valid."""


class AddressOutOfRangeError(ApiValidationError):
    """ADDRESS_OUT_OF_RANGE: the store does not deliver there."""


class CartEmptyError(ApiValidationError):
    """CART_EMPTY: the cart is empty."""


class CatalogSetRequiredError(ApiValidationError):
    """CATALOGSET_REQUIRED: the cart does not name the store's catalog set."""


class ModifierRequiredError(ApiValidationError):
    """MODIFIER_REQUIRED: an item lacks a required choice."""


class OrderBelowMinimumError(ApiValidationError):
    """ORDER_BELOW_MINIMUM: the cart is below the store's minimum; ``minimum_order`` has the gap.

    `Checkout.place` raises it before the order is sent; the same class is used when Gett sends this
    code.
    """

    minimum_order: MinimumOrder | None = None

    def text(self) -> Text:
        """Return the sentence with the gap, if it is known."""
        return self.minimum_order.text() if self.minimum_order else super().text()


class OrderTotalDifferentError(ApiValidationError):
    """ORDER_TOTAL_DIFFERENT: prices changed since the quote; validate again and ask the shopper."""


class ValidationFailedError(ApiValidationError):
    """VALIDATION_FAILED: ``errors`` lists the invalid members."""


class ItemUnavailableError(ApiAvailabilityError):
    """ITEM_UNAVAILABLE: an item is sold out; ``errors`` names it."""


class StoreClosedError(ApiAvailabilityError):
    """STORE_CLOSED: the store takes no orders now."""


class ServiceUnavailableError(ApiAvailabilityError):
    """SERVICE_UNAVAILABLE: Gett is temporarily unavailable."""


class PaymentDeclinedError(ApiPaymentError):
    """PAYMENT_DECLINED: the processor declined; another payment method is needed."""


class PaymentFailedError(ApiPaymentError):
    """PAYMENT_FAILED: the payment failed temporarily; the same order may be tried again.

    `Checkout.place` has then tried it up to three times and dropped the payment: call `Checkout.pay`
    first.
    """


class PaymentMethodInvalidError(ApiPaymentError):
    """PAYMENT_METHOD_INVALID: the card data is invalid."""


class UnauthenticatedError(ApiAuthenticationError):
    """UNAUTHENTICATED: the API key or session token is missing, wrong or expired."""


class SessionUserRequiredError(ApiAuthenticationError):
    """SESSION_USER_REQUIRED: the call needs an end-user session."""


class ForbiddenError(ApiAuthorizationError):
    """FORBIDDEN: the organisation may not do this."""


class NotFoundError(ApiNotFoundError):
    """NOT_FOUND: the resource does not exist."""


class StoreNotFoundError(ApiNotFoundError):
    """STORE_NOT_FOUND: the store does not exist."""


class CatalogSetNotFoundError(ApiNotFoundError):
    """CATALOGSET_NOT_FOUND: the menu was replaced; read the store again."""


class ConflictError(ApiConflictError):
    """CONFLICT: already done, or already used."""


class OrderAlreadyPlacedError(ApiConflictError):
    """ORDER_ALREADY_PLACED: this order was already placed."""


class RateLimitedError(ApiRateLimitError):
    """RATE_LIMITED: too many requests; wait ``retry_after`` seconds."""


class InternalError(ApiServerError):
    """INTERNAL_ERROR: Gett failed."""


class BadGatewayError(ApiServerError):
    """HTTP 502: a gateway in front of Gett failed."""
