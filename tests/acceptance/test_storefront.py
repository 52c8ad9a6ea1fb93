"""The storefront's backend over HTTP, as its page uses it, and as somebody else's page must not."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gett_checkout import Checkout, TransportError
from gett_checkout._cli import main
from gett_checkout._storefront import open_storefront
from gett_checkout._storefront.steps import STEPS
from gett_checkout.sandbox import Sandbox
from tests.clock import Clock

SIZE = {"group_pizza_size": ["item_size_regular"]}
HOME = {
    "type": "delivery",
    "address": {
        "address1": "350 5th Ave",
        "city": "New York",
        "state": "NY",
        "postal_code": "10118",
    },
}
JANE = {"email": "jane.doe@example.com", "first_name": "Jane", "last_name": "Doe"}


class Browser:
    """What a page does: JSON there and back, with the cookie the browser keeps."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http
        self.workers: list[str] = []

    async def get(self, path: str) -> dict[str, Any]:
        async with self.http.get(self.url + path) as answer:
            assert answer.status == 200
            data: dict[str, Any] = await answer.json()
            return data

    async def post(self, path: str, body: object, status: int = 200) -> dict[str, Any]:
        async with self.http.post(self.url + path, json=body) as answer:
            assert answer.status == status, await answer.text()
            assert (answer.content_type == "application/json") is (status == 200)
            self.workers.append(answer.headers["X-Worker"])
            data: dict[str, Any] = await answer.json(content_type=None)
            return data

    async def step(self, name: str, body: Mapping[str, Any], status: int = 200) -> dict[str, Any]:
        answer = await self.post(f"/api/steps/{name}", body, status)
        view: dict[str, Any] = answer["view"] if status == 200 else answer
        return view

    async def until_priced(self) -> dict[str, Any]:
        await self.step("browse", {"store_id": "store_bella_napoli"})
        await self.step("add", {"item_id": "item_margherita", "modifiers": SIZE})
        await self.step("add", {"item_id": "item_garlic_bread"})
        await self.step("fulfill", HOME)
        return await self.step("validate", {"tip": "3.00"})

    async def until_payable(self, card: str = "good") -> dict[str, Any]:
        await self.until_priced()
        await self.step("identify", JANE)
        return await self.step("pay", {"card": card})


@asynccontextmanager
async def browser_at(url: str) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(url, http)


@pytest.fixture
async def url(sandbox: Sandbox) -> AsyncIterator[str]:
    async with open_storefront(sandbox.url, sandbox.api_key) as url:
        yield url


@pytest.fixture
def clock() -> Clock | None:
    return None  # what is real time for the storefront is so for its sandbox


@pytest.fixture
async def browser(url: str) -> AsyncIterator[Browser]:
    async with browser_at(url) as browser:
        yield browser


async def test_a_checkout_belongs_to_the_browser_that_began_it(url: str, browser: Browser) -> None:
    assert (await browser.get("/api/checkout"))["view"] is None
    async with browser.http.post(
        f"{url}/api/steps/browse", json={"store_id": "store_bella_napoli"}
    ) as answer:
        [cookie] = answer.headers.getall("Set-Cookie")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        checkout_id = answer.cookies["gett_checkout"].value
        assert checkout_id not in await answer.text()
    async with browser_at(url) as other:
        assert (await other.get("/api/checkout"))["view"] is None
        problem = await other.step("add", {"item_id": "item_garlic_bread"}, 404)
        assert problem["code"] == "CHECKOUT_NOT_FOUND"
        assert problem["next_action"]["kind"] == "start_over"
    refused = await browser.step("place", {"total": "1.00"}, 409)
    assert checkout_id not in json.dumps(refused)


async def test_a_reload_shows_the_same_and_asks_gett_for_nothing(
    sandbox: Sandbox, browser: Browser
) -> None:
    before = await browser.until_priced()
    asked = len(sandbox.requests)
    assert (await browser.get("/api/shop"))["stages"][0] == "browse"
    assert (await browser.get("/api/checkout"))["view"] == before
    assert (await browser.get("/api/menu"))["sections"][0]["name"] == "Pizza"
    assert len(sandbox.requests) == asked


