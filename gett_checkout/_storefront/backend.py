"""The backend of the page: each step an endpoint, each request the next one of a shared checkout.

Nothing is kept here between requests. A checkout belongs to a browser by a cookie that holds its
unguessable id, and any worker over the same storage can serve the next step of it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final

from aiohttp import web

from gett_checkout import (
    Checkout,
    CheckoutNotFoundError,
    Checkouts,
    GettCheckoutError,
    GettClient,
    Stage,
    jsonable,
)
from gett_checkout._storefront import guard
from gett_checkout._storefront.rehearsal import Rehearsal
from gett_checkout._storefront.steps import CARDS, STEPS, read_json
from gett_checkout.views import StoreView

COOKIE: Final = "gett_checkout"
_LARGEST_BODY: Final = 64 * 1024
_CONTENT_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class Storefront:
    """The endpoints of one worker; ``worker`` is the name it tells the page."""

    def __init__(
        self, checkouts: Checkouts, gett: GettClient, rehearsal: Rehearsal, *, worker: str = "1"
    ) -> None:
        self._checkouts = checkouts
        self._gett = gett
        self._rehearsal = rehearsal
        self._worker = worker

    def application(self) -> web.Application:
        """The ``aiohttp.web`` application, to be run or mounted."""
        app = web.Application(
            middlewares=[guard.answer_problems, guard.only_own_page], client_max_size=_LARGEST_BODY
        )
        app.on_response_prepare.append(guard.harden)
        app.on_response_prepare.append(self._sign)
        for part in files("gett_checkout._storefront").joinpath("page").iterdir():
            path = "/" if part.name == "index.html" else f"/{part.name}"
            content_type = _CONTENT_TYPES[PurePath(part.name).suffix]
            asset = partial(_asset, text=part.read_text("utf-8"), content_type=content_type)
            app.router.add_get(path, asset)
        app.add_routes(
            [
                web.get("/api/shop", self._shop),
                web.get("/api/stores", self._stores),
                web.get("/api/menu", self._menu),
                web.get("/api/checkout", self._look),
                web.post("/api/steps/{step}", self._step),
                web.post("/api/start-over", self._start_over),
                web.get("/api/gett", self._look_at_gett),
                web.post("/api/mishaps/{name}", self._turn),
            ]
        )
        return app

    # --- what there is ----------------------------------------------------------------------------

    async def _shop(self, _: web.Request) -> web.Response:
        """What is the same for every shopper."""
        return web.json_response(
            {
                "stages": [each for each in Stage if each is not Stage.ABANDONED],
                "cards": jsonable(
                    [
                        {"card_id": card.card_id, "hint": card.hint, "on_file": card.on_file}
                        for card in CARDS
                    ]
                ),
            }
        )

    async def _stores(self, _: web.Request) -> web.Response:
        page, now = await self._gett.discover_stores(), self._gett.clock()
        stores = [StoreView.of(store, now) for store in page.stores]
        return web.json_response({"stores": jsonable(stores)})

    async def _menu(self, request: web.Request) -> web.Response:
        checkout = await self._checkout(request)
        return web.json_response((await checkout.menu()).to_dict())

    # --- the checkout -----------------------------------------------------------------------------

    async def _look(self, request: web.Request) -> web.Response:
        """Where this browser's checkout stands; no view when it has none."""
        try:
            return await self._answer(await self._checkout(request))
        except CheckoutNotFoundError:
            return _without_checkout()

    async def _step(self, request: web.Request) -> web.Response:
        name = request.match_info["step"]
        if name not in STEPS:
            raise web.HTTPNotFound(text="There is no such step.")
        asked = await read_json(request)
        try:
            checkout = await self._checkout(request)
        except CheckoutNotFoundError:
            if name != "browse":
                raise
            checkout = await self._checkouts.start()
        await STEPS[name](checkout, asked)
        answer = await self._answer(checkout)
        # No `secure`: the page is served over plain HTTP, on loopback only.
        lifetime = self._checkouts.lifetime
        answer.set_cookie(COOKIE, checkout.id, max_age=lifetime, httponly=True, samesite="Strict")
        return answer

    async def _start_over(self, request: web.Request) -> web.Response:
        """Leave this checkout for another; refused while its order is on its way."""
        with suppress(CheckoutNotFoundError):
            checkout = await self._checkout(request)
            if checkout.view.stage not in (Stage.PLACED, Stage.ABANDONED):
                await checkout.abandon()
        return _without_checkout()

    async def _checkout(self, request: web.Request) -> Checkout:
        return await self._checkouts.open(request.cookies.get(COOKIE))

    async def _answer(self, checkout: Checkout) -> web.Response:
        shown = checkout.view.to_dict()
        del shown["id"]  # it opens the checkout, and stays in a cookie no script can read
        return web.json_response({"view": shown, "suggest_items": await _top_ups(checkout)})

    # --- the sandbox ------------------------------------------------------------------------------

    async def _look_at_gett(self, _: web.Request) -> web.Response:
        return web.json_response(await self._rehearsal.look())

    async def _turn(self, request: web.Request) -> web.Response:
        asked = await read_json(request)
        store_id = None
        with suppress(CheckoutNotFoundError):
            store = (await self._checkout(request)).store
            store_id = store.store_id if store else None
        name, is_on = request.match_info["name"], asked.get("on") is True
        await self._rehearsal.turn(name, on=is_on, store_id=store_id)
        return web.json_response(await self._rehearsal.look())

    async def _sign(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Worker"] = self._worker


async def _asset(_: web.Request, *, text: str, content_type: str) -> web.Response:
    return web.Response(text=text, content_type=content_type)


def _without_checkout() -> web.Response:
    answer = web.json_response({"view": None, "suggest_items": []})
    answer.del_cookie(COOKIE, httponly=True, samesite="Strict")
    return answer


async def _top_ups(checkout: Checkout) -> Any:
    """What would close the gap, once something is in the cart; a hint, so never a reason to fail."""
    with suppress(GettCheckoutError):
        return jsonable(await checkout.suggest_items(3)) if checkout.view.lines else []
    return []
