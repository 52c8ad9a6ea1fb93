"""Storages where they really run: behind poolers and failovers, on full disks, after forks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from unittest.mock import AsyncMock
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import ReadOnlyError, ResponseError

from gett_checkout import StorageError
from gett_checkout.storage import Storage, open_storage, sqlite
from gett_checkout.storage.postgres import PostgresStorage
from gett_checkout.storage.redis import RedisStorage
from gett_checkout.storage.redis import _warn as warned_before
from gett_checkout.storage.sqlite import SQLiteStorage
from tests.servers import PgBouncer, PostgresServer, RedisServer

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"


async def told(redis: Redis, *command: str) -> None:
    client: Any = redis
    await client.execute_command(*command)


async def save(storage: Storage, name: str, version: int = 0) -> int:
    later = datetime.now(UTC) + timedelta(days=1)
    return await storage.save(
        name, b"data", expected_version=version, expires_at=later, due_at=later
    )


# --- PostgreSQL behind a pooler -------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["our own pool", "the caller's pool"])
async def test_forty_checkouts_at_a_time_behind_a_transaction_pooler(
    pgbouncer: PgBouncer, whose: str
) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Storage]:
        if whose == "our own pool":
            async with open_storage(pgbouncer.url) as storage:
                yield storage
        else:
            async with asyncpg.create_pool(pgbouncer.url, statement_cache_size=0) as pool:
                yield PostgresStorage(pool)

    async with opened() as one, opened() as other:

        async def checkout(storage: Storage) -> None:
            name = str(uuid4())
            for version in range(10):
                assert await save(storage, name, version) == version + 1
                stored = await storage.load(name)
                assert stored is not None
                assert stored.version == version + 1
            await storage.due(datetime.now(UTC), 10)
            await storage.delete(name)

        await asyncio.gather(*(checkout(storage) for storage in (one, other) * 20))


async def test_a_pool_that_is_used_up_is_a_storage_error(postgres_server: PostgresServer) -> None:
    async with asyncpg.create_pool(postgres_server.url, min_size=1, max_size=1) as pool:
        storage = PostgresStorage(pool, acquire_timeout=0.05)
        async with pool.acquire():
            for work in (storage.load("a"), storage.create_schema(), storage.purge()):
                with pytest.raises(StorageError, match="TimeoutError"):
                    await work


async def test_who_may_not_create_may_use_what_is_there(postgres_server: PostgresServer) -> None:
    table, user = f"t_{uuid4().hex}", f"u_{uuid4().hex[:20]}"
    async with asyncpg.create_pool(postgres_server.url) as pool:
        await pool.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'x'")
        parts = urlsplit(postgres_server.url)
        theirs = parts._replace(netloc=f"{user}:x@{parts.hostname}:{parts.port}").geturl()
        async with asyncpg.create_pool(theirs) as their_pool:
            worker = PostgresStorage(their_pool, table=table)
            with pytest.raises(StorageError, match="InsufficientPrivilege"):
                await worker.create_schema()
            await PostgresStorage(pool, table=table).create_schema()
            await pool.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {user}")
            await worker.create_schema()
            assert await save(worker, "a") == 1
            assert await worker.purge() == 0
            await worker.delete("a")
        await pool.execute(f"DROP TABLE {table}")
        await pool.execute(f"DROP ROLE {user}")


# --- failover -------------------------------------------------------------------------------------


class Address:
    """An address whose target can move, as that of a managed database: connections stay where they are."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._pipes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *details: object) -> None:
        self._server.close()
        for pipe in self._pipes.copy():
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        await self._server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))
        self._pipes.discard(task)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        finally:
            writer.close()


async def refuses_within(storage: Storage, seconds: float, why: str) -> None:
    """Save until it is refused: each connection learns by itself what its server has become."""
    began, refused = time.monotonic(), None
    while refused is None and time.monotonic() < began + seconds:
        try:
            await save(storage, str(uuid4()))
        except StorageError as error:
            refused = error
    assert why in str(refused)


async def saves_again_within(storage: Storage, seconds: float) -> None:
    began = time.monotonic()
    while True:
        try:
            await save(storage, str(uuid4()))
        except StorageError:
            assert time.monotonic() < began + seconds
            await asyncio.sleep(0.05)
        else:
            return


