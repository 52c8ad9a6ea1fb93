"""Send a placement and record its outcome, under one key and one body.

Everything here happens after the placement was saved (stage ``placing``) and ends with the response
saved. ``_core/placement.py`` decides what a response means. Docs: Orders › place; Idempotency; Errors ›
PAYMENT_FAILED.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from gett_checkout import _handing_over as handing_over
from gett_checkout._client import GettClient
from gett_checkout._core.actions import ContactSupport
from gett_checkout._core.machine import (
    DuplicateFound,
    NoResponse,
    NotPlaced,
    OrderRead,
    Placed,
    PlacementBegun,
)
from gett_checkout._core.order import Order
from gett_checkout._core.placement import COME_BACK, Outcome, Placement, digest, judge
from gett_checkout._core.session import Session
from gett_checkout._core.state import CheckoutState, Notice, Stage
from gett_checkout._record import Record
from gett_checkout.errors import (
    ApiAuthenticationError,
    ApiError,
    CheckoutConflictError,
    GettCheckoutError,
    OutcomeUnknownError,
    StepNotAllowedError,
)
from gett_checkout.telemetry import events

_PAYMENT_TRIES: Final = 3
_LEASE_MARGIN: Final = 5.0  # seconds for the save before an attempt, besides the longest attempt


def prepare(state: CheckoutState, client: GettClient, now: datetime) -> Placement:
    """Make the placement of the current checkout: a new body gets a new key, the same body keeps its key."""
    if not (state.store and state.fulfillment and state.quote and state.payment):
        raise StepNotAllowedError("the order is not complete", step="place", stage=state.stage)
    body = client.placement_body(
        state.store,
        state.lines,
        state.fulfillment,
        order_token=state.quote.order_token,
        amounts=state.quote.amounts,
        payment=state.payment,
        customer=state.customer,
    )
    before = state.placement
    if before is not None and before.digest == digest(body) and not before.key_is_expired(now):
        return before.attempted(now, lease(client))
    return Placement(
        idempotency_key=str(uuid.uuid4()),
        body=body,
        digest=digest(body),
        begun_at=now,
        lease_until=now + lease(client),
        sent_at=now,
        token_is_fresh=not state.quote.was_sent,
    )


def lease(client: GettClient) -> timedelta:
    """Return how long the worker that saved an attempt has the exclusive right to send it."""
    return timedelta(seconds=client.timeout + _LEASE_MARGIN)


async def send(record: Record, client: GettClient, session: Session) -> Order:
    """Save key and body, then send them, in this order or not at all; or send a saved one again.

    Sends until the outcome is known or the time budget is used up. Raises a rejection once it is saved;
    `OutcomeUnknownError` when the outcome stays unknown: the stage is then still ``placing``, as it is
    when Gett rejects the token of a placement with an unknown outcome. Nothing is sent after the lease,
    or under an old key: `CheckoutConflictError` is raised. All of it, including opening the session it
    needs, stays within the step's time budget.
    """
    client.require_open()  # better now than after a placement has begun
    sent_before = record.state.stage is Stage.PLACING  # an earlier attempt may have arrived
    if sent_before:
        await _resume(record, client)
    else:
        placement = prepare(record.state, client, record.now())
        # An operator may have reported that an attempt made no order; Gett decides.
        sent_before = placement.unanswered_at is not None
        record.happen(PlacementBegun(placement, is_for_the_books=record.on_placed is not None))
        await record.save()
    tried, failed_payments = 0, 0
    while True:
        response = await _attempt(record, client, session.token)
        if isinstance(response, Order):
            return await placed(record, response)
        tried += 1
        placement = _placement(record)
        outcome = judge(
            response,
            sent_before=sent_before,
            is_quiet=placement.is_quiet(record.now()),
            token_is_fresh=placement.token_is_fresh,
        )
        sent_before = sent_before or outcome is Outcome.UNKNOWN
        failed_payments += outcome is Outcome.TRY_AGAIN
        wait: float | None = None
        match outcome:
            case Outcome.TRY_AGAIN if failed_payments < _PAYMENT_TRIES:
                pause = 1.0 + 2.0 * client.jitter()
                wait = pause if _elapsed(client) + pause <= client.retry.max_elapsed else None
            case Outcome.NOT_PLACED | Outcome.UNKNOWN:
                wait = _patience(client, response, tried)
        if wait is None:
            return await _conclude(record, outcome, response)
        await _again(record, client, wait, response)
        placement, reason = _placement(record), type(response).__name__
        record.hooks.tell(
            events.RetryScheduled,
            "place_order",
            placement.attempts,
            wait,
            reason,
            response.cause,
            placement.idempotency_key,
        )
        await client.sleep(wait)


async def _attempt(record: Record, client: GettClient, token: str) -> Order | GettCheckoutError:
    placement, now = _placement(record), record.now()
    if placement.key_is_expired(now) or placement.lease_left(now) < client.timeout:
        # We may have slept past the lease (a slow save, a suspended VM): another worker may own this
        # now, or the key may be too old. What is saved decides how to continue.
        raise CheckoutConflictError("the placement was not sent within this worker's lease")
    try:
        return await client.place_order(
            placement.body,
            idempotency_key=placement.idempotency_key,
            token=token,
            attempt=placement.attempts,
        )
    except GettCheckoutError as error:
        return error


async def _conclude(record: Record, outcome: Outcome, error: GettCheckoutError) -> Order:
    """Save the final outcome, and report it."""
    placement, now = _placement(record), record.now()
    error.idempotency_key = placement.idempotency_key
    match outcome:
        case Outcome.EXISTS:
            return await placed(record, Order(order_id=None))
        case Outcome.UNKNOWN:
            failed = placement.failed(error, now).released(now, error.retry_after)
            record.happen(NoResponse(failed))
            await record.save()
            if isinstance(error, ApiAuthenticationError):
                raise error
            raise outcome_unknown(record, error) from error
        case _:
            # A rejected session may give way to a new one: the step records that it did not.
            is_session = isinstance(error, ApiAuthenticationError)
            if is_session or not (isinstance(error, ApiError) and record.learn(error)):
                record.happen(NotPlaced())
            await record.save()
            is_rejected = outcome is not Outcome.NOT_PLACED
            said: events.Outcome = "rejected" if is_rejected else "not_placed"
            concluded(record, said, placement, error=error)
            raise error


async def placed(record: Record, order: Order, *, by_person: bool = False) -> Order:
    """Save the order, whatever else was saved meanwhile: it is a fact. Then have it handed over.

    ``by_person``: then what was saved meanwhile, which that person has not seen, raises
    `CheckoutConflictError`.
    """
    sent = record.state.placement
    while True:
        try:
            if record.state.order is not None:
                return await _known(record, record.state.order, order, sent)
            record.happen(Placed(order, record.now() if record.on_placed else None))
            await record.save()
        except CheckoutConflictError:
            if by_person:
                raise
            await record.reload()
        else:
            placement = record.state.placement
            concluded(record, "placed", placement, order_id=order.order_id, by_person=by_person)
            handing_over.begin(record)
            return order


async def _known(record: Record, known: Order, order: Order, sent: Placement | None) -> Order:
    """Return the order already saved, with its id if that was missing; report a duplicate."""
    if order.order_id in (None, known.order_id):
        return known
    ours = record.state.placement
    if known.order_id is None and sent and ours and ours.idempotency_key == sent.idempotency_key:
        await named(record, order)
        return order
    order_id = str(order.order_id)
    notice = Notice("duplicate_order", record.now(), {"order_id": order_id})
    record.happen(DuplicateFound(order_id, notice))
    await record.save()
    concluded(record, "duplicate_order", ours, order_id=order_id)
    return known


async def named(record: Record, order: Order) -> None:
    """Save which order it is, and have it handed over again, now that its id is known."""
    record.happen(OrderRead(order))
    handing_over.begin_again(record)
    await record.save()
    handing_over.begin(record)


def concluded(
    record: Record,
    outcome: events.Outcome,
    placement: Placement | None,
    *,
    order_id: str | None = None,
    error: GettCheckoutError | None = None,
    by_person: bool = False,
) -> None:
    """Report the outcome of the placement to the hooks."""
    attempts, key = (placement.attempts, placement.idempotency_key) if placement else (0, None)
    record.hooks.tell(
        events.PlacementOutcome,
        outcome,
        attempts,
        key,
        order_id=order_id,
        error=type(error).__name__ if error else None,
        cause=error.cause if error else None,
        by_person=by_person,
    )


def outcome_unknown(record: Record, error: GettCheckoutError | None) -> OutcomeUnknownError:
    """Return the error for a placement without a response, and report it to the hooks."""
    placement = record.state.placement
    concluded(record, "unknown", placement, error=error)
    wait = placement.come_back_after(record.now()) if placement else 0.0
    unknown = OutcomeUnknownError(
        "the order was sent and no response says whether it was placed; place again to find out",
        retry_after=max(wait, COME_BACK),
    )
    unknown.cause = error.cause if error else None
    return unknown


async def _resume(record: Record, client: GettClient) -> None:
    """Save a further attempt, with a lease, before it is sent: the last attempt's worker is gone.

    That attempt may have been running as long as its client's time budget allows.
    """
    placement, now = _placement(record), record.now()
    lost_at = placement.sent_at and placement.sent_at + timedelta(seconds=client.timeout)
    again = placement.ended(unanswered_at=lost_at).attempted(now, lease(client))
    record.happen(NoResponse(again))
    await record.save()


async def _again(record: Record, client: GettClient, wait: float, error: GettCheckoutError) -> None:
    """Save a further attempt, with a lease that lasts until its end, before it is sent."""
    now = record.now()
    again = _placement(record).failed(error, now).attempted(now, lease(client), wait)
    record.happen(NoResponse(again))
    await record.save()


def _patience(client: GettClient, error: GettCheckoutError, tried: int) -> float | None:
    """Return the wait before the next attempt; ``None`` when it would not help, or would be too late."""
    if isinstance(error, ApiError) and error.status != 429 and not error.may_have_had_effect:
        return None
    return client.retry.next_wait(
        error, tried=tried, elapsed=_elapsed(client), jitter=client.jitter()
    )


def _elapsed(client: GettClient) -> float:
    return (client.clock() - client.began()).total_seconds()


def _placement(record: Record) -> Placement:
    placement = record.state.placement
    if placement is None or not placement.is_intact():
        raise StepNotAllowedError(
            "the saved placement does not match its idempotency key",
            next_action=ContactSupport("PLACEMENT_DAMAGED"),
        )
    return placement
