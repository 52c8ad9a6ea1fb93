"""`Checkout`: one shopper's order, step by step. Each step is awaited, saved and resumable."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from attrs import evolve

from gett_checkout import placing
from gett_checkout.client import GettClient
from gett_checkout.core import machine
from gett_checkout.core import minimum as minimum_rules
from gett_checkout.core import requirements as registry
from gett_checkout.core.actions import (
    AddItems,
    ChooseFulfillment,
    ConfirmTotal,
    SignIn,
    StartOver,
    Wait,
)
from gett_checkout.core.card import NewCard, PaymentMethod
from gett_checkout.core.cart import (
    Line,
    LineProblem,
    Modifiers,
    read_modifiers,
    read_quantity,
    resolve,
)
from gett_checkout.core.catalog import CatalogSet, Store, shared
from gett_checkout.core.machine import (
    Abandoned,
    CartChanged,
    Event,
    FulfillmentChosen,
    NoAnswer,
    PaymentChosen,
    PlacementBegun,
    ShopperChanged,
)
from gett_checkout.core.minimum import TopUp
from gett_checkout.core.money import DEFAULT_CURRENCY, is_same_amount, read_amount, read_charge
from gett_checkout.core.order import (
    CardOnFile,
    Delivery,
    Fulfillment,
    GettPayment,
    Order,
    Payment,
    Pickup,
    Quote,
    SavedCard,
)
from gett_checkout.core.placement import Placement
from gett_checkout.core.session import Identity, Session
from gett_checkout.core.state import OPEN, Stage
from gett_checkout.core.view import CheckoutView, view_of
from gett_checkout.errors import (
    ApiError,
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    IdentityRequiredError,
    InvalidInputError,
    LineNotFoundError,
    OrderBelowMinimumError,
    OutcomeUnknownError,
    PlacementInProgressError,
    StepNotAllowedError,
    TotalChangedError,
    TransportError,
    UnreadableAnswerError,
)
from gett_checkout.menus import Menus
from gett_checkout.record import Record
from gett_checkout.upgrade import Carry, ask_price, set_context, with_session

T = TypeVar("T")

_INCOMPLETE = "MODIFIER_REQUIRED"


class Checkout:
    """One order on its way; get it from `Checkouts.start` or `Checkouts.open`.

    A step that returns has been saved. One that raises leaves the order as it was, but for what a
    refusal of Gett's says of it (a sold-out item, a declined card), which is then in the view; a
    session it opened is kept. After `StorageError` and `OutcomeUnknownError` it is not known: open
    the checkout again and look at the view. Steps of one checkout follow one another within a
    process; across processes the loser of a race gets `CheckoutConflictError` and opens the
    checkout again.

    Any step may raise `StepNotAllowedError` when it does not fit the stage, `InvalidInputError`,
    `StorageError`, and, when it asks Gett, `ApiError`, `TransportError` or `UnreadableAnswerError`;
    what else it raises is said with it. Every `GettCheckoutError` that leaves a step carries
    ``checkout_id`` and ``next_action``.
    """

    def __init__(self, record: Record, client: GettClient, menus: Menus) -> None:
        self._record = record
        self._client = client
        self._menus = menus

    def __repr__(self) -> str:
        return f"<Checkout {self.id} at {self._record.state.stage}>"

    @property
    def id(self) -> str:
        """The id to open this checkout with, on any worker."""
        return self._record.state.checkout_id

    @property
    def view(self) -> CheckoutView:
        """Where the checkout stands now: all a page needs to show, and no secret."""
        return view_of(self._record.state, self._record.now())

    @property
    def store(self) -> Store | None:
        """The store, as it was when it was last browsed."""
        return self._record.state.store

    @property
    def catalog(self) -> CatalogSet | None:
        """The store's menu, if this process has it at hand; `browse` and `menu` get it."""
        store = self.store
        return self._menus.peek(store.catalog_set_id) if store and store.catalog_set_id else None

    async def menu(self) -> CatalogSet:
        """The store's menu, at any stage; read from Gett when this process does not have it yet.

        `StepNotAllowedError` before a store is chosen. Docs: Catalog.
        """
        with self._explained("menu"):
            return await self._menu()

    # --- browse -----------------------------------------------------------------------------------

    async def browse(self, store_id: str, *, replace_cart: bool = False) -> CatalogSet:
        """Choose the store, or read it again, and load its menu. Opens no session.

        A cart belongs to one store: going to another one with something in the cart is
        `InvalidInputError` unless ``replace_cart`` is true. `StoreNotFoundError` for an unknown
        store, `StepNotAllowedError` for one without a menu. Docs: Stores; Catalog.
        """
        async with self._step("browse", CartChanged):
            state = self._record.state
            moves = state.store is not None and state.store.store_id != store_id
            if moves and state.lines and not replace_cart:
                raise InvalidInputError(
                    "the cart holds items of another store; pass replace_cart=True to drop them"
                )
            store = shared(await self._client.get_store(store_id))
            if store.catalog_set_id is None:
                raise StepNotAllowedError("the store has no menu", step="browse", stage=state.stage)
            menu = await self._menus.get(store.catalog_set_id, store_id=store_id)
            lines = () if moves else tuple(resolve(line, menu) for line in state.lines)
            await self._browsed(store, lines)
            return menu

    async def _browsed(self, store: Store, lines: tuple[Line, ...]) -> None:
        """Reading the same menu again leaves the quote alone; anything else is another cart."""
        state = self._record.state
        is_same_menu = state.store is not None and (
            (state.store.store_id, state.store.catalog_set_id)
            == (store.store_id, store.catalog_set_id)
        )
        is_blameless = state.cart_refused is None and state.store_refused is None
        if is_same_menu and is_blameless and lines == state.lines:
            await self._record.change(lambda state: evolve(state, store=store))
        else:
            await self._record.happen(CartChanged(lines, store))

    # --- the cart ---------------------------------------------------------------------------------

    async def add(
        self,
        item_id: str,
        *,
        quantity: int = 1,
        modifiers: Modifiers | None = None,
        special_instructions: str | None = None,
    ) -> Line:
        """Put an item into the cart; the new line, whose ``line_id`` names it from now on.

        ``modifiers`` maps a modifier group's id to the item ids chosen in it, or to `Modifier`
        values where a choice has a quantity or choices of its own. Required choices may be made
        later (`update`); what the menu does not offer is `InvalidInputError`.
        """
        async with self._step("add", CartChanged):
            if not isinstance(item_id, str):
                raise InvalidInputError("an item_id must be a string")
            line = Line(
                line_id=str(uuid.uuid4()),
                item_id=item_id,
                quantity=read_quantity(quantity),
                groups=read_modifiers(modifiers),
                special_instructions=_text(special_instructions),
            )
            line = self._accept(line, await self._menu())
            await self._record.happen(CartChanged((*self._record.state.lines, line)))
            return line

    async def update(
        self,
        line_id: str,
        *,
        quantity: int | None = None,
        modifiers: Modifiers | None = None,
        special_instructions: str | None = None,
    ) -> Line:
        """Change a line; what is ``None`` stays as it is, and ``modifiers`` replaces all choices.

        Empty ``special_instructions`` take them away. `LineNotFoundError` for an unknown line.
        """
        async with self._step("update", CartChanged):
            line = self._line(line_id)
            if quantity is not None:
                line = evolve(line, quantity=read_quantity(quantity))
            if modifiers is not None:
                line = evolve(line, groups=read_modifiers(modifiers))
            if special_instructions is not None:
                line = evolve(line, special_instructions=_text(special_instructions))
            line = self._accept(line, await self._menu())
            lines = self._record.state.lines
            await self._record.happen(
                CartChanged(tuple(line if each.line_id == line_id else each for each in lines))
            )
            return line

    async def remove(self, line_id: str) -> None:
        """Take a line out of the cart; `LineNotFoundError` for an unknown one."""
        async with self._step("remove", CartChanged):
            self._line(line_id)
            rest = tuple(each for each in self._record.state.lines if each.line_id != line_id)
            await self._record.happen(CartChanged(rest))

    async def top_ups(self, limit: int = 5) -> tuple[TopUp, ...]:
        """At most ``limit`` menu items that would close the minimum-order gap, the cheapest way first.

        Empty when there is no gap.
        """
        with self._explained("top_ups"):
            gap = registry.minimum_gap(self._record.state, self._record.now())
            if gap is None or gap.met:
                return ()  # without loading the menu
            return minimum_rules.top_ups(gap, await self._menu(), limit)

    async def _menu(self) -> CatalogSet:
        store = self._record.state.store
        if store is None or store.catalog_set_id is None:
            raise StepNotAllowedError("choose a store first", stage=self._record.state.stage)
        return await self._menus.get(store.catalog_set_id, store_id=store.store_id)

    def _line(self, line_id: str) -> Line:
        for line in self._record.state.lines:
            if line.line_id == line_id:
                return line
        raise LineNotFoundError("there is no such line in the cart")

    @staticmethod
    def _accept(line: Line, menu: CatalogSet) -> Line:
        """The line by the menu; `InvalidInputError` for all that no later choice can mend."""
        line = resolve(line, menu)
        wrong = [problem for problem in line.problems if problem.code != _INCOMPLETE]
        if wrong:
            raise _not_offered(wrong)
        return line

    # --- fulfillment, price, shopper, payment -----------------------------------------------------

    async def fulfill(self, fulfillment: Fulfillment) -> None:
        """Say how the order is to reach the shopper, and set it on the session.

        Opens the first session, of the highest level the known identity allows.
        `StepNotAllowedError` when the store does not offer it. Docs: Session › Fulfillment context.
        """
        async with self._step("fulfill", FulfillmentChosen):
            if not isinstance(fulfillment, Delivery | Pickup):
                raise InvalidInputError("pass a Delivery or a Pickup")
            offered = registry.offers(self._record.state)
            if fulfillment.type not in offered:
                refused = StepNotAllowedError(f"the restaurant does not offer {fulfillment.type}")
                refused.next_action = ChooseFulfillment(offered)
                raise refused
            state = self._record.state
            if fulfillment == state.fulfillment and state.session and state.session.context_set:
                await self._record.change(lambda state: state)  # unless another worker chose anew
                return

            async def call(session: Session) -> None:
                await self._set_context(fulfillment, session)

            await self._with_session("set_fulfillment_context", Carry.SESSION, call, fulfillment)

    async def _set_context(self, fulfillment: Fulfillment, session: Session) -> None:
        record, event = self._record, FulfillmentChosen(fulfillment)
        doubt = await set_context(record, self._client, session, fulfillment)
        await record.change(
            lambda state: machine.apply(state, event, record.now()).with_context(
                session, sent=doubt, is_set=True
            )
        )

    async def validate(self, *, tip: Decimal | int | str | None = None) -> Quote:
        """Have Gett price the order; ``tip`` in major units, ``None`` keeps the one chosen before.

        The first quote of an order is the total the shopper agrees to by going on; when a later
        one of the same order differs, `confirm_total` is needed. `IdentityRequiredError` when Gett
        has said that it prices for end users only, and none is known. Docs: Orders › validate.
        """
        async with self._step("validate", machine.Quoted):
            wanted = self._record.state.tip
            if tip is not None:
                wanted = read_charge(tip, what="the tip", currency=self._currency)
            state = self._record.state
            if state.end_user_needed and not state.has_end_user(self._record.now()):
                raise IdentityRequiredError("Gett prices for end users only: call identify first")

            async def call(session: Session) -> Quote:
                return await ask_price(self._record, self._client, session, wanted)

            return await self._with_session("validate_order", Carry.CONTEXT, call)

    async def identify(self, identity: Identity) -> None:
        """Say who the shopper is. Sends nothing: the next step that needs it upgrades the session.

        Another e-mail is another shopper: cart and fulfillment stay, the price, a saved card and
        the session go.
        """
        async with self._step("identify"):
            if not isinstance(identity, Identity):
                raise InvalidInputError("pass an Identity")
            known = self._record.state.identity
            # While an order's outcome is unknown, a session may have to be opened to learn it.
            is_first = known is None and self._stage is Stage.PLACING
            if not is_first and self._stage not in OPEN:
                raise self._not_now("identify")
            if known is None or known.is_same_person(identity):
                await self._record.change(lambda state: evolve(state, identity=identity))
            else:
                await self._record.happen(ShopperChanged(identity))

    async def session_token(self) -> str:
        """The session's token, for the front end's Marketfront SDK; opens a session if there is none.

        It is a credential: hand it to this shopper only. A later step may replace the session, and
        what the front end sets on it, a fulfillment context say, this checkout does not see.
        """
        async with self._step("session_token"):

            async def call(session: Session) -> str:
                return session.token

            return await self._with_session("set_fulfillment_context", Carry.CONTEXT, call)

    async def confirm_total(self, total: Decimal | int | str) -> None:
        """The shopper agrees to ``total``, in major units: the amount that was shown.

        `TotalChangedError` when the live quote says another one, `StepNotAllowedError` without one.
        """
        async with self._step("confirm_total"):
            quote = self._record.state.quote
            if quote is None or self._stage not in (Stage.PAY, Stage.PLACE):
                raise StepNotAllowedError("there is no price to confirm", stage=self._stage)
            self._require_total(_read_total(total), quote)
            agreed = quote.amounts.total
            await self._record.change(lambda state: evolve(state, agreed_total=agreed))

    async def pay(self, payment: Payment) -> None:
        """Say how the order is to be paid; nothing is charged before `place`.

        Needs an end user: `IdentityRequiredError` before any request when none is known. Upgrades
        a partner-only session, and carries fulfillment and price over. Docs: Orders › payment.
        """
        async with self._step("pay", PaymentChosen):
            if not isinstance(payment, CardOnFile | SavedCard | GettPayment):
                raise InvalidInputError("pass a CardOnFile, a SavedCard or a GettPayment")

            async def call(_: Session) -> None:
                await self._record.happen(PaymentChosen(payment))

            await self._with_session("place_order", Carry.QUOTE, call)

    async def saved_cards(self) -> tuple[PaymentMethod, ...]:
        """The cards this shopper keeps at Gett; pay with ``SavedCard(payment_id)``.

        Needs an end user, as `pay` does. Docs: Saved cards.
        """
        async with self._step("saved_cards"):

            async def call(session: Session) -> tuple[PaymentMethod, ...]:
                return await self._client.list_payment_methods(token=session.token)

            return await self._with_session("list_payment_methods", Carry.SESSION, call)

    async def add_card(self, card: NewCard) -> PaymentMethod:
        """Save a card for this shopper at Gett. It is sent once and kept nowhere here.

        When no answer comes, look at `saved_cards` before trying again. Docs: Saved cards.
        """
        async with self._step("add_card"):
            if not isinstance(card, NewCard):
                raise InvalidInputError("pass a NewCard")

            async def call(session: Session) -> PaymentMethod:
                return await self._client.add_payment_card(card, token=session.token)

            return await self._with_session("add_payment_card", Carry.SESSION, call)

    # --- the order --------------------------------------------------------------------------------

    async def place(self, *, total: Decimal | int | str | None = None) -> Order:
        """Place the order, exactly once; the same order again when it is placed already.

        ``total``, in major units, is what the shopper saw on the button, if given: when the order
        would cost another amount by now, `TotalChangedError`. Refuses before any request what the
        view's requirements name: `OrderBelowMinimumError`, `IdentityRequiredError`,
        `TotalChangedError`, else `StepNotAllowedError`. `OutcomeUnknownError` when no answer says
        what became of it: call ``place`` again, here or elsewhere, and it is the same order.
        `PlacementInProgressError` while another worker sends. Once it has begun, the caller's
        cancellation does not stop it. Docs: Orders › place; Idempotency.
        """
        order = await self._locked(self._place, total)
        assert order is not None  # noqa: S101 - only `settle` comes back without one
        return order

    async def settle(self) -> Order | None:
        """Learn what became of a placement, as `place` does, and never begin another one.

        ``None``, and nothing is sent, when none is under way.
        """
        return await self._locked(self._place, None, only_settle=True)

    async def _locked(
        self, step: Callable[..., Coroutine[Any, Any, T]], *args: Any, **rest: Any
    ) -> T:
        """Run the step under the lock and to its end, once it has the lock, whoever is cancelled."""
        lock = self._record.lock
        await lock.acquire()
        task = self._client.kept(step(*args, **rest))
        task.add_done_callback(lambda _: lock.release())
        return await asyncio.shield(task)

    async def _place(
        self, total: Decimal | int | str | None, *, only_settle: bool = False
    ) -> Order | None:
        with self._explained("settle" if only_settle else "place"):
            shown = None if total is None else _read_total(total)
            await self._at_now()
            try:
                return await self._place_or_resume(shown, only_settle=only_settle)
            except CheckoutConflictError:
                # Somebody saved first; if it was a placement, it is ours to wait for.
                await self._record.reload()
                if self._stage in OPEN and not only_settle:
                    raise
                return await self._place_or_resume(shown, only_settle=only_settle)

    def _require_total(self, shown: Decimal, quote: Quote) -> None:
        """`TotalChangedError` when the quote says another total than the one that was shown."""
        if not is_same_amount(shown, quote.amounts.total, self._currency):
            raise TotalChangedError(
                "the total is not the one that was shown", before=shown, after=quote.amounts.total
            )

    async def _place_or_resume(self, shown: Decimal | None, *, only_settle: bool) -> Order | None:
        state, now = self._record.state, self._record.now()
        if state.order is not None or (only_settle and state.stage is not Stage.PLACING):
            return state.order
        if state.stage is Stage.ABANDONED:
            raise StepNotAllowedError("the checkout was abandoned", stage=self._stage)
        if state.stage is Stage.PLACING:
            await self._require_resumable(state.placement, now)
        elif refusal := registry.refusal(state, now):
            raise refusal
        elif shown is not None and state.quote is not None:
            self._require_total(shown, state.quote)
        try:
            return await self._with_session("place_order", Carry.QUOTE, self._send)
        except (ApiError, TransportError, UnreadableAnswerError) as error:
            if self._stage is Stage.PLACING:  # it could not be asked, for want of a session say
                raise placing.outcome_unknown(self._record) from error
            raise

    async def _require_resumable(self, placement: Placement | None, now: datetime) -> None:
        """The same bytes may go out again while their key lives and nobody else sends them."""
        if placement is None or placement.is_too_old(now):
            await self._record.change(lambda state: state)  # saved once more, as not due any longer
            placing.concluded(self._record, "too_old", placement)
            raise OutcomeUnknownError(
                "the placement is too old to be sent again under its key: a person must look at it"
            )
        if (seconds := placement.come_back_after(now)) > 0:
            busy = PlacementInProgressError("another worker is placing this order")
            busy.retry_after = seconds
            raise busy

    async def postpone(self) -> None:
        """After `place` could not settle the placement: have `Checkouts.settle` look again later."""
        async with self._step("postpone"):
            placement, now = self._record.state.placement, self._record.now()
            if self._stage is Stage.PLACING and placement and not placement.lease_left(now):
                await self._record.happen(NoAnswer(placement.postponed(now)))

    async def _send(self, session: Session) -> Order:
        """Save key and body, then send them: in this order, or not at all. Or send them again."""
        record = self._record
        if record.state.stage is Stage.PLACING:
            await placing.resume(record, self._client)
            return await placing.send(record, self._client, token=session.token, sent_before=True)
        placement = placing.prepare(record.state, self._client, record.now())
        await record.happen(PlacementBegun(placement))
        return await placing.send(record, self._client, token=session.token, sent_before=False)

    async def abandon(self) -> None:
        """Give the checkout up. Not possible once the order is on its way."""
        async with self._step("abandon", Abandoned):
            await self._record.happen(Abandoned())

    # --- every step -------------------------------------------------------------------------------

    @property
    def _stage(self) -> Stage:
        return self._record.state.stage

    @property
    def _currency(self) -> str:
        return self.store.currency if self.store else DEFAULT_CURRENCY

    async def _with_session(
        self,
        operation: str,
        carry: Carry,
        call: Callable[[Session], Awaitable[T]],
        fulfillment: Fulfillment | None = None,
    ) -> T:
        """Run ``call`` in a session good enough for the operation, and for a new fulfillment."""
        least = self._client.assumptions.operation(operation).level
        try:
            return await with_session(
                self._record, self._client, call, least=least, carry=carry, fulfillment=fulfillment
            )
        except OrderBelowMinimumError:
            await self._read_minimum()
            raise

    async def _read_minimum(self) -> None:
        """Read the store's minimum again when the one we know is reached and Gett says it is not.

        Docs: Errors › ORDER_BELOW_MINIMUM.
        """
        store, gap = self.store, registry.minimum_gap(self._record.state, self._record.now())
        if store is None or (gap is not None and not gap.met):
            return
        with suppress(GettCheckoutError):  # the refusal is to be told either way
            amount = (await self._client.get_store(store.store_id)).minimum_order_amount
            fresh = shared(evolve(store, minimum_order_amount=amount))
            await self._record.change(lambda state: evolve(state, store=fresh))

    @asynccontextmanager
    async def _step(self, name: str, event: type[Event] | None = None) -> AsyncIterator[None]:
        """One step at a time, on the state as it stands now; refused when its event is not legal."""
        async with self._record.lock:
            with self._explained(name):
                await self._at_now()
                if event is not None and not machine.is_legal(self._stage, event):
                    raise self._not_now(name)
                yield

    def _not_now(self, step: str) -> StepNotAllowedError:
        """The error of a step that does not fit the stage; it says what to do first."""
        missing = registry.requirements(self._record.state, self._record.now())
        # Below the minimum everything is possible but `place`.
        first = next((each.message for each in missing if each.code != "minimum_order"), None)
        words = f"{step} is not possible at stage {self._stage}"
        return StepNotAllowedError(f"{words}: {first}" if first else words)

    async def _at_now(self) -> None:
        await self._record.refresh()
        self._record.becomes(machine.at(self._record.state, self._record.now()))

    @contextmanager
    def _explained(self, step: str) -> Iterator[None]:
        """Hooks are told; errors leave with the checkout's id, what is missing, what to do next."""
        with self._record.hooks.step(step, lambda: self._stage):
            try:
                yield
            except GettCheckoutError as error:
                self._explain(error, step)
                raise

    def _explain(self, error: GettCheckoutError, step: str) -> None:
        state, now = self._record.state, self._record.now()
        missing, natural = registry.outlook(state, now)
        error.checkout_id = self.id
        # Gett's documented advice stands, unless ours is the same with more to act on.
        if error.next_action is None or error.next_action.kind == natural.kind:
            error.next_action = natural
        match error:
            case IdentityRequiredError():
                error.next_action = SignIn()
            case CheckoutConflictError():  # what we know of the checkout is out of date
                error.next_action = Wait(error.retry_after or 0.0)
            case CheckoutNotFoundError():
                error.next_action = StartOver()
            case TotalChangedError():
                error.next_action = ConfirmTotal(error.before, error.after)
            case _:
                pass
        error.requirements = error.requirements or missing
        if isinstance(error, StepNotAllowedError):
            error.step, error.stage = step, str(state.stage)
        if isinstance(error, OrderBelowMinimumError) and error.minimum_order is None:
            error.minimum_order = registry.minimum_gap(state, now)
            error.next_action = AddItems(error.minimum_order)
        if state.placement is not None and error.idempotency_key is None:
            error.idempotency_key = state.placement.idempotency_key


def _read_total(total: Decimal | int | str) -> Decimal:
    try:
        return read_amount(total)
    except ValueError as error:
        raise InvalidInputError(f"the total: {error}") from None


def _text(value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidInputError("special_instructions must be a string")
    return value or None


def _not_offered(problems: Sequence[LineProblem]) -> InvalidInputError:
    return InvalidInputError("; ".join(problem.message for problem in problems))
