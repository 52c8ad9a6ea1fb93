"""A sandbox over real sockets, a client and checkouts, all on one clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gett_checkout import Checkouts, GettClient, MemoryStorage
from gett_checkout.sandbox import Sandbox
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
async def gett(sandbox: Sandbox, clock: Clock) -> AsyncIterator[GettClient]:
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5
    ) as gett:
        yield gett


@pytest.fixture
def storage(clock: Clock) -> MemoryStorage:
    return MemoryStorage(clock=clock)


@pytest.fixture
def checkouts(gett: GettClient, storage: MemoryStorage) -> Checkouts:
    return Checkouts(gett, storage=storage)
