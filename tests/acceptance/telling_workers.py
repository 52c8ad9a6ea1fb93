"""An app with a header that tells which of its workers responded; for these tests alone.

The variable `TOLD_APP` names it, as ``module:name``; a name that begins with ``create`` makes it.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

from aiohttp import web

WORKER: Final = "X-Worker"
TOLD_APP: Final = "TOLD_APP"


def fastapi_app() -> Any:
    """The ASGI application of this process."""
    app = _told()

    async def telling(scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((WORKER.lower().encode(), str(os.getpid()).encode()))
            await send(message)

        await app(scope, receive, tell)

    return telling


def aiohttp_app() -> web.Application:
    """The aiohttp application of this process."""
    app: web.Application = _told()

    async def tell(_: web.Request, response: web.StreamResponse) -> None:
        response.headers[WORKER] = str(os.getpid())

    app.on_response_prepare.append(tell)
    return app


def _told() -> Any:
    module, _, name = os.environ[TOLD_APP].partition(":")
    found = getattr(import_module(module), name)
    return found() if name.startswith("create") else found
