"""The session a step runs in: opened, upgraded or renewed, with everything carried over to it.

There is no upgrade call: a higher session is a new one (docs: Session), on which the fulfillment
context is set again and, if there was a quote, the price is asked again. The state says which of
this is done; so whatever interrupts it, doing it again does only what is left.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum

from attrs import evolve

from gett_checkout._client import GettClient
from gett_checkout._core.actions import ContactSupport
from gett_checkout._core.codes import refuse
from gett_checkout._core.machine import (
    ContextSent,
    ContextSet,
    ContextUnchanged,
    Quoted,
    SessionDistrusted,
    SessionOpened,
    SessionRenewed,
)
from gett_checkout._core.order import Delivery, Fulfillment, Quote
from gett_checkout._core.session import Level, Session
from gett_checkout._core.state import OPEN, CheckoutState, Stage
from gett_checkout._record import Record
from gett_checkout.errors import (
    ApiAuthenticationError,
    ApiError,
    GettCheckoutError,
    IdentityRequiredError,
    SessionUserRequiredError,
    StepNotAllowedError,
    UnauthenticatedError,
)


class Carry(IntEnum):
    """How much a step needs carried over to a new session; a higher one includes the lower."""

    SESSION = 0
    CONTEXT = 1
    QUOTE = 2


class ShopperSession:
    """The session of one checkout's steps.

    `ready` comes first in a step that needs one. A token that Gett refuses gives way once in a
    step; a second refusal is raised. Never a loop.
    """

    def __init__(self, record: Record, client: GettClient) -> None:
        self._record = record
        self._client = client
        self.begin()

    def begin(self) -> None:
        """Forget what an earlier step knew."""
        self._in_use: Session | None = None  # the one whose token goes out, and may be refused
        self._least = Level.NONE
        self._is_last = False

    async def ready(
        self, operation: str, carry: Carry, fulfillment: Fulfillment | None = None
    ) -> Session:
        """A session good enough for the operation, with as much of the order on it as ``carry`` says.

        It has the highest level there can be. ``fulfillment`` is what the step is about to set on
        it, if it does. Raises `IdentityRequiredError` before any request when only an end user
        would do and none is known.
        """
        least = max(self._least, self._client.assumptions.operation(operation).level)
        how = fulfillment or self._record.state.fulfillment
        if isinstance(how, Delivery) and how.address_id is not None:
            least = Level.END_USER  # an address stored at Gett belongs to an end user
        session = self._record.state.session
        if session is None or not self._will_do(session, least, fulfillment):
            session = await self._open(least)
        self._in_use = session
        state = self._record.state
        # An order whose outcome is not known may be made yet, in this session: so the context is
        # set then, too, for it to go where it was to go. Its price stands.
        if state.stage in OPEN or state.stage is Stage.PLACING:
            await self._carry_over(state, session, carry)
        return session

    def gives_way(self, refused: ApiAuthenticationError) -> bool:
        """Whether the step may run again, in another session than the one Gett refused."""
        if not self.may_give_way(refused):
            if self._in_use is not None and self._is_last:
                refused.next_action = ContactSupport("SESSION_REFUSED")
            return False
        wants_end_user = isinstance(refused, SessionUserRequiredError)
        self._record.happen(SessionDistrusted(wants_end_user))
        if wants_end_user:
            self._least = Level.END_USER
        self._is_last = True
        return True

    def may_give_way(self, error: GettCheckoutError) -> bool:
        """Whether the error is the first refusal of the session in use; not of the API key."""
        is_refusal = isinstance(error, SessionUserRequiredError | UnauthenticatedError)
        return is_refusal and self._in_use is not None and not self._is_last

    async def set_context(self, fulfillment: Fulfillment) -> None:
        """Set the fulfillment context. Saved first: until Gett responds nobody knows which it has.

        A response says nothing of an earlier send that got none: that one stays in doubt.
        """
        await self._record.to_its_end(self._set_context(fulfillment))

    async def ask_price(self, tip: Decimal | None) -> Quote:
        """Have Gett price the cart as it stands; ``tip`` in major units."""
        state = self._record.state
        if state.store is None or state.fulfillment is None or state.session is None:
            raise StepNotAllowedError("there is nothing to price yet", stage=state.stage)
        priced = await self._client.validate_order(
            state.store, state.lines, state.fulfillment, tip=tip, token=state.session.token
        )
        quote = evolve(priced, session_serial=state.session.serial)
        self._record.happen(Quoted(quote, tip))
        return quote

    def _will_do(self, session: Session, least: Level, fulfillment: Fulfillment | None) -> bool:
        state, now = self._record.state, self._record.now()
        return (
            session.is_fresh(now)
            and session.level >= max(least, state.openable_level)
            and session.may_carry(fulfillment or state.fulfillment)
        )

    async def _open(self, least: Level) -> Session:
        openable = self._record.state.openable_level
        if openable < least:
            raise IdentityRequiredError("this step needs an end user: call identify first")
        self._in_use = None  # what goes out is the API key
        # A session that was opened but not saved would be opened again, so this goes on to its end.
        session = await self._record.to_its_end(self._create())
        if session.level < openable:
            raise refuse(
                "SESSION_USER_REQUIRED",
                "Gett made a session without an end user although an e-mail was given",
                operation="create_session",
                next_action=ContactSupport("SESSION_REFUSED"),
            )
        return session

    async def _create(self) -> Session:
        record = self._record
        opened = await self._client.create_session(record.state.identity)
        before = record.state
        session = evolve(opened, serial=before.sessions + 1)
        if before.sessions:
            record.happen(SessionRenewed(session, record.now()))
        else:
            record.happen(SessionOpened(session))
        return session

    async def _carry_over(self, state: CheckoutState, session: Session, carry: Carry) -> None:
        """Set the context and ask the price again in this session, where that is still to do."""
        is_open = state.stage in OPEN
        if carry >= Carry.CONTEXT and state.fulfillment and not session.context_set:
            try:
                await self.set_context(state.fulfillment)
            except ApiError as error:
                # The response to an order that was sent is stored under its key, whatever the address
                # is worth by now: it is asked for all the same.
                if is_open or error.may_have_had_effect or error.status in (401, 429):
                    raise
        quote = state.quote if is_open else None
        if carry >= Carry.QUOTE and quote and quote.session_serial != session.serial:
            await self.ask_price(state.tip)

    async def _set_context(self, fulfillment: Fulfillment) -> None:
        record = self._record
        before = record.state.session
        if before is None:
            raise StepNotAllowedError("there is no session yet", stage=record.state.stage)
        record.happen(ContextSent(fulfillment))
        await record.save()
        try:
            await self._client.set_fulfillment_context(fulfillment, token=before.token)
        except GettCheckoutError as error:
            if not error.may_have_had_effect:
                record.happen(ContextUnchanged(before))
            raise
        record.happen(ContextSet(before.context_sent))
