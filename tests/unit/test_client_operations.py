"""Every operation of the client: what exactly it sends, and how it reads each form of answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from aioresponses import aioresponses
from attrs import evolve, fields, has
from yarl import URL

from gett_checkout import (
    Assumptions,
    Delivery,
    GettClient,
    GettPayment,
    InvalidInputError,
    InvalidResponseError,
    Pickup,
    RetryPolicy,
    ServiceUnavailableError,
)
from tests.acceptance.shopping import listening
from tests.samples.operations import (
    AMOUNTS,
    BASE,
    CARD,
    HOME_JSON,
    HOST,
    KEY,
    LINE,
    MENU,
    NOW,
    PLACED_JSON,
    QUOTED,
    SENT,
    STORE,
    Sent,
)


@pytest.fixture
async def gett() -> AsyncIterator[GettClient]:
    async with GettClient(KEY, base_url=HOST, clock=lambda: NOW) as gett:
        yield gett


def only_request(web: aioresponses) -> tuple[str, URL, dict[str, Any]]:
    [((method, url), [call])] = web.requests.items()
    return method, url, {**call.kwargs, "data": body_of(call.kwargs)}


def body_of(request: dict[str, Any]) -> str | None:
    body = request["data"]
    return None if body is None else body.decode()


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.operation)
async def test_sends_exactly_this_and_reads_the_answer(
    sent: Sent, web: aioresponses, gett: GettClient
) -> None:
    web.add(BASE + sent.path, method=sent.method, body=sent.answer)
    value = await sent.call(gett, "user")
    if sent.operation == "get_catalog_set":
        assert value[:2] == sent.value[:2]
        assert (value[2].min_selections, value[2].max_selections) == (1, 2)
    else:
        assert value == sent.value
    method, url, request = only_request(web)
    assert (method, str(url)) == (sent.method, BASE + sent.path)
    assert request["data"] == sent.body
    assert request["allow_redirects"] is False
    headers = dict(request["headers"])
    assert headers.pop("User-Agent").startswith("gett-checkout/")
    assert headers == {
        "Authorization": f"Bearer {sent.token}",
        "Accept": "application/json, application/problem+json",
        **({} if sent.body is None else {"Content-Type": "application/json"}),
        **({"Idempotency-Key": sent.key} if sent.key else {}),
    }


@pytest.mark.parametrize("body", ["", "<html>", '{"a"', "null", "7", "true", '"x"', "[" * 9999])
async def test_a_response_of_another_kind_is_unreadable(
    body: str, web: aioresponses, gett: GettClient
) -> None:
    for sent in SENT:
        web.add(BASE + sent.path, method=sent.method, status=204 if not body else 200, body=body)
        if sent.operation == "set_fulfillment_context":  # whose response says nothing
            assert await sent.call(gett, "user") is None
            continue
        with pytest.raises(InvalidResponseError):
            await sent.call(gett, "user")


async def test_what_is_left_out_of_a_list_is_logged(
    web: aioresponses, gett: GettClient, caplog: pytest.LogCaptureFixture
) -> None:
    web.post(f"{BASE}/stores/discover", body='{"stores": [7, {"storeId": "1"}, {"storeId": 5}]}')
    page = await gett.discover_stores()
    assert ([store.store_id for store in page.stores], page.left_out) == (["1"], 2)
    assert caplog.messages[-1] == "left out: discover_stores, 2 entries that cannot be read"


async def test_all_stores_goes_through_every_page_once(web: aioresponses, gett: GettClient) -> None:
    pages = [
        '{"stores": [{"storeId": "1"}, {"storeId": "2"}], "hasMore": true}',
        '{"stores": [{"storeId": "2"}, {"storeId": "3"}], "hasMore": true}',
        '{"stores": [{"storeId": "4"}], "hasMore": false}',
    ]
    for page in pages:
        web.post(f"{BASE}/stores/discover", body=page)
    assert [store.store_id async for store in gett.all_stores(page_size=2)] == ["1", "2", "3", "4"]
    [calls] = web.requests.values()
    assert [json.loads(body_of(call.kwargs) or "") for call in calls] == [
        {"limit": 2, "offset": offset} for offset in (0, 2, 4)
    ]


@pytest.mark.parametrize(
    "page", ['{"stores": [], "hasMore": true}', '{"stores": [{"storeId": "1"}], "hasMore": true}']
)
async def test_all_stores_ends_when_the_server_does_not(
    page: str, web: aioresponses, gett: GettClient
) -> None:
    web.post(f"{BASE}/stores/discover", body=page, repeat=True)
    assert len([store async for store in gett.all_stores()]) <= 1
    [calls] = web.requests.values()
    assert len(calls) <= 2


async def test_paths_methods_and_base_path_can_be_overridden(web: aioresponses) -> None:
    assumed = (
        Assumptions(base_path="/v2")
        .with_path("get_catalog_set", "/stores/{store_id}/catalog?catalogSetId={catalog_set_id}")
        .with_path("discover_stores", "/stores", method="GET")
    )
    web.get(f"{HOST}/v2/stores/s%2F1/catalog?catalogSetId=c%261", body="{}")
    web.get(
        f"{HOST}/v2/stores?latitude=1.0000000&longitude=2.0000000&query=a+b&limit=50&offset=0",
        body='{"stores": []}',
    )
    async with GettClient(KEY, base_url=HOST, assumptions=assumed) as gett:
        await gett.get_catalog_set("c&1", store_id="s/1")
        await gett.discover_stores(latitude=1, longitude=2, query="a b")
        with pytest.raises(InvalidInputError, match="store_id"):
            await gett.get_catalog_set("c1")
    assert all(call.kwargs["data"] is None for calls in web.requests.values() for call in calls)


async def test_what_is_sent_can_be_overridden(web: aioresponses) -> None:
    assumed = (
        Assumptions()
        .with_body("get_store", lambda body: {"never": "asked"})  # there is no body to change
        .with_body("discover_stores", lambda body: {"find": body["query"]})
        .with_body("place_order", lambda body: {"token": body["validatedOrderToken"]})
    )
    web.get(f"{BASE}/stores/s", body='{"storeId": "s"}')
    web.post(f"{BASE}/stores/discover", body='{"stores": []}')
    async with GettClient(KEY, base_url=HOST, assumptions=assumed) as gett:
        await gett.get_store("s")
        await gett.discover_stores(query="pizza")
        body = gett.placement_body(
            STORE, [LINE], Pickup(), order_token="vot-1", amounts=AMOUNTS,
            payment=GettPayment(), customer=None,
        )  # fmt: skip
    assert body == '{"token":"vot-1"}'
    sent = [body_of(call.kwargs) for calls in web.requests.values() for call in calls]
    assert sent == [None, '{"find":"pizza"}']


@pytest.mark.parametrize(
    "fulfillment", [Delivery(address_id="a-1"), Pickup()], ids=lambda it: it.type
)
@pytest.mark.parametrize(
    ("assumed", "types"),
    [
        (Assumptions(), {"delivery": "delivery", "pickup": "pickup"}),
        (
            Assumptions(delivery_type="DeliveryByMerchant", pickup_type="Pickup"),
            {"delivery": "DeliveryByMerchant", "pickup": "Pickup"},
        ),
        (Assumptions(pickup_type="PICKUP"), {"delivery": "delivery", "pickup": "PICKUP"}),
        (
            Assumptions(delivery_mode="Door", pickup_mode="Counter"),
            {"delivery": "delivery", "pickup": "pickup"},
        ),
    ],
)
async def test_the_fulfillment_type_of_an_order_is_as_assumed(
    web: aioresponses,
    assumed: Assumptions,
    types: dict[str, str],
    fulfillment: Delivery | Pickup,
) -> None:
    web.post(f"{BASE}/orders/validate", body=QUOTED)
    web.post(f"{BASE}/stores/discover", body='{"stores": []}')
    async with GettClient(KEY, base_url=HOST, assumptions=assumed) as gett:
        body = gett.placement_body(
            STORE,
            [LINE],
            fulfillment,
            order_token="vot-1",
            amounts=AMOUNTS,
            payment=GettPayment(),
            customer=None,
        )
        await gett.validate_order(STORE, [LINE], fulfillment, token="user")
        await gett.discover_stores(fulfillment_type=fulfillment.type)
    sent = [json.loads(body_of(call.kwargs) or "") for [call] in web.requests.values()]
    assert json.loads(body)["fulfillmentType"] == types[fulfillment.type]
    assert [each["fulfillmentType"] for each in sent] == [types[fulfillment.type], fulfillment.type]


async def test_a_base_url_may_have_a_path_of_its_own(web: aioresponses) -> None:
    web.get(f"{HOST}/proxy/v1/marketplace/stores/s", body='{"storeId": "s"}')
    async with GettClient(KEY, base_url=f"{HOST}/proxy/") as gett:
        assert (await gett.get_store("s")).store_id == "s"


FLOAT: Any = 1.5
WRONG: dict[str, Callable[[GettClient], Awaitable[object]]] = {
    "no id": lambda gett: gett.get_store(""),
    "dots": lambda gett: gett.get_store(".."),
    "no text": lambda gett: gett.get_store("\ud800"),
    "token of two lines": lambda gett: gett.get_order("o", token="a\r\nX: y"),
    "empty token": lambda gett: gett.get_order("o", token=""),
    "token beyond ASCII": lambda gett: gett.get_order("o", token="é"),
    "key of two lines": lambda gett: gett.place_order("{}", idempotency_key="a\nb", token="t"),
    "limit": lambda gett: gett.discover_stores(limit=101),
    "offset": lambda gett: gett.list_orders(offset=-1, token="t"),
    "half a place": lambda gett: gett.discover_stores(latitude=Decimal(1)),
    "off the earth": lambda gett: gett.discover_stores(latitude=91.0, longitude=0.0),
    "beyond the date line": lambda gett: gett.discover_stores(latitude=0.0, longitude=180.1),
    "nowhere": lambda gett: gett.discover_stores(latitude=float("nan"), longitude=0.0),
    "float tip": lambda gett: gett.validate_order(STORE, [LINE], Pickup(), token="t", tip=FLOAT),
    "negative tip": lambda gett: gett.validate_order(
        STORE, [LINE], Pickup(), token="t", tip=Decimal(-1)
    ),
    "no number of degrees": lambda gett: gett.discover_stores(latitude="north", longitude=0.0),  # type: ignore[arg-type]
    "quantity": lambda gett: gett.update_cart_item(STORE, [LINE], "l-1", quantity=0),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG.keys())
async def test_nothing_is_sent_of_what_cannot_be_right(
    call: Callable[[GettClient], Awaitable[object]], web: aioresponses, gett: GettClient
) -> None:
    with pytest.raises(InvalidInputError):
        await call(gett)
    assert not web.requests


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "gett.test",
        "ftp://gett.test",
        "https://",
        "https://a:b@gett.test",
        "https://[x",
        "https://h?q=1",
        "http://h:x",
        None,
    ],
)
def test_a_base_url_that_cannot_be_right_is_refused(base_url: Any) -> None:
    with pytest.raises(InvalidInputError):
        GettClient(KEY, base_url=base_url)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), 3601, float("inf")])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(InvalidInputError, match="more than 0 seconds"):
        GettClient(KEY, timeout=timeout)


@pytest.mark.parametrize("key", ["", "a\n", "é", None])
def test_an_api_key_that_cannot_be_right_is_refused(key: Any) -> None:
    with pytest.raises(InvalidInputError):
        GettClient(key)


# --- money ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", ["19.99", "0.10", "4.50", "1234567.89", "0.01", "7", "-3.30"])
async def test_an_amount_comes_out_as_it_went_in(
    figure: str, web: aioresponses, gett: GettClient
) -> None:
    answer = (
        f'{{"validatedOrderToken":"v","amounts":{{"subTotal":1,"adjustments":{figure},"total":1}}}}'
    )
    web.post(f"{BASE}/orders/validate", body=answer)
    quote = await gett.validate_order(STORE, [LINE], Pickup(), token="t")
    assert str(quote.amounts.adjustments) == figure
    body = gett.placement_body(
        STORE,
        [],
        Pickup(),
        order_token="v",
        amounts=quote.amounts,
        payment=GettPayment(),
        customer=None,
    )
    assert f'"adjustments":{figure},' in body


@pytest.mark.parametrize(
    "figure", ["1e13", "1e-21", "-1", '"cheap"', "true", "[]", "{}", "1e99999999999999999999"]
)
async def test_a_total_that_cannot_be_one_is_unreadable(
    figure: str, web: aioresponses, gett: GettClient
) -> None:
    answer = f'{{"validatedOrderToken":"v","amounts":{{"subTotal":1.00,"total":{figure}}}}}'
    web.post(f"{BASE}/orders/validate", body=answer)
    with pytest.raises(InvalidResponseError):
        await gett.validate_order(STORE, [LINE], Pickup(), token="t")


async def test_the_total_is_the_servers_word(web: aioresponses, gett: GettClient) -> None:
    answer = '{"validatedOrderToken":"v","amounts":{"subTotal":1.00,"fees":1.00,"total":99.99}}'
    web.post(f"{BASE}/orders/validate", body=answer)
    quote = await gett.validate_order(STORE, [LINE], Pickup(), token="t")
    assert quote.amounts.total == Decimal("99.99")


def _leaves(value: Any) -> Iterator[Any]:
    if has(type(value)):
        for each in fields(type(value)):
            yield from _leaves(getattr(value, each.name))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


async def test_no_amount_is_ever_a_float(web: aioresponses, gett: GettClient) -> None:
    web.post(f"{BASE}/orders/validate", body=QUOTED)
    web.post(f"{BASE}/orders/place", body=PLACED_JSON)
    web.get(f"{BASE}/catalog-sets/c-1", body=MENU)
    store = (
        '{"storeId": "s", "minimumOrderAmount": 15.10, "address": {"latitude": 40.712776000000001}}'
    )
    web.get(f"{BASE}/stores/s", body=store)
    menu = await gett.get_catalog_set("c-1")
    values = [
        await gett.validate_order(STORE, [LINE], Pickup(), token="t"),
        await gett.place_order("{}", idempotency_key="k", token="t"),
        await gett.get_store("s"),
        list(menu.items.values()),
    ]
    assert not [leaf for leaf in _leaves(values) if isinstance(leaf, float)]
    assert sum(isinstance(leaf, Decimal) for leaf in _leaves(values)) > 15


# --- cards ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("number", "4111"),
        ("number", "4111x1111x1111x1111"),
        ("number", 4111111111111111),
        ("cvc", "12345"),
        ("cvc", 737),
        ("card_type", " "),
        ("expiration", "2031-12-31"),
        ("billing_address", HOME_JSON),
    ],
)
def test_a_malformed_card_is_refused_without_repeating_it(member: str, value: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        evolve(CARD, **{member: value})
    if str(value).strip():
        assert str(value) not in str(caught.value)
    assert "4111111111111111" not in str(caught.value)


def test_card_data_is_in_no_repr_and_no_pickle() -> None:
    import copy
    import pickle

    assert repr(CARD) == str(CARD) == "NewCard(…)"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="card data"):
            attempt(CARD)


# --- what no coroutine covers ---------------------------------------------------------------------


async def test_a_request_of_the_callers_own(web: aioresponses, gett: GettClient) -> None:
    web.add(f"{BASE}/loyalty/points?page=2", method="GET", body='{"points": 1.50}')
    assert await gett.request("GET", "/loyalty/points?page=2") == {"points": Decimal("1.50")}
    web.add(f"{BASE}/loyalty/points", method="POST", body="", status=204)
    asked = {"amount": Decimal("4.50"), "to": ["a", 1, None, True]}
    found = await gett.request(
        "POST", "/loyalty/points", json=asked, token="session-token", idempotency_key="key"
    )
    assert found is None
    *_, calls = web.requests.values()
    assert body_of(calls[0].kwargs) == '{"amount":4.50,"to":["a",1,null,true]}'
    headers = calls[0].kwargs["headers"]
    assert headers["Authorization"] == "Bearer session-token"
    assert headers["Idempotency-Key"] == "key"


@pytest.mark.parametrize(
    ("method", "sent"), [("GET", 4), ("PUT", 4), ("DELETE", 4), ("POST", 1), ("PATCH", 1)]
)
async def test_it_is_sent_again_by_its_method(web: aioresponses, method: Any, sent: int) -> None:
    web.add(f"{BASE}/other", method=method, status=503, repeat=True)
    async with GettClient(KEY, base_url=HOST, retry=RetryPolicy(initial_backoff=0)) as gett:
        with pytest.raises(ServiceUnavailableError) as failed:
            await gett.request(method, "/other")
    assert failed.value.operation == "request"
    assert sum(map(len, web.requests.values())) == sent


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("GET", "no/slash"), "path must begin"),
        (("GET", "//evil.example/x"), "path must begin"),
        (("GET", "/a b"), "path must begin"),
        (("GET", "/a/../b"), "path must begin"),
        (("GET", "/é"), "path must begin"),
        (("GET", 7), "path must begin"),
        (("TRACE", "/a"), "method must be one of"),
    ],
)
async def test_a_request_that_cannot_be_right_is_not_sent(
    gett: GettClient, arguments: Any, said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        await gett.request(*arguments)


@pytest.mark.parametrize("json", [1.5, {"amount": 1.5}, {"a": object()}, b"bytes"])
async def test_what_is_no_json_is_not_sent(gett: GettClient, json: Any) -> None:
    with pytest.raises(InvalidInputError):
        await gett.request("POST", "/other", json=json)


async def test_hooks_are_told_no_path_of_the_callers(web: aioresponses, gett: GettClient) -> None:
    events: list[Any] = []
    listening(gett, events.append)
    web.add(f"{BASE}/shoppers/jane%40example.com", method="GET", body="7")
    assert await gett.request("GET", "/shoppers/jane%40example.com") == 7
    assert {event.route for event in events} == {"/{path}"}
    assert "jane" not in repr(events)
