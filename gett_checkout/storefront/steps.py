"""The steps as the page asks for them: JSON in, one awaited call of the checkout each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web
from attrs import field, frozen

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Delivery,
    Fulfillment,
    Identity,
    InvalidInputError,
    Pickup,
)

Asked = Mapping[str, Any]
Step = Callable[[Checkout, Asked], Awaitable[None]]


@frozen
class Card:
    """A card the page offers.

    With a real payment processor its script would make the token; here the page names a card and
    the token stays on the server.
    """

    card_id: str
    label: str
    hint: str
    token: str = field(repr=False)


CARDS: Final = (
    Card("good", "Visa ending 4242", "goes through", "card_ok"),
    Card("declined", "Visa ending 0002", "is declined", "card_declined"),
    Card("fails_once", "Mastercard ending 0341", "fails once", "card_fails_once"),
)


async def read_json(request: web.Request) -> Asked:
    """The body of a request: a JSON object."""
    try:
        asked = await request.json()
    except ValueError:
        raise InvalidInputError("the body must be JSON") from None
    if not isinstance(asked, dict):
        raise InvalidInputError("the body must be a JSON object")
    return asked


async def _browse(checkout: Checkout, asked: Asked) -> None:
    replace = asked.get("replace_cart") is True
    await checkout.browse(_text(asked, "store_id"), replace_cart=replace)


async def _add(checkout: Checkout, asked: Asked) -> None:
    await checkout.add(
        _text(asked, "item_id"),
        quantity=asked.get("quantity", 1),
        modifiers=asked.get("modifiers"),
    )


async def _update(checkout: Checkout, asked: Asked) -> None:
    await checkout.update(
        _text(asked, "line_id"), quantity=asked.get("quantity"), modifiers=asked.get("modifiers")
    )


async def _remove(checkout: Checkout, asked: Asked) -> None:
    await checkout.remove(_text(asked, "line_id"))


async def _fulfill(checkout: Checkout, asked: Asked) -> None:
    await checkout.fulfill(_fulfillment(asked))


async def _validate(checkout: Checkout, asked: Asked) -> None:
    await checkout.validate(tip=asked.get("tip"))


async def _identify(checkout: Checkout, asked: Asked) -> None:
    names = ("email", "first_name", "last_name")
    await checkout.identify(Identity(**{name: _text(asked, name) for name in names}))


async def _pay(checkout: Checkout, asked: Asked) -> None:
    card = next((each for each in CARDS if each.card_id == asked.get("card")), None)
    if card is None:
        raise InvalidInputError("there is no such card")
    await checkout.pay(CardOnFile(card.token, processor_type="stripe"))


async def _confirm_total(checkout: Checkout, asked: Asked) -> None:
    await checkout.confirm_total(_text(asked, "total"))


async def _place(checkout: Checkout, asked: Asked) -> None:
    await checkout.place(total=_text(asked, "total"))  # what the button said


async def _settle(checkout: Checkout, asked: Asked) -> None:
    await checkout.settle()


STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "browse": _browse,
        "add": _add,
        "update": _update,
        "remove": _remove,
        "fulfill": _fulfill,
        "validate": _validate,
        "identify": _identify,
        "pay": _pay,
        "confirm_total": _confirm_total,
        "place": _place,
        "settle": _settle,
    }
)


def _fulfillment(asked: Asked) -> Fulfillment:
    if asked.get("type") == "pickup":
        return Pickup()
    if asked.get("type") != "delivery":
        raise InvalidInputError("the type must be delivery or pickup")
    names = ("address1", "city", "state", "postal_code")
    return Delivery(Address(**{name: _text(asked, name) for name in names}))


def _text(asked: Asked, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInputError(f"{name} is missing")
    return value.strip()
