"""The mounted endpoints' pure part: the table, who may ask, cookies, bodies, options."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gett_checkout import Checkouts, GettCheckoutError, GettClient, Identity, InvalidInputError
from gett_checkout.messages import Messages, Text
from gett_checkout.web import (
    ENDPOINTS,
    LARGEST_BODY,
    Call,
    CheckoutEndpoints,
    Endpoint,
    OtherOriginError,
    Request,
    RequestRejectedError,
    Response,
    read_body,
)
from gett_checkout.web import (
    _guard as guard,
)
from gett_checkout.web.asgi import CheckoutApp

SECRET = "a-secret-of-the-shopper"


@pytest.fixture
def checkouts() -> Checkouts:
    return Checkouts(GettClient("zpka_of_nobody"))


async def nobody(request: object) -> Identity | None:
    return None


# --- the table ------------------------------------------------------------------------------------

TABLE = """
GET    /stores            stores
POST   /                  start
GET    /                  view
DELETE /                  abandon
PUT    /store             browse
GET    /menu              menu
POST   /lines             add
PATCH  /lines/{line_id}   update
DELETE /lines/{line_id}   remove
GET    /suggestions       suggest_items
PUT    /fulfillment       fulfill
POST   /quote             validate
PUT    /confirmed-total   confirm_total
PUT    /identity          identify
PUT    /recipient         set_recipient
DELETE /recipient         remove_recipient
GET    /cards             saved_cards
PUT    /payment           pay
POST   /order             place
GET    /order             refresh_order
"""


def test_the_table_is_this() -> None:
    listed = [(each.method, each.path or "/", each.name) for each in ENDPOINTS]
    assert listed == [tuple(line.split()) for line in TABLE.strip().splitlines()]
    assert all(each.summary.endswith(".") for each in ENDPOINTS)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/lines/1", {"line_id": "1"}),
        ("/lines/1/", {"line_id": "1"}),
        ("/lines/", None),
        ("/lines//", None),
        ("/lines/1/2", None),
        ("lines/1", None),
        ("//1", None),
        ("/Lines/1", None),
    ],
)
def test_a_path_is_matched_whole(path: str, params: dict[str, str] | None) -> None:
    (remove,) = (each for each in ENDPOINTS if each.name == "remove")
    assert remove.match(path) == params


def test_an_endpoint_without_a_docstring_is_summed_up_by_its_name() -> None:
    async def step(call: Call) -> None: ...

    assert Endpoint("GET", "/x", "mine", step).summary == "mine"


# --- who may ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://shop.example", "shop.example"),
        ("https://shop.example", "shop.example:443"),
        ("https://SHOP.example", "shop.Example"),
        ("http://shop.example:80", "shop.example"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_the_same_host_is_the_same_origin(origin: str, host: str) -> None:
    guard.require_same_origin({"origin": origin, "host": host}, ())


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://shop.example", "shop.example:8443"),
        ("https://shop.example:80", "shop.example"),
        ("https://shop.example.evil", "shop.example"),
        ("https://shop.example", "shop.example, evil.example"),
        ("app://shop.example:443", "shop.example"),
        ("null", ""),
        ("", ""),
        ("https://", ""),
    ],
)
def test_another_host_is_another_origin(origin: str, host: str) -> None:
    with pytest.raises(OtherOriginError):
        guard.require_same_origin({"origin": origin, "host": host}, ("https://app.example",))


def test_a_bookmark_and_a_program_may_ask() -> None:
    guard.require_same_origin({"sec-fetch-site": "none"}, ())
    guard.require_same_origin({}, ())


@pytest.mark.parametrize("value", ["", "a b", 'a"b', "a;b", "a,b", "é", "a\r\nb", "x" * 257])
def test_no_cookie_is_set_that_cannot_be_read(value: str) -> None:
    with pytest.raises(ValueError, match="checkout_id") as raised:
        guard.set_cookie("checkout", value, max_age=1, secure=True)
    assert not value or value not in str(raised.value)


def test_a_request_has_each_header_once() -> None:
    pairs = [("Cookie", "a=1"), ("cookie", "b=2"), ("Host", "a"), ("HOST", "b")]
    request = Request.of(None, "GET", "", pairs, b"", "")
    assert request.headers == {"cookie": "a=1; b=2", "host": "a, b"}


# --- bodies ---------------------------------------------------------------------------------------


async def test_of_a_large_body_only_so_much_is_read() -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 50_000

    assert len(await read_body(chunks())) == LARGEST_BODY + 1
    assert read == 2


def test_reprs_show_no_secret() -> None:
    headers = {"cookie": SECRET, "authorization": SECRET}
    request = Request({"headers": headers}, "PUT", "/payment", headers, SECRET.encode(), SECRET)
    response = Response.of_json({"x": SECRET}, 200, {"Set-Cookie": SECRET})
    for value in (request, response, {"x": request.body}):
        assert SECRET not in repr(value)


def test_every_rejection_tells_the_shopper_to_ask_a_person() -> None:
    def below(kind: type[GettCheckoutError]) -> list[type[GettCheckoutError]]:
        return [kind, *(each for sub in kind.__subclasses__() for each in below(sub))]

    problems = [kind().to_problem() for kind in below(RequestRejectedError)]
    assert {each["detail"] for each in problems} == {
        "Something went wrong that you cannot fix here. Please contact us."
    }
    assert len({each["code"] for each in problems}) == len(problems) == 7


# --- options --------------------------------------------------------------------------------------


async def test_who_the_shopper_is_must_be_said(checkouts: Checkouts) -> None:
    with pytest.raises(InvalidInputError, match="identity="):
        CheckoutEndpoints[object](checkouts)
    assert CheckoutEndpoints[object](checkouts, page_names_shopper=True).cookie == "__Host-checkout"


async def test_the_webhook_needs_its_secret_and_its_handler(checkouts: Checkouts) -> None:
    incomplete: list[dict[str, Any]] = [{"webhook_secret": "whsec_1"}, {"on_event": nobody}]
    for options in incomplete:
        with pytest.raises(InvalidInputError, match="come together"):
            CheckoutEndpoints[object](checkouts, identity=nobody, **options)
    plain = CheckoutEndpoints[object](checkouts, identity=nobody)
    response = await plain.handle(Request(None, "POST", "/webhook"))
    assert response.status == 404


async def test_an_error_without_a_problem_document_is_unexpected(
    checkouts: Checkouts, caplog: pytest.LogCaptureFixture
) -> None:
    class UnsayableError(GettCheckoutError):
        def text(self) -> Text:
            raise KeyError("before")

    async def step(call: Call) -> None:
        raise UnsayableError

    own = [Endpoint("GET", "/x", "mine", step, opens=False)]
    endpoints = CheckoutEndpoints[object](checkouts, identity=nobody, own=own)
    response = await endpoints.handle(Request(None, "GET", "/x"))
    assert (response.status, b"CHECKOUT_ERROR" in response.body) == (500, True)
    (line,) = caplog.records
    assert line.exc_info


async def test_an_error_of_the_messages_is_a_problem_in_english(checkouts: Checkouts) -> None:
    def by_language(request: object) -> Messages:
        return Messages(locale="xx_YY")

    endpoints = CheckoutEndpoints[object](checkouts, identity=nobody, messages=by_language)
    response = await endpoints.handle(Request(None, "GET", "/stores"))
    assert (response.status, b"INVALID_INPUT" in response.body) == (422, True)


async def test_only_what_there_is_can_be_left_out(checkouts: Checkouts) -> None:
    with pytest.raises(InvalidInputError, match="no endpoint has the name carts"):
        CheckoutEndpoints[object](checkouts, identity=nobody, without=["pay", "carts"])


# --- ASGI -----------------------------------------------------------------------------------------


def scope(path: str, root_path: str) -> dict[str, Any]:
    own = {"type": "http", "method": "OPTIONS", "path": path, "headers": []}
    return {**own, **({"root_path": root_path} if root_path else {})}


@pytest.mark.parametrize(
    ("path", "root_path", "status"),
    [
        ("/checkout/order", "/checkout", 204),
        ("/checkout/order", "/checkout/", 204),
        ("/checkout", "/checkout", 204),
        ("/order", "", 204),
        ("/order", "/checkout", 204),  # a framework that takes the prefix off itself
        ("/checkouts/order", "/checkout", 404),
        ("/checkout/order", "", 404),
    ],
)
async def test_the_path_is_what_comes_behind_the_mount(
    checkouts: Checkouts, path: str, root_path: str, status: int
) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await CheckoutApp(checkouts, identity=nobody)(scope(path, root_path), receive, send)
    assert sent[0]["status"] == status


async def test_a_request_that_breaks_off_takes_no_step(checkouts: Checkouts) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"total"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError("nobody is there for a response")

    await CheckoutApp(checkouts, identity=nobody)(scope("/order", ""), receive, send)
    assert messages == []


async def test_nothing_but_http_is_served(checkouts: Checkouts) -> None:
    async def never(*_: object) -> Any:
        raise AssertionError("nothing is received or sent")

    with pytest.raises(NotImplementedError, match="websocket"):
        await CheckoutApp(checkouts, identity=nobody)({"type": "websocket"}, never, never)
