"""The steps as tools of a shopping assistant: descriptions for a model, and `call`, which runs one.

They are the steps of the mounted endpoints, under the same names, and safe for an agent that repeats
calls, confuses their order and forgets: nothing is ordered twice, and every result names the next
action.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import field, frozen

from gett_checkout import (
    CatalogSet,
    Checkout,
    Checkouts,
    CheckoutView,
    GettCheckoutError,
    Identity,
    InvalidInputError,
    LineNotFoundError,
    NextAction,
    PaymentMethod,
)
from gett_checkout._hidden import hidden
from gett_checkout.actions import ChooseStore, SignIn, StartOver, Wait
from gett_checkout.messages import DEFAULT, Messages
from gett_checkout.schemas import TEXT, Definitions, Schema, closed
from gett_checkout.views import StoreView, Suggestion
from gett_checkout.web import ENDPOINTS, Body, Call, Endpoint, Request
from gett_checkout.web._bodies import taken
from gett_checkout.web._shopper import open_for

__all__ = ["NEXT_TOOLS", "TOOLS", "Tool", "call"]


@frozen
class Tool:
    """A tool's description for a model.

    ``reads_only``: it changes nothing about the order. ``is_repeatable``: calling it again with the
    same arguments changes nothing more. ``orders``: it places the order, so get the shopper's consent
    first. The schemas are JSON Schemas (2020-12).
    """

    name: str
    description: str
    reads_only: bool
    is_repeatable: bool
    orders: bool
    input_schema: Schema = field(repr=False, hash=False)
    output_schema: Schema = field(repr=False, hash=False)


_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "stores": "List the restaurants, or those that match a query.",
    "start": "Start a checkout. Pass its id, as checkout_id, to every other tool, and to nobody else.",
    "view": "Show the checkout's state: cart, price, missing requirements, next action.",
    "abandon": "Abandon the checkout.",
    "browse": "Choose the restaurant. With replace_cart the cart of another restaurant is emptied first.",
    "menu": "Show the restaurant's menu: sections, items, and the modifier groups to choose from.",
    "add": "Add an item to the cart. Choose the line's id yourself (line_id): repeated with the same id and "
    "content, it adds nothing more.",
    "update": "Change a line of the cart. Members left out stay unchanged.",
    "remove": "Remove a line from the cart.",
    "suggest_items": "Suggest items that close the gap to the restaurant's minimum order.",
    "fulfill": "Choose delivery, with the address, or pickup.",
    "validate": "Ask for the price, with a tip (in major units) or the tip chosen before.",
    "confirm_total": "Agree to a changed total on the shopper's behalf, and place later.",
    "identify": "Name the shopper, who orders and pays. Ask for the data; make nothing up.",
    "set_recipient": "Name who receives the order, if not the shopper.",
    "remove_recipient": "Make the shopper the recipient again.",
    "saved_cards": "List the cards that the signed-in shopper has saved.",
    "pay": "Choose how to pay: a saved card, a token of the payment processor's, or payment by Gett. Never "
    "send a card number.",
    "place": "Place the order. Show the shopper the total first, and send the total they agreed to. Calling "
    "it again returns the same order.",
    "refresh_order": "Fetch the placed order's current state.",
}
NEXT_TOOLS: Final[Mapping[str, tuple[str, ...]]] = {
    "choose_store": ("stores", "browse"),
    "add_items": ("menu", "add"),
    "fix_lines": ("menu", "update", "remove"),
    "complete_modifiers": ("menu", "update"),
    "choose_fulfillment": ("fulfill",),
    "choose_recipient": ("set_recipient",),
    "validate": ("validate",),
    "sign_in": ("identify",),
    "choose_payment": ("pay",),
    "confirm_total": ("place",),
    "place": ("place",),
    "wait": ("view",),
    "reconcile": ("place",),
    "done": ("refresh_order",),
    "start_over": ("start",),
    "contact_support": (),
}
"""The tools that carry out a next action, by its ``kind``."""

_ENDPOINTS: Final[Mapping[str, Endpoint]] = {each.name: each for each in ENDPOINTS}
_NOT_REPEATABLE: Final = ("start",)
_CHECKOUT_ID: Final = "checkout_id"
_QUANTITY: Final = "quantity"  # the only integers in the schemas
_DEEPEST: Final = 100  # how deep arguments may be nested: far deeper than any choices
# Steps that take a parsed value instead of a few members, and their argument.
_PARSED: Final[Mapping[str, str]] = {
    "fulfill": "fulfillment",
    "identify": "identity",
    "set_recipient": "recipient",
    "pay": "payment",
}
# The results of steps other than the view, and the members that hold them.
_GIVEN: Final[Mapping[str, tuple[str, Any]]] = {
    "stores": ("stores", tuple[StoreView, ...]),
    "menu": ("menu", CatalogSet),
    "suggest_items": ("suggestions", tuple[Suggestion, ...]),
    "saved_cards": ("cards", tuple[PaymentMethod, ...]),
}
_CARD_NUMBER: Final = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")


async def call(
    checkouts: Checkouts,
    name: str,
    arguments: Mapping[str, Any],
    *,
    identity: Identity | None = None,
    messages: Messages = DEFAULT,
) -> dict[str, Any]:
    """Run a tool; return the view, the value its output schema describes, or a problem document.

    ``next_action`` and ``next_tools`` say how to continue, whatever the outcome. ``identity`` is the
    shopper who is signed in, according to the host's own login: if it is given, other shoppers'
    checkouts are not found, and a tool cannot name anyone else as the shopper. Fractions may be floats,
    as JSON libraries read them. Raises none of this library's errors.
    """
    opened: list[Checkout] = []
    try:
        arguments = _read(arguments)  # from here on no local variable holds a card's token in plain
        found = await _run(checkouts, name, arguments, identity, messages, opened)
        action: NextAction | None = ChooseStore() if name == "stores" else None
    except GettCheckoutError as error:
        found, action = {"problem": error.to_problem(messages)}, error.next_action
    if action is None and opened:
        action = opened[-1].view.next_action
    elif action is None and isinstance(arguments, Mapping) and arguments.get(_CHECKOUT_ID):
        action = Wait(1.0)  # it may be there, with an order in progress
    following = action or StartOver()
    next_tools = [*NEXT_TOOLS[following.kind]]
    if identity is not None and isinstance(following, SignIn):
        next_tools = ["place"]  # which says again who the shopper is: no tool can name another one
    return {**found, "next_action": following.to_dict(messages), "next_tools": next_tools}


async def _run(
    checkouts: Checkouts,
    name: Any,
    arguments: Any,
    identity: Identity | None,
    messages: Messages,
    opened: list[Checkout],
) -> dict[str, Any]:
    """Run the step and return its result, under its member; ``opened`` receives the checkout."""
    if not isinstance(name, str) or name not in _ENDPOINTS:
        raise InvalidInputError(f"the tools are {', '.join(_ENDPOINTS)}")
    if not isinstance(arguments, Mapping):
        raise InvalidInputError("the arguments must be an object")
    endpoint = _ENDPOINTS[name]
    members = {key: each for key, each in arguments.items() if each is not None}
    checkout = None
    if endpoint.opens:  # first, because its next action is needed even if the rest is invalid
        checkout_id, names = members.get(_CHECKOUT_ID), identity is None
        checkout = await open_for(checkouts, checkout_id, identity, page_names_shopper=names)
        opened.append(checkout)
    Body(_TOOLS[name].input_schema).check(members)
    _reject_card_numbers(members)
    members.pop(_CHECKOUT_ID, None)
    params = {key: members.pop(key) for key in endpoint.names}
    query = {key: members.pop(key) for key in endpoint.queries if key in members}
    body = members.pop(_PARSED[name]) if name in _PARSED else members
    request = Request(None, endpoint.method, endpoint.path)
    asked = Call(request, checkouts, messages, identity, body, params, query, checkout)
    try:
        result = await endpoint.step(asked)
    except LineNotFoundError:
        if name != "remove":
            raise
        result = None  # it is gone, perhaps by an earlier call
    except InvalidInputError as error:
        if name in _PARSED:
            error.errors = error.within(_PARSED[name])
        raise
    if isinstance(result, Checkout):
        opened.append(result)
    if result is None or isinstance(result, Checkout):
        return {"view": opened[-1].view.to_dict(messages)}
    return {"menu": result} if name == "menu" else {**result}


def _read(value: Any, depth: int = _DEEPEST) -> Any:
    """Return the value with floats as JSON's decimals, and with texts whose repr shows nothing."""
    if not depth:
        raise InvalidInputError("the arguments are nested too deeply")
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, Mapping):
        read = {name: _read(each, depth - 1) for name, each in value.items()}
        return {**read, _QUANTITY: _whole(read[_QUANTITY])} if _QUANTITY in read else read
    return [_read(each, depth - 1) for each in value] if isinstance(value, list | tuple) else value


