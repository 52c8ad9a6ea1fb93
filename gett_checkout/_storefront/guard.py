"""What every answer to the page has in common: problem documents, who may ask, security headers."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gett_checkout import GettCheckoutError

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Scripts, styles and data come from this server and nowhere else, and nothing is inline.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on an answer."""
    response.headers.update(_HEADERS)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered with a problem document (RFC 9457)."""
    headers = {"Content-Type": "application/problem+json"}
    try:
        return await handler(request)
    except GettCheckoutError as error:
        problem, headers = error.to_problem(), error.problem_headers()
        # The id is what opens the checkout; the browser has it in a cookie no script can read.
        problem.pop("checkout_id", None)
    except web.HTTPException as refusal:
        problem = _problem(HTTPStatus(refusal.status), refusal.text)
    except Exception:  # noqa: BLE001 - whatever it is, the answer is a problem document
        _log.exception("A request of the storefront failed")
        problem = _problem(HTTPStatus.INTERNAL_SERVER_ERROR)
    return web.Response(text=json.dumps(problem), status=problem["status"], headers=headers)


@web.middleware
async def only_own_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what does not come from our own page.

    A name that only resolves to loopback is not ours (DNS rebinding). A form of another site can
    send neither JSON nor our cookie, and a browser says where a request comes from.
    """
    if _host_of(request) not in _LOOPBACK:
        raise web.HTTPMisdirectedRequest(text="This page is served on loopback only.")
    if request.method not in ("GET", "HEAD"):
        if request.headers.get("Origin", own := f"http://{request.host}") != own:
            raise web.HTTPForbidden(text="Only the storefront's own page may ask for this.")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise web.HTTPForbidden(text="Only the storefront's own page may ask for this.")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Send application/json.")
    return await handler(request)


def _host_of(request: web.Request) -> str | None:
    try:
        return request.url.host
    except ValueError:
        return None


def _problem(status: HTTPStatus, detail: str | None = None) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail or status.description,
        "code": status.name,
    }
