"""Processes that place an order or hand it over and are killed on the way, for real: by SIGKILL.

``python -m tests.faults.victims`` is a warm process that forks one victim for each line it reads,
waits for its end and writes the exit status. `Victims` is the side of the tests.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import gett_checkout.storage.postgres
import gett_checkout.storage.redis
import gett_checkout.storage.sqlite  # noqa: F401 - loaded here, so that no victim has to
from gett_checkout import Checkouts, GettCheckoutError, GettClient
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import open_storage
from gett_checkout.testing import Clock
from tests.acceptance.shopping import payable
from tests.faults.books import Books, come_to_the_order
from tests.faults.tripwire import TrippedClient, TrippedStorage, Tripwire, kill
from tests.samples.shopper import place_as_shown
from tests.samples.states import NOW


class Victims:
    """A process that forks victims, one at a time; started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    async def place(self, errand: Mapping[str, Any]) -> int:
        """Have a victim run the errand; its exit status, negative for the signal that ended it."""
        return int(await asyncio.to_thread(self._ask, json.dumps(dict(errand))))

    def end(self) -> None:
        """End the process, which has no victim any more."""
        if self._process is not None:
            self._process.communicate()

    def _ask(self, line: str) -> str:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.faults.victims"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()


def main() -> None:
    """Fork a victim for each line."""
    asyncio.run(_warm_up())
    gc.freeze()  # so that no victim copies these pages
    for line in sys.stdin:
        victim = os.fork()
        if not victim:
            status = 1
            try:
                asyncio.run(_run(json.loads(line)))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(victim, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


async def _warm_up() -> None:
    """Place an order, so that no victim has to compile what reads and writes one."""
    async with (
        Sandbox() as sandbox,
        GettClient(sandbox.api_key, base_url=sandbox.url) as client,
    ):
        await place_as_shown(await payable(Checkouts(client)))


async def _run(errand: Mapping[str, Any]) -> None:
    """Place the checkout; with ``books``, come to its order as ``found`` says and hand it over."""
    clock, wire = Clock(NOW), Tripwire(kill, errand["at"])
    clock.now = datetime.fromisoformat(errand["now"])
    async with (
        open_storage(errand["storage"], clock=clock) as storage,
        TrippedClient(
            errand["api_key"],
            wire=wire,
            base_url=errand["url"],
            clock=clock,
            sleep=clock.sleep,
            jitter=lambda: 0.5,
            from_response=errand.get("found") in ("at once", "late"),
        ) as client,
    ):
        tripped = TrippedStorage(storage, wire)
        try:
            if "books" in errand:
                books = Books(Path(errand["books"]), wire)
                checkouts = Checkouts(client, storage=tripped, on_placed=books.on_placed)
                wire.armed = errand["found"] == "again"
                await come_to_the_order(checkouts, errand["checkout_id"], errand["found"])
            else:
                checkout = await Checkouts(client, storage=tripped).open(errand["checkout_id"])
                wire.armed = True
                await place_as_shown(checkout)
        except GettCheckoutError as error:
            print(repr(error), file=sys.stderr)


if __name__ == "__main__":
    main()
