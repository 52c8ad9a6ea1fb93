"""The facts of a stored checkout, for the on-call engineer: everything but secrets.

They contain no credential, no card or contact data, and no checkout id: anyone who knows it can place
the order.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import asdict

from gett_checkout._core import requirements as registry
from gett_checkout._core.machine import at
from gett_checkout._core.placement import KEY_LIFE, KEY_MARGIN, Placement
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._core.view import placement_view
from gett_checkout._money import DEFAULT_CURRENCY, show_amount
from gett_checkout._reconciling import unresolved
from gett_checkout.telemetry.events import digest

Facts = dict[str, Any]


def facts(state: CheckoutState, now: datetime) -> Facts:
    """Return the facts of a checkout at ``now`` (aware UTC), by name; unknown ones are omitted."""
    state = at(state, now)
    found = unresolved(state, now)
    known = {
        "checkout": digest(state.checkout_id),
        "started": state.created_at,
        "stage": str(state.stage),
        "stage_since": state.stage_since or state.created_at,
        "unresolved": found.reason if found else None,
        "next_action": _next_action(state, now),
        "session": state.level.label,
        "store": _store(state),
        "items": sum(line.quantity for line in state.lines) or None,
        "fulfillment": state.fulfillment.type if state.fulfillment else None,
        "payment": state.payment.kind if state.payment else None,
        "total": _total(state),
        "order": _order(state),
        "duplicates": list(state.duplicates),
        "rejections": [
            {
                "at": each.at,
                "step": each.step or None,
                "part": str(each.part),
                "code": each.code,
                "message": each.message,
                "times": each.times,
            }
            for each in state.refusals
        ],
        "placement": _placement(state, state.placement, now) if state.placement else None,
        "hand_over": _hand_over(state),
        "metadata": dict(state.metadata) if state.metadata else None,
        "resolution": asdict(state.resolution) if state.resolution else None,
        "for_support": for_support(state, now),
    }
    return {name: value for name, value in known.items() if value not in (None, [])}


def for_support(state: CheckoutState, now: datetime) -> str | None:
    """Return the text to send to Gett's support; ``None`` when there is nothing to ask."""
    placement = state.placement
    key = f"Idempotency-Key {placement.idempotency_key}" if placement else "this checkout"
    if state.duplicates and state.order:
        others = " and ".join(state.duplicates)
        return (
            f"{key}, sent to POST /orders/place{_whereabouts(state)}, produced more than one order. "
            f"{state.order.order_id} stands; please cancel {others} and refund it."
        )
    if state.stage is Stage.PLACED and state.order and state.order.order_id is None:
        return f"You told us that an order exists for {key}. Please tell us its order id."
    if state.stage is not Stage.PLACING or placement is None or not placement.is_unresolved(now):
        return None
    return (
        f"We sent POST /orders/place with {key}{_whereabouts(state)}, "
        f"{placement.attempts} {'time' if placement.attempts == 1 else 'times'} in total, "
        f"first at {moment(placement.begun_at)}, and we do not know the outcome "
        f"(last error: {placement.last_error or 'none'}). "
        "Please tell us whether an order was created under this key, and its order id."
    )


def _whereabouts(state: CheckoutState) -> str:
    amount = f" of {_money(state)}" if state.quote else ""
    return f" for an order{amount}{f' at store {state.store.store_id}' if state.store else ''}"


def _store(state: CheckoutState) -> Facts | None:
    return {"store_id": state.store.store_id, "name": state.store.name} if state.store else None


def _next_action(state: CheckoutState, now: datetime) -> Facts:
    """Return the action without the order it may have: Gett's words in it may contain contact data."""
    action = registry.next_action(state, now).to_dict()
    return {name: value for name, value in action.items() if name != "order"}


def _total(state: CheckoutState) -> Decimal | None:
    """Return the placed order's total, else the quoted one, else the one agreed to for this order."""
    if state.order and state.order.amounts:
        return state.order.amounts.total
    return state.quote.amounts.total if state.quote else state.agreement


def _order(state: CheckoutState) -> Facts | None:
    order = state.order
    return (
        {"order_id": order.order_id, "state": order.state, "status": order.status}
        if order
        else None
    )


def _placement(state: CheckoutState, placement: Placement, now: datetime) -> Facts:
    """Return the view's data; while the outcome is unknown, also who may send it until when."""
    known: Facts = asdict(placement_view(placement))
    if state.stage is Stage.PLACING:
        known["worker_may_send_until"] = (
            placement.lease_until if placement.lease_left(now) else None
        )
        known["key_may_be_sent_until"] = placement.begun_at + KEY_LIFE - KEY_MARGIN
        known["next_look"] = None if placement.key_is_expired(now) else placement.due_at(now)
    elif state.stage is Stage.PLACED:
        del known["last_error"]  # of an attempt before the one that succeeded
    return known


def _hand_over(state: CheckoutState) -> Facts | str | None:
    hand_over = state.hand_over
    if state.stage is not Stage.PLACED:
        return None
    if hand_over is None:
        return "never: no worker that sent or found it had an on_placed"
    return {
        "done_at": hand_over.done_at,
        "attempts": hand_over.attempts,
        "last_error": hand_over.last_error,
        "next_call": hand_over.due_at if hand_over.is_pending else None,
        "waits_for": "a worker with an on_placed" if hand_over.is_pending else None,
    }


def _money(state: CheckoutState) -> str:
    currency = state.store.currency if state.store else DEFAULT_CURRENCY
    return show_amount(state.quote.amounts.total, currency) if state.quote else ""


def moment(moment: datetime) -> str:
    """Format a time for people."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
