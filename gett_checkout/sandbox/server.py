"""The sandbox itself: its parts put together, and the HTTP server around them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from . import operations
from .carts import Carts
from .credentials import SANDBOX_API_KEY, Credentials, Session
from .handling import Handler, Seen
from .menus import STORES
from .ordering import Ordering
from .orders import Order, OrderBook
from .sessions import Sessions
from .storefront import Storefront
from .switches import Switches
from .wallet import Wallets

LARGEST_BODY = 1024 * 1024
SHUTDOWN_SECONDS = 1.0


class Sandbox:
    """A stand-in for Gett's Marketfront API on loopback; an async context manager.

    `stores` are pairs of a store and its catalog set, as the API writes them, with `Decimal` prices.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        clock: Callable[[], datetime] | None = None,
        switches: Switches | None = None,
        stores: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]] = STORES,
    ) -> None:
        self.switches = Switches() if switches is None else switches
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self._credentials = Credentials(self.switches)
        self._wallets = Wallets()
        self._book = OrderBook()
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
            clock=clock or _real_time,
            switches=self.switches,
            credentials=self._credentials,
        )

    @property
    def api_key(self) -> str:
        """The API key the sandbox accepts."""
        return SANDBOX_API_KEY

    @property
    def url(self) -> str:
        """Where the sandbox listens, without a trailing slash."""
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the sandbox is not running")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def requests(self) -> list[Seen]:
        """Every request that came, in order, refused ones included."""
        return self._handler.requests

    @property
    def orders(self) -> list[Order]:
        """Every order made."""
        return self._book.orders

    @property
    def sessions(self) -> list[Session]:
        """Every session created, expired and revoked ones included."""
        return self._credentials.sessions

    @property
    def writes(self) -> int:
        """How many requests fell into the rate-limit bucket of writes."""
        names = {row.name for row in operations.OPERATIONS if row.bucket == "writes"}
        return sum(seen.operation in names for seen in self.requests)

    def count(self, operation: str) -> int:
        """How many requests of one operation came, refused ones included."""
        return sum(seen.operation == operation for seen in self.requests)

    def revoke(self, token: str) -> None:
        """Let one session token answer 401 `UNAUTHENTICATED` from now on."""
        self._credentials.revoke(token)

    def revoke_all(self) -> None:
        """Let every session token issued so far answer 401 `UNAUTHENTICATED`."""
        self._credentials.revoke_all()

    def reset(self) -> None:
        """Forget orders, sessions, wallets and requests, and turn the switches back."""
        self.switches.reset()
        for part in (
            self._handler,
            self._credentials,
            self._sessions,
            self._wallets,
            self._book,
            self._ordering,
        ):
            part.reset()

    async def start(self) -> None:
        """Start listening."""
        if self._runner is not None:
            raise RuntimeError("the sandbox is running")
        self._handler.open()
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handler.serve)
        # A client that goes away does not stop the work it asked for, as with any real server.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=False, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Stop listening, and leave nothing running; a hanging request is let go."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._handler.let_go()
        await runner.cleanup()
        await self._handler.close()

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


def _real_time() -> datetime:
    return datetime.now(UTC)
