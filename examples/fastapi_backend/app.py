"""The application: the mounted endpoints, and one more of our own, which orders the same again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from examples.shop import Opening, Settings, mount_options, open_shop
from gett_checkout import Checkout, InvalidInputError, Modifier
from gett_checkout.views import GroupChoice
from gett_checkout.web import Call, Endpoint
from gett_checkout.web.fastapi import checkout_router


def create_app(settings: Settings | None = None, opening: Opening = open_shop) -> FastAPI:
    """The application of one worker: ``uvicorn --factory examples.fastapi_backend.app:create_app``.

    ``settings`` default to those of the environment. A test passes an ``opening`` of its own.
    """
    chosen = settings or Settings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opening(chosen) as app.state.checkouts:
            yield

    app = FastAPI(title="A shop", lifespan=lifespan)
    again = Endpoint("POST", "/again", "order_again", order_again, status=201)
    options = mount_options(chosen, again)
    router = checkout_router(lambda request: request.app.state.checkouts, **options)
    app.include_router(router, prefix="/checkout")
    return app


async def order_again(call: Call) -> Checkout:
    """Start another checkout, with what this one ordered in its cart."""
    ordered = call.checkout.view
    if ordered.order is None or ordered.store is None:
        raise InvalidInputError("this checkout has ordered nothing yet")
    again = await call.checkouts.start(call.identity)
    await again.browse(ordered.store.store_id)
    for line in ordered.lines:
        await again.add(line.item_id, quantity=line.quantity, modifiers=chosen_again(line.groups))
    return again


def chosen_again(groups: Sequence[GroupChoice]) -> dict[str, list[Modifier]]:
    """What a line had chosen, as `Checkout.add` takes it."""
    return {
        group.modifier_group_id: [
            Modifier(each.item_id, each.quantity, chosen_again(each.groups))
            for each in group.chosen
        ]
        for group in groups
    }
