"""No credential, card or contact data in anything an error or a log shows, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from gett_checkout import (
    Address,
    Amounts,
    CardOnFile,
    GettCheckoutError,
    GettClient,
    Identity,
    Pickup,
    RetryPolicy,
    Store,
)
from gett_checkout.core.card import NewCard
from gett_checkout.core.money import ZERO

KEY, TOKEN = "zpka_0key0secret", "opaque-token-secret"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJJZCI6InNlY3JldCJ9.c2lnbmF0dXJl"
CARD = NewCard(
    "4242424242424242", "visa", "9173", date(2031, 12, 31), Address("9 Hidden Ln", "NY", "NY", "1")
)
JANE = Identity("jane.secret@example.com", "Zebedee", "Quux", "+12125550199")
SECRETS = (
    KEY, TOKEN, JWT, "4242424242424242", "4242 4242 4242 4242", "9173", "jane.secret", "Zebedee",
    "2125550199", "Hidden", "card-token-secret", "order-token-secret",
)  # fmt: skip


def place(gett: GettClient) -> Awaitable[Any]:
    body = gett.placement_body(
        Store("s"),
        [],
        Pickup(),
        order_token="order-token-secret",
        amounts=Amounts(ZERO, ZERO),
        payment=CardOnFile("card-token-secret", "stripe"),
        identity=JANE,
    )
    return gett.place_order(body, idempotency_key="0b6c1f7e-1234-4234-8234-123456789012", token=JWT)


CALLS: dict[str, Callable[[GettClient], Awaitable[Any]]] = {
    "create_session": lambda gett: gett.create_session(JANE),
    "add_payment_card": lambda gett: gett.add_payment_card(CARD, token=TOKEN),
    "place_order": place,
    "get_order": lambda gett: gett.get_order("o-1", token=TOKEN),
}

# What a careless server says back: everything it was sent, in every member.
ECHO = " | ".join(SECRETS)


def problem(status: int) -> bytes:
    body = json.dumps(
        {
            "title": ECHO,
            "detail": ECHO,
            "requestId": "req_abc123",
            "errors": [{"message": ECHO, "value": ECHO, "code": TOKEN, "itemId": "item_1"}],
        }
    ).encode()
    return answer(f"{status} {TOKEN}", body)


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def echoed(value: Any) -> bytes:
    return answer("200 OK", json.dumps(value).encode())


ANSWERS = {
    "400": problem(400),
    "401": problem(401),
    "503": problem(503),
    "html": answer("502 Bad", ECHO.encode()),
    "not HTTP": f"{ECHO}\r\n\r\n".encode(),
    "bad header": f"HTTP/1.1 200 OK\r\n{ECHO}\x00: x\r\n\r\n".encode(),
    "cut short": problem(400)[:-9],
    "nothing": b"",
    "not JSON": answer("200 OK", ECHO.encode()),
    "wrong types": echoed({"token": [ECHO], "orderId": [ECHO], "paymentId": {ECHO: ECHO}}),
    "a list": echoed([ECHO]),
}


def everything_shown(error: BaseException) -> str:
    shown = [repr(error), str(error), repr(error.args), repr(error.__dict__)]
    shown.extend(traceback.format_exception(error))
    link: BaseException | None = error
    while link is not None:
        shown.extend((repr(link), repr(link.args), repr(link.__dict__)))
        link = link.__cause__ or link.__context__
    if isinstance(error, GettCheckoutError):
        shown.append(json.dumps(error.to_problem()))
    return "\n".join(shown) + repr(pickle.loads(pickle.dumps(error)).__dict__)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS.keys())
async def test_nothing_secret_is_shown(
    raw: bytes,
    call: Callable[[GettClient], Awaitable[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    asyncio.get_running_loop().set_debug(True)
    caplog.set_level(logging.DEBUG)
    sent = bytearray()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.extend(await reader.readuntil(b"\r\n\r\n"))
        sent.extend(await reader.read(100_000))
        writer.write(raw)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, GettClient(KEY, base_url=url, retry=RetryPolicy(tries=1)) as gett:
        with pytest.raises(GettCheckoutError) as caught:
            await call(gett)
        shown = everything_shown(caught.value) + repr(gett) + caplog.text
    assert b"Bearer " in sent
    assert not [secret for secret in SECRETS if secret in _without_our_own_lines(shown)]


def _without_our_own_lines(shown: str) -> str:
    """Tracebacks quote source lines; this file's own are no leak."""
    return shown.replace("CARD", "")


async def test_ids_survive_the_masking() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(problem(400))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, GettClient(KEY, base_url=url) as gett:
        with pytest.raises(GettCheckoutError) as caught:
            await gett.get_store("s")
    error: Any = caught.value
    assert (error.request_id, error.errors[0]["itemId"]) == ("req_abc123", "item_1")


@pytest.mark.parametrize("value", [CARD, JANE], ids=["card", "identity"])
def test_values_do_not_show_what_they_hold(value: object) -> None:
    assert not [secret for secret in SECRETS if secret in f"{value!r}{value}"]
