"""The pytest plugin's sandbox, which runs in a thread so that it serves any event loop.

On the test's own event loop it would stall whenever the test blocks that loop, as Starlette's
``TestClient`` does, or when the test runs on another loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from threading import Thread
from typing import Any, TypeVar

from gett_checkout.sandbox import Delivery, Sandbox

T = TypeVar("T")

_LAST_TURNS = 3


class ThreadedSandbox(Sandbox):
    """A sandbox on an event loop of its own; its coroutines may be awaited on any other."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        super().__init__(clock=clock, record_traffic=True)
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve from a thread until the block ends."""
        thread = Thread(target=self._turn, name="gett-sandbox", daemon=True)
        thread.start()
        try:
            self._send(super().start()).result()
            try:
                yield
            finally:
                self._send(self._stop()).result()
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join()

    async def start(self) -> None:
        """Start listening."""
        await asyncio.wrap_future(self._send(super().start()))

    async def stop(self) -> None:
        """Stop listening, and leave nothing running; hanging requests are released."""
        await asyncio.wrap_future(self._send(self._stop()))
        await _let_turns_pass()  # so that a client here notices its closed connections

    async def deliver(self) -> list[Delivery]:
        """Try once to deliver every webhook event that is due, and return those that were tried.

        Docs: Webhooks.
        """
        return await asyncio.wrap_future(self._send(super().deliver()))

    async def _stop(self) -> None:
        # asyncio leaks a connection accepted in the turn in which its server closes.
        await _let_turns_pass()
        await super().stop()

    def _turn(self) -> None:
        # A runner, because it cancels what a test left unfinished before it closes the loop.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_ended())

    async def _until_ended(self) -> None:
        await self._ended.wait()

    def _send(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _let_turns_pass() -> None:
    for _ in range(_LAST_TURNS):
        await asyncio.sleep(0)
