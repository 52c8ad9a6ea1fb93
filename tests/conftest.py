"""Private servers for every test, and aioresponses on today's aiohttp."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest

from gett_checkout.storage import open_storage
from gett_checkout.storage.postgres import PostgresStorage
from tests.servers import PgBouncer, PostgresServer, RedisServer


class _Response(aiohttp.ClientResponse):
    """A ``ClientResponse`` that does not need the ``stream_writer`` aioresponses 0.7.9 knows nothing of."""

    def __init__(self, *args: Any, **members: Any) -> None:
        members.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **members)


_WANTED = "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters
if _WANTED and "stream_writer" not in inspect.getsource(aioresponses.core):
    aioresponses.core.ClientResponse = _Response  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis for the whole session; use a prefix or a database number of your own."""
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for the whole session; use a table of your own."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def pgbouncer(postgres_server: PostgresServer) -> AsyncIterator[PgBouncer]:
    """A pgbouncer in transaction mode before the PostgreSQL, which has the table by its usual name."""
    server = PgBouncer(postgres_server)
    try:
        await asyncio.to_thread(server.start)
        async with open_storage(server.url) as storage:
            assert isinstance(storage, PostgresStorage)
            await storage.create_schema()
        yield server
    finally:
        await asyncio.to_thread(server.remove)
