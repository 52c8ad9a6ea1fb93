"""What a checkout's record learns from an error: each once, and only what Gett said and may happen then."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gett_checkout import MemoryStorage
from gett_checkout._core.codes import Part, refuse
from gett_checkout._core.state import Stage
from gett_checkout._record import Record
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    InvalidInputError,
    StepNotAllowedError,
    TransportError,
)
from gett_checkout.telemetry.hooks import Hooks
from tests.samples.states import NOW, state_at


def record_at(stage: Stage) -> Record:
    record = Record(
        "checkout-1",
        storage=MemoryStorage(),
        clock=lambda: NOW,
        lifetime=timedelta(days=1),
        hooks=Hooks(),
        spawn=asyncio.ensure_future,
    )
    record.state = state_at(stage)
    return record


def test_an_error_is_counted_once_however_often_it_is_met() -> None:
    record, error = record_at(Stage.PLACE), refuse("CONFLICT", operation="validate_order")
    for _ in range(2):
        assert record.learn(error, "validate")
    (kept,) = record.state.refusals
    assert (kept.part, kept.times, kept.step) == (Part.QUOTE, 1, "validate")
    assert record.learn(refuse("CONFLICT", operation="validate_order"), "validate")
    (kept,) = record.state.refusals
    assert kept.times == 2


def test_an_error_is_one_of_place_unless_another_step_is_named() -> None:
    record = record_at(Stage.PLACING)
    assert record.learn(refuse("PAYMENT_DECLINED", operation="place_order"))
    assert [each.step for each in record.state.refusals] == ["place"]
    assert record.state.stage is Stage.PAY


@pytest.mark.parametrize("error", [IdentityRequiredError("who?"), TransportError("down")], ids=repr)
def test_what_is_no_answer_of_gett_is_learned_while_the_order_is_open(
    error: GettCheckoutError,
) -> None:
    record = record_at(Stage.PLACE)
    assert record.learn(error, "validate")
    assert record.state.refusals


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        (Stage.PLACE, refuse("ORDER_BELOW_MINIMUM")),  # found here, before anything was sent
        (Stage.PLACE, InvalidInputError("no")),
        (Stage.PLACE, StepNotAllowedError("no")),
        (Stage.PLACING, TransportError("down")),
        (Stage.PLACED, refuse("FORBIDDEN", operation="get_order")),
        (Stage.ABANDONED, refuse("STORE_CLOSED", operation="get_store")),
    ],
    ids=repr,
)
def test_what_says_nothing_of_the_order_or_comes_too_late_changes_nothing(
    stage: Stage, error: GettCheckoutError
) -> None:
    record = record_at(stage)
    assert not record.learn(error, "validate")
    assert record.state == state_at(stage)
