"""PostgreSQL: the schema, purging, locks, stricter isolation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from gett_checkout.errors import CheckoutConflictError, InvalidInputError, StorageError
from gett_checkout.storage import Storage, Stored
from gett_checkout.storage.postgres import SCHEMA, PostgresStorage, schema
from gett_checkout.testing import Clock
from tests.contract.conftest import opened_postgres
from tests.servers import PostgresServer


async def save(storage: Storage, version: int, key: str = "a", expires: float = 3600) -> int:
    expires_at = datetime.now(UTC) + timedelta(seconds=expires)
    return await storage.save(
        key, b"data", expected_version=version, expires_at=expires_at, due_at=None
    )


async def test_the_schema_is_made_by_any_number_at_once(postgres_server: PostgresServer) -> None:
    async with asyncpg.create_pool(postgres_server.url, min_size=8, max_size=8) as pool:
        storage = PostgresStorage(pool, table="made_at_once")
        with pytest.raises(
            StorageError, match=r"PostgreSQL storage failed \(UndefinedTableError\)"
        ):
            await storage.load("a")
        await asyncio.gather(*(storage.create_schema() for _ in range(8)))
        await save(storage, 0)
        await storage.create_schema()
        assert await storage.load("a") == Stored(b"data", 1)


async def test_the_schema_text_is_what_the_storage_needs(postgres_server: PostgresServer) -> None:
    async with asyncpg.create_pool(postgres_server.url, min_size=1) as pool:
        await pool.execute("CREATE SCHEMA shop")
        await pool.execute(schema("shop.user"))
        storage = PostgresStorage(pool, table="shop.user")
        assert await save(storage, 0) == 1
        # As the comment in the schema says, an operator finds a checkout by its plain id.
        assert await pool.fetchval("""SELECT version FROM shop."user" WHERE id = 'a'""") == 1
    assert 'CREATE TABLE IF NOT EXISTS "gett_checkouts" (' in SCHEMA


@pytest.mark.parametrize("table", ["", "A", "a.b.c", "a b", 'a"b', "a;", "1a", "a" * 51, "a\n"])
def test_a_table_name_that_needs_thought_is_refused(table: str) -> None:
    with pytest.raises(InvalidInputError):
        schema(table)


async def test_purge_removes_the_expired_the_longest_first(
    postgres_server: PostgresServer,
) -> None:
    clock = Clock(datetime.now(UTC))
    async with opened_postgres(postgres_server, clock) as storage:
        for number in range(5):
            await save(storage, 0, f"{number}", expires=60 + number)
        await save(storage, 0, "kept", expires=600)
        assert await storage.purge() == 0
        clock.advance(120)
        await save(storage, 0, "4", expires=600)
        assert await storage.purge(3) == 3
        assert await storage.purge(3) == 1
        assert await storage.purge(3) == 0
        assert await storage.load("4") == Stored(b"data", 1)
        assert await storage.load("kept") == Stored(b"data", 1)


@pytest.mark.slow
async def test_a_lock_outlasting_the_pools_timeout_is_a_storage_error(
    postgres_server: PostgresServer,
) -> None:
    async with opened_postgres(postgres_server, command_timeout=0.5) as storage:
        await save(storage, 0)
        async with storage._pool.acquire() as other, other.transaction():
            await other.execute(f"SELECT 1 FROM {storage._table} FOR UPDATE")
            with pytest.raises(StorageError, match="TimeoutError"):
                await save(storage, 1)
            await storage.purge()  # passes over what is locked
        assert await storage.load("a") == Stored(b"data", 1)
        assert await save(storage, 1) == 2


async def test_a_cancelled_save_never_happens_later(postgres_server: PostgresServer) -> None:
    """The driver tells the server to stop, and waits until it has."""
    async with opened_postgres(postgres_server) as storage:
        await save(storage, 0)
        async with (
            asyncpg.create_pool(postgres_server.url, min_size=2, max_size=2) as others,
            others.acquire() as other,
            other.transaction(),
            asyncio.timeout(20),
        ):
            await other.execute(f"SELECT 1 FROM {storage._table} FOR UPDATE")
            saving = asyncio.ensure_future(save(storage, 1))
            blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not await others.fetchval(blocked):
                pass
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
        assert await storage.load("a") == Stored(b"data", 1)
        assert await save(storage, 1) == 2


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_stricter_isolation_gives_the_same_answers(
    postgres_server: PostgresServer, isolation: str
) -> None:
    settings = {"default_transaction_isolation": isolation}
    async with opened_postgres(postgres_server, server_settings=settings) as storage:
        for version in range(3):
            outcomes = await asyncio.gather(
                *(save(storage, version) for _ in range(16)), return_exceptions=True
            )
            assert outcomes.count(version + 1) == 1
            assert sum(isinstance(each, CheckoutConflictError) for each in outcomes) == 15


@pytest.mark.parametrize("times", [1, 2])
async def test_a_read_the_server_gave_up_is_not_an_empty_one(
    postgres_server: PostgresServer, times: int
) -> None:
    """As under stricter isolation, and on a standby that is catching up."""
    now = datetime.now(UTC)
    async with opened_postgres(postgres_server) as storage:
        pool, table = storage._pool, storage._table
        await storage.save(
            "a", b"data", expected_version=0, expires_at=now + timedelta(hours=1), due_at=now
        )
        await pool.execute(f"""
            CREATE SEQUENCE {table}_reads;
            CREATE FUNCTION {table}_gives_up() RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('{table}_reads') <= {times} THEN RAISE SQLSTATE '40001'; END IF;
                RETURN true;
            END $$;
            CREATE VIEW {table}_unsteady AS SELECT * FROM {table} WHERE {table}_gives_up();
            """)
        unsteady = PostgresStorage(pool, table=f"{table}_unsteady")

        async def scanned() -> list[str]:
            return [checkout_id async for checkout_id, _ in unsteady.scan()]

        reads: list[tuple[Callable[[], Awaitable[object]], object]] = [
            (lambda: unsteady.load("a"), Stored(b"data", 1)),
            (lambda: unsteady.due(now, 1), ["a"]),
            (scanned, ["a"]),
            (lambda: unsteady.delete("a"), None),
        ]
        for read, found in reads:
            await pool.execute(f"ALTER SEQUENCE {table}_reads RESTART")
            if times == 2:
                with pytest.raises(StorageError, match="SerializationError"):
                    await read()
            assert await read() == found
        assert await storage.load("a") is None


async def test_a_closed_pool_is_a_storage_error(postgres_server: PostgresServer) -> None:
    async with opened_postgres(postgres_server) as storage:
        await storage._pool.close()
        with pytest.raises(StorageError, match="InterfaceError"):
            await storage.load("a")
        with pytest.raises(StorageError, match="InterfaceError"):
            await anext(storage.scan())


async def test_its_name_shows_no_password(postgres_server: PostgresServer) -> None:
    async with asyncpg.create_pool(postgres_server.url, min_size=1) as pool:
        assert repr(PostgresStorage(pool, table="shop")) == "PostgresStorage(table='shop')"
