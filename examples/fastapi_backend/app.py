"""The application: wiring, one handler for errors, and an endpoint for each step.

Routes and JSON are those of ``examples/aiohttp_backend``: one client drives both.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from examples.answers import PROBLEM, checkout_answer, http_problem, problem_answer
from examples.fastapi_backend.bodies import (
    FulfillmentBody,
    IdentityBody,
    LineBody,
    LineChangeBody,
    PaymentBody,
    QuoteBody,
    StoreBody,
    TotalBody,
)
from examples.shop import Opening, Settings, Shop, open_shop
from gett_checkout import (
    Checkout,
    GettCheckoutError,
    InvalidInputError,
    jsonable,
    parse_fulfillment,
    parse_identity,
    parse_payment,
)
from gett_checkout.errors import FieldError, pointer_to
from gett_checkout.webhooks import handle_once, verify_event

log = logging.getLogger(__name__)
routes = APIRouter()
Answer = dict[str, Any]


def create_app(settings: Settings | None = None, opening: Opening = open_shop) -> FastAPI:
    """The application of one worker: ``uvicorn --factory examples.fastapi_backend.app:create_app``.

    ``settings`` default to those of the environment. A test passes an ``opening`` of its own.
    """
    chosen = settings or Settings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with opening(chosen) as shop:
            yield {"shop": shop}

    app = FastAPI(title="A shop", lifespan=lifespan)
    app.include_router(routes)
    if chosen.webhook_secret:
        app.add_api_route("/webhooks/gett", order_events, methods=["POST"])
    for kind in (GettCheckoutError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer_problem)
    return app


async def answer_problem(request: Request, error: Exception) -> JSONResponse:
    """Every error as a problem document: the one place where errors become answers."""
    if isinstance(error, HTTPException):  # the framework's own: no such path, no readable body
        refused = http_problem(error.status_code)
        return JSONResponse(refused, error.status_code, {**(error.headers or {}), **PROBLEM})
    if isinstance(error, RequestValidationError):
        # Where and what, but not the input itself, which FastAPI's own response repeats.
        error = InvalidInputError(errors=map(field_error, error.errors()))
    assert isinstance(error, GettCheckoutError)
    problem = problem_answer(error)
    if problem["status"] >= 500:
        log.warning("a step failed", exc_info=error)
    return JSONResponse(problem, problem["status"], error.problem_headers())


def field_error(said: dict[str, Any]) -> FieldError:
    """What pydantic says of a member, as the library says it: the body is the document."""
    where = said["loc"]
    code = {"missing": "missing", "extra_forbidden": "unknown"}.get(said["type"], "invalid")
    return FieldError(pointer_to(*where[1:]), code, f"{'.'.join(map(str, where))}: {said['msg']}")


def shop_of(request: Request) -> Shop:
    """What this worker holds."""
    shop: Shop = request.state.shop
    return shop


OurShop = Annotated[Shop, Depends(shop_of)]


async def opened(request: Request, shop: OurShop) -> Checkout:
    """The shopper's checkout, as whichever worker saved it; without a cookie, the error says so."""
    return await shop.checkouts.open(request.cookies.get(shop.cookie))


Opened = Annotated[Checkout, Depends(opened)]


@routes.get("/stores")
async def stores(shop: OurShop, query: str | None = None) -> Answer:
    """Restaurants to choose from. Discovery has the smallest of Gett's rate limits: cache it."""
    page = await shop.gett.discover_stores(query=query)
    return {"stores": jsonable(page.stores)}


@routes.post("/checkout", status_code=201)
async def start(shop: OurShop, response: Response) -> Answer:
    """A new checkout, bound to this browser by its cookie."""
    checkout = await shop.checkouts.start()
    response.set_cookie(
        shop.cookie,
        checkout.id,
        max_age=shop.checkouts.lifetime,
        httponly=True,
        secure=shop.settings.secure_cookie,
        samesite="strict",
    )
    return checkout_answer(checkout)


