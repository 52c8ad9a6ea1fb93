"""Worker processes that place, or pay, checkouts they share a storage with; they may be killed at any time.

``python -m tests.faults.workers ERRAND`` says ``ready``, waits for a line, works, and writes what
came of each checkout. `Worker` is the side of the tests.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from gett_checkout import CardOnFile, Checkouts, GettCheckoutError, GettClient, RetryPolicy
from gett_checkout.storage import open_storage
from tests.samples.shopper import place_as_shown


@frozen
class Worker:
    """One worker process."""

    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, errand: Mapping[str, Any]) -> Worker:
        """Start one and come back when it is ready."""
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-W",
                "error",
                "-m",
                "tests.faults.workers",
                json.dumps(dict(errand)),
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return cls(process)

    def go(self) -> None:
        """Let it work."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")

    async def outcomes(self) -> list[list[Any]]:
        """What came of each checkout it was given, once it is done."""
        told, _ = await self.process.communicate()
        assert self.process.returncode == 0
        outcomes: list[list[Any]] = json.loads(told)
        return outcomes


async def work(errand: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """Take every checkout of the errand one step on, cancelling now and then."""
    jitter = random.Random(errand["seed"])
    retry = RetryPolicy(max_attempts=3, initial_backoff=0.01)
    async with (
        open_storage(errand["storage"]) as storage,
        GettClient(errand["api_key"], base_url=errand["url"], retry=retry, timeout=5.0) as gett,
    ):
        checkouts = Checkouts(gett, storage=storage)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

        async def place(checkout_id: str) -> Sequence[Any]:
            try:
                async with asyncio.timeout(jitter.choice(errand["patience"])):
                    checkout = await checkouts.open(checkout_id)
                    if errand["step"] == "pay":
                        await checkout.pay(CardOnFile(*errand["card"]))
                        return "paid", None
                    return "placed", (await place_as_shown(checkout)).order_id
            except GettCheckoutError as error:
                return type(error).__name__, error.retry_after
            except TimeoutError:
                return "cancelled", None

        turns = asyncio.Semaphore(8)

        async def in_turn(checkout_id: str) -> Sequence[Any]:
            async with turns:
                return await place(checkout_id)

        ids = list(errand["checkout_ids"])
        jitter.shuffle(ids)
        return await asyncio.gather(*map(in_turn, ids))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(json.loads(sys.argv[1])))))
