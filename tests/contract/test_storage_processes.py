"""Several processes on one storage, and servers that are killed under it and come back."""

from __future__ import annotations

import asyncio
import multiprocessing
import traceback
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gett_checkout.errors import CheckoutConflictError, StorageError
from gett_checkout.storage import Storage, Stored, open_storage
from gett_checkout.storage.postgres import PostgresStorage
from tests.contract.conftest import opened_postgres, opened_redis
from tests.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.slow

VERSIONS = 150


async def save(storage: Storage, version: int, data: bytes) -> int:
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    return await storage.save(
        "a", data, expected_version=version, expires_at=expires_at, due_at=None
    )


def race(url: str, name: str, barrier: Any, results: Any) -> None:
    """In a process of its own: try for every version, and tell which ones were won."""

    async def run() -> None:
        won, lost = [], 0
        async with open_storage(url) as storage:
            barrier.wait(30)
            version = 0
            while version < VERSIONS:
                try:
                    version = await save(storage, version, name.encode())
                    won.append(version)
                except CheckoutConflictError:
                    lost += 1
                    stored = await storage.load("a")
                    assert stored is not None
                    version = stored.version
        results.put((name, won, lost))

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["sqlite", "redis", "postgres"])
async def test_processes_racing_make_one_winner_per_version(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/race.db"
    if kind != "sqlite":
        url = request.getfixturevalue(f"{kind}_server").url
        async with open_storage(url) as storage:
            if isinstance(storage, PostgresStorage):
                await storage.create_schema()
            await storage.delete("a")
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(3), spawn.SimpleQueue()
    racers = [
        spawn.Process(target=race, args=(url, name, barrier, results)) for name in ("x", "y", "z")
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        await asyncio.to_thread(racer.join, 60)
        assert racer.exitcode == 0
        racer.close()
    outcomes = [results.get() for _ in racers]
    results.close()
    won = {version: name for name, versions, _ in outcomes for version in versions}
    assert sorted(v for _, versions, _ in outcomes for v in versions) == list(
        range(1, VERSIONS + 1)
    )
    assert sum(lost for _, _, lost in outcomes) > 0  # they did meet
    async with open_storage(url) as storage:
        assert await storage.load("a") == Stored(won[VERSIONS].encode(), VERSIONS)
        await storage.delete("a")


async def keep_saving(
    storage: Storage, version: int, saved: asyncio.Event
) -> tuple[int, StorageError]:
    """Save until that fails: the last version that was reported as saved, and the error."""
    while True:
        try:
            version = await save(storage, version, b"%d" % version)
        except StorageError as error:
            return version, error
        saved.set()


@pytest.mark.parametrize("kind", ["redis", "postgres"])
@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_server_gone_in_the_middle_loses_nothing_saved(kind: str, end: str) -> None:
    server: RedisServer | PostgresServer
    opened: AbstractAsyncContextManager[Storage]
    if kind == "redis":
        server = RedisServer(durable=True)
        opened = opened_redis(server, retry=Retry(NoBackoff(), 0))
    else:
        server = PostgresServer()
        opened = opened_postgres(server)
    try:
        server.start()
        async with opened as storage:
            version = await save(storage, 0, b"0")
            for _ in range(2):
                saved = asyncio.Event()
                saving = asyncio.ensure_future(keep_saving(storage, version, saved))
                await saved.wait()
                await asyncio.to_thread(getattr(server, end))
                version, error = await saving
                told = [error]
                assert not isinstance(error, CheckoutConflictError)
                for operation in (
                    storage.load("a"),
                    save(storage, version, b"server gone"),
                    storage.due(datetime.now(UTC), 10),
                    storage.delete("a"),
                ):
                    with pytest.raises(StorageError) as caught:
                        await operation
                    told.append(caught.value)
                for each in told:
                    assert each.__cause__ is not None
                    text = "".join(traceback.format_exception(each))
                    assert server.password not in text
                    assert "server gone" not in str(each)

                await asyncio.to_thread(server.start)
                stored = await storage.load("a")
                # The one save that was on its way has happened or not; no other is missing.
                assert stored in (
                    Stored(b"%d" % (version - 1), version),
                    Stored(b"%d" % version, version + 1),
                )
                assert stored is not None
                version = await save(storage, stored.version, b"%d" % stored.version)
    finally:
        server.remove()
