"""The steps as tools, called as an agent calls them: again, out of order, forgetting what it knew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args
from unittest.mock import AsyncMock

import pytest
from jsonschema_rs import Draft202012Validator, meta

from gett_checkout import Checkouts, Identity, NextAction, StorageError
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import the_order
from gett_checkout.tools import NEXT_TOOLS, TOOLS, call
from gett_checkout.web import ENDPOINTS
from tests.acceptance.conftest import as_sent
from tests.acceptance.test_frames import by_sentry, by_structlog, by_traceback
from tests.samples.translated import SENTENCES, TRANSLATED

pytestmark = pytest.mark.slow

JANE = {"email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"}
CARD = {"kind": "card_on_file", "card_token": "tok_do_not_show", "processor_type": "stripe"}
DIAVOLA = {
    "line_id": "first",
    "item_id": "item_diavola",
    "modifiers": {"group_pizza_size": ["item_size_large"]},
}
BY_NAME = {each.name: each for each in TOOLS}


class Agent:
    """Calls tools as often as ``times`` says, with the id of its checkout; each result fits its schema."""

    def __init__(self, checkouts: Checkouts, times: int = 1, **options: Any) -> None:
        self.checkouts = checkouts
        self.times = times
        self.options = options
        self.checkout_id = ""
        self.said = ""

    async def does(self, name: str, **arguments: Any) -> dict[str, Any]:
        if "checkout_id" in BY_NAME[name].input_schema["properties"]:
            arguments = {"checkout_id": self.checkout_id, **arguments}
        if name in BY_NAME:
            Draft202012Validator(BY_NAME[name].input_schema).validate(as_sent(arguments))
        result: dict[str, Any] = {}
        for _ in range(self.times):
            result = await self.asks(name, arguments)
        if name == "start":
            self.checkout_id = result["view"]["id"]
        assert "problem" not in result, result["problem"]
        return result

    async def asks(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        result = as_sent(await call(self.checkouts, name, arguments, **self.options))
        if name in BY_NAME:
            Draft202012Validator(BY_NAME[name].output_schema).validate(result)
        self.said += json.dumps(result)
        loaded: dict[str, Any] = result
        return loaded

    async def until_payable(self) -> str:
        """Everything but the order; the total that the person sees."""
        await self.does("start")
        await self.does("browse", store_id="store_bella_napoli")
        await self.does("add", **DIAVOLA)
        await self.does("fulfill", fulfillment={"type": "pickup"})
        if "identity" not in self.options:
            await self.does("identify", identity=JANE)
        await self.does("validate", tip=1.5)
        result = await self.does("pay", payment=CARD)
        assert result["next_tools"] == ["place"]
        return str(result["next_action"]["total"])


@pytest.mark.parametrize("times", [1, 2])
async def test_an_order_is_placed_however_often_each_tool_is_called(
    checkouts: Checkouts, sandbox: Sandbox, times: int
) -> None:
    agent = Agent(checkouts, times)
    stores = await agent.does("stores", query="bella")
    assert [each["store_id"] for each in stores["stores"]] == ["store_bella_napoli"]
    assert stores["next_tools"] == ["stores", "browse"]
    total = await agent.until_payable()
    assert (await agent.does("menu"))["menu"]["items"]
    assert (await agent.does("view"))["view"]["subtotal"] == "17.00"
    placed = await agent.does("place", total=total)
    assert placed["next_tools"] == ["refresh_order"]
    order = the_order(sandbox)
    assert order.total == Decimal(total)
    refreshed = await agent.does("refresh_order")
    assert refreshed["view"]["order"]["order_id"] == order.order_id
    for secret in ("tok_do_not_show", "jane@example.com", sandbox.api_key, "eyJ"):
        assert secret not in agent.said


async def test_every_other_tool_may_be_called_again(checkouts: Checkouts) -> None:
    agent = Agent(checkouts, times=2)
    await agent.until_payable()
    await agent.does("update", line_id="first", quantity=2)
    await agent.does("add", line_id="second", item_id="item_tiramisu", quantity=2)
    assert (await agent.does("suggest_items"))["suggestions"] == []
    await agent.does("set_recipient", recipient={**JANE, "phone": "+12125550123"})
    result = await agent.does("remove_recipient")
    assert result["view"]["recipient"] is None
    result = await agent.does("remove", line_id="second")
    assert [each["line_id"] for each in result["view"]["lines"]] == ["first"]
    result = await agent.does("validate")
    await agent.does("confirm_total", total=result["view"]["quote"]["amounts"]["total"])
    repeated = {each.name for each in TOOLS if not each.is_repeatable}
    assert repeated == {"start"}
    agent.times = 1
    assert (await agent.does("abandon"))["next_tools"] == ["start"]


@pytest.mark.parametrize("times", [1, 2])
async def test_an_agent_that_only_follows_what_it_is_told(
    checkouts: Checkouts, sandbox: Sandbox, times: int
) -> None:
    """It knows no step: it calls the last of the tools named, with what a person would say there."""
    said: dict[str, dict[str, Any]] = {
        "start": {},
        "browse": {"store_id": "store_bella_napoli"},
        "add": {"line_id": "one", "item_id": "item_garlic_bread", "quantity": 4},
        "fulfill": {"fulfillment": {"type": "pickup"}},
        "identify": {"identity": JANE},
        "validate": {},
        "pay": {"payment": CARD},
        "refresh_order": {},
    }
    agent = Agent(checkouts, times)
    result = await call(checkouts, "view", {"checkout_id": "forgotten"})
    assert result["problem"]["code"] == "CHECKOUT_NOT_FOUND"
    called: list[str] = []
    while not sandbox.orders:
        name = result["next_tools"][-1]
        called.append(name)
        total = result["next_action"].get("total")
        result = await agent.does(name, **(said[name] if name != "place" else {"total": total}))
        assert len(called) < 20
    assert result["next_tools"] == ["refresh_order"]
    assert called == [
        *("start", "browse", "add", "fulfill", "validate", "identify", "pay", "place"),
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "code", "next_tools"),
    [
        ("place", {"total": "17.00"}, "STEP_NOT_ALLOWED", ["fulfill"]),
        ("pay", {"payment": CARD}, "STEP_NOT_ALLOWED", ["fulfill"]),
        ("place", {}, "INVALID_INPUT", ["fulfill"]),
        ("saved_cards", {}, "IDENTITY_REQUIRED", ["identify"]),
        ("update", {"line_id": "none", "quantity": 2}, "LINE_NOT_FOUND", ["fulfill"]),
        ("add", {"item_id": "item_tiramisu"}, "INVALID_INPUT", ["fulfill"]),
        ("add", {**DIAVOLA, "quantity": 2}, "INVALID_INPUT", ["fulfill"]),
        ("add", {"line_id": "x", "item_id": "none"}, "MENU_CHANGED", ["fulfill"]),
        ("confirm_total", {"total": "much"}, "STEP_NOT_ALLOWED", ["fulfill"]),
        ("fulfill", {"fulfillment": {"type": "drone"}}, "INVALID_INPUT", ["fulfill"]),
        ("fulfill", {}, "INVALID_INPUT", ["fulfill"]),
        ("view", {"more": 1}, "INVALID_INPUT", ["fulfill"]),
        ("view", {"checkout_id": 7}, "CHECKOUT_NOT_FOUND", ["start"]),
        ("pay_twice", {}, "INVALID_INPUT", ["view"]),
    ],
)
async def test_what_does_not_fit_says_so_and_what_does(
    checkouts: Checkouts,
    sandbox: Sandbox,
    name: str,
    arguments: dict[str, Any],
    code: str,
    next_tools: list[str],
) -> None:
    agent = Agent(checkouts)
    await agent.does("start")
    await agent.does("browse", store_id="store_bella_napoli")
    before = await agent.does("add", **DIAVOLA)
    result = await agent.asks(name, {"checkout_id": agent.checkout_id, **arguments})
    assert (result["problem"]["code"], result["next_tools"]) == (code, next_tools)
    assert await agent.does("view") == before
    assert sandbox.orders == []


async def test_what_is_no_object_is_refused(checkouts: Checkouts) -> None:
    nothing: list[Any] = [[], "place", None]
    for arguments in nothing:
        result = await call(checkouts, "start", arguments)
        assert result["problem"]["code"] == "INVALID_INPUT"


async def test_no_name_and_arguments_without_end_are_refused(checkouts: Checkouts) -> None:
    agent = Agent(checkouts)
    await agent.does("start")
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    endless: dict[str, Any] = {}
    endless["more"] = endless
    names: list[Any] = [["view"], {}, None, 7]
    for name, more in [
        *((name, {}) for name in names),
        ("fulfill", {"fulfillment": deep}),
        ("view", endless),
    ]:
        result = await call(checkouts, name, {"checkout_id": agent.checkout_id, **more})
        assert (result["problem"]["code"], result["next_tools"]) == ("INVALID_INPUT", ["view"])


@pytest.mark.parametrize(
    ("name", "sent", "pointers"),
    [
        (
            "fulfill",
            {"fulfillment": {"type": "delivery", "address": {"address1": "1 Main St", "zip": "1"}}},
            ["address/zip", "address/city", "address/state", "address/postal_code"],
        ),
        ("fulfill", {"fulfillment": {"type": "drone"}}, ["type"]),
        ("fulfill", {"fulfillment": "pickup"}, []),
        ("identify", {"identity": {**JANE, "email": "jane", "age": 7}}, ["age", "email"]),
        ("identify", {"identity": {**JANE, "partner_user_id": "7"}}, ["partner_user_id"]),
        ("set_recipient", {"recipient": JANE}, ["phone"]),
        ("pay", {"payment": {"kind": "saved_card"}}, ["payment_id"]),
    ],
)
async def test_a_pointer_leads_into_the_arguments(
    checkouts: Checkouts, name: str, sent: dict[str, Any], pointers: list[str]
) -> None:
    agent = Agent(checkouts)
    await agent.until_payable()
    result = await agent.asks(name, {"checkout_id": agent.checkout_id, **sent})
    (argument,) = sent
    found = [each["pointer"] for each in result["problem"]["errors"]]
    assert found == [f"/{argument}/{each}" for each in pointers] or found == [f"/{argument}"]
    assert (len(found), result["next_tools"]) == (max(len(pointers), 1), ["place"])


async def test_a_whole_number_is_an_integer_however_it_is_written(checkouts: Checkouts) -> None:
    agent = Agent(checkouts)
    await agent.does("start")
    await agent.does("browse", store_id="store_bella_napoli")
    large = {"item_id": "item_size_large", "quantity": 1.0}
    await agent.does("add", **{**DIAVOLA, "modifiers": {"group_pizza_size": [large]}})
    written: list[Any] = [2.0, Decimal("2.00"), Decimal("2E+0"), 2]
    for quantity in written:
        sent = {"checkout_id": agent.checkout_id, "line_id": "first", "quantity": quantity}
        result = await agent.asks("update", sent)
        assert result["view"]["lines"][0]["quantity"] == 2
    wrong = [2.5, 1e300, float("nan"), float("inf"), *map(Decimal, ("1E+999999", "sNaN", "1E-9"))]
    for quantity in wrong:
        sent = {"checkout_id": agent.checkout_id, "line_id": "first", "quantity": quantity}
        (error,) = (await agent.asks("update", sent))["problem"]["errors"]
        assert error["pointer"] == "/quantity"


def test_quantities_are_the_only_integers() -> None:
    def integers(schema: Any, name: str = "") -> Iterator[str]:
        if isinstance(schema, dict):
            if "integer" in schema.get("type", ()):
                yield name
            for key, each in schema.items():
                yield from integers(each, key)
        elif isinstance(schema, list):
            for each in schema:
                yield from integers(each, name)

    assert {name for tool in TOOLS for name in integers(tool.input_schema)} == {"quantity"}


async def test_a_card_number_never_goes_in(checkouts: Checkouts, sandbox: Sandbox) -> None:
    agent = Agent(checkouts)
    await agent.until_payable()
    for number in ("4242424242424242", "4242 4242 4242 4242", "my card is 4242-4242-4242-4242!"):
        noted = {"line_id": "x", "item_id": "item_tiramisu", "special_instructions": number}
        by_number = {"payment": {**CARD, "card_token": number}}
        for name, arguments in (("pay", by_number), ("add", noted)):
            result = await agent.asks(name, {"checkout_id": agent.checkout_id, **arguments})
            assert result["problem"]["code"] == "INVALID_INPUT"
            assert "4242" not in json.dumps(result)
    other = {**CARD, "card_token": "tok_4242424242424241"}
    await agent.does("pay", payment=other)


async def test_a_total_that_moved_is_for_the_person(checkouts: Checkouts, sandbox: Sandbox) -> None:
    agent = Agent(checkouts)
    total = await agent.until_payable()
    sandbox.switches.price_change = Decimal("1.00")
    result: dict[str, Any] = {}
    for _ in range(2):
        result = await agent.asks("place", {"checkout_id": agent.checkout_id, "total": total})
        assert result["problem"]["code"] == "TOTAL_CHANGED"
        assert result["next_tools"] == ["place"]
    assert sandbox.orders == []
    await agent.does("place", total=result["next_action"]["after"])
    the_order(sandbox)


async def test_a_lost_response_and_two_agents_are_one_order(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    agent = Agent(checkouts)
    total = await agent.until_payable()
    sandbox.switches.fail("place_order", "drop_after", times=100)
    placing = {"checkout_id": agent.checkout_id, "total": total}
    result = await agent.asks("place", placing)
    assert (result["problem"]["code"], result["next_tools"]) == ("OUTCOME_UNKNOWN", ["place"])
    sandbox.switches.faults.clear()
    other = Agent(Checkouts(checkouts.client, storage=checkouts.storage))
    results = await asyncio.gather(agent.asks("place", placing), other.asks("place", placing))
    for each in results:
        assert "view" in each or each["problem"]["code"] == "PLACEMENT_IN_PROGRESS"
    result = await agent.does("view", checkout_id=agent.checkout_id)
    assert result["view"]["order"]["order_id"] == the_order(sandbox).order_id


async def test_the_hosts_login_says_who_the_shopper_is(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    jane, john = Identity(**JANE), Identity("john@example.com", "John", "Roe")
    agent = Agent(checkouts, identity=jane)
    total = await agent.until_payable()
    assert (await agent.does("saved_cards"))["cards"] == []
    as_john = {"checkout_id": agent.checkout_id, "identity": {**JANE, "email": "x@example.com"}}
    assert (await agent.asks("identify", as_john))["problem"]["code"] == "SHOPPER_KNOWN"
    guest = Agent(checkouts)
    claim = {
        "checkout_id": (await guest.does("start"))["view"]["id"],
        "identity": {**JANE, "partner_user_id": "user-2"},
    }
    assert (await guest.asks("identify", claim))["problem"]["code"] == "INVALID_INPUT"
    stranger = Agent(checkouts, identity=john)
    result = await stranger.asks("place", {"checkout_id": agent.checkout_id, "total": total})
    assert (result["problem"]["code"], result["next_tools"]) == ("CHECKOUT_NOT_FOUND", ["start"])
    assert sandbox.orders == []
    phone = ("customer.phone",)
    sandbox.switches.fail("place_order", "error", code="VALIDATION_FAILED", names=phone)
    result = await agent.asks("place", {"checkout_id": agent.checkout_id, "total": total})
    assert (result["next_action"]["kind"], result["next_tools"]) == ("sign_in", ["place"])
    await agent.does("place", total=total)
    the_order(sandbox)


async def test_a_storage_that_fails_sends_no_agent_to_a_new_order(
    checkouts: Checkouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkouts.storage, "load", AsyncMock(side_effect=StorageError("no")))
    for name in ("view", "place", "reconcile"):
        result = await call(checkouts, name, {"checkout_id": "x"})
        assert (result["next_action"]["kind"], result["next_tools"]) == ("wait", ["view"])
    result = await call(checkouts, "start_again", {})
    assert result["next_tools"] == ["start"]


async def test_the_texts_are_in_the_shoppers_language(checkouts: Checkouts) -> None:
    result = await call(checkouts, "view", {"checkout_id": "none"}, messages=TRANSLATED)
    assert result["problem"]["detail"] == SENTENCES["CHECKOUT_NOT_FOUND"]


async def test_no_frame_shows_a_token(
    checkouts: Checkouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("of the storage")

    agent = Agent(checkouts)
    await agent.until_payable()
    monkeypatch.setattr(checkouts.storage, "save", broken)
    secret = {"checkout_id": agent.checkout_id, "payment": {**CARD, "card_type": "visa"}}
    with pytest.raises(RuntimeError) as raised:
        await call(checkouts, "pay", secret)
    del secret
    ours = raised.value.with_traceback(raised.tb.tb_next)  # without the frame of this test
    for seen in (by_sentry, by_structlog, by_traceback):
        assert "tok_do_not_show" not in seen(ours)
    assert "_run" in by_structlog(ours)  # our frames are among what was searched


# --- what a model is told -------------------------------------------------------------------------


def test_there_is_a_tool_for_each_step_and_a_way_on_from_each_next_action() -> None:
    assert [each.name for each in TOOLS] == [each.name for each in ENDPOINTS]
    assert {each.kind for each in get_args(NextAction)} == NEXT_TOOLS.keys()
    assert {name for names in NEXT_TOOLS.values() for name in names} <= BY_NAME.keys()
    assert [each.name for each in TOOLS if each.orders] == ["place"]
    assert {each.name for each in TOOLS if each.reads_only} == {
        *("stores", "view", "menu", "suggest_items", "saved_cards", "refresh_order"),
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_the_schemas_of_a_tool_stand_alone(name: str) -> None:
    tool = BY_NAME[name]
    for schema in (tool.input_schema, tool.output_schema):
        meta.validate(schema)
        refs = {part.partition('"')[0] for part in json.dumps(schema).split("#/$defs/")[1:]}
        assert refs <= schema.get("$defs", {}).keys()
    assert (
        "number" not in tool.description or "never send a card number" in tool.description.lower()
    )
