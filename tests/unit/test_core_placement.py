"""What an answer to a placement means; how long a key and a lease live; when a call is repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from gett_checkout import errors
from gett_checkout._core.codes import refuse
from gett_checkout._core.consequences import event_of
from gett_checkout._core.machine import EVENTS
from gett_checkout._core.placement import NEVER, Outcome, digest, judge
from gett_checkout._core.state import Stage
from gett_checkout._hidden import Hidden
from gett_checkout._retry import Repeat, RetryPolicy, may_repeat
from gett_checkout.errors import ApiError, GettCheckoutError, TransportError
from tests.samples.documented import DOCUMENTED
from tests.samples.states import NOW, placement, state_at

# Unknown codes by status, and by category.
BY_STATUS = {
    (400, ""): ("not_placed", "refused"),
    (402, ""): ("refused", "refused"),
    (404, ""): ("not_placed", "unknown"),
    (408, ""): ("unknown", "unknown"),  # a gateway gave up waiting; the order may be made
    (409, ""): ("refused", "unknown"),
    (418, ""): ("not_placed", "unknown"),
    (429, ""): ("not_placed", "unknown"),
    (500, ""): ("unknown", "unknown"),
    (502, ""): ("unknown", "unknown"),
    (504, ""): ("unknown", "unknown"),
    (302, ""): ("unknown", "unknown"),
    (200, ""): ("unknown", "unknown"),
    (0, ""): ("unknown", "unknown"),
    (400, "payment"): ("refused", "refused"),
    (400, "conflict"): ("refused", "refused"),
    (400, "availability"): ("not_placed", "refused"),
    (500, "payment"): ("unknown", "unknown"),
}

# What is not Gett's refusal. Whatever else might escape a sending says nothing of the order.
BY_CLASS: dict[type[GettCheckoutError], str] = {
    errors.GettCheckoutError: "unknown",
    errors.InvalidInputError: "unknown",
    errors.LineNotFoundError: "unknown",
    errors.MenuChangedError: "unknown",
    errors.CartOfAnotherStoreError: "unknown",
    errors.StepNotAllowedError: "unknown",
    errors.IdentityRequiredError: "unknown",
    errors.TotalChangedError: "unknown",
    errors.OutcomeUnknownError: "unknown",
    errors.PlacementInProgressError: "unknown",
    errors.HandOverError: "unknown",
    errors.TransportError: "unknown",
    errors.InvalidResponseError: "unknown",
    errors.StorageError: "unknown",
    errors.CheckoutNotFoundError: "unknown",
    errors.CheckoutConflictError: "unknown",
    errors.SnapshotTooNewError: "unknown",
    errors.UndecryptableError: "unknown",
}

# By code and the place it names: what is named is refused for good, whatever the code is; unless it is
# about a credential or a limit.
NAMED = {
    ("VALIDATION_FAILED", "$.payment.savedCard.paymentId"): ("refused", "refused"),
    ("NOT_FOUND", "$.payment.savedCard.paymentId"): ("refused", "refused"),
    ("INVALID_REQUEST", "$.cart.lineItems[0].quantity"): ("refused", "refused"),
    ("VALIDATION_FAILED", "$.addressId"): ("refused", "refused"),
    ("VALIDATION_FAILED", "$.customer.phone"): ("refused", "refused"),
    ("VALIDATION_FAILED", "$.storeId"): ("refused", "refused"),
    ("VALIDATION_FAILED", "$.validatedOrderToken"): ("refused", "refused"),
    ("CONFLICT", "$.payment"): ("refused", "refused"),
    ("CONFLICT", "$.validatedOrderToken"): ("refused", "exists"),  # it was used, by the order
    ("ORDER_ALREADY_PLACED", "$.validatedOrderToken"): ("exists", "exists"),
    ("ORDER_ALREADY_PLACED", "$.payment"): ("exists", "exists"),
    ("VALIDATION_FAILED", "$.weather"): ("not_placed", "refused"),
    ("NOT_FOUND", "$.weather"): ("not_placed", "unknown"),
    ("CONFLICT", "$.weather"): ("refused", "exists"),
    ("FORBIDDEN", "$.payment"): ("not_placed", "unknown"),
    ("UNAUTHENTICATED", "$.payment"): ("not_placed", "unknown"),
    ("RATE_LIMITED", "$.payment"): ("not_placed", "unknown"),
    ("INTERNAL_ERROR", "$.payment"): ("unknown", "unknown"),
}

CASES: list[tuple[str, GettCheckoutError, tuple[str, str]]] = [
    *((row.code, refuse(row.code), (row.first, row.again)) for row in DOCUMENTED.values()),
    *(
        (f"{status} {category}", refuse("NEW", status=status, category=category), means)
        for (status, category), means in BY_STATUS.items()
    ),
    *((each.__name__, each(), (means, means)) for each, means in BY_CLASS.items()),
    ("never delivered", TransportError(may_have_arrived=False), ("not_placed", "unknown")),
    ("may have arrived", TransportError(may_have_arrived=True), ("unknown", "unknown")),
    ("failed payment at a broken server", refuse("PAYMENT_FAILED", status=500), ("unknown",) * 2),
    ("closed store at a broken server", refuse("STORE_CLOSED", status=503), ("unknown",) * 2),
    ("already placed, oddly", refuse("ORDER_ALREADY_PLACED", status=400), ("exists",) * 2),
    # Gett says that it may be sent again: then the first request may still be at work.
    ("conflict, again", refuse("CONFLICT", retryable=True), ("refused", "unknown")),
    ("conflict, later", refuse("CONFLICT", retry_after=2.0), ("refused", "unknown")),
    ("conflict, at once", refuse("CONFLICT", retry_after=0.0), ("refused", "unknown")),
    ("already placed, again", refuse("ORDER_ALREADY_PLACED", retryable=True), ("exists",) * 2),
    *(
        (f"{code} names {path}", refuse(code, errors=[{"jsonPath": path}]), means)
        for (code, path), means in NAMED.items()
    ),
    ("not found names an item", refuse("NOT_FOUND", errors=[{"itemId": "a"}]), ("refused",) * 2),
]


@pytest.mark.parametrize(
    ("error", "means"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_an_answer_means(error: GettCheckoutError, means: tuple[str, str]) -> None:
    """To the first request, and to one that was sent before."""
    assert (judge(error, sent_before=False), judge(error, sent_before=True)) == means


@pytest.mark.parametrize("code", ["STORE_CLOSED", "PAYMENT_DECLINED", "PAYMENT_FAILED"])
def test_while_an_earlier_attempt_may_be_at_work_a_refusal_proves_nothing(code: str) -> None:
    assert judge(refuse(code), sent_before=True, is_quiet=False) == "unknown"
    assert judge(refuse(code), sent_before=False, is_quiet=False) != "unknown"


def test_a_token_that_went_out_before_is_no_evidence() -> None:
    assert judge(refuse("CONFLICT"), sent_before=True, token_is_fresh=False) == "unknown"
    assert judge(refuse("CONFLICT"), sent_before=True) == "exists"
    assert judge(refuse("CONFLICT"), sent_before=True, is_quiet=False) == "unknown"
    assert judge(refuse("ORDER_ALREADY_PLACED"), sent_before=True, is_quiet=False) == "exists"


def test_the_tables_cover_every_class() -> None:
    ours = {
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, GettCheckoutError)
        and not issubclass(each, ApiError)
        and not each.__name__.startswith("Webhook")  # no call of ours raises these
    }
    assert set(BY_CLASS) == ours
    assert {means for _, _, both in CASES for means in both} == set(Outcome)


@pytest.mark.parametrize("sent_before", [False, True])
def test_every_final_refusal_is_an_event_that_may_happen_then(sent_before: bool) -> None:
    for _, error, _ in CASES:
        if judge(error, sent_before=sent_before) in (Outcome.REFUSED, Outcome.TRY_AGAIN):
            assert isinstance(error, ApiError)
            event = event_of(error, "place", state_at(Stage.PLACING), NOW)
            assert event is not None
            assert type(event) in EVENTS[Stage.PLACING]


# --- the key, the lease, the body -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "key_expired"),
    [
        (timedelta(0), False),
        (timedelta(hours=22, minutes=59, seconds=59), False),
        (timedelta(hours=23), True),
        (timedelta(hours=24), True),
        (timedelta(days=30), True),
        (timedelta(hours=-1), False),
    ],
    ids=str,
)
def test_a_key_is_used_for_a_day_less_an_hour(age: timedelta, key_expired: bool) -> None:
    assert placement().key_is_expired(NOW + age) is key_expired


@pytest.mark.parametrize(
    ("after", "left"), [(-30, 90.0), (0, 60.0), (59.5, 0.5), (60, 0.0), (3600, 0.0)]
)
def test_a_lease_runs_out(after: float, left: float) -> None:
    assert placement().lease_left(NOW + timedelta(seconds=after)) == left


@pytest.mark.parametrize(
    ("lease", "asked", "after", "seconds"),
    [
        (60, None, 0, 2.0),  # most responses come long before the lease ends
        (60, None, 59, 1.0),
        (60, None, 60, 0.0),
        (0, None, 0, 0.0),
        (0, 60, 0, 60.0),
        (0, 120, 50, 70.0),
        (60, 30, 0, 30.0),
        (60, 1, 0, 2.0),
        (60, 30, 30, 2.0),
        (0, 60, 61, 0.0),
    ],
)
def test_nobody_is_told_to_come_back_sooner_than_gett_asked_for(
    lease: float, asked: float | None, after: float, seconds: float
) -> None:
    saved = placement(
        lease_until=NOW + timedelta(seconds=lease),
        wait_until=None if asked is None else NOW + timedelta(seconds=asked),
    )
    assert saved.come_back_after(NOW + timedelta(seconds=after)) == seconds
    # Who asks before that is kept waiting only by a worker that may be sending.
    assert saved.busy_for(NOW + timedelta(seconds=after)) == max(min(lease - after, 2.0), 0.0)


def test_an_attempt_begins_after_its_wait_and_has_a_lease_from_then() -> None:
    lease = timedelta(seconds=50)
    at_once = placement().attempted(NOW, lease)
    assert (at_once.attempts, at_once.sent_at, at_once.lease_until) == (2, NOW, NOW + lease)
    later = placement(attempts=4).attempted(NOW, lease, 7.5)
    begins = NOW + timedelta(seconds=7.5)
    assert (later.attempts, later.sent_at, later.lease_until) == (5, begins, begins + lease)


@pytest.mark.parametrize(
    ("error", "may_be_at_work"),
    [
        (TransportError(may_have_arrived=True), True),
        (TransportError(may_have_arrived=False), False),
        (refuse("INTERNAL_ERROR"), True),
        (refuse("RATE_LIMITED"), False),
    ],
    ids=repr,
)
def test_an_attempt_that_failed_is_over_and_may_be_at_work_all_the_same(
    error: GettCheckoutError, may_be_at_work: bool
) -> None:
    earlier = NOW - timedelta(minutes=5)
    first = placement(sent_at=NOW).failed(error, NOW)
    assert (first.sent_at, first.unanswered_at) == (None, NOW if may_be_at_work else None)
    again = placement(sent_at=NOW, unanswered_at=earlier).failed(error, NOW)
    assert again.unanswered_at == (NOW if may_be_at_work else earlier)


@pytest.mark.parametrize(
    ("wait", "until"), [(None, None), (0.0, None), (60.0, NOW + timedelta(seconds=60))]
)
def test_a_placement_that_is_released_waits_as_long_as_gett_asked_for(
    wait: float | None, until: datetime | None
) -> None:
    earlier = placement(wait_until=NOW + timedelta(hours=1))
    released = earlier.released(NOW, wait)
    assert (released.lease_until, released.wait_until) == (NOW, until)
    assert placement().released(NOW).wait_until is None


@pytest.mark.parametrize(
    ("lease", "look", "wait", "due"),
    [
        (1, None, None, 1),
        (1, 2, None, 2),
        (2, 1, None, 2),
        (1, 2, 3, 3),
        (3, 2, 1, 3),
        (1, 3, 2, 3),
        (1, None, 2, 2),
    ],
)
def test_it_is_due_when_nobody_sends_it_and_gett_wants_to_be_asked(
    lease: int, look: int | None, wait: int | None, due: int
) -> None:
    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else NOW + timedelta(minutes=minutes)

    saved = placement(lease_until=at(lease), look_again_at=at(look), wait_until=at(wait))
    assert saved.due_at(NOW) == at(due)


def test_an_unanswered_request_may_be_at_work_for_a_minute() -> None:
    assert placement().is_quiet(NOW)
    given_up = placement(unanswered_at=NOW)
    assert not given_up.is_quiet(NOW + timedelta(seconds=59.9))
    assert given_up.is_quiet(NOW + timedelta(seconds=60))


def test_it_is_looked_after_soon_and_then_less_often() -> None:
    looks, saved, minutes = [], placement().released(NOW), timedelta(minutes=1)
    for _ in range(22):
        looks.append((saved.due_at(NOW) - NOW) / minutes)
        saved = saved.postponed(saved.due_at(NOW))
    first = [0.25, 0.75, 1.75, 3.75, 8.75]
    every_five = [
        13.75,
        18.75,
        23.75,
        28.75,
        33.75,
        38.75,
        43.75,
        48.75,
        53.75,
        58.75,
        63.75,
        68.75,
    ]
    assert looks == [*first, *every_five, 83.75, 98.75, 113.75, 128.75, 143.75]


def test_what_gett_asks_for_counts_when_it_is_longer() -> None:
    saved = placement().released(NOW, wait=7.0)
    assert saved.due_at(NOW) == NOW + timedelta(seconds=15)
    assert placement().released(NOW, wait=9999.0).due_at(NOW) == NOW + timedelta(seconds=9999)


def test_a_shoppers_own_attempt_does_not_put_the_next_look_off() -> None:
    postponed = placement(unanswered_at=NOW).released(NOW).postponed(NOW)
    again = postponed.attempted(NOW, timedelta(seconds=35)).released(NOW + timedelta(seconds=5))
    assert again.due_at(NOW) == postponed.due_at(NOW) == NOW + timedelta(seconds=30)


def test_a_look_that_is_due_already_is_planned_anew() -> None:
    for late in (timedelta(0), timedelta(seconds=1)):
        saved = placement(look_again_at=NOW - late)
        assert saved.released(NOW).look_again_at == NOW + timedelta(seconds=15)


def test_nobody_but_a_person_looks_once_the_key_expired() -> None:
    saved = placement().released(NOW)
    assert saved.due_at(NOW + timedelta(hours=23)) == NEVER == datetime(2200, 1, 1, tzinfo=UTC)
    assert not saved.can_be_asked(NOW + timedelta(hours=23))
    assert saved.can_be_asked(NOW + timedelta(hours=22))


def test_nothing_is_asked_with_another_body_or_once_the_record_is_lost() -> None:
    assert placement().can_be_asked(NOW)
    assert not placement(is_lost=True).can_be_asked(NOW)
    assert not evolve(placement(), body="{ }").can_be_asked(NOW)


def test_it_is_unresolved_once_an_attempt_got_no_response_or_its_worker_is_gone() -> None:
    sending = placement(lease_until=NOW + timedelta(seconds=35))
    assert not sending.is_unresolved(NOW)
    assert sending.is_unresolved(NOW + timedelta(seconds=35))
    failed = sending.failed(TransportError("no", cause="timeout"), NOW)
    assert failed.is_unresolved(NOW)
    assert failed.last_error == "TransportError (timeout)"


def test_a_body_that_is_not_the_keys_is_noticed() -> None:
    assert placement(body="{}").is_intact()
    assert not type(placement())("key", "{ }", digest("{}"), NOW, NOW).is_intact()
    assert digest("{}") == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_the_body_is_not_in_the_repr() -> None:
    saved = placement(body="card")
    assert "body" not in repr(saved)
    assert type(saved.body) is Hidden


# --- retry ----------------------------------------------------------------------------------------


def test_what_a_policy_is_by_default() -> None:
    assert RetryPolicy() == RetryPolicy(4, 12.0, 1.0, 30.0)


POLICY = RetryPolicy(max_attempts=4, max_elapsed=20.0, initial_backoff=1.0, max_backoff=30.0)


@pytest.mark.parametrize(
    ("tried", "jitter", "wait"),
    [
        (1, 0.5, 1.0), (2, 0.5, 2.0), (3, 0.5, 4.0), (4, 0.5, 8.0), (5, 0.5, 16.0),
        (6, 0.5, 30.0), (50, 0.5, 30.0), (1, 0.0, 0.8), (1, 1.0, 1.2), (3, 0.0, 3.2), (3, 1.0, 4.8),
    ],
)  # fmt: skip
def test_waits_double_up_to_a_bound_and_spread(tried: int, jitter: float, wait: float) -> None:
    assert POLICY.backoff(tried, jitter) == pytest.approx(wait)


@pytest.mark.parametrize(
    ("retry_after", "tried", "elapsed", "wait"),
    [
        (None, 1, 0.0, 1.0),
        (None, 3, 3.0, 4.0),
        (None, 4, 7.0, None),  # the fourth try was the last
        (None, 3, 16.0, 4.0),
        (None, 3, 16.1, None),  # past the budget
        (0.0, 1, 0.0, 0.0),
        (7.5, 1, 0.0, 7.5),
        (7.5, 3, 12.5, 7.5),
        (7.5, 3, 12.6, None),
        (21.0, 1, 0.0, None),
        (7.5, 4, 0.0, None),
    ],
)
def test_next_wait(
    retry_after: float | None, tried: int, elapsed: float, wait: float | None
) -> None:
    error = refuse("RATE_LIMITED", retry_after=retry_after)
    assert POLICY.next_wait(error, tried=tried, elapsed=elapsed, jitter=0.5) == wait


# error → whether it is repeated: always, undelivered, by key.
REPEATS: list[tuple[GettCheckoutError, tuple[bool, bool, bool]]] = [
    (TransportError(may_have_arrived=True), (True, False, False)),
    (TransportError(may_have_arrived=False), (True, True, False)),
    (refuse("RATE_LIMITED"), (True, True, False)),
    (refuse("", status=429), (True, True, False)),
    (refuse("INTERNAL_ERROR"), (True, False, False)),
    (refuse("BAD_GATEWAY"), (True, False, False)),
    (refuse("SERVICE_UNAVAILABLE"), (True, False, False)),
    (refuse("", status=504), (True, False, False)),
    (refuse("NEW", status=400, retryable=True), (True, False, False)),
    (refuse("INTERNAL_ERROR", retryable=False), (False, False, False)),
    (refuse("STORE_CLOSED"), (False, False, False)),
    (refuse("UNAUTHENTICATED"), (False, False, False)),
    (refuse("", status=404), (False, False, False)),
    (errors.InvalidResponseError(), (False, False, False)),
    (errors.StorageError(), (False, False, False)),
    (errors.InvalidInputError(), (False, False, False)),
]


@pytest.mark.parametrize(("error", "repeated"), REPEATS, ids=lambda each: repr(each)[:60])
def test_may_repeat(error: GettCheckoutError, repeated: tuple[bool, bool, bool]) -> None:
    every = (Repeat.ALWAYS, Repeat.UNDELIVERED, Repeat.BY_KEY)
    assert tuple(may_repeat(error, repeat) for repeat in every) == repeated
    assert list(Repeat) == ["always", "undelivered", "by_key"]
