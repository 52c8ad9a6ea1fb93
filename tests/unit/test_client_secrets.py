"""No credential, card or contact data in anything an error or a log shows, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
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
from gett_checkout._core.card import NewCard
from gett_checkout._money import ZERO
from gett_checkout._transport import _Body

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
        customer=JANE,
    )
    return gett.place_order(body, idempotency_key="0b6c1f7e-1234-4234-8234-123456789012", token=JWT)


CALLS: dict[str, Callable[[GettClient], Awaitable[Any]]] = {
    "create_session": lambda gett: gett.create_session(JANE),
    "add_payment_card": lambda gett: gett.add_payment_card(CARD, token=TOKEN),
    "place_order": place,
    "get_order": lambda gett: gett.get_order("o-1", token=TOKEN),
}

Answering = Callable[[str], bytes]


def answer(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def problem(status: int, echo: str) -> bytes:
    entry = {"message": echo, "value": echo, "code": echo, "itemId": "item_1"}
    document = {"title": echo, "detail": echo, "requestId": "req_abc123", "errors": [entry]}
    return answer(f"{status} {echo[:200].splitlines()[0]}", json.dumps(document))


# What a careless server says back, given everything it was sent.
ANSWERS: dict[str, Answering] = {
    "400": lambda echo: problem(400, echo),
    "401": lambda echo: problem(401, echo),
    "503": lambda echo: problem(503, echo),
    "html": lambda echo: answer("502 Bad", echo),
    "not HTTP": lambda echo: f"{echo}\r\n\r\n".encode(),
    "bad header": lambda echo: f"HTTP/1.1 200 OK\r\n{echo}\x00: x\r\n\r\n".encode(),
    "cut short": lambda echo: problem(400, echo)[:-9],
    "nothing": lambda _: b"",
    "not JSON": lambda echo: answer("200 OK", echo),
    "wrong types": lambda echo: answer(
        "200 OK",
        json.dumps(
            {"token": [echo], "expiresAt": echo, "orderId": [echo], "payment": {echo: echo}}
        ),
    ),
    "a list": lambda echo: answer("200 OK", json.dumps([echo])),
}


async def request_of(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    _, found, rest = head.partition("Content-Length: ")
    return head + (await reader.readexactly(int(rest.split()[0]))).decode() if found else head


def is_in(secret: str, shown: str) -> bool:
    """Whether the secret is shown. A few digits alone may be part of a port or of an address in memory."""
    pattern = re.escape(secret)
    return bool(re.search(rf"(?<!\w){pattern}(?!\w)" if secret == CARD.cvc else pattern, shown))


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
@pytest.mark.parametrize("answering", ANSWERS.values(), ids=ANSWERS.keys())
async def test_nothing_secret_is_shown(
    answering: Answering,
    call: Callable[[GettClient], Awaitable[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    sent: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await request_of(reader))
        writer.write(answering(sent[0]))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    once = RetryPolicy(max_attempts=1)
    async with server, GettClient(KEY, base_url=url, retry=once, timeout=5) as gett:
        with pytest.raises(GettCheckoutError) as caught:
            await call(gett)
        shown = everything_shown(caught.value) + repr(gett) + caplog.text
    assert any(secret in sent[0] for secret in SECRETS)
    assert not [secret for secret in SECRETS if is_in(secret, shown)]
    errors = getattr(caught.value, "errors", ())
    assert not errors or errors[0]["itemId"] == "item_1"


@pytest.mark.parametrize(
    "value", [CARD, JANE, _Body(KEY.encode())], ids=["card", "identity", "body of a request"]
)
def test_values_do_not_show_what_they_hold(value: object) -> None:
    assert not [secret for secret in SECRETS if is_in(secret, f"{value!r}{value}")]
