"""The session a step runs in: opened, upgraded or renewed, with the order's data carried over.

There is no upgrade call: a higher session is a new one (docs: Session), on which the fulfillment
context is set again and, if there was a quote, the order is priced again. The state records what is
done, so after any interruption only the rest is repeated.
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

    A step that needs a session calls `ready` first. A token that Gett rejects is replaced once per
    step; a second rejection is raised. It never loops.
    """

    def __init__(self, record: Record, client: GettClient) -> None:
        self._record = record
        self._client = client
        self.begin()

    def begin(self) -> None:
        """Forget the state of an earlier step."""
        self._in_use: Session | None = None  # the one whose token is sent, and may be rejected
        self._least = Level.NONE
        self._is_last = False

    async def ready(
        self, operation: str, carry: Carry, fulfillment: Fulfillment | None = None
    ) -> Session:
        """Return a session with the operation's level, with as much of the order on it as ``carry`` says.

        It has the highest possible level. ``fulfillment`` is passed by a step that is about to set it.
        Raises `IdentityRequiredError` before any request when the operation needs an end user and no
        identity is known.
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
        # An order with an unknown outcome may still be made, in this session: so the context is set
        # then, too, for it to go to the right place. Its price stands.
        if state.stage in OPEN or state.stage is Stage.PLACING:
            await self._carry_over(state, session, carry)
        return session

    def gives_way(self, rejected: ApiAuthenticationError) -> bool:
        """Whether the step may be repeated, in another session than the one Gett rejected."""
        if not self.may_give_way(rejected):
            if self._in_use is not None and self._is_last:
                rejected.next_action = ContactSupport("SESSION_REFUSED")
            return False
        wants_end_user = isinstance(rejected, SessionUserRequiredError)
        self._record.happen(SessionDistrusted(wants_end_user))
        if wants_end_user:
            self._least = Level.END_USER
        self._is_last = True
        return True

    def may_give_way(self, error: GettCheckoutError) -> bool:
        """Whether the error is the first rejection of the session in use, and not of the API key."""
        is_rejection = isinstance(error, SessionUserRequiredError | UnauthenticatedError)
        return is_rejection and self._in_use is not None and not self._is_last

    async def set_context(self, fulfillment: Fulfillment) -> None:
        """Set the fulfillment context. Saved first: until Gett responds, the session's context is unknown.

        Its response says nothing about an earlier request without one: that context stays in doubt.
        """
        await self._record.to_its_end(self._set_context(fulfillment))

    async def ask_price(self, tip: Decimal | None) -> Quote:
        """Have Gett price the current cart; ``tip`` is in major units."""
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
        self._in_use = None  # the API key is sent
        # A session that was opened but not saved would be opened again, so this runs to its end.
        session = await self._record.to_its_end(self._create())
        if session.level < openable:
            raise refuse(
                "SESSION_USER_REQUIRED",
                "Gett created a session without an end user although an e-mail was given",
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
        """Set the context and price the order again in this session, where still needed."""
        is_open = state.stage in OPEN
        if carry >= Carry.CONTEXT and state.fulfillment and not session.context_set:
            try:
                await self.set_context(state.fulfillment)
            except ApiError as error:
                # The response to an order that was sent is stored under its key, even if the address is
                # no longer valid: ask for it nevertheless.
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
