"""The README's backends and the examples, each as two worker processes: every step on the other one."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.fernet import Fernet

from examples.shop import Settings
from gett_checkout import InvalidInputError
from gett_checkout.storage import open_storage
from gett_checkout.storage.postgres import open_postgres
from gett_checkout.testing import signed_event
from tests.acceptance.shops import (
    EMAIL,
    FRAMEWORKS,
    HOME,
    WEBHOOK_SECRET,
    Rehearsal,
    Shopper,
    Shops,
    card,
    secrets_in,
    served,
    until,
)
from tests.acceptance.test_docs import OF_EXAMPLES, ROOT, blocks
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

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
    stores = await shopper.does("GET", "/checkout/stores")
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
    ways = (await shopper.does("GET", "/checkout/suggestions"))["suggestions"]
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
    await shopper.is_refused(
        "IDENTITY_REQUIRED", "GET", "/checkout/cards"
    )  # only for a login of the host
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
        victim, _ = shopper.ways
        placing = asyncio.create_task(
            shopper.call_at(victim, "POST", "/checkout/order", total=total)
        )
        await until(both_have_arrived)
        os.kill(int(victim.worker or ""), signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await placing

    async def is_reconciled(shopper: Shopper) -> bool:
        _, survivor = shopper.ways
        shown = await shopper.call_at(survivor, "GET", "/checkout")
        assert shown.body["stage"] in ("placing", "placed")
        return bool(shown.body["stage"] == "placed")

    await rehearsal.fail("delay", seconds=60, times=len(FRAMEWORKS))
    async with (
        Shopper.of_both_workers(shops.served["fastapi"].url) as one,
        Shopper.of_both_workers(shops.served["aiohttp"].url) as other,
    ):
        totals = await asyncio.gather(one.until_payable(), other.until_payable())
        await asyncio.gather(*map(place_and_die, (one, other), totals))
        await rehearsal.turn("POST", "/requests/release")
        for each in (one, other):  # in the background: nobody asks for anything
            await until(partial(is_reconciled, each))
    assert len(await rehearsal.orders()) == len(FRAMEWORKS)


async def test_order_events_are_taken_once_and_forged_ones_refused(
    shopper: Shopper, rehearsal: Rehearsal, shops: Shops
) -> None:
    url = f"{shopper.ways[1].url}/checkout/webhook"
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


def test_the_lines_of_curl_place_an_order(shops: Shops, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    (lines,) = re.findall(
        r"^<!-- curl -->\n```sh\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE
    )
    lines = lines.replace("http://127.0.0.1:8000", shops.served["fastapi"].url)
    ran = subprocess.run(
        ["bash", "-euc", lines], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"stage": "placed"' in ran.stdout.splitlines()[-1]


def test_what_the_docs_show_of_the_examples_is_in_them() -> None:
    sources = "".join(path.read_text() for path in README.parent.rglob("*.py"))
    shown = [block.code for page in OF_EXAMPLES for block in blocks(page, "python")]
    assert len(shown) >= 4
    for code in shown:
        assert code in sources


# --- the README's lines ---------------------------------------------------------------------------

MOUNTED = {
    "fastapi": (ROOT / "README.md", "app"),
    "aiohttp": (ROOT / "docs" / "mount.md", "aiohttp_app"),
}
"""For each framework, the page that mounts the endpoints on it, and its application there."""


@pytest.fixture(params=["redis", "postgres"])
async def storage_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_server").url
    if request.param == "postgres":
        async with open_postgres(url) as storage:
            await storage.create_schema()
    return url


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_readmes_backend_with_two_workers(
    shops: Shops, rehearsal: Rehearsal, framework: str, storage_url: str, tmp_path: Path
) -> None:
    page, app = MOUNTED[framework]
    readme = [block.code for block in blocks(ROOT / "README.md", "python")]
    shown = [block.code for block in blocks(page, "python")]
    (shared,) = (code for code in readme if "def open_checkouts" in code)
    (mounted,) = (code for code in shown if f"gett_checkout.web.{framework}" in code)
    (tmp_path / "backend.py").write_text(shared + mounted)
    environment = shops.environment(storage_url, reconcile_every="60")
    workers = served(tmp_path, framework, f"backend:{app}", 2, **environment)
    try:
        workers.wait()
        async with Shopper.of_both_workers(workers.url) as shopper:
            await shopper.until_priced()
            view = await shopper.pays()
            total = view["next_action"]["total"]
            await rehearsal.fail("drop_after")
            placed = await shopper.does("POST", "/checkout/order", total=total)
            again = await shopper.does("POST", "/checkout/order", total=total)
    finally:
        workers.end()
    (order,) = await rehearsal.orders()
    assert placed["order"]["order_id"] == again["order"]["order_id"] == order["order_id"]
    assert secrets_in(workers.log.read_text(), shopper.cookie()) == []
