"""The mounted endpoints, over each adapter and the sandbox: a whole order, and what is refused."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, evolve, field
from fastapi import FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.routing import Mount

from examples.shopper import STEPS, card
from gett_checkout import (
    CardOnFile,
    Checkout,
    Checkouts,
    Identity,
    IdentityRequiredError,
    MemoryStorage,
    SavedCard,
    StorageError,
)
from gett_checkout.actions import SignIn
from gett_checkout.errors import SnapshotTooNewError
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock, signed_event, the_order
from gett_checkout.web import Body, Call, Endpoint
from gett_checkout.web._shopper import require_shopper
from gett_checkout.web.aiohttp import add_checkout_routes
from gett_checkout.web.asgi import CheckoutApp
from gett_checkout.web.fastapi import checkout_router
from gett_checkout.webhooks import OrderEvent
from tests.acceptance.shopping import hold
from tests.acceptance.test_docs import ROOT, blocks
from tests.acceptance.test_frames import by_sentry, by_structlog, by_traceback
from tests.samples.translated import TRANSLATED
from tests.samples.waiting import until

pytestmark = pytest.mark.slow

JANE = Identity("jane@example.com", "Jane", "Doe", partner_user_id="user-1")
JOHN = Identity("john@example.com", "John", "Roe", partner_user_id="user-2")
ORIGIN = "https://shop.example"
UNTIL_PRICED = [step for step in STEPS if step[1] != "/checkout/identity"]


@define
class Shop:
    """A browser at the shop, what its host knows of the shopper, and what the shop was told."""

    adapter: str
    client: httpx.AsyncClient
    app: Any
    login: list[Identity | None]
    events: list[OrderEvent] = field(factory=list)

    async def send(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any]:
        """The status and the JSON of the response; ``headers`` with _ for -."""
        path = (
            "/checkout/" if path == "/checkout" else path
        )  # which a mount of Starlette redirects to
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.request(method, path, json=body, headers=own)
        return response.status_code, response.json() if response.content else None

    async def until_priced(self) -> None:
        for method, path, body in UNTIL_PRICED:
            status, view = await self.send(method, path, body)
            assert status < 300, view

    async def until_payable(self, token: str = "card_ok") -> str:
        """Everything but the order; the total on the button."""
        await self.until_priced()
        status, view = await self.send("PUT", "/checkout/payment", card(token))
        assert status == 200, view
        return str(view["next_action"]["total"])


Opening = Callable[..., Any]


@pytest.fixture(params=["asgi", "aiohttp", "fastapi"])
def open_shop(request: pytest.FixtureRequest, checkouts: Checkouts) -> Opening:
    """Opens the shop over one adapter, with its options."""
    adapter: str = request.param

    @asynccontextmanager
    async def opening(
        given: Checkouts | Callable[[Any], Checkouts] = checkouts, **options: Any
    ) -> AsyncIterator[Shop]:
        login: list[Identity | None] = [JANE]
        events: list[OrderEvent] = []

        async def who(request: Any) -> Identity | None:
            return login[0]

        async def on_event(event: OrderEvent) -> None:
            events.append(event)

        secret = {"webhook_secret": "whsec_1", "on_event": on_event}
        settings = {"identity": who, **secret, **options}
        if settings["identity"] is None:
            del settings["identity"]
        async with _served(adapter, given, settings) as (app, client):
            yield Shop(adapter, client, app, login, events)

    return opening


@asynccontextmanager
async def _served(
    adapter: str, checkouts: Any, options: dict[str, Any]
) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    app: Any
    if adapter == "aiohttp":
        app = web.Application()
        add_checkout_routes(app, checkouts, **{"secure_cookie": False, **options})
        async with (
            TestServer(app) as server,
            httpx.AsyncClient(base_url=str(server.make_url("/"))) as client,
        ):
            yield app, client
        return
    if adapter == "asgi":
        app = Starlette(routes=[Mount("/checkout", CheckoutApp(checkouts, **options))])
    else:
        app = FastAPI()
        app.include_router(checkout_router(checkouts, **options), prefix="/checkout")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield app, client


@pytest.fixture
async def shop(open_shop: Opening) -> AsyncIterator[Shop]:
    async with open_shop() as shop:
        yield shop


def origin_of(shop: Shop) -> str:
    return str(shop.client.base_url).rstrip("/")


# --- a whole order --------------------------------------------------------------------------------


async def test_an_order_is_placed(shop: Shop, sandbox: Sandbox) -> None:
    total = await shop.until_payable()
    status, view = await shop.send("POST", "/checkout/order", {"total": total})
    assert (status, view["stage"]) == (200, "placed")
    assert view["order"]["order_id"] == the_order(sandbox).order_id
    again = await shop.send("POST", "/checkout/order", {"total": total})
    assert again == (200, view)
    assert the_order(sandbox).total == Decimal(total)
    assert sandbox.sessions[-1].level == "end_user"


async def test_the_requests_on_the_page_are_an_order(shop: Shop, sandbox: Sandbox) -> None:
    text = (ROOT / "docs" / "mount.md").read_text().split("### What a page sends")[1]
    requests = re.findall(r"^\| `(\w+) (\S+)` \| (?:`(\{.+\})`)?.*\|$", text, re.MULTILINE)
    assert len(requests) == 7
    view: Any = None
    for method, path, body in requests:
        status, view = await shop.send(method, path, json.loads(body) if body else None)
        assert status < 300, (path, view)
    assert view["order"]["order_id"] == the_order(sandbox).order_id


async def test_what_else_a_page_asks_for(shop: Shop, sandbox: Sandbox) -> None:
    status, found = await shop.send("GET", "/checkout/stores?query=bella")
    assert [each["name"] for each in found["stores"]] == ["Bella Napoli"], status
    await shop.send("POST", "/checkout/")
    await shop.send("PUT", "/checkout/store", {"store_id": "store_bella_napoli"})
    assert (await shop.send("GET", "/checkout/menu"))[1]["items"]
    line = {"item_id": "item_tiramisu", "quantity": 1, "modifiers": None}
    status, view = await shop.send("POST", "/checkout/lines", line)
    assert status == 201
    assert (await shop.send("GET", "/checkout/suggestions"))[1]["suggestions"]
    path = f"/checkout/lines/{view['lines'][0]['line_id']}"
    assert (await shop.send("PATCH", path, {"quantity": 3}))[1]["lines"][0]["quantity"] == 3
    assert (await shop.send("DELETE", path))[1]["lines"] == []
    assert await shop.send("GET", "/checkout/cards") == (200, {"cards": []})
    assert (await shop.send("DELETE", "/checkout/"))[1]["stage"] == "abandoned"


async def test_a_page_that_repeats_a_request_adds_nothing_twice(shop: Shop) -> None:
    await shop.send("POST", "/checkout/")
    await shop.send("PUT", "/checkout/store", {"store_id": "store_bella_napoli"})
    line = {"item_id": "item_tiramisu", "line_id": "row-1"}
    first = await shop.send("POST", "/checkout/lines", line)
    assert (first[0], first[1]["lines"][0]["line_id"]) == (201, "row-1")
    assert await shop.send("POST", "/checkout/lines", line) == first
    status, problem = await shop.send("POST", "/checkout/lines", {**line, "quantity": 2})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/line_id")
    assert (await shop.send("DELETE", "/checkout/lines/row-1"))[1]["lines"] == []


async def test_an_order_for_somebody_else(shop: Shop, sandbox: Sandbox) -> None:
    total = await shop.until_payable()
    grace = {"first_name": "Grace", "last_name": "Hopper", "phone": "+12125550177"}
    status, view = await shop.send("PUT", "/checkout/recipient", {**grace, "email": None})
    assert (status, view["recipient"]) == (200, {"name": "G. H.", "phone": "…77"})
    status, problem = await shop.send(
        "PUT", "/checkout/recipient", {"first_name": "", "phone": "7"}
    )
    assert (status, problem["code"]) == (422, "INVALID_INPUT")
    wrong = [each["pointer"] for each in problem["errors"]]
    assert wrong == ["/first_name", "/last_name", "/phone"]
    assert (await shop.send("DELETE", "/checkout/recipient"))[1]["recipient"] is None
    await shop.send("PUT", "/checkout/recipient", grace)
    assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
    assert the_order(sandbox).customer.first_name == "Grace"
    status, problem = await shop.send("DELETE", "/checkout/recipient")
    assert (status, problem["next_action"]["kind"]) == (409, "done")


async def test_a_page_asks_what_became_of_the_order(shop: Shop, sandbox: Sandbox) -> None:
    total = await shop.until_payable()
    status, problem = await shop.send("GET", "/checkout/order")
    assert (status, problem["code"]) == (409, "STEP_NOT_ALLOWED")
    assert problem["next_action"]["kind"] == "place"
    await shop.send("POST", "/checkout/order", {"total": total})
    sandbox.advance_order(the_order(sandbox).order_id, "ready")
    assert (await shop.send("GET", "/checkout"))[1]["order"]["status"] == "pending"
    status, view = await shop.send("GET", "/checkout/order")
    assert (status, view["order"]["state"], view["order"]["status"]) == (200, "open", "ready")
    assert (await shop.send("GET", "/checkout"))[1] == view
    assert "id" not in view
    shop.login[0] = JOHN
    assert (await shop.send("GET", "/checkout/order"))[0] == 404
    assert sandbox.count("get_order") == 1


async def test_an_event_may_have_the_order_read_again(
    open_shop: Opening, checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    read: list[str | None] = []

    async def on_event(event: OrderEvent) -> None:
        (cookie,) = mounted.client.cookies.jar
        checkout = await checkouts.open(cookie.value)
        read.append((await checkout.refresh_order()).status)

    async with open_shop(on_event=on_event) as mounted:
        total = await mounted.until_payable()
        await mounted.send("POST", "/checkout/order", {"total": total})
        sandbox.advance_order(the_order(sandbox).order_id, "preparing")
        event = signed_event(secret="whsec_1", now=clock())
        response = await mounted.client.post(
            "/checkout/webhook", content=event.body, headers=event.headers
        )
        assert (response.status_code, read) == (200, ["preparing"])


async def test_an_unknown_outcome_keeps_its_cookie(
    shop: Shop, sandbox: Sandbox, clock: Clock
) -> None:
    total = await shop.until_payable()
    sandbox.switches.fail("place_order", "drop_after", times=10_000)
    assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 503
    status, problem = await shop.send("POST", "/checkout")
    assert (status, problem["code"]) == (409, "STEP_NOT_ALLOWED")
    assert problem["next_action"] == (await shop.send("GET", "/checkout"))[1]["next_action"]
    assert problem["next_action"]["kind"] == "reconcile"

    mine = httpx.Cookies(shop.client.cookies)
    shop.login[0] = JOHN  # another shopper at this browser begins an order of their own
    assert (await shop.send("POST", "/checkout"))[0] == 201
    shop.login[0], shop.client.cookies = JANE, mine
    clock.advance(24 * 3600)  # the key has expired: the shopper may order something else
    view = (await shop.send("GET", "/checkout"))[1]
    assert view["next_action"]["kind"] == "contact_support"
    assert (await shop.send("POST", "/checkout"))[0] == 201


async def test_a_declined_card_and_then_another(shop: Shop, sandbox: Sandbox) -> None:
    total = await shop.until_payable("card_declined")
    status, problem = await shop.send("POST", "/checkout/order", {"total": total})
    assert problem["code"] == "PAYMENT_DECLINED"
    assert problem["status"] == status
    assert problem["next_action"]["kind"] == "choose_payment"
    assert sandbox.orders == []
    await shop.send("PUT", "/checkout/payment", card("card_ok"))
    assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
    the_order(sandbox)


async def test_a_price_that_moved_and_an_old_total(shop: Shop, sandbox: Sandbox) -> None:
    before = await shop.until_payable()
    sandbox.switches.price_change = Decimal("0.50")
    await shop.send("POST", "/checkout/quote", {})
    status, problem = await shop.send("POST", "/checkout/order", {"total": before})
    assert (status, problem["code"]) == (409, "TOTAL_CHANGED")
    assert Decimal(problem["after"]) - Decimal(before) == Decimal("0.50")
    assert sandbox.orders == []
    agreed = {"total": problem["after"]}
    assert (await shop.send("PUT", "/checkout/confirmed-total", agreed))[0] == 200
    assert (await shop.send("POST", "/checkout/order", {}))[0] == 422  # the total is wanted
    assert (await shop.send("POST", "/checkout/order", agreed))[0] == 200
    assert the_order(sandbox).total == Decimal(problem["after"])


async def test_another_worker_goes_on(
    open_shop: Opening, checkouts: Checkouts, sandbox: Sandbox, storage: MemoryStorage
) -> None:
    other = Checkouts(checkouts.client, storage=storage)
    workers = [checkouts, other]

    def next_worker(_: object) -> Checkouts:
        workers.reverse()
        return workers[0]

    async with open_shop(next_worker) as shop:
        total = await shop.until_payable()
        assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
    the_order(sandbox)


async def test_a_step_outlives_its_request(shop: Shop, sandbox: Sandbox) -> None:
    total = await shop.until_payable()
    release = hold(sandbox, "place_order")
    click = asyncio.create_task(shop.send("POST", "/checkout/order", {"total": total}))
    await until(lambda: sandbox.count("place_order") == 1)
    click.cancel()
    await asyncio.wait([click])
    assert click.cancelled()
    release()
    await until(lambda: sandbox.orders)
    status, problem = await shop.send("POST", "/checkout/order", {"total": total})
    assert (status, problem["stage"]) == (200, "placed")
    the_order(sandbox)


async def test_the_path_needs_no_slash_at_its_end(shop: Shop) -> None:
    response = await shop.client.post("/checkout")
    # A mount of Starlette's has its end behind the slash.
    assert response.status_code == (307 if shop.adapter == "asgi" else 201)


# --- the cookie and the responses -----------------------------------------------------------------


async def test_the_id_is_in_the_cookie_alone(shop: Shop, storage: MemoryStorage) -> None:
    response = await shop.client.post("/checkout/")
    assert response.status_code == 201
    cookie = response.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    checkout_id, _, attributes = rest.partition("; ")
    assert name == ("checkout" if shop.adapter == "aiohttp" else "__Host-checkout")
    assert attributes.split("; ") == [
        *("Max-Age=604800", "Path=/", "HttpOnly", "SameSite=Lax"),
        *(() if shop.adapter == "aiohttp" else ("Secure",)),
    ]
    assert response.headers["cache-control"] == "no-store"
    assert "id" not in response.json()
    problem = await shop.client.put("/checkout/payment", json=card("card_ok"))
    assert problem.headers["content-type"] == "application/problem+json"
    assert checkout_id not in problem.text
    assert checkout_id not in (await shop.client.get("/checkout/")).text


@pytest.mark.parametrize("path", ["/checkout/", "/checkout/suggestions", "/checkout/menu"])
async def test_head_is_a_get_without_its_body(shop: Shop, path: str) -> None:
    await shop.until_priced()
    shown = await shop.client.get(path)
    head = await shop.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == shown.headers["content-length"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/checkout/", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/checkout/order", "GET, HEAD, OPTIONS, POST"),
        ("/checkout/quote", "OPTIONS, POST"),
        ("/checkout/lines/1", "DELETE, OPTIONS, PATCH"),
    ],
)
async def test_options_allow_no_other_origin(shop: Shop, path: str, allowed: str) -> None:
    response = await shop.client.options(path, headers={"Origin": "https://evil.example"})
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == allowed
    assert not any(name.startswith("access-control") for name in response.headers)
    wrong = await shop.client.request("PUT" if "GET" in allowed else "GET", path)
    assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == allowed


async def test_errors_are_in_the_shoppers_language(open_shop: Opening) -> None:
    def by_language(request: Any) -> Any:
        return TRANSLATED

    for messages in (TRANSLATED, by_language):
        async with open_shop(messages=messages) as shop:
            _, problem = await shop.send("GET", "/checkout/")
            english = "There is no open cart. Please start a new one."
            assert problem["detail"] != english
            _, view = await shop.send("POST", "/checkout/")
            assert view["requirements"][0]["message"] != "Please choose a restaurant."


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "https://blog.shop.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_a_page_of_another_origin_changes_nothing(
    shop: Shop, sandbox: Sandbox, headers: dict[str, str]
) -> None:
    total = await shop.until_payable()
    before = await shop.send("GET", "/checkout/")
    for method, path, body in [
        ("POST", "/checkout/order", {"total": total}),
        ("DELETE", "/checkout/", None),
        ("POST", "/checkout/", None),
        ("PUT", "/checkout/store", {"store_id": "store_corner_deli", "replace_cart": True}),
    ]:
        status, problem = await shop.send(method, path, body, **headers)
        assert (status, problem["code"]) == (403, "OTHER_ORIGIN")
    assert await shop.send("GET", "/checkout/") == before
    assert sandbox.orders == []


async def test_ones_own_page_and_a_trusted_one_may(open_shop: Opening) -> None:
    async with open_shop(trusted_origins=["https://app.example"]) as shop:
        for headers in (
            {"Origin": origin_of(shop)},
            {"Origin": "https://app.example", "Sec_Fetch_Site": "cross-site"},
            {"Origin": origin_of(shop), "Sec_Fetch_Site": "same-origin"},
        ):
            assert (await shop.send("POST", "/checkout/", **headers))[0] == 201


async def test_a_checkout_is_nobody_elses(shop: Shop, sandbox: Sandbox) -> None:
    total = await shop.until_payable()
    shop.login[0] = JOHN  # with the cookie of Jane's checkout
    for method, path, body in [
        ("GET", "/checkout/", None),
        ("POST", "/checkout/order", {"total": total}),
        ("DELETE", "/checkout/", None),
    ]:
        status, problem = await shop.send(method, path, body)
        assert (status, problem["code"]) == (404, "CHECKOUT_NOT_FOUND")
        assert problem["next_action"]["kind"] == "start_over"
    shop.login[0] = None  # Jane signed out
    status, problem = await shop.send("POST", "/checkout/order", {"total": total})
    assert (status, problem["code"]) == (409, "IDENTITY_REQUIRED")
    assert problem["next_action"]["kind"] == "sign_in"
    assert sandbox.orders == []
    shop.login[0] = JANE
    assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
    shop.login[0] = JOHN  # nor is her order
    assert (await shop.send("GET", "/checkout/"))[0] == 404


async def test_an_anonymous_cart_becomes_that_of_who_signs_in(shop: Shop, sandbox: Sandbox) -> None:
    shop.login[0] = None
    await shop.until_priced()
    _, problem = await shop.send("PUT", "/checkout/payment", card("card_ok"))
    assert problem["next_action"]["kind"] == "sign_in"
    shop.login[0] = JANE
    status, view = await shop.send("PUT", "/checkout/payment", card("card_ok"))
    assert (status, view["signed_in"]) == (200, True)
    total = view["next_action"]["total"]
    assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
    # Her account has another e-mail by now; her order is hers.
    shop.login[0] = Identity("jane.roe@example.com", "Jane", "Roe", partner_user_id="user-1")
    assert (await shop.send("GET", "/checkout/"))[1]["stage"] == "placed"


async def test_a_cookie_fixed_by_somebody_else_shows_them_nothing(
    shop: Shop, sandbox: Sandbox
) -> None:
    shop.login[0] = None
    await shop.send("POST", "/checkout/")  # theirs; the cookie is then planted in Jane's browser
    shop.login[0] = JANE
    await shop.send("PUT", "/checkout/store", {"store_id": "store_bella_napoli"})
    for somebody in (None, JOHN):
        shop.login[0] = somebody
        for method, path in (("GET", "/checkout/"), ("DELETE", "/checkout/")):
            status, problem = await shop.send(method, path)
            assert (status, "lines" in problem) in ((404, False), (409, False))
    shop.login[0] = JANE
    assert (await shop.send("GET", "/checkout/"))[1]["stage"] == "browse"
    assert sandbox.orders == []


async def test_a_forged_identity_is_refused(open_shop: Opening) -> None:
    john = {"email": "john@example.com", "first_name": "John", "last_name": "Roe"}
    async with open_shop() as shop:
        await shop.until_payable()
        status, problem = await shop.send("PUT", "/checkout/identity", john)
        assert (status, problem["code"]) == (404, "PATH_NOT_FOUND")
    async with open_shop(page_names_shopper=True) as shop:
        await shop.until_payable()
        status, problem = await shop.send("PUT", "/checkout/identity", john)
        assert (status, problem["code"]) == (403, "SHOPPER_KNOWN")
        assert (await shop.send("GET", "/checkout/"))[1]["payment"]


async def test_a_page_may_name_the_shopper_where_the_partner_says_so(
    open_shop: Opening, checkouts: Checkouts, sandbox: Sandbox
) -> None:
    async with open_shop(page_names_shopper=True) as shop:
        shop.login[0] = None
        for method, path, body in STEPS:
            status, view = await shop.send(method, path, body)
            assert status < 300, view
        # A page may name anybody: nothing that is stored at Gett is theirs by that.
        for method, path, stored in [
            ("GET", "/checkout/cards", None),
            ("PUT", "/checkout/payment", {"kind": "saved_card", "payment_id": "pm_1"}),
            ("PUT", "/checkout/fulfillment", {"type": "delivery", "address_id": "addr_1"}),
        ]:
            status, problem = await shop.send(method, path, stored)
            assert (status, problem["code"]) == (409, "IDENTITY_REQUIRED"), path
        _, view = await shop.send("PUT", "/checkout/payment", card("card_ok"))
        total = view["next_action"]["total"]
        shop.login[0] = JOHN  # who signs in after all is who orders
        status, problem = await shop.send("POST", "/checkout/order", {"total": total})
        assert problem["next_action"]["kind"] == "validate"
        await shop.send("POST", "/checkout/quote")
        await shop.send("PUT", "/checkout/payment", card("card_ok"))
        assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
        shop.login[0] = None
        assert (await shop.send("GET", "/checkout/"))[1]["stage"] == "placed"
        shop.login[0] = JANE
        assert (await shop.send("GET", "/checkout/"))[1]["stage"] == "placed"
    the_order(sandbox)


@pytest.mark.parametrize("after", [("DELETE", "/checkout/"), None])
async def test_what_is_stored_at_gett_is_not_for_who_only_signed_in(
    open_shop: Opening, sandbox: Sandbox, after: tuple[str, str] | None
) -> None:
    """A page named Jane, the victim, and then John signs in."""
    jane = {"email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"}
    async with open_shop(page_names_shopper=True) as shop:
        shop.login[0] = None
        await shop.until_priced()
        await shop.send("PUT", "/checkout/identity", jane)
        if after:
            await shop.send(*after)
        else:
            _, view = await shop.send("PUT", "/checkout/payment", card("card_ok"))
            total = view["next_action"]["total"]
            assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
        seen = len(sandbox.requests)
        shop.login[0] = JOHN
        status, problem = await shop.send("GET", "/checkout/cards")
        assert (status, problem["code"]) == (409, "IDENTITY_REQUIRED")
        assert len(sandbox.requests) == seen


async def test_a_page_cannot_claim_an_account_of_the_host(open_shop: Opening) -> None:
    jane = {"email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"}
    async with open_shop(page_names_shopper=True) as shop:
        shop.login[0] = None
        await shop.send("POST", "/checkout/")
        claim = {**jane, "partner_user_id": "user-2"}  # John's, who then signs in
        status, problem = await shop.send("PUT", "/checkout/identity", claim)
        assert (status, problem["code"]) == (422, "INVALID_INPUT")
        (error,) = problem["errors"]
        assert (error["pointer"], error["code"]) == ("/partner_user_id", "unknown")
        unset = {**jane, "partner_user_id": None}
        assert (await shop.send("PUT", "/checkout/identity", unset))[0] == 200


@pytest.mark.parametrize("claimed", [None, "user-2"])
async def test_the_shopper_is_still_the_same_when_the_step_begins(
    checkouts: Checkouts, claimed: str | None
) -> None:
    checkout = await checkouts.start(JOHN)
    require_shopper(checkout, JOHN)
    # Overtakes; Gett knows her by her e-mail address, whatever account she is said to have.
    jane = evolve(JANE, partner_user_id=claimed)
    await (await checkouts.open(checkout.id)).identify(jane)
    with pytest.raises(IdentityRequiredError):
        await checkout.saved_cards()
    with pytest.raises(IdentityRequiredError):
        await checkout.pay(SavedCard("pm_1"))
    with pytest.raises(IdentityRequiredError) as rejected:
        require_shopper(checkout, JOHN)
    assert rejected.value.next_action == SignIn()


async def test_who_signs_in_again_answers_a_rejection_of_their_details(
    shop: Shop, sandbox: Sandbox
) -> None:
    total = await shop.until_payable()
    phone = ("customer.phone",)
    sandbox.switches.fail("place_order", "error", code="VALIDATION_FAILED", names=phone, times=9)
    kinds = []
    for _ in range(3):
        _, problem = await shop.send("POST", "/checkout/order", {"total": total})
        kinds.append(problem["next_action"]["kind"])
    assert kinds == ["sign_in", "sign_in", "contact_support"]
    assert sandbox.orders == []


async def test_a_storage_that_fails_once_takes_no_order_from_its_shopper(
    shop: Shop, sandbox: Sandbox, checkouts: Checkouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = await shop.until_payable()
    sandbox.switches.fail("place_order", "drop_after", times=10_000)
    await shop.send("POST", "/checkout/order", {"total": total})
    load = checkouts.storage.load
    error: StorageError = StorageError("no connection")
    error.cause = "ConnectionError"
    for raised, code in ((error, "STORAGE_FAILED"), (SnapshotTooNewError(), "SNAPSHOT_TOO_NEW")):

        async def fails_once(checkout_id: str, raised: StorageError = raised) -> Any:
            monkeypatch.setattr(checkouts.storage, "load", load)
            raise raised

        monkeypatch.setattr(checkouts.storage, "load", fails_once)
        assert (await shop.send("POST", "/checkout"))[1]["code"] == code
    assert (await shop.send("GET", "/checkout"))[1]["next_action"]["kind"] == "reconcile"
    damaged = StorageError("damaged")
    monkeypatch.setattr(checkouts.storage, "load", AsyncMock(side_effect=damaged))
    assert (await shop.send("POST", "/checkout"))[0] == 201


async def test_a_shop_without_a_login_takes_orders_too(
    open_shop: Opening, sandbox: Sandbox
) -> None:
    async with open_shop(page_names_shopper=True, identity=None) as shop:
        for method, path, body in STEPS:
            status, view = await shop.send(method, path, body)
            assert status < 300, view
        _, view = await shop.send("PUT", "/checkout/payment", card("card_ok"))
        total = view["next_action"]["total"]
        assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
    the_order(sandbox)


async def test_what_is_stored_at_gett_is_for_who_is_signed_in(shop: Shop) -> None:
    await shop.until_priced()
    saved = {"kind": "saved_card", "payment_id": "pm_1"}
    status, view = await shop.send("PUT", "/checkout/payment", saved)
    assert (status, view["payment"]["kind"]) == (200, "saved_card")
    elsewhere = {"type": "delivery", "address_id": "addr_of_another"}
    _, problem = await shop.send("PUT", "/checkout/fulfillment", elsewhere)
    assert problem["next_action"]["kind"] == "choose_fulfillment"


@pytest.mark.parametrize("cookie", [None, "nobody", "two", 'odd\u00e9 "', "%00", "x" * 300])
async def test_a_cookie_that_is_none_of_ours_leads_nowhere(shop: Shop, cookie: str | None) -> None:
    response = await shop.client.post("/checkout/")
    name, _, rest = response.headers["set-cookie"].partition("=")
    mine = f"{name}={rest.partition(';')[0]}"
    shop.client.cookies.clear()
    sent = f"{mine}; {mine}2" if cookie == "two" else f"other=1; {name}={cookie}"
    headers = [] if cookie is None else [(b"Cookie", sent.encode("latin-1"))]
    found = await shop.client.get("/checkout/", headers=headers)
    assert (found.status_code, found.json()["code"]) == (404, "CHECKOUT_NOT_FOUND")
    assert (await shop.client.get("/checkout/", headers={"Cookie": f"a=1; {mine}"})).is_success


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"{" + b" " * 70_000 + b"}", "application/json", 413, "BODY_TOO_LARGE"),
        (b'{"total": "1"}', "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"total=1", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"total": "1"}', "", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"total": ', "application/json", 422, "INVALID_INPUT"),
        (b"[1]", "application/json", 422, "INVALID_INPUT"),
        (b'{"total": "1", "tip": "2"}', "application/json; charset=utf-8", 422, "INVALID_INPUT"),
    ],
)
async def test_a_body_that_is_none_is_refused(
    shop: Shop, sandbox: Sandbox, content: bytes, media_type: str, status: int, code: str
) -> None:
    await shop.until_payable()
    before = await shop.send("GET", "/checkout/")
    response = await shop.client.post(
        "/checkout/order", content=content, headers={"Content-Type": media_type}
    )
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["detail"]
    assert await shop.send("GET", "/checkout/") == before
    assert sandbox.orders == []


@pytest.mark.parametrize("line_id", ["nobody", "%00", "..%2F..", "{line_id}", "x" * 2000, "%F0%9F"])
async def test_odd_ids_in_paths_are_not_found(shop: Shop, line_id: str) -> None:
    await shop.until_priced()
    before = await shop.send("GET", "/checkout/")
    status, problem = await shop.send("DELETE", f"/checkout/lines/{line_id}")
    assert (status, problem["status"]) == (404, 404)
    assert problem["code"] in ("LINE_NOT_FOUND", "PATH_NOT_FOUND")
    for path in ("/checkout/lines/", "/checkout/lines/a/b", "/checkout/nothing"):
        assert (await shop.send("PATCH", path, {}))[0] in (404, 405)
    assert await shop.send("GET", "/checkout/") == before


async def test_members_that_are_wrong_are_all_named(shop: Shop) -> None:
    await shop.send("POST", "/checkout/")
    _, problem = await shop.send("PUT", "/checkout/store", {"replace_cart": 1, "shop": "x"})
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [
        ("/store_id", "missing"),
        ("/replace_cart", "invalid"),
        ("/shop", "unknown"),
    ]


# --- the host's own -------------------------------------------------------------------------------


async def test_endpoints_are_left_out_and_replaced(
    open_shop: Opening, checkouts: Checkouts, sandbox: Sandbox
) -> None:
    async def pay_by_nonce(call: Call) -> None:
        """Pay with what the processor's script gave."""
        await call.checkout.pay(CardOnFile(call.body["nonce"], "stripe"))

    lots: list[str] = []

    async def start_with_lot(call: Call) -> Checkout:
        lots.append("7")
        return await call.checkouts.start(call.identity, metadata={"lot": "7"})

    async def amounts(call: Call) -> dict[str, object]:
        return {"total": Decimal("1.50"), "of": call.params["name"]}

    nonce = Body.of({"nonce": {"type": "string"}})
    own = [
        Endpoint("PUT", "/payment/", "pay", pay_by_nonce, nonce),
        Endpoint("POST", "/", "start", start_with_lot, status=201, opens=False),
        Endpoint("GET", "/amounts/{name}", "amounts", amounts, opens=False),
    ]
    async with open_shop(own=own, without={"saved_cards", "abandon"}) as shop:
        await shop.until_priced()
        for path in ("/checkout", "/checkout/"):
            response = await shop.client.post(path, follow_redirects=True)
            assert response.status_code == 201
        assert lots == ["7"] * 3
        await shop.until_priced()
        assert (await shop.send("GET", "/checkout/cards"))[0] == 404
        assert (await shop.send("DELETE", "/checkout/"))[0] == 405
        assert (await shop.send("PUT", "/checkout/payment", card("card_ok")))[0] == 422
        _, view = await shop.send("PUT", "/checkout/payment", {"nonce": "card_ok"})
        total = view["next_action"]["total"]
        assert (await shop.send("POST", "/checkout/order", {"total": total}))[0] == 200
        assert await shop.send("GET", "/checkout/amounts/x") == (200, {"total": "1.50", "of": "x"})
    the_order(sandbox)


