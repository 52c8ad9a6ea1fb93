"""Hand an order over to the partner's own books: at least once, and on any worker.

The save that records the order also records that a worker is about to hand it over; the save after the
handler's return records that it is done. Whatever happens in between, the checkout stays due, and
`reconcile` calls the handler again. The handler runs in a task of its own, which a caller's
cancellation does not stop and which blocks no step: the handler may use the checkout itself.
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
    """Start the hand-over that the saved state announces."""
    if record.on_placed is not None and record.state.hand_over is not None:
        work = _hand_over(record, record.on_placed, record.state, record.state.hand_over)
        record.handing_over = record.spawn(work)


def begin_again(record: Record) -> None:
    """Record that the order must be handed over again; `begin` after it is saved with the rest."""
    hand_over = record.state.hand_over
    if record.on_placed is not None:
        record.happen(HandOverBegun((hand_over or HandOver()).begun(record.now())))
    elif hand_over is not None:  # by a worker that has the handler
        record.happen(HandOverBegun(hand_over.wanted_again()))


async def take_up(record: Record) -> None:
    """Hand the order over if that is not done and no worker is doing so. Background passes wait until due."""
    # A rejected placement leaves one, for an order that is found after all.
    hand_over = record.state.hand_over if record.state.is_for_the_books else None
    if record.on_placed is not None and hand_over and hand_over.is_free(record.now()):
        begin_again(record)
        await record.save()
        begin(record)


def failure_since(
    record: Record, before: asyncio.Task[HandOverError | None] | None
) -> HandOverError | None:
    """Return how the latest hand-over failed, if it ended and is another one than ``before``."""
    latest = record.handing_over
    if latest is None or latest is before or not latest.done() or latest.cancelled():
        return None  # one still running is another step's, which waits for it
    return latest.result()


async def _hand_over(
    record: Record, on_placed: OnPlaced, state: CheckoutState, begun: HandOver
) -> HandOverError | None:
    """Call the handler and save the result; return the error, if it failed."""
    began = perf_counter()
    with counted_from(None):  # the handler's calls to Gett do not use the step's time
        failure = await _call(on_placed, _placed_order(state))
    name = type(failure).__name__ if failure else None
    try:
        await _note(record, state.order, begun, name)
    except CheckoutNotFoundError:
        pass  # deleted by force meanwhile: there is nothing to record
    except GettCheckoutError as unsaved:  # not recorded as done, so it is repeated
        failure = failure or unsaved
        name = type(failure).__name__
    due_at = record.state.due_at(record.now()) if name else None
    wait = max((due_at - record.now()).total_seconds(), 0.0) if due_at else None
    order_id = state.order.order_id if state.order else None
    record.hooks.tell(OrderHandedOver, order_id, begun.attempts, perf_counter() - began, name, wait)
    if failure is None:
        return None
    logs.log_failure(on_placed, failure, "on_placed failed")
    error = HandOverError(f"on_placed failed ({name})", retry_after=wait)
    error.cause, error.__cause__ = name, failure
    return error


async def _call(on_placed: OnPlaced, order: PlacedOrder) -> BaseException | None:
    """Call the handler; return the error it raised, including a cancellation it caused itself."""
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            await on_placed(order)
    except asyncio.CancelledError as cancelled:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the loop is shutting down: it stays due
        return cancelled
    except Exception as error:  # noqa: BLE001 - there is an order, whatever happens here
        return error
    return None


async def _note(record: Record, order: Order | None, begun: HandOver, error: str | None) -> None:
    """Save how an attempt ended, whatever else was saved meanwhile.

    Not if a later attempt has begun or is required. If that one knows more about the order, a further
    attempt is needed: this one may have overwritten its data.
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
        placed_at=state.stage_since or state.created_at,  # placed before `stage_since` was stored
        partner_user_id=state.identity.partner_user_id if state.identity else None,
    )
