"""When a call is sent again, how long it waits, and how it keeps to Gett's rate limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses

from gett_checkout import (
    ApiError,
    GettCheckoutError,
    GettClient,
    InvalidInputError,
    RateLimitedError,
    RetryPolicy,
    TransportError,
)
from gett_checkout._rate_limits import RateLimit, RateLimits
from gett_checkout.testing import Clock
from tests.samples.operations import BASE, DOCUMENTED, HOST, SAMPLES

ORDER = '{"orderId": "o-1"}'

Call = Callable[[GettClient], Awaitable[Any]]


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def gett(clock: Clock) -> AsyncIterator[GettClient]:
    async with GettClient(
        "k", base_url=HOST, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5
    ) as gett:
        yield gett


def sent(web: aioresponses) -> int:
    return sum(len(calls) for calls in web.requests.values())


HARMLESS = {name for name, row in DOCUMENTED.items() if row.repeat == "always"}
EFFECTLESS = {name for name, row in DOCUMENTED.items() if row.repeat != "by_key"}

REFUSED: Any = aiohttp.ClientConnectionResetError("may have arrived")
UNREACHED: Any = aiohttp.ConnectionTimeoutError("certainly did not")
# What goes wrong, and which operations are sent again after it.
AGAIN: dict[str, tuple[dict[str, Any], set[str]]] = {
    "not reached": ({"exception": UNREACHED}, EFFECTLESS),
    "dropped": ({"exception": REFUSED}, HARMLESS),
    "timeout": ({"exception": TimeoutError()}, HARMLESS),
    "429": ({"status": 429}, EFFECTLESS),
    "500": ({"status": 500}, HARMLESS),
    "502": ({"status": 502, "body": "<html>"}, HARMLESS),
    "503": ({"status": 503}, HARMLESS),
    "504": ({"status": 504}, HARMLESS),
    "retryable 400": ({"status": 400, "payload": {"retryable": True}}, HARMLESS),
    "400": ({"status": 400}, set()),
    "501": ({"status": 501}, set()),
    "503, not retryable": ({"status": 503, "payload": {"retryable": False}}, set()),
    "503, of a code nobody knows": ({"status": 503, "payload": {"errorCode": "NEW"}}, HARMLESS),
    "unreadable": ({"status": 200, "body": "<html>"}, set()),
    "redirect": ({"status": 302}, set()),
}


@pytest.mark.parametrize(("fault", "again"), AGAIN.values(), ids=AGAIN.keys())
async def test_which_calls_are_sent_again(
    fault: dict[str, Any], again: set[str], web: aioresponses
) -> None:
    waits = {}
    for name in DOCUMENTED:
        if name == "set_fulfillment_context" and fault.get("status") == 200:
            continue  # its response is not read
        sample, clock, before = SAMPLES[name], Clock(NOW), sent(web)
        web.add(BASE + sample.path, method=sample.method, repeat=True, **fault)
        async with GettClient(
            "k", base_url=HOST, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5
        ) as gett:
            with pytest.raises(GettCheckoutError):
                await sample.call(gett, "t")
        waits[name] = clock.slept
        assert sent(web) - before == 1 + len(clock.slept)
    assert waits == {name: [1, 2, 4] if name in again else [] for name in waits}


async def test_a_call_that_succeeds_at_last_gives_its_answer(
    web: aioresponses, gett: GettClient, clock: Clock
) -> None:
    web.get(
        f"{BASE}/orders/o-1",
        status=503,
        payload={"errorCode": "SERVICE_UNAVAILABLE", "retryAfter": 3},
    )
    web.get(
        f"{BASE}/orders/o-1", status=503, headers={"Retry-After": "Fri, 20 Nov 2026 18:00:05 GMT"}
    )
    web.get(f"{BASE}/orders/o-1", exception=TimeoutError())
    web.get(f"{BASE}/orders/o-1", body=ORDER)
    assert (await gett.get_order("o-1", token="t")).order_id == "o-1"
    assert clock.slept == [3, 2, 4]


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        (RetryPolicy(max_attempts=1), []),
        (RetryPolicy(max_attempts=2), [1]),
        (RetryPolicy(max_elapsed=3), [1, 2]),
        (RetryPolicy(max_elapsed=2.9), [1]),
        (
            RetryPolicy(max_attempts=9, max_elapsed=100, initial_backoff=3, max_backoff=10),
            [3, 6, 10, 10, 10, 10, 10, 10],
        ),
    ],
)
async def test_patience_has_an_end(
    policy: RetryPolicy, waits: list[float], web: aioresponses, clock: Clock
) -> None:
    web.get(f"{BASE}/stores/x", status=503, repeat=True)
    async with GettClient(
        "k", base_url=HOST, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5, retry=policy
    ) as gett:
        with pytest.raises(ApiError):
            await gett.get_store("x")
    assert clock.slept == waits


async def test_a_wait_beyond_the_budget_is_the_callers_to_decide(
    web: aioresponses, gett: GettClient, clock: Clock
) -> None:
    web.get(f"{BASE}/stores/x", status=429, payload={"errorCode": "RATE_LIMITED", "retryAfter": 21})
    with pytest.raises(RateLimitedError) as caught:
        await gett.get_store("x")
    assert caught.value.retry_after == 21
    assert clock.slept == []


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_waits_are_spread(jitter: float, wait: float) -> None:
    assert RetryPolicy().backoff(1, jitter) == pytest.approx(wait)
    assert RetryPolicy().backoff(10_000, jitter) == pytest.approx(30 * wait)


@pytest.mark.parametrize(
    "members", [{"max_attempts": 0}, {"max_elapsed": -1}, {"initial_backoff": -1}]
)
def test_a_policy_that_makes_no_sense_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        RetryPolicy(**members)
    RetryPolicy(max_attempts=1, max_elapsed=0, initial_backoff=0, max_backoff=0)


async def test_nothing_is_sent_again_once_the_client_is_closed(
    web: aioresponses, clock: Clock
) -> None:
    gett = GettClient("k", base_url=HOST, clock=clock, sleep=clock.sleep)

    async def close(*_: Any, **__: Any) -> None:
        await gett.close()

    web.get(f"{BASE}/stores/x", callback=close, exception=TimeoutError())
    with pytest.raises(TransportError):
        await gett.get_store("x")
    assert clock.slept == []


# --- rate limits ----------------------------------------------------------------------------------


def limits(clock: Clock, remaining: int, seconds: int = 10) -> dict[str, str]:
    return {
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(clock().timestamp()) + seconds),
    }


async def test_what_is_left_can_be_read(web: aioresponses, gett: GettClient, clock: Clock) -> None:
    assert gett.rate_limits == {}
    web.get(f"{BASE}/orders/o-1", body=ORDER, headers=limits(clock, 42))
    await gett.get_order("o-1", token="t")
    assert gett.rate_limits == {"reads": RateLimit(42, clock() + timedelta(seconds=10))}
    clock.advance(10)
    assert gett.rate_limits == {}


async def test_a_call_waits_for_the_next_minute(
    web: aioresponses, gett: GettClient, clock: Clock
) -> None:
    web.get(f"{BASE}/orders/o-1", body=ORDER, headers=limits(clock, 0))
    web.get(f"{BASE}/orders/o-1", body=ORDER, repeat=True)
    await gett.get_order("o-1", token="t")
    await gett.get_order("o-1", token="t")
    await gett.get_order("o-1", token="t")
    assert clock.slept == [10]
    assert sent(web) == 3


async def test_a_call_that_would_wait_too_long_is_not_sent(
    web: aioresponses, gett: GettClient, clock: Clock
) -> None:
    web.get(f"{BASE}/orders/o-1", body=ORDER, headers=limits(clock, 0, 59))
    await gett.get_order("o-1", token="t")
    with pytest.raises(
        RateLimitedError, match="not sent: this minute's reads are used up"
    ) as caught:
        await gett.get_order("o-1", token="t")
    error = caught.value
    assert (error.retry_after, error.status, error.retryable) == (59, 429, True)
    assert error.next_action is not None
    assert error.next_action.kind == "wait"
    assert (sent(web), clock.slept) == (1, [])


async def test_one_bucket_does_not_hold_up_another(
    web: aioresponses, gett: GettClient, clock: Clock
) -> None:
    web.get(f"{BASE}/orders/o-1", body=ORDER, headers=limits(clock, 0, 59))
    web.post(f"{BASE}/stores/discover", body='{"stores": []}')
    await gett.get_order("o-1", token="t")
    await gett.discover_stores()


async def test_a_429_holds_up_the_others_until_one_is_let_in(
    web: aioresponses, gett: GettClient, clock: Clock
) -> None:
    web.get(f"{BASE}/stores/x", status=429, payload={"errorCode": "RATE_LIMITED", "retryAfter": 30})
    with pytest.raises(RateLimitedError):
        await gett.get_store("x")
    assert gett.rate_limits == {"reads": RateLimit(0, clock() + timedelta(seconds=30))}
    with pytest.raises(RateLimitedError, match="not sent"):
        await gett.get_store("x")
    clock.advance(20)
    web.get(f"{BASE}/stores/x", body='{"storeId": "x"}', repeat=True)
    await gett.get_store("x")
    await gett.get_store("x")
    assert clock.slept == [10]


async def test_browsing_never_starves_placing(
    web: aioresponses, gett: GettClient, clock: Clock
) -> None:
    validate, quote = (
        f"{BASE}/orders/validate",
        '{"orderToken": "v", "amounts": {"subTotal": 1, "total": 1}}',
    )
    web.post(validate, body=quote, headers=limits(clock, 99, 59))
    web.post(validate, body=quote, headers=limits(clock, 4, 59))
    await SAMPLES["validate_order"].call(gett, "t")
    await SAMPLES["validate_order"].call(gett, "t")
    for name in ("validate_order", "add_cart_item", "set_fulfillment_context", "add_payment_card"):
        with pytest.raises(RateLimitedError, match="not sent"):
            await SAMPLES[name].call(gett, "t")
    web.post(f"{BASE}/session/create", body='{"token": "t"}', headers=limits(clock, 0, 59))
    web.post(f"{BASE}/orders/place", body=ORDER, repeat=True)
    await gett.create_session()
    with pytest.raises(RateLimitedError, match="not sent"):
        await gett.create_session()
    await SAMPLES["place_order"].call(gett, "t")  # never held back: the server has the last word
    assert clock.slept == []


NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def heard(known: RateLimits, remaining: Any, reset: Any, now: datetime = NOW) -> int | None:
    known.heard(
        "reads", {"X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": str(reset)}, now
    )
    limit = known.known(now).get("reads")
    return limit.remaining if limit else None


def test_answers_out_of_order_and_requests_under_way_are_counted() -> None:
    known, minute = RateLimits(), int(NOW.timestamp()) + 30
    assert heard(known, 10, minute) == 10
    for _ in range(3):
        known.sent("reads")
    assert heard(known, 9, minute) == 6
    known.done("reads")
    assert heard(known, 9, minute) == 7
    assert heard(known, 1, minute) == 0
    assert known.turn("reads", NOW) == 30
    known.done("reads")
    known.done("reads")
    assert heard(known, 99, minute + 60) == 99
    assert heard(known, 6, minute) == 99  # a late answer, of the minute before


@pytest.mark.parametrize(
    ("remaining", "reset"),
    [
        ("-1", NOW.timestamp()),
        ("x", 1),
        ("5", "soon"),
        ("5", 10**10),
        ("5", 42),
        ("5", "9" * 50),
        ("٣", "٣"),
    ],
)
def test_figures_that_make_no_sense_limit_nothing(remaining: str, reset: Any) -> None:
    known = RateLimits()
    assert heard(known, remaining, reset) is None
    assert known.turn("reads", NOW) == 0


def test_a_minute_is_over_after_a_minute_whatever_the_servers_clock_says() -> None:
    known = RateLimits()
    heard(known, 0, int(NOW.timestamp()) + 600)
    assert known.turn("reads", NOW) == 60


def test_a_small_limit_has_no_reserve() -> None:
    known = RateLimits()
    heard(known, 3, int(NOW.timestamp()) + 30)
    assert known.turn("reads", NOW) == 0
