"""Whatever the server sends, what comes out is a value of ours or a `GettCheckoutError`."""

from __future__ import annotations

import asyncio
import codecs
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from aioresponses import aioresponses
from attrs import has
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gett_checkout import ApiError, GettCheckoutError, GettClient, Item, RetryPolicy
from gett_checkout._json import read_json, write_json
from gett_checkout._wire import responses
from gett_checkout._wire.menu import catalog_set
from gett_checkout._wire.problems import mask, read_problem
from gett_checkout.errors import InvalidResponseError

pytestmark = pytest.mark.slow

NOW = datetime(2026, 4, 27, 14, 30, tzinfo=UTC)
HOST = "https://gett.test"
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

# Answers that are right, one of each kind, all in one: each reader finds its own members.
RIGHT: dict[str, Any] = {
    "token": "t",
    "expiresAt": "2026-04-27T14:30:00Z",
    "storeId": "s",
    "catalogSetId": "c",
    "minimumOrderAmount": 15,
    "timezone": "America/New_York",
    "availability": [{"dayOfWeek": "monday", "start": "09:00:00", "end": "00:00:00"}],
    "address": {"address1": "1 Main", "latitude": 40.7},
    "categories": ["pizza"],
    "stores": [{"storeId": "s", "name": "S"}],
    "hasMore": True,
    "totalCount": 1,
    "catalogs": {"l": {"sectionIds": ["x"]}},
    "sections": {"x": {"itemIds": ["a"], "sectionIds": []}},
    "items": {"a": {"name": "A", "price": 4.5, "modifierGroupIds": ["g"]}},
    "modifierGroups": {"g": {"minSelections": 1, "maxSelections": 2, "itemIds": ["a"]}},
    "cart": {
        "lineItems": [
            {
                "lineItemId": "1",
                "itemId": "a",
                "quantity": 1,
                "modifierGroups": [
                    {"modifierGroupId": "g", "selectedModifiers": [{"itemId": "m", "quantity": 1}]}
                ],
            }
        ]
    },
    "validatedOrderToken": "v",
    "amounts": {"subTotal": 19.99, "fees": 1, "tip": 0, "total": 20.99},
    "orderId": "o",
    "state": "open",
    "status": "pending",
    "orders": [{"orderId": "o", "amounts": {"subTotal": 1, "total": 1}}],
    "payments": [{"paymentId": "p", "lastFour": "1111"}],
    "paymentId": "p",
    "cardType": "visa",
    "addressId": "a",
    "errorCode": "ITEM_UNAVAILABLE",
    "errorCategory": "availability",
    "detail": "why",
    "retryable": False,
    "retryAfter": 3,
    "errors": [{"code": "x", "message": "y", "itemId": "a"}, {"jsonPath": "$.cart"}],
}
NAMES = st.sampled_from([*RIGHT, "itemId", "sessionToken", "basePrice", "order", "id", "lineItems"])
ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["1e400", "Monday", "09:00:00", "2026-01-01", "monday", "\ud800", "pending", "é"])
    | st.text(max_size=8)
)  # fmt: skip
DOCUMENTS = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=10,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else inner:
        yield from _places(each, (*path, key))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = _with(value[path[0]], path[1:], new)
    return changed


# A right answer with something else in one place of it, or anything at all.
DAMAGED = st.builds(_with, st.just(RIGHT), st.sampled_from(list(_places(RIGHT))), DOCUMENTS)
ANSWERS = st.just(RIGHT) | DAMAGED | DAMAGED | DOCUMENTS
BODIES = st.binary(max_size=60) | ANSWERS.map(lambda value: json.dumps(value).encode())

READERS: dict[str, Callable[[Any], Any]] = {
    "session": responses.session,
    "store_page": responses.store_page,
    "store": responses.store,
    "catalog_set": lambda value: catalog_set(write_json(value), "c"),
    "cart_lines": lambda value: responses.cart_lines(value, ()),
    "validated": responses.validated,
    "order": responses.order,
    "order_page": responses.order_page,
    "payment_methods": responses.payment_methods,
    "payment_method": responses.payment_method,
    "address_id": responses.address_id,
}


def _look_at_everything(menu: Any) -> Iterator[Any]:
    for entries in (menu.catalogs, menu.sections, menu.items, menu.modifier_groups):
        for key in entries:
            try:
                yield entries[key]
            except InvalidResponseError:
                yield None


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(ANSWERS)
@example(RIGHT)
def test_any_document_is_a_value_or_unreadable(document: Any) -> None:
    value = read_json(json.dumps(document).encode())
    for name, read in READERS.items():
        try:
            found = read(value)
        except InvalidResponseError:
            assert document is not RIGHT, name
            continue
        assert isinstance(found, str | tuple) or has(type(found))
        if name == "catalog_set":
            assert all(each is None or has(type(each)) for each in _look_at_everything(found))


