"""Every way to turn the sandbox: in Python, over HTTP, on the command line, and as the page says."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest
from attrs import fields

from gett_checkout._cli import main
from gett_checkout.sandbox import Fault, RefusedError, Sandbox, Switches
from gett_checkout.sandbox.addresses import MAGIC_POSTAL_CODES
from gett_checkout.sandbox.control import CONTROL_PATH, ROUTES
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.sandbox.options import add_options, read_options, welcome
from gett_checkout.sandbox.payments import MAGIC_CARDS, MAGIC_NUMBERS
from gett_checkout.sandbox.problems import CODES, RESERVED
from gett_checkout.sandbox.switches import SETTINGS, KeyPolicy
from gett_checkout.testing import Clock
from tests.contract.test_sandbox import PERSON, Partner, Reply, card_on_file
from tests.samples.documented import DOCUMENTED
from tests.samples.states import NOW
from tests.samples.waiting import until

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()

# Each switch, turned: over HTTP, on the command line, and what it is then in Python.
TURNED: dict[str, tuple[Any, list[str], Any]] = {
    "reserved_codes": (
        ["CART_EMPTY", "ADDRESS_INVALID"],
        ["CART_EMPTY", "ADDRESS_INVALID"],
        {"CART_EMPTY", "ADDRESS_INVALID"},
    ),
    "key_policy": ("reject_other_body", ["reject_other_body"], "reject_other_body"),
    "cache_errors": (True, [""], True),
    "fulfillment_modes": (True, [""], True),
    "minimum_for_deliveries": (True, [""], True),
    "price_change": (-1.5, ["-1.50"], Decimal("-1.50")),
    "closed_stores": (["store_bella_napoli"], ["store_bella_napoli"], {"store_bella_napoli"}),
    "sold_out": (["item_cola"], ["item_cola"], {"item_cola"}),
    "off_menu": (["item_tiramisu"], ["item_tiramisu"], {"item_tiramisu"}),
    "rate_limits": (
        {"reads": 5000, "writes": 2, "discovery": 300},
        ["writes=2"],
        {"reads": 5000, "writes": 2, "discovery": 300},
    ),
    "rate_window": (5, ["5"], 5),
    "quote_seconds": (60, ["60"], 60),
    "session_seconds": (600, ["600"], 600),
    "reject_end_users": (True, [""], True),
    "opaque_tokens": (True, [""], True),
    "webhook_url": ("http://127.0.0.1:1/e", ["http://127.0.0.1:1/e"], "http://127.0.0.1:1/e"),
    "webhook_secret": ("whsec_mine", ["whsec_mine"], "whsec_mine"),
}


class Desk(Partner):
    async def turn(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """A control request, without any credential."""
        data = options.pop("data", None) if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | options
        url = f"{self.sandbox.url}{CONTROL_PATH}{path}"
        async with self.http.request(method, url, data=data, headers=headers) as answer:
            content = await answer.read()
            return Reply(answer.status, json.loads(content, parse_float=Decimal), answer.headers)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = Clock(NOW)
    async with Sandbox(clock=clock) as sandbox, aiohttp.ClientSession() as http:
        yield Desk(sandbox, http, clock)


def options_of(*words: str) -> Switches:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return read_options(parser.parse_args(words))


def rows(marker: str) -> list[list[str]]:
    """The cells of the table under a marker of the page, its head left out."""
    table = PAGE.split(f"<!-- {marker} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in table]


# --- the same switch, four ways -------------------------------------------------------------------


def test_no_switch_is_forgotten() -> None:
    switches = {each.name for each in fields(Switches)} - {"faults"}
    assert switches == set(SETTINGS) == set(TURNED)
    assert {row[0] for row in rows("switches")} == switches


def as_on_the_page(default: Any) -> str:
    """A switch's default in the words of the page's table."""
    if isinstance(default, dict):
        return ", ".join(f"{limit} {bucket}" for bucket, limit in default.items())
    if default is None or isinstance(default, bool):
        return json.dumps(default)
    return "none" if default == set() else str(default)


def test_the_page_says_each_default() -> None:
    told = {name: default for name, default, _ in rows("switches")}
    assert told == {name: as_on_the_page(getattr(Switches(), name)) for name in SETTINGS}


@pytest.mark.parametrize("name", TURNED)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_switch_over_http(desk: Desk, method: str, name: str) -> None:
    value, _, turned = TURNED[name]
    reply = await desk.turn(method, "/switches", {name: value})
    assert reply.status == 200
    assert getattr(desk.sandbox.switches, name) == turned
    shown = (await desk.turn("GET", "/switches")).body
    assert shown == reply.body
    if name == "webhook_secret":
        assert "whsec" not in json.dumps(shown, default=str)
    else:
        expected = sorted(value) if isinstance(value, list) else value
        assert shown[name] == (Decimal("-1.50") if name == "price_change" else expected)


@pytest.mark.parametrize("name", TURNED)
def test_a_switch_on_the_command_line(name: str) -> None:
    _, words, turned = TURNED[name]
    option = f"--{name.replace('_', '-')}"
    line = [f"{option}={word}" if word else option for word in words]
    switches = options_of(*line)
    assert getattr(switches, name) == turned
    setattr(switches, name, getattr(Switches(), name))
    assert switches == Switches()


def test_more_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options_of("--reserved-codes", "all").reserved_codes == RESERVED
    assert options_of("--rate-limits", "none").rate_limits is None
    monkeypatch.setenv("GETT_WEBHOOK_SECRET", "whsec_from_outside")
    assert options_of().webhook_secret == "whsec_from_outside"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("place_order:drop_after", Fault("place_order", "drop_after")),
        ("*:hang:after=2", Fault("*", "hang", after=2)),
        (
            "get_store:error:code=RATE_LIMITED,times=3,retry_after=7",
            Fault("get_store", "error", times=3, code="RATE_LIMITED", retry_after=7),
        ),
        (
            "place_order:delay:seconds=0.5,status=418",
            Fault("place_order", "delay", seconds=0.5, status=418),
        ),
    ],
)
async def test_a_fault_on_the_command_line_and_over_http(
    desk: Desk, text: str, fault: Fault
) -> None:
    assert options_of("--fault", text, "--fault", text).faults == [fault, fault]
    names = [each.name for each in fields(Fault)]
    body = {name: getattr(fault, name) for name in names if getattr(fault, name) is not None}
    reply = await desk.turn("POST", "/faults", body)
    assert reply.status == 201
    assert desk.sandbox.switches.faults == [fault]
    assert (await desk.turn("GET", "/faults")).body == reply.body
    assert (await desk.turn("DELETE", "/faults")).body == {"faults": []}
    assert desk.sandbox.switches.faults == []


@pytest.mark.parametrize(
    "line",
    [
        ["--fault", "place_order"],
        ["--fault", "no_such_operation:hang"],
        ["--fault", "place_order:explode"],
        ["--fault", "place_order:error:times=0"],
        ["--fault", "place_order:error:times=often"],
        ["--fault", "place_order:error:colour=1"],
        ["--fault", "place_order:delay:seconds=NaN"],
        ["--fault", "place_order:delay:seconds=sNaN"],
        ["--rate-limits", "writes"],
        ["--rate-limits", "sleeps=1"],
        ["--rate-limits", "writes=-1"],
        ["--price-change", "much"],
        ["--price-change", "0.001"],
        ["--webhook-url", "127.0.0.1"],
        ["--session-seconds", "-1"],
    ],
)
def test_an_option_that_cannot_be_is_said(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "--port", "0", *line]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("gett-checkout: ")
    assert told.err.count("\n") == 1
    assert told.out == ""


# --- the control paths ----------------------------------------------------------------------------


def test_the_page_lists_every_control() -> None:
    listed = {row[0] for row in rows("controls")}
    assert len(listed) == len(ROUTES)
    for line in listed:
        method, path = line.split()
        path = path.replace("{id}", "1").removeprefix(CONTROL_PATH)
        assert [r for r in ROUTES if r.method == method and r.pattern.fullmatch(path)], line


async def test_put_turns_the_rest_back_and_patch_does_not(desk: Desk) -> None:
    desk.sandbox.switches.opaque_tokens = True
    fault = desk.sandbox.switches.fail("place_order", "hang")
    await desk.turn("PATCH", "/switches", {"cache_errors": True})
    assert desk.sandbox.switches.opaque_tokens
    await desk.turn("PUT", "/switches", {"sold_out": []})
    assert desk.sandbox.switches == Switches(faults=[fault])


@pytest.mark.parametrize(
    "body",
    [
        {"reserved_codes": ["STORE_CLOSED"]},
        {"reserved_codes": "CART_EMPTY"},
        {"reserved_codes": [1]},
        {"key_policy": "sometimes"},
        {"cache_errors": "yes"},
        {"price_change": "a dollar"},
        {"price_change": "NaN"},
        {"price_change": None},
        {"rate_limits": {"reads": -1}},
        {"rate_limits": {"naps": 1}},
        {"quote_seconds": 1.5},
        {"quote_seconds": None},
        {"webhook_url": "ftp://example.com"},
        {"webhook_secret": ""},
        {"webhook_secret": None},
        {"faults": []},
        {"keyPolicy": "replay"},
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_bad_setting_changes_nothing(desk: Desk, method: str, body: Any) -> None:
    reply = await desk.turn(method, "/switches", {"opaque_tokens": True} | body)
    assert (reply.status, reply.code) == (422, "VALIDATION_FAILED")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert desk.sandbox.switches == Switches()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("POST", "/orders", None, 404),
        ("POST", "", None, 404),
        ("OPTIONS", "/switches", None, 404),
        ("GET", "/orders/nobody", None, 404),
        ("POST", "/orders/nobody/advance", None, 404),
        ("POST", "/orders/nobody/advance", {"to": "heaven"}, 422),
        ("POST", "/orders/nobody/refund", {}, 422),
        ("POST", "/orders/nobody/refund", {"amount": 1, "type": "cash"}, 422),
        ("POST", "/faults", {"operation": "place_order"}, 422),
        ("POST", "/faults", {"operation": "place_order", "kind": "error", "status": 200}, 422),
        ("POST", "/faults", {"operation": "place_order", "kind": "error", "code": "a b"}, 422),
        ("POST", "/clock/advance", {"seconds": -1}, 422),
        ("POST", "/clock/advance", {"seconds": "1"}, 422),
        ("POST", "/clock/advance", {"seconds": 1}, 409),  # the clock is the test's
        ("POST", "/reset", {"really": True}, 422),
        ("POST", "/requests/release", {"first": True}, 422),
        ("GET", "/orders", {"limit": 1}, 422),
    ],
)
async def test_a_bad_request_is_a_problem(
    desk: Desk, method: str, path: str, body: Any, status: int
) -> None:
    reply = await desk.turn(method, path, body)
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body["instance"] == CONTROL_PATH + path


def members(value: Any) -> Any:
    """What a value is made of; of a list, its first entry."""
    if isinstance(value, dict):
        return {name: members(each) for name, each in value.items()}
    return [members(each) for each in value[:1]] if isinstance(value, list) else None


async def test_what_happened_is_shown_without_secrets(desk: Desk) -> None:
    desk.sandbox.switches.webhook_url = "http://127.0.0.1:1/"
    placed = await desk.place(await desk.order(payment=card_on_file("card_of_jane")))
    order_id = placed.body["orderId"]
    await desk.sandbox.deliver()
    await desk.turn("POST", f"/orders/{order_id}/advance")
    await desk.turn("POST", f"/orders/{order_id}/advance", {"to": "completed"})
    await desk.turn("POST", f"/orders/{order_id}/refund", {"amount": 1.5, "type": "store_credit"})
    await desk.turn("POST", "/faults", {"operation": "place_order", "kind": "drop_after"})
    shown = {
        path: (await desk.turn("GET", path)).body
        for path in ("", "/orders", "/sessions", "/requests", "/deliveries", "/faults")
    }
    assert (shown[""]["orders"], shown[""]["requests"], shown[""]["writes"]) == (1, 4, 4)
    [order] = shown["/orders"]["orders"]
    assert order["order_id"] == order_id
    assert (order["progress"], order["state"]) == ("completed", "completed")
    assert order["refunds"] == [{"type": "store_credit", "amount": Decimal("1.50")}]
    assert shown["/sessions"]["sessions"][0]["level"] == "end_user"
    assert [seen["operation"] for seen in shown["/requests"]["requests"]][-1] == "place_order"
    first, *_, last = shown["/deliveries"]["deliveries"]
    assert [attempt["status"] for attempt in first["attempts"]] == [0]
    assert last["event"]["data"]["refunds"] == [{"type": "store_credit", "amount": 150}]
    on_page = json.loads(PAGE.split("One of each list:\n\n```json\n")[1].split("```")[0])
    for name, listed in on_page.items():
        assert members(listed) == members(shown[f"/{name}"][name])
    state = rows("controls")[0][2].replace("{…}", "{}").replace("[…]", "[]")
    assert json.loads(state).keys() == shown[""].keys()
    async with desk.http.get(last["event"]["data"]["permalink_url"]) as answer:
        assert (await answer.json())["order_id"] == order_id
    secrets = [desk.token, desk.sandbox.api_key, "whsec_", "vot_", "card_of_jane"]
    secrets += [PERSON["email"], "Spring Street"]
    said = json.dumps(shown, default=str)
    assert [secret for secret in secrets if secret in said] == []


async def test_sessions_are_revoked(desk: Desk) -> None:
    await desk.session(**PERSON)
    assert (await desk.turn("POST", "/sessions/revoke")).status == 200
    assert (await desk.fulfil()).code == "UNAUTHENTICATED"


async def test_delayed_requests_are_released(desk: Desk) -> None:
    async def sent() -> asyncio.Task[Reply]:
        before = desk.sandbox.count("get_store")
        sending = asyncio.create_task(desk.send("GET", "/stores/store_bella_napoli"))
        await until(lambda: desk.sandbox.count("get_store") > before)
        return sending

    desk.sandbox.switches.fail("get_store", "delay", seconds=600, times=3)
    early = [await sent(), await sent()]
    released = await desk.turn("POST", "/requests/release")
    assert [seen["status"] for seen in released.body["requests"]] == [0, 0]
    assert [reply.status for reply in await asyncio.gather(*early)] == [200, 200]
    assert desk.sandbox.switches.faults == []  # the third is not delayed any more
    desk.sandbox.switches.fail("get_store", "delay", seconds=600)
    late = await sent()
    assert (await (await sent())).status == 200
    assert not late.done()
    await asyncio.to_thread(desk.sandbox.release)
    assert (await late).status == 200


async def test_delays_are_forgotten_while_the_sandbox_is_stopped() -> None:
    switches = Switches(faults=[Fault("get_store", "delay"), Fault("get_store", "hang")])
    sandbox = Sandbox(switches=switches)
    sandbox.release()
    assert switches.faults == [Fault("get_store", "hang")]
    async with sandbox:
        pass
    switches.fail("get_store", "delay")
    sandbox.release()
    assert switches.faults == [Fault("get_store", "hang")]


async def test_control_is_free(desk: Desk) -> None:
    """Neither counted, nor limited, nor met by faults."""
    desk.sandbox.switches.rate_limits = {"reads": 0, "writes": 0, "discovery": 0}
    desk.sandbox.switches.fail("*", "error", times=9)
    for _ in range(3):
        assert (await desk.turn("GET", "")).status == 200
    assert desk.sandbox.requests == []
    assert desk.sandbox.switches.faults[0].times == 9


async def test_reset_goes_back_to_the_start() -> None:
    switches = Switches(opaque_tokens=True, faults=[Fault("get_store", "hang")])
    async with Sandbox(switches=switches) as sandbox, aiohttp.ClientSession() as http:
        desk = Desk(sandbox, http, Clock(NOW))
        await desk.session()
        sandbox.switches.sold_out.add("item_cola")
        sandbox.switches.faults.clear()
        await desk.turn("POST", "/clock/advance", {"seconds": 86400.5})
        assert (await desk.turn("GET", "/")).body["owns_clock"] is True
        assert (await desk.turn("POST", "/reset")).status == 200
        assert sandbox.switches == Switches(opaque_tokens=True, faults=[Fault("get_store", "hang")])
        assert sandbox.sessions == []


async def test_the_clock_goes_ahead_only() -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as http:
        desk = Desk(sandbox, http, Clock(NOW))
        await desk.session(expirationSeconds=60)
        assert (await desk.turn("POST", "/clock/advance", {"seconds": 60})).status == 200
        assert (await desk.fulfil()).code == "UNAUTHENTICATED"
        year = {"seconds": 31_536_000}
        statuses = [(await desk.turn("POST", "/clock/advance", year)).status for _ in range(11)]
        assert statuses[8:] == [200, 400, 400]
        with pytest.raises(RefusedError):
            sandbox.advance_clock(-1)


# --- the page -------------------------------------------------------------------------------------


async def test_the_magic_values_are_those_of_the_page_and_of_the_start(desk: Desk) -> None:
    assert rows("cards") == [[token, card.description] for token, card in MAGIC_CARDS.items()]
    assert rows("numbers") == [list(pair) for pair in MAGIC_NUMBERS.items()]
    assert rows("postal codes") == [[code, e] for code, (e, _) in MAGIC_POSTAL_CODES.items()]
    said = welcome(desk.sandbox)
    assert all(value in said for value in (*MAGIC_CARDS, *MAGIC_NUMBERS, *MAGIC_POSTAL_CODES))


def test_the_page_knows_every_kind_of_fault_and_key_policy() -> None:
    assert [row[0] for row in rows("faults")] == list(get_args(FaultKind))
    policies = next(row for row in rows("switches") if row[0] == "key_policy")
    assert all(f"`{policy}`" in policies[2] for policy in get_args(KeyPolicy))


def test_the_reserved_codes_are_the_documented_ones() -> None:
    assert {row.code for row in DOCUMENTED.values() if row.reserved} == RESERVED
    assert set(CODES) > RESERVED


@pytest.mark.slow
async def test_the_command_serves_as_its_options_say() -> None:
    words = (
        "sandbox --port 0 --opaque-tokens --reserved-codes CART_EMPTY --webhook-secret whsec_mine"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gett_checkout", *words.split()),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().split()[-1]
    async with aiohttp.ClientSession() as http, http.get(f"{url}{CONTROL_PATH}") as answer:
        state = await answer.json()
    process.terminate()
    told = (await process.communicate())[0].decode()
    assert process.returncode == 0
    assert state["switches"]["opaque_tokens"] is True
    assert state["switches"]["reserved_codes"] == ["CART_EMPTY"]
    assert re.search(r"control  http://\S+/_sandbox", told)
    assert "whsec" not in told


async def test_a_bug_of_its_own_is_an_internal_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Sandbox, "reset", broken)
    reply = await desk.turn("POST", "/reset")
    assert (reply.status, reply.code) == (500, "INTERNAL_ERROR")
    assert "ZeroDivisionError" not in json.dumps(reply.body)
    assert "ZeroDivisionError" in caplog.text


async def test_the_start_says_where_events_go() -> None:
    url = "http://127.0.0.1:1/events"
    async with Sandbox(switches=Switches(webhook_url=url)) as told, Sandbox() as silent:
        assert f"webhooks {url}" in welcome(told)
        assert "webhooks" not in welcome(silent)


@pytest.mark.parametrize("amount", ["1.50", "1.5", 1.5])
async def test_an_amount_may_be_written_as_a_string(desk: Desk, amount: Any) -> None:
    reply = await desk.turn("PATCH", "/switches", {"price_change": amount})
    assert reply.status == 200
    assert desk.sandbox.switches.price_change == Decimal("1.50")
