"""The requirements of every storage, as a pytest suite that you can run on your own.

::

    import pytest_asyncio
    from gett_checkout.testing import StorageContract

    class TestMyStorage(StorageContract):
        @pytest_asyncio.fixture
        async def storage(self, clock):
            async with MyStorage("test-database", clock=clock) as storage:
                yield storage  # empty, and with no other user

        @pytest_asyncio.fixture
        async def broken_storage(self, clock):
            async with MyStorage("no-such-database", clock=clock) as storage:
                yield storage  # its server cannot be reached

It needs ``pytest`` and ``pytest-asyncio``. The storage must take its time from ``clock``, a `Clock`; if
your storage can only use its server's clock, override the ``clock`` fixture with an object whose
``advance`` moves the server's clock. Without ``broken_storage`` failures are not tested: those tests
are skipped.

`ScanContract` extends it, for a storage that also has ``scan``.
"""

# ruff: noqa: S101

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from gett_checkout.errors import CheckoutConflictError, StorageError
from gett_checkout.storage import ScannableStorage, Storage, Stored
from gett_checkout.testing.clock import Clock


@pytest.mark.asyncio
class StorageContract:
    """Subclass it with a ``storage`` fixture that yields an empty storage using the ``clock`` fixture.

    Also override ``broken_storage`` with one whose server cannot be reached.
    """

    ids: tuple[str, ...] = (
        "a",
        "A",
        "a ",
        " a",
        "ab",
        "a.b",
        "a/b",
        "a:b",
        "a%2Fb",
        "a\\b",
        "a\nb",
        "a\tb",
        "{a}",
        "a*",
        "a?",
        "a_",
        "a%",
        "'; DROP TABLE gett_checkouts; --",
        '"a"',
        "$1",
        "0",
        "é",
        "e\u0301",
        "İstanbul",
        "ресторан",
        "🍕" * 20,
        "x" * 255,
    )
    """Ids that must be distinguished."""

    patience: float = 60.0
    """How long an operation of ``broken_storage`` may take to fail, in seconds."""

    @pytest.fixture
    def clock(self) -> Clock:
        """The time the storage uses."""
        return Clock(datetime.now(UTC))

    @pytest.fixture
    def broken_storage(self) -> Storage:
        """A storage whose server cannot be reached; override it, or failures are not tested."""
        pytest.skip("failures are not tested: override the fixture broken_storage")

    @pytest.fixture
    def save(self, storage: Storage, clock: Clock) -> Save:
        """Save an entry that expires in an hour (``expires`` seconds) and is never due (default)."""

        async def save(
            checkout_id: str,
            expected_version: int,
            data: bytes = b"data",
            expires: float = 3600,
            due: float | None = None,
        ) -> int:
            now = clock()
            return await storage.save(
                checkout_id,
                data,
                expected_version=expected_version,
                expires_at=now + timedelta(seconds=expires),
                due_at=None if due is None else now + timedelta(seconds=due),
            )

        return save

    async def test_what_was_never_saved_is_absent(self, storage: Storage) -> None:
        """A load returns ``None``, and nothing is due."""
        assert await storage.load("a") is None
        assert list(await storage.due(datetime.now(UTC), 10)) == []

    async def test_each_save_makes_the_next_version(self, storage: Storage, save: Save) -> None:
        """Versions are 1, 2, 3…, and a load returns the last."""
        for version in range(5):
            data = b"version %d" % (version + 1)
            assert await save("a", version, data) == version + 1
            assert await storage.load("a") == Stored(data, version + 1)

    @pytest.mark.parametrize("expected", [0, 1, 3, 99, 2**40])
    async def test_a_lost_race_changes_nothing(
        self, storage: Storage, save: Save, clock: Clock, expected: int
    ) -> None:
        """Neither the data, nor the version, nor the expiry, nor the due time."""
        await save("a", 0)
        await save("a", 1, b"stored", expires=100, due=10)
        with pytest.raises(CheckoutConflictError):
            await save("a", expected, b"lost", expires=1000, due=None)
        assert await storage.load("a") == Stored(b"stored", 2)
        clock.advance(10)
        assert list(await storage.due(clock(), 10)) == ["a"]
        clock.advance(90)
        assert await storage.load("a") is None

    async def test_nothing_has_no_version_to_replace(self, storage: Storage, save: Save) -> None:
        """Saving over an absent entry conflicts unless the save expects version 0."""
        with pytest.raises(CheckoutConflictError):
            await save("a", 1)
        assert await storage.load("a") is None
        assert await save("a", 0) == 1

    @pytest.mark.parametrize("before", [0, 1, 2])
    async def test_of_32_savers_at_once_one_wins(
        self, storage: Storage, save: Save, before: int
    ) -> None:
        """The others get the conflict, even when they save the same bytes."""
        for version in range(before):
            await save("a", version)
        payloads = [b"saver %d" % (number // 2) for number in range(32)]
        outcomes = await asyncio.gather(
            *(save("a", before, data) for data in payloads), return_exceptions=True
        )
        won = [number for number, outcome in enumerate(outcomes) if outcome == before + 1]
        lost = [each for each in outcomes if isinstance(each, CheckoutConflictError)]
        assert (len(won), len(lost)) == (1, 31)
        assert await storage.load("a") == Stored(payloads[won[0]], before + 1)

    async def test_different_ids_do_not_race(self, storage: Storage, save: Save) -> None:
        """Any number of checkouts can be saved at once."""
        ids = [f"checkout {number}" for number in range(32)]
        outcomes = await asyncio.gather(*(save(each, 0, each.encode()) for each in ids))
        assert outcomes == [1] * 32
        loaded = await asyncio.gather(*(storage.load(each) for each in ids))
        assert loaded == [Stored(each.encode(), 1) for each in ids]

    async def test_deleted_is_absent(self, storage: Storage, save: Save, clock: Clock) -> None:
        """It is not due either, a new save starts at version 1, and deleting an absent entry is fine."""
        await storage.delete("a")
        await save("a", 0, due=0)
        await save("a", 1, due=0)
        await save("b", 0)
        await storage.delete("a")
        await storage.delete("a")
        assert await storage.load("a") is None
        assert list(await storage.due(clock(), 10)) == []
        assert await storage.load("b") == Stored(b"data", 1)
        with pytest.raises(CheckoutConflictError):
            await save("a", 2)
        assert await save("a", 0) == 1
        assert list(await storage.due(clock(), 10)) == []

    async def test_expired_is_absent(self, storage: Storage, save: Save, clock: Clock) -> None:
        """From the very moment it expires, in every method; a new save starts again at version 1."""
        await save("a", 0, b"old", expires=60, due=0)
        await save("a", 1, b"old", expires=60, due=0)
        clock.advance(59.999)
        assert await storage.load("a") == Stored(b"old", 2)
        assert list(await storage.due(clock(), 10)) == ["a"]
        clock.advance(0.001)
        assert await storage.load("a") is None
        assert list(await storage.due(clock(), 10)) == []
        with pytest.raises(CheckoutConflictError):
            await save("a", 2)
        assert await save("a", 0, b"new") == 1
        assert await storage.load("a") == Stored(b"new", 1)
        assert list(await storage.due(clock(), 10)) == []

    async def test_a_save_moves_the_expiry(
        self, storage: Storage, save: Save, clock: Clock
    ) -> None:
        """The last save decides, later or sooner; a time that has passed expires the entry at once."""
        await save("a", 0, expires=60)
        await save("a", 1, expires=600)
        clock.advance(599)
        assert await storage.load("a") == Stored(b"data", 2)
        await save("a", 2, expires=10)
        clock.advance(10)
        assert await storage.load("a") is None
        await save("a", 0, expires=-1)
        assert await storage.load("a") is None

    async def test_the_longest_due_comes_first(
        self, storage: Storage, save: Save, clock: Clock
    ) -> None:
        """Up to the limit, and only what is due at the given moment."""
        for name, due in (
            ("third", 3),
            ("first", 1),
            ("never", None),
            ("fourth", 4),
            ("second", 2),
        ):
            await save(name, 0, due=due)
        start = clock()

        async def due_after(seconds: float, limit: int = 10) -> list[str]:
            return list(await storage.due(start + timedelta(seconds=seconds), limit))

        assert await due_after(0.999) == []
        assert await due_after(1) == ["first"]
        assert await due_after(3) == ["first", "second", "third"]
        assert await due_after(60) == ["first", "second", "third", "fourth"]
        assert await due_after(60, limit=2) == ["first", "second"]
        assert await due_after(60, limit=0) == []

    async def test_in_the_far_future_all_is_due(
        self, storage: Storage, save: Save, clock: Clock
    ) -> None:
        """Including what becomes due in weeks; not what is never due, was deleted or has expired."""
        week = 7 * 86400
        await save("in weeks", 0, due=3 * week, expires=4 * week)
        await save("never", 0, due=None)
        await save("expired", 0, due=week, expires=60)
        await save("deleted", 0, due=week)
        await save("at once", 0, due=0)
        await save("after it expires", 0, due=4 * week, expires=3600)
        await storage.delete("deleted")
        clock.advance(60)
        far = datetime(9999, 12, 31, tzinfo=UTC)
        everything = ["at once", "in weeks", "after it expires"]
        assert list(await storage.due(far, 100)) == everything
        assert list(await storage.due(far, 2)) == everything[:2]
        assert list(await storage.due(clock(), 100)) == ["at once"]

    async def test_a_save_says_anew_when_it_is_due(
        self, storage: Storage, save: Save, clock: Clock
    ) -> None:
        """Each save sets the due time anew: later, to never, or again."""
        await save("a", 0, due=1)
        await save("b", 0, due=5)
        await save("a", 1, due=10)
        clock.advance(20)
        assert list(await storage.due(clock(), 10)) == ["b", "a"]
        await save("b", 1, due=None)
        assert list(await storage.due(clock(), 10)) == ["a"]
        await save("b", 2, due=-60)
        assert list(await storage.due(clock(), 10)) == ["b", "a"]

    async def test_what_expired_leaves_room_within_the_limit(
        self, storage: Storage, save: Save, clock: Clock
    ) -> None:
        """Expired checkouts do not count towards the limit, even if many of them were due first."""
        for number in range(12):
            await save(f"expired {number}", 0, due=number, expires=30)
        await save("stored", 0, due=20)
        clock.advance(30)
        assert list(await storage.due(clock(), 1)) == ["stored"]

    @pytest.mark.parametrize(
        "data",
        [b"", bytes(range(256)), b"\0", b"\xff\xfe", "é🍕".encode(), bytes(range(256)) * 4096],
        ids=["empty", "every byte", "zero", "not UTF-8", "UTF-8", "1 MiB"],
    )
    async def test_bytes_come_back_as_they_were(
        self, storage: Storage, save: Save, data: bytes
    ) -> None:
        """Any bytes, up to a megabyte; saved twice, because replacing a row may differ from inserting it."""
        for version in (0, 1):
            await save("a", version, data)
            stored = await storage.load("a")
            assert stored is not None
            assert isinstance(stored.data, bytes)
            assert stored.data == data

    async def test_ids_are_kept_apart(self, storage: Storage, save: Save, clock: Clock) -> None:
        """Case, white space, accents and special characters of a query language all count."""
        for number, each in enumerate(self.ids):
            assert await save(each, 0, each.encode(), due=number) == 1
        for each in self.ids:
            assert await storage.load(each) == Stored(each.encode(), 1)
        clock.advance(len(self.ids))
        assert list(await storage.due(clock(), 100)) == list(self.ids)
        await storage.delete(self.ids[0])
        for each in self.ids[1:]:
            assert await storage.load(each) == Stored(each.encode(), 1)

    async def test_a_cancelled_save_happened_or_did_not(self, storage: Storage, save: Save) -> None:
        """Whenever it is cancelled, it was applied wholly or not at all, and the storage still works."""
        version = 0
        for turns in (*range(16), 20, 25, 30, 40, 50, 75, 100, 200, 400):
            saving = asyncio.ensure_future(save("a", version, b"cancelled %d" % turns))
            for _ in range(turns):
                await asyncio.sleep(0)
            saving.cancel()
            (outcome,) = await asyncio.gather(saving, return_exceptions=True)
            assert isinstance(outcome, int | asyncio.CancelledError)
            # A server may still be processing what it was sent, so this one may lose to it.
            happened = outcome == version + 1
            try:
                await save("a", version + happened, b"next")
            except CheckoutConflictError:
                assert not happened
                assert await storage.load("a") == Stored(b"cancelled %d" % turns, version + 1)
                happened = True
                await save("a", version + happened, b"next")
            version += 1 + happened
            assert await storage.load("a") == Stored(b"next", version)

    async def test_many_cancelled_at_once_leave_it_usable(
        self, storage: Storage, save: Save
    ) -> None:
        """No connection, lock or thread is lost to them."""
        work: list[asyncio.Task[object]] = []
        for number in range(32):
            work.append(asyncio.ensure_future(save(f"checkout {number}", 0)))
            work.append(asyncio.ensure_future(storage.load(f"checkout {number}")))
        for number, task in enumerate(work):
            asyncio.get_running_loop().call_later(number % 16 / 2000, task.cancel)
        outcomes = await asyncio.gather(*work, return_exceptions=True)
        for outcome in outcomes:
            assert outcome is None or isinstance(outcome, int | Stored | asyncio.CancelledError)
        assert await save("after", 0) == 1
        assert await storage.load("after") == Stored(b"data", 1)

    @pytest.mark.parametrize("operation", ["load", "save", "save again", "delete", "due"])
    async def test_a_failure_is_a_storage_error(
        self, broken_storage: Storage, clock: Clock, operation: str
    ) -> None:
        """No driver exception escapes, and nothing that was being saved is quoted."""
        now = clock()
        match operation:
            case "load":
                work: Awaitable[object] = broken_storage.load(_SECRET)
            case "delete":
                work = broken_storage.delete(_SECRET)
            case "due":
                work = broken_storage.due(now, 10)
            case _:
                work = broken_storage.save(
                    _SECRET,
                    _SECRET.encode(),
                    expected_version=int(operation == "save again"),
                    expires_at=now + timedelta(hours=1),
                    due_at=now,
                )
        await _fails(operation, work, self.patience)


class ScanContract(StorageContract):
    """The requirements of a storage with ``scan``: all of `StorageContract`, plus the scan."""

    many: int = 450
    """More rows than a page holds; increase it if your pages are larger."""

    async def test_it_is_known_to_scan(self, storage: ScannableStorage) -> None:
        """A storage with a `scan` is a `ScannableStorage`; it need not inherit from anything."""
        assert isinstance(storage, ScannableStorage)

    async def test_a_scan_of_nothing_ends(self, storage: ScannableStorage) -> None:
        """Without a row and without an error."""
        assert await _scanned(storage.scan()) == {}

    async def test_a_scan_gives_what_a_load_gives(
        self, storage: ScannableStorage, save: Save
    ) -> None:
        """The last version of each checkout, byte for byte, under any id, due or not."""
        expected: dict[str, Stored] = {}
        for number, each in enumerate((*self.ids, "")):
            for version in range(1 + number % 3):
                data = bytes(range(256)) + each.encode() + b"%d" % version
                await save(each, version, data, due=number if number % 2 else None)
                expected[each] = Stored(data, version + 1)
        scanned = await _scanned(storage.scan())
        assert scanned == expected
        assert all(isinstance(stored.data, bytes) for stored in scanned.values())

    async def test_a_scan_leaves_out_what_is_absent(
        self, storage: ScannableStorage, save: Save, clock: Clock
    ) -> None:
        """Deleted entries are left out, and expired ones from the very moment they expire."""
        await save("deleted", 0)
        await storage.delete("deleted")
        await save("short", 0, expires=60)
        await save("long", 0, expires=600)
        clock.advance(59.999)
        assert set(await _scanned(storage.scan())) == {"short", "long"}
        clock.advance(0.001)
        assert set(await _scanned(storage.scan())) == {"long"}
        await save("short", 0, b"new")
        assert (await _scanned(storage.scan()))["short"] == Stored(b"new", 1)

    async def test_a_scan_goes_on_after_a_page(self, storage: ScannableStorage, save: Save) -> None:
        """Every row comes, however many there are; also in two scans at once."""
        filled = await _filled(save, self.many)
        both = await asyncio.gather(_scanned(storage.scan()), _scanned(storage.scan()))
        for scanned in both:
            assert scanned == {each: Stored(each.encode(), 1) for each in filled}

    async def test_what_stays_is_not_missed_when_others_come_and_go(
        self, storage: ScannableStorage, save: Save
    ) -> None:
        """Rows are saved, replaced and deleted during the scan, both ahead of and behind its position."""
        filled = await _filled(save, self.many)
        leaving, changing = filled[::5], filled[1::5]
        stays = set(filled) - set(leaving)
        scanned: set[str] = set()
        turn = 0
        async for checkout_id, stored in storage.scan():
            scanned.add(checkout_id)
            assert stored.data.decode().removesuffix(" again") == checkout_id
            if leaving:
                await storage.delete(leaving.pop())
                again = changing.pop()
                await save(again, 1, f"{again} again".encode())
                for new in (f"a {turn}", f"new {turn}"):
                    await save(new, 0, new.encode())
                turn += 1
        assert turn == len(filled[::5])
        assert stays <= scanned

    async def test_a_scan_holds_nothing_between_two_rows(
        self, storage: ScannableStorage, save: Save
    ) -> None:
        """With many scans begun and never ended, all else works: no connection or lock is held."""
        filled = await _filled(save, self.many)
        scans = [storage.scan() for _ in range(32)]
        for scan in scans:
            await anext(scan)
        assert await save(filled[0], 1, b"changed") == 2
        assert await storage.load(filled[0]) == Stored(b"changed", 2)
        await storage.delete(filled[1])
        assert await storage.load(filled[1]) is None
        assert len(await _scanned(storage.scan())) == len(filled) - 1

    async def test_a_failure_of_a_scan_is_a_storage_error(
        self, broken_storage: ScannableStorage
    ) -> None:
        """Like a failure of every other operation."""

        async def scan() -> object:
            return await _scanned(broken_storage.scan())

        await _fails("scan", scan(), self.patience)


async def _fails(operation: str, work: Awaitable[object], patience: float) -> None:
    """Check that ``work`` fails correctly on a storage that cannot be reached."""
    deadline = asyncio.timeout(patience)
    try:
        async with deadline:
            await work
    except Exception as error:
        assert not deadline.expired(), f"{operation} had not failed after {patience:g} seconds"
        if not isinstance(error, StorageError):
            leaked = f"{type(error).__module__}.{type(error).__qualname__}"
            raise AssertionError(f"{operation} lets {leaked} escape: raise StorageError") from error
        said = "".join(traceback.format_exception(error))
        assert _SECRET not in said, f"{operation} raises an error that quotes what it was given"
    else:
        raise AssertionError(f"{operation} did not fail: what can broken_storage reach?")


async def _filled(save: Save, many: int) -> list[str]:
    """Store ``many`` checkouts, each with its id as data; return the ids."""
    ids = [f"checkout {number}" for number in range(many)]
    for start in range(0, many, 32):
        await asyncio.gather(*(save(each, 0, each.encode()) for each in ids[start : start + 32]))
    return ids


async def _scanned(scan: AsyncIterator[tuple[str, Stored]]) -> dict[str, Stored]:
    """Return everything that a scan yields: nothing twice while nobody saves."""
    scanned: dict[str, Stored] = {}
    async for checkout_id, stored in scan:
        assert checkout_id not in scanned
        scanned[checkout_id] = stored
    return scanned


_SECRET: Final = "of-a-secret-checkout"  # noqa: S105 - an id and data that no error may quote

Save = Callable[..., Awaitable[int]]