MEMBERS = (
    "itemId", "sectionId", "name", "description", "price", "basePrice", "available", "isAvailable", "itemIds",
    "sectionIds", "modifierGroupIds", "minSelections", "maximumAllowed", "images",
)  # fmt: skip
ENTRIES = st.dictionaries(st.sampled_from(MEMBERS), ATOMS | st.lists(ATOMS, max_size=3))


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(ENTRIES | DOCUMENTS)
@example({"price": 14.999999999999998, "available": False, "images": [1.50]})
@example({"price": 1.5, "basePrice": 2, "name": None})
@example({"price": 10**12, "minSelections": 1.0, "itemIds": ["a", 7]})
@example({"price": 10**400})
def test_an_entry_is_read_alike_quickly_and_with_every_tolerance(entry: Any) -> None:
    parts = ("catalogs", "sections", "items", "modifierGroups")
    body = json.dumps({part: {"a": entry} for part in parts}).encode()
    quickly = catalog_set(body, "c")
    tolerantly = catalog_set(codecs.BOM_UTF8 + body, "c")  # read by the standard library
    found = list(_look_at_everything(quickly))
    assert found == list(_look_at_everything(tolerantly))
    prices = [each.price for each in found if isinstance(each, Item)]
    assert all(price is None or abs(price) < 10**13 for price in prices)
    assert pickle.loads(pickle.dumps(found)) == found


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from(["Retry-After", "X-RateLimit-Reset"]), st.text(max_size=30)),
    BODIES,
)
@example(429, {"X-RateLimit-Reset": "9" * 30}, b"")
@example(400, {}, b'{"retryAfter": ' + b"9" * 400 + b"}")
def test_any_refusal_is_an_api_error(status: int, headers: dict[str, str], body: bytes) -> None:
    error = read_problem(status, headers, body, NOW)
    assert isinstance(error, ApiError)
    assert error.status == status
    assert error.retry_after is None or 0 <= error.retry_after <= 86_400
    assert json.dumps(error.to_problem())


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_masking_text_without_digits_at_signs_or_keys_changes_nothing(text: str) -> None:
    plain = "".join(each for each in text if not each.isdigit() and each not in "@%_")
    if "eyJ" not in plain and "bearer" not in plain.casefold():
        assert mask(plain) == plain


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(
    status=st.sampled_from([200, 201, 204, 206, 301, 304, 400, 401, 404, 409, 429, 500, 503]),
    headers=st.dictionaries(
        st.sampled_from(
            ["Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Content-Type"]
        ),
        st.text(st.characters(codec="latin-1", categories=("L", "N", "P")), max_size=12)
        | st.integers(-5, 10**12).map(str),
    ),
    body=BODIES,
)
def test_any_answer_to_the_client_is_a_value_or_an_error(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    async def run() -> None:
        async def no_sleep(_: float) -> None: ...

        with aioresponses() as web:
            for path in ("session/create", "orders/place"):
                web.post(
                    f"{HOST}/v1/marketplace/{path}",
                    status=status,
                    headers=headers,
                    body=body,
                    repeat=True,
                )
            web.get(
                f"{HOST}/v1/marketplace/stores/s",
                status=status,
                headers=headers,
                body=body,
                repeat=True,
            )
            async with GettClient("k", base_url=HOST, clock=lambda: NOW, sleep=no_sleep) as gett:
                for call in (
                    lambda: gett.create_session(),
                    lambda: gett.get_store("s"),
                    lambda: gett.place_order("{}", idempotency_key="k", token="t"),
                ):
                    with suppress(GettCheckoutError):
                        assert has(type(await call()))
                assert all(each.remaining >= 0 for each in gett.rate_limits.values())

    asyncio.run(run())


RAW = st.builds(
    lambda status, headers, body: b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", body]),
    st.sampled_from([b"200 OK", b"204 No", b"301 x", b"500 x", b"99 x", b"1000 x", b"101 x"]),
    st.lists(
        st.sampled_from(
            [
                b"Content-Length: 5",
                b"Content-Length: -1",
                b"Transfer-Encoding: chunked",
                b"Content-Encoding: gzip",
                b"Content-Encoding: br",
                b"Content-Type: text/x; charset=no",
                b"Location: :::",
                b"Connection: close",
                b"X: \xff\xfe",
                b"Set-Cookie: a=b; Domain=x",
                b"Upgrade: x",
            ]
        ),
        max_size=3,
    ),
    st.binary(max_size=12) | st.just(b'{"a":'),
)


def test_any_bytes_on_the_wire_are_a_value_or_an_error() -> None:
    """Over a real socket: aiohttp reads the bytes, and whatever it makes of them is ours to tell."""
    with asyncio.Runner() as runner:
        server = _RawServer()
        runner.run(server.start())

        @settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
        @given(st.binary(max_size=80) | RAW)
        def sends(raw: bytes) -> None:
            server.raw = raw
            runner.run(server.ask())

        try:
            sends()
        finally:
            runner.run(server.stop())


class _RawServer:
    """Answers every request with the same bytes, and a client that asks it."""

    raw = b""
    server: asyncio.Server
    gett: GettClient

    async def start(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.gett = GettClient(
            "k", base_url=f"http://127.0.0.1:{port}", retry=RetryPolicy(max_attempts=1), timeout=5
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.raw)
        writer.close()
        await writer.wait_closed()

    async def ask(self) -> None:
        with suppress(GettCheckoutError):
            await self.gett.create_session()

    async def stop(self) -> None:
        await self.gett.close()
        self.server.close()
        await self.server.wait_closed()
