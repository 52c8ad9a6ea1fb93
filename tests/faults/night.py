"""A shop with a checkout that somebody is paged for, and the command they have."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen

from gett_checkout import Checkout, Checkouts, GettCheckoutError, GettClient
from gett_checkout import _commands as commands
from gett_checkout._cli import main
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import Storage
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.telemetry import digest
from gett_checkout.testing import Clock
from tests.acceptance.shopping import payable
from tests.samples.shopper import place_as_shown

MANY = 10_000
# What the runbook calls the checkout and its order.
DIGEST, ORDER_ID = "6b1f0c2a9d3e", "ord_27f1"


@frozen
class Night:
    """A shop with a checkout that somebody is paged for."""

    checkouts: Checkouts
    checkout: Checkout
    sandbox: Sandbox
    clock: Clock
    storage: Storage

    async def lose(self, seconds: float = 0, kind: str = "drop_after") -> None:
        """Place the order and get no response for so long, while a worker reconciles."""
        self.sandbox.switches.fail("place_order", kind, times=MANY)  # type: ignore[arg-type]
        end = self.clock() + timedelta(seconds=seconds)
        with pytest.raises(GettCheckoutError):
            await place_as_shown(self.checkout)
        while True:
            (case,) = await self.checkouts.unresolved()
            if case.next_look is None or case.next_look > end:
                break
            self._wait_until(case.next_look)
            await self.checkouts.reconcile()
        self.sandbox.switches.faults.clear()
        self._wait_until(end)

    def _wait_until(self, moment: datetime) -> None:
        self.clock.advance(max((moment - self.clock()).total_seconds(), 0))


Run = Callable[[str], Awaitable[tuple[int, str]]]


@pytest.fixture
async def night(
    gett: GettClient,
    sandbox: Sandbox,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Night]:
    path = tmp_path / "checkouts.db"
    monkeypatch.setenv("GETT_STORAGE", f"sqlite:///{path}")
    monkeypatch.setenv("GETT_API_KEY", sandbox.api_key)
    monkeypatch.setenv("GETT_BASE_URL", sandbox.url)
    monkeypatch.setattr(commands, "_now", clock)
    monkeypatch.setattr(commands, "GettClient", partial(GettClient, sleep=clock.sleep))
    async with SQLiteStorage(path, clock=clock) as storage:
        checkouts = Checkouts(gett, storage=storage)
        checkout = await payable(checkouts)
        yield Night(checkouts, checkout, sandbox, clock, storage)


@pytest.fixture
def run(night: Night, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a line of the page with this night's own names; its exit status and what it printed."""

    async def run(line: str) -> tuple[int, str]:
        line = line.replace(DIGEST, digest(night.checkout.id))
        if night.sandbox.orders:
            line = line.replace(ORDER_ID, night.sandbox.orders[0].order_id)
        program, *arguments = shlex.split(line)
        assert program == "gett-checkout"
        status = await asyncio.to_thread(main, arguments)
        said = capsys.readouterr()
        assert night.checkout.id not in said.out + said.err
        return status, said.out + said.err

    return run