async def test_a_double_click_is_one_order(sandbox: Sandbox, browser: Browser) -> None:
    ready = await browser.until_payable()
    total = {"total": ready["next_action"]["total"]}
    views = await asyncio.gather(*(browser.step("place", total) for _ in range(2)))
    assert len(sandbox.orders) == sandbox.count("place_order") == 1
    assert [view["order"]["order_id"] for view in views] == [sandbox.orders[0].order_id] * 2


async def test_the_button_places_the_total_it_shows_and_no_other(
    sandbox: Sandbox, browser: Browser
) -> None:
    await browser.until_payable()
    problem = await browser.step("place", {"total": "1.00"}, 409)
    assert problem["code"] == "TOTAL_CHANGED"
    assert (problem["before"], problem["after"]) == ("1.00", "24.07")
    assert sandbox.count("place_order") == 0


async def test_errors_say_what_to_do_next(sandbox: Sandbox, browser: Browser) -> None:
    await browser.step("browse", {"store_id": "store_bella_napoli"})
    answer = await browser.post("/api/steps/add", {"item_id": "item_margherita", "modifiers": SIZE})
    assert answer["view"]["subtotal"] == "10.50"
    way = answer["suggest_items"][0]
    assert (way["item"]["name"], way["quantity"], way["total"]) == ("Garlic bread", 1, "4.50")
    gap = await browser.step("place", {"total": "10.50"}, 400)
    assert gap["code"] == "ORDER_BELOW_MINIMUM"
    assert gap["next_action"]["minimum_order"]["gap"] == "4.50"
    await browser.until_payable("declined")
    total = {"total": (await browser.get("/api/checkout"))["view"]["next_action"]["total"]}
    declined = await browser.step("place", total, 400)
    assert declined["next_action"] == {"kind": "choose_payment", "reason": "PAYMENT_DECLINED"}
    await browser.step("pay", {"card": "good"})
    await browser.post("/api/mishaps/lost_answer", {"on": True})
    unknown = await browser.step("place", total, 503)
    assert unknown["code"] == "OUTCOME_UNKNOWN"
    problem = await browser.post("/api/start-over", {}, 409)  # not while an order is on its way
    assert problem["code"] == "STEP_NOT_ALLOWED"
    reconciled = await browser.step("reconcile", {})
    assert reconciled["order"]["order_id"] == sandbox.orders[0].order_id
    assert (await browser.post("/api/start-over", {}))["view"] is None


async def test_a_reload_shows_what_gett_said_and_of_which_line(
    sandbox: Sandbox, browser: Browser
) -> None:
    priced = await browser.until_priced()
    second = priced["lines"][1]["line_id"]
    names = ("$.cart.lineItems[1].quantity",)
    sandbox.switches.fail("validate_order", "error", code="VALIDATION_FAILED", names=names)
    problem = await browser.step("validate", {"tip": "3.00"}, 422)
    view = (await browser.get("/api/checkout"))["view"]
    expected = {"kind": "fix_lines", "lines": [second], "reason": "VALIDATION_FAILED"}
    assert problem["next_action"] == view["next_action"] == expected
    assert [len(line["problems"]) for line in view["lines"]] == [0, 1]
    assert view["lines"][1]["problems"][0]["said"] == "A planned fault."
    view = await browser.step("remove", {"line_id": second})
    assert view["next_action"]["kind"] == "add_items"  # below the minimum now


