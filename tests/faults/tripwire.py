"""Counts every await of a step and strikes at a chosen one: with an error, a hang, a cancellation or death.

An await is crossed twice: before its effect and after it, which is when an answer can be lost.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from attrs import Factory, define

from gett_checkout import GettClient, Order, Session, StorageError, TransportError
from gett_checkout.storage import Storage, Stored

T = TypeVar("T")


@define
class Tripwire:
    """Strikes at the ``at``-th crossing, once; with ``at`` None it only counts.

    With ``hangs``, what was struck never goes on by itself. ``marks`` are crossings worth knowing.
    """

    strike: Callable[[], Any] = lambda: None
    at: int | None = None
    crossed: int = 0
    armed: bool = False
    hangs: bool = False
    marks: list[int] = Factory(list)

    def cross(self, error: Exception | None = None) -> None:
        """One crossing; ``error`` is what would be raised here when the strike is an exception."""
        if not self.armed:
            return
        self.crossed += 1
        if self.crossed - 1 == self.at:
            self.strike()
            if self.strike is exception and error is not None:
                raise error

    def mark(self) -> None:
        """Remember which crossing comes next."""
        self.marks.append(self.crossed)

    async def around(
        self, work: Awaitable[T], before: Exception | None, after: Exception | None
    ) -> T:
        """``work`` with a crossing on either side."""
        try:
            await self._stand(before)
        except BaseException:
            if hasattr(work, "close"):
                work.close()
            raise
        result = await work
        await self._stand(after)
        return result

    async def _stand(self, error: Exception | None) -> None:
        crossed = self.crossed
        self.cross(error)
        if self.hangs and crossed == self.at and self.crossed > crossed:
            await asyncio.get_running_loop().create_future()


def exception() -> None:
    """The strike that raises what fits the place."""


def kill() -> None:
    """The strike no process survives."""
    os.kill(os.getpid(), signal.SIGKILL)


class TrippedStorage:
    """A storage behind a tripwire."""

    def __init__(self, storage: Storage, wire: Tripwire) -> None:
        self._storage = storage
        self._wire = wire

    async def _around(self, work: Awaitable[T]) -> T:
        return await self._wire.around(work, StorageError("planned"), StorageError("planned"))

    async def load(self, checkout_id: str) -> Stored | None:
        return await self._around(self._storage.load(checkout_id))

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        return await self._around(
            self._storage.save(
                checkout_id,
                data,
                expected_version=expected_version,
                expires_at=expires_at,
                due_at=due_at,
            )
        )

    async def delete(self, checkout_id: str) -> None:
        await self._around(self._storage.delete(checkout_id))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        return await self._around(self._storage.due(now, limit))


class TrippedClient(GettClient):
    """A client behind a tripwire: the calls a placement can make, and its sleeps.

    With ``from_response``, Gett's response to the placement is the first crossing.
    """

    def __init__(
        self,
        api_key: str,
        *,
        wire: Tripwire,
        sleep: Callable[[float], Awaitable[None]],
        from_response: bool = False,
        **rest: Any,
    ) -> None:
        async def tripped_sleep(seconds: float) -> None:
            await wire.around(sleep(seconds), None, None)

        super().__init__(api_key, sleep=tripped_sleep, **rest)
        self._wire = wire
        self._from_response = from_response

    async def _around(self, work: Awaitable[T]) -> T:
        return await self._wire.around(
            work,
            TransportError("planned", may_have_arrived=False),
            TransportError("planned", may_have_arrived=True),
        )

    async def create_session(self, *args: Any, **rest: Any) -> Session:
        return await self._around(super().create_session(*args, **rest))

    async def set_fulfillment_context(self, *args: Any, **rest: Any) -> None:
        await self._around(super().set_fulfillment_context(*args, **rest))

    async def validate_order(self, *args: Any, **rest: Any) -> Any:
        return await self._around(super().validate_order(*args, **rest))

    async def place_order(self, *args: Any, **rest: Any) -> Order:
        work = super().place_order(*args, **rest)
        if not self._from_response:
            return await self._around(work)
        order = await work
        self._wire.armed = True
        self._wire.cross(TransportError("planned", may_have_arrived=True))
        return order
