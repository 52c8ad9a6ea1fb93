"""What no step takes: each wrong value is refused by the name of its field, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from gett_checkout import (
    Address,
    Checkout,
    Checkouts,
    Delivery,
    GettClient,
    Identity,
    InvalidInputError,
    MenuChangedError,
    parse_fulfillment,
    parse_identity,
    parse_payment,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.web.asgi import CheckoutApp
from tests.acceptance.shopping import JANE, REGULAR

pytestmark = pytest.mark.slow

HERE = Address("350 5th Ave", "New York", "NY", "10118")
STREET = {"address1": "1 Main St", "city": "Springfield", "state": "IL", "postal_code": "62701"}

FALSY: list[Any] = ["", 0, False, [], (), b"", 0.0]  # and {} and None, which mean something
LONG = "a" * 201  # characters, more than an id has
NO_TEXT: list[Any] = [0, False, [], b"", {}, 7, ["x"]]
NO_MAPPING: list[Any] = [*FALSY, "large", ["item_size_large"]]
NO_COUNT: list[Any] = [*FALSY, {}, True, 1.0, "1", Decimal(1), 100, -1]
NO_FLAG: list[Any] = [*[each for each in FALSY if each is not False], None, {}, 1, "true", "false"]
NO_AMOUNT: list[Any] = [
    *("", False, [], b"", 0.0, {}, True, 3.5, "three", "NaN", "Infinity", Decimal("NaN")),
    *("1e13", Decimal("1E+300"), Decimal("1E-300")),
]
NO_CHARGE: list[Any] = [*NO_AMOUNT, "1000000.01", Decimal("1E+7"), -1, "-0.01", "0.001"]

Step = Callable[[Checkouts, Checkout, Any], Awaitable[object]]


def line(checkout: Checkout) -> str:
    return checkout.view.lines[0].line_id


def chosen(value: object) -> dict[str, Any]:
    return {"group_pizza_size": [value]}


TABLE: list[tuple[str, str, Step, list[Any]]] = [
    ("add", "item_id", lambda _, c, v: c.add(v), [*NO_TEXT, "", None, LONG]),
    ("add", "quantity", lambda _, c, v: c.add("item_tiramisu", quantity=v), [*NO_COUNT, None]),
    ("add", "modifiers", lambda _, c, v: c.add("item_tiramisu", modifiers=v), NO_MAPPING),
    (
        "add",
        "modifiers",
        lambda _, c, v: c.add("item_tiramisu", modifiers={v: []}),
        [0, None, b"", LONG],
    ),
    (
        "add",
        "modifiers.group_pizza_size",
        lambda _, c, v: c.add("item_margherita", modifiers={"group_pizza_size": v}),
        ["", 0, False, b"", {}, {"item_size_large": 1}, "item_size_large", None],
    ),
    (
        "add",
        "modifiers.group_pizza_size.0",
        lambda _, c, v: c.add("item_margherita", modifiers=chosen(v)),
        [0, False, [], b"", {}, None, LONG, {"item_id": 0}, {"item_id": "x", "count": 1}],
    ),
    (
        "add",
        "modifiers.group_pizza_size.0.quantity",
        lambda _, c, v: c.add("item_margherita", modifiers=chosen({"item_id": "x", "quantity": v})),
        [*NO_COUNT, None],
    ),
    (
        "add",
        "modifiers.group_pizza_size.0.modifiers",
        lambda _, c, v: c.add(
            "item_margherita", modifiers=chosen({"item_id": "x", "modifiers": v})
        ),
        NO_MAPPING,
    ),
    (
        "add",
        "special_instructions",
        lambda _, c, v: c.add("item_tiramisu", special_instructions=v),
        [*NO_TEXT, "a" * 1001],
    ),
    ("update", "quantity", lambda _, c, v: c.update(line(c), quantity=v), NO_COUNT),
    ("update", "modifiers", lambda _, c, v: c.update(line(c), modifiers=v), NO_MAPPING),
    (
        "update",
        "special_instructions",
        lambda _, c, v: c.update(line(c), special_instructions=v),
        [*NO_TEXT, "a" * 1001],
    ),
    ("browse", "store_id", lambda _, c, v: c.browse(v), [*NO_TEXT, "", None]),
    (
        "browse",
        "replace_cart",
        lambda _, c, v: c.browse("store_green_bowl", replace_cart=v),
        NO_FLAG,
    ),
    ("suggest_items", "limit", lambda _, c, v: c.suggest_items(v), [*FALSY, None, True, -1, 1.5]),
    ("validate", "tip", lambda _, c, v: c.validate(tip=v), NO_CHARGE),
    ("confirm_total", "total", lambda _, c, v: c.confirm_total(v), [*NO_AMOUNT, None]),
    ("place", "total", lambda _, c, v: c.place(total=v), [*NO_AMOUNT, None]),
    ("start", "identity", lambda s, _, v: s.start(v), [*FALSY, {}, "jane"]),
    ("start", "checkout_id", lambda s, _, v: s.start(checkout_id=v), [*NO_TEXT, ""]),
    ("start", "session_token", lambda s, _, v: s.start(session_token=v), [*NO_TEXT, ""]),
    ("start", "metadata", lambda s, _, v: s.start(metadata=v), [*FALSY, [["a", "b"]]]),
    ("start", "metadata", lambda s, _, v: s.start(metadata={"a": v}), [*NO_TEXT, None]),
    ("start", "metadata", lambda s, _, v: s.start(metadata={v: "a"}), ["", 0, None, b""]),
]


@pytest.mark.parametrize(
    ("field", "step", "values"),
    [pytest.param(*row[1:], id=f"{row[0]}-{number}") for number, row in enumerate(TABLE)],
)
async def test_a_step_names_the_field_that_is_wrong(
    checkout: Checkout,
    checkouts: Checkouts,
    sandbox: Sandbox,
    field: str,
    step: Step,
    values: list[Any],
) -> None:
    before, seen = checkout.view, len(sandbox.requests)
    for value in values:
        with pytest.raises(InvalidInputError) as caught:
            await step(checkouts, checkout, value)
        assert caught.value.field == field, value
    assert checkout.view == before
    assert len(sandbox.requests) == seen


async def test_a_step_that_takes_a_value_takes_no_json(checkout: Checkout) -> None:
    steps: list[Callable[[Any], Awaitable[object]]] = [
        *(checkout.fulfill, checkout.identify, checkout.pay, checkout.add_card)
    ]
    for step in steps:
        for value in (*FALSY, None, {}, "pickup", {"type": "pickup"}):
            with pytest.raises(InvalidInputError, match=r"pass an? "):
                await step(value)


async def test_a_client_names_the_tip_too(gett: GettClient, checkouts: Checkouts) -> None:
    checkout = await checkouts.start()
    assert await checkout.suggest_items() == ()
    store = await gett.get_store("store_bella_napoli")
    for tip in NO_CHARGE:
        with pytest.raises(InvalidInputError) as caught:
            await gett.validate_order(
                store, (), Delivery(HERE), tip=tip, token=await checkout.session_token()
            )
        assert caught.value.field == "tip"


WRONG_JSON: list[tuple[Callable[[object], object], dict[str, Any], str, list[Any]]] = [
    (parse_fulfillment, {"type": "pickup"}, "type", [*FALSY, {}, "Pickup"]),
    (parse_fulfillment, {"type": "delivery", "address": STREET}, "address", [*FALSY, "here"]),
    (
        parse_fulfillment,
        {"type": "delivery", "address": STREET},
        "address_id",
        [*FALSY, {}, "  "],
    ),
    (parse_fulfillment, {"type": "delivery"}, "address_id", [*FALSY, {}, "  "]),
    (parse_identity, {"email": "a@b.c", "first_name": "A", "last_name": "B"}, "phone", [*FALSY, {}]),
    (
        parse_identity,
        {"email": "a@b.c", "first_name": "A", "last_name": "B"},
        "partner_user_id",
        NO_TEXT,
    ),
    (parse_payment, {"kind": "gett_payment"}, "kind", [*FALSY, {}, "cash"]),
    (parse_payment, {"kind": "saved_card"}, "payment_id", [*FALSY, {}, "  "]),
    (
        parse_payment,
        {"kind": "card_on_file", "card_token": "t", "processor_type": "p"},
        "last_four",
        [*FALSY, {}, 4242],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("parse", "members", "name", "values"), WRONG_JSON)
def test_a_parser_names_the_member_that_is_wrong(
    parse: Callable[[object], object], members: dict[str, Any], name: str, values: list[Any]
) -> None:
    for value in values:
        with pytest.raises(InvalidInputError) as caught:
            parse({**members, name: value})
        assert (value, caught.value.field) == (value, name)


# --- over HTTP ------------------------------------------------------------------------------------


@pytest.fixture
async def browser(checkouts: Checkouts) -> AsyncIterator[httpx.AsyncClient]:
    """A browser whose shopper has chosen everything but to order."""

    async def who(_: object) -> Identity:
        return JANE

    transport = httpx.ASGITransport(CheckoutApp(checkouts, identity=who, secure_cookie=False))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        await client.post("/")
        await client.put("/store", json={"store_id": "store_bella_napoli"})
        line = {"item_id": "item_margherita", "quantity": 2, "modifiers": REGULAR}
        await client.post("/lines", json=line)
        await client.put("/fulfillment", json={"type": "pickup"})
        await client.post("/quote", json={})
        response = await client.put("/payment", json={"kind": "gett_payment"})
        assert response.json()["stage"] == "place"
        yield client


JSON_ONLY = (str, int, float, bool, list, dict)  # Decimals and bytes are no JSON of a page


def sendable(values: list[Any]) -> list[Any]:
    return [each for each in values if isinstance(each, JSON_ONLY)]


BODIES: list[tuple[str, str, dict[str, Any], str, list[Any]]] = [
    ("PUT", "/store", {}, "/store_id", sendable(NO_TEXT)),
    ("PUT", "/store", {"store_id": "store_green_bowl"}, "/replace_cart", [0, 1, "", "true", [], {}]),
    ("POST", "/lines", {}, "/item_id", sendable(NO_TEXT)),
    ("POST", "/lines", {"item_id": "item_tiramisu"}, "/quantity", sendable(NO_COUNT)),
    ("POST", "/lines", {"item_id": "item_tiramisu"}, "/modifiers", sendable(NO_MAPPING)),
    ("POST", "/lines", {"item_id": "item_tiramisu"}, "/special_instructions", sendable(NO_TEXT)),
    ("PATCH", "/lines/{line_id}", {}, "/quantity", sendable(NO_COUNT)),
    ("PATCH", "/lines/{line_id}", {}, "/modifiers", sendable(NO_MAPPING)),
    ("PATCH", "/lines/{line_id}", {}, "/special_instructions", sendable(NO_TEXT)),
    ("POST", "/quote", {}, "/tip", ["", False, [], {}, True, "three", "1e13", 1000001, -1, "0.001"]),
    ("PUT", "/confirmed-total", {}, "/total", ["", False, [], {}, True, "three", "1e13"]),
    ("POST", "/order", {}, "/total", ["", False, [], {}, True, "three", "1e13"]),
    ("PUT", "/fulfillment", {}, "/type", ["", 0, False, [], {}]),
    ("PUT", "/payment", {}, "/kind", ["", 0, False, [], {}]),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "members", "pointer", "values"), BODIES)
async def test_a_mounted_endpoint_points_to_the_member_that_is_wrong(
    browser: httpx.AsyncClient,
    method: str,
    path: str,
    members: dict[str, Any],
    pointer: str,
    values: list[Any],
) -> None:
    before = (await browser.get("/")).json()
    path = path.replace("{line_id}", before["lines"][0]["line_id"])
    for value in values:
        body = {**members, pointer[1:]: value}
        response = await browser.request(method, path, json=body)
        problem = response.json()
        assert (response.status_code, problem["code"]) == (422, "INVALID_INPUT"), (value, problem)
        assert [each["pointer"] for each in problem["errors"]] == [pointer], value
    assert (await browser.get("/")).json() == before


@pytest.mark.parametrize("body", ["", 0, False, [], [[]], "text"])
async def test_a_body_that_is_no_object_is_refused(browser: httpx.AsyncClient, body: Any) -> None:
    for method, path, *_ in BODIES:
        line_id = (await browser.get("/")).json()["lines"][0]["line_id"]
        response = await browser.request(method, path.replace("{line_id}", line_id), json=body)
        assert (response.status_code, response.json()["code"]) == (422, "INVALID_INPUT")
        assert "errors" not in response.json()


@pytest.mark.parametrize(
    "modifiers",
    [
        {"g" * 16000: [0] * 8000},
        {"g" * 200: [0] * 8000},
        {"group_pizza_size": ["a"] * 15000},
        {"group_pizza_size": ["a"] * 1000},
        {str(number): [] for number in range(5000)},
        {str(number): 0 for number in range(5000)},
        {"group_pizza_size": [{"item_id": "a", "modifiers": {"g" * 200: [0] * 4000}}]},
    ],
    ids=lambda modifiers: f"{len(modifiers)} groups, {len(str(modifiers))}",
)
async def test_what_a_large_request_is_answered_with_is_small(
    browser: httpx.AsyncClient, modifiers: dict[str, Any]
) -> None:
    line = {"item_id": "item_margherita", "modifiers": modifiers}
    response = await browser.post("/lines", json=line)
    assert response.json()["code"] in ("INVALID_INPUT", "MENU_CHANGED")
    assert len(response.content) < 20_000


async def test_a_menu_that_lacks_much_is_said_of_twenty_choices(checkout: Checkout) -> None:
    unknown = {"group_pizza_size": [f"x{number}" for number in range(1000)]}
    with pytest.raises(MenuChangedError) as caught:
        await checkout.add("item_margherita", modifiers=unknown)
    assert [each.path[-1] for each in caught.value.problems] == [f"x{n}" for n in range(20)]
