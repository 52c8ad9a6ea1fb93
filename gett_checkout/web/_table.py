"""The table of endpoints: method, path, step, request body and response."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from gett_checkout import (
    Checkout,
    Checkouts,
    Delivery,
    Identity,
    InvalidInputError,
    SavedCard,
    jsonable,
    parse_contact,
    parse_fulfillment,
    parse_identity,
    parse_payment,
)
from gett_checkout.actions import SignIn
from gett_checkout.messages import Messages
from gett_checkout.views import StoreView
from gett_checkout.web import _bodies as bodies
from gett_checkout.web._bodies import Body, Schema
from gett_checkout.web._exchange import Request
from gett_checkout.web._guard import ShopperKnownError
from gett_checkout.web._shopper import require_shopper


@frozen
class Call:
    """A checked request, as the step of an `Endpoint` receives it.

    ``body`` has the members of the JSON, fractions as `Decimal`; ``params`` has the path's parameters,
    ``query`` the query's. ``identity`` is the shopper who is signed in, according to the host's login;
    ``None`` if nobody is.
    """

    request: Request[object]
    checkouts: Checkouts
    messages: Messages
    identity: Identity | None = None
    body: Mapping[str, Any] = field(factory=dict, repr=False)
    params: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict)
    opened: Checkout | None = None

    @property
    def checkout(self) -> Checkout:
        """The shopper's checkout; only for an endpoint that ``opens`` it."""
        if self.opened is None:
            raise AssertionError("an endpoint with opens=False has no checkout")
        return self.opened


def _without_end(path: str) -> str:
    return path.rstrip("/")


Step = Callable[[Call], Awaitable[Checkout | Mapping[str, object] | None]]


@frozen
class Endpoint:
    """A method and a path, and the ``step`` that such a request runs.

    The path is relative to the prefix: ``/`` is the prefix itself, and a trailing slash is ignored. The
    step is an async function of the `Call`. If it returns ``None``, the response is the checkout's
    view; if it returns a mapping, that is the JSON of the response; if it returns a `Checkout`, that is
    a new checkout, whose id is put into the cookie. ``starts`` marks a step that starts a checkout,
    whose id replaces the one in the cookie. Such a step is rejected while the outcome of an order in
    the cookie's checkout is unknown: the browser would lose that order. It is allowed if that
    checkout's next action is `ContactSupport`. ``takes`` describes the body (default: none), ``gives``
    is the JSON Schema of the response. ``opens`` says whether the endpoint needs an existing checkout
    (default: true, unless ``starts`` is true). ``queries`` lists the query parameters. ``is_signed`` is
    for requests from another server that are authenticated by a signature: checking the origin and the
    body is left to the step.
    """

    method: str
    path: str = field(converter=_without_end)
    name: str
    step: Step
    takes: Body = bodies.NOTHING_SENT
    gives: Schema = bodies.VIEW
    status: int = 200
    starts: bool = False
    opens: bool = field()
    queries: tuple[str, ...] = ()
    is_signed: bool = False

    @opens.default
    def _needs_a_checkout(self) -> bool:
        return not self.starts

    @property
    def names(self) -> tuple[str, ...]:
        """The names in braces, in the order of the path."""
        return tuple(each[1:-1] for each in self.path.split("/") if each.startswith("{"))

    @property
    def summary(self) -> str:
        """The endpoint's description: the first line of its step's docstring."""
        return (inspect.getdoc(self.step) or self.name).partition("\n")[0]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the path's values for the names in braces; ``None`` when the path does not match."""
        ours, theirs = self.path.split("/"), path.rstrip("/").split("/")
        if len(ours) != len(theirs):
            return None
        params: dict[str, str] = {}
        for our, their in zip(ours, theirs, strict=True):
            if our.startswith("{") and their:
                params[our[1:-1]] = their
            elif our != their:
                return None
        return params


async def stores(call: Call) -> dict[str, object]:
    """List the restaurants, or those that match ``query``. Gett's rate limit for this is low: cache it."""
    page = await call.checkouts.client.discover_stores(query=call.query.get("query"))
    now = call.checkouts.clock()
    return {"stores": jsonable([StoreView.of(each, now) for each in page.stores])}


async def start(call: Call) -> Checkout:
    """Start a checkout, bound to this browser by the cookie; not while an order's outcome is unknown."""
    return await call.checkouts.start(call.identity)


async def view(call: Call) -> None:
    """Return the checkout's current state, for example when a page loads."""


async def abandon(call: Call) -> None:
    """Abandon the checkout."""
    await call.checkout.abandon()


async def browse(call: Call) -> None:
    """Choose the restaurant; ``replace_cart`` drops the cart of another one."""
    replace_cart = call.body.get("replace_cart", False)
    await call.checkout.browse(call.body["store_id"], replace_cart=replace_cart)


async def menu(call: Call) -> dict[str, Any]:
    """Return the restaurant's menu."""
    return (await call.checkout.menu()).to_dict()


async def add(call: Call) -> None:
    """Add an item to the cart. Repeated with the same ``line_id`` and content, it adds nothing more."""
    await call.checkout.add(**call.body)


