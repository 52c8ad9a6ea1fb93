"""What aiohttp can raise, and whether the request may have arrived then. Then the same on real sockets."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses
from yarl import URL

from gett_checkout import (
    ApiError,
    GettCheckoutError,
    GettClient,
    InvalidResponseError,
    RetryPolicy,
    TransportError,
)
from gett_checkout import _transport as transport_module
from gett_checkout._transport import Transport

HOST = "https://gett.test"
STORE = f"{HOST}/v1/marketplace/stores/s"
KEY = "zpka_test"
ONCE = RetryPolicy(max_attempts=1)

# Every exception of aiohttp's client, and whether the request may have arrived when it is raised.
MAY_HAVE_ARRIVED = {
    "ClientConnectionError": True,
    "ClientConnectionResetError": True,
    "ClientConnectorCertificateError": False,
    "ClientConnectorDNSError": False,
    "ClientConnectorError": False,
    "ClientConnectorSSLError": False,
    "ClientError": True,
    "ClientHttpProxyError": False,
    "ClientOSError": True,
    "ClientPayloadError": True,
    "ClientProxyConnectionError": False,
    "ClientResponseError": True,
    "ClientSSLError": False,
    "ConnectionTimeoutError": False,
    "ContentTypeError": True,
    "InvalidURL": False,
    "InvalidUrlClientError": False,
    "InvalidUrlRedirectClientError": True,
    "NonHttpUrlClientError": False,
    "NonHttpUrlRedirectClientError": True,
    "RedirectClientError": True,
    "ServerConnectionError": True,
    "ServerDisconnectedError": True,
    "ServerFingerprintMismatch": False,
    "ServerTimeoutError": True,
    "SocketTimeoutError": True,
    "TooManyRedirects": True,
    "UnixClientConnectorError": False,
    "UploadAbortedError": True,
    "WSServerHandshakeError": True,
}
# What the oldest aiohttp we allow does not have yet.
NEWER_THAN_THE_OLDEST = {"UploadAbortedError"}
# Not aiohttp's own, but raised through it.
OTHERS: dict[str, tuple[Exception, bool]] = {
    "total timeout": (TimeoutError(), True),
    "OSError": (OSError(5, "Input/output error"), True),
    "ConnectionResetError": (ConnectionResetError(104, "reset"), True),
    "BrokenPipeError": (BrokenPipeError(32, "broken pipe"), True),
    "SSLError": (ssl.SSLError(1, "bad record"), True),
}


def _classes() -> dict[str, type[Exception]]:
    return {
        name: each
        for name, each in vars(client_exceptions).items()
        if inspect.isclass(each) and issubclass(each, aiohttp.ClientError)
    }


def _made(name: str) -> Exception:
    """An exception as aiohttp makes it, with the request's credential in it where aiohttp puts it."""
    cls: Any = _classes()[name]
    url = URL(STORE)
    headers: Any = {"Authorization": f"Bearer {KEY}"}
    key = ConnectionKey(
        "gett.test",
        443,
        is_ssl=True,
        ssl=True,
        proxy=None,
        proxy_auth=None,
        proxy_headers_hash=None,
    )
    system = OSError(111, "Connection refused")
    if issubclass(cls, aiohttp.ClientResponseError):
        info = aiohttp.RequestInfo(url, "GET", headers, url)
        return cls(info, (), status=500, message="no", headers=headers)  # type: ignore[no-any-return]
    if name == "ClientConnectorCertificateError":
        return cls(key, ssl.CertificateError("expired"))  # type: ignore[no-any-return]
    if name == "UnixClientConnectorError":
        return cls("/socket", key, system)  # type: ignore[no-any-return]
    if issubclass(cls, aiohttp.ClientConnectorError):
        return cls(key, system)  # type: ignore[no-any-return]
    if name == "ServerFingerprintMismatch":
        return cls(b"a", b"b", "gett.test", 443)  # type: ignore[no-any-return]
    if issubclass(cls, aiohttp.InvalidURL):
        return cls(STORE)  # type: ignore[no-any-return]
    return cls()  # type: ignore[no-any-return]


def test_the_table_knows_every_exception_of_aiohttp() -> None:
    assert set(MAY_HAVE_ARRIVED) - NEWER_THAN_THE_OLDEST <= set(_classes()) <= set(MAY_HAVE_ARRIVED)


