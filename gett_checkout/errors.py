"""Every error the library raises, in one tree.

::

    GettCheckoutError
    ├── InvalidInputError            what the caller passed cannot be right (also a ValueError)
    │   └── LineNotFoundError        the cart has no such line
    ├── CartOfAnotherStoreError      the cart holds items of another store
    ├── MenuChangedError             the menu does not sell this, or no more
    ├── StepNotAllowedError          the step does not fit the stage, or something is missing
    ├── IdentityRequiredError        the step needs an end user and no identity is known
    ├── TotalChangedError            the total is not the one the shopper agreed to
    ├── OutcomeUnknownError          an order was sent and no answer says what became of it
    ├── PlacementInProgressError     another worker is placing this checkout right now
    ├── HandOverError                there is an order, and on_placed did not take it
    ├── TransportError               no complete answer: refused, reset, timed out
    ├── InvalidResponseError        an answer that is not what the API documents
    ├── CheckoutNotFoundError        unknown or expired checkout
    ├── CheckoutConflictError        somebody else changed the checkout first
    ├── StorageError                 the storage failed
    │   └── SnapshotTooNewError      saved by a later release
    ├── WebhookError                 a webhook that is not to be acted on now
    │   ├── WebhookRefusedError      not signed by Gett, or signed too long ago
    │   ├── WebhookPayloadError      signed, and not what the API documents
    │   └── WebhookBusyError         the same event is being handled elsewhere
    └── ApiError                     Gett refused: a problem document, or a status of the same meaning
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

Which code, status and category belongs to which class is said once, in ``_core/codes.py``.
Plain classes, because an attrs exception prints its hidden fields. All of them pickle, and none
carries a credential, card data or a shopper's contact data in any attribute.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
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
    "ValidationFailedError",
    "WebhookBusyError",
    "WebhookError",
    "WebhookPayloadError",
    "WebhookRefusedError",
]


class GettCheckoutError(Exception):
    """The root: catch it to catch everything this library raises on purpose.

    ``checkout_id``, ``next_action`` and ``requirements`` (what is still missing) are filled in by the
    checkout the error leaves; a bare `GettClient` knows the next action Gett documents for an error
    code, and to wait when there was no readable answer. ``idempotency_key`` is set once a placement
    has begun: quote it to support. ``retry_after`` is in seconds, when it is known how long to wait.
    ``cause`` says what was behind it in a word or two, of few values, for logs and alerts:
    ``timeout``, ``ServerDisconnected``, ``HTTP 502``. ``problem_code`` and ``problem_status``
    are what a class has in `to_problem` unless the error itself knows better.
    """

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
        """Whether a request left, and what it asked for may be done all the same, now or later."""
        return False

    def text(self) -> Text:
        """The sentence for the shopper. What is for developers is ``str(error)``."""
        return Text.of(self.problem_code)

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """An RFC 9457 problem document for the partner's own HTTP response; holds no secret.

        Its ``detail`` is for the shopper to read, in the sentences of ``messages``.
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
        """The headers to send with the problem document: its media type, ``Retry-After`` in seconds.

        In aiohttp: ``web.Response(text=json.dumps(problem), headers=…)``, for ``json_response`` has a
        media type of its own.
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
    """One thing wrong with what the caller passed.

    ``pointer`` is a JSON Pointer (RFC 6901) into it: ``/address/postal_code``. ``code`` is ``missing``,
    ``unknown`` or ``invalid``. ``message`` is for developers, and never repeats the value.
    """

    pointer: str
    code: str
    message: str

    def text(self) -> Text:
        """The sentence for the shopper."""
        name = self.pointer.rpartition("/")[2]
        own = (f"field.{name}",) if self.code == "invalid" else ()
        return Text.of(*own, f"field.{self.code}", "field.invalid")


class InvalidInputError(GettCheckoutError, ValueError):
    """What the caller passed cannot be right; nothing was sent and nothing changed.

    Raise it for a field of your own: ``InvalidInputError("…", field="item_id", code="missing")``.
    ``errors`` names every field that is wrong, as far as fields are to blame, and ``field`` the first
    of them, with dots between nested names: ``address.postal_code``.
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
        found = (FieldError(pointer, code, message),) if field else tuple(errors)
        super().__init__(message or "; ".join(each.message for each in found))
        self.errors = found

    @property
    def field(self) -> str | None:
        """The first field that is wrong; ``None`` when no field is to blame."""
        names = self.errors[0].pointer.split("/")[1:] if self.errors else ()
        return ".".join(map(_unescaped, names)) or None

    def within(self, *names: object) -> tuple[FieldError, ...]:
        """What is wrong, as seen from outside the member these names lead to."""
        outside = pointer_to(*names)
        if not self.errors:
            return (FieldError(outside, "invalid", str(self)),)
        return tuple(evolve(each, pointer=outside + each.pointer) for each in self.errors)

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """As everywhere, with an entry of ``errors`` for each field that is wrong."""
        errors = [
            {"pointer": each.pointer, "code": each.code, "detail": messages.say(each.text())}
            for each in self.errors
        ]
        return {**super().to_problem(messages), **({"errors": errors} if errors else {})}


