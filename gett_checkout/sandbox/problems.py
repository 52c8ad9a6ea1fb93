"""Every way the API says no: one literal table of codes, and the problem document around a code.

Docs: Errors. Bodies are RFC 9457 problem documents. A code marked reserved is documented but "not
currently emitted by any endpoint"; the sandbox emits it only when `Switches.reserved_codes` names it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from attrs import frozen

ERROR_PAGES = "https://developer.gett-tech.com/errors/"


@frozen
class Code:
    """What the error pages say about one code; no category where the page names none."""

    status: int
    category: str | None = None
    retryable: bool = False
    reserved: bool = False
    title: str | None = None


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "INVALID_REQUEST": Code(400, "validation"),  # the page says its category varies
        "MISSING_IDEMPOTENCY_KEY": Code(400),
        "MISSING_STORE_ID": Code(400),
        "ADDRESS_INVALID": Code(400, "validation", reserved=True),
        "ADDRESS_OUT_OF_RANGE": Code(400, "validation", reserved=True),
        "CART_EMPTY": Code(400, "validation", reserved=True),
        "CATALOGSET_REQUIRED": Code(400, "validation"),
        "MODIFIER_REQUIRED": Code(400, "validation", reserved=True),
        "ORDER_BELOW_MINIMUM": Code(400, "validation", reserved=True),
        "ORDER_TOTAL_DIFFERENT": Code(400, "validation"),
        "ITEM_UNAVAILABLE": Code(400, "availability"),
        "STORE_CLOSED": Code(400, "availability"),
        "PAYMENT_DECLINED": Code(400, "payment"),
        "PAYMENT_FAILED": Code(400, "payment", retryable=True),
        "PAYMENT_METHOD_INVALID": Code(400, "payment", reserved=True),
        "UNAUTHENTICATED": Code(401, "authentication"),
        # Docs: the page of SESSION_USER_REQUIRED shows this title on a 401.
        "SESSION_USER_REQUIRED": Code(401, "authentication", title="Bad request"),
        "FORBIDDEN": Code(403, "authorization"),
        "NOT_FOUND": Code(404, "not_found"),
        "STORE_NOT_FOUND": Code(404, "not_found"),
        "CATALOGSET_NOT_FOUND": Code(404, "not_found"),
        "CONFLICT": Code(409, "conflict"),
        "ORDER_ALREADY_PLACED": Code(409, "conflict", reserved=True),
        "VALIDATION_FAILED": Code(422, "validation"),
        "RATE_LIMITED": Code(429, "rate_limit", retryable=True),
        "INTERNAL_ERROR": Code(500, "server_error", retryable=True),
        "SERVICE_UNAVAILABLE": Code(503, "availability", retryable=True),
    }
)

RESERVED = frozenset(name for name, code in CODES.items() if code.reserved)


class RefusedError(Exception):
    """A rejected request; the server responds with a problem document.

    `status` overrides the documented one, for a fault with an unusual combination of status and
    code.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: int | None = None,
        status: int | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(code, detail)
        known = CODES.get(code, Code(500))
        self.code = code
        self.detail = detail
        self.errors: tuple[Mapping[str, str], ...] = tuple(errors)
        self.retry_after = retry_after
        self.status: int = known.status if status is None else status
        self.category: str | None = known.category
        self.retryable: bool = known.retryable if retryable is None else retryable
        self.title: str = known.title or _phrase(self.status)

    def document(self, *, instance: str, now: datetime) -> dict[str, Any]:
        """The problem document for a request to the path `instance`."""
        document: dict[str, Any] = {
            "type": ERROR_PAGES + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "requestId": f"req_{uuid4().hex}",
            "timestamp": instant(now),
            "errorCode": self.code,
            "retryable": self.retryable,
        }
        if self.category is not None:
            document["errorCategory"] = self.category
        if self.retry_after is not None:
            document["retryAfter"] = self.retry_after
        if self.errors:
            document["errors"] = [dict(error) for error in self.errors]
        return document


def invalid(path: str, code: str, message: str) -> RefusedError:
    """A 422 `VALIDATION_FAILED` that names the one member at fault by its JSON path."""
    error = {"code": code, "message": message, "jsonPath": path}
    return RefusedError("VALIDATION_FAILED", f"{path}: {message}", errors=[error])


def instant(moment: datetime) -> str:
    """An aware UTC moment as the API writes it: `2026-04-27T14:30:00.000Z`."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
