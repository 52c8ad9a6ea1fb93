"""The CPU time that the library adds to a whole checkout."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import aiohttp

from benchmarks.journeys import known_from_the_start
from benchmarks.measuring import MICROSECONDS, Effort, Goal, Row, race
from benchmarks.serving import client, sandbox
from gett_checkout import Checkouts, __version__
from gett_checkout.sandbox.credentials import SANDBOX_API_KEY

_JANE: Final = {"firstName": "Jane", "lastName": "Doe", "email": "jane@example.com"}
_ADDRESS: Final = {
    "address1": "350 5th Ave",
    "city": "New York",
    "state": "NY",
    "postalCode": "10118",
}
_AMOUNTS: Final = ("subTotal", "fees", "promotions", "taxes", "adjustments", "tip", "total")


async def whole_checkout(effort: Effort) -> list[Row]:
    """Five steps, from a new checkout to a placed order, with the shopper known from the start.

    Ours: `journeys.known_from_the_start` over memory storage, so every step is saved and another worker
    could reconcile the order. Theirs: `by_hand`, the same requests with nothing stored. Both have
    fetched the menu before, reuse their connection, and have the same client session.
    """
    count = effort.of(40)
    async with (
        sandbox() as url,
        client(url) as gett,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        checkouts, menu = Checkouts(gett), await fetch_menu(http, url)

        async def ours() -> None:
            for _ in range(count):
                await known_from_the_start(gett, checkouts)

        async def theirs() -> None:
            for _ in range(count):
                await by_hand(http, url, menu)

        mine, bare = await race(effort, ours, theirs)
    each = MICROSECONDS / count
    what, against = "a whole five-step checkout", "the same requests on bare aiohttp"
    return [Row(what, against, "µs", mine * each, bare * each, Goal("≤", 1.5))]


async def fetch_menu(http: aiohttp.ClientSession, url: str) -> Any:
    """Return the menu, which both sides fetch once."""
    return await _ask(http, url, "GET", "/catalog-sets/catalog_set_bella_napoli")


async def by_hand(http: aiohttp.ClientSession, url: str, menu: Any) -> str:
    """Make the journey's requests as one writes them for the happy path."""
    ask = partial(_ask, http, url)
    store = await ask("GET", "/stores/store_bella_napoli")
    line = {
        "lineItemId": str(uuid.uuid4()),
        "itemId": menu["items"]["item_diavola"]["itemId"],
        "quantity": 1,
        "modifierGroups": [
            {
                "modifierGroupId": "group_pizza_size",
                "selectedModifiers": [{"itemId": "item_size_large", "quantity": 1}],
            }
        ],
    }
    cart = {
        "storeId": store["storeId"],
        "catalogSetId": store["catalogSetId"],
        "lineItems": [line],
    }
    session = await ask("POST", "/session/create", _JANE)
    token = session["token"]
    context = {"mode": "DeliveryByMerchant", "address": _ADDRESS}
    await ask("PUT", "/session/fulfillment-context", context, token=token)
    wanted = {"cart": cart, "fulfillmentType": "delivery", "amounts": {"tip": 3.00}}
    priced = await ask("POST", "/orders/validate", wanted, token=token)
    order = {
        "validatedOrderToken": priced["validatedOrderToken"],
        "cart": cart,
        "fulfillmentType": "delivery",
        "payment": {"cardOnFile": {"cardToken": "card_ok", "processorType": "stripe"}},
        "amounts": {name: priced["amounts"][name] for name in _AMOUNTS},
        "customer": _JANE,
    }
    key = str(uuid.uuid4())
    placed = await ask("POST", "/orders/place", order, token=token, key=key)
    return str(placed["orderId"])


async def _ask(
    http: aiohttp.ClientSession,
    url: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    token: str = SANDBOX_API_KEY,
    key: str | None = None,
) -> Any:
    headers = {
        "Accept": "application/json, application/problem+json",
        "User-Agent": f"gett-checkout/{__version__}",
        "Authorization": f"Bearer {token}",
    }
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body, separators=(",", ":")).encode()
    if key is not None:
        headers["Idempotency-Key"] = key
    async with http.request(
        method, f"{url}/v1/marketplace{path}", headers=headers, data=data
    ) as response:
        response.raise_for_status()
        return json.loads(await response.read())
