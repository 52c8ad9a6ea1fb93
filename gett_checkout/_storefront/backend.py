"""Define the storefront's own endpoints; all others come from `gett_checkout.web`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from attrs import field, frozen

from gett_checkout import (
    CardOnFile,
    Checkouts,
    GettClient,
    InvalidInputError,
    Stage,
    StepNotAllowedError,
    Storage,
    jsonable,
)
from gett_checkout._storefront.rehearsal import PATIENCE, Rehearsal
from gett_checkout.web import Body, Call, Endpoint, Options

_OBJECT: Final = {"type": "object"}
_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}


@frozen
class Card:
    """A card the page offers.

    A real payment processor's script would make the token; here the page names a card, and the token
    stays on the server.
    """

    card_id: str
    hint: str
    on_file: CardOnFile = field(repr=False)


CARDS: Final = (
    Card("good", "goes through", CardOnFile("card_ok", "stripe", "Visa", "4242")),
    Card("declined", "is declined", CardOnFile("card_declined", "stripe", "Visa", "0002")),
    Card("fails_once", "fails once", CardOnFile("card_fails_once", "stripe", "Mastercard", "0341")),
)


@asynccontextmanager
async def open_backend(
    sandbox_url: str, api_key: str, *, storage: Storage | None = None
) -> AsyncIterator[tuple[Checkouts, Options[Any]]]:
    """Open one worker's checkouts; yield them with the options to mount them with."""
    async with (
        aiohttp.ClientSession() as http,
        GettClient(api_key, base_url=sandbox_url, http=http, retry=PATIENCE) as gett,
    ):
        yield Checkouts(gett, storage=storage), _options(Rehearsal(sandbox_url, http))


def _options(rehearsal: Rehearsal) -> Options[Any]:
    """Configure the endpoints for guests who name themselves, over plain HTTP on loopback."""

    async def look_at_gett(_: Call) -> dict[str, Any]:
        """Show the requests that reached Gett, and which mishaps are on."""
        return await rehearsal.look()

    async def turn(call: Call) -> dict[str, Any]:
        """Switch a mishap on or off; ``store_closed`` closes the store of the body."""
        store_id = call.body.get("store_id")
        await rehearsal.turn(call.params["name"], on=call.body["on"], store_id=store_id)
        return await rehearsal.look()

    async def advance_order(call: Call) -> dict[str, Any]:
        """Move the order on as its restaurant would, or cancel it."""
        view = call.checkout.view
        if view.order is None or view.order.order_id is None:
            raise StepNotAllowedError("there is no order yet", next_action=view.next_action)
        await rehearsal.advance(view.order.order_id, cancel=call.body["cancel"])
        return await rehearsal.look()

    mishap = Body.of({"on": _FLAG}, {"store_id": _TEXT})
    return {
        "page_names_shopper": True,
        "secure_cookie": False,
        "own": [
            Endpoint("GET", "/shop", "shop", shop, gives=_OBJECT, opens=False),
            Endpoint("PUT", "/payment", "pay", pay, Body.of({"card": _TEXT})),
            Endpoint("GET", "/gett", "gett", look_at_gett, gives=_OBJECT, opens=False),
            Endpoint("PUT", "/mishaps/{name}", "turn", turn, mishap, gives=_OBJECT, opens=False),
            Endpoint(
                "POST",
                "/order/advance",
                "advance_order",
                advance_order,
                Body.of({"cancel": _FLAG}),
                gives=_OBJECT,
            ),
        ],
    }


async def shop(_: Call) -> dict[str, Any]:
    """Show what every shopper sees: the stages and the cards."""
    return {
        "stages": [each for each in Stage if each is not Stage.ABANDONED],
        "cards": [
            {"card_id": card.card_id, "hint": card.hint, "on_file": jsonable(card.on_file)}
            for card in CARDS
        ],
    }


async def pay(call: Call) -> None:
    """Pay with the card that the page names."""
    card = next((each for each in CARDS if each.card_id == call.body["card"]), None)
    if card is None:
        raise InvalidInputError("there is no such card", field="card")
    await call.checkout.pay(card.on_file)
