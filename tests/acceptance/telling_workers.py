"""The example backends with two real workers and a header that tells which of them answered.

``python -m tests.acceptance.telling_workers fastapi PORT``; the header is for these tests alone.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from aiohttp import web

# The backends are imported where they are used: a worker of one need not wait for the other.

WORKER = "X-Worker"


def fastapi_app() -> Any:
    from examples.fastapi_backend.app import create_app

    app = create_app()

    async def telling(scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((WORKER.lower().encode(), str(os.getpid()).encode()))
            await send(message)

        await app(scope, receive, tell)

    return telling


def aiohttp_app() -> web.Application:
    from examples.aiohttp_backend.app import create_app

    app = create_app()

    async def tell(_: web.Request, response: web.StreamResponse) -> None:
        response.headers[WORKER] = str(os.getpid())

    app.on_response_prepare.append(tell)
    return app


def main(framework: str, port: int) -> None:
    if framework == "aiohttp":
        from examples.aiohttp_backend.serving import serve

        serve(aiohttp_app, "127.0.0.1", port, workers=2)
    else:
        import uvicorn

        app = "tests.acceptance.telling_workers:fastapi_app"
        # On a busy machine a worker that is slow to say that it lives is not to be killed.
        uvicorn.run(
            app,
            factory=True,
            port=port,
            workers=2,
            timeout_keep_alive=120,
            timeout_worker_healthcheck=120,
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