async def test_a_reload_shows_why_a_person_is_needed(sandbox: Sandbox, browser: Browser) -> None:
    ready = await browser.until_payable()
    sandbox.switches.fail("place_order", "error", code="FORBIDDEN")
    total = {"total": ready["next_action"]["total"]}
    problem = await browser.step("place", total, 502)
    view = (await browser.get("/api/checkout"))["view"]
    assert problem["next_action"] == view["next_action"]
    assert view["next_action"] == {"kind": "contact_support", "reason": "PERMISSION"}
    [person] = view["requirements"]
    assert (person["code"], person["blocks"]) == ("person", False)
    assert person["details"] == {"error_code": "FORBIDDEN", "message": "A planned fault."}
    view = await browser.step("place", total)  # somebody has fixed it at Gett
    assert view["next_action"]["kind"] == "done"
    assert len(sandbox.orders) == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("steps/browse", {}, "INVALID_INPUT"),
        ("steps/browse", {"store_id": 7}, "INVALID_INPUT"),
        ("steps/browse", ["store_bella_napoli"], "INVALID_INPUT"),
        ("steps/add", {"item_id": "item_margherita", "quantity": "2"}, "INVALID_INPUT"),
        ("steps/add", {"item_id": "item_margherita", "modifiers": [1]}, "INVALID_INPUT"),
        ("steps/update", {"line_id": None}, "INVALID_INPUT"),
        ("steps/fulfill", {"type": "drone"}, "INVALID_INPUT"),
        ("steps/fulfill", {"type": "delivery"}, "INVALID_INPUT"),
        ("steps/validate", {"tip": 3.5}, "INVALID_INPUT"),
        ("steps/identify", {**JANE, "email": "nobody"}, "INVALID_INPUT"),
        ("steps/pay", {"card": "card_ok"}, "INVALID_INPUT"),
        ("mishaps/earthquake", {"on": True}, "INVALID_INPUT"),
    ],
)
async def test_what_cannot_be_right_is_refused(
    sandbox: Sandbox, browser: Browser, path: str, body: object, code: str
) -> None:
    await browser.until_priced()
    asked = len(sandbox.requests)
    assert (await browser.post(f"/api/{path}", body, 422))["code"] == code
    assert len(sandbox.requests) == asked


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "rebound.example"}, 421),
    ],
)
async def test_another_site_cannot_press_its_buttons(
    sandbox: Sandbox, browser: Browser, headers: Mapping[str, str], status: int
) -> None:
    ready = await browser.until_payable()
    body = json.dumps({"total": ready["next_action"]["total"]})
    headers = {"Content-Type": "application/json", **headers}
    async with browser.http.post(
        f"{browser.url}/api/steps/place", data=body, headers=headers
    ) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
    assert sandbox.orders == []


@pytest.mark.parametrize(
    ("body", "charset"), [(b"{}", "unheard-of"), (b"[" * 30_000, "utf-8"), (b"\xff", "utf-8")]
)
async def test_a_body_that_nobody_can_read_is_the_callers_fault(
    browser: Browser, body: bytes, charset: str
) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    url = f"{browser.url}/api/steps/browse"
    async with browser.http.post(url, data=body, headers=headers) as answer:
        assert answer.status == 422


