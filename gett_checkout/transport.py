"""One HTTP exchange over aiohttp: the only module of the library, besides the sandbox, that knows it.

It sends exactly once and says, when no complete answer came, whether the request may have arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import aiohttp
from attrs import field, frozen

from gett_checkout.errors import TransportError, UnreadableAnswerError

_LARGEST_BODY: Final = 64 * 1024 * 1024

# What aiohttp raises before a byte of the request has left. Everything else may have arrived.
_BEFORE_SENDING: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)


@frozen
class Answer:
    """A complete HTTP answer; ``headers`` are case-insensitive."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")


class Transport:
    """Sends requests over the caller's ``ClientSession``, or over one of its own made when needed."""

    def __init__(self, http: aiohttp.ClientSession | None, *, timeout: float) -> None:
        self._http = http
        self._owns_http = http is None
        self.timeout: Final = timeout
        self._timeouts: Final = aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 5.0))

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        """The answer; `TransportError` when none came, `UnreadableAnswerError` when it is too big."""
        try:
            # Redirects are not followed: a credential must not travel to another host.
            async with self._session().request(
                method,
                url,
                headers=headers,
                data=body,
                timeout=self._timeouts,
                allow_redirects=False,
            ) as response:
                return Answer(response.status, response.headers, await _read(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # aiohttp's total timeout is a bare TimeoutError; its messages may quote the URL.
            raise TransportError(
                f"no answer from Gett: {type(error).__name__}",
                may_have_arrived=not isinstance(error, _BEFORE_SENDING),
            ) from error
        except RuntimeError as error:
            if self._session().closed:
                raise TransportError(
                    "the aiohttp.ClientSession is closed", may_have_arrived=False
                ) from error
            raise

    async def close(self) -> None:
        """Close what was opened here; the caller's own session stays open."""
        if self._owns_http and self._http is not None:
            await self._http.close()
            self._http = None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        return self._http


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body as bytes, bounded: an answer is not to fill the memory."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_BODY:
            response.close()
            raise UnreadableAnswerError(
                f"the answer is larger than {_LARGEST_BODY} bytes", status=response.status
            )
    return bytes(body)
