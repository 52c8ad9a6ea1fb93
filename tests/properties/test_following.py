"""Any course of an order: the follower shows each change once, waits long enough, and ends with it."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any, cast

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from gett_checkout._client import GettClient
from gett_checkout._core.codes import refuse
from gett_checkout._core.order import Order
from gett_checkout._following import follow, read_pace
from gett_checkout.errors import (
    GettCheckoutError,
    InvalidResponseError,
    RateLimitedError,
    TransportError,
)

OVER = Order("o", state="completed")
orders = st.sampled_from([Order("o", state="open", status=each) for each in ("a", "b", "c")])
passing = st.sampled_from(
    [TransportError("down"), InvalidResponseError("odd"), refuse("INTERNAL_ERROR")]
) | st.builds(lambda wait: refuse("RATE_LIMITED", retry_after=wait), st.floats(0, 1000))
lasting = st.sampled_from(
    [refuse("NOT_FOUND"), refuse("FORBIDDEN"), TransportError(cause="closed")]
)
answers = st.lists(orders | passing, max_size=30)


@define
class Gett:
    """Gives what is prepared, one after the other; sleeping is written down. It is busy at times."""

    prepared: list[Order | GettCheckoutError]
    jitters: list[float]
    busy: list[float]
    slept: list[list[float]] = field(factory=lambda: [[]])

    async def read(self) -> Order:
        answer = self.prepared.pop(0)
        self.slept.append([])
        if isinstance(answer, GettCheckoutError):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.slept[-1].append(seconds)

    def jitter(self) -> float:
        return self.jitters.pop() if self.jitters else 0.0

    def wait_to_spare(self, bucket: str) -> float:
        assert bucket == "reads"
        return self.busy.pop() if self.busy else 0.0


@given(
    course=answers,
    end=st.just(OVER) | lasting,
    every=st.floats(1, 60),
    times=st.floats(1, 100),
    jitters=st.lists(st.floats(0, 0.999), max_size=60),
    busy=st.lists(st.just(0.0) | st.floats(0.01, 60), max_size=20),
)
def test_each_change_is_shown_once_until_it_is_over(
    course: list[Order | GettCheckoutError],
    end: Order | GettCheckoutError,
    every: float,
    times: float,
    jitters: list[float],
    busy: list[float],
) -> None:
    longest = every * times
    gett = Gett([*course, end], jitters, [*busy])
    shown: list[Order] = []
    raised: GettCheckoutError | None = None

    async def go() -> None:
        follower = follow(gett.read, cast(GettClient, gett), read_pace(every, longest))
        async for order in follower:
            shown.append(order)  # noqa: PERF401 - it may raise in between

    try:
        asyncio.run(go())
    except GettCheckoutError as error:
        raised = error
    read = [each for each in (*course, end) if isinstance(each, Order)]
    assert shown == [order for order, _ in groupby(read)]
    assert raised is (None if end is OVER else end)
    assert gett.prepared == []
    before, *after = gett.slept
    assert before == after[-1] == []  # it begins at once, and ends at once
    for number, (answer, waits) in enumerate(zip(course, after, strict=False)):
        pace = min(every * 2.0**number, longest)
        asked: Any = answer.retry_after if isinstance(answer, RateLimitedError) else None
        assert waits[0] >= max(0.8 * pace, asked or 0)
        assert waits[0] <= max(1.2 * pace, (asked or 0) + every) + 1e-6
    assert sum(len(waits) - 1 for waits in after[:-1]) <= len([each for each in busy if each])