async def _failing(error: Exception) -> TransportError:
    with aioresponses() as web:
        web.get(STORE, exception=error)
        async with GettClient(KEY, base_url=HOST, retry=ONCE) as gett:
            with pytest.raises(TransportError) as caught:
                await gett.get_store("s")
    return caught.value


@pytest.mark.parametrize("name", _classes())
async def test_aiohttp_error_is_a_transport_error(name: str) -> None:
    failure = await _failing(_made(name))
    assert failure.may_have_arrived is MAY_HAVE_ARRIVED[name]
    assert name in str(failure)
    assert failure.__cause__ is failure.__context__ is None
    assert KEY not in repr(failure) + str(failure)


@pytest.mark.parametrize(("error", "may_have_arrived"), OTHERS.values(), ids=OTHERS.keys())
async def test_other_error_is_a_transport_error(
    error: Exception, *, may_have_arrived: bool
) -> None:
    assert (await _failing(error)).may_have_arrived is may_have_arrived


async def test_a_refused_connection_is_told_in_words() -> None:
    assert "gett.test" in str(await _failing(_made("ClientConnectorError")))


async def test_a_closed_session_sent_nothing() -> None:
    http = aiohttp.ClientSession()
    await http.close()
    gett = GettClient(KEY, base_url=HOST, http=http)
    with pytest.raises(TransportError) as caught:
        await gett.get_store("s")
    assert caught.value.may_have_arrived is False


async def test_a_session_closed_meanwhile_may_have_sent() -> None:
    async with aiohttp.ClientSession() as http:
        with aioresponses() as web:

            async def close(*_: Any, **__: Any) -> None:
                await http.close()
                raise RuntimeError("Session is closed")

            web.get(STORE, callback=close)
            with pytest.raises(TransportError) as caught:
                await Transport(http, timeout=5).send("GET", STORE, headers={}, body=None)
    assert caught.value.may_have_arrived is True


async def test_a_mistake_in_the_program_is_not_hidden() -> None:
    with aioresponses() as web:
        web.get(STORE, exception=RuntimeError("attached to a different loop"))
        async with GettClient(KEY, base_url=HOST) as gett:
            with pytest.raises(RuntimeError, match="loop"):
                await gett.get_store("s")


async def test_a_closed_client_stays_closed() -> None:
    gett = GettClient(KEY, base_url=HOST)
    await gett.close()
    with pytest.raises(TransportError, match="closed"):
        await gett.get_store("s")
    await gett.close()


async def test_the_callers_session_stays_open_and_keeps_its_own_ways() -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        with aioresponses() as web:
            web.get(STORE, status=409)
            async with GettClient(KEY, base_url=HOST, http=http) as gett:
                with pytest.raises(ApiError):
                    await gett.get_store("s")
            [[call]] = web.requests.values()
        assert not http.closed
    assert call.kwargs["raise_for_status"] is False


async def test_cancelling_is_not_a_failure() -> None:
    with aioresponses() as web:
        web.get(STORE, exception=asyncio.CancelledError())
        async with GettClient(KEY, base_url=HOST) as gett:
            with pytest.raises(asyncio.CancelledError):
                await gett.get_store("s")


