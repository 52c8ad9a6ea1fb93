"""The steps as the page asks for them: JSON in, one awaited call of the checkout each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web
from attrs import field, frozen

from gett_checkout import (
    CardOnFile,
    Checkout,
    InvalidInputError,
    parse_fulfillment,
    parse_identity,
)

Asked = Mapping[str, Any]
Step = Callable[[Checkout, Asked], Awaitable[object]]


@frozen
class Card:
    """A card the page offers.

    With a real payment processor its script would make the token; here the page names a card and
    the token stays on the server.
    """

    card_id: str
    hint: str
    on_file: CardOnFile = field(repr=False)


CARDS: Final = (
    Card("good", "goes through", CardOnFile("card_ok", "stripe", "Visa", "4242")),
    Card("declined", "is declined", CardOnFile("card_declined", "stripe", "Visa", "0002")),
    Card("fails_once", "fails once", CardOnFile("card_fails_once", "stripe", "Mastercard", "0341")),
)


async def read_json(request: web.Request) -> Asked:
    """The body of a request: a JSON object."""
    try:
        asked = await request.json()
    except (ValueError, LookupError, RecursionError):  # lookup: of a charset nobody knows
        raise InvalidInputError("the body must be JSON") from None
    if not isinstance(asked, dict):
        raise InvalidInputError("the body must be a JSON object")
    return asked


def _card(asked: Asked) -> CardOnFile:
    for card in CARDS:
        if card.card_id == asked.get("card"):
            return card.on_file
    raise InvalidInputError("there is no such card")


def _text(asked: Asked, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is missing")
    return value


STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "browse": lambda checkout, asked: checkout.browse(
            _text(asked, "store_id"), replace_cart=asked.get("replace_cart") is True
        ),
        "add": lambda checkout, asked: checkout.add(
            _text(asked, "item_id"),
            quantity=asked.get("quantity", 1),
            modifiers=asked.get("modifiers"),
        ),
        "update": lambda checkout, asked: checkout.update(
            _text(asked, "line_id"),
            quantity=asked.get("quantity"),
            modifiers=asked.get("modifiers"),
        ),
        "remove": lambda checkout, asked: checkout.remove(_text(asked, "line_id")),
        "fulfill": lambda checkout, asked: checkout.fulfill(parse_fulfillment(asked)),
        "validate": lambda checkout, asked: checkout.validate(tip=asked.get("tip")),
        "identify": lambda checkout, asked: checkout.identify(parse_identity(asked)),
        "pay": lambda checkout, asked: checkout.pay(_card(asked)),
        "confirm_total": lambda checkout, asked: checkout.confirm_total(_text(asked, "total")),
        # What the button said.
        "place": lambda checkout, asked: checkout.place(total=_text(asked, "total")),
        "reconcile": lambda checkout, asked: checkout.reconcile(),
    }
)