@pytest.fixture
def old_postgres() -> Iterator[PostgresServer]:
    """One that was the primary before."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.mark.parametrize("becomes", ["read-only", "dead"])
async def test_postgres_saves_again_when_its_address_moves(
    old_postgres: PostgresServer, postgres_server: PostgresServer, becomes: str
) -> None:
    name = f"f_{uuid4().hex[:20]}"
    for server in (old_postgres, postgres_server):  # one account and one database on both
        async with asyncpg.create_pool(server.url) as admin:
            await admin.execute(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD 'x'")
            await admin.execute(f"CREATE DATABASE {name}")
        async with asyncpg.create_pool(f"{server.url.removesuffix('/postgres')}/{name}") as pool:
            await PostgresStorage(pool).create_schema()
    async with Address(old_postgres.port) as address:
        url = f"postgresql://{name}:x@127.0.0.1:{address.port}/{name}"
        async with open_storage(url) as storage:
            assert isinstance(storage, PostgresStorage)
            await asyncio.gather(*(save(storage, str(uuid4())) for _ in range(5)))
            if becomes == "read-only":
                await demote(old_postgres)
                await refuses_within(storage, 5, "ReadOnlySQLTransaction")  # it leads there yet
                await asyncio.gather(*(storage.load(str(uuid4())) for _ in range(5)))
                address.target = postgres_server.port
                await save(storage, str(uuid4()))  # what is refused is tried again at once
            else:
                await asyncio.to_thread(old_postgres.kill)
                address.target = postgres_server.port
            await asyncio.gather(*(saves_again_within(storage, 5) for _ in range(5)))
    async with asyncpg.create_pool(postgres_server.url) as admin:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.execute(f"DROP ROLE {name}")


async def demote(server: PostgresServer) -> None:
    """Have it refuse to write, on the connections there are too, as one that became a standby."""
    admin = await asyncpg.connect(server.url)
    try:
        await admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await admin.execute("SELECT pg_reload_conf()")
    finally:
        await admin.close()


@pytest.fixture
def old_redis() -> Iterator[RedisServer]:
    """One that was the primary before."""
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.mark.parametrize("whose", ["our own client", "the caller's client"])
@pytest.mark.parametrize("becomes", ["read-only", "dead"])
async def test_redis_saves_again_when_its_address_moves(
    old_redis: RedisServer, redis_server: RedisServer, becomes: str, whose: str
) -> None:
    user = f"u{uuid4().hex[:8]}"
    for server in (old_redis, redis_server):  # one account on both
        async with Redis.from_url(server.url) as admin:
            await told(admin, "ACL", "SETUSER", user, "on", ">x", "~*", "+@all")

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Storage]:
        if whose == "our own client":
            async with open_storage(url) as storage:
                yield storage
        else:
            async with Redis.from_url(url) as redis:
                yield RedisStorage(redis)

    async with (
        Address(old_redis.port) as address,
        opened(f"redis://{user}:x@127.0.0.1:{address.port}/0") as storage,
    ):
        await asyncio.gather(*(save(storage, str(uuid4())) for _ in range(5)))
        if becomes == "read-only":
            async with Redis.from_url(old_redis.url) as admin:
                await told(admin, "REPLICAOF", "127.0.0.1", str(redis_server.port))
            await refuses_within(storage, 5, "ReadOnly")  # the address leads there yet
            await asyncio.gather(*(storage.load(str(uuid4())) for _ in range(5)))
            address.target = redis_server.port
            await save(storage, str(uuid4()))  # what is refused is tried again at once
        else:
            await asyncio.to_thread(old_redis.kill)
            address.target = redis_server.port
        await asyncio.gather(*(saves_again_within(storage, 5) for _ in range(5)))
    async with Redis.from_url(redis_server.url) as admin:
        await told(admin, "ACL", "DELUSER", user)


OLDER = "Error running script (call to f_0): @user_script:9: -READONLY You can't write against a"


@pytest.mark.parametrize(
    ("said", "is_tried_again"), [(OLDER, True), ("OOM command not allowed", False)]
)
async def test_an_older_redis_that_only_reads_is_left_too(
    redis_server: RedisServer, said: str, is_tried_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute: Any = Redis.execute_command
    said_by = [said]

    async def once(redis: Redis, *command: Any, **options: Any) -> Any:
        if said_by:
            raise ResponseError(said_by.pop())
        return await execute(redis, *command, **options)

    async with Redis.from_url(redis_server.url) as redis:
        await told(redis, "PING")
        connections: Any = redis.connection_pool._available_connections
        (to_the_old_one,) = connections
        monkeypatch.setattr(Redis, "execute_command", once)
        dropped = AsyncMock(wraps=to_the_old_one.disconnect)
        monkeypatch.setattr(to_the_old_one, "disconnect", dropped)
        storage = RedisStorage(redis)
        if is_tried_again:
            assert await save(storage, str(uuid4())) == 1
        else:
            with pytest.raises(StorageError, match="ResponseError"):
                await save(storage, str(uuid4()))
        assert dropped.await_count == is_tried_again


async def test_a_cluster_looks_after_its_connections_by_itself() -> None:
    cluster = AsyncMock(spec=RedisCluster)
    cluster.execute_command.side_effect = [ReadOnlyError("You can't write"), 1]
    assert await save(RedisStorage(cluster), "a") == 1
    assert [each[0] for each in cluster.mock_calls] == ["execute_command"] * 2


# --- Redis: what it is told -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "limit", "is_warned_of"),
    [
        ("allkeys-lru", "100mb", True),
        ("volatile-ttl", "100mb", True),
        ("allkeys-lru", "0", False),
        ("noeviction", "100mb", False),
    ],
)
async def test_a_redis_that_evicts_is_warned_of_once(
    redis_server: RedisServer,
    policy: str,
    limit: str,
    is_warned_of: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    warned_before.cache_clear()
    async with Redis.from_url(redis_server.url) as admin:
        await admin.config_set("maxmemory-policy", policy)
        await admin.config_set("maxmemory", limit)
        try:
            for _ in range(2):  # as a loop per job does
                async with open_storage(redis_server.url) as storage:
                    await save(storage, str(uuid4()))
                    await save(storage, str(uuid4()))
        finally:
            await admin.config_set("maxmemory-policy", "noeviction")
            await admin.config_set("maxmemory", "0")
    warned = [record for record in caplog.records if "Redis evicts" in record.message]
    assert [policy in record.message for record in warned] == [True] * is_warned_of


@pytest.mark.parametrize("what", ["refused", "silent", "something else", "no limit given"])
async def test_a_save_does_not_fail_by_asking_whether_redis_evicts(
    redis_server: RedisServer,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    execute: Any = Redis.execute_command

    async def odd(redis: Redis, *command: Any, **options: Any) -> Any:
        if command[0] != "INFO":
            return await execute(redis, *command, **options)
        match what:
            case "refused":
                raise ResponseError("unknown command")
            case "silent":
                await asyncio.Event().wait()
            case "no limit given":
                return {"maxmemory_policy": "allkeys-lru"}
        return b"OK"

    monkeypatch.setattr(Redis, "execute_command", odd)
    async with open_storage(redis_server.url) as storage, asyncio.timeout(5):
        assert await save(storage, str(uuid4())) == 1
    assert caplog.records == []


async def test_the_least_rights_of_the_page_are_enough(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Redis.from_url(redis_server.url) as admin:
        assert await use_with(admin, redis_server.url, least_rights()) is None
        # A database other than 0 is selected, as the page says.
        other = redis_server.url.removesuffix("/0") + "/1"
        assert "'select'" in str(await use_with(admin, other, least_rights()))
        assert await use_with(admin, other, [*least_rights(), "+select"]) is None
    assert caplog.records == []


async def test_each_of_the_least_rights_of_the_page_is_needed(redis_server: RedisServer) -> None:
    rules = least_rights()
    # INFO tells of evictions and restarts, and PING is sent by a client that checks its connections.
    without_loss = {"+info", "+ping"}
    async with Redis.from_url(redis_server.url) as admin:
        for rule in rules:
            if rule.startswith("+"):
                rest = [each for each in rules if each != rule]
                failure = await use_with(admin, redis_server.url, rest)
                assert (failure is None) is (rule in without_loss), rule


def least_rights() -> list[str]:
    text = (DOCS / "deployment.md").read_text(encoding="utf-8")
    line = next(each for each in text.splitlines() if "ACL SETUSER checkout" in each)
    rules = line.split()[3:]
    rules[rules.index(">…")] = ">secret"
    return rules


async def use_with(admin: Redis, url: str, rules: list[str]) -> BaseException | None:
    """Call every method as a user with these rules; what the server says to the first it refuses."""
    user = f"u{uuid4().hex[:8]}"
    await told(admin, "ACL", "SETUSER", user, "reset", *rules)
    await told(admin, "SCRIPT", "FLUSH")
    parts = urlsplit(url)
    theirs = parts._replace(netloc=f"{user}:secret@{parts.hostname}:{parts.port}").geturl()
    try:
        async with open_storage(theirs) as storage:
            assert isinstance(storage, RedisStorage)
            name = str(uuid4())
            assert await save(storage, name) == 1
            later = datetime.now(UTC) + timedelta(days=1)
            finished = await storage.save(
                name, b"done", expected_version=1, expires_at=later, due_at=None
            )
            assert finished == 2
            assert await save(storage, name, 2) == 3
            assert await storage.load(name) is not None
            assert name in await storage.due(datetime(2100, 1, 1, tzinfo=UTC), 10_000)
            assert name in {each async for each, _ in storage.scan()}
            await storage.delete(name)
    except StorageError as error:
        return error.__cause__
    finally:
        await told(admin, "ACL", "DELUSER", user)
    return None


async def test_a_pool_of_another_loop_is_a_storage_error_and_goes_on(
    postgres_server: PostgresServer,
) -> None:
    """Its connections are not touched: two threads that use one crash the process."""
    async with asyncpg.create_pool(postgres_server.url, min_size=1, max_size=1) as pool:
        storage = PostgresStorage(pool, table=f"t_{uuid4().hex}")
        await storage.create_schema()
        connected = await pool.fetchval("SELECT pg_backend_pid()")

        def elsewhere() -> None:
            for work in (storage.load, storage.delete):
                with pytest.raises(StorageError, match="RuntimeError"):
                    asyncio.run(work("a"))
            with pytest.raises(StorageError, match="RuntimeError"):
                asyncio.run(storage.create_schema())

        thread = asyncio.ensure_future(asyncio.to_thread(elsewhere))
        while not thread.done():
            await save(storage, str(uuid4()))
        await thread
        assert await pool.fetchval("SELECT pg_backend_pid()") == connected
        await pool.execute(f"DROP TABLE {storage._table}")


async def test_a_pool_that_does_not_say_its_loop_is_used(postgres_server: PostgresServer) -> None:
    class Wrapped:
        def __init__(self, pool: asyncpg.Pool) -> None:
            self.acquire = pool.acquire

    async with asyncpg.create_pool(postgres_server.url) as pool:
        wrapped: Any = Wrapped(pool)
        storage = PostgresStorage(wrapped, table=f"t_{uuid4().hex}")
        await storage.create_schema()
        assert await storage.load("a") is None
        await pool.execute(f"DROP TABLE {storage._table}")


# --- SQLite ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["full", "read-only", "no folder"])
async def test_a_disk_that_cannot_be_written_is_said_at_once(tmp_path: Path, what: str) -> None:
    path, limit = tmp_path / "checkouts.db", None
    match what:
        case "full":
            limit = 0  # bytes that a file of the process may have: as a full disk says it
        case "read-only":
            path.write_bytes(b"")
            limit = -1
        case _:
            path = tmp_path / "nowhere" / "checkouts.db"
    script = f"""
        import asyncio, resource, signal, sqlite3
        from gett_checkout import StorageError
        from gett_checkout.storage.sqlite import SQLiteStorage
        if {limit} == 0:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        if {limit} == -1:  # root may write whatever the mode says
            connect = sqlite3.connect
            sqlite3.connect = lambda path, **options: connect(
                f"file:{{path}}?mode=ro", uri=True, **options)
        async def main():
            storage = SQLiteStorage({str(path)!r})
            async def load():
                try:
                    await storage.load("a")
                except StorageError as error:
                    return error
            async with asyncio.timeout(15):  # 20 s, if each waited for a lock
                errors = await asyncio.gather(*(load() for _ in range(4)))
            assert all(errors), errors
            await storage.close()
        asyncio.run(main())
    """
    await run(script)


FORKING = """
        import asyncio, ctypes, os, signal, sys, threading
        from datetime import UTC, datetime, timedelta
        from gett_checkout import StorageError
        from gett_checkout.storage.sqlite import SQLiteStorage
        path = {path!r}
        later = datetime.now(UTC) + timedelta(days=1)
        def save(storage, name, version=0):
            return asyncio.run(storage.save(
                name, b"data", expected_version=version, expires_at=later, due_at=None))
        def in_child(work, fork=os.fork):
            child = fork()
            if child == 0:
                signal.alarm(20)  # one that hangs
                work()
                sys.exit()
            return child
        def ended_well(child):
            _, status = os.waitpid(child, 0)
            assert status == 0, status
        storage = SQLiteStorage(path)
