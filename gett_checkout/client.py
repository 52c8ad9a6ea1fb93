"""`GettClient`: one typed coroutine per operation of the Marketfront API."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote as quote_path

import aiohttp

from gett_checkout.core.cart import Line
from gett_checkout.core.catalog import CatalogSet, Store, StorePage
from gett_checkout.core.order import Amounts, Fulfillment, Order, Payment, Quote
from gett_checkout.core.retry import RetryPolicy, may_repeat
from gett_checkout.core.session import Identity, Session, token_level
from gett_checkout.errors import GettCheckoutError, InvalidInputError, UnreadableAnswerError
from gett_checkout.transport import Transport
from gett_checkout.version import __version__
from gett_checkout.wire import requests, responses
from gett_checkout.wire.assumptions import DEFAULT, Assumptions
from gett_checkout.wire.codec import Json, read_json, write_json
from gett_checkout.wire.endpoints import Operation
from gett_checkout.wire.problems import read_problem

PRODUCTION: Final = "https://api.gett-tech.com"
SANDBOX: Final = "https://api-sandbox.gett-tech.com"

T = TypeVar("T")


class GettClient:
    """Gett's Marketfront API, one coroutine per operation, named as the portal names it.

    ``api_key`` is the partner's key for ``base_url``'s environment and stays on the server side.
    ``http`` is the caller's own ``aiohttp.ClientSession``, which the caller closes; without it one
    is opened at the first request and closed with the client. ``timeout`` is for one attempt, in
    seconds; ``retry`` says how patient a call is; ``assumptions`` overrides what the API does not
    document. ``clock`` (aware UTC), ``sleep`` and ``dice`` are for tests.

    Every call raises `ApiError` when Gett refuses, `TransportError` when no answer comes and
    `UnreadableAnswerError` when the answer is not what is documented. ``token`` is a session
    token; without one the API key is sent.
    """

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = PRODUCTION,
        http: aiohttp.ClientSession | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        assumptions: Assumptions = DEFAULT,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Callable[[], float] = random.random,
    ) -> None:
        if (
            not isinstance(api_key, str)
            or not api_key.isascii()
            or not api_key.isprintable()
            or not api_key
        ):
            raise InvalidInputError(
                "the API key must be a non-empty string of printable characters"
            )
        if not base_url.startswith(("https://", "http://")):
            raise InvalidInputError("base_url must start with https:// or http://")
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._transport = Transport(http, timeout=timeout)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.retry: Final = retry or RetryPolicy()
        self.assumptions: Final = assumptions
        self.clock: Final = clock or (lambda: datetime.now(UTC))
        self.sleep: Final = sleep
        self.dice: Final = dice

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
        """Let what is shielded finish, then close what this client opened."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._transport.close()

    @property
    def timeout(self) -> float:
        """How long one attempt may take, in seconds."""
        return self._transport.timeout

    async def shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end even when the caller is cancelled; `close` waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a cancelled caller does not fetch it; what it means is saved

    # --- sessions -------------------------------------------------------------------------------

    async def create_session(
        self, identity: Identity | None = None, *, expires_in: int | None = None
    ) -> Session:
        """A new session: end-user with an identity, partner-only without. Docs: Session › create.

        ``expires_in`` is its life in seconds; Gett's default is 30 days.
        """
        now = self.clock()
        body = requests.create_session(identity, expires_in)
        answer = responses.session(await self._call("create_session", body=body))
        life = timedelta(seconds=expires_in or self.assumptions.session_life)
        return Session(
            token=answer.token,
            level=token_level(answer.token, made_for_end_user=identity is not None),
            expires_at=answer.expires_at or now + life,
        )

    async def set_fulfillment_context(self, fulfillment: Fulfillment, *, token: str) -> None:
        """Say how this session's order is to reach the shopper. Docs: Session › Fulfillment context."""
        body = requests.fulfillment_context(fulfillment, self.assumptions)
        await self._call("set_fulfillment_context", token=token, body=body, wants_answer=False)

    # --- browsing -------------------------------------------------------------------------------

    async def discover_stores(
        self,
        *,
        latitude: Decimal | None = None,
        longitude: Decimal | None = None,
        fulfillment_type: str | None = None,
        query: str | None = None,
        limit: int = 50,
        offset: int = 0,
        token: str | None = None,
    ) -> StorePage:
        """One page of stores; ``limit`` is at most 100. Docs: Stores › discover."""
        if not 1 <= limit <= 100 or offset < 0:
            raise InvalidInputError("limit must be from 1 to 100, and offset not negative")
        body = requests.discover_stores(
            latitude=latitude,
            longitude=longitude,
            fulfillment_type=fulfillment_type,
            query=query,
            limit=limit,
            offset=offset,
        )
        return responses.store_page(await self._call("discover_stores", token=token, body=body))

    async def get_store(self, store_id: str, *, token: str | None = None) -> Store:
        """A store as it is now; not to be cached. Docs: Stores."""
        return responses.store(await self._call("get_store", token=token, store_id=store_id))

    async def get_catalog_set(self, catalog_set_id: str, *, token: str | None = None) -> CatalogSet:
        """A store's menus; immutable under this id. Docs: Catalog."""
        answer = await self._call("get_catalog_set", token=token, catalog_set_id=catalog_set_id)
        return responses.catalog_set(answer, catalog_set_id)

    # --- ordering -------------------------------------------------------------------------------

    async def validate_order(
        self,
        store: Store,
        lines: Iterable[Line],
        fulfillment: Fulfillment,
        *,
        tip: Decimal | None = None,
        identity: Identity | None = None,
        token: str,
    ) -> Quote:
        """Gett's price for the cart, ``tip`` in major units included. Docs: Orders › validate.

        The quote's ``expires_at`` counts from before the request, for 15 minutes.
        """
        asked_at = self.clock()
        cart = requests.cart(store.store_id, store.catalog_set_id, lines)
        body = requests.validate_order(cart, fulfillment, tip, identity)
        answer = responses.validated(await self._call("validate_order", token=token, body=body))
        return Quote(
            order_token=answer.validated_order_token,
            amounts=answer.amounts,
            expires_at=asked_at + timedelta(seconds=self.assumptions.order_token_life),
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
        identity: Identity | None,
    ) -> str:
        """The exact text `place_order` sends; keep it with the key it is sent under."""
        return write_json(
            requests.place_order(
                requests.cart(store.store_id, store.catalog_set_id, lines),
                fulfillment,
                order_token=order_token,
                amounts=amounts,
                payment=payment,
                identity=identity,
                assumed=self.assumptions,
            )
        )

    async def place_order(self, body: str, *, idempotency_key: str, token: str | None) -> Order:
        """Place the order in ``body`` (see `placement_body`), sending it once.

        The caller keeps key and body together and decides about sending again: the same key is
        for the same body only. Docs: Orders › place; Idempotency.
        """
        answer = await self._call(
            "place_order", token=token, text=body, idempotency_key=idempotency_key
        )
        return responses.order(answer)

    async def get_order(self, order_id: str, *, token: str) -> Order:
        """An order of this end user as it is now. Docs: Orders."""
        return responses.order(await self._call("get_order", token=token, order_id=order_id))

    # --- one call -------------------------------------------------------------------------------

    async def _call(
        self,
        name: str,
        *,
        token: str | None = None,
        body: Json = None,
        text: str | None = None,
        idempotency_key: str | None = None,
        wants_answer: bool = True,
        **path: str,
    ) -> Json:
        """Send one operation, again where that is safe, and give its JSON answer."""
        operation = self.assumptions.operation(name)
        payload = text if text is not None else write_json(body) if body is not None else None
        started, tried = self.clock(), 0
        while True:
            tried += 1
            try:
                return await self._send(
                    operation, path, payload, token, idempotency_key, wants_answer=wants_answer
                )
            except GettCheckoutError as error:
                if not may_repeat(error, operation.repeat):
                    raise
                elapsed = (self.clock() - started).total_seconds()
                wait = self.retry.next_wait(error, tried=tried, elapsed=elapsed, dice=self.dice())
                if wait is None:
                    raise
            await self.sleep(wait)

    async def _send(
        self,
        operation: Operation,
        path: dict[str, str],
        payload: str | None,
        token: str | None,
        idempotency_key: str | None,
        *,
        wants_answer: bool,
    ) -> Json:
        headers = {
            "Authorization": f"Bearer {token or self._api_key}",
            "Accept": "application/json, application/problem+json",
            "User-Agent": f"gett-checkout/{__version__}",
        }
        if payload is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        answer = await self._transport.send(
            operation.method,
            self._url(operation, path),
            headers=headers,
            body=None if payload is None else payload.encode(),
        )
        if not 200 <= answer.status < 300:
            raise read_problem(answer.status, answer.headers, answer.body, self.clock())
        if not wants_answer:
            return None
        if not answer.body:
            raise UnreadableAnswerError("the answer is empty", status=answer.status)
        return read_json(answer.body)

    def _url(self, operation: Operation, path: dict[str, str]) -> str:
        parts = {name: quote_path(_path_part(name, value), safe="") for name, value in path.items()}
        return self._base_url + self.assumptions.base_path + operation.path.format(**parts)


def _path_part(name: str, value: str) -> str:
    if not isinstance(value, str) or not value or value in (".", ".."):
        raise InvalidInputError(f"{name} must be a non-empty string")
    return value
