"""The example backends, each as two worker processes over one storage: every step on the other one."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.fernet import Fernet

from examples.aiohttp_backend.__main__ import main as run_aiohttp
from examples.aiohttp_backend.app import create_app as create_aiohttp_app
from examples.fastapi_backend.__main__ import main as run_fastapi
from examples.fastapi_backend.app import create_app as create_fastapi_app
from examples.shop import Settings
from gett_checkout import InvalidInputError
from gett_checkout.storage import open_storage
from gett_checkout.testing import signed_event
from tests.acceptance.shops import (
    CARD_TOKEN,
    EMAIL,
    FRAMEWORKS,
    HOME,
    WEBHOOK_SECRET,
    Rehearsal,
    Shopper,
    Shops,
    card,
    secrets_in,
    until,
)
from tests.acceptance.test_docs import OF_EXAMPLES
from tests.servers import RedisServer

README = Path(__file__).parents[2] / "examples" / "README.md"


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    shops = Shops(tmp_path_factory.mktemp("shops"))
    try:
        shops.start()
        yield shops
    finally:
        shops.end()


@pytest.fixture
async def rehearsal(shops: Shops) -> AsyncIterator[Rehearsal]:
    async with aiohttp.ClientSession() as http:
        rehearsal = Rehearsal(http, shops.sandbox.url)
        await rehearsal.turn("POST", "/reset")
        yield rehearsal


@pytest.fixture(params=FRAMEWORKS)
async def shopper(
    shops: Shops, rehearsal: Rehearsal, request: pytest.FixtureRequest
) -> AsyncIterator[Shopper]:
    first, second = shops.pairs[request.param]
    async with Shopper.at(first.url, second.url) as shopper:
        yield shopper


async def walk(shopper: Shopper, rehearsal: Rehearsal) -> None:
    """From the first page to the order, with a sign-in only to pay; every step on the other worker."""
    stores = await shopper.does("GET", "/stores")
    store_id = stores["stores"][0]["store_id"]
    await shopper.is_refused("CHECKOUT_NOT_FOUND", "GET", "/checkout")
    view = await shopper.does("POST", "/checkout")
    assert view["next_action"]["kind"] == "choose_store"
    await shopper.is_refused("STEP_NOT_ALLOWED", "GET", "/checkout/menu")
    await shopper.does("PUT", "/checkout/store", store_id=store_id)
    menus = [await shopper.does("GET", "/checkout/menu") for _ in shopper.ways]
    menu = menus[0]
    assert menu == menus[1]  # though one of the two has not browsed
    sections = {each["name"]: each["item_ids"] for each in menu["sections"]}
    pizza = menu["items"][sections["Pizza"][0]]
    size = menu["modifier_groups"][pizza["modifier_group_ids"][0]]
    assert (pizza["name"], pizza["price"], size["min_selections"]) == ("Margherita", "10.50", 1)
    assert menu["items"][size["item_ids"][0]]["name"] == "Regular, 10 inch"
    choice = {pizza["modifier_group_ids"][0]: [{"item_id": size["item_ids"][0]}]}
    await shopper.does("POST", "/checkout/lines", item_id=sections["Pizza"][0], modifiers=choice)
    refused = await shopper.is_refused("ORDER_BELOW_MINIMUM", "POST", "/checkout/order", total="1")
    assert refused.body["next_action"]["minimum_order"]["gap"] == "4.50"
    assert refused.body["detail"] == "Add $4.50 more to reach the $15.00 minimum"
    ways = (await shopper.does("GET", "/checkout/top-ups"))["suggest_items"]
    assert (ways[0]["quantity"], ways[0]["total"]) == (1, "4.50")
    item_id = ways[0]["item"]["item_id"]
    view = await shopper.does("POST", "/checkout/lines", item_id=item_id, quantity=2)
    line = f"/checkout/lines/{view['lines'][-1]['line_id']}"
    view = await shopper.does("PATCH", line, quantity=1, special_instructions="cut")
    assert view["minimum_order"]["met"]
    view = await shopper.does("POST", "/checkout/lines", item_id="item_tiramisu")
    view = await shopper.does("DELETE", f"/checkout/lines/{view['lines'][-1]['line_id']}")
    assert [each["name"] for each in view["lines"]] == ["Margherita", "Garlic bread"]
    await shopper.does("PUT", "/checkout/fulfillment", type="pickup")
    view = await shopper.does("PUT", "/checkout/fulfillment", type="delivery", address=HOME)
    assert view["session"]["level"] == "partner-only"
    view = await shopper.does("POST", "/checkout/quote", tip="3.00")
    total = view["quote"]["amounts"]["total"]
    await shopper.is_refused("IDENTITY_REQUIRED", "PUT", "/checkout/payment", **card())
    await shopper.signs_in()
    view = await shopper.pays()
    assert view["session"]["level"] == "end-user"
    assert [each["code"] for each in view["notices"]] == ["session_upgraded"]
    assert await shopper.does("GET", "/checkout/cards") == {"cards": []}
    view = await shopper.does("POST", "/checkout/order", total=total)
    again = await shopper.does("POST", "/checkout/order", total=total)
    shown = await shopper.does("GET", "/checkout")
    assert await shopper.does("GET", "/checkout/menu") == menu
    assert view["stage"] == again["stage"] == shown["stage"] == "placed"
    (order,) = await rehearsal.orders()
    assert view["order"]["order_id"] == again["order"]["order_id"] == order["order_id"]
    assert await rehearsal.levels() == ["partner_only", "end_user"]
    await shopper.is_refused("STEP_NOT_ALLOWED", "DELETE", "/checkout")


async def test_a_checkout_goes_from_worker_to_worker_and_shows_no_secret(
    shopper: Shopper, rehearsal: Rehearsal, shops: Shops
) -> None:
    await walk(shopper, rehearsal)
    assert len(shopper.said) > 20
    assert secrets_in("".join(shopper.said), shopper.cookie()) == []
    assert secrets_in(shops.logs(), shopper.cookie()) == []


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_two_workers_behind_one_port(
    shops: Shops, rehearsal: Rehearsal, framework: str
) -> None:
    async with Shopper.of_both_workers(shops.served[framework].url) as shopper:
        await walk(shopper, rehearsal)


async def test_over_an_encrypted_redis(
    shops: Shops, rehearsal: Rehearsal, redis_server: RedisServer
) -> None:
    key = Fernet.generate_key().decode()
    workers = shops.pair("aiohttp", redis_server.url, GETT_STORAGE_KEYS=key)
    try:
        for worker in workers:
            worker.wait()
        async with Shopper.at(*(worker.url for worker in workers)) as shopper:
            await walk(shopper, rehearsal)
            async with open_storage(redis_server.url) as storage:
                kept = await storage.load(shopper.cookie())
            assert kept is not None
            assert EMAIL.encode() not in kept.data
    finally:
        for worker in workers:
            worker.end()


async def test_a_declined_card_then_another(shopper: Shopper, rehearsal: Rehearsal) -> None:
    total = await shopper.until_payable("card_declined")
    refused = await shopper.is_refused("PAYMENT_DECLINED", "POST", "/checkout/order", total=total)
    assert refused.status == 400
    assert refused.body["next_action"] == {
        "kind": "choose_payment",
        "reason": "PAYMENT_DECLINED",
    }
    await shopper.pays()
    view = await shopper.does("POST", "/checkout/order", total=total)
    (order,) = await rehearsal.orders()
    assert view["order"]["order_id"] == order["order_id"]


async def test_a_changed_total_is_agreed_to_first(shopper: Shopper, rehearsal: Rehearsal) -> None:
    before = (await shopper.until_priced())["quote"]["amounts"]["total"]
    await shopper.signs_in()
    await rehearsal.turn("PATCH", "/switches", price_change=0.5)
    view = await shopper.pays()  # the new session asks for the price again
    after = view["quote"]["amounts"]["total"]
    assert after != before
    refused = await shopper.is_refused("TOTAL_CHANGED", "POST", "/checkout/order", total=before)
    said = (refused.status, refused.body["before"], refused.body["after"])
    assert said == (409, before, after)
    assert await rehearsal.orders() == []
    await shopper.is_refused("TOTAL_CHANGED", "PUT", "/checkout/confirmed-total", total=before)
    # The button shows the new total: to press it is to agree.
    await shopper.does("POST", "/checkout/order", total=after)
    (order,) = await rehearsal.orders()
    assert order["total"] == float(after)


async def test_what_was_rejected_stands_in_the_view_of_the_other_worker(
    shopper: Shopper, rehearsal: Rehearsal
) -> None:
    total = await shopper.until_payable()
    await rehearsal.fail("error", code="VALIDATION_FAILED", names=["cart.lineItems[0].quantity"])
    refused = await shopper.is_refused("VALIDATION_FAILED", "POST", "/checkout/order", total=total)
    view = await shopper.does("GET", "/checkout")
    action = refused.body["next_action"]
    assert (action["kind"], action["reason"]) == ("fix_lines", "VALIDATION_FAILED")
    assert action == view["next_action"]
    assert refused.body["requirements"] == view["requirements"]
    (line_id,) = action["lines"]
    (problem,) = view["lines"][0]["problems"]
    assert (line_id, problem["said"]) == (view["lines"][0]["line_id"], "A planned fault.")
    await shopper.does("PATCH", f"/checkout/lines/{line_id}", quantity=2)
    view = await shopper.does("POST", "/checkout/quote")
    assert view["next_action"]["kind"] == "place"
    await shopper.does("POST", "/checkout/order", total=view["next_action"]["total"])
    assert len(await rehearsal.orders()) == 1


async def test_a_double_click_on_two_workers_is_one_order(
    shopper: Shopper, rehearsal: Rehearsal
) -> None:
    total = await shopper.until_payable()
    await rehearsal.fail("delay", seconds=0.5)
    clicks = await asyncio.gather(
        *(shopper.call("POST", "/checkout/order", total=total) for _ in range(4))
    )
    (order,) = await rehearsal.orders()
    placed = [click for click in clicks if click.status == 200]
    assert placed
    for click in placed:
        assert click.body["order"]["order_id"] == order["order_id"]
    for click in clicks:
        if click not in placed:
            assert click.code == "PLACEMENT_IN_PROGRESS"
            assert int(click.headers["Retry-After"]) >= 1
    again = await shopper.does("POST", "/checkout/order", total=total)
    assert again["order"]["order_id"] == order["order_id"]
    assert await rehearsal.count("place_order") == 1


async def test_a_lost_answer_is_said_and_placing_again_finds_the_order(
    shopper: Shopper, rehearsal: Rehearsal, shops: Shops
) -> None:
    total = await shopper.until_payable()
    await rehearsal.fail("drop_after")
    refused = await shopper.is_refused("OUTCOME_UNKNOWN", "POST", "/checkout/order", total=total)
    assert refused.status == 503
    assert refused.body["next_action"] == {"kind": "reconcile"}
    assert "OutcomeUnknownError" in shops.logs()
    assert secrets_in(shops.logs(), shopper.cookie()) == []
    view = await shopper.does("GET", "/checkout")
    assert (view["stage"], view["order"]) == ("placing", None)
    await shopper.call("GET", "/checkout")  # so that the order goes to the other worker
    view = await shopper.does("POST", "/checkout/order", total=total)
    (order,) = await rehearsal.orders()
    assert view["order"]["order_id"] == order["order_id"]
    assert await rehearsal.count("place_order") == 2


async def test_a_killed_workers_order_is_reconciled_by_the_other(
    shops: Shops, rehearsal: Rehearsal
) -> None:
    """Both backends at a time: they wait for the same lease to end."""

    async def both_have_arrived() -> bool:
        return await rehearsal.count("place_order") == len(FRAMEWORKS)

    async def place_and_die(shopper: Shopper, total: str) -> None:
        victim, survivor = shopper.ways
        placing = asyncio.create_task(
            shopper.call_at(victim, "POST", "/checkout/order", total=total)
        )
        await until(both_have_arrived)
        os.kill(int(victim.worker or ""), signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await placing

        async def is_reconciled() -> bool:
            shown = await shopper.call_at(survivor, "GET", "/checkout")
            assert shown.body["stage"] in ("placing", "placed")
            return bool(shown.body["stage"] == "placed")

        await until(is_reconciled)  # in the background: nobody asks for anything

    await rehearsal.fail("delay", seconds=2.0, times=len(FRAMEWORKS))
    async with (
        Shopper.of_both_workers(shops.served["fastapi"].url) as one,
        Shopper.of_both_workers(shops.served["aiohttp"].url) as other,
    ):
        totals = await asyncio.gather(one.until_payable(), other.until_payable())
        await asyncio.gather(*map(place_and_die, (one, other), totals))
    assert len(await rehearsal.orders()) == len(FRAMEWORKS)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/checkout/store", {}),
        ("PUT", "/checkout/store", {"store_id": 7}),
        ("POST", "/checkout/lines", {"item_id": "item_garlic_bread", "quantity": 0}),
        ("POST", "/checkout/lines", {"item_id": "item_garlic_bread", "quantity": "many"}),
        ("POST", "/checkout/lines", {"item_id": "item_garlic_bread", "quantitty": 2}),
        ("POST", "/checkout/lines", {"item_id": "item_margherita", "modifiers": ["group"]}),
        ("PUT", "/checkout/store", {"store_id": ""}),
        ("PUT", "/checkout/fulfillment", {"type": "drone"}),
        ("PUT", "/checkout/fulfillment", {"type": "delivery", "address": {"city": "New York"}}),
        ("PUT", "/checkout/fulfillment", {"type": "delivery", "address": {**HOME, "city": " "}}),
        ("PUT", "/checkout/fulfillment", {"type": "delivery"}),
        ("PUT", "/checkout/fulfillment", {"type": "pickup", "address": HOME}),
        ("PUT", "/checkout/identity", {"email": "x", "first_name": "J", "last_name": "D"}),
        ("PUT", "/checkout/payment", {**card(), "processor_type": 7}),
        ("PUT", "/checkout/payment", {**card(), "last_four": "4242424242424242"}),
        ("PUT", "/checkout/payment", {"kind": "saved_card"}),
        ("PUT", "/checkout/payment", {"kind": "cash", "card_token": CARD_TOKEN}),
        ("POST", "/checkout/order", {"total": "much"}),
    ],
)
async def test_a_body_that_cannot_be_right_is_refused_without_repeating_it(
    shopper: Shopper, method: str, path: str, body: dict[str, Any]
) -> None:
    await shopper.until_priced()
    refused = await shopper.is_refused("INVALID_INPUT", method, path, **body)
    assert refused.status == 422
    assert CARD_TOKEN not in shopper.said[-1]
    assert "many" not in shopper.said[-1]


async def test_a_line_that_is_gone_is_not_found(shopper: Shopper) -> None:
    await shopper.until_priced()
    for method, body in [("PATCH", {"quantity": 2}), ("DELETE", {})]:
        refused = await shopper.is_refused("LINE_NOT_FOUND", method, "/checkout/lines/none", **body)
        assert refused.status == 404


async def test_the_card_is_named_after_a_reload(shopper: Shopper) -> None:
    await shopper.until_priced()
    await shopper.signs_in()
    await shopper.does("PUT", "/checkout/payment", **card(), card_type="visa", last_four="4242")
    assert (await shopper.does("GET", "/checkout"))["payment"] == {
        "kind": "card_on_file",
        "processor_type": "stripe",
        "card_type": "visa",
        "last_four": "4242",
        "payment_id": None,
    }


@pytest.mark.parametrize("body", [b"{", b"", b"[1]", b'"text"', b"[" * 100_000, b"\xff"])
async def test_a_body_that_is_no_json_object_is_refused(shopper: Shopper, body: bytes) -> None:
    await shopper.does("POST", "/checkout")
    way, json = shopper.ways[0], {"Content-Type": "application/json"}
    async with way.http.put(f"{way.url}/checkout/store", data=body, headers=json) as answer:
        assert answer.status in (400, 422)
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PATCH", "/checkout")])
async def test_what_the_framework_refuses_is_a_problem_document_too(
    shopper: Shopper, method: str, path: str
) -> None:
    status = {"GET": 404, "PATCH": 405}[method]
    refused = await shopper.is_refused(f"HTTP_{status}", method, path)
    assert ("Allow" in refused.headers) is (status == 405)


async def test_order_events_are_taken_once_and_forged_ones_refused(
    shopper: Shopper, rehearsal: Rehearsal, shops: Shops
) -> None:
    url = f"{shopper.ways[1].url}/webhooks/gett"
    await rehearsal.turn("PATCH", "/switches", webhook_url=url, webhook_secret=WEBHOOK_SECRET)
    total = await shopper.until_payable()
    await shopper.does("POST", "/checkout/order", total=total)

    async def delivered() -> Any:
        deliveries = (await rehearsal.ask("/deliveries"))["deliveries"]
        return deliveries[0] if deliveries and deliveries[0]["attempts"] else None

    delivery = await until(delivered)
    assert [each["status"] for each in delivery["attempts"]] == [200]
    body, headers = signed_event(secret="whsec_of_somebody_else")
    async with rehearsal.http.post(url, data=body, headers=headers) as answer:
        assert answer.status == 401
        assert (await answer.json(content_type=None))["code"] == "WEBHOOK_REFUSED"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(shopper: Shopper) -> None:
    started = await shopper.call("POST", "/checkout")
    cookie = started.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "domain" not in cookie
    assert "max-age=604800;" in f"{cookie};"


def test_both_backends_have_the_same_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GETT_API_KEY", "zpka_test")
    monkeypatch.setenv("GETT_WEBHOOK_SECRET", WEBHOOK_SECRET)
    document = create_fastapi_app().openapi()["paths"]
    fastapi = {(verb.upper(), path) for path, verbs in document.items() for verb in verbs}
    aiohttp_routes = {
        (route.method, route.resource.canonical)
        for route in create_aiohttp_app().router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert fastapi == aiohttp_routes
    assert len(fastapi) > 15


def test_the_cookie_is_secure_unless_told_otherwise() -> None:
    settings = Settings.from_environment({"GETT_API_KEY": "zpka_test"})
    assert settings.secure_cookie
    assert "zpka_test" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "words"),
    [({}, "GETT_API_KEY"), ({"GETT_API_KEY": "k", "GETT_TIMEOUT": "soon"}, "GETT_TIMEOUT")],
)
def test_settings_say_what_is_missing(environment: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        Settings.from_environment(environment)


@pytest.mark.parametrize("main", [run_fastapi, run_aiohttp])
def test_without_an_api_key_nothing_starts(
    main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GETT_API_KEY", raising=False)
    monkeypatch.setattr("sys.argv", ["python"])
    with pytest.raises(SystemExit):
        main()
    assert "set GETT_API_KEY" in capsys.readouterr().err


def test_the_readmes_lines_place_an_order(shops: Shops, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    (lines,) = re.findall(
        r"^<!-- curl -->\n```sh\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE
    )
    lines = lines.replace("http://127.0.0.1:8000", shops.served["fastapi"].url)
    ran = subprocess.run(
        ["bash", "-euc", lines], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"stage":"placed"' in ran.stdout.splitlines()[-1]


@pytest.mark.parametrize("page", OF_EXAMPLES, ids=lambda page: page.stem)
def test_what_the_docs_show_of_the_examples_is_in_them(page: Path) -> None:
    sources = "".join(path.read_text() for path in README.parent.rglob("*.py"))
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    for block in blocks:
        assert block in sources
