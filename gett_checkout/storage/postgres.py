"""Checkouts stored in PostgreSQL, through your asyncpg pool.

Every operation is one statement, so it needs no transaction and works the same behind a connection
pooler. `create_schema` makes the table; you can also run the `SCHEMA` text yourself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    suppress,
)
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from gett_checkout._hidden import hidden
from gett_checkout.errors import CheckoutConflictError, InvalidInputError
from gett_checkout.storage import Stored
from gett_checkout.storage.failures import PATIENCE, storage_errors
from gett_checkout.storage.pages import PAGE, in_pages

_TABLE_NAME: Final = re.compile(r"([a-z_][a-z0-9_]{0,49}\.)?[a-z_][a-z0-9_]{0,49}")


def schema(table: str = "gett_checkouts") -> str:
    """Return the statements that create what `PostgresStorage` needs, if it does not exist yet.

    ``table`` is a lower-case name, optionally with a schema's name and a dot before it.
    """
    name = _quoted(table)
    index = table.rpartition(".")[2]
    return f"""\
CREATE TABLE IF NOT EXISTS {name} (
    id bytea PRIMARY KEY, -- the UTF-8 of the checkout's id: WHERE id = '...' finds it
    version bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    due_at timestamptz,
    data bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS "{index}_due_at" ON {name} (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS "{index}_expires_at" ON {name} (expires_at);
"""


class PostgresStorage:
    """Stores checkouts in ``table`` through ``pool``; closing the pool is up to you.

    ``table`` is a lower-case name, optionally with a schema's name and a dot before it. Expired
    checkouts take up room until `purge` removes them. ``acquire_timeout`` is how long to wait for a
    free connection of the pool, in seconds, before `StorageError` is raised. Behind a pooler in
    transaction mode make the pool with ``statement_cache_size=0``.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        *,
        table: str = "gett_checkouts",
        clock: Callable[[], datetime] | None = None,
        acquire_timeout: float = 2 * PATIENCE,
    ) -> None:
        name = _quoted(table)
        self._pool = pool
        self._table = table
        self.clock: Final[Callable[[], datetime]] = clock or (lambda: datetime.now(UTC))
        self._acquire_timeout = acquire_timeout
        # The name is checked and quoted; every value is a parameter.
        self._load = f"SELECT data, version FROM {name} WHERE id = $1 AND expires_at > $2"  # noqa: S608
        self._create = f"""
            INSERT INTO {name} AS stored (id, version, expires_at, due_at, data)
            VALUES ($1, 1, $2, $3, $4)
            ON CONFLICT (id) DO UPDATE
            SET version = 1, expires_at = $2, due_at = $3, data = $4
            WHERE stored.expires_at <= $5
            RETURNING version"""  # noqa: S608
        self._replace = f"""
            UPDATE {name} SET version = version + 1, expires_at = $2, due_at = $3, data = $4
            WHERE id = $1 AND version = $6 AND expires_at > $5
            RETURNING version"""  # noqa: S608
        self._delete = f"DELETE FROM {name} WHERE id = $1"  # noqa: S608
        self._due = f"""
            SELECT id FROM {name} WHERE due_at <= $1 AND expires_at > $2
            ORDER BY due_at, id LIMIT $3"""  # noqa: S608
        self._scan = f"""
            SELECT id, data, version FROM {name} WHERE id >= $1 AND expires_at > $2
            ORDER BY id LIMIT {PAGE}"""  # noqa: S608
        # Skip rows that are being saved right now.
        self._purge = f"""
            WITH gone AS (
                DELETE FROM {name} WHERE id IN (
                    SELECT id FROM {name} WHERE expires_at <= $1
                    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
                ) RETURNING 1
            ) SELECT count(*) FROM gone"""  # noqa: S608

    def __repr__(self) -> str:
        return f"PostgresStorage(table={self._table!r})"

    async def create_schema(self) -> None:
        """Create the table and its indexes if they do not exist yet; safe to run anywhere."""
        # IF NOT EXISTS alone fails when two workers create at once. The statements are one transaction.
        lock = "SELECT pg_advisory_xact_lock(hashtext('gett_checkouts schema'));\n"
        with storage_errors("PostgreSQL"):
            async with self._acquired() as connection:
                try:
                    await connection.execute(lock + schema(self._table))
                except asyncpg.InsufficientPrivilegeError:
                    # A user without the right to create may use a table another user created.
                    if await connection.fetchval("SELECT to_regclass($1)", self._table) is None:
                        raise

    async def load(self, checkout_id: str) -> Stored | None:
        """Return the entry stored under the id, or ``None``."""
        rows = await self._run(self._load, _key(checkout_id), self.clock())
        return Stored(*rows[0]) if rows else None

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Replace the entry if it still has ``expected_version``; else raise `CheckoutConflictError`."""
        values: list[Any] = [_key(checkout_id), expires_at, due_at, data, self.clock()]
        statement = self._create
        if expected_version != 0:
            statement = self._replace
            values.append(expected_version)
        rows: Sequence[asyncpg.Record] = ()
        # A database with stricter isolation reports a row that another worker is changing this way.
        with storage_errors("PostgreSQL"), suppress(asyncpg.SerializationError):
            rows = await self._fetch(statement, values)
        if not rows:
            raise CheckoutConflictError("another worker changed the checkout")
        return int(rows[0][0])

    async def delete(self, checkout_id: str) -> None:
        """Delete the entry stored under the id, if any."""
        await self._run(self._delete, _key(checkout_id))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of at most ``limit`` due checkouts, those due earliest first."""
        rows = await self._run(self._due, now, self.clock(), limit)
        return [row[0].decode(errors="surrogatepass") for row in rows]

    def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Yield every entry that has not expired, with its id, in no particular order."""
        return in_pages(self._page)

    async def _page(self, start: bytes) -> Sequence[Any]:
        return await self._run(self._scan, start, self.clock())

    async def purge(self, limit: int = 1000) -> int:
        """Remove at most ``limit`` expired checkouts, the longest expired first; return how many."""
        rows = await self._run(self._purge, self.clock(), limit)
        return int(rows[0][0])

    async def _run(self, statement: str, *values: Any) -> Sequence[asyncpg.Record]:
        with storage_errors("PostgreSQL"):
            return await self._fetch(statement, values)

    def _acquired(self) -> AbstractAsyncContextManager[Any]:
        # If another loop's thread uses a connection while its own loop reads, the process crashes. The
        # pool does not check that; a pool that does not reveal its loop is trusted.
        loop = getattr(self._pool, "_loop", None)
        if loop not in (None, asyncio.get_running_loop()):
            raise RuntimeError("the pool belongs to another event loop")
        return self._pool.acquire(timeout=self._acquire_timeout)

    async def _fetch(self, statement: str, values: Sequence[Any]) -> Sequence[asyncpg.Record]:
        """Return a statement's rows; send it again if the server gave it up without any effect."""
        try:
            return await self._fetch_once(statement, values)
        except asyncpg.SerializationError:
            pass  # it met another statement: stricter isolation, or a standby that is catching up
        except asyncpg.ReadOnlySQLTransactionError:
            # The server is no longer the primary. The pool would continue with its connections to it,
            # although its address already leads to the new primary.
            await self._pool.expire_connections()
        return await self._fetch_once(statement, values)

    async def _fetch_once(self, statement: str, values: Sequence[Any]) -> Sequence[asyncpg.Record]:
        async with self._acquired() as connection:
            rows: Sequence[asyncpg.Record] = await connection.fetch(statement, *values)
            return rows


@asynccontextmanager
async def open_postgres(
    url: str, *, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[PostgresStorage]:
    """Open a storage with its own pool for ``url``, closed at the end; it connects on first use.

    It gives up on a silent server after 5 seconds.
    """
    url = hidden(url)
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        timeout=PATIENCE,
        command_timeout=PATIENCE,
        # Prepared statements belong to a connection, which a pooler may give to another client.
        statement_cache_size=0,
        reset=_leave_as_is,
    )
    with storage_errors("PostgreSQL"):
        await pool
    try:
        yield PostgresStorage(pool, clock=clock)
    finally:
        # If the pool cannot close in time, or is cancelled meanwhile, it terminates its connections.
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await pool.close()


async def _leave_as_is(connection: Any) -> None:
    """Reset nothing between two uses: no statement here changes the connection's state."""


def _quoted(table: str) -> str:
    if not _TABLE_NAME.fullmatch(table):
        raise InvalidInputError(
            "table must be a lower-case name of at most 50 letters, digits and underscores,"
            " with the name of a schema and a dot before it if need be"
        )
    return ".".join(f'"{part}"' for part in table.split("."))


def _key(checkout_id: str) -> bytes:
    return checkout_id.encode(errors="surrogatepass")


SCHEMA: Final = schema()
