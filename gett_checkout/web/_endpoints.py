"""Handle a request: check it, find the shopper, take the step, turn every error into a problem."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Generic, TypedDict, TypeVar, Unpack
from urllib.parse import parse_qsl

from attrs import evolve

from gett_checkout import (
    Checkout,
    Checkouts,
    GettCheckoutError,
    Identity,
    InvalidInputError,
    Stage,
    StepNotAllowedError,
    StorageError,
)
from gett_checkout.actions import ContactSupport
from gett_checkout.errors import SnapshotTooNewError
from gett_checkout.messages import DEFAULT, Messages
from gett_checkout.web import _bodies as bodies
from gett_checkout.web import _guard as guard
from gett_checkout.web._exchange import Request, Response
from gett_checkout.web._shopper import open_for
from gett_checkout.web._table import Call, Endpoint, chosen
from gett_checkout.webhooks import OrderEvent, handle_once, verify_event

R = TypeVar("R")

_log = logging.getLogger("gett_checkout.web")
_SERVER_ERROR: Final = 500


class Options(TypedDict, Generic[R], total=False):
    """The keyword arguments of every adapter; ``R`` is the framework's request."""

    identity: Callable[[R], Awaitable[Identity | None]]
    """Your own login: an async function of the framework's request that returns the signed-in identity."""

    page_names_shopper: bool
    """Whether the page may name the shopper itself, with ``PUT /identity`` (default: false).

    A page may name anybody, so saved cards and addresses at Gett still require ``identity``.
    """

    messages: Messages | Callable[[R], Messages]
    """The sentences for shoppers, or a function of the framework's request that returns them."""

    secure_cookie: bool
    """Whether the cookie requires HTTPS (default: true); false for http in development."""

    trusted_origins: Collection[str]
    """Other origins whose pages may send changes, such as ``https://app.example``."""

    webhook_secret: str | Sequence[str]
    """The secret of Gett's order events, or several during a rotation; requires ``on_event``."""

    on_event: Callable[[OrderEvent], Awaitable[object]]
    """An async function that is called for each new order event received at ``POST /webhook``.

    It must be idempotent, because it is called again after a failure.
    """

    without: Collection[str]
    """The names of endpoints to leave out."""

    own: Sequence[Endpoint]
    """Endpoints to add, replacing those with the same method and path."""


