"""The control paths, `/_sandbox/…`: what the sandbox can do in Python, for other processes.

They need no credential, do not count towards a rate limit or as API requests, and show no secret.
Errors are problem documents, as everywhere. Names are the same as in Python.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import aiohttp.web as web
from attrs import asdict, frozen

from . import switches
from .calls import Response, respond
from .credentials import Session
from .documents import Document, read_body, read_json
from .faults import read_fault, show_fault
from .orders import PROGRESS, REFUND_TYPES, Order
from .problems import RefusedError, instant
from .serving import outcome, read_content, sent
from .webhooks import Delivery

if TYPE_CHECKING:
    from .server import Sandbox

CONTROL_PATH = "/_sandbox"


class Control:
    """Serves the control paths of one sandbox."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Serve one request."""
        made = await outcome(self._work(request), request, self._sandbox.now)
        return sent(made or Response(400))  # nobody is there to read it

    async def _work(self, request: web.BaseRequest) -> Response:
        path = request.rel_url.raw_path.removeprefix(CONTROL_PATH)
        for route in ROUTES:
            found = route.pattern.fullmatch(path) if route.method == request.method else None
            if found:
                content = await read_content(request)
                document = read_body(content, request.content_type) if content else Document({})
                made = route.serve(self._sandbox, document, *found.groups())
                return respond(made, 201 if route.makes else 200)
        raise RefusedError("NOT_FOUND", "There is no such control.")


@frozen
class Route:
    """One control path: the request it accepts, and what that does."""

    method: str
    pattern: re.Pattern[str]
    serve: Callable[..., Mapping[str, Any]]
    makes: bool = False


def _state(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    return {
        "now": instant(sandbox.now()),
        "owns_clock": sandbox.owns_clock,
        "orders": len(sandbox.orders),
        "sessions": len(sandbox.sessions),
        "requests": len(sandbox.requests),
        "writes": sandbox.writes,
        "deliveries": len(sandbox.deliveries),
        "switches": switches.show(sandbox.switches),
        **_faults(sandbox),
    }


def _orders(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    return {"orders": [_order(order) for order in sandbox.orders]}


def _one_order(sandbox: "Sandbox", document: Document, order_id: str) -> Mapping[str, Any]:
    document.only()
    return _order(sandbox.order(order_id))


def _advance_order(sandbox: "Sandbox", document: Document, order_id: str) -> Mapping[str, Any]:
    document.only("to")
    to: Any = document.choice("to", PROGRESS) if "to" in document else None
    return _order(sandbox.advance_order(order_id, to))


def _refund_order(sandbox: "Sandbox", document: Document, order_id: str) -> Mapping[str, Any]:
    document.only("amount", "type")
    how: Any = document.choice("type", REFUND_TYPES) if "type" in document else REFUND_TYPES[-1]
    return _order(sandbox.refund_order(order_id, document.amount("amount"), how))


def _requests(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    return {"requests": [asdict(seen) | {"at": instant(seen.at)} for seen in sandbox.requests]}


def _release_requests(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    sandbox.release()
    return _requests(sandbox, document)


def _sessions(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    return {"sessions": [_session(session) for session in sandbox.sessions]}


def _revoke_sessions(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    sandbox.revoke_all()
    return _sessions(sandbox, document)


def _deliveries(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    return {"deliveries": [_delivery(delivery) for delivery in sandbox.deliveries]}


def _switches(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    return switches.show(sandbox.switches)


def _change_switches(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    switches.change(sandbox.switches, document)
    return switches.show(sandbox.switches)


def _replace_switches(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    switches.replace(sandbox.switches, document)
    return switches.show(sandbox.switches)


def _faults(sandbox: "Sandbox", _: Document | None = None) -> Mapping[str, Any]:
    return {"faults": list(map(show_fault, sandbox.switches.faults))}


def _plan_fault(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    sandbox.switches.faults.append(read_fault(document))
    return _faults(sandbox)


def _forget_faults(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    sandbox.switches.faults.clear()
    return _faults(sandbox)


def _reset(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only()
    sandbox.reset()
    return _state(sandbox, document)


def _advance_clock(sandbox: "Sandbox", document: Document) -> Mapping[str, Any]:
    document.only("seconds")
    sandbox.advance_clock(float(document.number("seconds", 0, 400 * 24 * 3600)))
    return {"now": instant(sandbox.now())}


def _route(line: str, serve: Callable[..., Mapping[str, Any]], *, makes: bool = False) -> Route:
    method, path = line.split()
    return Route(method, re.compile(path.replace("{id}", "([^/]+)")), serve, makes)


ROUTES = (
    _route("GET /?", _state),
    _route("GET /orders", _orders),
    _route("GET /orders/{id}", _one_order),
    _route("POST /orders/{id}/advance", _advance_order),
    _route("POST /orders/{id}/refund", _refund_order),
    _route("GET /requests", _requests),
    _route("POST /requests/release", _release_requests),
    _route("GET /sessions", _sessions),
    _route("POST /sessions/revoke", _revoke_sessions),
    _route("GET /deliveries", _deliveries),
    _route("GET /switches", _switches),
    _route("PATCH /switches", _change_switches),
    _route("PUT /switches", _replace_switches),
    _route("GET /faults", _faults),
    _route("POST /faults", _plan_fault, makes=True),
    _route("DELETE /faults", _forget_faults),
    _route("POST /reset", _reset),
    _route("POST /clock/advance", _advance_clock),
)


def _order(order: Order) -> dict[str, Any]:
    """An order without its shopper."""
    return {
        "order_id": order.order_id,
        "checkout_session_id": order.checkout_session_id,
        "idempotency_key": order.idempotency_key,
        "store_id": order.store_id,
        "fulfillment_type": order.fulfillment_type,
        "payment_kind": order.payment_kind,
        "progress": order.progress,
        "state": order.state,
        "status": order.status,
        "total": order.total,
        "refunds": [asdict(refund) for refund in order.refunds],
        "placed_at": instant(order.placed_at),
    }


def _session(session: Session) -> dict[str, Any]:
    """A session without its token."""
    return {
        "level": session.level,
        "user_id": session.user_id,
        "created_at": instant(session.created_at),
        "expires_at": instant(session.expires_at),
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "type": delivery.type,
        "order_id": delivery.order_id,
        "event": read_json(delivery.body),
        "delivered": delivery.delivered,
        "due_at": None if delivery.due_at is None else instant(delivery.due_at),
        "attempts": [
            {"at": instant(attempt.at), "status": attempt.status} for attempt in delivery.attempts
        ],
    }
