"""Rate limits as answers tell them: the reserve, clocks that differ, and headers that are no figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gett_checkout._rate_limits import RateLimit, RateLimits

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def heard(limits: RateLimits, remaining: object, resets_at: object, now: datetime = NOW) -> None:
    limits.heard(
        "writes",
        {"X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": str(resets_at)},
        now,
    )


def stamp(**after: float) -> int:
    return int((NOW + timedelta(**after)).timestamp())


def test_the_last_twentieth_is_kept_for_what_uses_the_reserve() -> None:
    limits = RateLimits()
    heard(limits, 100, stamp(seconds=30))
    for remaining, wait in ((6, 0.0), (5, 30.0), (1, 30.0), (0, 30.0)):
        heard(limits, remaining, stamp(seconds=30))
        assert limits.turn("writes", NOW) == wait
        reserved = limits.turn("writes", NOW, uses_reserve=True)
        assert reserved == (0.0 if remaining else 30.0)
    assert limits.turn("reads", NOW) == 0.0


def test_what_nobody_waits_for_leaves_a_quarter() -> None:
    limits = RateLimits()
    heard(limits, 100, stamp(seconds=30))
    for remaining, wait in ((26, 0.0), (25, 30.0), (6, 30.0), (0, 30.0)):
        heard(limits, remaining, stamp(seconds=30))
        assert limits.turn("writes", NOW, can_wait=True) == wait
    assert limits.turn("writes", NOW + timedelta(seconds=30), can_wait=True) == 0.0
    assert limits.turn("reads", NOW, can_wait=True) == 0.0


def test_the_reserves_follow_a_lowered_limit_within_minutes() -> None:
    limits = RateLimits()
    heard(limits, 99, stamp(seconds=60))
    accepted = []
    for minute in range(1, 7):  # Gett accepts only 5 in each
        left, sent = 5, 0
        began = NOW + timedelta(minutes=minute)
        while left and not limits.turn("writes", began):
            left, sent = left - 1, sent + 1
            heard(limits, left, stamp(minutes=minute + 1), began)
        accepted.append(sent)
    assert accepted == [2, 3, 3, 4, 4, 5]


def test_a_minute_that_began_without_this_worker_has_most_of_the_reserve_before() -> None:
    limits = RateLimits()
    heard(limits, 100, stamp(seconds=60))
    later = NOW + timedelta(seconds=70)
    heard(limits, 4, stamp(seconds=120), later)
    assert limits.turn("writes", later) == 0.0
    heard(limits, 3, stamp(seconds=120), later)
    assert limits.turn("writes", later) == 50.0


def test_a_minute_is_over_after_a_minute_whatever_the_servers_clock_says() -> None:
    limits = RateLimits()
    heard(limits, 0, stamp(minutes=10))
    later = NOW + timedelta(seconds=30)
    heard(limits, 0, stamp(minutes=10), later)  # the same minute, told again
    assert limits.known(later) == {"writes": RateLimit(0, NOW + timedelta(seconds=60))}
    assert limits.turn("writes", NOW + timedelta(seconds=60)) == 0.0


def test_a_time_is_believed_up_to_an_hour_ahead_and_never_backwards() -> None:
    limits = RateLimits()
    heard(limits, 7, stamp(hours=1, seconds=1))
    assert limits.known(NOW) == {}
    heard(limits, 7, stamp(hours=1))
    assert limits.known(NOW) == {"writes": RateLimit(7, NOW + timedelta(minutes=1))}
    heard(limits, 90, stamp(minutes=59))  # a late answer
    assert limits.known(NOW)["writes"].remaining == 7


@pytest.mark.parametrize("figure", ["", "-1", "1.5", "²", "١٢", "9" * 12, "many"])
def test_what_is_no_figure_is_passed_over(figure: str) -> None:
    limits = RateLimits()
    heard(limits, 7, figure)
    heard(limits, figure, stamp(seconds=30))
    assert limits.known(NOW) == {}
    assert limits.turn("writes", NOW) == 0.0


def test_a_refusal_counts_until_it_is_over() -> None:
    limits = RateLimits()
    limits.heard("writes", {}, NOW, blocked_for=9.0)
    assert limits.turn("writes", NOW, uses_reserve=True) == 9.0
    assert limits.known(NOW) == {"writes": RateLimit(0, NOW + timedelta(seconds=9))}
    assert limits.known(NOW + timedelta(seconds=9)) == {}
    assert limits.turn("writes", NOW + timedelta(seconds=9)) == 0.0
    limits.heard("writes", {}, NOW)
    assert limits.turn("writes", NOW) == 0.0
