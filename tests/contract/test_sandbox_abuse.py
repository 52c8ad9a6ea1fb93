"""Abuse: whatever is thrown at the sandbox, the answer is a problem document, never a traceback."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from gett_checkout.sandbox import Sandbox, Switches

MANY = 400
PATHS = ("/v1/marketplace/session/create", "/_sandbox/switches", "/_sandbox/faults")
BODIES = {
    "cut": b"{",
    "array": b"[]",
    "null": b"null",
    "not-utf8": b"\xff\xfe",
    "nan": b'{"seconds": NaN}',
    "deep": b"[" * 100_000,
    "deep-objects": b'{"a":' * 100_000,
    "huge": b'{"sold_out": ["' + b"x" * (2 * 1024 * 1024) + b'"]}',
    "long-number": b'{"seconds": ' + b"9" * 5000 + b"}",
    "long-exponent": b'{"price_change": 1e999999999}',
    "empty-name": b'{"": 1}',
    "surrogate": b'{"\\ud800": "\\udfff"}',
    "wrong-type": b'{"operation": {}, "kind": [], "times": {}}',
}


@pytest.fixture
async def sandbox(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Sandbox]:
    switches = Switches(rate_limits=None)
    with caplog.at_level(logging.DEBUG):
        async with Sandbox(switches=switches, record_traffic=True) as sandbox:
            yield sandbox
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert switches == Switches(rate_limits=None)


async def refused(answer: aiohttp.ClientResponse) -> None:
    """The answer is a whole problem document, and shows nothing of the inside."""
    text = await answer.text()
    assert answer.content_type == "application/problem+json", text
    problem = json.loads(text)
    assert problem["status"] == answer.status
    assert 400 <= answer.status < 500
    assert {"type", "title", "detail", "errorCode", "requestId", "timestamp"} <= problem.keys()
    assert not any(word in text for word in ("Traceback", "Error(", "File ", "aiohttp", "asyncio"))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", PATHS)
async def test_bodies_that_are_no_requests(sandbox: Sandbox, path: str, body: str) -> None:
    method = "PATCH" if path.endswith("switches") else "POST"
    headers = {
        "Authorization": f"Bearer {sandbox.api_key}",
        "Content-Type": "application/json",
    }

    async def chunks() -> AsyncIterator[bytes]:
        yield BODIES[body]

    async with (
        aiohttp.ClientSession() as http,
        http.request(method, sandbox.url + path, data=chunks(), headers=headers) as answer,
    ):
        await refused(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/favicon.ico",
        "/_sandboxes",
        "/_sandbox/../etc/passwd",
        "/_sandbox//orders",
        "/_sandbox/orders/%00/advance",
        "/_sandbox/orders/%F0%9F%8D%95",
        "/_sandbox/orders/" + "x" * 4000,
        "/%5fsandbox/orders/1",
        "/v1/marketplace/stores/%ff%fe/x",
        "/v1/marketplace//orders",
        "/v1/marketplace/orders?limit=%00",
    ],
)
async def test_paths_and_methods_nobody_documented(sandbox: Sandbox, path: str) -> None:
    url = URL(sandbox.url + path, encoded=True)
    async with aiohttp.ClientSession() as http:
        for method in ("GET", "POST", "DELETE", "TRACE", "BREW"):
            async with http.request(method, url) as answer:
                await refused(answer)


async def raw(sandbox: Sandbox, sent: bytes, *, and_hang_up: bool = False) -> bytes:
    """What comes back for bytes on a bare socket, until the sandbox closes it."""
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    if and_hang_up:
        writer.write_eof()
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        b"GARBAGE\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nbroken header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /_sandbox/faults HTTP/1.1\r\nHost: a\r\nContent-Length: minus\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_what_is_no_http(sandbox: Sandbox, sent: bytes) -> None:
    got = await raw(sandbox, sent)
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert problem["errorCode"] == "INVALID_REQUEST"
    assert b"Traceback" not in got


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_never_comes_whole(sandbox: Sandbox, path: str) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {sandbox.api_key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    assert b"Traceback" not in await raw(sandbox, head.encode(), and_hang_up=True)
    async with aiohttp.ClientSession() as http, http.get(f"{sandbox.url}/_sandbox") as answer:
        assert answer.status == 200


@pytest.mark.slow
async def test_hundreds_of_connections_at_once(sandbox: Sandbox) -> None:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def visit(number: int) -> int:
            path = "/_sandbox/orders" if number % 2 else "/v1/marketplace/orders"
            async with http.get(sandbox.url + path) as answer:
                if number % 2 == 0:
                    await refused(answer)
                return answer.status

        statuses = await asyncio.gather(*map(visit, range(MANY)))
    assert sorted(statuses) == [200] * (MANY // 2) + [401] * (MANY // 2)
    assert len(sandbox.requests) == MANY // 2


@pytest.mark.slow
async def test_hundreds_of_connections_that_say_nothing(sandbox: Sandbox) -> None:
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(MANY)]
    async with aiohttp.ClientSession() as http, http.get(f"{sandbox.url}/_sandbox") as answer:
        assert answer.status == 200
    async with asyncio.timeout(5):
        await sandbox.stop()
    for _, writer in opened:
        writer.close()


async def test_random_bytes(sandbox: Sandbox) -> None:
    jitter = random.Random(6)
    for _ in range(50):
        noise = b"POST " + jitter.randbytes(jitter.randrange(1, 300)) + b"\r\n\r\n"
        got = await raw(sandbox, noise)
        assert b"Traceback" not in got
        assert b"application/problem+json" in got


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_breaks_off_in_its_coding(sandbox: Sandbox, path: str) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {sandbox.api_key}\r\n"
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    )
    got = await raw(sandbox, head.encode())
    assert re.match(rb"HTTP/1\.1 40[04] ", got)
    assert b"errorCode" in got
    assert b"Traceback" not in got