# --- real sockets ---------------------------------------------------------------------------------

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """A server that reads one request's head and then does what ``serve`` does."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"


def answering(raw: bytes) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return serve


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)  # close with a reset
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until the client gives up


async def failure_of(serve: Serve, *, patience: float = 5) -> GettCheckoutError:
    async with (
        server(serve) as url,
        GettClient(KEY, base_url=url, retry=ONCE, timeout=patience) as gett,
    ):
        with pytest.raises(GettCheckoutError) as caught:
            await gett.create_session()
    return caught.value


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
BROKEN: dict[str, Serve] = {
    "reset": reset,
    "closed": answering(b""),
    "half a head": answering(HEAD[:20]),
    "half a body": answering(HEAD + b'{"token": "t"'),
    "half a refusal": answering(HEAD.replace(b"200 OK", b"409 No") + b'{"errorCode":'),
    "not HTTP": answering(b"220 smtp.gett.test ESMTP\r\n\r\n"),
    "bad chunk": answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "bad gzip": answering(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
    ),
}


@pytest.mark.parametrize("serve", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_answer_may_have_been_work(serve: Serve) -> None:
    failure = await failure_of(serve)
    assert isinstance(failure, TransportError)
    assert failure.may_have_arrived is True
    assert failure.__cause__ is failure.__context__ is None


async def test_silence_is_a_timeout() -> None:
    failure = await failure_of(silence, patience=0.1)
    assert isinstance(failure, TransportError)
    assert failure.may_have_arrived is True


async def test_nobody_listening_is_certain() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with GettClient(KEY, base_url=url, retry=ONCE) as gett:
            with pytest.raises(TransportError) as caught:
                await gett.create_session()
    assert caught.value.may_have_arrived is False


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize(
    ("method", "body"),
    [("PUT", b"once"), ("POST", b"once"), ("PUT", None), ("DELETE", None)],
)
async def test_what_was_dropped_is_not_sent_again_unasked(
    method: str, body: bytes | None, listens: bool
) -> None:
    """Else the answer to the second, or the failure to connect, hides that the first may be work."""
    bodies: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = listening.accept()
                with connection:
                    if not listens:
                        listening.close()
                    said = b""
                    while not said.endswith(body or b"\r\n\r\n") and (
                        more := connection.recv(4096)
                    ):
                        said += more
                    bodies.extend([said] if said else [])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = asyncio.create_task(asyncio.to_thread(serve))
        transport = Transport(None, timeout=5)
        with pytest.raises(TransportError) as caught:
            await transport.send(method, url, headers={}, body=body)
        await transport.close()
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        await serving
    assert caught.value.may_have_arrived is True
    (request,) = bodies
    assert request.startswith(f"{method} / ".encode())


@pytest.mark.parametrize(
    ("serve", "body", "arrived"),
    [
        (answering(b""), None, 1),
        (answering(b""), b"{}", 1),
        (answering(b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n"), None, 2),
        (answering(b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n"), b"{}", 1),
    ],
    ids=["lost", "lost with a body", "refused", "refused with a body"],
)
async def test_a_middleware_of_the_callers_session_repeats_no_lost_request_and_no_body(
    serve: Serve, body: bytes | None, arrived: int
) -> None:
    requests: list[bytes] = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readexactly(len(body or b"")))
        await serve(reader, writer)

    async def again(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        with suppress(aiohttp.ClientError):
            (await handler(request)).close()
        return await handler(request)

    async with server(count) as url, aiohttp.ClientSession(middlewares=[again]) as http:
        sending = Transport(http, timeout=5).send("PUT", url, headers={}, body=body)
        if arrived == 2:
            assert (await sending).status == 503
        else:
            with pytest.raises(TransportError) as caught:
                await sending
            assert caught.value.may_have_arrived is True
    assert len(requests) == arrived


async def test_a_middleware_of_the_callers_session_may_repeat_what_never_left() -> None:
    tried = 0

    async def again(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        nonlocal tried
        with pytest.raises(aiohttp.ClientConnectorError):
            await handler(request)
        tried += 1
        return await handler(request)

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with aiohttp.ClientSession(middlewares=[again]) as http:
            with pytest.raises(TransportError) as caught:
                await Transport(http, timeout=5).send("PUT", url, headers={}, body=None)
    assert (caught.value.may_have_arrived, tried) == (False, 1)


async def test_redirects_are_refusals_and_are_not_followed() -> None:
    asked = 0

    async def elsewhere(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    failure = await failure_of(elsewhere)
    assert isinstance(failure, ApiError)
    assert (failure.status, asked) == (307, 1)


def _endless(status: bytes) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" " * 65536)
            await writer.drain()

    return serve


async def test_a_giant_answer_is_unreadable_and_a_giant_refusal_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport_module, "LARGEST_RESPONSE", 200_000)
    monkeypatch.setattr(transport_module, "LARGEST_REJECTION", 100_000)
    assert isinstance(await failure_of(_endless(b"200 OK")), InvalidResponseError)
    refusal = await failure_of(_endless(b"503 Busy"))
    assert isinstance(refusal, ApiError)
    assert refusal.status == 503


async def test_no_cookie_goes_from_one_shoppers_answer_to_anothers_request() -> None:
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: who=jane\r\nConnection: close\r\n"
            b'Content-Length: 15\r\n\r\n{"storeId":"s"}'
        )
        await writer.drain()
        writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://localhost:{running.sockets[0].getsockname()[1]}"
    async with running, GettClient(KEY, base_url=url) as gett:
        await gett.get_store("s")
        await gett.get_store("s")
    assert len(heads) == 2
    assert not [head for head in heads if b"cookie" in head.lower()]
