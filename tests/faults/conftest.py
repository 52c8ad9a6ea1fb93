"""The same sandbox, client and checkouts as the acceptance tests have; storages that survive a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from gett_checkout.storage.postgres import PostgresStorage
from tests.acceptance.conftest import checkout, checkouts, clock, gett, gett_clock, sandbox, storage
from tests.faults.night import night, run
from tests.faults.victims import Victims
from tests.servers import PostgresServer, RedisServer

__all__ = [
    "checkout",
    "checkouts",
    "clock",
    "gett",
    "gett_clock",
    "night",
    "run",
    "sandbox",
    "storage",
]

_CASES = pytest.StashKey[int]()


@pytest.fixture(params=["memory", "sqlite", "redis", "postgres"])
async def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage of each kind that another process can open too, but for the first."""
    match request.param:
        case "sqlite":
            return f"sqlite:///{tmp_path / 'checkouts.db'}"
        case "redis":
            redis: RedisServer = request.getfixturevalue("redis_server")
            return redis.url
        case "postgres":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            async with asyncpg.create_pool(postgres.url, min_size=1) as pool:
                await PostgresStorage(pool).create_schema()
            return postgres.url
    return "memory:"


@pytest.fixture(scope="session")
def victims() -> Iterator[Victims]:
    victims = Victims()
    yield victims
    victims.end()


@pytest.fixture
def record_fault_cases(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Count cases for the line at the end of the run."""
    stash = request.config.stash

    def record(cases: int) -> None:
        stash[_CASES] = stash.get(_CASES, 0) + cases

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    cases = terminalreporter.config.stash.get(_CASES, 0)
    if cases:
        terminalreporter.write_line(f"fault matrix: {cases} cases, one order in each")