async def test_every_answer_is_hardened(browser: Browser) -> None:
    for path in ("/", "/style.css", "/storefront.js", "/icon.svg", "/api/stores", "/nothing"):
        async with browser.http.get(browser.url + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.status == (404 if path == "/nothing" else 200)
            text = await answer.text()
            assert "zpka_" not in text
            # Nothing of the page comes from elsewhere; the name of a format is no address.
            assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
            if path == "/":
                assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", text)


async def test_the_list_of_requests_shows_routes_and_no_secrets(
    sandbox: Sandbox, browser: Browser
) -> None:
    await browser.until_payable()
    listed = (await browser.get("/api/gett"))["requests"]
    assert [row["operation"] for row in listed] == [seen.operation for seen in sandbox.requests]
    [menu] = [row for row in listed if row["operation"] == "get_catalog_set"]
    assert (menu["method"], menu["route"]) == ("GET", "/catalog-sets/{catalog_set_id}")
    assert (menu["status"], menu["level"]) == (200, "api-key")
    assert listed[-1]["level"] == "end-user"
    shown = json.dumps(listed)
    for session in sandbox.sessions:
        assert session.token not in shown
    assert "jane" not in shown


async def test_mishaps_are_turned_one_by_one(sandbox: Sandbox, browser: Browser) -> None:
    await browser.step("browse", {"store_id": "store_bella_napoli"})
    names = ["price_change", "lost_answer", "slow_answer", "store_closed"]
    on: set[str] = set()
    for name in [*names, *names]:
        on ^= {name}
        mishaps = (await browser.post(f"/api/mishaps/{name}", {"on": name in on}))["mishaps"]
        assert {each for each, is_on in mishaps.items() if is_on} == on
        assert sandbox.switches.closed_stores == (
            {"store_bella_napoli"} if "store_closed" in on else set()
        )
    assert sandbox.switches.faults == []


async def test_a_sandbox_that_is_gone_is_said(sandbox: Sandbox, browser: Browser) -> None:
    await browser.until_priced()
    await sandbox.stop()
    problem = await browser.step("validate", {}, 503)
    assert problem["code"] == "GETT_UNREACHABLE"
    assert (await browser.get("/api/checkout"))["view"]["lines"]
    async with browser.http.get(f"{browser.url}/api/gett") as answer:
        assert answer.status == 503


async def test_every_step_at_another_worker_process() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.storefront", "--workers=2", "--port=0"),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        told = (await process.stdout.readuntil(b"/_sandbox\n")).decode()
        url, _ = re.findall(r"http://[\d.:]+", told)
        async with browser_at(url) as browser:
            ready = await browser.until_payable()
            total = {"total": ready["next_action"]["total"]}
            assert len(set(browser.workers[::2])) == len(set(browser.workers[1::2])) == 1
            assert {*browser.workers} == {"1", "2"}

            async def press() -> int:
                async with browser.http.post(f"{url}/api/steps/place", json=total) as answer:
                    return answer.status

            # Both workers at once: one places, the other gives the same order or asks to wait.
            statuses = await asyncio.gather(press(), press())
            assert set(statuses) <= {200, 409}
            assert 200 in statuses
            assert (await browser.get("/api/checkout"))["view"]["stage"] == "placed"
            gett = await browser.get("/api/gett")
            assert gett["orders"] == 1
            assert sum(row["operation"] == "place_order" for row in gett["requests"]) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_the_demo_serves_the_page_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gett_checkout", "demo", "--web", "--port=0", "--no-browser"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = (await process.stdout.readline()).decode()
    async with browser_at(first.split()[-1]) as browser:
        async with browser.http.get(browser.url) as answer:
            assert "Where from today?" in await answer.text()
        assert (await browser.get("/api/stores"))["stores"][0]["name"] == "Bella Napoli"
    process.send_signal(signal.SIGTERM)
    told, _ = await process.communicate()
    assert process.returncode == 0
    assert b"/_sandbox" in told
    assert b"zpka_" not in told


def test_options_of_the_page_need_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--port", "9000"])
    assert "--web" in capsys.readouterr().err


async def test_an_item_is_taken_out_again(browser: Browser) -> None:
    await browser.until_priced()
    *_, bread = (await browser.step("validate", {}))["lines"]
    view = await browser.step("remove", {"line_id": bread["line_id"]})
    assert [line["name"] for line in view["lines"]] == ["Margherita"]


async def test_a_bug_of_its_own_is_a_problem_that_tells_nothing(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("gett_checkout._storefront.backend.STEPS", {**STEPS, "browse": broken})
    problem = await browser.step("browse", {"store_id": "store_bella_napoli"}, 500)
    assert problem["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in json.dumps(problem)
    assert "ZeroDivisionError" in caplog.text


async def test_what_is_not_there_or_no_json_is_a_problem(url: str, browser: Browser) -> None:
    assert (await browser.step("dance", {}, 404))["detail"] == "There is no such step."
    kind = {"Content-Type": "application/json"}
    async with browser.http.post(f"{url}/api/steps/browse", data=b"{", headers=kind) as answer:
        assert answer.status == 422
        assert (await answer.json(content_type=None))["detail"] == "Please check what you entered."
    for host in ("[broken", "a:b", "elsewhere.example"):
        async with browser.http.get(url, headers={"Host": host}) as answer:
            assert answer.status == 421, host


async def test_top_ups_that_cannot_be_had_are_left_out(
    sandbox: Sandbox, url: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.step("browse", {"store_id": "store_bella_napoli"})
    added = {"item_id": "item_margherita", "modifiers": SIZE}
    assert (await browser.post("/api/steps/add", added))["suggest_items"]

    async def no_top_ups(*_: object) -> None:
        raise TransportError("gone", may_have_arrived=False)

    monkeypatch.setattr(Checkout, "suggest_items", no_top_ups)
    answer = await browser.get("/api/checkout")
    assert answer["suggest_items"] == []
    assert answer["view"]["minimum_order"]["met"] is False
