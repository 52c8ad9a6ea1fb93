"""`Checkout`: one shopper's order, step by step. Each step is awaited, saved and resumable."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Final

from attrs import evolve

from gett_checkout import _following as following
from gett_checkout import _handing_over as handing_over
from gett_checkout import _placing as placing
from gett_checkout._client import GettClient
from gett_checkout._core import minimum as minimum_rules
from gett_checkout._core import requirements as registry
from gett_checkout._core.card import NewCard, PaymentMethod
from gett_checkout._core.cart import (
    MAX_LINES,
    Line,
    LineProblem,
    Modifiers,
    read_instructions,
    read_item_id,
    read_line_id,
    read_modifiers,
    read_quantity,
    resolve,
)
from gett_checkout._core.catalog import CatalogSet, Store, shared
from gett_checkout._core.codes import Part
from gett_checkout._core.contact import Contact
from gett_checkout._core.edits import means_the_same
from gett_checkout._core.machine import (
    Abandoned,
    CartChanged,
    FulfillmentChosen,
    Identified,
    IdentityCorrected,
    NotPlaced,
    OrderRead,
    PaymentChosen,
    PlacementPostponed,
    Quoted,
    RecipientChosen,
    Resolved,
    ShopperChanged,
    StoreRead,
    TotalConfirmed,
)
from gett_checkout._core.minimum import Suggestion
from gett_checkout._core.order import (
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
from gett_checkout._core.placement import Placement
from gett_checkout._core.session import Identity, Session
from gett_checkout._core.state import OPEN, Resolution, Stage
from gett_checkout._core.validators import each_of, read_charge
from gett_checkout._core.view import CheckoutView, view_of
from gett_checkout._menus import Menus
from gett_checkout._money import DEFAULT_CURRENCY, is_same_amount, read_amount
from gett_checkout._record import Record
from gett_checkout._steps import HAND_OVER_WAIT, look, step
from gett_checkout._upgrade import Carry, ShopperSession
from gett_checkout.errors import (
    ApiError,
    CartOfAnotherStoreError,
    CheckoutConflictError,
    FieldError,
    GettCheckoutError,
    IdentityRequiredError,
    InvalidInputError,
    InvalidResponseError,
    LineNotFoundError,
    MenuChangedError,
    OrderBelowMinimumError,
    OrderTotalDifferentError,
    OutcomeUnknownError,
    PlacementInProgressError,
    StepNotAllowedError,
    TotalChangedError,
    TransportError,
    pointer_to,
)
from gett_checkout.telemetry import logs
from gett_checkout.telemetry.events import digest

_INCOMPLETE = "MODIFIER_REQUIRED"
_TOO_MANY = "MODIFIER_TOO_MANY"
_MOST_EDITS: Final = 50  # each time another worker saved an edit of its own first
_EDIT_AGAIN: Final = 0.1  # seconds, at most


class Checkout:
    """One order in progress; get it from `Checkouts.start` or `Checkouts.open`.

    A step that returns has been saved. A step that raises leaves the order unchanged, but may save what
    Gett's rejection revealed about it (a sold-out item, a declined card), which the view then shows. It
    also saves a session it opened. `place` and `confirm_total` also save the total the shopper agreed
    to and a new price from Gett. After `StorageError` and `OutcomeUnknownError` the state is uncertain:
    open the checkout again and look at the view.

    Within a process, steps of one checkout run one after another. When workers in different processes
    change one checkout at once, the first save wins. A cart edit that comes second is applied to what
    was saved, provided that the store and the shopper are the same and the line it names was not
    changed. `place`, `reconcile` and `refresh_order` also continue from what was saved if they can. Any
    other step that comes second raises `CheckoutConflictError`.

    A whole step, with all its requests to Gett, has the same time limit as a single client call: the
    client's timeout plus its retry budget. Docs: Deployment › Times.

    Any step may raise `StepNotAllowedError` when it does not fit the stage, `InvalidInputError`,
    `StorageError` and, if it calls Gett, `ApiError`, `TransportError` or `InvalidResponseError`; each
    step lists what else it raises. Every `GettCheckoutError` raised by a step carries ``checkout_id``
    and ``next_action``.
    """

    def __init__(self, record: Record, client: GettClient, menus: Menus) -> None:
        self._record = record
        self._client = client
        self._menus = menus
        self._session = ShopperSession(record, client)
        self._admits: Callable[[Identity | None], bool] | None = None  # whose request this is

    def __repr__(self) -> str:
        return f"<Checkout {digest(self.id)} at {self._record.state.stage}>"

    @property
    def id(self) -> str:
        """The id to open this checkout with, on any worker; a bearer secret."""
        return self._record.state.checkout_id

    @property
    def view(self) -> CheckoutView:
        """The current state of the checkout, as a page needs it.

        It has no credential, card number, e-mail address or phone number, but its ``id`` is a bearer
        secret. It does contain the delivery address and the shopper's instructions; ``order.extra`` may
        hold more personal data, which ``to_dict`` omits.
        """
        return view_of(self._record.state, self._record.now())

    @property
    def store(self) -> Store | None:
        """The store, as last browsed."""
        return self._record.state.store

    @property
    def identity(self) -> Identity | None:
        """The shopper's identity, if known. Compare it with your own data; the view does not have it."""
        return self._record.state.identity

    @property
    def recipient(self) -> Contact | None:
        """The recipient of the order, if it is not the shopper; the view shows it masked."""
        return self._record.state.recipient

    @look
    async def menu(self) -> CatalogSet:
        """Return the store's menu, at any stage.

        It is fetched from Gett unless this process or the ``menu_cache`` of `Checkouts` has it.

        Raises `StepNotAllowedError` before a store is chosen. Docs: Catalog.
        """
        return await self._menu()

    # --- browse -----------------------------------------------------------------------------------

    @step(CartChanged)
    async def browse(self, store_id: str, *, replace_cart: bool = False) -> CatalogSet:
        """Choose the store, or read it again, and load its menu. Opens no session.

        A cart belongs to one store: choosing another store while the cart holds items raises
        `CartOfAnotherStoreError`, unless ``replace_cart`` is true. Raises `StoreNotFoundError` for an
        unknown store, `StepNotAllowedError` for one without a menu. Docs: Stores; Catalog.
        """
        if not isinstance(store_id, str) or not store_id:
            raise InvalidInputError("a store_id must be a string, not empty", field="store_id")
        if not isinstance(replace_cart, bool):
            raise InvalidInputError("replace_cart must be True or False", field="replace_cart")
        state = self._record.state
        moves = state.store is not None and state.store.store_id != store_id
        if moves and state.lines and not replace_cart:
            raise CartOfAnotherStoreError(
                "the cart holds items of another store; pass replace_cart=True to drop them"
            )
        store = await self._get_store(store_id)
        if store.catalog_set_id is None:
            raise StepNotAllowedError("the store has no menu")
        menu = await self._menus.get(store.catalog_set_id, store_id=store_id)
        lines = () if moves else tuple(resolve(line, menu) for line in state.lines)
        self._record.happen(CartChanged(lines, store))
        return menu

    # --- the cart ---------------------------------------------------------------------------------

    @step(CartChanged)
    async def add(
        self,
        item_id: str,
        *,
        quantity: int = 1,
        modifiers: Modifiers | None = None,
        special_instructions: str | None = None,
        line_id: str | None = None,
    ) -> Line:
        """Add an item to the cart and return the new line; its ``line_id`` identifies it.

        ``modifiers`` maps each modifier group's id to the item ids chosen in it. Where a chosen item
        itself has a quantity or further choices, use a `Modifier` value instead of its id. Required
        choices may be made later (`update`). Raises `MenuChangedError` for anything the menu does not
        offer, or no longer offers.

        A cart has at most 200 lines, and a line at most 1,000 choices, nested ones included, and 1,000
        characters of ``special_instructions``. An id on the menu has at most 200 characters.

        With a ``line_id`` of your own the call is idempotent: while the cart has that line, a call with
        the same content returns it unchanged, and one with different content raises
        `InvalidInputError`. The ``line_id`` has 1 to 64 ASCII letters, digits and ``._~-``, and starts
        with a letter or digit. Docs: Resume › Repeated calls.
        """
        given = each_of(
            item_id=lambda: read_item_id(item_id),
            quantity=lambda: read_quantity(quantity),
            groups=lambda: read_modifiers(modifiers),
            special_instructions=lambda: read_instructions(special_instructions),
            line_id=lambda: str(uuid.uuid4()) if line_id is None else read_line_id(line_id),
        )
        line = Line(**given)

        async def added() -> tuple[Line, tuple[Line, ...]]:
            known = self._record.state.line(line.line_id)
            if known is not None:
                await self._record.require_newest()  # it may have been removed since
                if known.content != line.content:
                    raise InvalidInputError(
                        "the cart has a line of this line_id, with other content", field="line_id"
                    )
                return known, self._record.state.lines
            if len(self._record.state.lines) >= MAX_LINES:
                await self._record.require_newest()  # another may have been removed since
                raise InvalidInputError(f"a cart has at most {MAX_LINES} lines")
            accepted = self._accept(line, await self._menu())
            return accepted, (*self._record.state.lines, accepted)

        return await self._edit(added)

    @step(CartChanged)
    async def update(
        self,
        line_id: str,
        *,
        quantity: int | None = None,
        modifiers: Modifiers | None = None,
        special_instructions: str | None = None,
    ) -> Line:
        """Change a line: ``None`` leaves a value unchanged, ``modifiers`` replaces all choices.

        Empty ``special_instructions`` remove them. Raises `LineNotFoundError` for an unknown line,
        `MenuChangedError` for anything the menu does not offer, or no longer offers. What is changed
        has the limits of `add`: at most 1,000 choices and 1,000 characters of instructions.
        """
        self._line(line_id)  # report a missing line before any other mistake
        checks: dict[str, Callable[[], object]] = {}
        if quantity is not None:
            checks["quantity"] = lambda: read_quantity(quantity)
        if modifiers is not None:
            checks["groups"] = lambda: read_modifiers(modifiers)
        if special_instructions is not None:
            checks["special_instructions"] = lambda: read_instructions(special_instructions)
        changed = each_of(**checks)

        async def updated() -> tuple[Line, tuple[Line, ...]]:
            line = self._accept(evolve(self._line(line_id), **changed), await self._menu())
            lines = self._record.state.lines
            return line, tuple(line if each.line_id == line_id else each for each in lines)

        return await self._edit(updated, line_id)

    @step(CartChanged)
    async def remove(self, line_id: str) -> None:
        """Remove a line from the cart. Raises `LineNotFoundError` for an unknown line."""

        async def removed() -> tuple[Line, tuple[Line, ...]]:
            line = self._line(line_id)
            return line, tuple(each for each in self._record.state.lines if each is not line)

        await self._edit(removed, line_id)

    async def _edit(
        self,
        edited: Callable[[], Awaitable[tuple[Line, tuple[Line, ...]]]],
        line_id: str | None = None,
    ) -> Line:
        """Save the cart as edited; repeat the edit when another worker saved first.

        ``edited`` returns the line and the cart. Raises `CheckoutConflictError` when the repeated edit
        would not mean the same.
        """
        before, tried = self._record.state, 0
        while True:
            try:
                line, lines = await edited()
                if lines is not self._record.state.lines:
                    self._record.happen(CartChanged(lines))
                    await self._record.save_changes()
            except CheckoutConflictError:
                await self._record.reload()
                tried += 1
                is_same = means_the_same(before, self._record.state, line_id)
                if tried == _MOST_EDITS or not is_same:
                    raise
            else:
                return line
            await self._client.sleep(_EDIT_AGAIN * self._client.jitter())

    @look
    async def suggest_items(self, limit: int = 5) -> tuple[Suggestion, ...]:
        """Return up to ``limit`` menu items that would close the minimum-order gap, cheapest first.

        Suggestions whose ``quantity`` is more than three come last, whatever they cost. Empty when
        there is no gap.
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise InvalidInputError("limit must be a whole number, at least 1", field="limit")
        gap = registry.minimum_gap(self._record.state, self._record.now())
        if gap is None or gap.met:
            return ()  # without loading the menu
        return minimum_rules.suggest_items(
            gap, await self._menu(), limit, self._record.state.sold_out
        )

    async def _menu(self) -> CatalogSet:
        store = self._record.state.store
        if store is None or store.catalog_set_id is None:
            raise StepNotAllowedError("choose a store first")
        return await self._menus.get(store.catalog_set_id, store_id=store.store_id)

    def _line(self, line_id: str) -> Line:
        if (line := self._record.state.line(line_id)) is not None:
            return line
        raise LineNotFoundError("there is no such line in the cart")

    @staticmethod
    def _accept(line: Line, menu: CatalogSet) -> Line:
        """Return the line checked against the menu; raise for problems that no later choice can fix."""
        line = resolve(line, menu)
        wrong = [problem for problem in line.problems if problem.code != _INCOMPLETE]
        if wrong:
            raise _not_offered(wrong)
        return line

    # --- fulfillment, price, shopper, payment -----------------------------------------------------

    @step(FulfillmentChosen, finishes=True)
    async def fulfill(self, fulfillment: Fulfillment) -> None:
        """Set how the order reaches the shopper (delivery or pickup).

        It is set both in the checkout and on the Gett session.

        Opens a session if there is none, at the highest level the known identity allows. Raises
        `StepNotAllowedError` when the store does not offer this type, and `IdentityRequiredError` when
        an address stored at Gett is chosen for a shopper who is not known. Docs: Session › Fulfillment
        context.
        """
        if not isinstance(fulfillment, Delivery | Pickup):
            raise InvalidInputError("pass a Delivery or a Pickup; parse_fulfillment reads JSON")
        state = self._record.state
        self._require_offered(fulfillment)
        if fulfillment == state.fulfillment and state.session and state.session.context_set:
            self._record.happen(FulfillmentChosen(fulfillment))
            await self._record.save()  # fails if another worker chose another one
            return
        await self._session.ready("set_fulfillment_context", Carry.SESSION, fulfillment)
        await self._session.set_context(fulfillment)
        self._record.happen(FulfillmentChosen(fulfillment))

    @step(Quoted)
    async def validate(self, *, tip: Decimal | int | str | None = None) -> Quote:
        """Have Gett price the order; ``tip`` is in major units (default: the tip chosen before).

        The shopper agrees to the total of an order's first quote by going on to pay. If a later quote
        for the same order has another total, the shopper must agree to that one, with `confirm_total`
        or ``place(total=…)``, unless only the tip was changed. Raises `IdentityRequiredError` when
        pricing needs an end user and neither an identity nor an end-user session is known. Pricing
        needs one if Gett or your `Assumptions` said so, or for an address stored at Gett. Docs: Orders
        › validate.
        """
        wanted = self._record.state.tip
        if tip is not None:
            wanted = read_charge(tip, field="tip", currency=self._currency)
        state = self._record.state
        if state.end_user_needed and not state.has_end_user(self._record.now()):
            raise IdentityRequiredError("Gett prices for end users only: call identify first")
        self._require_offered(state.fulfillment)
        await self._session.ready("validate_order", Carry.CONTEXT)
        return await self._session.ask_price(wanted)

    @step(Identified)
    async def identify(self, identity: Identity) -> None:
        """Identify the shopper. Sends nothing: the next step that needs it upgrades the session.

        An identity with another e-mail address is another shopper. So is the first identity of a
        checkout that was started with only an end-user ``session_token``, whose owner is unknown. After
        a change of shopper, the price, the payment (of any kind), the recipient and the session are
        dropped. The cart stays, and so does the fulfillment unless it is an address stored at Gett.
        """
        if not isinstance(identity, Identity):
            raise InvalidInputError("pass an Identity; parse_identity reads JSON")
        known = self._record.state.identity
        # A session the caller brought along belongs to an unknown shopper, possibly another one.
        is_anothers = self._record.state.is_strangers and self._stage in OPEN
        if known is None and not is_anothers:
            self._record.happen(Identified(identity))
        elif known is not None and known.is_same_person(identity):
            self._record.happen(IdentityCorrected(identity))
        else:
            self._record.happen(ShopperChanged(identity))

    @step(RecipientChosen)
    async def set_recipient(self, contact: Contact | None) -> None:
        """Set who receives the order instead of the shopper; ``None`` means the shopper again.

        The restaurant gets the recipient's name and phone number instead of the shopper's. Sends
        nothing. The account, the session and the price stay; a saved card is still the shopper's. Docs:
        Orders › place.
        """
        if not isinstance(contact, Contact | None):
            raise InvalidInputError("pass a Contact, or None for the shopper")
        self._record.happen(RecipientChosen(contact))

    @step()
    async def session_token(self) -> str:
        """Return the session's token for the front end's Marketfront SDK; opens a session if needed.

        The token is a credential: give it to this shopper only. A later step may replace the session.
        This checkout does not see what the front end sets on the session, for example a fulfillment
        context.
        """
        session = await self._session.ready("set_fulfillment_context", Carry.CONTEXT)
        return str(session.token)  # plain: the caller is responsible for it

    @step(TotalConfirmed)
    async def confirm_total(self, total: Decimal | int | str) -> None:
        """Confirm that the shopper agrees to ``total``, in major units: the amount that was shown.

        Raises `TotalChangedError` when the live quote's total differs, `StepNotAllowedError` without a
        live quote.
        """
        self._record.happen(TotalConfirmed(self._require_total(_read_total(total))))

    @step(PaymentChosen)
    async def pay(self, payment: Payment) -> None:
        """Choose how the order is paid; nothing is charged before `place`.

        Needs an end user: raises `IdentityRequiredError` before any request when neither an identity
        nor an end-user session is known. Replaces a partner-only session with an end-user one, sets the
        fulfillment there and asks for the price again. Docs: Orders › payment.
        """
        if not isinstance(payment, CardOnFile | SavedCard | GettPayment):
            raise InvalidInputError(
                "pass a CardOnFile, a SavedCard or a GettPayment; parse_payment reads JSON"
            )
        await self._session.ready("place_order", Carry.QUOTE)
        self._record.happen(PaymentChosen(payment))

    @step()
    async def saved_cards(self) -> tuple[PaymentMethod, ...]:
        """Return the cards this shopper has saved at Gett; pay with ``SavedCard(payment_id)``.

        Needs an end user, as `pay` does. Docs: Saved cards.
        """
        session = await self._session.ready("list_payment_methods", Carry.SESSION)
        return await self._client.list_payment_methods(token=session.token)

    @step(finishes=True)
    async def add_card(self, card: NewCard) -> PaymentMethod:
        """Save a card for this shopper at Gett; it is not stored here.

        It is sent again only if it certainly was not saved.

        If no response comes, check `saved_cards` before trying again. Docs: Saved cards.
        """
        if not isinstance(card, NewCard):
            raise InvalidInputError("pass a NewCard")
        session = await self._session.ready("add_payment_card", Carry.SESSION)
        return await self._client.add_payment_card(card, token=session.token)

    # --- the order --------------------------------------------------------------------------------

    @step(finishes=True, hand_over_wait=HAND_OVER_WAIT)
    async def place(self, *, total: Decimal | int | str) -> Order:
        """Place the order exactly once; if it is placed already, return the same order.

        ``total``, in major units, is the amount on the button: passing it means the shopper agrees to
        it. If it differs from the current total, `TotalChangedError` with both totals is raised and
        nothing is ordered. If Gett reports that prices have changed, the order is priced again. If the
        total is unchanged, the order is then placed; otherwise `TotalChangedError` is raised: once the
        shopper agrees, just call ``place(total=error.after)``. ``total`` is ignored for a placed order.
        It is also ignored while the outcome of an earlier placement is unknown: that placement is sent
        again as it was. Only if Gett then rejects it because prices have changed does ``total`` count.

        If a requirement is missing, the matching error is raised: `OrderBelowMinimumError`,
        `IdentityRequiredError` or `TotalChangedError`; for any other requirement,
        `StepNotAllowedError`. It is raised before the order is sent, and before any other request
        except in two cases: a store that seems closed is first read again, and an expired session is
        first replaced and the price renewed. Raises `OutcomeUnknownError` when no response revealed the
        outcome: call ``place`` again, here or elsewhere, and it is the same order. Raises
        `PlacementInProgressError` while another worker is placing it. Once begun, the placement
        continues even if the caller is cancelled. Docs: Orders › place; Idempotency; Errors ›
        ORDER_TOTAL_DIFFERENT.
        """
        shown = _read_total(total)
        try:
            return await self._place(shown)
        except CheckoutConflictError:
            # Another worker saved first; if it began a placement, wait for that one.
            await self._record.reload()
            if self._stage in OPEN:
                raise
            return await self._place(shown)

    @step(finishes=True)
    async def reconcile(self) -> Order | None:
        """Resolve the outcome of a placement that has begun, by sending it again as `place` does.

        This finds the order, or creates it if no earlier request reached Gett. Never begins another
        placement. Calls ``on_placed``, if this worker has one, for an order that is not handed over
        yet, without waiting for the next attempt to be due. Returns ``None``, and sends nothing, when
        there is no order and none in progress. If the outcome stays unknown, `Checkouts.reconcile`
        tries this checkout again later.
        """
        try:
            return await self._reconcile()
        except CheckoutConflictError:
            await self._record.reload()
            return await self._reconcile()

    @step(OrderRead)
    async def refresh_order(self) -> Order:
        """Fetch the placed order from Gett, save its current state and return it.

        The view then has its state, status, amounts and ready time; values that Gett leaves out stay as
        they were. Raises `StepNotAllowedError` before the order is placed, and while its id is unknown;
        `IdentityRequiredError` when reading it needs a new session and no identity is known;
        `NotFoundError` when Gett has no such order for this shopper. Docs: Orders › get; Order states.
        """
        order = self._placed_order()
        session = await self._session.ready("get_order", Carry.SESSION)
        read = await self._read_order(order, session)
        while True:
            if read != order:
                self._record.happen(OrderRead(read))
            try:
                await self._record.save_changes()
            except CheckoutConflictError:
                await self._record.reload()
                known, order = order, self._placed_order()
                if order not in (known, read):  # another worker has read it: which read is later?
                    read = await self._read_order(order, session)
            else:
                return read

    def _placed_order(self) -> Order:
        order = self._record.state.order
        if order is None or order.order_id is None:
            raise StepNotAllowedError("the order's id is unknown: resolve it first")
        return order

    async def _read_order(self, order: Order, session: Session) -> Order:
        read = await self._client.get_order(str(order.order_id), token=session.token)
        if read.order_id != order.order_id:
            raise InvalidResponseError("the response is about another order")
        return order.read_again(read)

    def follow_order(
        self, *, every: float = following.EVERY, max_interval: float = following.MAX_INTERVAL
    ) -> AsyncGenerator[Order, None]:
        """Yield the placed order, then again after each change, until it is completed or cancelled.

        Use it as ``async for order in checkout.follow_order(): …``. It calls `refresh_order` at once.
        The first interval is ``every`` seconds, each further one twice as long, up to ``max_interval``
        seconds, all with a jitter of ±20 %. It leaves a quarter of Gett's rate limit to others, waits
        as long as a 429 demands, and continues after temporary failures: a failed connection, a 5xx, an
        unreadable response. Raises any other error of `refresh_order`. It changes nothing at Gett, so
        you can stop at any time. Docs: Orders › get; Rate limits.
        """
        return following.follow(
            self.refresh_order, self._client, following.read_pace(every, max_interval)
        )

    async def _reconcile(self) -> Order | None:
        if self._stage is not Stage.PLACING:
            await handing_over.take_up(self._record)
            return self._record.state.order
        began = self._record.now()
        try:
            return await self._place(None)
        except GettCheckoutError:
            placement, now = self._record.state.placement, self._record.now()
            if self._stage is Stage.PLACING and placement and not placement.lease_left(now):
                self._record.happen(PlacementPostponed(placement.postponed(began)))
            raise

    @step(finishes=True)
    async def _resolve(self, order_id: str | None, note: str, *, force: bool) -> None:
        """Store the outcome an operator has determined; see `Checkouts.resolve`."""
        record, state, now = self._record, self._record.state, self._record.now()
        placement, order = state.placement, state.order
        can_be_asked = placement is not None and placement.can_be_asked(now)
        if state.stage is Stage.PLACING and can_be_asked and not force:
            raise StepNotAllowedError(
                "Gett can still be asked: reconcile it first, or use force=True (--force)"
            )
        if order_id is None and state.stage is not Stage.PLACING:
            there_is = "there is an order" if order else "no order is in progress"
            raise StepNotAllowedError(f"not_placed does not apply: {there_is}")
        known = (None, *state.duplicates, order.order_id) if order else ()
        if order and order_id not in known and order.order_id is not None and not force:
            raise StepNotAllowedError(
                "another order is known: use force=True (--force) to replace it"
            )
        record.happen(Resolved(Resolution(order_id, now, note)))
        if order_id is None:
            record.happen(NotPlaced())
            await record.save()
            placing.concluded(record, "not_placed", placement, by_person=True)
        elif order is None:
            await placing.placed(record, Order(order_id), by_person=True)
        else:
            if order_id == order.order_id:
                await record.save()
            else:
                await placing.named(record, Order(order_id))
            placing.concluded(record, "placed", placement, order_id=order_id, by_person=True)

    @step()
    async def _forget(self, *, force: bool) -> None:
        """Delete the checkout; see `Checkouts.forget`."""
        record, state = self._record, self._record.state
        if not force and state.due_at(record.now()) is not None:
            raise StepNotAllowedError(
                "it is unresolved: resolve it first, or use force=True (--force)"
            )
        if state.stage in OPEN:
            record.happen(Abandoned())  # so that no other worker begins a placement
            await record.save()
        await record.delete()

    async def _place(self, shown: Decimal | None) -> Order:
        state, now = self._record.state, self._record.now()
        if state.order is not None:
            return state.order
        if state.stage is Stage.ABANDONED:
            raise StepNotAllowedError("the checkout was abandoned")
        if state.stage is Stage.PLACING:
            await self._require_resumable(state.placement, now)
        else:
            if shown is not None and state.quote:  # the shopper agrees to the total they saw
                is_total = self._is_total(shown, state.quote)
                agreed = state.quote.amounts.total if is_total else shown
                if agreed != state.agreement:
                    self._record.happen(TotalConfirmed(agreed))
            await self._require_complete()
        while True:
            try:
                return await self._send()
            except OrderTotalDifferentError:  # this error means that no order was made
                moved = self._record.state.refused(Part.QUOTE)
                if shown is None or moved is None or moved.is_hopeless:
                    raise  # without `moved` Gett blames a part of the order
            await self._session.ready("validate_order", Carry.CONTEXT)
            await self._session.ask_price(self._record.state.tip)
            self._record.happen(TotalConfirmed(self._require_total(shown)))

    async def _send(self) -> Order:
        """Begin the placement, or continue the one in progress."""
        try:
            session = await self._session.ready("place_order", Carry.QUOTE)
            return await placing.send(self._record, self._client, session)
        except (ApiError, TransportError, InvalidResponseError) as error:
            if self._stage is not Stage.PLACING or self._session.may_give_way(error):
                raise
            # Gett could not be asked, for example without a session.
            raise placing.outcome_unknown(self._record, error) from error

    async def _require_complete(self) -> None:
        """Raise the error for missing requirements; read the store again before calling it closed."""
        rejection = registry.refusal(self._record.state, self._record.now())
        if rejection and self.store and rejection.requirements[0].code == "store_open":
            await self._read(self.store)
            rejection = registry.refusal(self._record.state, self._record.now())
        if rejection is not None:
            raise rejection

    async def _require_resumable(self, placement: Placement | None, now: datetime) -> None:
        """Require that the same bytes may be sent again: valid key, no other worker sending."""
        if placement is not None and placement.is_lost:
            raise placing.outcome_unknown(self._record, None)
        if placement is None or placement.key_is_expired(now):
            await self._record.save()  # again, now due for an operator only
            placing.concluded(self._record, "key_expired", placement)
            raise OutcomeUnknownError(
                "the placement's idempotency key has expired: it needs manual review"
            )
        if (seconds := placement.busy_for(now)) > 0:
            raise PlacementInProgressError(
                "another worker is placing this order", retry_after=seconds
            )

    def _require_total(self, shown: Decimal) -> Decimal:
        """Return the quote's total; raise `TotalChangedError` when it is not the one that was shown."""
        quote = self._record.state.quote
        if quote is not None and self._is_total(shown, quote):
            return quote.amounts.total
        self._record.happen(TotalConfirmed(shown))  # the shopper agrees to the total they saw
        after = quote.amounts.total if quote else None
        raise TotalChangedError(
            f"the total is {after}, and {shown} was shown",
            before=shown,
            after=after,
            currency=self._currency,
        )

    def _is_total(self, shown: Decimal, quote: Quote) -> bool:
        return is_same_amount(shown, quote.amounts.total, self._currency)

    @step(Abandoned)
    async def abandon(self) -> None:
        """Abandon the checkout. Not possible once the order is in progress."""
        self._record.happen(Abandoned())

    # --- what steps share -------------------------------------------------------------------------

    @property
    def _stage(self) -> Stage:
        return self._record.state.stage

    @property
    def _currency(self) -> str:
        return self.store.currency if self.store else DEFAULT_CURRENCY

    def _require_offered(self, fulfillment: Fulfillment | None) -> None:
        """Raise `StepNotAllowedError` when the store does not offer it."""
        if fulfillment and fulfillment.type not in registry.fulfillment_types(self._record.state):
            raise StepNotAllowedError(f"the restaurant does not offer {fulfillment.type}")

    async def _learn_from(self, error: Exception, name: str) -> None:
        """Record what an error reveals about the checkout.

        If Gett calls the order too small although it meets the minimum we know, the store is read
        again. Docs: Errors › ORDER_BELOW_MINIMUM.
        """
        if not isinstance(error, GettCheckoutError):
            return
        if self._stage in OPEN:
            self._record.learn(error, name)
        if isinstance(error, OrderBelowMinimumError) and self.store:
            gap = registry.minimum_gap(self._record.state, self._record.now())
            if gap is None or gap.met:
                await self._read(self.store)

    async def _read(self, store: Store) -> None:
        """Read the store's hours and minimum again, as they may have changed; its menu stays."""
        with suppress(GettCheckoutError):  # otherwise the stored ones stand
            fresh = await self._get_store(store.store_id)
            fresh = evolve(fresh, catalog_set_id=store.catalog_set_id)
            self._record.happen(StoreRead(shared(fresh)))

    async def _get_store(self, store_id: str) -> Store:
        """Read a store from Gett; log, once, if its hours cannot be evaluated here."""
        store = shared(await self._client.get_store(store_id))
        if store.timezone and store.availability and store.is_open(self._record.now()) is None:
            logs.warn_once(
                "opening hours are not checked: this platform has no time zone database, or does not know "
                "the store's zone; pip install tzdata"
            )
        return store


def _read_total(total: Decimal | int | str) -> Decimal:
    try:
        return read_amount(total)
    except ValueError as error:
        raise InvalidInputError(f"the total: {error}", field="total") from None


def _not_offered(problems: Sequence[LineProblem]) -> GettCheckoutError:
    """Return the error for problems with the menu: it changed, or too many choices were made."""
    gone = [each for each in problems if each.code != _TOO_MANY]
    if gone:
        return MenuChangedError(problems=gone)
    return InvalidInputError(
        errors=[
            FieldError(pointer_to("modifiers", each.path[1]), "invalid", each.message)
            for each in problems
        ]
    )
