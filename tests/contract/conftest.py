"""Every kind of storage over real servers, each empty and on the test's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gett_checkout.storage import ScannableStorage
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.storage.postgres import PostgresStorage
from gett_checkout.storage.redis import RedisStorage
from gett_checkout.storage.sqlite import SQLiteStorage
from tests.servers import PostgresServer, RedisServer, free_port

IN_MEMORY = ("memory", "encrypted memory")
ELSEWHERE = (
    "sqlite",
    "redis",
    "postgres",
    pytest.param("redis decoding", marks=pytest.mark.slow),
    pytest.param("encrypted sqlite", marks=pytest.mark.slow),
)
FAILURES = ("refuses", "hangs up", "talks nonsense")
"""What becomes of a connection to a broken server, or of an SQLite file: see `opened_broken`."""
NONSENSE = {
    "redis": b":not a number\r\n" * 10,
    # "You are in" and "ready", and not a word of which version of the server it is.
    "postgres": b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I",
}
"""What the drivers choke on, each with an exception that is none of its own."""


@asynccontextmanager
async def opened_redis(
    server: RedisServer, clock: Callable[[], datetime] | None = None, **options: Any
) -> AsyncIterator[RedisStorage]:
    """An empty Redis storage with a client of its own."""
    async with Redis.from_url(server.url, **options) as client:
        yield RedisStorage(client, prefix=f"test-{uuid4()}", clock=clock)


@asynccontextmanager
async def opened_postgres(
    server: PostgresServer, clock: Callable[[], datetime] | None = None, **options: Any
) -> AsyncIterator[PostgresStorage]:
    """An empty PostgreSQL storage with a pool of its own."""
    async with asyncpg.create_pool(server.url, min_size=1, max_size=8, **options) as pool:
        storage = PostgresStorage(pool, table=f"test_{uuid4().hex}", clock=clock)
        await storage.create_schema()
        yield storage


@pytest.fixture
async def storage(
    kind: str, clock: Callable[[], datetime], tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[ScannableStorage]:
    """An empty storage of the ``kind`` the test is run for."""
    opened: AbstractAsyncContextManager[ScannableStorage]
    match kind:
        case "memory" | "encrypted memory":
            opened = nullcontext(MemoryStorage(clock=clock))
        case "redis":
            opened = opened_redis(request.getfixturevalue("redis_server"), clock)
        case "redis decoding":
            server = request.getfixturevalue("redis_server")
            opened = opened_redis(server, clock, decode_responses=True)
        case "postgres":
            opened = opened_postgres(request.getfixturevalue("postgres_server"), clock)
        case _:
            opened = SQLiteStorage(tmp_path / "checkouts.db", clock=clock)
    async with opened as storage:
        is_encrypted = kind.startswith("encrypted")
        yield EncryptedStorage(storage, [Fernet.generate_key()]) if is_encrypted else storage


@asynccontextmanager
async def opened_broken(
    kind: str, failure: str, clock: Callable[[], datetime], folder: Path
) -> AsyncIterator[ScannableStorage]:
    """A storage of the ``kind``, and what it needs is not there, goes away or is something else."""
    async with AsyncExitStack() as stack:
        storage: ScannableStorage
        if "sqlite" in kind:
            path = folder / ("missing/a.db" if failure == "refuses" else "a.db")
            if failure == "talks nonsense":
                path.write_bytes(b"not a database" * 100)
            storage = sqlite = await stack.enter_async_context(SQLiteStorage(path, clock=clock))
            if failure == "hangs up":
                await sqlite.close()
        else:
            nonsense = NONSENSE[kind.split()[0]] if failure == "talks nonsense" else b""
            serving = broken_server(nonsense, refuses=failure == "refuses")
            port = await stack.enter_async_context(serving)
            if kind == "postgres":
                url = f"postgresql://someone@127.0.0.1:{port}/x?sslmode=disable"
                pool = asyncpg.create_pool(url, min_size=0)
                storage = PostgresStorage(await stack.enter_async_context(pool), clock=clock)
            else:
                url = f"redis://127.0.0.1:{port}/0"
                decoding = kind == "redis decoding"
                once = Retry(NoBackoff(), 0)
                client = Redis.from_url(url, retry=once, decode_responses=decoding)
                storage = RedisStorage(await stack.enter_async_context(client), clock=clock)
        is_encrypted = kind.startswith("encrypted")
        yield EncryptedStorage(storage, [Fernet.generate_key()]) if is_encrypted else storage


@asynccontextmanager
async def broken_server(nonsense: bytes, *, refuses: bool) -> AsyncIterator[int]:
    """The port of a server that hangs up, after some nonsense if there is any; or of none at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(nonsense)
        writer.close()

    if refuses:
        yield free_port()
        return
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