def pointer_to(*names: object) -> str:
    """The JSON Pointer (RFC 6901) to a member, by the names or indexes that lead to it."""
    return "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in names)


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


class CartOfAnotherStoreError(GettCheckoutError):
    """The cart holds items of another store: ask, then ``browse(store_id, replace_cart=True)``."""

    problem_code = "CART_OF_ANOTHER_STORE"
    problem_status = 409


class LineNotFoundError(InvalidInputError):
    """The cart has no line of this id: it was taken out, in another tab say."""

    problem_code = "LINE_NOT_FOUND"
    problem_status = 404


class MenuChangedError(GettCheckoutError):
    """The menu does not sell this item or choice, or no more: show the menu again.

    A page that showed the menu a while ago cannot know, so this is not its fault. ``problems`` says
    what is not to be had, and where. Nothing was sent and nothing changed.
    """

    problem_code = "MENU_CHANGED"
    problem_status = 409

    def __init__(self, message: str = "", *, problems: Iterable[LineProblem] = ()) -> None:
        self.problems: tuple[LineProblem, ...] = tuple(problems)
        found = "; ".join(f"{each.code} {' › '.join(each.path)}" for each in self.problems)
        super().__init__(message or f"reload the menu, it does not offer this: {found}")

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """As everywhere, with what is not to be had in ``problems``."""
        problems = [each.to_dict(messages) for each in self.problems]
        return {**super().to_problem(messages), **({"problems": problems} if problems else {})}


class StepNotAllowedError(GettCheckoutError):
    """The step does not fit the stage the checkout is in; nothing was sent and nothing changed.

    Which step fits which stage is a table on the page of `Checkout`. ``step`` is what was asked for,
    ``stage`` where the checkout stands, and ``requirements`` says what is missing before the step fits.
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
        """What is missing first, if that is known."""
        if self.stage == "placed":
            return Text.of("STEP_NOT_ALLOWED.placed")
        # Below the minimum everything is possible but `place`.
        missing = [
            each
            for each in self.requirements
            if each.blocks and (self.step == "place" or each.code != "minimum_order")
        ]
        return missing[0].text() if missing else super().text()

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """As everywhere, with the step and the stage the checkout is in, once they are known."""
        known = {"step": self.step, "stage": self.stage} if self.step else {}
        return {**super().to_problem(messages), **known}


class IdentityRequiredError(GettCheckoutError):
    """The step needs an end-user session and no identity is known. Raised before any request.

    Docs: Errors › SESSION_USER_REQUIRED.
    """

    problem_code = "IDENTITY_REQUIRED"
    problem_status = 409


class TotalChangedError(GettCheckoutError):
    """The total is not the one the shopper agreed to: ask, then call ``place(total=error.after)``.

    ``before`` is the total they agreed to or were shown, ``after`` the current one, ``None`` when there is
    no quote; in major units.
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
        """What the total was and what it is, if both are known."""
        if self.before is None or self.after is None:
            return Text.of("TOTAL_CHANGED.unpriced")
        return Text.of(
            "TOTAL_CHANGED", before=self.before, after=self.after, currency=self.currency
        )

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """As everywhere, with both totals."""
        totals = {"before": self.before, "after": self.after}
        known = {name: format(total, "f") for name, total in totals.items() if total is not None}
        return {**super().to_problem(messages), **known}


