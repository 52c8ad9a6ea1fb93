"""``gett-checkout reconcile``: what a cron job finds out about placements whose worker is gone."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gett_checkout import Checkouts, GettClient, OutcomeUnknownError, RetryPolicy
from gett_checkout._cli import main
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import Storage
from gett_checkout.storage.encrypted import Encrypted
from gett_checkout.storage.sqlite import SQLiteStorage
from tests.acceptance.shopping import until_payable

IMPATIENT = RetryPolicy(tries=1)


async def reconcile(path: Path, sandbox: Sandbox, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "gett_checkout", "reconcile"),
        *("--storage", f"sqlite:///{path}", "--base-url", sandbox.url),
        env={**os.environ, "GETT_API_KEY": sandbox.api_key, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, failed = await process.communicate()
    return process.returncode, (told + failed).decode()


async def lose_an_answer(sandbox: Sandbox, storage: Storage) -> str:
    async with GettClient(sandbox.api_key, base_url=sandbox.url, retry=IMPATIENT) as gett:
        checkout = await Checkouts(gett, storage=storage).start()
        await until_payable(checkout)
        sandbox.switches.fail("place_order", "drop_after")
        with pytest.raises(OutcomeUnknownError):
            await checkout.place()
        return checkout.id


@pytest.mark.parametrize("encrypted", [False, True])
async def test_the_one_order_is_found(tmp_path: Path, *, encrypted: bool) -> None:
    path, key = tmp_path / "checkouts.db", Fernet.generate_key().decode()
    async with Sandbox() as sandbox, SQLiteStorage(path) as kept:
        storage = Encrypted(kept, [key]) if encrypted else kept
        checkout_id = await lose_an_answer(sandbox, storage)
        keys = {"GETT_STORAGE_KEYS": key} if encrypted else {}
        assert await reconcile(path, sandbox, **keys) == (0, f"{checkout_id}  reconciled\n1 due\n")
        assert await reconcile(path, sandbox, **keys) == (0, "0 due\n")
        assert len(sandbox.orders) == 1
        assert await storage.due(datetime.now(UTC) + timedelta(days=1), 10) == []


async def test_what_is_still_unknown_ends_with_one(tmp_path: Path) -> None:
    path = tmp_path / "checkouts.db"
    async with Sandbox() as sandbox, SQLiteStorage(path) as storage:
        checkout_id = await lose_an_answer(sandbox, storage)
        sandbox.switches.fail("place_order", "error", status=503, retry_after=9999)
        status, told = await reconcile(path, sandbox)
        assert (status, told) == (1, f"{checkout_id}  OutcomeUnknownError\n1 due\n")


async def test_a_damaged_placement_ends_with_one(tmp_path: Path) -> None:
    path = tmp_path / "checkouts.db"
    async with Sandbox() as sandbox, SQLiteStorage(path) as storage:
        checkout_id = await lose_an_answer(sandbox, storage)
        stored = await storage.load(checkout_id)
        assert stored is not None
        now = datetime.now(UTC)
        await storage.save(
            checkout_id,
            stored.data.replace(b"card_ok", b"card_no"),
            expected_version=stored.version,
            expires_at=now + timedelta(days=1),
            due_at=now,
        )
        status, told = await reconcile(path, sandbox)
        assert (status, told) == (1, f"{checkout_id}  StepNotAllowedError\n1 due\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reconcile", "--storage", "memory:"], "GETT_API_KEY"),
        (["reconcile", "--storage", "mysql://user:hunter2@host/db"], "a storage URL begins with"),
    ],
)
def test_what_is_wrong_is_said_without_secrets(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GETT_API_KEY", "" if said == "GETT_API_KEY" else "zpka_x")
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "hunter2" not in told


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "CREATE TABLE IF NOT EXISTS" in capsys.readouterr().out


def test_the_schema_needs_its_driver(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delitem(sys.modules, "gett_checkout.storage.postgres", raising=False)
    assert main(["schema"]) == 1
    assert "install gett-checkout[postgres]" in capsys.readouterr().err
