"""The hand-over of an order: what each attempt leaves, and when the next one is due."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from attrs import evolve

from gett_checkout._core.hand_over import HandOver, PlacedOrder
from gett_checkout._core.jsonable import jsonable_fields
from tests.samples.states import NOW, ORDER

LATER = NOW + timedelta(hours=1)
LEASE = timedelta(seconds=35)
PAUSE = timedelta(seconds=15)
NEW = HandOver()
BEGUN = NEW.begun(NOW)
FAILED = BEGUN.failed(NOW, "OSError")
DONE = BEGUN.done(NOW)


def test_each_attempt_leaves_its_record() -> None:
    assert HandOver(attempts=0) == NEW
    assert HandOver(attempts=1, lease_until=NOW + LEASE) == BEGUN
    assert HandOver(attempts=1, look_again_at=NOW + PAUSE, last_error="OSError") == FAILED
    assert HandOver(attempts=1, done_at=NOW) == DONE
    assert FAILED.begun(LATER).done(LATER) == HandOver(attempts=2, done_at=LATER)
    assert DONE.begun(LATER) == HandOver(attempts=2, lease_until=LATER + LEASE)


def test_an_order_that_is_wanted_again_is_due_at_once() -> None:
    assert BEGUN.wanted_again() == DONE.wanted_again() == HandOver(attempts=1)
    assert FAILED.wanted_again() == HandOver(attempts=1, last_error="OSError")


def test_the_pause_grows_with_each_failure() -> None:
    pauses, hand_over = [], NEW
    for _ in range(5):
        hand_over = hand_over.begun(NOW).failed(NOW, "OSError")
        assert hand_over.last_error == "OSError"
        assert hand_over.due_at is not None
        pauses.append((hand_over.due_at - NOW).total_seconds())
    assert pauses == [15, 30, 60, 120, 300]


@pytest.mark.parametrize(
    ("hand_over", "at", "is_due", "is_free", "is_unresolved"),
    [
        (NEW, NOW, True, True, True),
        (BEGUN, NOW, False, False, False),
        (BEGUN, NOW + LEASE, True, True, True),
        (FAILED, NOW, False, True, True),
        (FAILED, NOW + PAUSE, True, True, True),
        (FAILED.begun(NOW), NOW + PAUSE, False, False, True),  # the second attempt is running
        (DONE, LATER, False, False, False),
    ],
    ids=str,
)
def test_when_a_hand_over_is_due_and_when_it_is_unresolved(
    hand_over: HandOver, at: datetime, is_due: bool, is_free: bool, is_unresolved: bool
) -> None:
    assert hand_over.is_due(at) is is_due
    assert hand_over.is_free(at) is is_free
    assert hand_over.is_unresolved(at) is is_unresolved
    assert hand_over.is_pending is (hand_over is not DONE)


def test_an_order_shows_neither_its_checkout_nor_its_shopper() -> None:
    order = PlacedOrder("checkout-secret", ORDER, None, "pickup", {}, None, NOW)
    assert order.partner_user_id is None
    shopped = evolve(order, partner_user_id="user-secret")
    assert (shopped.checkout_id, shopped.partner_user_id) == ("checkout-secret", "user-secret")
    assert "secret" not in repr((shopped, shopped.partner_user_id))
    assert not {"checkout_id", "partner_user_id"} & jsonable_fields(shopped).keys()
