"""Giving a checkout the session its next step needs, with everything carried over to it.

There is no upgrade call: a higher session is a new one (docs: Session), on which the fulfillment
context is set again and, if there was a quote, the price is asked again. Each part is saved as
soon as it is done, and the state says that it is done; so whatever interrupts this, doing it again
does only what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final, TypeVar

from attrs import evolve

from gett_checkout.client import GettClient
from gett_checkout.core import machine
from gett_checkout.core.actions import ContactSupport
from gett_checkout.core.codes import refuse
from gett_checkout.core.consequences import event_of
from gett_checkout.core.machine import OPEN, Quoted
from gett_checkout.core.order import Quote
from gett_checkout.core.session import Level, Session
from gett_checkout.core.state import CheckoutState, Notice
from gett_checkout.errors import (
    ApiError,
    CheckoutConflictError,
    IdentityRequiredError,
    SessionUserRequiredError,
    StepNotAllowedError,
    UnauthenticatedError,
)
from gett_checkout.record import Record

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
    call: Callable[[str], Awaitable[T]],
    *,
    least: Level,
    carry: Carry,
) -> T:
    """Run ``call(token)`` in a session of at least ``least``, of the highest level there can be.

    `IdentityRequiredError` before any request when only an end user would do and none is known.
    A token that Gett refuses is replaced once; a second refusal is raised. Never a loop.
    """
    for is_last in (False, True):
        session = await _open(record, client, least)
        try:
            await _carry_over(record, client, carry)
            return await call(session.token)
        except (SessionUserRequiredError, UnauthenticatedError) as refused:
            if is_last:
                refused.next_action = ContactSupport("SESSION_REFUSED")
                raise
            await record.save(_distrust(record.state, refused))
            if isinstance(refused, SessionUserRequiredError):
                least = Level.END_USER
    raise AssertionError("unreachable")


async def ask_price(record: Record, client: GettClient, tip: Decimal | None) -> Quote:
    """Have Gett price the cart as it stands, in the session in hand, and save the quote."""
    state, session = record.state, record.state.session
    if state.store is None or state.fulfillment is None or session is None:
        raise StepNotAllowedError("there is nothing to price yet", stage=state.stage)
    before = state.quote
    try:
        priced = await client.validate_order(
            state.store, state.lines, state.fulfillment, tip=tip, token=session.token
        )
    except ApiError as error:
        await record_refusal(record, error)
        raise
    quote = evolve(priced, session_serial=session.serial)
    state = machine.apply(record.state, Quoted(quote, tip), record.now())
    if before is not None and before.session_serial != session.serial:
        was, now_is = str(before.amounts.total), str(quote.amounts.total)
        state = state.amending({"total_before": was, "total_after": now_is})
    await record.save(state)
    return quote


async def record_refusal(record: Record, error: ApiError) -> None:
    """Save what a refusal does to the checkout, when it does something at this stage."""
    event = event_of(error, record.state.lines)
    if event is not None and machine.is_legal(record.state.stage, type(event)):
        await record.happen(event)


async def _open(record: Record, client: GettClient, least: Level) -> Session:
    """The session in hand if it will do, else a new one of the highest level there can be."""
    state, now = record.state, record.now()
    openable, session = state.openable_level, state.session
    if session and session.is_fresh(now) and session.level >= max(least, openable):
        return session
    if openable < least:
        raise IdentityRequiredError("this step needs an end user: call identify first")
    if state.opening_until is not None and now < state.opening_until:
        busy = CheckoutConflictError("another worker is opening a session for this checkout")
        busy.retry_after = (state.opening_until - now).total_seconds()
        raise busy
    session = await _to_the_end(_create(record, client))
    if session.level < openable:
        raise refuse(
            "SESSION_USER_REQUIRED",
            "Gett made a session without an end user although an e-mail was given",
        )
    return session


async def _create(record: Record, client: GettClient) -> Session:
    """Claim, open, save. The claim is saved first, so that of two workers one opens a session."""
    await record.save(evolve(record.state, opening_until=record.now() + _CLAIM))
    try:
        opened = await client.create_session(record.state.identity)
    except BaseException:
        await record.save(evolve(record.state, opening_until=None))
        raise
    state = record.state
    session = evolve(opened, serial=state.sessions + 1)
    if state.sessions:
        state = state.noticing(_report(state, session, record))
    await record.save(evolve(state, session=session, sessions=session.serial, opening_until=None))
    return session


def _report(state: CheckoutState, session: Session, record: Record) -> Notice:
    """What the caller may want to know of a change of session; the price is added when it is asked."""
    before = state.level
    upgraded = session.level > before
    words = (
        f"Signed in: the {before.label} session became an {session.level.label} one"
        if upgraded
        else f"The {session.level.label} session was renewed"
    )
    kept = [
        name
        for name, value in (
            ("cart", state.lines),
            ("fulfillment", state.fulfillment),
            ("tip", state.tip),
        )
        if value
    ]
    return Notice(
        code="session_upgraded" if upgraded else "session_renewed",
        message=words,
        at=record.now(),
        details={"from": before.label, "to": session.level.label, "kept": ", ".join(kept)},
    )


async def _carry_over(record: Record, client: GettClient, carry: Carry) -> None:
    """Set the context and ask the price again on the session in hand, where that is still to do."""
    if record.state.stage not in OPEN:
        return
    session, fulfillment = record.state.session, record.state.fulfillment
    if carry >= Carry.CONTEXT and session and fulfillment and not session.context_set:
        try:
            await client.set_fulfillment_context(fulfillment, token=session.token)
        except ApiError as error:
            await record_refusal(record, error)
            raise
        await record.save(evolve(record.state, session=evolve(session, context_set=True)))
    quote = record.state.quote
    if carry >= Carry.QUOTE and session and quote and quote.session_serial != session.serial:
        await ask_price(record, client, record.state.tip)


def _distrust(state: CheckoutState, refused: ApiError) -> CheckoutState:
    """The state after Gett refused the session's token: its level is corrected, or it is over."""
    if state.session is None:
        return state
    if isinstance(refused, SessionUserRequiredError):
        return evolve(state, session=evolve(state.session, level=Level.PARTNER_ONLY))
    return evolve(state, session=evolve(state.session, expires_at=state.created_at))


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``; a cancelled caller waits for its end too, and is then cancelled.

    A session that was opened but not saved would be opened again.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # fetched, so that it is not reported as forgotten
        raise
