"""Giving a checkout the session its next step needs, with everything carried over to it.

There is no upgrade call: a higher session is a new one (docs: Session), on which the fulfillment
context is set again and, if there was a quote, the price is asked again. Each part is saved as
soon as it is done, and the state says that it is done; so whatever interrupts this, doing it again
does only what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from functools import partial
from typing import Final, TypeVar

from attrs import evolve

from gett_checkout.client import GettClient
from gett_checkout.core import machine
from gett_checkout.core.actions import ContactSupport
from gett_checkout.core.codes import refuse
from gett_checkout.core.consequences import event_of
from gett_checkout.core.machine import Quoted
from gett_checkout.core.order import Fulfillment, Quote
from gett_checkout.core.session import Identity, Level, Session
from gett_checkout.core.state import OPEN, CheckoutState, Notice, Stage
from gett_checkout.errors import (
    ApiError,
    CheckoutConflictError,
    GettCheckoutError,
    IdentityRequiredError,
    SessionUserRequiredError,
    StepNotAllowedError,
    TransportError,
    UnauthenticatedError,
)
from gett_checkout.record import Record
from gett_checkout.telemetry.events import SessionUpgraded

T = TypeVar("T")

# How long other workers leave the opening of a session to the one that claimed it. Opening takes far
# less; should it take longer, a second session is opened and the first one's worker loses its race.
_CLAIM: Final = timedelta(seconds=10)


class Carry(IntEnum):
    """How much a step needs carried over to a new session; a higher one includes the lower."""

    SESSION = 0
    CONTEXT = 1
    QUOTE = 2


async def with_session(
    record: Record,
    client: GettClient,
    call: Callable[[Session], Awaitable[T]],
    *,
    least: Level,
    carry: Carry,
    fulfillment: Fulfillment | None = None,
) -> T:
    """Run ``call`` in a session of at least ``least``, of the highest level there can be.

    ``fulfillment`` is the one ``call`` is about to set, if it does.
    `IdentityRequiredError` before any request when only an end user would do and none is known.
    A token that Gett refuses is replaced once; a second refusal is raised. Never a loop.
    """
    is_last = False
    while True:
        session = await _open(record, client, least, fulfillment)
        try:
            await _carry_over(record, client, session, carry)
            return await call(record.state.session or session)
        except (SessionUserRequiredError, UnauthenticatedError) as refused:
            if is_last:
                refused.next_action = ContactSupport("SESSION_REFUSED")
                raise
            await record.change(partial(_distrust, session, refused))
            if isinstance(refused, SessionUserRequiredError):
                least = Level.END_USER
            is_last = True


async def ask_price(
    record: Record, client: GettClient, session: Session, tip: Decimal | None
) -> Quote:
    """Have Gett price the cart as it stands, in this session, and save the quote."""
    state = record.state
    if state.store is None or state.fulfillment is None:
        raise StepNotAllowedError("there is nothing to price yet", stage=state.stage)
    try:
        priced = await client.validate_order(
            state.store, state.lines, state.fulfillment, tip=tip, token=session.token
        )
    except ApiError as error:
        await record_refusal(record, error)
        raise
    quote = evolve(priced, session_serial=session.serial)
    await record.change(lambda state: _quoted(state, quote, tip, record.now()))
    return quote


def _quoted(
    state: CheckoutState, quote: Quote, tip: Decimal | None, now: datetime
) -> CheckoutState:
    """The state with the quote; the report of a change of session says what it did to the total."""
    before = state.quote
    state = machine.apply(state, Quoted(quote, tip), now)
    if before is None or before.session_serial == quote.session_serial:
        return state
    was, now_is = str(before.amounts.total), str(quote.amounts.total)
    return state.amending({"total_before": was, "total_after": now_is})


async def record_refusal(record: Record, error: ApiError) -> None:
    """Save what a refusal does to the checkout, when it does something at this stage."""
    event = event_of(error, record.state.lines)
    if event is not None and machine.is_legal(record.state.stage, type(event)):
        await record.happen(event)


async def set_context(
    record: Record, client: GettClient, session: Session, fulfillment: Fulfillment
) -> Fulfillment | None:
    """Set the context on this session; what is in doubt on it then, to be saved with its being set.

    From before it is sent until the answer is here, nobody knows which context the session has. An
    answer says nothing of an earlier send that got none: that one stays in doubt.
    """
    doubt, was_set = session.context_sent, session.context_set
    await record.change(lambda state: state.with_context(session, sent=fulfillment))
    try:
        await client.set_fulfillment_context(fulfillment, token=session.token)
    except GettCheckoutError as error:
        if _had_no_effect(error):  # the context is what it was
            await record.change(
                lambda state: state.with_context(session, sent=doubt, is_set=was_set)
            )
        raise
    return doubt


def _had_no_effect(error: GettCheckoutError) -> bool:
    if isinstance(error, ApiError):
        return error.status < 500 and error.status != 408
    return isinstance(error, TransportError) and not error.may_have_arrived


async def _open(
    record: Record, client: GettClient, least: Level, fulfillment: Fulfillment | None
) -> Session:
    """The session in hand if it will do, else a new one of the highest level there can be."""
    state, now = record.state, record.now()
    openable, session = state.openable_level, state.session
    will_do = (
        session is not None
        and session.is_fresh(now)
        and session.level >= max(least, openable)
        and session.may_carry(fulfillment or state.fulfillment)
    )
    if session is not None and will_do:
        return session
    if openable < least:
        raise IdentityRequiredError("this step needs an end user: call identify first")
    if state.opening_until is not None and now < state.opening_until:
        busy = CheckoutConflictError("another worker is opening a session for this checkout")
        busy.retry_after = (state.opening_until - now).total_seconds()
        raise busy
    # A session that was opened but not saved would be opened again, so this goes on to its end.
    opening = client.kept(_create(record, client))
    # Where tasks begin at once (`asyncio.eager_task_factory`) it may have ended already.
    record.opening = None if opening.done() else opening
    session = await asyncio.shield(opening)
    if session.level < openable:
        refused = refuse(
            "SESSION_USER_REQUIRED",
            "Gett made a session without an end user although an e-mail was given",
        )
        refused.next_action = ContactSupport("SESSION_REFUSED")
        raise refused
    return session


async def _create(record: Record, client: GettClient) -> Session:
    """Claim, open, save. The claim is saved first, so that of two workers one opens a session."""
    try:
        until = record.now() + _CLAIM
        await record.change(lambda state: evolve(state, opening_until=until))
        shopper = record.state.identity
        try:
            opened = await client.create_session(shopper)
        except Exception:
            await record.change(lambda state: evolve(state, opening_until=None))
            raise
        session = evolve(opened, serial=record.state.sessions + 1)
        before = record.state.level
        try:
            await record.change(lambda state: _opened(state, session, shopper, record.now()))
        except CheckoutConflictError:  # somebody changed the cart meanwhile, say
            await record.reload()
            await record.change(lambda state: _opened(state, session, shopper, record.now()))
        if record.state.session != session:
            raise CheckoutConflictError("another shopper took the checkout over")
        if Level.NONE < before < session.level:
            record.hooks.tell(SessionUpgraded, before.label, session.level.label)
        return session
    finally:
        record.opening = None


def _opened(
    state: CheckoutState, session: Session, shopper: Identity | None, now: datetime
) -> CheckoutState:
    """The state with its new session, and from the second one on with a report of the change.

    A session opened for somebody who is not the shopper any more is not used.
    """
    is_theirs = shopper is None or (
        state.identity is not None and state.identity.is_same_person(shopper)
    )
    if not is_theirs or state.sessions + 1 != session.serial:
        return evolve(state, opening_until=None)
    if state.sessions:
        state = state.noticing(_report(state, session, now))
    return evolve(state, session=session, sessions=session.serial, opening_until=None)


def _report(state: CheckoutState, session: Session, now: datetime) -> Notice:
    """What was kept and renewed in a change of session; the totals are added once they are known."""
    before, after = state.level, session.level
    facts = {"cart": state.lines, "fulfillment": state.fulfillment, "tip": state.tip}
    details = {
        "from": before.label,
        "to": after.label,
        "kept": ", ".join(name for name, value in facts.items() if value),
    }
    if after > before:
        words = f"Signed in: the {before.label} session became an {after.label} one"
        return Notice("session_upgraded", words, now, details)
    return Notice("session_renewed", f"The {after.label} session was renewed", now, details)


async def _carry_over(record: Record, client: GettClient, session: Session, carry: Carry) -> None:
    """Set the context and ask the price again in this session, where that is still to do.

    An order whose outcome is not known may have to be made yet, in this session: so that it goes
    where it was to go, the context is set then, too. Its price stands, and a refusal says nothing of it.
    """
    state = record.state
    is_open = state.stage in OPEN
    if not is_open and state.stage is not Stage.PLACING:
        return
    if carry >= Carry.CONTEXT and state.fulfillment and not session.context_set:
        try:
            doubt = await set_context(record, client, session, state.fulfillment)
        except ApiError as error:
            if is_open:
                await record_refusal(record, error)
            raise
        await record.change(lambda state: state.with_context(session, sent=doubt, is_set=True))
    quote = state.quote if is_open else None
    if carry >= Carry.QUOTE and quote and quote.session_serial != session.serial:
        await ask_price(record, client, session, state.tip)


def _distrust(session: Session, refused: ApiError, state: CheckoutState) -> CheckoutState:
    """The state after Gett refused the session's token: its level is corrected, or it is over."""
    if state.session is None or state.session.serial != session.serial:
        return state
    if isinstance(refused, SessionUserRequiredError):
        needed = state.session.level is Level.PARTNER_ONLY
        partner_only = evolve(state.session, level=Level.PARTNER_ONLY)
        return evolve(state, session=partner_only, end_user_needed=state.end_user_needed or needed)
    return evolve(state, session=evolve(state.session, expires_at=state.created_at))
