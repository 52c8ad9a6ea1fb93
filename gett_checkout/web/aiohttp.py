"""The checkout's endpoints as routes of an ``aiohttp.web`` application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Unpack

from aiohttp import web

from gett_checkout import Checkouts
from gett_checkout.web import CheckoutEndpoints, Options, read_body
from gett_checkout.web import Request as Received

__all__ = ["add_checkout_routes"]

# Stands for a body that is not in the encoding of its headers: no JSON, and with no valid signature.
_UNREADABLE: Final = b"\0"


def add_checkout_routes(
    app: web.Application,
    checkouts: Checkouts | Callable[[web.Request], Checkouts],
    *,
    prefix: str = "/checkout",
    **options: Unpack[Options[web.Request]],
) -> None:
    """Add the checkout's endpoints to ``app``, below ``prefix``; existing routes take precedence.

    ``checkouts`` is the worker's `Checkouts`, or a function that returns it for a request. The keyword
    arguments are `gett_checkout.web.Options`; their functions receive the ``aiohttp.web.Request``.
    """
    endpoints = CheckoutEndpoints(checkouts, passes=(web.HTTPException,), **options)

    async def handle(request: web.Request) -> web.Response:
        try:
            body = await read_body(request.content.iter_any())
        except web.RequestPayloadError:
            body = _UNREADABLE
            request.content.feed_eof()  # or aiohttp reads on, and logs the error after all
        path, query = request.match_info["path"], request.query_string
        given = await endpoints.handle(
            Received.of(request, request.method, path, request.headers.items(), body, query)
        )
        response = web.Response(status=given.status, headers=given.headers, body=given.body)
        if body is _UNREADABLE:
            response.force_close()  # aiohttp cannot find where the next request begins
        return response

    app.router.add_route("*", prefix + "{path:(/.*)?}", handle)