class CheckoutEndpoints(Generic[R]):
    """The endpoints over ``checkouts``, for any framework; the adapters call them.

    ``checkouts`` may be a function of the framework's request, for a worker that creates its own
    `Checkouts` at startup. ``passes`` are exception classes that the framework turns into responses
    itself: if one of the host's functions raises one, it is passed on.
    """

    def __init__(
        self,
        checkouts: Checkouts | Callable[[R], Checkouts],
        *,
        passes: tuple[type[Exception], ...] = (),
        **options: Unpack[Options[R]],
    ) -> None:
        self._checkouts = checkouts
        self._passes = passes
        self._identity = options.get("identity")
        self._page_names_shopper = options.get("page_names_shopper", False)
        self._messages = options.get("messages", DEFAULT)
        self._is_secure = options.get("secure_cookie", True)
        self._trusted = frozenset(options.get("trusted_origins", ()))
        if self._identity is None and not self._page_names_shopper:
            raise InvalidInputError(
                "say who the shopper is: pass identity=, or page_names_shopper=True"
            )
        without = frozenset(options.get("without", ()))
        if not self._page_names_shopper:
            without |= {"identify"}
        self.table: Final = (
            *chosen(without, tuple(options.get("own", ()))),
            *_webhook(options.get("webhook_secret"), options.get("on_event")),
        )
        """The mounted endpoints."""

    @property
    def cookie(self) -> str:
        """The name of the cookie with the checkout's id, a bearer secret.

        Unless ``secure_cookie`` is false, it has the prefix ``__Host-``, which makes browsers reject a
        cookie of this name set by a sibling domain. The prefix requires HTTPS.
        """
        return "__Host-checkout" if self._is_secure else "checkout"

    async def handle(self, request: Request[R]) -> Response:
        """Return the response to a request; raises only the host's ``passes``."""
        chosen, messages = self._messages, DEFAULT
        try:
            try:
                messages = chosen if isinstance(chosen, Messages) else chosen(request.original)
                response = await self._respond(request, messages)
            except GettCheckoutError as error:
                response = _problem(error, messages)
                if response.status >= _SERVER_ERROR:
                    _log.warning("a step failed", exc_info=error)
        except self._passes:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the response is a problem document
            _log.exception("a request failed")
            response = _problem(GettCheckoutError(), messages)
        return response.without_body() if request.method == "HEAD" else response

    async def _respond(self, request: Request[R], messages: Messages) -> Response:
        found = [
            (each, params)
            for each in self.table
            if (params := each.match(request.path)) is not None
        ]
        if not found:
            raise guard.PathNotFoundError("no endpoint has this path")
        methods = {each.method for each, _ in found}
        methods |= {"OPTIONS", *(("HEAD",) if "GET" in methods else ())}
        if request.method == "OPTIONS":
            return Response.of_options(", ".join(sorted(methods)))
        wanted = "GET" if request.method == "HEAD" else request.method
        for endpoint, params in found:
            if endpoint.method == wanted:
                return await self._call(endpoint, params, request, messages)
        raise guard.MethodNotAllowedError(
            "no endpoint has this path and method", allowed=", ".join(sorted(methods))
        )

    async def _call(
        self, endpoint: Endpoint, params: dict[str, str], request: Request[R], messages: Messages
    ) -> Response:
        """Check the request, take the step, and turn its result into a response."""
        guard.require_size(request.body)
        checkouts = self._checkouts
        if not isinstance(checkouts, Checkouts):
            checkouts = checkouts(request.original)
        query = dict(parse_qsl(request.query))
        call = Call(request, checkouts, messages, params=params, query=query)
        if not endpoint.is_signed:
            if endpoint.method != "GET":
                guard.require_same_origin(request.headers, self._trusted)
            # Hold the members under no name of ours: one may be a card's token.
            call = evolve(
                call, body=guard.read_members(request.body, request.headers, endpoint.takes)
            )
            if self._identity is not None:
                call = evolve(call, identity=await self._identity(request.original))
        if endpoint.opens:
            call = evolve(call, opened=await self._open(call))
        elif endpoint.starts:
            await self._require_known_outcome(call)
        given = await endpoint.step(call)
        headers: dict[str, str] = {}
        if isinstance(given, Checkout):
            headers["Set-Cookie"] = guard.set_cookie(
                self.cookie, given.id, max_age=checkouts.lifetime, secure=self._is_secure
            )
        if given is None or isinstance(given, Checkout):
            given = (given or call.checkout).view.to_dict(messages)
            del given["id"]  # it opens the checkout, and stays in a cookie scripts cannot read
        return Response.of_json(given, endpoint.status, headers)

    async def _open(self, call: Call) -> Checkout:
        """Open the cookie's checkout, if it is this shopper's."""
        checkout_id = guard.cookie_value(call.request.headers, self.cookie)
        names = self._page_names_shopper
        return await open_for(call.checkouts, checkout_id, call.identity, page_names_shopper=names)

    async def _require_known_outcome(self, call: Call) -> None:
        """Do not replace the cookie of an order whose outcome the library is still finding out."""
        checkout_id = guard.cookie_value(call.request.headers, self.cookie)
        try:
            if (await call.checkouts.open(checkout_id)).view.stage != Stage.PLACING:
                return
            view = (await self._open(call)).view
        except StorageError as error:
            if error.cause or isinstance(error, SnapshotTooNewError):
                raise  # it may be there, with such an order
            return
        except GettCheckoutError:
            return  # there is none of this shopper's
        if not isinstance(view.next_action, ContactSupport):
            raise StepNotAllowedError(
                "the outcome of the last order is unknown", next_action=view.next_action
            )


def _problem(error: GettCheckoutError, messages: Messages) -> Response:
    problem = error.to_problem(messages)
    problem.pop("checkout_id", None)  # like the view
    return Response.of_json(problem, problem["status"], error.problem_headers())


def _webhook(
    secret: str | Sequence[str] | None, on_event: Callable[[OrderEvent], Awaitable[object]] | None
) -> tuple[Endpoint, ...]:
    """Return the endpoint for Gett's order events, if there is a secret to verify them with."""
    if secret is None and on_event is None:
        return ()
    if secret is None or on_event is None:
        raise InvalidInputError("webhook_secret and on_event come together")
    secret, handler = guard.hidden_secrets(secret), on_event

    async def receive(call: Call) -> dict[str, object]:
        """Receive an order event from Gett."""
        clock = call.checkouts.clock
        event = verify_event(call.request.body, call.request.headers, secret, now=clock())
        async with handle_once(call.checkouts.storage, event, clock=clock) as is_new:
            if is_new:
                await handler(event)
        return {"received": True}

    return (
        Endpoint(
            "POST", "/webhook", "webhook", receive,
            gives=bodies.RECEIVED, opens=False, is_signed=True,
        ),
    )  # fmt: skip
