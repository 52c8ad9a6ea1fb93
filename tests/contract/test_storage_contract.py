"""The storage contract, run as the author of a storage runs it, notices failures that are wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tests.samples.pytests import run_pytest

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

DRIVER_ERROR = "test_each_failure_that_is_wrong_is_noticed.DriverError"
OPERATIONS = ("load", "save", "save again", "delete", "due", "scan")

SUITE = """
import asyncio

import pytest
from gett_checkout import CheckoutConflictError, MemoryStorage, StorageError
from gett_checkout.testing import ScanContract


class DriverError(Exception):
    pass


class Broken:
    '''Calls ``fail`` in the operations that ``leaks`` names, and fails as it must in the others.'''

    def __init__(self, fail, leaks="load save delete due scan"):
        self.fail, self.leaks = fail, leaks.split()

    async def run(self, operation, given):
        await (self.fail(given) if operation in self.leaks else unreachable(given))

    async def load(self, checkout_id):
        await self.run("load", checkout_id)

    async def save(self, checkout_id, data, *, expected_version, expires_at, due_at):
        await self.run("save", (checkout_id, data))

    async def delete(self, checkout_id):
        await self.run("delete", checkout_id)

    async def due(self, now, limit):
        await self.run("due", now)

    async def scan(self):
        await self.run("scan", None)
        yield


async def unreachable(given):
    raise StorageError("the database cannot be reached")


async def leak(given):
    raise DriverError("connection refused")


async def quote(given):
    try:
        raise DriverError(f"parameters: {given}")
    except DriverError as error:
        raise StorageError("the database failed") from error


async def conflict(given):
    raise CheckoutConflictError("the checkout was changed")


async def hang(given):
    await asyncio.Event().wait()


class TestIt(ScanContract):
    patience = 0.05

    @pytest.fixture
    def storage(self, clock):
        return MemoryStorage(clock=clock)
"""


def run(pytester: pytest.Pytester, *more: str) -> pytest.RunResult:
    """The checks of failures alone."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile("\n".join((SUITE, *more)))
    options = ("-p", "no:cacheprovider", "-W", "error", "-k", "test_a_failure", "-rsf")
    return run_pytest(pytester, *options)


def leaks(error: str, operations: Sequence[str] = OPERATIONS) -> dict[str, str]:
    """What is said of operations that let this error out."""
    return dict.fromkeys(operations, f"lets {error} escape: raise StorageError")


BROKEN: dict[str, dict[str, str]] = {
    "Broken(unreachable)": {},
    "Broken(leak, 'load')": leaks(DRIVER_ERROR, ["load"]),
    "Broken(leak, 'save')": leaks(DRIVER_ERROR, ["save", "save again"]),
    "Broken(leak, 'delete')": leaks(DRIVER_ERROR, ["delete"]),
    "Broken(leak, 'due')": leaks(DRIVER_ERROR, ["due"]),
    "Broken(leak, 'scan')": leaks(DRIVER_ERROR, ["scan"]),
    "Broken(conflict)": leaks("gett_checkout.errors.CheckoutConflictError"),
    "Broken(hang)": dict.fromkeys(OPERATIONS, "had not failed after 0.05 seconds"),
    # What the other two are given is no secret.
    "Broken(quote)": dict.fromkeys(OPERATIONS[:4], "raises an error that quotes what it was given"),
    "MemoryStorage()": dict.fromkeys(OPERATIONS, "did not fail: what can broken_storage reach?"),
}
"""What is to be noticed of each storage, by operation; of the first, which fails as it must, nothing."""


def test_each_failure_that_is_wrong_is_noticed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # so that the summary cuts no line short
    storages = ", ".join(BROKEN)
    fixture = f"""
    @pytest.fixture(params=[{storages}], ids={list(map(str, range(len(BROKEN))))})
    def broken_storage(self, request):
        return request.param
"""
    ran = run(pytester, fixture)
    noticed: dict[str, dict[str, str]] = {each: {} for each in BROKEN}
    for number, told in re.findall(
        r"^FAILED .*\[(\d+)[^]]*\] - AssertionError: (.+)$", ran.stdout.str(), re.MULTILINE
    ):
        operation = max((each for each in OPERATIONS if told.startswith(each)), key=len)
        noticed[list(BROKEN)[int(number)]][operation] = told.removeprefix(f"{operation} ").strip()
    assert noticed == BROKEN
    failed = sum(map(len, BROKEN.values()))
    ran.assert_outcomes(failed=failed, passed=len(BROKEN) * len(OPERATIONS) - failed)


def test_without_a_broken_storage_it_says_what_is_not_tested(pytester: pytest.Pytester) -> None:
    ran = run(pytester)
    ran.assert_outcomes(skipped=len(OPERATIONS))
    ran.stdout.fnmatch_lines(["*failures are not tested: override the fixture broken_storage*"])
