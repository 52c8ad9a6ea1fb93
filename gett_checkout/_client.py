"""`GettClient`: one typed coroutine per operation of the Marketfront API."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, cast
from urllib.parse import quote as quote_path
from urllib.parse import urlencode, urlsplit

from gett_checkout._core.actions import Wait
from gett_checkout._core.card import NewCard, PaymentMethod
from gett_checkout._core.cart import Line, read_quantity
from gett_checkout._core.catalog import CatalogSet, Store, StorePage
from gett_checkout._core.codes import refuse
from gett_checkout._core.contact import Contact
from gett_checkout._core.order import (
    Address,
    Amounts,
    Fulfillment,
    FulfillmentType,
    Order,
    OrderPage,
    Payment,
    Quote,
)
from gett_checkout._core.session import Identity, Level, Session, is_credential
from gett_checkout._core.validators import read_charge
from gett_checkout._hidden import hidden, leaves_nothing
from gett_checkout._json import Json, read_json, write_json
from gett_checkout._patience import began
from gett_checkout._rate_limits import RateLimit, RateLimits, figures
from gett_checkout._retry import Repeat, RetryPolicy, may_repeat
from gett_checkout._shared import SharedLimits, organisation_digest
from gett_checkout._transport import Response, Transport
from gett_checkout._version import __version__
from gett_checkout._wire import requests, responses
from gett_checkout._wire.assumptions import DEFAULT, Assumptions
from gett_checkout._wire.endpoints import Bucket, Operation
from gett_checkout._wire.menu import catalog_set
from gett_checkout._wire.problems import read_problem, secrets_of
from gett_checkout.errors import (
    GettCheckoutError,
    InvalidInputError,
    InvalidResponseError,
    RateLimitedError,
    TransportError,
)
from gett_checkout.sharing import LimitReport, Permit, Priority, RateLimiter
from gett_checkout.telemetry.events import RetryScheduled, digest
from gett_checkout.telemetry.hooks import Exchange, Hook, Hooks
from gett_checkout.telemetry.logs import logger

if TYPE_CHECKING:
    import aiohttp
from attrs import evolve

PRODUCTION: Final = "https://api.gett-tech.com"
SANDBOX: Final = "https://api-sandbox.gett-tech.com"

T = TypeVar("T")

_LONGEST_TIMEOUT: Final = 3600.0  # so that an attempt ends while its idempotency key is valid
_SPREAD: Final = 0.2  # seconds
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATH: Final = re.compile(r"/(?!/)[\w/.~!$&'()*+,;=:@%?-]*", re.ASCII)
_NO_PATH: Final[Mapping[str, str]] = {}
_LATER: Final = Wait(1.0)  # the next action when a response is missing or unreadable
_HEADERS: Final = {
    "Accept": "application/json, application/problem+json",
    "User-Agent": f"gett-checkout/{__version__}",
}


class GettClient:
    """Gett's Marketfront API, one coroutine per operation, named as in Gett's portal.

    ``api_key`` is the partner's key for ``base_url``'s environment; it stays on the server.
    ``http`` is your own ``aiohttp.ClientSession``, which you close (default: one opened at the
    first request and closed with the client). ``timeout`` is per attempt, in seconds, at most an
    hour. ``retry`` limits the attempts of a call (default: ``RetryPolicy()``). ``assumptions``
    overrides the defaults for points the API does not document. ``hooks`` receive an event for each
    request and for each thing a checkout does (`gett_checkout.telemetry`). ``checkout_label`` maps
    a checkout's id to its name in events, logs and spans (default: a short digest; ``str`` shows
    the id itself). ``rate_limiter`` shares one rate limit among all workers of the organisation
    (`gett_checkout.sharing`); without one, each worker relies on the responses it received itself.
    ``clock`` (aware UTC), ``sleep`` and ``jitter`` are for tests.

    Every call raises `ApiError` when Gett rejects it, `TransportError` when no complete response
    arrives, `InvalidResponseError` when the response does not match the documentation, and
    `InvalidInputError` before anything is sent. Each call lists the subclasses of `ApiError` to expect.
    ``token`` is a session token (default: the API key is sent); a token of too low a level raises
    `SessionUserRequiredError`. Amounts are decimals in major units. "Docs" cites the pages of Gett's
    portal by their names.

    A call that is safe to repeat is retried while ``retry`` allows. The client also respects Gett's
    rate limits (`rate_limits`): when a minute's requests are used up, a call waits for the next minute.
    If that wait would exceed its retry budget, it raises `RateLimitedError` without sending. The last
    twentieth of a minute's requests is reserved for `create_session` and `place_order`; `place_order`
    is never delayed.
    """

    @leaves_nothing
    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = PRODUCTION,
        http: aiohttp.ClientSession | None = None,
        timeout: float = 10.0,
        retry: RetryPolicy | None = None,
        assumptions: Assumptions = DEFAULT,
        hooks: Iterable[Hook] = (),
        checkout_label: Callable[[str], str] = digest,
        rate_limiter: RateLimiter | None = None,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if not 0 < timeout <= _LONGEST_TIMEOUT:
            raise InvalidInputError("timeout must be more than 0 seconds and at most an hour")
        self._api_key = _header_value("the API key", api_key)
        self._base_url = _checked_url(base_url)
        self._host, self._port = _server(self._base_url)
        self._transport = Transport(http, timeout=timeout)
        self._limits = RateLimits()
        self.organisation: Final = organisation_digest(self._base_url, self._api_key)
        self._shared = (
            None if rate_limiter is None else SharedLimits(rate_limiter, self.organisation)
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        self.retry: Final = retry or RetryPolicy()
        self.assumptions: Final = assumptions
        self.hooks: Final = Hooks(hooks, label=checkout_label)
        self.clock: Final = clock or (lambda: datetime.now(UTC))
        self.sleep: Final = sleep
        self.jitter: Final = jitter

    def __repr__(self) -> str:
        return f"GettClient(base_url={self._base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for the tasks started with `spawn` to finish, then close what this client opened."""
        loop = asyncio.get_running_loop()
        while waiting := [each for each in self._tasks if each.get_loop() is loop]:
            await asyncio.wait(waiting)
        await self._transport.close()

    def require_open(self) -> None:
        """Raise `TransportError` when nothing can be sent.

        That is when your aiohttp session belongs to another event loop, the client is closed, or the
        step's time is used up.
        """
        self._transport.require_open()
        self._time_for_attempt(self.began())

    @property
    def timeout(self) -> float:
        """The time limit of one attempt, in seconds."""
        return self._transport.timeout

    def began(self) -> datetime:
        """Return when the current step began; a request sent now shares that step's time budget.

        Outside a step, return the present time.
        """
        return began() or self.clock()

    def _time_for_attempt(self, started: datetime) -> float:
        """Return the timeout of an attempt that begins now, so that the whole step ends in time.

        Raises `TransportError` when less than half of the usual timeout would be left.
        """
        elapsed = (self.clock() - started).total_seconds()
        left = self.retry.max_elapsed + self.timeout - elapsed
        if left < self.timeout / 2:
            raise TransportError(
                f"not sent: the step has taken {elapsed:.0f} seconds already",
                may_have_arrived=False,
                cause="out of time",
            )
        return min(left, self.timeout)

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """The requests left in the current minute, for each bucket (``reads``, ``writes``, ``discovery``).

        A bucket is missing until a response has reported it, and once its minute has ended. Docs: Rate
        limits.
        """
        return self._limits.known(self.clock())

    def wait_to_spare(self, bucket: str) -> float:
        """Return how many seconds a background request should wait so that others do not have to.

        0 means no wait. A quarter of each minute's requests is left for the others, provided that a
        response has reported how many remain.
        """
        return self._limits.turn(bucket, self.clock(), can_wait=True)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` later, as a task of its own, which `close` waits for."""
        # Never at once, as `asyncio.eager_task_factory` would: its caller has to record it first.
        task = asyncio.Task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a cancelled caller does not retrieve it; its outcome is saved

    # --- sessions -------------------------------------------------------------------------------

    async def create_session(
        self, identity: Identity | None = None, *, expires_in: int | None = None
    ) -> Session:
        """Create a session: end-user with an identity, partner-only without. Docs: Session › create.

        ``expires_in`` is its lifetime in seconds (Gett's default: 30 days).
        """
        now = self.clock()
        body = requests.create_session(identity, expires_in)
        response = await self._call("create_session", responses.session, body=body)
        life = timedelta(seconds=expires_in or self.assumptions.session_life)
        session = Session.of_token(
            response.token, made_for_end_user=identity is not None, expires_at=response.expires_at
        )
        return session if session.expires_at else evolve(session, expires_at=now + life)

    async def set_fulfillment_context(self, fulfillment: Fulfillment, *, token: str) -> None:
        """Set how this session's order reaches the shopper: delivery or pickup.

        Raises `AddressInvalidError`, `AddressOutOfRangeError`. Docs: Session › Fulfillment context.
        """
        token = hidden(token)
        body = requests.fulfillment_context(fulfillment, self.assumptions)
        await self._call("set_fulfillment_context", _nothing, token=token, body=body)

    # --- browsing -------------------------------------------------------------------------------

    async def discover_stores(
        self,
        *,
        latitude: Decimal | float | None = None,
        longitude: Decimal | float | None = None,
        fulfillment_type: FulfillmentType | None = None,
        query: str | None = None,
        limit: int = 50,
        offset: int = 0,
        token: str | None = None,
    ) -> StorePage:
        """Return one page of stores; ``limit`` is at most 100. Docs: Stores › discover.

        ``latitude`` and ``longitude`` are in degrees and go together.
        """
        token = hidden(token)
        body = requests.discover_stores(
            latitude=latitude,
            longitude=longitude,
            fulfillment_type=fulfillment_type,
            query=query,
            limit=limit,
            offset=offset,
        )
        page = await self._call("discover_stores", responses.store_page, token=token, body=body)
        _tell_left_out("discover_stores", page.left_out)
        return page

    async def all_stores(
        self,
        *,
        latitude: Decimal | float | None = None,
        longitude: Decimal | float | None = None,
        fulfillment_type: FulfillmentType | None = None,
        query: str | None = None,
        page_size: int = 100,
        token: str | None = None,
    ) -> AsyncIterator[Store]:
        """Yield every store once, fetching page by page. Docs: Stores › discover.

        Ends with the last page (``hasMore`` false), or with a page that brings no new store.
        """
        token = hidden(token)
        seen: set[str] = set()
        offset, has_more = 0, True
        while has_more:
            page = await self.discover_stores(
                latitude=latitude,
                longitude=longitude,
                fulfillment_type=fulfillment_type,
                query=query,
                limit=page_size,
                offset=offset,
                token=token,
            )
            known = len(seen)
            for store in page.stores:
                if store.store_id not in seen:
                    seen.add(store.store_id)
                    yield store
            offset += len(page.stores) + page.left_out
            has_more = page.has_more and len(seen) > known

    async def get_store(self, store_id: str, *, token: str | None = None) -> Store:
        """Return a store's current state; do not cache it. Raises `StoreNotFoundError`. Docs: Stores."""
        token = hidden(token)
        return await self._call(
            "get_store", responses.store, token=token, path={"store_id": store_id}
        )

    async def get_catalog_set(
        self, catalog_set_id: str, *, store_id: str | None = None, token: str | None = None
    ) -> CatalogSet:
        """Return a store's menus; immutable under this id. Docs: Catalog.

        Raises `CatalogSetNotFoundError`. ``store_id`` is needed only if `Assumptions` gives the
        operation a path that contains ``{store_id}``.
        """
        token = hidden(token)
        menu, _ = await self.catalog_set_as_sent(catalog_set_id, store_id=store_id, token=token)
        return menu

    async def catalog_set_as_sent(
        self, catalog_set_id: str, *, store_id: str | None, token: str | None = None
    ) -> tuple[CatalogSet, bytes]:
        """Return a store's menus, and the JSON they were parsed from."""
        token = hidden(token)
        path = {"catalog_set_id": catalog_set_id} | ({"store_id": store_id} if store_id else {})

        def read(body: bytes) -> tuple[CatalogSet, bytes]:
            return catalog_set(body, catalog_set_id), body

        return await self._call("get_catalog_set", read, token=token, path=path, as_sent=True)

    # --- cart helpers ---------------------------------------------------------------------------
    # Optional: a cart lives with the partner and can be changed without asking Gett.

    async def add_cart_item(
        self, store: Store, lines: Iterable[Line], line: Line, *, token: str | None = None
    ) -> tuple[Line, ...]:
        """Have Gett add ``line`` to a cart of ``lines``, and return the cart. Docs: Cart helpers › add.

        Gett sends no names and no prices: they are copied from ``lines`` and ``line``.
        """
        token = hidden(token)
        known = tuple(lines)
        cart = requests.cart(store.store_id, store.catalog_set_id, known)
        body = requests.add_cart_item(cart, line)
        read = partial(responses.cart_lines, known=(*known, line))
        return await self._call("add_cart_item", read, token=token, body=body)

    async def update_cart_item(
        self,
        store: Store,
        lines: Iterable[Line],
        line_id: str,
        *,
        quantity: int,
        token: str | None = None,
    ) -> tuple[Line, ...]:
        """Return the cart with a new quantity (1 to 99) of one line. Docs: Cart helpers › update."""
        token = hidden(token)
        known = tuple(lines)
        cart = requests.cart(store.store_id, store.catalog_set_id, known)
        body = requests.change_cart_item(cart, line_id, read_quantity(quantity))
        read = partial(responses.cart_lines, known=known)
        return await self._call("update_cart_item", read, token=token, body=body)

    async def remove_cart_item(
        self, store: Store, lines: Iterable[Line], line_id: str, *, token: str | None = None
    ) -> tuple[Line, ...]:
        """Return the cart without one line. Docs: Cart helpers › remove."""
        token = hidden(token)
        known = tuple(lines)
        cart = requests.cart(store.store_id, store.catalog_set_id, known)
        body = requests.change_cart_item(cart, line_id)
        read = partial(responses.cart_lines, known=known)
        return await self._call("remove_cart_item", read, token=token, body=body)

    # --- ordering -------------------------------------------------------------------------------

    async def validate_order(
        self,
        store: Store,
        lines: Iterable[Line],
        fulfillment: Fulfillment,
        *,
        tip: Decimal | None = None,
        customer: Identity | Contact | None = None,
        token: str,
    ) -> Quote:
        """Return Gett's price for the cart and ``tip`` (major units). Docs: Orders › validate.

        The quote's ``expires_at`` is `Assumptions.order_token_life` after the moment the request began.
        Raises `ItemUnavailableError`, `StoreClosedError`.
        """
        token = hidden(token)
        asked_at = self.clock()
        cart = requests.cart(store.store_id, store.catalog_set_id, lines)
        charge = None if tip is None else read_charge(tip, field="tip", currency=store.currency)
        body = requests.validate_order(
            cart, fulfillment, tip=charge, customer=customer, assumed=self.assumptions
        )
        read = partial(responses.validated, tip=charge)
        response = await self._call("validate_order", read, token=token, body=body)
        return Quote(
            order_token=response.validated_order_token,
            amounts=response.amounts,
            expires_at=asked_at + timedelta(seconds=self.assumptions.order_token_life),
            asked_at=asked_at,
        )

    def placement_body(
        self,
        store: Store,
        lines: Iterable[Line],
        fulfillment: Fulfillment,
        *,
        order_token: str,
        amounts: Amounts,
        payment: Payment,
        customer: Identity | Contact | None,
    ) -> str:
        """Return the exact text that `place_order` sends; store it with its idempotency key.

        ``customer`` is the person the restaurant can contact: the shopper, or another recipient of the
        order.
        """
        body = requests.place_order(
            requests.cart(store.store_id, store.catalog_set_id, lines),
            fulfillment,
            order_token=order_token,
            amounts=amounts,
            payment=payment,
            customer=customer,
            assumed=self.assumptions,
        )
        return write_json(self.assumptions.body("place_order", body)).decode()

    async def place_order(
        self, body: str, *, idempotency_key: str, token: str, attempt: int = 1
    ) -> Order:
        """Place the order in ``body`` (see `placement_body`), sending it once.

        The caller stores the key and the body together, and decides whether to send them again; a
        key belongs to one body only. ``attempt`` counts the attempts, for the hooks. Raises
        `OrderTotalDifferentError`, `PaymentDeclinedError`, `PaymentFailedError`, `StoreClosedError`
        and more. Docs: Orders › place; Idempotency.
        """
        token = hidden(token)
        body = hidden(body)
        return await self._call(
            "place_order",
            responses.order,
            token=token,
            text=body,
            idempotency_key=idempotency_key,
            attempt=attempt,
        )

    async def get_order(self, order_id: str, *, token: str) -> Order:
        """Return the current state of an order of this end user. Raises `NotFoundError`. Docs: Orders."""
        token = hidden(token)
        return await self._call(
            "get_order", responses.order, token=token, path={"order_id": order_id}
        )

    async def list_orders(self, *, limit: int = 50, offset: int = 0, token: str) -> OrderPage:
        """Return one page of this end user's orders; ``limit`` is at most 100. Docs: Orders › history."""
        token = hidden(token)
        body = requests.page(limit=limit, offset=offset)
        page = await self._call("list_orders", responses.order_page, token=token, body=body)
        _tell_left_out("list_orders", page.left_out)
        return page

    # --- what belongs to an end user ------------------------------------------------------------

    async def list_payment_methods(self, *, token: str) -> tuple[PaymentMethod, ...]:
        """Return the end user's saved cards. Docs: Saved cards › list."""
        token = hidden(token)
        found = await self._call("list_payment_methods", responses.payment_methods, token=token)
        _tell_left_out("list_payment_methods", found.left_out)
        return found.cards

    async def add_payment_card(self, card: NewCard, *, token: str) -> PaymentMethod:
        """Save a card for the end user. Docs: Saved cards › add.

        Raises `PaymentMethodInvalidError`. Retried only when the request certainly did not arrive or
        got a 429: after any other failure check `list_payment_methods` first.
        """
        token = hidden(token)
        body = requests.payment_card(card)
        return await self._call(
            "add_payment_card", responses.payment_method, token=token, body=body
        )

    async def add_address(self, address: Address, *, token: str) -> str:
        """Store an address for the end user and return its id for `Delivery`.

        Raises `AddressInvalidError`. Docs: Checkout › addresses.
        """
        token = hidden(token)
        body = requests.address(address)
        return await self._call("add_address", responses.address_id, token=token, body=body)

    # --- anything else --------------------------------------------------------------------------

    async def request(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        path: str,
        *,
        json: Any = None,
        token: str | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Send a request that no coroutine covers; return the response's JSON, ``None`` if empty.

        ``path`` follows the API's base path, begins with a slash and may include a query;
        percent-encode special characters. ``json`` accepts decimals but no floats; fractions in the
        response are ``Decimal``. Credentials, rate limits, errors, hooks and masking work as in every
        call. A GET, PUT or DELETE is retried while ``retry`` allows, another method only when it
        certainly did not arrive or got a 429.
        """
        token = hidden(token)
        operation = _other(method, path)
        url = hidden(self._base_url + self.assumptions.base_path + path)
        payload = None if json is None else _written_json(json)
        headers = self._headers(token, idempotency_key, has_body=payload is not None)
        return await self._perform(operation, _anything, url, headers, payload)

    # --- one call -------------------------------------------------------------------------------

    async def _call(
        self,
        name: str,
        read: Callable[[Json], T],
        *,
        token: str | None = None,
        body: Json = None,
        text: str | None = None,
        idempotency_key: str | None = None,
        attempt: int = 1,
        path: Mapping[str, str] = _NO_PATH,
        as_sent: bool = False,
    ) -> T:
        """Send one operation, retrying where that is safe; return what ``read`` makes of the response.

        ``read`` receives the parsed JSON or, with ``as_sent``, the bytes.
        """
        operation = self.assumptions.operation(name)
        url, payload = self._written(operation, path, body, text)
        headers = self._headers(token, idempotency_key, has_body=payload is not None)
        return await self._perform(
            operation, read if as_sent else _of_json(read), url, headers, payload, attempt
        )

    async def _perform(
        self,
        operation: Operation,
        read: Callable[[bytes], T],
        url: str,
        headers: dict[str, str],
        payload: bytes | None,
        attempt: int = 1,
    ) -> T:
        route, _, _ = operation.path.partition("?")
        about = operation.name, operation.method, route, self._host, self._port
        started, tried = self.began(), 0
        timeout = self._time_for_attempt(started)
        permit = await self._wait_turn(operation, started)
        while True:
            try:
                with self.hooks.here().request(*about, attempt + tried) as exchange:
                    response = await self._send(
                        operation, url, headers, payload, exchange, permit, timeout
                    )
                    return _read(response, read)
            except GettCheckoutError as error:
                tried += 1
                error.next_action = error.next_action or _LATER
                if not may_repeat(error, operation.repeat) or self._transport.closed:
                    raise
                elapsed = (self.clock() - started).total_seconds()
                wait = self.retry.next_wait(
                    error, tried=tried, elapsed=elapsed, jitter=self.jitter()
                )
                if wait is None:
                    raise
                failure, reason, cause = error, type(error).__name__, error.cause
            await self._pause(operation, attempt + tried, wait, reason, cause)
            if self._shared is not None:
                try:
                    permit = await self._shared_turn(self._shared, operation, started)
                except RateLimitedError:
                    # The failure says more than "no time left to retry".
                    raise failure from None

    @leaves_nothing
    def _written(
        self, operation: Operation, path: Mapping[str, str], body: Json, text: str | None
    ) -> tuple[str, bytes | None]:
        """Return the URL and the payload, hidden: either may contain the shopper's data."""
        url = self._url(operation, path)
        body = None if body is None else self.assumptions.body(operation.name, body)
        if operation.method == "GET" and body is not None:
            url += ("&" if "?" in url else "?") + urlencode(requests.as_query(body))
            body = None
        if text is not None:
            return hidden(url), hidden(text.encode())
        return hidden(url), None if body is None else hidden(write_json(body))

    async def _wait_turn(self, operation: Operation, started: datetime) -> Permit | None:
        """Wait for the next minute when this one's requests are used up, or raise `RateLimitedError`."""
        if self._shared is not None:
            permit = await self._shared_turn(self._shared, operation, started)
            if permit is not None:
                return permit
        if operation.repeat is Repeat.BY_KEY:
            return None  # a placement: only the server may stop it
        now = self.clock()
        wait = self._limits.turn(operation.bucket, now, uses_reserve=operation.uses_reserve)
        if wait:
            if (now - started).total_seconds() + wait > self.retry.max_elapsed:
                raise _not_sent(operation, wait)
            await self._pause(operation, 1, wait, "rate_limit")
        return None

    async def _shared_turn(
        self, shared: SharedLimits, operation: Operation, started: datetime
    ) -> Permit | None:
        """Return the permit for one attempt, waiting if necessary; ``None`` when none can be obtained."""
        priority: Priority = "reserved" if operation.uses_reserve else "normal"
        if operation.repeat is Repeat.BY_KEY:
            priority = "always"
        told = False
        while True:
            permit = await shared.acquire(operation.bucket, priority)
            if permit is None or permit.wait <= 0 or priority == "always":
                return permit
            elapsed = (self.clock() - started).total_seconds()
            if elapsed + permit.wait > self.retry.max_elapsed:
                raise _not_sent(operation, permit.wait)
            if not told:  # once, although the permit may be asked for several times
                told = True
                self.hooks.here().tell(
                    RetryScheduled, operation.name, 1, permit.wait, "rate_limit", None
                )
            # Spread those that wait for the same moment.
            await self.sleep(permit.wait + _SPREAD * self.jitter())

    def _report(self, operation: Operation, permit: Permit | None, report: LimitReport) -> None:
        """Report to the other workers, without waiting for it."""
        if self._shared is not None:
            # Without a permit it was not counted, but the remainder the response reports includes it.
            permit = permit or Permit(0.0)
            report = evolve(report, is_order=operation.repeat is Repeat.BY_KEY)
            self.spawn(self._shared.update(operation.bucket, permit, report))

    async def _pause(
        self,
        operation: Operation,
        attempt: int,
        wait: float,
        reason: str,
        cause: str | None = None,
    ) -> None:
        """Wait before the attempt."""
        self.hooks.here().tell(RetryScheduled, operation.name, attempt, wait, reason, cause)
        await self.sleep(wait)

    async def _send(
        self,
        operation: Operation,
        url: str,
        headers: dict[str, str],
        payload: bytes | None,
        exchange: Exchange,
        permit: Permit | None,
        timeout: float,  # noqa: ASYNC109 - of the exchange
    ) -> Response:
        """Send once and return the response; raise if it is a rejection."""
        self._limits.sent(operation.bucket)
        try:
            response = await self._transport.send(
                operation.method, url, headers=headers, body=payload, timeout=timeout
            )
        except TransportError as failed:
            if not failed.may_have_arrived:
                self._report(operation, permit, LimitReport(was_sent=False))
            raise
        finally:
            self._limits.done(operation.bucket)
        now, status = self.clock(), response.status
        exchange.status = status
        remaining, resets_at = figures(response.headers)
        if not 200 <= status < 300:
            error = read_problem(
                status,
                response.headers,
                response.body,
                now,
                operation=operation.name,
                missing=operation.missing,
                secrets=(headers["Authorization"][7:], self._api_key, *secrets_of(payload)),
            )
            wait = error.retry_after if status == 429 else None
            self._limits.heard(operation.bucket, response.headers, now, blocked_for=wait)
            # An error from a gateway carries no rate-limit figures.
            if wait or remaining is not None:
                self._report(operation, permit, LimitReport(remaining, resets_at, wait))
            raise error
        self._limits.heard(operation.bucket, response.headers, now)
        self._report(operation, permit, LimitReport(remaining, resets_at))
        return response

    def _headers(
        self, token: str | None, idempotency_key: str | None, *, has_body: bool
    ) -> dict[str, str]:
        credential = self._api_key if token is None else _header_value("the token", token)
        headers = {**_HEADERS, "Authorization": hidden(f"Bearer {credential}")}
        if has_body:
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = _header_value("the idempotency key", idempotency_key)
        return headers

    def _url(self, operation: Operation, path: Mapping[str, str]) -> str:
        parts = {name: _path_part(name, value) for name, value in path.items()}
        try:
            return self._base_url + self.assumptions.base_path + operation.path.format(**parts)
        except (LookupError, ValueError):
            raise InvalidInputError(
                f"the path of {operation.name}, {operation.path}, needs more than {sorted(path)}"
            ) from None


def _not_sent(operation: Operation, wait: float) -> GettCheckoutError:
    return refuse(
        "RATE_LIMITED",
        f"not sent: this minute's {operation.bucket} are used up",
        operation=operation.name,
        retry_after=wait,
    )


def _tell_left_out(operation: str, count: int) -> None:
    """Log how many entries of a list could not be read."""
    if count:
        logger.warning("left out: %s, %s entries that cannot be read", operation, count)


def _of_json(read: Callable[[Json], T]) -> Callable[[bytes], T]:
    """Return a reader of a JSON response."""

    def from_bytes(body: bytes) -> T:
        if read is _nothing:
            return read(None)
        if not body:
            raise InvalidResponseError("the response is empty")
        return read(read_json(body))

    return from_bytes


def _nothing(value: Json) -> None:
    """Ignore the response: only its status matters."""


def _anything(body: bytes) -> Json:
    """Return the JSON of a response whose form this library does not know."""
    return read_json(body) if body else None


@leaves_nothing
def _written_json(value: Json) -> bytes:
    try:
        return hidden(write_json(value))
    except TypeError as error:
        raise InvalidInputError(f"json must be JSON: {error}") from None


@leaves_nothing
def _other(method: str, path: str) -> Operation:
    """Return the operation for a request of the caller's own, checked."""
    if method not in _METHODS:
        raise InvalidInputError(f"method must be one of {', '.join(_METHODS)}")
    if not isinstance(path, str) or not _PATH.fullmatch(path) or "/../" in f"{path}/":
        raise InvalidInputError("path must begin with one slash and be percent-encoded")
    reads = method == "GET"
    return Operation(
        name="request",
        method=cast(Any, method),
        path="/{path}",  # hooks see only this: the caller's path may contain anything
        mark="decided",
        level=Level.NONE,
        bucket=Bucket.READS if reads else Bucket.WRITES,
        repeat=Repeat.ALWAYS if method in ("GET", "PUT", "DELETE") else Repeat.UNDELIVERED,
    )


@leaves_nothing
def _read(response: Response, read: Callable[[bytes], T]) -> T:
    try:
        return read(response.body)
    except InvalidResponseError as error:
        error.status = response.status
        raise


@leaves_nothing
def _header_value(what: str, value: str) -> str:
    """Return the value, hidden, if a header can hold it; the error does not repeat it."""
    if not is_credential(value):
        raise InvalidInputError(f"{what} must be a non-empty string of printable characters")
    return hidden(value)


@leaves_nothing
def _path_part(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or value in (".", ".."):
        raise InvalidInputError(f"{name} must be a non-empty string", field=name)
    try:
        return quote_path(value, safe="")
    except UnicodeEncodeError:
        raise InvalidInputError(f"{name} is not text", field=name) from None


def _checked_url(base_url: object) -> str:
    try:
        parts = urlsplit(base_url) if isinstance(base_url, str) else None
        good = (
            parts is not None
            and parts.scheme in ("https", "http")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.username or parts.password or parts.query or parts.fragment)
        )
    except ValueError:
        good = False
    if not good:
        raise InvalidInputError("base_url must be like https://host or http://host:port/path")
    return str(base_url).rstrip("/")


def _server(url: str) -> tuple[str, int]:
    """Return host and port of a checked URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