@routes.get("/checkout")
async def view(checkout: Opened) -> Answer:
    """Where the checkout stands; what a page asks for after a reload."""
    return checkout_answer(checkout)


@routes.delete("/checkout")
async def abandon(checkout: Opened) -> Answer:
    """Give it up."""
    await checkout.abandon()
    return checkout_answer(checkout)


@routes.put("/checkout/store")
async def browse(checkout: Opened, body: StoreBody) -> Answer:
    """Step 1: choose the restaurant."""
    await checkout.browse(body.store_id, replace_cart=body.replace_cart)
    return checkout_answer(checkout)


@routes.get("/checkout/menu")
async def menu(checkout: Opened) -> Answer:
    """Its menu, at any stage."""
    return (await checkout.menu()).to_dict()


@routes.post("/checkout/lines", status_code=201)
async def add(checkout: Opened, body: LineBody) -> Answer:
    """Put an item into the cart."""
    await checkout.add(**body.model_dump())
    return checkout_answer(checkout)


@routes.patch("/checkout/lines/{line_id}")
async def update(checkout: Opened, line_id: str, body: LineChangeBody) -> Answer:
    """Change a line."""
    await checkout.update(line_id, **body.changes())
    return checkout_answer(checkout)


@routes.delete("/checkout/lines/{line_id}")
async def remove(checkout: Opened, line_id: str) -> Answer:
    """Take a line out."""
    await checkout.remove(line_id)
    return checkout_answer(checkout)


@routes.get("/checkout/top-ups")
async def suggest_items(checkout: Opened) -> Answer:
    """What would close the gap to the minimum order."""
    return {"suggest_items": jsonable(await checkout.suggest_items())}


@routes.put("/checkout/fulfillment")
async def fulfill(checkout: Opened, body: FulfillmentBody) -> Answer:
    """Step 2: delivery or pickup."""
    await checkout.fulfill(parse_fulfillment(body.model_dump()))
    return checkout_answer(checkout)


@routes.post("/checkout/quote")
async def validate(checkout: Opened, body: QuoteBody) -> Answer:
    """Step 3: Gett's price, with a tip."""
    await checkout.validate(tip=body.tip)
    return checkout_answer(checkout)


@routes.put("/checkout/confirmed-total")
async def confirm_total(checkout: Opened, body: TotalBody) -> Answer:
    """The shopper agrees to a total that has changed."""
    await checkout.confirm_total(body.total)
    return checkout_answer(checkout)


@routes.put("/checkout/identity")
async def identify(checkout: Opened, body: IdentityBody) -> Answer:
    """Who the shopper is. With a login of your own, take it from there and not from the request."""
    await checkout.identify(parse_identity(body.model_dump()))
    return checkout_answer(checkout)


@routes.get("/checkout/cards")
async def saved_cards(checkout: Opened) -> Answer:
    """The cards the shopper keeps at Gett."""
    return {"cards": jsonable(await checkout.saved_cards())}


@routes.put("/checkout/payment")
async def pay(checkout: Opened, body: PaymentBody) -> Answer:
    """Step 4: how to pay. A token of your processor's, never a card number."""
    await checkout.pay(parse_payment(body.model_dump()))
    return checkout_answer(checkout)


@routes.post("/checkout/order")
async def place(checkout: Opened, body: TotalBody) -> Answer:
    """Step 5: place the order, for the total shown on the button. A second click: the same order."""
    await checkout.place(total=body.total)
    return checkout_answer(checkout)


async def order_events(request: Request, shop: OurShop) -> Answer:
    """Gett's order events. The body is read as bytes: its signature is of just these."""
    secret = shop.settings.webhook_secret or ""
    event = verify_event(await request.body(), request.headers, secret, now=shop.clock())
    async with handle_once(shop.storage, event, clock=shop.clock) as is_new:
        if is_new:  # here a real shop tells the shopper
            log.info("order event", extra={"type": event.type, "status": event.status})
    return {"received": True}
