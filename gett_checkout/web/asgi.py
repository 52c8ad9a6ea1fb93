"""The checkout as a plain ASGI application, for Starlette, Litestar, Quart, Django and others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Unpack

from gett_checkout import Checkouts
from gett_checkout.web import CheckoutEndpoints, Options, Request, read_body

__all__ = ["CheckoutApp"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class CheckoutApp:
    """An ASGI application with the checkout's endpoints, to be mounted under a path.

    ``checkouts`` is the worker's `Checkouts`, or a function that returns it for a scope. The keyword
    arguments are `gett_checkout.web.Options`; their functions receive the ASGI scope.
    """

    def __init__(
        self,
        checkouts: Checkouts | Callable[[Scope], Checkouts],
        **options: Unpack[Options[Scope]],
    ) -> None:
        self._endpoints = CheckoutEndpoints(checkouts, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"a CheckoutApp serves http, not {scope['type']}")
        try:
            body = await read_body(_chunks(receive))
        except ConnectionResetError:
            return  # the client has disconnected
        path, root = scope["path"], scope.get("root_path", "").rstrip("/")
        below = path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else path
        headers = (
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        query = scope.get("query_string", b"").decode("latin-1")
        request = Request.of(scope, scope["method"], below, headers, body, query)
        response = await self._endpoints.handle(request)
        fields = [(name.lower().encode(), each.encode()) for name, each in response.headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": fields})
        await send({"type": "http.response.body", "body": response.body})


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        more = message.get("more_body", False)
        yield message.get("body", b"")