def _whole(value: object) -> object:
    """Return a quantity such as 2.0, an integer in JSON Schema, as an int; none has three digits."""
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 2:
        return int(value) if value == int(value) else value
    return value


def _reject_card_numbers(members: Mapping[str, Any]) -> None:
    """Raise `InvalidInputError` for a card number in a payment or in a note."""
    for name in ("payment", "special_instructions"):
        if any(map(_is_card_number, _CARD_NUMBER.findall(" ".join(_texts(members.get(name)))))):
            raise InvalidInputError("never send a card number", field=name)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)


def _is_card_number(text: str) -> bool:
    """Whether the digits have a valid check digit (ISO/IEC 7812)."""
    digits = [int(each) for each in text if each.isdigit()][::-1]
    twice = (sum(divmod(2 * each, 10)) for each in digits[1::2])
    return (sum(digits[::2]) + sum(twice)) % 10 == 0


# --- what a model is told -------------------------------------------------------------------------


def _tool(endpoint: Endpoint) -> Tool:
    name = endpoint.name
    return Tool(
        name,
        _DESCRIPTIONS[name],
        reads_only=endpoint.method == "GET",
        is_repeatable=name not in _NOT_REPEATABLE,
        orders=name == "place",
        input_schema=_input_schema(endpoint),
        output_schema=_output_schema(name),
    )