async def test_what_is_unexpected_is_logged_and_shows_nothing(
    open_shop: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Any) -> None:
        raise RuntimeError("the database password is hunter2")

    async with open_shop(identity=broken) as shop:
        status, problem = await shop.send("POST", "/checkout/")
    assert (status, problem["code"]) == (500, "CHECKOUT_ERROR")
    assert "hunter2" not in str(problem)
    (line,) = [each for each in caplog.records if each.name == "gett_checkout.web"]
    assert line.exc_info is not None


async def test_what_is_unavailable_is_logged(
    shop: Shop, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.switches.fail("discover_stores", "error", times=100, status=503)
    status, problem = await shop.send("GET", "/checkout/stores")
    assert status == problem["status"] == 503
    assert "gett_checkout.web" in {each.name for each in caplog.records}


async def test_what_is_logged_holds_no_secret(
    shop: Shop, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    shop.login[0] = None
    await shop.until_priced()
    shop.login[0] = JANE
    sandbox.switches.fail("create_session", "error", times=100, status=503)
    status, _ = await shop.send("PUT", "/checkout/payment", card("tok_do_not_show"))
    assert status == 503
    (line,) = [each for each in caplog.records if each.name == "gett_checkout.web"]
    assert line.exc_info
    assert line.exc_info[1]
    for seen in (by_sentry, by_structlog, by_traceback):
        shown = seen(line.exc_info[1])
        for secret in ("tok_do_not_show", JANE.email, sandbox.api_key):
            assert secret not in shown, seen
    assert "_respond" in by_structlog(line.exc_info[1])  # our frames are among what was searched


async def test_the_frameworks_own_response_goes_out(open_shop: Opening) -> None:
    async def who(request: Any) -> Identity | None:
        raise web.HTTPUnauthorized if isinstance(request, web.Request) else HTTPException(401)

    async with open_shop(identity=who) as shop:
        response = await shop.client.post("/checkout/")
    # Plain ASGI has no exceptions of that kind.
    assert response.status_code == (500 if shop.adapter == "asgi" else 401)


async def test_order_events_are_verified_and_handled_once(
    shop: Shop, clock: Clock, sandbox: Sandbox
) -> None:
    event = signed_event(secret="whsec_1", now=clock())
    forged = signed_event(secret="whsec_2", now=clock())
    for _ in range(2):
        response = await shop.client.post(
            "/checkout/webhook",
            content=event.body,
            headers={**event.headers, "Sec-Fetch-Site": "cross-site"},
        )
        assert (response.status_code, response.json()) == (200, {"received": True})
    assert [each.type for each in shop.events] == ["order_update"]
    for body, status in [(forged.body, 401), (b"x" * 70_000, 413)]:
        response = await shop.client.post("/checkout/webhook", content=body, headers=forged.headers)
        assert response.status_code == status
    assert len(shop.events) == 1


# --- what one adapter has -------------------------------------------------------------------------


async def test_the_openapi_document_has_every_endpoint(checkouts: Checkouts) -> None:
    async def who(request: Any) -> Identity | None:
        return None

    async def on_event(event: OrderEvent) -> None: ...

    app = FastAPI()
    options: dict[str, Any] = {"webhook_secret": "whsec_1", "on_event": on_event}
    router = checkout_router(checkouts, identity=who, page_names_shopper=True, **options)
    app.include_router(router, prefix="/checkout")
    document = app.openapi()
    paths = document["paths"]
    operations = {(method, path) for path, each in paths.items() for method in each}
    assert len(operations) == 21
    pay = paths["/checkout/payment"]["put"]
    sent = pay["requestBody"]["content"]["application/json"]["schema"]
    assert [each["title"] for each in sent["anyOf"]] == ["CardOnFile", "SavedCard", "GettPayment"]
    assert pay["summary"].startswith("Choose how to pay")
    view = pay["responses"]["200"]["content"]["application/json"]["schema"]
    assert view == {"$ref": "#/components/schemas/GettCheckoutView"}
    assert "application/problem+json" in pay["responses"]["default"]["content"]
    assert "line_id" in str(paths["/checkout/lines/{line_id}"]["patch"]["parameters"])
    schemas = document["components"]["schemas"]
    assert "id" not in schemas["GettCheckoutView"]["properties"]
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert referred <= schemas.keys()
    assert len(referred) > 40
    untyped = [name for name, each in schemas.items() if set(each) <= {"title", "description"}]
    assert untyped == []


async def test_aiohttp_and_fastapi_let_the_hosts_routes_go_first(checkouts: Checkouts) -> None:
    async def who(request: Any) -> Identity | None:
        return JANE

    async def mine(request: web.Request) -> web.Response:
        return web.json_response({"mine": True})

    app = web.Application()
    add_checkout_routes(app, checkouts, identity=who, secure_cookie=False)
    app.router.add_put("/checkout/payment", mine)
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/"))) as client,
    ):
        assert (await client.put("/checkout/payment")).json() == {"mine": True}
        assert (await client.get("/checkout/payment")).status_code == 405
        assert (await client.post("/checkout/")).status_code == 201


async def test_a_body_that_aiohttp_cannot_decode_is_refused(
    checkouts: Checkouts, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_event(event: OrderEvent) -> None: ...

    options = {"webhook_secret": "whsec_1", "on_event": on_event, "page_names_shopper": True}
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with _served("aiohttp", checkouts, options) as (_, client):
        for path, status, code in [
            ("/checkout/store", 422, "INVALID_INPUT"),
            ("/checkout/webhook", 401, "WEBHOOK_REFUSED"),
            ("/checkout/nothing", 404, "PATH_NOT_FOUND"),
        ]:
            method = "PUT" if path == "/checkout/store" else "POST"
            response = await client.request(method, path, content=b"no gzip", headers=headers)
            assert (response.status_code, response.json()["code"]) == (status, code)
        assert (await client.post("/checkout/")).status_code == 201
    assert [each.name for each in caplog.records if each.levelname == "ERROR"] == []


async def called(app: Any, *messages: dict[str, Any], **scope: Any) -> list[dict[str, Any]]:
    """What an ASGI application sends for a request that no client of HTTP's could make."""
    waiting, sent = [*messages], []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    own = {"type": "http", "http_version": "1.1", "scheme": "http", "server": ("shop", 80)}
    await app({**own, "root_path": "", "headers": [], "query_string": b"", **scope}, receive, send)
    assert waiting == []
    return sent


async def test_fastapi_takes_what_comes_over_the_wire(
    checkouts: Checkouts, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    app.include_router(checkout_router(checkouts, page_names_shopper=True), prefix="/checkout")
    begun = {"type": "http.request", "body": b'{"store', "more_body": True}
    left = {"type": "http.disconnect"}
    sent = await called(app, begun, left, method="PUT", path="/checkout/store")
    assert [each.get("body") for each in sent] == [None, b""]
    whole = {"type": "http.request", "body": b""}
    for query in (b"query=\xff", b"query=%FF"):
        asked = {"method": "GET", "path": "/checkout/stores", "query_string": query}
        sent = await called(app, whole, **asked)
        assert (sent[0]["status"], json.loads(sent[1]["body"])) == (200, {"stores": []})
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


# --- the page -------------------------------------------------------------------------------------


def made_by(page: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the code on a page makes, over the sandbox."""
    monkeypatch.setenv("GETT_API_KEY", sandbox.api_key)
    monkeypatch.setenv("GETT_BASE_URL", sandbox.url)
    monkeypatch.setenv("GETT_STORAGE", "memory:")
    monkeypatch.setenv("GETT_WEBHOOK_SECRET", "whsec_1")
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(ROOT / "docs" / page, "python"):
        exec(block.compiled(set()), names)
    return names


@pytest.fixture
def page(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return made_by("mount.md", sandbox, monkeypatch)


@asynccontextmanager
async def _page_served(page: dict[str, Any], adapter: str) -> AsyncIterator[httpx.AsyncClient]:
    if adapter == "aiohttp":
        async with (
            TestServer(page["aiohttp_app"]) as server,
            httpx.AsyncClient(base_url=str(server.make_url("/"))) as client,
        ):
            yield client
        return
    lifespan_app = page["fastapi_app" if adapter == "fastapi" else "starlette_app"]
    app = page["application"] if adapter == "unmounted" else lifespan_app
    async with lifespan_app.router.lifespan_context(lifespan_app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield client


@pytest.mark.parametrize("adapter", ["fastapi", "aiohttp", "starlette"])
async def test_the_apps_of_the_page_take_an_order(
    page: dict[str, Any], adapter: str, sandbox: Sandbox
) -> None:
    async with _page_served(page, adapter) as client:
        own: list[str] = []

        async def send(method: str, path: str, body: object) -> dict[str, Any]:
            path = "/checkout/" if path == "/checkout" else path
            response = await client.request(
                method, path, json=body, headers={"Cookie": "; ".join(["session=s-1", *own])}
            )
            assert response.is_success, response.text
            if cookie := response.headers.get("set-cookie"):
                own.append(cookie.partition(";")[0])  # Secure, and the test has no HTTPS
            result: dict[str, Any] = response.json()
            return result

        for method, path, body in UNTIL_PRICED:
            await send(method, path, body)
        view = await send("PUT", "/checkout/payment", card("card_ok"))
        await send("POST", "/checkout/order", {"total": view["next_action"]["total"]})
    the_order(sandbox)


async def test_an_app_that_is_called_and_not_mounted(page: dict[str, Any]) -> None:
    async with _page_served(page, "unmounted") as client:
        assert (await client.post("/checkout/")).status_code == 201
        assert (await client.get("/elsewhere")).text == "Not Found"


async def test_the_endpoints_of_its_own_on_the_page(page: dict[str, Any]) -> None:
    app = FastAPI(lifespan=page["lifespan"])
    app.include_router(page["router"], prefix="/checkout")
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        assert (await client.post("/checkout", json={"cart": "4711"})).status_code == 201
        for method, path, pointer in [("POST", "", "/cart"), ("PUT", "/payment", "/nonce")]:
            response = await client.request(method, f"/checkout{path}")
            assert response.json()["errors"][0]["pointer"] == pointer


@asynccontextmanager
async def written_by_hand(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    app = made_by("backend.md", sandbox, monkeypatch)["app"]
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        yield client


async def test_the_backend_written_by_hand_takes_an_order(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with written_by_hand(sandbox, monkeypatch) as client:
        nobody = await client.get("/checkout")
        assert (nobody.status_code, nobody.json()["code"]) == (404, "CHECKOUT_NOT_FOUND")
        for method, path, body in STEPS:
            assert (await client.request(method, path, json=body)).is_success
        assert (await client.get("/checkout/menu")).json()["items"]
        found = (await client.get("/stores", params={"query": "bella"})).json()["stores"]
        assert [each["name"] for each in found] == ["Bella Napoli"]
        more = await client.post("/checkout/lines", json={"item_id": "item_tiramisu"})
        tiramisu = f"/checkout/lines/{more.json()['lines'][1]['line_id']}"
        changed = await client.patch(tiramisu, json={"quantity": 3})
        assert changed.json()["lines"][1]["quantity"] == 3
        assert len((await client.delete(tiramisu)).json()["lines"]) == 1
        for method, path, wrong, pointer, code in [
            ("PUT", "/checkout/store", {}, "/store_id", "missing"),
            ("POST", "/checkout/lines", {"item_id": "x", "quantity": True}, "/quantity", "invalid"),
            ("POST", "/checkout/lines", {"item_id": "x", "note": ""}, "/note", "unknown"),
            ("PUT", "/checkout/payment", {"kind": "card_on_file"}, "/card_token", "missing"),
        ]:
            problem = (await client.request(method, path, json=wrong)).json()
            (error,) = [each for each in problem["errors"] if each["pointer"] == pointer]
            assert (problem["code"], error["code"]) == ("INVALID_INPUT", code)
        nowhere = await client.get("/nowhere")
        assert nowhere.headers["Content-Type"] == "application/problem+json"
        await client.post("/checkout/quote", json={})
        view = (await client.put("/checkout/payment", json=card("card_ok"))).json()
        assert "id" not in view
        total = view["next_action"]["total"]
        refused = await client.post("/checkout/order", json={"total": "1.00"})
        assert (refused.status_code, refused.json()["after"]) == (409, total)
        placed = await client.post("/checkout/order", json={"total": total})
        for secret, status in [("whsec_1", 200), ("whsec_1", 200), ("whsec_2", 401)]:
            event = signed_event(secret=secret, status="shipped")
            took = await client.post("/checkout/webhook", content=event.body, headers=event.headers)
            assert took.status_code == status
    assert capsys.readouterr().out.count("order shipped") == 1
    assert placed.json()["order"]["order_id"] == the_order(sandbox).order_id


async def test_the_backend_written_by_hand_keeps_the_cookie_of_an_order_that_may_exist(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with written_by_hand(sandbox, monkeypatch) as client:
        for method, path, body in STEPS:
            await client.request(method, path, json=body)
        await client.post("/checkout/quote", json={})
        view = (await client.put("/checkout/payment", json=card("card_ok"))).json()
        order = {"total": view["next_action"]["total"]}
        sandbox.switches.fail("place_order", "drop_after", times=100)
        lost = await client.post("/checkout/order", json=order)
        assert lost.json()["code"] == "OUTCOME_UNKNOWN"
        refused = await client.post("/checkout")
        assert (refused.status_code, refused.json()["code"]) == (409, "STEP_NOT_ALLOWED")
        assert refused.json()["next_action"] == lost.json()["next_action"]
        assert "Set-Cookie" not in refused.headers
        sandbox.switches.faults.clear()
        placed = await client.post("/checkout/order", json=order)
        assert placed.json()["order"]["order_id"] == the_order(sandbox).order_id
        assert (await client.post("/checkout")).status_code == 201