async def update(call: Call) -> None:
    """Change a line of the cart; members left out stay unchanged."""
    await call.checkout.update(call.params["line_id"], **call.body)


async def remove(call: Call) -> None:
    """Remove a line from the cart."""
    await call.checkout.remove(call.params["line_id"])


async def suggest_items(call: Call) -> dict[str, object]:
    """Suggest items that close the gap to the minimum order."""
    return {"suggestions": jsonable(await call.checkout.suggest_items(), call.messages)}


async def fulfill(call: Call) -> None:
    """Choose delivery or pickup; a stored address (``address_id``) needs the host's login."""
    fulfillment = parse_fulfillment(call.body)
    if isinstance(fulfillment, Delivery) and fulfillment.address_id:
        require_shopper(call.checkout, call.identity)
    await call.checkout.fulfill(fulfillment)


async def validate(call: Call) -> None:
    """Have Gett price the order, with a tip (default: the tip chosen before)."""
    await call.checkout.validate(tip=call.body.get("tip"))


async def confirm_total(call: Call) -> None:
    """Agree to a changed total, and place later."""
    await call.checkout.confirm_total(call.body["total"])


async def identify(call: Call) -> None:
    """Name the shopper if no login does; only with ``page_names_shopper=True``."""
    if call.identity is not None:
        raise ShopperKnownError("the host's login says who the shopper is")
    identity = parse_identity(call.body)
    if identity.partner_user_id is not None:  # a page could claim another account by it
        said = "only the host's login names the partner_user_id"
        raise InvalidInputError(said, field="partner_user_id", code="unknown")
    await call.checkout.identify(identity)


async def set_recipient(call: Call) -> None:
    """Name who receives the order, if not the shopper."""
    await call.checkout.set_recipient(parse_contact(call.body))


async def remove_recipient(call: Call) -> None:
    """Make the shopper the recipient again."""
    await call.checkout.set_recipient(None)


async def saved_cards(call: Call) -> dict[str, object]:
    """List the cards the shopper has saved at Gett; needs the host's login."""
    require_shopper(call.checkout, call.identity)
    return {"cards": jsonable(await call.checkout.saved_cards(), call.messages)}


async def pay(call: Call) -> None:
    """Choose how to pay; a saved card needs the host's login. Never send a card number."""
    payment = parse_payment(call.body)
    if isinstance(payment, SavedCard):
        require_shopper(call.checkout, call.identity)
    await call.checkout.pay(payment)


async def place(call: Call) -> None:
    """Place the order for the total on the button. A second click gives the same order."""
    if call.identity is not None and isinstance(call.checkout.view.next_action, SignIn):
        await call.checkout.identify(call.identity)  # they signed in again after Gett's rejection
    await call.checkout.place(total=call.body["total"])


async def refresh_order(call: Call) -> None:
    """Fetch the placed order's current state from Gett. Call it rarely; the view has the stored state."""
    await call.checkout.refresh_order()


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "GET",
        "/stores",
        "stores",
        stores,
        gives=bodies.STORES,
        opens=False,
        queries=("query",),
    ),
    Endpoint("POST", "/", "start", start, status=201, starts=True),
    Endpoint("GET", "/", "view", view),
    Endpoint("DELETE", "/", "abandon", abandon),
    Endpoint("PUT", "/store", "browse", browse, bodies.STORE),
    Endpoint("GET", "/menu", "menu", menu, gives=bodies.MENU),
    Endpoint("POST", "/lines", "add", add, bodies.LINE, status=201),
    Endpoint("PATCH", "/lines/{line_id}", "update", update, bodies.LINE_CHANGE),
    Endpoint("DELETE", "/lines/{line_id}", "remove", remove),
    Endpoint("GET", "/suggestions", "suggest_items", suggest_items, gives=bodies.SUGGESTIONS),
    Endpoint("PUT", "/fulfillment", "fulfill", fulfill, bodies.FULFILLMENT),
    Endpoint("POST", "/quote", "validate", validate, bodies.TIP),
    Endpoint("PUT", "/confirmed-total", "confirm_total", confirm_total, bodies.TOTAL),
    Endpoint("PUT", "/identity", "identify", identify, bodies.IDENTITY),
    Endpoint("PUT", "/recipient", "set_recipient", set_recipient, bodies.CONTACT),
    Endpoint("DELETE", "/recipient", "remove_recipient", remove_recipient),
    Endpoint("GET", "/cards", "saved_cards", saved_cards, gives=bodies.CARDS),
    Endpoint("PUT", "/payment", "pay", pay, bodies.PAYMENT),
    Endpoint("POST", "/order", "place", place, bodies.TOTAL),
    Endpoint("GET", "/order", "refresh_order", refresh_order),
)
"""Every endpoint but the webhook, which needs a secret."""


def chosen(without: frozenset[str], own: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Return the table without the endpoints of these names and those that one of its ``own`` replaces."""
    if unknown := without - {each.name for each in ENDPOINTS}:
        raise InvalidInputError(f"no endpoint has the name {', '.join(sorted(unknown))}")
    replaced = {(each.method, each.path) for each in own}
    left = [
        each
        for each in ENDPOINTS
        if each.name not in without and (each.method, each.path) not in replaced
    ]
    return (*own, *left)