"""


@pytest.mark.parametrize("whose", ["the parent's storage", "one of its own"])
async def test_a_child_loses_nothing_when_its_parent_closes_the_file(
    tmp_path: Path, whose: str
) -> None:
    await forking(
        tmp_path,
        f"""
        assert save(storage, "parent") == 1
        (there, go_on), (back, done) = os.pipe(), os.pipe()
        def work():
            mine = storage if {whose == "the parent's storage"} else SQLiteStorage(path)
            assert save(mine, "parent", 1) == 2
            os.write(done, b"1")
            os.read(there, 1)
            assert save(mine, "child") == 1
            os.write(done, b"2")
            os.read(there, 1)
            asyncio.run(mine.close())
        child = in_child(work)
        os.read(back, 1)
        asyncio.run(storage.close())  # the last to close a file deletes its log
        os.write(go_on, b"1")
        os.read(back, 1)
        fresh = SQLiteStorage(path)
        assert asyncio.run(fresh.load("child")).version == 1
        os.write(go_on, b"2")
        ended_well(child)
        assert asyncio.run(fresh.load("child")).version == 1
        assert asyncio.run(fresh.load("parent")).version == 2
        asyncio.run(fresh.close())
        """,
    )


async def test_a_child_that_only_closes_ends(tmp_path: Path) -> None:
    await forking(
        tmp_path,
        """
        assert save(storage, "parent") == 1
        ended_well(in_child(lambda: asyncio.run(storage.close())))
        assert save(storage, "parent", 1) == 2
        asyncio.run(storage.close())
        def work():
            try:
                asyncio.run(storage.load("parent"))
            except StorageError:
                return
            raise AssertionError("it was closed before the fork")
        ended_well(in_child(work))
        """,
    )


async def test_forks_in_the_middle_of_saves_lose_none(tmp_path: Path) -> None:
    await forking(
        tmp_path,
        """
        over, saved = threading.Event(), []
        def go_on():
            while not over.is_set():
                save(storage, f"parent {len(saved)}")
                saved.append(len(saved))
        def work(number):
            def grandchild():
                assert save(storage, f"grandchild {number}") == 1
            assert save(storage, f"child {number}") == 1
            ended_well(in_child(grandchild))
            asyncio.run(storage.close())
        thread = threading.Thread(target=go_on)
        thread.start()
        children = [in_child(lambda: work(number)) for number in range(8)]
        for child in children:
            ended_well(child)
        over.set()
        thread.join()
        asyncio.run(storage.close())
        async def main():
            async with SQLiteStorage(path) as fresh:
                names = {name async for name, _ in fresh.scan()}
            assert saved
            assert names == {
                *(f"parent {number}" for number in saved),
                *(f"{who} {number}" for who in ("child", "grandchild") for number in range(8)),
            }
        asyncio.run(main())
        """,
    )


async def test_a_fork_that_python_is_not_told_of_is_a_storage_error(tmp_path: Path) -> None:
    await forking(
        tmp_path,
        """
        assert save(storage, "parent") == 1
        def work():
            refused = 0
            for method in (storage.load("parent"), storage.close()):
                try:
                    method.send(None)
                except StorageError as error:
                    refused += "forked without Python" in str(error)
            os._exit(0 if refused == 2 else 1)  # Python cannot end well in such a process
        ended_well(in_child(work, ctypes.PyDLL(None).fork))
        assert save(storage, "parent", 1) == 2
        asyncio.run(storage.close())
        """,
    )


async def test_what_a_process_before_the_fork_has_open_is_not_touched(tmp_path: Path) -> None:
    """The same in this process, where it can be measured."""
    async with SQLiteStorage(tmp_path / "checkouts.db") as storage:
        await save(storage, "parent")
        ours, storage._process = storage._process, 0
        for work in (storage.load("parent"), storage.close()):
            with pytest.raises(StorageError, match="forked without Python"):
                await work
        storage._process = ours
        assert await storage.load("parent") is not None


async def forking(folder: Path, script: str) -> None:
    await run(FORKING.format(path=str(folder / "checkouts.db")) + script)


async def test_what_the_child_of_a_fork_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same seen from one process: a file that is closed, and a thread that is not here."""
    storage = SQLiteStorage(tmp_path / "checkouts.db")
    assert await storage.load("a") is None
    parents = storage._thread
    sqlite._before_fork()
    assert not storage._file.is_open
    sqlite._after_fork_in_child()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert await storage.load("a") is None
    assert storage._thread is not parents
    parents.shutdown()
    monkeypatch.setattr(os, "getpid", lambda: -2)  # forked by somebody who asks nobody
    with pytest.raises(StorageError, match="forked without Python"):
        await storage.load("a")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    await storage.close()


async def run(script: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(script)),
        env={**os.environ, "PYTHONPATH": str(DOCS.parent)},
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_what_a_driver_raises_leaves_its_frames_behind(tmp_path: Path) -> None:
    storage = SQLiteStorage(tmp_path)  # a folder is no file
    with pytest.raises(StorageError) as failed:
        await save(storage, "a")
    assert failed.value.cause == "OperationalError"
    assert failed.value.__cause__ is not None
    assert failed.value.__cause__.__traceback__ is None
    await storage.close()
