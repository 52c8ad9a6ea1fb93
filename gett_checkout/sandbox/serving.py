"""The HTTP server around the sandbox: aiohttp's, except that even invalid HTTP gets a problem document.

Docs: Errors (RFC 9457).
"""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp.web as web
from aiohttp.web_protocol import RequestHandler

from .clock import real_time
from .documents import write_json
from .problems import RefusedError

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

SHUTDOWN_SECONDS = 1.0


class _Connection(RequestHandler):
    """A connection that responds to unreadable requests with a problem document, unlogged."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        code = "INVALID_REQUEST" if status < 500 else "INTERNAL_ERROR"
        refusal = RefusedError(code, "This is not a readable HTTP request.", status=status)
        content = write_json(refusal.document(instance="", now=real_time()))
        response = web.Response(
            status=status, body=content, content_type="application/problem+json"
        )
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type]


async def listening(serve: Serve, host: str, port: int) -> web.ServerRunner:
    """Start a server; bodies of more than a mebibyte are rejected when they are read."""
    # A client that goes away does not stop the work it asked for, as with any real server.
    server = _Server(serve, handler_cancellation=False)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner
