"""Every kind of storage over real servers, each empty and on the test's own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from gett_checkout.storage import ScannableStorage
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.storage.postgres import PostgresStorage
from gett_checkout.storage.redis import RedisStorage
from gett_checkout.storage.sqlite import SQLiteStorage
from tests.servers import PostgresServer, RedisServer

KINDS = (
    "memory",
    "sqlite",
    "redis",
    "redis decoding",
    "postgres",
    "encrypted memory",
    "encrypted sqlite",
)


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
