"""Redis: lost answers, servers that stall or restart, time to live, and clusters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost

from gett_checkout.errors import CheckoutConflictError, InvalidInputError, StorageError
from gett_checkout.storage import Storage, Stored
from gett_checkout.storage.redis import RedisStorage
from tests.contract.conftest import opened_redis
from tests.servers import RedisServer


async def save(storage: Storage, version: int, data: bytes = b"data", key: str = "a") -> int:
    now = datetime.now(UTC)
    return await storage.save(
        key, data, expected_version=version, expires_at=now + timedelta(hours=1), due_at=now
    )


async def scanned(storage: RedisStorage) -> dict[str, Stored]:
    return {checkout_id: stored async for checkout_id, stored in storage.scan()}


class Proxy:
    """Between a client and a server; when told to, it hangs up instead of passing an answer on."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.swallow = 0
        self.swallowed = 0
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        back = asyncio.ensure_future(self._answers(far_reader, writer))
        while data := await reader.read(65536):
            far_writer.write(data)
        far_writer.close()
        await back

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.swallow:
                self.swallow -= 1
                self.swallowed += 1
                break
            writer.write(data)
        writer.close()


async def test_a_save_whose_answer_was_lost_is_not_a_lost_race(redis_server: RedisServer) -> None:
    """The client sends the script again by itself; it finds that the work is done."""
    async with Proxy(redis_server.port).running() as proxy:
        url = redis_server.url.replace(str(redis_server.port), str(proxy.port))
        retry = Retry(NoBackoff(), 2)
        async with Redis.from_url(url, retry=retry, retry_on_error=[ConnectionLost]) as client:
            storage = RedisStorage(client, prefix="lost answers")
            await save(storage, 0)
            proxy.swallow = 2
            assert await save(storage, 1, b"sent three times") == 2
            assert proxy.swallowed == 2
            assert await storage.load("a") == Stored(b"sent three times", 2)
            with pytest.raises(CheckoutConflictError):
                await save(storage, 1, b"sent three times")


@pytest.mark.slow
async def test_a_stalled_server_is_a_storage_error_and_passes(redis_server: RedisServer) -> None:
    never = Retry(NoBackoff(), 0)
    async with opened_redis(redis_server, socket_timeout=0.5, retry=never) as storage:
        await save(storage, 0)
        failed = pytest.raises(StorageError, match=r"Redis storage failed \(TimeoutError\)")
        with redis_server.stalled(), failed:
            await storage.load("a")
        with redis_server.stalled(), failed:
            await anext(storage.scan())
        assert await storage.load("a") == Stored(b"data", 1)


async def test_scripts_survive_a_flush_of_the_script_cache(redis_server: RedisServer) -> None:
    async with opened_redis(redis_server) as storage:
        for version in range(3):
            await storage._run("SCRIPT FLUSH")
            assert await save(storage, version) == version + 1
            await storage._run("SCRIPT FLUSH")
            assert await storage.due(datetime.now(UTC), 10) == ["a"]
            await storage._run("SCRIPT FLUSH")
            assert await scanned(storage) == {"a": Stored(b"data", version + 1)}


async def test_expired_checkouts_leave_by_themselves(redis_server: RedisServer) -> None:
    """The time to live is counted from the storage's clock, however far off Redis's own is."""
    far = datetime(2050, 1, 1, tzinfo=UTC)
    async with opened_redis(redis_server, clock=lambda: far) as storage:
        await storage.save(
            "a",
            b"data",
            expected_version=0,
            expires_at=far + timedelta(minutes=1),
            due_at=far,
        )
        assert 50_000 < await storage._run("PTTL", storage._checkouts + b"a") <= 60_000
        assert await storage.load("a") == Stored(b"data", 1)
        await storage.delete("a")
        assert await storage.due(far, 10) == []
        assert await storage._run("EXISTS", storage._index) == 0  # nothing is left behind


async def test_prefixes_keep_storages_apart(redis_server: RedisServer) -> None:
    async with opened_redis(redis_server) as one, opened_redis(redis_server) as other:
        await save(one, 0)
        assert await other.load("a") is None
        assert await other.due(datetime.now(UTC), 10) == []
        assert await scanned(other) == {}


