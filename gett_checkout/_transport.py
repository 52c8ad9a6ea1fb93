"""One HTTP exchange over aiohttp, which only this module and the sandbox import.

It sends exactly once and reports, if no complete response came, whether the request may have arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from attrs import field, frozen

from gett_checkout._hidden import hidden
from gett_checkout.errors import InvalidResponseError, TransportError

LARGEST_RESPONSE: Final = 64 * 1024 * 1024
LARGEST_REJECTION: Final = 1024 * 1024
CONNECT_SECONDS: Final = 5.0

# The aiohttp errors raised before a byte of the request was sent. After others it may have arrived.
_BEFORE_SENDING: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
# Their text is only about the connection. Others contain the request, credential included.
_SPEAKABLE: Final = (aiohttp.ClientConnectorError, aiohttp.ServerFingerprintMismatch)


@frozen
class Response:
    """An HTTP response; ``headers`` are case-insensitive. The ``body`` of an oversized rejection is
    truncated.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(converter=hidden)


class _Body(aiohttp.BytesPayload):
    """A body that can be sent only once.

    aiohttp silently re-sends a PUT on a dropped connection and reports only the second outcome,
    although the first may have reached Gett. This body raises when it is sent again.
    """

    consumed = False

    def __repr__(self) -> str:
        return "<body>"

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        if self.consumed:
            raise ConnectionError("the request was sent before")
        self.consumed = True
        await super().write_with_length(writer, content_length)


class _Once:
    """A middleware that does the same for a write without a body: nothing is sent after a lost response."""

    lost = False

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self.lost:
            raise aiohttp.ServerDisconnectedError
        try:
            return await handler(request)
        except Exception as error:
            self.lost = not isinstance(error, _BEFORE_SENDING)
            raise


class Transport:
    """Sends requests over the caller's ``ClientSession``, or over one of its own for each event loop.

    Its own session is made when needed and closed with its loop, at the latest: a task queue and a
    synchronous framework run each job on a loop of its own. ``timeout`` is for one exchange, in
    seconds.
    """

    def __init__(self, http: aiohttp.ClientSession | None, *, timeout: float) -> None:
        self._http = http
        self._own: dict[asyncio.AbstractEventLoop, _Own] = {}
        self._closed = False
        self.timeout: Final = timeout

    @property
    def closed(self) -> bool:
        """Whether it is closed: nothing can be sent any more."""
        return self._closed or (self._http is not None and self._http.closed)

    def require_open(self) -> None:
        """Raise `TransportError` when nothing can be sent, from this event loop or at all."""
        if self.closed:
            raise TransportError("the client is closed", may_have_arrived=False, cause="closed")
        theirs = getattr(self._http, "_loop", None)
        if theirs is not None and theirs is not asyncio.get_running_loop():
            raise TransportError(
                "the aiohttp session belongs to another event loop: pass one that was made on this "
                "loop, or none at all",
                may_have_arrived=False,
                cause="other event loop",
            )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float | None = None,  # noqa: ASYNC109 - aiohttp's own
    ) -> Response:
        """Send and return the response. Raises `TransportError`, or `InvalidResponseError` if it is too big.

        ``timeout`` shortens the time limit of this exchange, in seconds.
        """
        self.require_open()
        http = self._http or await self._own_session()
        data = None if body is None else _Body(body)
        # aiohttp's errors are converted out here: their frames contain the request, credential
        # included, and so do many of the exceptions.
        try:
            return await self._exchange(http, method, url, headers, data, timeout or self.timeout)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure: BaseException = _failure(error, has_left=data is not None and data.consumed)
        except BaseException as error:  # noqa: BLE001 - a cancellation too
            failure = error.with_traceback(None)
            if isinstance(error, RuntimeError) and http.closed:
                failure = TransportError(
                    "the client was closed before the response came", cause="closed"
                )
        raise failure

    async def _exchange(
        self,
        http: aiohttp.ClientSession,
        method: str,
        url: str,
        headers: Mapping[str, str],
        data: _Body | None,
        timeout: float,  # noqa: ASYNC109 - aiohttp's own
    ) -> Response:
        # Redirects are not followed: a credential must not be sent to another host. A caller's session
        # may itself raise for a status, with the credential in the exception.
        middlewares = None
        if data is None and method != "GET":  # those passed replace the session's
            middlewares = (*getattr(http, "_middlewares", ()), _Once())
        async with http.request(
            method,
            url,
            headers=headers,
            data=data,
            timeout=aiohttp.ClientTimeout(
                total=timeout, sock_connect=min(timeout, CONNECT_SECONDS)
            ),
            allow_redirects=False,
            raise_for_status=False,
            middlewares=middlewares,
        ) as response:
            return Response(response.status, response.headers, await _read(response))

    async def close(self) -> None:
        """Close the sessions opened here; the caller's own session stays open."""
        self._closed = True
        if (own := self._own.get(asyncio.get_running_loop())) is not None:
            await own.until_closed.aclose()

    async def _own_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if (own := self._own.get(loop)) is None:
            # No cookies: one shopper's must not be sent with another's request.
            http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            own = _Own(http, self._until_closed(loop, http))
            # Sessions of a loop that ended without closing its generators cannot be closed any more.
            self._own = {each: one for each, one in self._own.items() if not each.is_closed()}
            self._own[loop] = own
            await anext(own.until_closed)
        return own.http

    async def _until_closed(
        self, loop: asyncio.AbstractEventLoop, http: aiohttp.ClientSession
    ) -> AsyncGenerator[None]:
        """Close the session at the end, or with its loop, which closes its generators."""
        try:
            yield
        finally:
            self._own.pop(loop, None)
            await http.close()


@frozen
class _Own:
    """A session of this transport's own, and the generator that closes it when it ends."""

    http: aiohttp.ClientSession
    until_closed: AsyncGenerator[None]


def _failure(error: Exception, *, has_left: bool) -> TransportError:
    """Convert an aiohttp error. Its total timeout is a bare ``TimeoutError``."""
    is_redirect = isinstance(error, aiohttp.RedirectClientError)
    early = isinstance(error, _BEFORE_SENDING) and not is_redirect and not has_left
    name = type(error).__name__
    said = f"{name}: {error}" if isinstance(error, _SPEAKABLE) else name
    is_timeout = isinstance(error, TimeoutError)
    return TransportError(
        f"no response from Gett ({said})",
        may_have_arrived=not early,
        cause="timeout" if is_timeout else name.removesuffix("Error"),
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body up to a limit, to protect the memory. A rejection's beginning is enough."""
    is_rejection = response.status >= 300
    most, size, chunks = LARGEST_REJECTION if is_rejection else LARGEST_RESPONSE, 0, list[bytes]()
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            response.close()
            break
    if size > most and not is_rejection:
        raise InvalidResponseError(
            f"the response is larger than {most} bytes", status=response.status
        )
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
