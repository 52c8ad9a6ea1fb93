"""The call and the response that pass between the server and a desk, which does the operation's work.

Desks are plain synchronous code. They never await, so whatever one of them does is atomic.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from .credentials import Session
from .documents import Document, read_body, write_json
from .operations import Level
from .problems import RefusedError


@frozen
class Call:
    """One authenticated request, read from the wire but not yet understood."""

    at: datetime
    level: Level
    session: Session | None
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes = field(repr=False)
    content_type: str
    idempotency_key: str | None

    def document(self) -> Document:
        """Read the request's JSON object."""
        return read_body(self.content, self.content_type)

    def shopper(self) -> str:
        """The id of the end user the call acts for. Docs: Errors › SESSION_USER_REQUIRED."""
        if self.session is None or self.session.user_id is None:
            raise AssertionError("the operations table lets only end users in")
        return self.session.user_id


@frozen
class Response:
    """A status and a body; an empty body has no bytes and no content type."""

    status: int
    content: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    error_code: str | None = None
    """The problem's code, for the sandbox's own record."""


Desk = Callable[[Call], Response]
"""What serves one operation."""


def respond(document: Mapping[str, Any], status: int = 200) -> Response:
    """Make a JSON response."""
    return Response(status, write_json(document), "application/json")


def session_user_required() -> RefusedError:
    """Return the rejection of an operation that needs an end user's session."""
    return RefusedError(
        "SESSION_USER_REQUIRED",
        "This endpoint requires a session JWT minted with an email. "
        "Create one via POST /v1/marketplace/session/create.",
    )