async def test_a_scan_passes_over_and_leaves_alone_what_is_not_its_own(
    redis_server: RedisServer,
) -> None:
    """Keys of others, whatever a pattern would make of the prefix, and odd ones below it."""
    async with Redis.from_url(f"{redis_server.url[:-1]}5") as redis:
        storage = RedisStorage(redis, prefix="sh*p [a]?\\é")
        await save(storage, 0)
        await save(storage, 0, key="*")
        for prefix in ("shop [a]?\\é", "sh*p a?\\é", "sh*p [a]b\\é", "sh*p [a]?é"):
            await save(RedisStorage(redis, prefix=prefix), 0, key="theirs")
        below = storage._checkouts
        for number, value in enumerate((b"", b"data", b"one two three\ndata", b"1\ndata")):
            await redis.set(below + b"value %d" % number, value)
        await storage._run("COPY", below + b"a", below + b"\xff")
        await redis.rpush(below + b"list", "an element")
        await redis.hset(below + b"hash", "a", "b")
        before = await everything(redis)
        assert await scanned(storage) == {"a": Stored(b"data", 1), "*": Stored(b"data", 1)}
        assert await everything(redis) == before


async def everything(redis: Redis) -> dict[bytes, bytes | None]:
    return {key: await redis.dump(key) async for key in redis.scan_iter()}


@pytest.mark.slow
async def test_a_restart_during_a_scan_is_a_storage_error() -> None:
    """The cursor would mean nothing to the new process, and rows would be missed without a word."""
    server = RedisServer(durable=True)
    try:
        server.start()
        again = Retry(NoBackoff(), 2)
        async with opened_redis(server, retry=again, retry_on_error=[ConnectionLost]) as storage:
            for number in range(450):
                await save(storage, 0, key=f"{number}")
            scan = storage.scan()
            await anext(scan)
            server.kill()
            server.start()
            with pytest.raises(StorageError, match="restarted or replaced"):
                async for _ in scan:
                    pass
            assert len(await scanned(storage)) == 450
    finally:
        server.remove()


async def test_a_scan_needs_no_right_to_ask_for_the_server(redis_server: RedisServer) -> None:
    rights = ["on", "nopass", "~*", "+@all", "-@dangerous"]
    async with opened_redis(redis_server) as storage:
        await storage._run("ACL SETUSER", "limited", *rights)
        for number in range(450):
            await save(storage, 0, key=f"{number}")
        address = f"redis://limited:any@127.0.0.1:{redis_server.port}/0"
        async with Redis.from_url(address) as redis:
            assert len(await scanned(RedisStorage(redis, prefix=storage._prefix))) == 450


@pytest.mark.parametrize("prefix", ["", "{a}", "a}"])
async def test_a_prefix_that_would_scatter_the_keys(prefix: str) -> None:
    with pytest.raises(InvalidInputError):
        RedisStorage(Redis(), prefix=prefix)


@pytest.mark.slow
async def test_it_works_on_a_cluster() -> None:
    server = RedisServer(cluster=True)
    try:
        server.start()
        async with opened_redis(server) as storage:
            await storage._run("CLUSTER ADDSLOTSRANGE", 0, 16383)
            async with asyncio.timeout(10):
                while (await storage._run("CLUSTER INFO"))["cluster_state"] != "ok":
                    pass
        async with RedisCluster(
            host="127.0.0.1", port=server.port, password=server.password
        ) as cluster:
            storage = RedisStorage(cluster)
            for version, key in ((0, "a"), (1, "a"), (0, "{b}"), (0, "\xff")):
                assert await save(storage, version, key=key) == version + 1
            assert await storage.load("a") == Stored(b"data", 2)
            assert set(await storage.due(datetime.now(UTC), 10)) == {"a", "{b}", "\xff"}
            with pytest.raises(CheckoutConflictError):
                await save(storage, 0)
            assert set(await scanned(storage)) == {"a", "{b}", "\xff"}
            await storage.delete("a")
            assert await storage.load("a") is None
    finally:
        server.remove()


async def test_its_name_shows_no_password(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:
        assert repr(RedisStorage(client, prefix="shop")) == "RedisStorage(prefix='shop')"


async def test_a_value_of_somebody_elses_is_a_storage_error(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        storage = RedisStorage(redis, prefix="foreign")
        for value in (b"", b"data", b"one two three\ndata", b"1\ndata"):
            await redis.set("{foreign}:checkout:a", value)
            with pytest.raises(StorageError, match="not a checkout"):
                await storage.load("a")
