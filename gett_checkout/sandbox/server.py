"""The sandbox itself: its parts put together, from the HTTP server to the courier of its events."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import datetime
from decimal import Context, Decimal, localcontext
from types import TracebackType
from typing import Any, Self

import aiohttp.web as web

from . import operations
from .carts import Carts
from .clock import OwnClock, real_time
from .control import CONTROL_PATH, Control
from .credentials import SANDBOX_API_KEY, Credentials, Session
from .handling import Handler
from .menus import STORES
from .ordering import Ordering
from .orders import Order, OrderBook, Progress, RefundType
from .problems import RefusedError
from .serving import listening
from .sessions import Sessions
from .storefront import Storefront
from .switches import Switches
from .traffic import Exchange, Seen
from .wallet import Wallets
from .webhooks import Courier, Delivery


class Sandbox:
    """A stand-in for Gett's Marketfront API on loopback; an async context manager.

    `stores` are pairs of a store and its catalog set, as the API writes them, with `Decimal` prices.
    With a `clock` of the caller's own (aware UTC), webhooks are sent only when you call `deliver`.
    Without a `clock` the sandbox has its own, which `advance_clock` moves, and webhooks are sent when
    they are due. `record_traffic` records requests and responses in `traffic`, secrets masked.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        clock: Callable[[], datetime] | None = None,
        switches: Switches | None = None,
        stores: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]] = STORES,
        record_traffic: bool = False,
    ) -> None:
        self.switches: Switches = Switches() if switches is None else switches
        self._as_started = deepcopy(self.switches)
        self._host, self._port = host, port
        self._url = ""
        self._runner: web.ServerRunner | None = None
        self._own_clock = OwnClock() if clock is None else None
        self.now: Callable[[], datetime] = clock or self._own_clock or real_time
        self._credentials = Credentials(self.switches)
        self._wallets = Wallets()
        self._courier = Courier(
            self.switches,
            clock=self.now,
            stamp=clock or real_time,
            permalink=lambda order_id: f"{self._url}{CONTROL_PATH}/orders/{order_id}",
        )
        self._delivering: asyncio.Task[None] | None = None
        self._book = OrderBook(self._courier.announce)
        self._sessions = Sessions(self._credentials, self._wallets, self.switches)
        storefront = Storefront(stores, self.switches)
        carts = Carts(storefront)
        self._ordering = Ordering(
            self.switches,
            storefront=storefront,
            carts=carts,
            sessions=self._sessions,
            wallets=self._wallets,
            book=self._book,
        )
        desks = {
            "create_session": self._sessions.create_session,
            "set_fulfillment_context": self._sessions.set_fulfillment_context,
            "discover_stores": storefront.discover_stores,
            "get_store": storefront.get_store,
            "get_catalog_set": storefront.get_catalog_set,
            "add_cart_item": carts.add_cart_item,
            "remove_cart_item": carts.remove_cart_item,
            "update_cart_item": carts.update_cart_item,
            "validate_order": self._ordering.validate_order,
            "place_order": self._ordering.place_order,
            "get_order": self._book.get_order,
            "list_orders": self._book.list_orders,
            "list_payment_methods": self._wallets.list_payment_methods,
            "add_payment_card": self._wallets.add_payment_card,
            "add_address": self._wallets.add_address,
        }
        self._handler = Handler(
            desks,
            clock=self.now,
            switches=self.switches,
            credentials=self._credentials,
            records_traffic=record_traffic,
        )
        self._control = Control(self)

    @property
    def api_key(self) -> str:
        """The API key the sandbox accepts."""
        return SANDBOX_API_KEY

    @property
    def url(self) -> str:
        """Where the sandbox listens, without a trailing slash."""
        if self._runner is None:
            raise RuntimeError("the sandbox is not running")
        return self._url

    @property
    def requests(self) -> list[Seen]:
        """Every request received, in order, rejected ones included."""
        return self._handler.requests

    @property
    def orders(self) -> list[Order]:
        """Every order placed."""
        return self._book.orders

    @property
    def sessions(self) -> list[Session]:
        """Every session created, expired and revoked ones included."""
        return self._credentials.sessions

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook event, with the attempts made so far to deliver it."""
        return self._courier.deliveries

    @property
    def traffic(self) -> list[Exchange]:
        """The recorded traffic, secrets masked; empty without `record_traffic`."""
        return self._handler.traffic

    @property
    def owns_clock(self) -> bool:
        """Whether the clock is the sandbox's, so that `advance_clock` moves it."""
        return self._own_clock is not None

    @property
    def writes(self) -> int:
        """How many requests fell into the rate-limit bucket of writes."""
        names = {row.name for row in operations.OPERATIONS if row.bucket == "writes"}
        return sum(seen.operation in names for seen in self.requests)

    def count(self, operation: str) -> int:
        """Count the requests of one operation, rejected ones included."""
        return sum(seen.operation == operation for seen in self.requests)

    def release(self) -> None:
        """End every `delay`: delayed requests go on at once, and planned delays are forgotten.

        Any thread may call it.
        """
        self._handler.release()

    def revoke(self, token: str) -> None:
        """Reject one session token with 401 `UNAUTHENTICATED` from now on."""
        self._credentials.revoke(token)

    def revoke_all(self) -> None:
        """Reject every session token issued so far with 401 `UNAUTHENTICATED`."""
        self._credentials.revoke_all()

    def order(self, order_id: str) -> Order:
        """Return one order as it is now; raises `RefusedError` `NOT_FOUND`."""
        return self._book.find(order_id)

    def advance_order(self, order_id: str, to: Progress | None = None) -> Order:
        """Move an order to the state `to` (default: the next one).

        Sends an `order_update` if the event's state differs from the last one sent.

        `RefusedError` when there is no such order, or when it is completed or cancelled.
        """
        return self._book.advance(order_id, to)

    def refund_order(
        self,
        order_id: str,
        amount: Decimal,
        type: RefundType = "original_payment",  # noqa: A002 - the event's own word
    ) -> Order:
        """Give back `amount`, in major units, and announce it (`order_update`).

        `RefusedError` when there is no such order, or when `amount` is more than what is left of its
        total.
        """
        return self._book.refund(order_id, amount, type)

    async def deliver(self) -> list[Delivery]:
        """Try once to deliver every webhook event that is due, and return those that were tried.

        Docs: Webhooks.
        """
        return await self._courier.deliver()

    def advance_clock(self, seconds: float) -> None:
        """Let `seconds` pass at once; `RefusedError` when the clock is the caller's own."""
        if self._own_clock is None:
            raise RefusedError("CONFLICT", "The sandbox runs on a clock that is not its own.")
        self._own_clock.advance(seconds)
        self._courier.wake()

    def reset(self) -> None:
        """Forget everything that happened, and reset the switches and the clock to their start."""
        self.switches.reset(self._as_started)
        if self._own_clock is not None:
            self._own_clock.reset()
        for part in (
            self._handler,
            self._credentials,
            self._sessions,
            self._wallets,
            self._book,
            self._ordering,
            self._courier,
        ):
            part.reset()

    async def start(self) -> None:
        """Start listening."""
        if self._runner is not None:
            raise RuntimeError("the sandbox is running")
        self._handler.open()
        self._runner = await listening(self._serve, self._host, self._port)
        host, port = self._runner.addresses[0][:2]
        self._url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if self._own_clock is not None:
            self._delivering = asyncio.create_task(self._courier.run())

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        # The caller's context may hold two digits, or raise for rounding.
        with localcontext(Context(prec=28)):
            if request.path == CONTROL_PATH or request.path.startswith(f"{CONTROL_PATH}/"):
                return await self._control.serve(request)
            return await self._handler.serve(request)

    async def stop(self) -> None:
        """Stop listening, and leave nothing running; hanging requests are released."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._handler.let_go()
        if self._delivering is not None:
            self._delivering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._delivering
        await runner.cleanup()
        await self._handler.close()
        await asyncio.sleep(0)  # asyncio closes a connection's socket a turn later

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()
