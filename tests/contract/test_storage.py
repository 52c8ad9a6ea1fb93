"""The storage contract, held by every storage there is, and what else is the same in all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gett_checkout.storage import ScannableStorage, Storage, Stored
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.testing import Clock, ScanContract
from tests.contract.conftest import ELSEWHERE, FAILURES, IN_MEMORY, opened_broken


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))


class EveryStorage(ScanContract):
    """The public suite, as a third party runs it."""

    async def test_ids_may_be_any_string(self, storage: ScannableStorage, save: Any) -> None:
        """What a URL can smuggle in is an id like another: no error, and no other checkout."""
        ids = ["\0", "a\0b", "a", "\ud800", "\udfff", "", "x" * 2000]
        for each in ids:
            assert await storage.load(each) is None
            assert await save(each, 0, repr(each).encode(), due=-1) == 1
        for each in ids:
            assert await storage.load(each) == Stored(repr(each).encode(), 1)
        assert sorted(await storage.due(datetime.now(UTC), 100)) == sorted(ids)
        scanned = [checkout_id async for checkout_id, _ in storage.scan()]
        assert sorted(scanned) == sorted(ids)

    # These two save hundreds of rows each, for every storage.
    @pytest.mark.slow
    async def test_what_stays_is_not_missed_when_others_come_and_go(
        self, storage: ScannableStorage, save: Any
    ) -> None:
        await super().test_what_stays_is_not_missed_when_others_come_and_go(storage, save)

    @pytest.mark.slow
    async def test_a_scan_holds_nothing_between_two_rows(
        self, storage: ScannableStorage, save: Any
    ) -> None:
        await super().test_a_scan_holds_nothing_between_two_rows(storage, save)

    async def test_its_repr_gives_nothing_away(self, storage: Storage, save: Any) -> None:
        await save("an-unguessable-id", 0, b"a token")
        shown = repr(storage) + repr(await storage.load("an-unguessable-id"))
        assert "unguessable" not in shown
        assert "a token" not in shown


@pytest.mark.parametrize("kind", ELSEWHERE)
class TestElsewhere(EveryStorage):
    """Storages that need something which may be missing."""

    @pytest.fixture(params=FAILURES)
    async def broken_storage(
        self, kind: str, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest
    ) -> AsyncIterator[ScannableStorage]:
        async with opened_broken(kind, request.param, clock, tmp_path) as storage:
            yield storage


@pytest.mark.parametrize("kind", IN_MEMORY)
class TestInMemory(EveryStorage):
    """Storages that nothing can be missing for."""

    test_a_failure_is_a_storage_error = None  # type: ignore[assignment]
    test_a_failure_of_a_scan_is_a_storage_error = None  # type: ignore[assignment]


def test_one_storage_serves_one_event_loop_after_another(tmp_path: Path) -> None:
    sqlite = SQLiteStorage(tmp_path / "checkouts.db")
    memory = MemoryStorage()
    for version in range(3):
        for storage in (sqlite, memory):
            saving = storage.save(
                "a",
                b"data",
                expected_version=version,
                expires_at=datetime.now(UTC) + timedelta(hours=1),
                due_at=None,
            )
            assert asyncio.run(saving) == version + 1
    asyncio.run(sqlite.close())