def _input_schema(endpoint: Endpoint) -> Schema:
    members: dict[str, Schema] = dict.fromkeys((*endpoint.names, *endpoint.queries), TEXT)
    required = {*endpoint.names}
    if endpoint.opens:
        members[_CHECKOUT_ID] = {**TEXT, "description": "The id in the view that start gave."}
        required.add(_CHECKOUT_ID)
    definitions: Mapping[str, Any] = {}
    if endpoint.name in _PARSED:
        members[_PARSED[endpoint.name]] = dict(endpoint.takes.schema)
        required.add(_PARSED[endpoint.name])
        definitions = taken()
    else:
        members |= endpoint.takes.schema["properties"]
        required |= {*endpoint.takes.schema["required"]}
    if endpoint.name == "add":
        members["line_id"], required = TEXT, required | {"line_id"}
    schema = closed(members, members.keys() - required)
    return {**schema, "$defs": dict(definitions)} if definitions else schema


def _output_schema(name: str) -> Schema:
    definitions = Definitions()
    member, kind = _GIVEN.get(name, ("view", CheckoutView))
    members = {
        member: definitions.menu() if kind is CatalogSet else definitions.of(kind),
        "problem": definitions.problem(),
        "next_action": definitions.of(NextAction),
        "next_tools": {"type": "array", "items": {"enum": [*_ENDPOINTS]}},
    }
    return {**closed(members, (member, "problem")), "$defs": definitions.found}


_TOOLS: Final[Mapping[str, Tool]] = {each.name: _tool(each) for each in ENDPOINTS}
TOOLS: Final[tuple[Tool, ...]] = tuple(_TOOLS.values())
"""Every tool, in the order of the steps."""
