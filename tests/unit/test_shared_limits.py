"""What the client does with a rate limiter that workers share, and with one that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses
from attrs import Factory, define

from gett_checkout import (
    ApiError,
    GettClient,
    Level,
    RateLimitedError,
    RetryPolicy,
    ServiceUnavailableError,
    TransportError,
)
from gett_checkout import _shared as shared
from gett_checkout.sharing import LimitReport, Permit, Priority
from gett_checkout.telemetry import RetryScheduled
from gett_checkout.testing import Clock
from tests.samples.operations import BASE, HOST
from tests.samples.states import NOW

FIGURES = {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1900000000"}


@define
class Limiter:
    """Gives the permits it is told to, then 0; or raises."""

    waits: list[float] = Factory(list)
    fails: Exception | None = None
    hangs: bool = False
    asked: list[tuple[str, Priority]] = Factory(list)
    told: list[tuple[Permit, LimitReport]] = Factory(list)

    async def acquire(self, name: str, *, priority: Priority) -> Permit:
        self.asked.append((name, priority))
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise self.fails
        return Permit(self.waits.pop(0) if self.waits else 0.0, 5)

    async def update(self, name: str, permit: Permit, report: LimitReport) -> None:
        if self.fails:
            raise self.fails
        self.told.append((permit, report))


async def soon() -> None:
    """What was left to tasks of its own is done."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def limiter() -> Limiter:
    return Limiter()


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
async def gett(limiter: Limiter, clock: Clock, heard: list[Any]) -> AsyncIterator[GettClient]:
    async with GettClient(
        "zpka_key",
        base_url=HOST,
        clock=clock,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
        rate_limiter=limiter,
        hooks=[heard.append],
    ) as gett:
        yield gett


async def test_what_may_use_which_part(
    web: aioresponses, gett: GettClient, limiter: Limiter
) -> None:
    web.get(f"{BASE}/orders/x", status=404)
    web.post(f"{BASE}/session/create", payload={"token": "t"})
    web.post(f"{BASE}/orders/place", status=400)
    with pytest.raises(ApiError):
        await gett.get_order("x", token="t")
    assert (await gett.create_session()).level is Level.PARTNER_ONLY
    with pytest.raises(ApiError):
        await gett.place_order("{}", idempotency_key="k", token="t")
    name = gett.organisation
    assert limiter.asked == [
        (f"{name}:reads", "normal"),
        (f"{name}:writes", "reserved"),
        (f"{name}:writes", "always"),
    ]


async def test_organisations_and_environments_have_names_of_their_own() -> None:
    names = []
    for key, url in (("zpka_a", HOST), ("zpka_b", HOST), ("zpka_a", f"{HOST}/x")):
        async with GettClient(key, base_url=url) as gett:
            names.append(gett.organisation)
            assert len(gett.organisation) == 32
            assert key not in gett.organisation
    assert len(set(names)) == 3


async def test_a_wait_is_waited_and_told_once(
    web: aioresponses, gett: GettClient, limiter: Limiter, clock: Clock, heard: list[Any]
) -> None:
    limiter.waits = [3.0, 0.05]
    web.post(f"{BASE}/session/create", payload={"token": "t"}, headers=FIGURES)
    await gett.create_session()
    assert clock.slept == [3.1, pytest.approx(0.15)]
    told = [each for each in heard if isinstance(each, RetryScheduled)]
    assert [(each.wait, each.reason) for each in told] == [(3.0, "rate_limit")]
    await soon()
    assert limiter.told == [(Permit(0.0, 5), LimitReport(7, 1900000000))]


async def test_a_longer_wait_than_patience_is_an_error(
    gett: GettClient, limiter: Limiter, clock: Clock
) -> None:
    limiter.waits = [10.0, 6.0]
    with pytest.raises(RateLimitedError, match="not sent") as raised:
        await gett.create_session()
    assert raised.value.retry_after == 6.0
    assert clock.slept == [10.1]


