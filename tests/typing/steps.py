"""Every public step has the type it is documented with."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_type

from gett_checkout import (
    Address,
    Assumptions,
    CardOnFile,
    CatalogSet,
    Checkout,
    Checkouts,
    CheckoutView,
    Contact,
    Delivery,
    Fulfillment,
    GettCheckoutError,
    GettClient,
    Identity,
    Line,
    MemoryStorage,
    MinimumOrder,
    Modifier,
    Modifiers,
    NewCard,
    NextAction,
    Notice,
    Order,
    OrderPage,
    Payment,
    PaymentMethod,
    Pickup,
    Quote,
    Reconciled,
    Requirement,
    RetryPolicy,
    Session,
    Stage,
    Storage,
    Store,
    StorePage,
    parse_fulfillment,
    parse_identity,
    parse_payment,
)
from gett_checkout.messages import Messages
from gett_checkout.operations import RateLimit
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import Stored, open_storage
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.storage.postgres import PostgresStorage
from gett_checkout.storage.redis import RedisStorage
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.testing import Clock, StorageContract, sends_nothing, signed_event, the_order
from gett_checkout.views import (
    LineView,
    PaymentView,
    RecipientView,
    SessionView,
    StoreView,
    Suggestion,
)
from gett_checkout.webhooks import OrderEvent, handle_once, verify_event


async def an_order(gett: GettClient, card: NewCard) -> None:
    checkouts = Checkouts(gett, storage=MemoryStorage(), lifetime=200_000)
    checkout = await checkouts.start(Identity("jane@example.com", "Jane", "Doe"))
    assert_type(checkout, Checkout)
    assert_type(checkout.id, str)
    assert_type(checkout.store, Store | None)
    assert_type(checkout.identity, Identity | None)
    assert_type(await checkout.browse("store", replace_cart=True), CatalogSet)
    assert_type(await checkout.menu(), CatalogSet)
    choices: Modifiers = {"size": ["large"], "extras": [Modifier("olives", quantity=2)]}
    line = await checkout.add("item", quantity=2, modifiers=choices)
    line = await checkout.add("item", line_id="row-1")
    assert_type(line, Line)
    await checkout.add("item", modifiers={"size": ["large"], "extras": [Modifier("olives")]})
    assert_type(await checkout.update(line.line_id, quantity=3), Line)
    assert_type(await checkout.remove(line.line_id), None)
    assert_type(await checkout.suggest_items(), tuple[Suggestion, ...])
    address = Address("350 5th Ave", "New York", "NY", "10118")
    assert_type(await checkout.fulfill(Delivery(address)), None)
    assert_type(await checkout.fulfill(Pickup()), None)
    assert_type(await checkout.validate(tip=Decimal("3.00")), Quote)
    assert_type(await checkout.identify(Identity("jane@example.com", "Jane", "Doe")), None)
    assert_type(await checkout.set_recipient(Contact("Ada", "Doe", "+12125550124")), None)
    assert_type(await checkout.set_recipient(None), None)
    assert_type(checkout.recipient, Contact | None)
    assert_type(checkout.view.recipient, RecipientView | None)
    assert_type(await checkout.session_token(), str)
    assert_type(await checkout.confirm_total("27.00"), None)
    assert_type(await checkout.saved_cards(), tuple[PaymentMethod, ...])
    assert_type(await checkout.add_card(card), PaymentMethod)
    assert_type(await checkout.pay(CardOnFile("token", "stripe")), None)
    assert_type(await checkout.place(total=Decimal("27.00")), Order)
    assert_type(await checkout.reconcile(), Order | None)
    assert_type(await checkout.refresh_order(), Order)
    async for order in checkout.follow_order(every=15, max_interval=60.0):
        assert_type(order, Order)
        assert_type(order.is_over, bool)
    assert_type(await checkout.abandon(), None)


async def opened_again(checkouts: Checkouts) -> None:
    assert_type(checkouts.lifetime, int)
    assert_type(checkouts.client, GettClient)
    assert_type(checkouts.storage, Storage)
    assert_type(await checkouts.open("id"), Checkout)
    assert_type(await checkouts.open(None), Checkout)
    assert_type(await checkouts.reconcile(limit=10), list[Reconciled])


def a_view(view: CheckoutView) -> None:
    assert_type(view.stage, Stage)
    assert_type(view.editable, bool)
    assert_type(view.subtotal, Decimal)
    assert_type(view.session, SessionView)
    assert_type(view.session.expires_at, datetime | None)
    assert_type(view.lines, tuple[LineView, ...])
    assert_type(view.store, StoreView | None)
    assert_type(view.minimum_order, MinimumOrder | None)
    assert_type(view.fulfillment, Fulfillment | None)
    assert_type(view.tip, Decimal | None)
    assert_type(view.quote, Quote | None)
    assert_type(view.confirmed_total, Decimal | None)
    assert_type(view.payment, PaymentView | None)
    assert_type(view.order, Order | None)
    assert_type(view.requirements, tuple[Requirement, ...])
    assert_type(view.next_action, NextAction)
    assert_type(view.notices, tuple[Notice, ...])
    assert_type(view.to_dict(), dict[str, Any])  # JSON
    if view.store is not None:
        assert_type(view.store.is_open, bool | None)
        assert_type(view.store.minimum_order_amount, Decimal | None)
    if view.payment is not None:
        assert_type(view.payment.last_four, str | None)
    if view.minimum_order is not None:
        assert_type(view.minimum_order.gap, Decimal)
        assert_type(view.minimum_order.met, bool)
        assert_type(view.minimum_order.message(Messages(locale="en_US")), str)
    if view.quote is not None:
        assert_type(view.quote.amounts.total, Decimal)
        assert_type(view.quote.expires_at, datetime)


async def the_client(store: Store, line: Line, card: NewCard, fulfillment: Fulfillment) -> None:
    assumptions = Assumptions(minimum_for=("delivery",), pickup_type="Pickup")
    assumptions = assumptions.with_path("discover_stores", "/stores", method="GET")
    assumptions = assumptions.with_body("place_order", lambda body: {"order": body})
    async with GettClient("key", retry=RetryPolicy(), assumptions=assumptions) as gett:
        assert_type(gett, GettClient)
        assert_type(gett.rate_limits, Mapping[str, RateLimit])
        session = await gett.create_session(Identity("jane@example.com", "Jane", "Doe"))
        assert_type(session, Session)
        token = session.token
        assert_type(await gett.set_fulfillment_context(fulfillment, token=token), None)
        assert_type(await gett.discover_stores(query="pizza"), StorePage)
        assert_type(gett.all_stores(), AsyncIterator[Store])
        assert_type(await gett.get_store("store"), Store)
        assert_type(await gett.get_catalog_set("set"), CatalogSet)
        assert_type(await gett.add_cart_item(store, [line], line), tuple[Line, ...])
        assert_type(await gett.update_cart_item(store, [], "id", quantity=1), tuple[Line, ...])
        assert_type(await gett.remove_cart_item(store, [line], "id"), tuple[Line, ...])
        assert_type(await gett.validate_order(store, [line], fulfillment, token=token), Quote)
        assert_type(await gett.place_order("{}", idempotency_key="key", token=token), Order)
        assert_type(await gett.get_order("order", token=token), Order)
        assert_type(await gett.list_orders(token=token), OrderPage)
        methods = await gett.list_payment_methods(token=token)
        assert_type(methods, tuple[PaymentMethod, ...])
        assert_type(await gett.add_payment_card(card, token=token), PaymentMethod)


async def storages(storage: PostgresStorage | RedisStorage, clock: Clock) -> None:
    any_of_them: tuple[Storage, ...] = (
        MemoryStorage(),
        SQLiteStorage("checkouts.db"),
        storage,
        EncryptedStorage(storage, ["key"]),
    )
    assert_type(await any_of_them[0].load("id"), Stored | None)
    assert_type(open_storage("memory:", clock=clock), AbstractAsyncContextManager[Storage])
    async with SQLiteStorage("checkouts.db") as sqlite:
        assert_type(sqlite, SQLiteStorage)


async def events(storage: Storage, body: bytes, headers: dict[str, str]) -> None:
    event = verify_event(body, headers, "secret")
    assert_type(event, OrderEvent)
    async with handle_once(storage, event) as is_new:
        assert_type(is_new, bool)
    assert_type(event.refunds[0].amount, Decimal)


async def rehearsals() -> None:
    async with Sandbox() as sandbox:
        assert_type(sandbox, Sandbox)
        assert_type(sandbox.url, str)
        sandbox.switches.fail("place_order", "drop_after", times=2)
        assert_type(the_order(sandbox).order_id, str)
        with sends_nothing(sandbox):
            assert_type(sandbox.count("place_order"), int)
        event = signed_event(refunds=[{"type": "store_credit", "amount": 105}])
        assert_type(event.body, bytes)
        assert_type(event.headers, dict[str, str])


class TestMyStorage(StorageContract):
    """A contract that is subclassed without an error."""


def words_of_a_page(body: object, error: GettCheckoutError, menu: CatalogSet, store: Store) -> None:
    assert_type(parse_identity(body), Identity)
    assert_type(parse_fulfillment(body), Fulfillment)
    assert_type(parse_payment(body), Payment)
    assert_type(menu.to_dict(), dict[str, Any])  # JSON
    assert_type(error.problem_headers(), dict[str, str])
    assert_type(StoreView.of(store, datetime.now(UTC)), StoreView)
    assert_type(store.fulfillment_types, tuple[str, ...])
