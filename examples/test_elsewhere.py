"""Tests of what happens elsewhere: on another worker, in another tab, at the restaurant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, nullcontext
from http.cookiejar import CookieJar
from itertools import cycle

import httpx
import pytest

from examples.fastapi_backend.app import create_app
from examples.shop import Settings
from examples.shopper import STEPS, card
from gett_checkout import Checkouts, GettClient, MemoryStorage, RetryPolicy, TransportError
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock, the_order

Workers = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture
async def workers(
    settings: Settings, gett_client: GettClient, gett_clock: Clock
) -> AsyncIterator[Workers]:
    """Two workers over one storage, as one browser reaches them."""
    storage, cookies = MemoryStorage(clock=gett_clock), CookieJar()
    async with AsyncExitStack() as stack:

        async def worker() -> httpx.AsyncClient:
            checkouts = Checkouts(gett_client, storage=storage)
            app = create_app(settings, opening=lambda _: nullcontext(checkouts))
            await stack.enter_async_context(app.router.lifespan_context(app))
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://shop", cookies=cookies
            )
            return await stack.enter_async_context(client)

        yield await worker(), await worker()


async def test_two_workers_make_one_order(workers: Workers, gett_sandbox: Sandbox) -> None:
    turns = cycle(workers)
    for method, path, body in STEPS:
        response = await next(turns).request(method, path, json=body)
        assert response.is_success, response.text
    response = await next(turns).put("/checkout/payment", json=card("card_ok"))
    order = {"total": response.json()["next_action"]["total"]}
    clicks = (worker.post("/checkout/order", json=order) for worker in workers)
    for response in await asyncio.gather(*clicks):
        assert response.is_success or response.json()["code"] == "PLACEMENT_IN_PROGRESS"
    placed = (await next(turns).get("/checkout")).json()
    assert placed["order"]["order_id"] == the_order(gett_sandbox).order_id


async def test_a_stale_menu_is_loaded_again(workers: Workers, gett_sandbox: Sandbox) -> None:
    tab, other_tab = workers
    await tab.post("/checkout", json={})
    await tab.put("/checkout/store", json={"store_id": "store_bella_napoli"})
    assert "item_tiramisu" in (await tab.get("/checkout/menu")).json()["items"]
    gett_sandbox.switches.off_menu.add("item_tiramisu")
    await other_tab.put("/checkout/store", json={"store_id": "store_bella_napoli"})
    response = await tab.post("/checkout/lines", json={"item_id": "item_tiramisu"})
    assert (response.status_code, response.json()["code"]) == (409, "MENU_CHANGED")
    assert "item_tiramisu" not in (await tab.get("/checkout/menu")).json()["items"]


async def test_a_cart_of_a_menu_that_was_replaced(workers: Workers, gett_sandbox: Sandbox) -> None:
    page, _ = workers
    for method, path, body in STEPS:
        await page.request(method, path, json=body)
    gett_sandbox.switches.off_menu.add("item_size_large")  # which is in the cart
    problem = (await page.post("/checkout/quote", json={})).json()
    assert problem["next_action"] == {"kind": "choose_store", "reason": "CATALOGSET_NOT_FOUND"}
    response = await page.put("/checkout/store", json={"store_id": "store_bella_napoli"})
    to_do = response.json()["next_action"]
    assert to_do["kind"] == "complete_modifiers"
    regular = {"modifiers": {"group_pizza_size": ["item_size_regular"]}}
    await page.patch(f"/checkout/lines/{to_do['lines'][0]}", json=regular)
    assert (await page.post("/checkout/quote", json={})).json()["stage"] == "pay"


async def test_a_silent_gett_holds_nobody_up(gett_sandbox: Sandbox) -> None:
    short = RetryPolicy(max_elapsed=0.3)
    async with GettClient(
        gett_sandbox.api_key, base_url=gett_sandbox.url, timeout=0.2, retry=short
    ) as gett:
        checkout = await Checkouts(gett).start()
        gett_sandbox.switches.fail("get_store", "hang", times=100)
        async with asyncio.timeout(5):
            with pytest.raises(TransportError):
                await checkout.browse("store_bella_napoli")
