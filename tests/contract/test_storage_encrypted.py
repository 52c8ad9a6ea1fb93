"""Encryption: nothing readable is kept, keys rotate, and no error tells what was inside."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gett_checkout.errors import InvalidInputError, StorageError
from gett_checkout.storage import Storage, Stored
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.storage.sqlite import SQLiteStorage

OLD, NEW, OTHER = (Fernet.generate_key() for _ in range(3))


async def save(
    storage: Storage, version: int, data: bytes = b"session token", key: str = "a"
) -> int:
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    return await storage.save(
        key, data, expected_version=version, expires_at=expires_at, due_at=None
    )


async def test_what_is_kept_cannot_be_read() -> None:
    memory = MemoryStorage()
    await save(EncryptedStorage(memory, [OLD]), 0)
    kept = await memory.load("a")
    assert kept is not None
    assert b"session" not in kept.data
    assert kept.version == 1


async def test_keys_rotate() -> None:
    memory = MemoryStorage()
    await save(EncryptedStorage(memory, [OLD.decode()]), 0)
    rotating = EncryptedStorage(memory, [NEW, OLD])
    assert await rotating.load("a") == Stored(b"session token", 1)
    await save(rotating, 1, b"saved under the new key")
    rotated = EncryptedStorage(memory, [NEW])
    assert await rotated.load("a") == Stored(b"saved under the new key", 2)


@pytest.mark.parametrize("change", ["other key", "not encrypted", "altered"])
async def test_what_no_key_opens_is_a_storage_error(change: str) -> None:
    memory = MemoryStorage()
    storage = EncryptedStorage(memory, [OLD])
    match change:
        case "other key":
            await save(EncryptedStorage(memory, [OTHER]), 0)
        case "not encrypted":
            await save(memory, 0)
        case _:
            await save(storage, 0)
            kept = await memory.load("a")
            assert kept is not None
            await save(memory, 1, kept.data[:-6] + b"AAAAA=")
    with pytest.raises(StorageError, match="no key decrypts") as caught:
        await storage.load("a")
    told = "".join(traceback.format_exception(caught.value)) + repr(storage)
    for secret in (b"session token", OLD, OTHER):
        assert secret.decode() not in told
    assert repr(storage) == "EncryptedStorage(MemoryStorage(<1 checkouts>), <1 keys>)"


async def test_a_scan_goes_on_after_what_no_key_opens() -> None:
    memory = MemoryStorage()
    storage = EncryptedStorage(memory, [NEW, OLD])
    await save(EncryptedStorage(memory, [OLD]), 0, key="a")
    await save(EncryptedStorage(memory, [OTHER]), 0, key="b")
    await save(memory, 0, key="c")
    await save(storage, 0, key="d")
    scanned = [each async for each in storage.scan()]
    assert scanned == [("a", Stored(b"session token", 1)), ("d", Stored(b"session token", 1))]


class Unscannable:
    """A storage of the four methods alone."""

    def __init__(self) -> None:
        memory = MemoryStorage()
        self.load, self.save = memory.load, memory.save
        self.delete, self.due = memory.delete, memory.due


async def test_a_scan_of_what_has_none_says_so() -> None:
    storage = EncryptedStorage(Unscannable(), [OLD])
    await save(storage, 0)
    with pytest.raises(StorageError, match="wraps has no scan"):
        await anext(storage.scan())


@pytest.mark.parametrize(
    "keys",
    [[], [b"short"], [OLD, "no key"], OLD, OLD.decode(), [None]],
    ids=["none", "short", "one of two", "bare bytes", "bare text", "no text"],
)
def test_keys_that_are_none_are_refused_unquoted(keys: list[bytes]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        EncryptedStorage(MemoryStorage(), keys)
    assert caught.value.__context__ is None
    assert OLD.decode() not in str(caught.value)


async def test_what_it_wraps_stays_the_callers_to_close(tmp_path: Path) -> None:
    async with SQLiteStorage(tmp_path / "a.db") as inner:
        storage = EncryptedStorage(inner, [OLD])
        await save(storage, 0)
    with pytest.raises(StorageError):
        await storage.load("a")


async def test_purging_is_left_to_what_is_wrapped() -> None:
    class Purging(MemoryStorage):
        async def purge(self, limit: int = 1000) -> int:
            return limit

    keys = [Fernet.generate_key()]
    assert await EncryptedStorage(Purging(), keys).purge(7) == 7
    assert await EncryptedStorage(MemoryStorage(), keys).purge() == 0
