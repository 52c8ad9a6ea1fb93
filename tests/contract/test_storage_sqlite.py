"""SQLite: the file, the thread, and other processes that hold or kill it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gett_checkout.errors import StorageError
from gett_checkout.storage import Stored
from gett_checkout.storage.sqlite import _SCAN, SQLiteStorage
from gett_checkout.testing import Clock


async def save(storage: SQLiteStorage, version: int, data: bytes = b"data", key: str = "a") -> int:
    expires_at = storage.clock() + timedelta(hours=1)
    return await storage.save(
        key, data, expected_version=version, expires_at=expires_at, due_at=None
    )


async def test_what_is_saved_outlives_the_storage(tmp_path: Path) -> None:
    async with SQLiteStorage(tmp_path / "a.db") as storage:
        await save(storage, 0)
    async with SQLiteStorage(tmp_path / "a.db") as storage:
        assert await storage.load("a") == Stored(b"data", 1)


def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    storage = SQLiteStorage(tmp_path / "a.db")
    assert not list(tmp_path.iterdir())
    asyncio.run(storage.close())
    assert not list(tmp_path.iterdir())


async def test_a_locked_file_is_a_storage_error_and_passes(tmp_path: Path) -> None:
    async with SQLiteStorage(tmp_path / "a.db", timeout=0.05) as storage:
        await save(storage, 0)
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await storage.load("a") == Stored(b"data", 1)  # readers do not wait
            with pytest.raises(StorageError, match=r"SQLite storage failed \(OperationalError\)"):
                await save(storage, 1)
            other.execute("ROLLBACK")
        assert await save(storage, 1) == 2


async def test_a_new_file_that_another_process_writes_to_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("BEGIN IMMEDIATE")
        async with SQLiteStorage(path, timeout=0) as storage:
            with pytest.raises(StorageError, match="OperationalError"):
                await save(storage, 0)
        waits: list[float] = []

        def leave(seconds: float) -> None:
            waits.append(seconds)
            other.execute("COMMIT")

        monkeypatch.setattr("gett_checkout.storage.sqlite.time.sleep", leave)
        async with SQLiteStorage(path, timeout=30) as storage:
            assert await save(storage, 0) == 1
    assert waits == [0.01]


async def test_the_file_may_hold_tables_of_the_partner(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with SQLiteStorage(path) as storage:
        await save(storage, 0)
        with closing(sqlite3.connect(path, isolation_level=None)) as own:
            own.execute("CREATE TABLE orders (id TEXT)")
            own.execute("BEGIN IMMEDIATE")
            own.execute("INSERT INTO orders VALUES ('1')")
            waiting = asyncio.ensure_future(save(storage, 1))
            await asyncio.sleep(0)  # its thread is at it
            own.execute("COMMIT")
            assert await waiting == 2
            assert own.execute("SELECT id FROM orders").fetchall() == [("1",)]


async def test_a_full_disk_is_a_storage_error_and_loses_nothing(tmp_path: Path) -> None:
    async with SQLiteStorage(tmp_path / "a.db") as storage:
        await save(storage, 0)
        await storage._run("PRAGMA max_page_count = 16")
        with pytest.raises(StorageError, match="OperationalError") as caught:
            await save(storage, 1, b"x" * 2**20)
        assert "full" in str(caught.value.__cause__)
        assert await storage.load("a") == Stored(b"data", 1)
        assert await save(storage, 1) == 2


@pytest.mark.parametrize("path", ["missing/a.db", "."])
async def test_a_path_that_cannot_be_opened(tmp_path: Path, path: str) -> None:
    async with SQLiteStorage(tmp_path / path) as storage:
        with pytest.raises(StorageError, match="OperationalError"):
            await storage.load("a")


async def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    async with SQLiteStorage(tmp_path / "a.db") as storage:
        with pytest.raises(StorageError, match="DatabaseError"):
            await save(storage, 0)
    assert (tmp_path / "a.db").read_bytes() == b"not a database" * 100


async def test_closed_it_fails_and_closes_again(tmp_path: Path) -> None:
    storage = SQLiteStorage(tmp_path / "a.db")
    await save(storage, 0)
    await storage.close()
    await storage.close()
    with pytest.raises(StorageError):
        await storage.load("a")


async def test_closed_during_a_scan_it_fails(tmp_path: Path) -> None:
    async with SQLiteStorage(tmp_path / "a.db") as storage:
        await save(storage, 0)
        scan = storage.scan()
        assert await anext(scan) == ("a", Stored(b"data", 1))
    with pytest.raises(StorageError):
        await anext(scan)


async def test_a_scan_keeps_no_other_process_waiting(tmp_path: Path) -> None:
    async with SQLiteStorage(tmp_path / "a.db") as storage:
        await save(storage, 0)
        await anext(storage.scan())
        with closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as other:
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


async def test_a_scan_goes_by_the_primary_key(tmp_path: Path) -> None:
    """So that each page is found at once, without sorting what follows it."""
    async with SQLiteStorage(tmp_path / "a.db") as storage:
        plan, _ = await storage._run(f"EXPLAIN QUERY PLAN {_SCAN}", b"", 0, 200)
        assert [step for *_, step in plan] == [
            "SEARCH gett_checkouts USING INDEX sqlite_autoindex_gett_checkouts_1 (id>?)"
        ]


async def test_a_cancelled_close_still_closes(tmp_path: Path) -> None:
    storage = SQLiteStorage(tmp_path / "a.db")
    saving = asyncio.ensure_future(save(storage, 0))
    await asyncio.sleep(0)
    closing_it = asyncio.ensure_future(storage.close())
    await asyncio.sleep(0)
    closing_it.cancel()
    await asyncio.gather(saving, closing_it, return_exceptions=True)
    storage._thread.shutdown(wait=True)
    assert not storage._file.is_open


async def test_expired_checkouts_are_removed_along_the_way(tmp_path: Path) -> None:
    clock = Clock()
    async with SQLiteStorage(tmp_path / "a.db", clock=clock) as storage:
        for number in range(100):
            await save(storage, 0, key=f"old {number}")
        clock.advance(3600)
        for number in range(128):
            await save(storage, 0, key=f"new {number}")
        rows, _ = await storage._run("SELECT count(*) FROM gett_checkouts")
        assert rows == [(128,)]


WRITER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from gett_checkout.storage.sqlite import SQLiteStorage

async def main():
    storage = SQLiteStorage(sys.argv[1])
    stored = await storage.load("a")
    version = stored.version if stored else 0
    while True:
        version = await storage.save(
            "a", b"%d " % (version + 1) * 20000, expected_version=version,
            expires_at=datetime.now(UTC) + timedelta(hours=1), due_at=None,
        )
        print(version, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
def test_killed_in_the_middle_of_writing(tmp_path: Path) -> None:
    """What was reported as saved is there, whole, and the next process goes on from it."""
    path = tmp_path / "a.db"
    reported = 0
    for lines in (1, 2, 5, 20):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                assert int(writer.stdout.readline()) == reported + 1
                reported += 1
            writer.kill()
            rest = writer.stdout.read().split()
        reported += len(rest)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            version, data = connection.execute(
                "SELECT version, data FROM gett_checkouts"
            ).fetchone()
        assert version - reported in (0, 1)  # killed between the save and the report
        assert data == b"%d " % version * 20000
        reported = version
