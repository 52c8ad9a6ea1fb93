"""Faults: how a request fails when the sandbox is told to make it fail, and how many requests do."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, get_args

from attrs import NOTHING, asdict, field, fields, frozen, validators

from . import operations
from .documents import MONTH, Document, Read
from .problems import RefusedError

FaultKind = Literal[
    "drop_before",
    "drop_after",
    "error",
    "error_after",
    "html",
    "empty",
    "garbage",
    "delay",
    "hang",
]
"""How a request goes wrong.

- `drop_before`: the connection is dropped before any work.
- `drop_after`: the work is done (the order is made), then the connection is dropped.
- `error`: a problem document with the fault's `status` and `code`, before any work.
- `error_after`: the work is done, then that problem document is sent instead.
- `html`: a gateway's HTML page, with `status` (default: 502), before any work.
- `empty`: a status without a body, before any work.
- `garbage`: the work is done, then 200 with JSON that breaks off in the middle.
- `delay`: waits `seconds`, or until `Sandbox.release`, then works as usual, even when the client has
  gone by then.
- `hang`: no work and no response, until the client goes away or the sandbox stops.
"""

INSTEAD_OF_WORK = frozenset({"drop_before", "error", "html", "empty", "hang"})

FAULTY = ("*", *(row.name for row in operations.OPERATIONS))
"""What may be faulty: any operation, or one of them."""

_USUAL_CODES = {
    400: "INVALID_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    422: "VALIDATION_FAILED",
    429: "RATE_LIMITED",
    503: "SERVICE_UNAVAILABLE",
}

_CODE = re.compile(r"[A-Z][A-Z_]*")


def _read(read: Read) -> Mapping[str, Read]:
    return {"read": read}


def _whole(lowest: int, highest: int) -> Mapping[str, Read]:
    return _read(lambda document, name: document.whole(name, lowest, highest))


@frozen
class Fault:
    """A planned fault of `operation` (`*`: of any one): `after` requests pass, the next `times` are
    hit.

    Operations have the names of `gett_checkout.operations.OPERATIONS`; ``FaultKind`` says what each
    ``kind`` does. Raises `ValueError` for an unknown operation or kind. A `code` alone is sent with its
    documented status, a `status` alone with its usual code; without either, the status is 500 (502 for
    `html`). `names` lists JSON paths: the response has one entry in `errors[]` for each.
    """

    operation: str = field(
        metadata=_read(lambda document, name: document.choice(name, FAULTY)),
        validator=validators.in_(FAULTY),
    )
    kind: FaultKind = field(
        metadata=_read(lambda document, name: document.choice(name, get_args(FaultKind))),
        validator=validators.in_(get_args(FaultKind)),
    )
    times: int = field(default=1, metadata=_whole(1, 1_000_000), validator=validators.ge(1))
    status: int | None = field(default=None, metadata=_whole(400, 599))
    code: str | None = field(
        default=None,
        metadata=_read(lambda document, name: document.text(name, _CODE, longest=64)),
    )
    after: int = field(default=0, metadata=_whole(0, 1_000_000), validator=validators.ge(0))
    seconds: float = field(
        default=0.0, metadata=_read(lambda document, name: float(document.number(name, 0, 3600)))
    )
    retry_after: int | None = field(default=None, metadata=_whole(0, MONTH))
    retryable: bool | None = field(default=None, metadata=_read(Document.flag))
    names: tuple[str, ...] = field(
        default=(), metadata=_read(lambda document, name: tuple(sorted(document.texts(name))))
    )

    def concerns(self, operation: str) -> bool:
        """Whether the fault is planned for `operation`."""
        return self.operation in ("*", operation)


def read_fault(document: Document) -> Fault:
    """Read the fault a document plans; its members are named as in Python."""
    rows = {row.name: row for row in fields(Fault)}
    document.only(*rows)
    members = {
        name: row.metadata["read"](document, name)
        for name, row in rows.items()
        if row.default is NOTHING or name in document
    }
    return Fault(**members)


def show_fault(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON."""
    return {**asdict(fault), "seconds": Decimal(str(fault.seconds))}


def problem_of(fault: Fault) -> RefusedError:
    """Return the problem a fault responds with."""
    code = fault.code or _USUAL_CODES.get(fault.status or 500, "INTERNAL_ERROR")
    return RefusedError(
        code,
        "A planned fault.",
        errors=[
            {"code": code, "message": "A planned fault.", "jsonPath": path} for path in fault.names
        ],
        status=fault.status,
        retry_after=fault.retry_after,
        retryable=fault.retryable,
    )
