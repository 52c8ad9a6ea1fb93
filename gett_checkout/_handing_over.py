"""Handing an order over to the partner's own books: at least once, and on whichever worker.

The save that makes the order known says that a worker is about to hand it over; the one that follows
the handler's return says that it is done. Whatever happens in between, the checkout stays due, and
`reconcile` calls the handler again. It runs in a task of its own, which no caller's cancellation stops
and which holds no step back: the handler may well use the checkout itself.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from gett_checkout._core.hand_over import LONGEST, HandOver, OnPlaced, PlacedOrder
from gett_checkout._core.machine import HandOverBegun, HandOverEnded
from gett_checkout._core.order import Order
from gett_checkout._core.state import CheckoutState
from gett_checkout._patience import counted_from
from gett_checkout._record import Record
from gett_checkout.errors import (
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    HandOverError,
)
from gett_checkout.telemetry import logs
from gett_checkout.telemetry.events import OrderHandedOver


def begin(record: Record) -> None:
    """Have the order handed over, which the saved state says is about to happen."""
    if record.on_placed is not None and record.state.hand_over is not None:
        work = _hand_over(record, record.on_placed, record.state, record.state.hand_over)
        record.handing_over = record.spawn(work)


def begin_again(record: Record) -> None:
    """Note that the order is to be handed over once more; saved with what else happened, then `begin`."""
    hand_over = record.state.hand_over
    if record.on_placed is not None:
        record.happen(HandOverBegun((hand_over or HandOver()).begun(record.now())))
    elif hand_over is not None:  # by a worker that has the handler
        record.happen(HandOverBegun(hand_over.wanted_again()))


async def take_up(record: Record) -> None:
    """Hand the order over if that is due and nobody is at it."""
    hand_over = record.state.hand_over
    if record.on_placed is not None and hand_over and hand_over.is_due(record.now()):
        begin_again(record)
        await record.save()
        begin(record)


def failure_since(
    record: Record, before: asyncio.Task[HandOverError | None] | None
) -> HandOverError | None:
    """How the latest hand-over failed, if it is another than ``before``, and over."""
    latest = record.handing_over
    if latest is None or latest is before or not latest.done() or latest.cancelled():
        return None  # one that is not over is another step's, which waits for it
    return latest.result()


async def _hand_over(
    record: Record, on_placed: OnPlaced, state: CheckoutState, begun: HandOver
) -> HandOverError | None:
    """Call the handler and save whether it took the order; the error, if it did not."""
    began = perf_counter()
    with counted_from(None):  # what the handler asks of Gett is none of the step's
        failure = await _call(on_placed, _placed_order(state))
    name = type(failure).__name__ if failure else None
    try:
        await _note(record, state.order, begun, name)
    except CheckoutNotFoundError:
        pass  # deleted by force meanwhile: there is nothing to note
    except GettCheckoutError as unsaved:  # it is not known to be done, so it is done again
        failure = failure or unsaved
        name = type(failure).__name__
    due_at = record.state.due_at(record.now()) if name else None
    wait = max((due_at - record.now()).total_seconds(), 0.0) if due_at else None
    order_id = state.order.order_id if state.order else None
    record.hooks.tell(OrderHandedOver, order_id, begun.attempts, perf_counter() - began, name, wait)
    if failure is None:
        return None
    logs.log_failure(on_placed, failure, "on_placed failed")
    error = HandOverError(f"on_placed did not take the order ({name})", retry_after=wait)
    error.cause, error.__cause__ = name, failure
    return error


async def _call(on_placed: OnPlaced, order: PlacedOrder) -> BaseException | None:
    """What the handler raised; a cancellation of its own making too."""
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            await on_placed(order)
    except asyncio.CancelledError as cancelled:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the loop is going away: it stays due
        return cancelled
    except Exception as error:  # noqa: BLE001 - there is an order, whatever happens here
        return error
    return None


async def _note(record: Record, order: Order | None, begun: HandOver, error: str | None) -> None:
    """Save how an attempt ended, whatever else was saved meanwhile.

    Not when a later one has begun or is wanted. If that one knows more of the order, there has to be
    another: this one may have written over it.
    """
    async with record.lock:
        await record.finished()
        while True:
            await record.refresh()
            hand_over, now = record.state.hand_over, record.now()
            if hand_over == begun:
                ended = begun.failed(now, error) if error else begun.done(now)
            elif hand_over is not None and record.state.order != order:
                ended = hand_over.wanted_again()
            else:
                return None
            record.happen(HandOverEnded(ended))
            try:
                return await record.save()
            except CheckoutConflictError:
                await record.reload()


def _placed_order(state: CheckoutState) -> PlacedOrder:
    assert state.order is not None  # noqa: S101 - begun only once there is one
    amounts = state.order.amounts or (state.quote.amounts if state.quote else None)
    return PlacedOrder(
        checkout_id=state.checkout_id,
        order=state.order,
        amounts=amounts,
        fulfillment_type=state.fulfillment.type if state.fulfillment else None,
        metadata=state.metadata or {},
        idempotency_key=state.placement.idempotency_key if state.placement else None,
        placed_at=state.stage_since or state.created_at,  # placed before that was stored
        partner_user_id=state.identity.partner_user_id if state.identity else None,
    )
