"""The HTTP server around the sandbox: aiohttp's, except that every error is a problem document.

Even a bug in the sandbox itself, or invalid HTTP, is answered with a problem document and never a
traceback. Docs: Errors (RFC 9457).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

import aiohttp.web as web
from aiohttp.web_protocol import RequestHandler

from .calls import Response
from .clock import real_time
from .documents import write_json
from .problems import RefusedError

_log = logging.getLogger(__name__)

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
        response = sent(problem(refusal, "", real_time()))
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


async def read_content(request: web.BaseRequest) -> bytes:
    """Read the body of a request."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise RefusedError("INVALID_REQUEST", "The body is too large.") from error
    except web.RequestPayloadError as error:
        raise RefusedError("INVALID_REQUEST", "The body cannot be read.") from error


async def outcome(
    work: Awaitable[Response], request: web.BaseRequest, clock: Callable[[], datetime]
) -> Response | None:
    """Await the response to a request; `None` when its connection broke in the middle of it."""
    try:
        return await work
    except RefusedError as refusal:
        return problem(refusal, request.path, clock())
    except ConnectionError:
        return None
    except Exception:  # noqa: BLE001 - whatever it is, the response is a problem document
        _log.exception("The sandbox failed on %s", request.rel_url.raw_path)
        failure = RefusedError("INTERNAL_ERROR", "Something went wrong inside the sandbox.")
        return problem(failure, request.path, clock())


def problem(refusal: RefusedError, path: str, now: datetime) -> Response:
    """Make the problem document for a rejected request to `path`."""
    content = write_json(refusal.document(instance=path, now=now))
    return Response(refusal.status, content, "application/problem+json", refusal.code)


def sent(response: Response, **headers: str) -> web.Response:
    """Make the response that aiohttp sends."""
    if response.content_type is not None:
        headers["Content-Type"] = response.content_type
    return web.Response(status=response.status, body=response.content, headers=headers)
