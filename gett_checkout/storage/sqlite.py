"""Checkouts stored in one SQLite file: for a backend on one machine, in any number of processes.

One thread owns the connection and does all the work, so the event loop never waits for a disk and the
operations of one process run one after another. Every operation is one statement: SQLite makes it
atomic against other processes and against being killed in the middle.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakSet

from gett_checkout.errors import CheckoutConflictError, StorageError
from gett_checkout.storage import Stored
from gett_checkout.storage.failures import storage_errors
from gett_checkout.storage.instants import microseconds
from gett_checkout.storage.pages import PAGE, in_pages

# Times are microseconds since 1970. Ids are UTF-8 bytes: any string is an id.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS gett_checkouts (
    id BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    due_at INTEGER,
    data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS gett_checkouts_due_at
    ON gett_checkouts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS gett_checkouts_expires_at ON gett_checkouts (expires_at);
"""
_LOAD: Final = "SELECT data, version FROM gett_checkouts WHERE id = ? AND expires_at > ?"
_CREATE: Final = """
INSERT INTO gett_checkouts (id, version, expires_at, due_at, data) VALUES (?, 1, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET version = 1, expires_at = excluded.expires_at, due_at = excluded.due_at, data = excluded.data
WHERE gett_checkouts.expires_at <= ?
"""
_REPLACE: Final = """
UPDATE gett_checkouts SET version = version + 1, expires_at = ?, due_at = ?, data = ?
WHERE id = ? AND version = ? AND expires_at > ?
"""
_DELETE: Final = "DELETE FROM gett_checkouts WHERE id = ?"
_DUE: Final = """
SELECT id FROM gett_checkouts WHERE due_at <= ? AND expires_at > ? ORDER BY due_at, id LIMIT ?
"""
_SCAN: Final = """
SELECT id, data, version FROM gett_checkouts WHERE id >= ? AND expires_at > ? ORDER BY id LIMIT ?
"""
_PURGE: Final = """
DELETE FROM gett_checkouts
WHERE id IN (SELECT id FROM gett_checkouts WHERE expires_at <= ? LIMIT 256)
"""
_PASSING: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)  # another process is writing
_SAVES_PER_PURGE: Final = 128  # fewer than a purge removes, so that it keeps up


class SQLiteStorage:
    """Stores checkouts in the file at ``path``, created with its table on first use.

    A save is on disk when it returns. ``timeout`` is how long to wait for other processes' writes, in
    seconds. Expired checkouts are removed automatically. It may be used before and after a fork: the
    file is closed during the fork, and each process reopens it in a thread of its own.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], datetime] | None = None,
        timeout: float = 5.0,
    ) -> None:
        self.clock: Final[Callable[[], datetime]] = clock or (lambda: datetime.now(UTC))
        self._file = _File(os.fspath(path), timeout)
        self._thread = _thread()
        self._process = os.getpid()
        self._saves = 0
        self._closed = False

    def __repr__(self) -> str:
        return f"SQLiteStorage({self._file.path!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish pending work and close the file; every method fails from then on."""
        if self._closed:
            return
        self._begin_anew_after_a_fork()
        self._closed = True
        disconnected = self._thread.submit(self._file.close)
        self._thread.shutdown(wait=False)
        # The file is closed even if the caller is cancelled.
        await asyncio.shield(asyncio.wrap_future(disconnected))

    async def load(self, checkout_id: str) -> Stored | None:
        """Return the entry stored under the id, or ``None``."""
        rows, _ = await self._run(_LOAD, _key(checkout_id), self._now())
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
        key, now = _key(checkout_id), self._now()
        expires, due = microseconds(expires_at), due_at and microseconds(due_at)
        if self._saves % _SAVES_PER_PURGE == 0:
            await self._run(_PURGE, now)
        self._saves += 1
        if expected_version == 0:
            _, changed = await self._run(_CREATE, key, expires, due, data, now)
        else:
            _, changed = await self._run(_REPLACE, expires, due, data, key, expected_version, now)
        if not changed:
            raise CheckoutConflictError("another worker changed the checkout")
        return expected_version + 1

    async def delete(self, checkout_id: str) -> None:
        """Delete the entry stored under the id, if any."""
        await self._run(_DELETE, _key(checkout_id))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of at most ``limit`` due checkouts, those due earliest first."""
        rows, _ = await self._run(_DUE, microseconds(now), self._now(), limit)
        return [key.decode(errors="surrogatepass") for (key,) in rows]

    def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Yield every entry that has not expired, with its id, in no particular order."""
        return in_pages(self._page)

    async def _page(self, start: bytes) -> Sequence[Any]:
        rows, _ = await self._run(_SCAN, start, self._now(), PAGE)
        return rows

    def _now(self) -> int:
        return microseconds(self.clock())

    async def _run(self, statement: str, *values: Any) -> tuple[list[Any], int]:
        """Run a statement; return its rows, and the number of rows it changed.

        If cancelled before the thread starts it, it never runs; after that it runs to its end.
        """
        with storage_errors("SQLite"):
            self._begin_anew_after_a_fork()
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._file.execute, statement, values)

    def _begin_anew_after_a_fork(self) -> None:
        """Start a thread of this process's own: the parent's thread does not exist here."""
        if self._process == os.getpid() or self._closed:
            return
        if self._file.is_open:
            raise StorageError(
                "the process was forked without Python while this SQLite storage was open: "
                "open it after the fork"
            )
        self._thread = _thread()
        self._process = os.getpid()


class _File:
    """The file, opened on first use; closed during a fork, and reopened after it.

    SQLite records in the process which locks it holds on a file. A forked child inherits the record but
    not the locks: another process may then delete the log that the child writes to, and its saves are
    lost. So no file is open during a fork, and none can be opened until it is over.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self.path = path
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        _FILES.add(self)

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def execute(self, statement: str, values: tuple[Any, ...]) -> tuple[list[Any], int]:
        """Run a statement; return its rows, and the number of rows it changed."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.execute(statement, values)
            return cursor.fetchall(), cursor.rowcount

    def _connect(self) -> sqlite3.Connection:
        # No isolation level: each statement commits by itself and waits for the lock on its own.
        connection = sqlite3.connect(
            self.path,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,  # the forking thread closes it
        )
        try:
            self._use_write_ahead_log(connection)
            # A record made before a request is sent must survive a power cut, not only a crash.
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait for the lock here, so several processes starting at once collide.
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                is_passing = error.sqlite_errorcode & 0xFF in _PASSING
                if not is_passing or time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def before_fork(self) -> None:
        self._lock.acquire()
        with suppress(sqlite3.Error):
            self._close()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()  # threads waiting for the old lock do not exist here


_FILES: Final[WeakSet[_File]] = WeakSet()
_FORKING: Final = threading.local()


def _before_fork() -> None:
    _FORKING.files = sorted(_FILES, key=id)  # in a fixed order, in case two threads fork
    for file in _FORKING.files:
        file.before_fork()


def _after_fork_in_parent() -> None:
    for file in _FORKING.files:
        file.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for file in list(_FILES):
        file.after_fork_in_child()


with suppress(AttributeError):  # Windows has no forks
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )


def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="gett-checkout-sqlite")


def _key(checkout_id: str) -> bytes:
    return checkout_id.encode(errors="surrogatepass")
