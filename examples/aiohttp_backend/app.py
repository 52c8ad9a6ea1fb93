"""The application: the mounted endpoints, and one more of our own, which takes the tip in percent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Final

from aiohttp import web

from examples.shop import Opening, Settings, mount_options, open_shop
from gett_checkout import Checkouts, InvalidInputError
from gett_checkout.web import Body, Call, Endpoint
from gett_checkout.web.aiohttp import add_checkout_routes

CHECKOUTS: Final = web.AppKey("checkouts", Checkouts)


def create_app(settings: Settings | None = None, opening: Opening = open_shop) -> web.Application:
    """The application of one worker.

    ``settings`` default to those of the environment. A test passes an ``opening`` of its own.
    """
    chosen = settings or Settings.from_environment()

    async def lifespan(app: web.Application) -> AsyncIterator[None]:
        async with opening(chosen) as app[CHECKOUTS]:
            yield

    app = web.Application()
    app.cleanup_ctx.append(lifespan)
    percent = Body.of({"percent": {"type": "integer", "minimum": 0, "maximum": 50}})
    options = mount_options(chosen, Endpoint("POST", "/tip", "tip", tip_in_percent, percent))
    add_checkout_routes(app, lambda request: request.app[CHECKOUTS], prefix="/checkout", **options)
    return app


async def tip_in_percent(call: Call) -> None:
    """Have Gett price the order, with a tip of so many percent of the items."""
    percent, subtotal = call.body["percent"], call.checkout.view.subtotal
    if type(percent) is not int or not 0 <= percent <= 50:
        raise InvalidInputError("percent must be from 0 to 50", field="percent")
    await call.checkout.validate(tip=(subtotal * percent / 100).quantize(Decimal("0.01")))
