"""Steps per second over each storage: a load and a save, compared with a bare driver.

Both sides of a pair use the same server with the same durability, the same table, and change the same
rows by compare-and-swap, sixteen checkouts at a time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measuring import Effort, Goal, Row, race
from gett_checkout import Storage
from gett_checkout.storage.sqlite import SQLiteStorage
from tests.servers import PostgresServer, RedisServer

if TYPE_CHECKING:
    import asyncpg
    from redis.asyncio import Redis

Step = Callable[[str], Awaitable[object]]

_AT_ONCE: Final = 16
_WEEK: Final = timedelta(days=7)
_DATA: Final = b'{"a checkout":"' + b"as large as one of ten lines " * 100 + b'"}'


async def sqlite(effort: Effort) -> list[Row]:
    """Theirs: ``sqlite3`` in a thread of its own, same table, write-ahead log, synced at each save."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "checkouts.db"
        async with SQLiteStorage(path) as storage:
            with ThreadPoolExecutor(1) as thread:
                await _fill(storage, "theirs")
                loop = asyncio.get_running_loop()
                connection = await loop.run_in_executor(thread, _connect, path)

                def load(key: bytes) -> Any:
                    now = int(time.time() * 1e6)
                    found = (
                        "SELECT data, version FROM gett_checkouts WHERE id = ? AND expires_at > ?"
                    )
                    return connection.execute(found, (key, now)).fetchone()

                def save(key: bytes, data: bytes, version: int) -> int:
                    now = int(time.time() * 1e6)
                    changed = connection.execute(
                        "UPDATE gett_checkouts SET version = version + 1, expires_at = ?, due_at = ?,"
                        " data = ? WHERE id = ? AND version = ? AND expires_at > ?",
                        (now + 604_800_000_000, None, data, key, version, now),
                    )
                    return changed.rowcount

                async def step(checkout_id: str) -> None:
                    key = checkout_id.encode()
                    data, version = await loop.run_in_executor(thread, load, key)
                    _require(await loop.run_in_executor(thread, save, key, data, version))

                try:
                    return [await _compare(effort, "SQLite", "bare sqlite3", storage, step)]
                finally:
                    await loop.run_in_executor(thread, connection.close)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


async def redis(effort: Effort) -> list[Row]:
    """Theirs: redis-py, a GET and a script of its own that swaps the value if its version is the same."""
    from redis.asyncio import Redis

    from gett_checkout.storage.redis import RedisStorage

    server = RedisServer()
    try:
        await asyncio.to_thread(server.start)
        async with Redis.from_url(server.url) as client:
            storage = RedisStorage(client)
            step = await _bare_redis(client)
            return [await _compare(effort, "Redis", "bare redis-py", storage, step)]
    finally:
        await asyncio.to_thread(server.remove)


async def _bare_redis(client: Redis) -> Step:
    swap: Any = client.register_script("""
        local stored = redis.call('GETRANGE', KEYS[1], 0, 19)
        if tonumber(string.match(stored, '^%d+')) ~= tonumber(ARGV[1]) then return 0 end
        redis.call('SET', KEYS[1], (ARGV[1] + 1) .. '\\n' .. ARGV[2], 'PX', ARGV[3])
        redis.call('ZREM', KEYS[2], KEYS[1])
        return 1
    """)
    for number in range(_AT_ONCE):
        await client.set(f"theirs-{number}", b"1\n" + _DATA)

    async def step(checkout_id: str) -> None:
        stored: Any = await client.get(checkout_id)
        version, _, data = stored.partition(b"\n")
        keys, values = [checkout_id, "theirs-due"], [int(version), data, 604_800_000]
        _require(await swap(keys=keys, args=values))

    return step


async def postgres(effort: Effort) -> list[Row]:
    """Theirs: asyncpg, a SELECT and an UPDATE on the same table through a pool of the same size."""
    import asyncpg

    from gett_checkout.storage.postgres import PostgresStorage

    server = await asyncio.to_thread(PostgresServer)
    try:
        await asyncio.to_thread(server.start)
        async with asyncpg.create_pool(server.url, min_size=8, max_size=8) as pool:
            storage = PostgresStorage(pool)
            await storage.create_schema()
            await _fill(storage, "theirs")
            step = _bare_postgres(pool)
            return [await _compare(effort, "PostgreSQL", "bare asyncpg", storage, step)]
    finally:
        await asyncio.to_thread(server.remove)


def _bare_postgres(pool: asyncpg.Pool[asyncpg.Record]) -> Step:
    async def step(checkout_id: str) -> None:
        key, now = checkout_id.encode(), datetime.now(UTC)
        found = "SELECT data, version FROM gett_checkouts WHERE id = $1 AND expires_at > $2"
        row = await pool.fetchrow(found, key, now)
        assert row is not None  # noqa: S101 - it was filled
        swapped = await pool.fetchval(
            "UPDATE gett_checkouts SET version = version + 1, expires_at = $2, due_at = $3, data = $4"
            " WHERE id = $1 AND version = $5 AND expires_at > $6 RETURNING version",
            *(key, now + _WEEK, None, row["data"], row["version"], now),
        )
        _require(swapped)

    return step


async def _compare(effort: Effort, name: str, against: str, storage: Storage, bare: Step) -> Row:
    effort = effort.finer(4)  # wall-clock time is easily disturbed: many short rounds
    each = effort.of(20)
    await _fill(storage, "ours")

    async def step(checkout_id: str) -> None:
        stored = await storage.load(checkout_id)
        assert stored is not None  # noqa: S101 - it was filled
        await storage.save(
            checkout_id,
            stored.data,
            expected_version=stored.version,
            expires_at=datetime.now(UTC) + _WEEK,
            due_at=None,
        )

    async def ours() -> None:
        await _all("ours", step, each)

    async def theirs() -> None:
        await _all("theirs", bare, each)

    mine, driver = await race(effort, ours, theirs, clock=time.perf_counter)
    steps = each * _AT_ONCE
    what = f"load and save over {name}"
    return Row(what, against, "steps/s", steps / mine, steps / driver, Goal("≥", 0.8))


async def _all(whose: str, step: Step, times: int) -> None:
    async def many(checkout_id: str) -> None:
        for _ in range(times):
            await step(checkout_id)

    await asyncio.gather(*(many(f"{whose}-{number}") for number in range(_AT_ONCE)))


async def _fill(storage: Storage, whose: str) -> None:
    until = datetime.now(UTC) + _WEEK
    for number in range(_AT_ONCE):
        await storage.save(
            f"{whose}-{number}", _DATA, expected_version=0, expires_at=until, due_at=None
        )


def _require(swapped: object) -> None:
    if not swapped:
        raise RuntimeError("another client changed the row")