async def test_an_order_is_never_held_back(
    web: aioresponses, gett: GettClient, limiter: Limiter, clock: Clock
) -> None:
    limiter.waits = [15.0]
    web.post(f"{BASE}/orders/place", status=429, headers={"Retry-After": "9"})
    with pytest.raises(RateLimitedError):
        await gett.place_order("{}", idempotency_key="k", token="t")
    assert clock.slept == []
    await soon()
    assert [report for _, report in limiter.told] == [LimitReport(retry_after=9.0, is_order=True)]


async def test_each_attempt_is_counted_and_the_first_failure_is_what_is_raised(
    web: aioresponses, gett: GettClient, limiter: Limiter
) -> None:
    web.get(f"{BASE}/catalog-sets/x", status=503)
    web.get(f"{BASE}/catalog-sets/x", payload={}, headers=FIGURES)
    await gett.get_catalog_set("x")
    assert len(limiter.asked) == 2
    await soon()
    assert len(limiter.told) == 1  # a gateway's 503 says nothing of the limit
    web.get(f"{BASE}/catalog-sets/x", status=503)
    limiter.waits = [0, 30]
    with pytest.raises(ServiceUnavailableError):
        await gett.get_catalog_set("x")


async def test_what_never_left_is_given_back(
    web: aioresponses, limiter: Limiter, clock: Clock
) -> None:
    async with GettClient(
        "k", base_url=HOST, rate_limiter=limiter, retry=RetryPolicy(max_attempts=1), clock=clock
    ) as gett:
        for failure in (aiohttp.ConnectionTimeoutError(), aiohttp.ClientConnectionResetError()):
            web.get(f"{BASE}/stores/x", exception=failure)
            with pytest.raises(TransportError):
                await gett.get_store("x")
    assert [report for _, report in limiter.told] == [LimitReport(was_sent=False)]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "gett_checkout"]


async def test_one_that_fails_is_passed_over_and_warned_of_once(
    web: aioresponses,
    gett: GettClient,
    limiter: Limiter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "gett_checkout")
    now = 1000.0
    monkeypatch.setattr(shared, "monotonic", lambda: now)
    web.get(f"{BASE}/catalog-sets/x", payload={}, headers=FIGURES, repeat=True)
    limiter.fails = OSError("redis://:password@host")
    for _ in range(5):
        await gett.get_catalog_set("x")
        await soon()
    asked = len(limiter.asked)
    assert asked < 5  # not asked again at once
    now += 2
    await gett.get_catalog_set("x")
    assert len(limiter.asked) == asked + 1
    down = "shared rate limit unavailable: each worker continues on its own (OSError)"
    assert lines(caplog) == [down]
    limiter.fails = None
    now += 2
    await gett.get_catalog_set("x")
    await soon()
    assert lines(caplog) == [down, "shared rate limit available again"]
    # The next outage within a minute is not warned of.
    limiter.fails = OSError()
    for _ in range(3):
        now += 2
        await gett.get_catalog_set("x")
    assert len(lines(caplog)) == 2


async def test_one_that_hangs_costs_a_quarter_of_a_second(
    web: aioresponses, gett: GettClient, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.get(f"{BASE}/catalog-sets/x", payload={}, headers=FIGURES, repeat=True)
    limiter.hangs = True
    waits: list[float | None] = []
    wait = asyncio.wait

    async def noted(tasks: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        waits.append(timeout)
        return await wait(tasks, timeout=timeout)

    monkeypatch.setattr(asyncio, "wait", noted)
    await asyncio.gather(*(gett.get_catalog_set("x") for _ in range(20)))
    assert waits.count(0.25) == 20  # and it hangs for ever
    assert set(waits) == {0.25, 1.0}  # the second is for reports, which nobody waits for


async def test_one_that_does_not_even_end_when_cancelled_holds_nobody_up(
    web: aioresponses, gett: GettClient, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.get(f"{BASE}/catalog-sets/x", payload={}, repeat=True)
    ends = asyncio.Event()

    async def acquire(self: Limiter, name: str, *, priority: Priority) -> Permit:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await ends.wait()
        raise OSError

    monkeypatch.setattr(Limiter, "acquire", acquire)
    await gett.get_catalog_set("x")  # while it hangs
    ends.set()
    leaving = asyncio.create_task(gett.get_catalog_set("x"))
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await soon()
