"""How a request is handled: recorded, hit by a planned fault, authorized, and passed to its desk.

Whatever goes wrong, the response is a problem document, never a traceback. Docs:
Errors; Credentials; Rate limits.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime

import aiohttp.web as web
from attrs import define, evolve, field

from . import operations
from .calls import Call, Desk, Response, session_user_required
from .credentials import Credentials, Session, unauthenticated
from .documents import Document
from .faults import INSTEAD_OF_WORK, Fault, problem_of
from .limits import RateLimiter
from .operations import Level, Operation, Route
from .problems import RefusedError
from .serving import outcome, problem, read_content, sent
from .switches import Switches
from .traffic import Exchange, Seen, masked

_GATEWAY_PAGE = b"<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>"


@define
class _Arrival:
    """A request, and what its head says; `content` is empty until it is read.

    `released` ends its delay: the event of its arrival, as a release counts even before it is read.
    """

    request: web.BaseRequest
    route: Route | None
    level: Level
    session: Session | None = field(repr=False)
    released: asyncio.Event
    content: bytes = field(default=b"", repr=False)

    @property
    def operation(self) -> str:
        return self.route.operation.name if self.route else ""


class Handler:
    """Serves every request of the sandbox."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        *,
        clock: Callable[[], datetime],
        switches: Switches,
        credentials: Credentials,
        records_traffic: bool,
    ) -> None:
        self._desks = desks
        self._clock = clock
        self._switches = switches
        self._credentials = credentials
        self._limiter = RateLimiter(switches)
        self._stopping = asyncio.Event()
        self._released = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: set[asyncio.Task[object]] = set()
        self._records_traffic = records_traffic
        self.requests: list[Seen] = []
        self.traffic: list[Exchange] = []

    def open(self) -> None:
        """Prepare to serve on the running loop."""
        self._stopping, self._released = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def release(self) -> None:
        """End every delay; any thread may call it."""
        if self._loop is None:
            self._end_delays()
        else:
            self._loop.call_soon_threadsafe(self._end_delays)

    def _end_delays(self) -> None:
        # Those planned, too: a request that is still to arrive was meant to be released.
        self._switches.faults[:] = [each for each in self._switches.faults if each.kind != "delay"]
        self._released.set()
        self._released = asyncio.Event()

    def let_go(self) -> None:
        """End the requests that hang or wait."""
        self._loop = None
        self._stopping.set()
        self._released.set()

    async def close(self) -> None:
        """Wait for requests whose clients have gone away."""
        await asyncio.gather(*self._serving, return_exceptions=True)

    def reset(self) -> None:
        """Forget the requests, and those still being served, too."""
        self.requests, self.traffic = [], []
        self._limiter.reset()

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Serve one request; the one entry point of the HTTP server."""
        self._remember_task()
        now = self._clock()
        level, session = self._credentials.recognise(request.headers.get("Authorization"), now)
        route = operations.find(request.method, request.rel_url.raw_path)
        arrival = _Arrival(request, route, level, session, self._released)
        seen = Seen(
            at=now,
            method=request.method,
            path=request.path,
            operation=arrival.operation,
            level=level,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        log, index = self.requests, len(self.requests)
        log.append(seen)
        response = await self._respond(arrival)
        if self._records_traffic:
            self._record(seen, arrival, response or Response(0))
        if response is None:
            return _dropped(request)
        log[index] = evolve(seen, status=response.status, error_code=response.error_code)
        return self._response(arrival, response)

    def _remember_task(self) -> None:
        """Remember the task: aiohttp forgets it when the client disconnects."""
        task = asyncio.current_task()
        if task is not None:  # pragma: no branch - a coroutine that runs is run by one
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _respond(self, arrival: _Arrival) -> Response | None:
        """Return the response to send, or `None` to drop the connection."""
        fault = self._switches.take(arrival.operation) if arrival.route else None
        if fault is None:
            return await self._work(arrival)
        if fault.kind in INSTEAD_OF_WORK:
            return await self._skip_work(fault, arrival)
        response = await self._work(arrival, fault.seconds if fault.kind == "delay" else None)
        match fault.kind:
            case "drop_after":
                return None
            case "error_after":
                return self._problem(problem_of(fault), arrival)
            case "garbage" if response is not None:
                return _truncated(response)
        return response

    async def _skip_work(self, fault: Fault, arrival: _Arrival) -> Response | None:
        match fault.kind:
            case "error":
                return self._problem(problem_of(fault), arrival)
            case "html" | "empty":
                return _bare(fault)
            case "hang":
                await self._stopping.wait()
        return None

    async def _work(self, arrival: _Arrival, delay: float | None = None) -> Response | None:
        return await outcome(self._reach_desk(arrival, delay), arrival.request, self._clock)

    async def _reach_desk(self, arrival: _Arrival, delay: float | None) -> Response:
        if arrival.route is None:
            raise RefusedError("NOT_FOUND", "There is no such operation.")
        operation = arrival.route.operation
        self._let_in(operation, arrival.level)
        self._limiter.spend(operation.bucket, self._clock())
        request = arrival.request
        Document({**request.query}).only(*operation.query)
        arrival.content = content = await read_content(request)
        if delay is not None:
            await self._wait(arrival.released, delay)
        call = Call(
            content=content,
            at=self._clock(),
            level=arrival.level,
            session=arrival.session,
            parameters=arrival.route.parameters,
            query=request.query,
            content_type=request.content_type,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        return self._desks[operation.name](call)

    def _let_in(self, operation: Operation, level: Level) -> None:
        """Reject a credential that may not do this. Docs: Credentials."""
        needs_end_user = operation.needs_end_user
        if level == "none":
            raise unauthenticated()
        if level == "end_user" and needs_end_user and self._switches.reject_end_users:
            raise session_user_required()
        if level in operation.levels:
            return
        if needs_end_user:
            raise session_user_required()
        raise RefusedError("FORBIDDEN", "This credential may not call this operation.")

    async def _wait(self, released: asyncio.Event, seconds: float) -> None:
        """Wait until the delay is over or released; `ConnectionAbortedError` if the sandbox stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await released.wait()
        if self._stopping.is_set():
            raise ConnectionAbortedError

    def _record(self, seen: Seen, arrival: _Arrival, response: Response) -> None:
        exchange = Exchange(
            at=seen.at,
            method=seen.method,
            path=seen.path,
            operation=seen.operation,
            level=seen.level,
            sent=masked(arrival.content),
            status=response.status,
            received=masked(response.content),
        )
        self.traffic.append(exchange)

    def _problem(self, refusal: RefusedError, arrival: _Arrival) -> Response:
        return problem(refusal, arrival.request.path, self._clock())

    def _response(self, arrival: _Arrival, response: Response) -> web.Response:
        bucket = arrival.route.operation.bucket if arrival.route else "reads"
        return sent(response, **self._limiter.headers(bucket, self._clock()))


def _dropped(request: web.BaseRequest) -> web.Response:
    """Cut the connection. aiohttp wants a response all the same, and finds nobody to send it to."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _bare(fault: Fault) -> Response:
    """Return what a gateway sends without asking the API: an HTML page or an empty body."""
    if fault.kind == "html":
        return Response(fault.status or 502, _GATEWAY_PAGE, "text/html")
    return Response(fault.status or 500)


def _truncated(response: Response) -> Response:
    """Cut the JSON of a success in the middle."""
    return Response(200, response.content[: len(response.content) // 2] or b"{", "application/json")
