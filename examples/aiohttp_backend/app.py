"""The application: wiring, one middleware for errors, and an endpoint for each step.

Routes and JSON are those of ``examples/fastapi_backend``: one client drives both.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from examples.aiohttp_backend.bodies import read_json, read_members
from examples.answers import PROBLEM, checkout_answer, http_problem, problem_answer
from examples.shop import Opening, Settings, Shop, open_shop
from gett_checkout import (
    Checkout,
    GettCheckoutError,
    jsonable,
    parse_fulfillment,
    parse_identity,
    parse_payment,
)
from gett_checkout.webhooks import handle_once, verify_event

log = logging.getLogger(__name__)
routes = web.RouteTableDef()
SHOP: Final = web.AppKey("shop", Shop)


def create_app(settings: Settings | None = None, opening: Opening = open_shop) -> web.Application:
    """The application of one worker.

    ``settings`` default to those of the environment. A test passes an ``opening`` of its own.
    """
    chosen = settings or Settings.from_environment()

    async def shop(app: web.Application) -> AsyncIterator[None]:
        async with opening(chosen) as opened:
            app[SHOP] = opened
            yield

    app = web.Application(middlewares=[answer_problems])
    app.cleanup_ctx.append(shop)
    app.add_routes(routes)
    if chosen.webhook_secret:
        app.router.add_post("/webhooks/gett", order_events)
    return app


@web.middleware
async def answer_problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every error as a problem document: the one place where errors become answers."""
    try:
        return await handler(request)
    except GettCheckoutError as error:
        problem, headers = problem_answer(error), error.problem_headers()
        if problem["status"] >= 500:
            log.warning("a step failed", exc_info=error)
    except web.HTTPException as refused:  # the framework's own: no such path, a body too large
        problem = http_problem(refused.status)
        allow = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
        headers = {**PROBLEM, **allow}
    return web.Response(text=json.dumps(problem), status=problem["status"], headers=headers)


async def opened(request: web.Request) -> Checkout:
    """The shopper's checkout, as whichever worker saved it; without a cookie, the error says so."""
    shop = request.app[SHOP]
    return await shop.checkouts.open(request.cookies.get(shop.cookie))


def answer(checkout: Checkout, status: int = 200) -> web.Response:
    """The checkout, for the page's next screen."""
    return web.json_response(checkout_answer(checkout), status=status)


@routes.get("/stores")
async def stores(request: web.Request) -> web.Response:
    """Restaurants to choose from. Discovery has the smallest of Gett's rate limits: cache it."""
    page = await request.app[SHOP].gett.discover_stores(query=request.query.get("query"))
    return web.json_response({"stores": jsonable(page.stores)})


@routes.post("/checkout")
async def start(request: web.Request) -> web.Response:
    """A new checkout, bound to this browser by its cookie."""
    shop = request.app[SHOP]
    checkout = await shop.checkouts.start()
    response = answer(checkout, 201)
    response.set_cookie(
        shop.cookie,
        checkout.id,
        max_age=shop.checkouts.lifetime,
        httponly=True,
        secure=shop.settings.secure_cookie,
        samesite="Strict",
    )
    return response


@routes.get("/checkout")
async def view(request: web.Request) -> web.Response:
    """Where the checkout stands; what a page asks for after a reload."""
    return answer(await opened(request))


@routes.delete("/checkout")
async def abandon(request: web.Request) -> web.Response:
    """Give it up."""
    checkout = await opened(request)
    await checkout.abandon()
    return answer(checkout)


@routes.put("/checkout/store")
async def browse(request: web.Request) -> web.Response:
    """Step 1: choose the restaurant."""
    checkout = await opened(request)
    body = await read_members(request, "store_id", optional=("replace_cart",))
    await checkout.browse(body["store_id"], replace_cart=body.get("replace_cart") is True)
    return answer(checkout)


@routes.get("/checkout/menu")
async def menu(request: web.Request) -> web.Response:
    """Its menu, at any stage."""
    checkout = await opened(request)
    return web.json_response((await checkout.menu()).to_dict())


@routes.post("/checkout/lines")
async def add(request: web.Request) -> web.Response:
    """Put an item into the cart."""
    checkout = await opened(request)
    optional = ("quantity", "modifiers", "special_instructions", "line_id")
    await checkout.add(**await read_members(request, "item_id", optional=optional))
    return answer(checkout, 201)


@routes.patch("/checkout/lines/{line_id}")
async def update(request: web.Request) -> web.Response:
    """Change a line."""
    checkout = await opened(request)
    optional = ("quantity", "modifiers", "special_instructions")
    changes = await read_members(request, optional=optional)
    await checkout.update(request.match_info["line_id"], **changes)
    return answer(checkout)


@routes.delete("/checkout/lines/{line_id}")
async def remove(request: web.Request) -> web.Response:
    """Take a line out."""
    checkout = await opened(request)
    await checkout.remove(request.match_info["line_id"])
    return answer(checkout)


@routes.get("/checkout/top-ups")
async def suggest_items(request: web.Request) -> web.Response:
    """What would close the gap to the minimum order."""
    checkout = await opened(request)
    return web.json_response({"suggest_items": jsonable(await checkout.suggest_items())})


@routes.put("/checkout/fulfillment")
async def fulfill(request: web.Request) -> web.Response:
    """Step 2: delivery or pickup."""
    checkout = await opened(request)
    await checkout.fulfill(parse_fulfillment(await read_json(request)))
    return answer(checkout)


@routes.post("/checkout/quote")
async def validate(request: web.Request) -> web.Response:
    """Step 3: Gett's price, with a tip."""
    checkout = await opened(request)
    body = await read_members(request, optional=("tip",))
    await checkout.validate(tip=body.get("tip"))
    return answer(checkout)


@routes.put("/checkout/confirmed-total")
async def confirm_total(request: web.Request) -> web.Response:
    """The shopper agrees to a total that has changed."""
    checkout = await opened(request)
    body = await read_members(request, "total")
    await checkout.confirm_total(body["total"])
    return answer(checkout)


@routes.put("/checkout/identity")
async def identify(request: web.Request) -> web.Response:
    """Who the shopper is. With a login of your own, take it from there and not from the request."""
    checkout = await opened(request)
    await checkout.identify(parse_identity(await read_json(request)))
    return answer(checkout)


@routes.get("/checkout/cards")
async def saved_cards(request: web.Request) -> web.Response:
    """The cards the shopper keeps at Gett."""
    checkout = await opened(request)
    return web.json_response({"cards": jsonable(await checkout.saved_cards())})


@routes.put("/checkout/payment")
async def pay(request: web.Request) -> web.Response:
    """Step 4: how to pay. A token of your processor's, never a card number."""
    checkout = await opened(request)
    await checkout.pay(parse_payment(await read_json(request)))
    return answer(checkout)


@routes.post("/checkout/order")
async def place(request: web.Request) -> web.Response:
    """Step 5: place the order, for the total shown on the button. A second click: the same order."""
    checkout = await opened(request)
    body = await read_members(request, "total")
    await checkout.place(total=body["total"])
    return answer(checkout)


async def order_events(request: web.Request) -> web.Response:
    """Gett's order events. The body is read as bytes: its signature is of just these."""
    shop = request.app[SHOP]
    secret = shop.settings.webhook_secret or ""
    event = verify_event(await request.read(), request.headers, secret, now=shop.clock())
    async with handle_once(shop.storage, event, clock=shop.clock) as is_new:
        if is_new:  # here a real shop tells the shopper
            log.info("order event", extra={"type": event.type, "status": event.status})
    return web.json_response({"received": True})
