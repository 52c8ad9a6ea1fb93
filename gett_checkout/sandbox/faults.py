"""Planned faults: what a request gets instead of, or after, the work it asked for.

The kinds are explained at `switches.FaultKind`.
"""

from .calls import Response
from .problems import RefusedError
from .switches import Fault

INSTEAD_OF_WORK = frozenset({"drop_before", "error", "html", "empty", "hang"})

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

_GATEWAY_PAGE = b"<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>"


def refusal(fault: Fault) -> RefusedError:
    """Return the problem a fault responds with."""
    code = fault.code or _USUAL_CODES.get(fault.status or 500, "INTERNAL_ERROR")
    errors = [
        {"code": code, "message": "A planned fault.", "jsonPath": path} for path in fault.names
    ]
    return RefusedError(
        code,
        "A planned fault.",
        errors=errors,
        status=fault.status,
        retry_after=fault.retry_after,
        retryable=fault.retryable,
    )


def bare(fault: Fault) -> Response:
    """Return what a gateway sends without asking the API: an HTML page or an empty body."""
    if fault.kind == "html":
        return Response(fault.status or 502, _GATEWAY_PAGE, "text/html")
    return Response(fault.status or 500)


def truncated(response: Response) -> Response:
    """Cut the JSON of a success in the middle."""
    return Response(200, response.content[: len(response.content) // 2] or b"{", "application/json")
