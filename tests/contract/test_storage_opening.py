"""Storages by URL: each kind opens and closes, and what is wrong is told without the password."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gett_checkout.errors import GettCheckoutError, InvalidInputError, StorageError
from gett_checkout.storage import Storage, Stored, open_storage
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.storage.postgres import PostgresStorage
from tests.servers import PostgresServer, RedisServer


async def saves_and_loads(storage: Storage) -> None:
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    await storage.delete("a")
    assert (
        await storage.save("a", b"data", expected_version=0, expires_at=expires_at, due_at=None)
        == 1
    )
    assert await storage.load("a") == Stored(b"data", 1)


async def test_memory() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    async with open_storage("memory:", clock=lambda: now) as storage:
        assert isinstance(storage, MemoryStorage)
        assert storage.clock() == now


async def test_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_storage("sqlite:///relative%20name.db") as storage:
        await saves_and_loads(storage)
    assert (tmp_path / "relative name.db").exists()
    async with open_storage(f"sqlite:///{tmp_path}/absolute.db") as storage:
        await saves_and_loads(storage)
    assert (tmp_path / "absolute.db").exists()


async def test_redis(redis_server: RedisServer) -> None:
    async with open_storage(redis_server.url) as storage:
        await saves_and_loads(storage)
        assert redis_server.password not in repr(storage)
    async with open_storage(redis_server.url + "?decode_responses=true") as storage:
        await saves_and_loads(storage)


async def test_postgres(postgres_server: PostgresServer) -> None:
    async with open_storage(postgres_server.url) as storage:
        assert isinstance(storage, PostgresStorage)
        await storage.create_schema()
        await saves_and_loads(storage)
        assert postgres_server.password not in repr(storage)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory://x",
        "checkouts.db",
        "/var/checkouts.db",
        "mysql://user:s3cret@host/x",
        "sqlite://checkouts.db",
        "sqlite:///",
        "sqlite:///a.db?mode=ro",
        "redis://:s3cret@host:port",
        "redis://:a/s3cret@host:6379/0",
        "redis://user:a#s3cret@host",
        "redis://:s3cret@[::1",
        "redis://:s3cret@host/0?socket_timeout=s3cret",
        "redis://:s3cret@host/0?unheard_of=s3cret",
        "postgresql://user:a?s3cret@host/x",
        "postgresql://user:s3cret@host:s3cret/x",
    ],
)
async def test_a_url_that_cannot_be_right_is_refused_unquoted(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        async with open_storage(url):
            pass
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("keys", ["", "s3cret", b""])
def test_a_key_alone_is_not_taken_for_no_encryption(keys: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        open_storage("memory:", encryption_keys=keys)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://someone:s3cret@127.0.0.1:1/0?retry_on_timeout=false",
        "postgresql://someone:s3cret@127.0.0.1:1/x",
        "postgresql://someone:s3cret@127.0.0.1:1/x?sslmode=unheard_of",
    ],
)
async def test_a_server_that_is_not_there_is_a_storage_error(url: str) -> None:
    async with open_storage(url) as storage:
        with pytest.raises(StorageError) as caught:
            await storage.load("a")
    told = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in told
    assert "someone" not in told
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("kind", ["redis", "postgres"])
async def test_a_wrong_password_is_a_storage_error(
    kind: str, redis_server: RedisServer, postgres_server: PostgresServer
) -> None:
    server = redis_server if kind == "redis" else postgres_server
    async with open_storage(server.url.replace(server.password, "s3cret")) as storage:
        with pytest.raises(StorageError) as caught:
            await storage.load("a")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("redis://:s3cret@localhost", "redis.asyncio", "redis"),
        ("rediss://:s3cret@localhost", "redis.asyncio", "redis"),
        ("postgresql://a:s3cret@localhost", "asyncpg", "postgres"),
    ],
)
def test_a_missing_driver_names_its_extra(
    url: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    monkeypatch.delitem(sys.modules, f"gett_checkout.storage.{extra}", raising=False)
    with pytest.raises(InvalidInputError) as caught:
        open_storage(url)
    assert f"pip install 'gett-checkout[{extra}]'" in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value, GettCheckoutError)


async def test_with_keys_what_is_kept_is_encrypted(tmp_path: Path) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    url = f"sqlite:///{tmp_path}/a.db"
    async with open_storage(url, encryption_keys=[old]) as storage:
        assert isinstance(storage, EncryptedStorage)
        await saves_and_loads(storage)
    async with open_storage(url) as storage:
        kept = await storage.load("a")
        assert kept is not None
        assert b"data" not in kept.data
    async with open_storage(url, encryption_keys=(new, old)) as storage:
        assert await storage.load("a") == Stored(b"data", 1)


@pytest.mark.parametrize("keys", [(), []])
async def test_without_keys_nothing_is_encrypted(keys: list[str]) -> None:
    async with open_storage("memory:", encryption_keys=keys) as storage:
        assert isinstance(storage, MemoryStorage)


GOOD = "A" * 43 + "="  # a key, if not a secret one


@pytest.mark.parametrize(
    "keys",
    [
        "",
        GOOD,
        GOOD.encode(),
        [""],
        ["s3cret"],
        [GOOD, "s3cret"],
        [GOOD[:-4]],
        [None],
        [7],
        [b"s3"],
    ],
    ids=repr,
)
def test_a_key_that_is_none_is_refused_unquoted_before_anything_is_opened(
    keys: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    with pytest.raises(InvalidInputError, match="key") as caught:
        open_storage(f"sqlite:///{path}", encryption_keys=keys)
    told = "".join(traceback.format_exception(caught.value, limit=0))
    assert "s3cret" not in told
    assert GOOD not in told
    assert caught.value.__context__ is None
    assert not path.exists()


def test_keys_without_the_library_for_them_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    monkeypatch.delitem(sys.modules, "gett_checkout.storage.encrypted", raising=False)
    with pytest.raises(InvalidInputError) as caught:
        open_storage("memory:", encryption_keys=[GOOD])
    assert "pip install 'gett-checkout[encryption]'" in str(caught.value)


@pytest.mark.slow
def test_no_driver_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, gett_checkout, gett_checkout.testing, gett_checkout.storage._opening as opening;"
        "opening.open_storage('memory:');"
        "print({'redis', 'asyncpg', 'cryptography', 'sqlite3', 'pytest'} & set(sys.modules))"
    )
    unmeasured = {name: each for name, each in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=unmeasured
    )
    assert done.stdout.strip() == "set()"