class OutcomeUnknownError(GettCheckoutError):
    """An order was sent and no answer says whether it was made. It is neither failed nor placed.

    Call ``place`` again, here or on another worker: it sends the same bytes under the same key.
    """

    problem_code = "OUTCOME_UNKNOWN"
    problem_status = 503


class PlacementInProgressError(GettCheckoutError):
    """Another worker is placing this checkout; come back after ``retry_after`` seconds."""

    problem_code = "PLACEMENT_IN_PROGRESS"
    problem_status = 409


class HandOverError(GettCheckoutError):
    """There is an order, and ``on_placed`` did not take it: it raised, or took too long.

    It is called again, by `Checkouts.reconcile`, until it returns. ``cause`` is the class name of
    what it raised, ``retry_after`` when it is called next.
    """

    problem_code = "HAND_OVER_FAILED"
    problem_status = 500


class TransportError(GettCheckoutError):
    """No complete answer came back: refused, reset, timed out, cut short.

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
    """A successful ``status`` with a body that is not what the API documents."""

    cause: str | None = "unreadable"
    problem_code = "GETT_UNREADABLE"
    problem_status = 502

    def __init__(self, message: str = "", *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_have_had_effect(self) -> bool:
        """Gett did something; nobody can read what."""
        return True


class StorageError(GettCheckoutError):
    """The storage failed. What was saved before is there; whether this save happened is not known."""

    problem_code = "STORAGE_FAILED"
    problem_status = 503


class CheckoutNotFoundError(GettCheckoutError):
    """No checkout is stored under this id: it was never started, or it has expired; or no id was given."""

    problem_code = "CHECKOUT_NOT_FOUND"
    problem_status = 404


class CheckoutConflictError(GettCheckoutError):
    """Somebody else changed the checkout first; open it again and repeat the step."""

    problem_code = "CHECKOUT_CONFLICT"
    problem_status = 409


class SnapshotTooNewError(StorageError):
    """The checkout was saved by a later release than this one."""

    problem_code = "SNAPSHOT_TOO_NEW"
    problem_status = 500


class WebhookError(GettCheckoutError):
    """A webhook that is not to be acted on now; answer it with ``to_problem()``. Docs: Webhooks."""

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
    """The same event is being handled right now; answered with 503, it comes again."""

    problem_code = "WEBHOOK_BUSY"
    problem_status = 503


class ApiError(GettCheckoutError):
    """Gett refused: one problem document (RFC 9457), or a status of the same meaning.

    ``code`` is Gett's ``errorCode`` (empty when the answer had none), ``category`` its
    ``errorCategory``, ``status`` the HTTP status, ``request_id`` what to quote to Gett,
    ``operation`` what was asked for (``place_order``),
    ``retryable`` whether Gett says that the same may be sent again, ``retry_after`` after how many
    seconds. ``errors`` is ``errors[]`` as sent, with what is secret masked, as it is in ``title``
    and ``detail``. Docs: Errors.
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
        """Whatever is not a 4xx, or is a request timeout, says nothing of what was done before it."""
        return not 400 <= self.status < 500 or self.status == 408

    def __str__(self) -> str:
        said = self.code or f"HTTP {self.status}"
        said = f"{said}: {self.detail}" if self.detail else said
        return f"{said}; request {self.request_id}" if self.request_id else said

    def text(self) -> Text:
        """That of its code, or else of its category."""
        return Text.of(self.code, f"category.{self.category}", self.problem_code)

    def to_problem(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """As everywhere, with Gett's code and with a status that is true of the partner's server.

        The partner's credential and Gett's outages are not the shopper's fault: 401, 403, 429,
        5xx and redirects become 502 or 503. ``said`` is Gett's own ``detail``, where it gave one.
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
    except ValueError:  # one that no RFC knows
        return "Error"


_OUTWARD_STATUS = {401: 502, 403: 502, 429: 503, 500: 502, 502: 502}


class ApiValidationError(ApiError):
    """Category ``validation``: the request, or the order in it, is not acceptable as it is."""


class ApiAvailabilityError(ApiError):
    """Category ``availability``: an item, a store or the service is not available now."""


class ApiPaymentError(ApiError):
    """Category ``payment``: the payment was not taken."""


class ApiAuthenticationError(ApiError):
    """Category ``authentication``: the credential was not accepted."""


class ApiAuthorizationError(ApiError):
    """Category ``authorization``: the credential may not do this."""


class ApiNotFoundError(ApiError):
    """Category ``not_found``: no such resource."""


class ApiConflictError(ApiError):
    """Category ``conflict``: the request contradicts what already happened."""


class ApiRateLimitError(ApiError):
    """Category ``rate_limit``: too many requests."""


class ApiServerError(ApiError):
    """Category ``server_error``: Gett, or a gateway before it, failed."""


class InvalidRequestError(ApiValidationError):
    """INVALID_REQUEST: the request itself is wrong."""


class MissingIdempotencyKeyError(ApiValidationError):
    """MISSING_IDEMPOTENCY_KEY: a placement came without its key."""


class MissingStoreIdError(ApiValidationError):
    """MISSING_STORE_ID: the store is not named."""


class AddressInvalidError(ApiValidationError):
    """ADDRESS_INVALID: the address cannot be used."""


class AddressOutOfRangeError(ApiValidationError):
    """ADDRESS_OUT_OF_RANGE: the store does not deliver there."""


class CartEmptyError(ApiValidationError):
    """CART_EMPTY: there is nothing to order."""


class CatalogSetRequiredError(ApiValidationError):
    """CATALOGSET_REQUIRED: the cart does not name the store's catalog set."""


class ModifierRequiredError(ApiValidationError):
    """MODIFIER_REQUIRED: a required choice of an item was not made."""


class OrderBelowMinimumError(ApiValidationError):
    """ORDER_BELOW_MINIMUM: the cart is below the store's minimum; ``minimum_order`` has the gap.

    Raised by `Checkout.place` before any request, and for the server's own code once it emits it.
    """

    minimum_order: MinimumOrder | None = None

    def text(self) -> Text:
        """How much is missing, if that is known."""
        return self.minimum_order.text() if self.minimum_order else super().text()


class OrderTotalDifferentError(ApiValidationError):
    """ORDER_TOTAL_DIFFERENT: prices changed since the quote; validate again and ask the shopper."""


class ValidationFailedError(ApiValidationError):
    """VALIDATION_FAILED: ``errors`` names the members that are wrong."""


class ItemUnavailableError(ApiAvailabilityError):
    """ITEM_UNAVAILABLE: an item is sold out; ``errors`` names it."""


class StoreClosedError(ApiAvailabilityError):
    """STORE_CLOSED: the store takes no orders now."""


class ServiceUnavailableError(ApiAvailabilityError):
    """SERVICE_UNAVAILABLE: Gett is down for a moment."""


class PaymentDeclinedError(ApiPaymentError):
    """PAYMENT_DECLINED: the processor said no; another payment method is needed."""


class PaymentFailedError(ApiPaymentError):
    """PAYMENT_FAILED: the processor could not say; the same order may be tried again."""


class PaymentMethodInvalidError(ApiPaymentError):
    """PAYMENT_METHOD_INVALID: the card data is wrong."""


class UnauthenticatedError(ApiAuthenticationError):
    """UNAUTHENTICATED: the API key or session token is missing, wrong or expired."""


class SessionUserRequiredError(ApiAuthenticationError):
    """SESSION_USER_REQUIRED: the call needs an end-user session."""


class ForbiddenError(ApiAuthorizationError):
    """FORBIDDEN: the organisation may not do this."""


class NotFoundError(ApiNotFoundError):
    """NOT_FOUND: no such resource."""


class StoreNotFoundError(ApiNotFoundError):
    """STORE_NOT_FOUND: no such store."""


class CatalogSetNotFoundError(ApiNotFoundError):
    """CATALOGSET_NOT_FOUND: the menu was replaced; read the store again."""


class ConflictError(ApiConflictError):
    """CONFLICT: already done, or already used."""


class OrderAlreadyPlacedError(ApiConflictError):
    """ORDER_ALREADY_PLACED: there is an order for this already."""


class RateLimitedError(ApiRateLimitError):
    """RATE_LIMITED: too many requests; ``retry_after`` says when to come back."""


class InternalError(ApiServerError):
    """INTERNAL_ERROR: Gett failed."""


class BadGatewayError(ApiServerError):
    """HTTP 502: a gateway before Gett failed."""
