"""Protect every response of the storefront: security headers, and loopback only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Scripts, styles and data come from this server and nowhere else, and nothing is inline.
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@web.middleware
async def only_loopback(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Reject any other host name, even one that resolves to loopback (DNS rebinding)."""
    try:
        host = request.url.host
    except ValueError:
        host = None
    if host not in _LOOPBACK:
        raise web.HTTPMisdirectedRequest(text="This page is served on loopback only.")
    return await handler(request)
