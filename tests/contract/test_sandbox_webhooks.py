"""The order events of the sandbox: by the published schema, signed, and delivered again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from attrs import define, field
from jsonschema_rs import Draft202012Validator

from gett_checkout.sandbox import RefusedError, Sandbox, Switches
from gett_checkout.sandbox.orders import PROGRESS
from gett_checkout.sandbox.webhooks import REDELIVERY_SECONDS, STATUSES
from gett_checkout.testing import Clock, signed_event
from gett_checkout.webhooks import parse
from tests.contract.test_sandbox import PERSON, Partner
from tests.samples.states import NOW

SCHEMA = Path(__file__).parents[3] / "shared/acp/openapi.agentic_checkout_webhook.2026-01-30.yaml"
SECRET = "whsec_of_this_test"


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    if not SCHEMA.exists():
        pytest.skip(f"the published schema {SCHEMA.name} is not beside the repository")
    loaded: dict[str, Any] = yaml.safe_load(SCHEMA.read_text())
    return loaded


@define
class Receiver:
    """A partner's server; answers with `status` and keeps what came."""

    url: str = ""
    status: int = 200
    came: list[tuple[bytes, dict[str, str]]] = field(factory=list)
    arrived: asyncio.Event = field(factory=asyncio.Event)
    waits: asyncio.Event | None = None

    async def serve(self, request: web.BaseRequest) -> web.Response:
        self.came.append((await request.read(), dict(request.headers)))
        self.arrived.set()
        if self.waits is not None:
            await self.waits.wait()
        return web.Response(status=self.status, headers={"Location": self.url})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body, _ in self.came]

    async def one_more(self) -> None:
        async with asyncio.timeout(5):
            await self.arrived.wait()
        self.arrived.clear()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.serve), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = "http://{}:{}/order_events".format(*runner.addresses[0][:2])
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def partner(receiver: Receiver) -> AsyncIterator[Partner]:
    clock = Clock(NOW)
    switches = Switches(webhook_url=receiver.url, webhook_secret=SECRET)
    sandbox = Sandbox(clock=clock, switches=switches)
    async with sandbox, aiohttp.ClientSession() as http:
        yield Partner(sandbox, http, clock)


async def ordered(partner: Partner) -> str:
    reply = await partner.place(await partner.order())
    assert reply.status == 201
    return str(reply.body["orderId"])


@pytest.mark.outside
async def test_every_event_is_by_the_schema(
    partner: Partner, receiver: Receiver, schema: dict[str, Any]
) -> None:
    for step in PROGRESS[1:]:
        order_id = await ordered(partner)
        partner.sandbox.refund_order(order_id, Decimal("1.05"), "store_credit")
        partner.sandbox.refund_order(order_id, Decimal("4.50"))
        partner.sandbox.advance_order(order_id, step)
    await partner.sandbox.deliver()
    document = {"$ref": "#/components/schemas/WebhookEvent", "components": schema["components"]}
    validator = Draft202012Validator(document, validate_formats=True)
    for event in receiver.events:
        validator.validate(event)
        assert event["data"]["checkout_session_id"].startswith("csn_")
    assert {event["type"] for event in receiver.events} == {"order_create", "order_update"}
    statuses = {event["data"]["status"] for event in receiver.events}
    data = schema["components"]["schemas"]["EventDataOrder"]
    assert statuses == set(data["properties"]["status"]["enum"]) == set(STATUSES.values())
    last = receiver.events[-1]["data"]["refunds"]
    assert last == [
        {"type": "store_credit", "amount": 105},
        {"type": "original_payment", "amount": 450},
    ]


def examples(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "example":
                yield member
            elif name == "examples":
                yield from (each["value"] for each in member.values())
            else:
                yield from examples(member)


@pytest.mark.outside
def test_every_example_of_the_schema_is_read(schema: dict[str, Any]) -> None:
    whole = [each for each in examples(schema) if isinstance(each, dict)]
    events = [each for each in whole if str(each.get("type")).startswith("order_")]
    orders = [each for each in whole if each.get("type") == "order"]
    refunds = [each for each in whole if "amount" in each]
    assert (len(events), len(orders), len(refunds)) == (3, 1, 1)
    for order in orders:
        events.append({"type": "order_update", "data": order})
        events.append({"type": "order_update", "data": order | {"refunds": refunds}})
    for event in events:
        read = parse(json.dumps(event).encode())
        assert read.status == event["data"]["status"]
        assert [each.minor for each in read.refunds] == [
            each["amount"] for each in event["data"]["refunds"]
        ]


async def test_an_event_is_signed_as_documented(partner: Partner, receiver: Receiver) -> None:
    await ordered(partner)
    partner.clock.advance(7)
    await partner.sandbox.deliver()
    [(body, headers)] = receiver.came
    assert headers["Signature"] == hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["Timestamp"] == str(int(partner.clock().timestamp()))
    assert headers["API-Version"] == "2026-01-30"
    assert headers["Content-Type"] == "application/json"
    assert SECRET not in repr(partner.sandbox.switches) + repr(partner.sandbox.deliveries)


async def test_a_signed_event_of_a_test_is_what_the_sandbox_sends(
    partner: Partner, receiver: Receiver
) -> None:
    order_id = await ordered(partner)
    partner.sandbox.refund_order(order_id, Decimal("10.50"))
    await partner.sandbox.deliver()
    for body, headers in receiver.came:
        event = json.loads(body)
        members = {name: value for name, value in event["data"].items() if name != "type"}
        made = signed_event(event["type"], **members, secret=SECRET, now=partner.clock())
        assert made.body == body
        assert made.headers.items() <= headers.items()
    assert len(receiver.came) == 2


async def test_placing_does_not_wait_for_the_receiver(partner: Partner, receiver: Receiver) -> None:
    receiver.waits = asyncio.Event()
    await ordered(partner)
    delivering = asyncio.create_task(partner.sandbox.deliver())
    await receiver.one_more()
    await ordered(partner)
    receiver.waits.set()
    await delivering
    assert len(partner.sandbox.orders) == 2


async def test_a_replay_is_no_event(partner: Partner, receiver: Receiver) -> None:
    body, key = await partner.order(), "5f0c6f5e-7f5e-4f5e-8f5e-5f0c6f5e7f5e"
    assert {(await partner.place(body, key)).status for _ in range(3)} == {201}
    await partner.sandbox.deliver()
    assert [event["type"] for event in receiver.events] == ["order_create"]


async def test_an_event_that_comes_again_comes_after_those_that_followed_it(
    partner: Partner, receiver: Receiver
) -> None:
    receiver.status = 500
    order_id = await ordered(partner)
    await partner.sandbox.deliver()
    receiver.status = 200
    partner.sandbox.advance_order(order_id, "inTransit")
    await partner.sandbox.deliver()
    partner.clock.advance(30)
    await partner.sandbox.deliver()
    came = [event["data"]["status"] for event in receiver.events]
    assert came == ["created", "shipped", "created"]
    assert receiver.came[0][0] == receiver.came[2][0]


async def test_what_is_not_accepted_comes_again_on_schedule(
    partner: Partner, receiver: Receiver
) -> None:
    receiver.status = 500
    await ordered(partner)
    assert len(await partner.sandbox.deliver()) == 1
    for wait in REDELIVERY_SECONDS:
        partner.clock.advance(wait - 1)
        assert await partner.sandbox.deliver() == []
        partner.clock.advance(1)
        assert len(await partner.sandbox.deliver()) == 1
    assert REDELIVERY_SECONDS[:4] == (30, 120, 600, 3600)
    partner.clock.advance(30 * 86_400)
    assert await partner.sandbox.deliver() == []
    [delivery] = partner.sandbox.deliveries
    assert not delivery.delivered
    assert [each.status for each in delivery.attempts] == [500] * (1 + len(REDELIVERY_SECONDS))
    assert len({body for body, _ in receiver.came}) == 1
    assert len({headers["Timestamp"] for _, headers in receiver.came}) == len(receiver.came)


@pytest.mark.parametrize("status", [302, 401, 503])
async def test_only_a_success_ends_it(partner: Partner, receiver: Receiver, status: int) -> None:
    receiver.status = status
    await ordered(partner)
    await partner.sandbox.deliver()
    receiver.status = 204
    partner.clock.advance(30)
    [delivery] = await partner.sandbox.deliver()
    assert delivery.delivered
    assert [each.status for each in delivery.attempts] == [status, 204]
    partner.clock.advance(86_400)
    assert await partner.sandbox.deliver() == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://", "nonsense", "http://[", "http://\ud800.example/"]
)
async def test_a_receiver_that_is_not_there(partner: Partner, url: str) -> None:
    partner.sandbox.switches.webhook_url = url
    await ordered(partner)
    [delivery] = await partner.sandbox.deliver()
    assert [each.status for each in delivery.attempts] == [0]
    assert delivery.due_at is not None


async def test_without_a_url_there_are_no_events(partner: Partner) -> None:
    partner.sandbox.switches.webhook_url = None
    await ordered(partner)
    assert partner.sandbox.deliveries == []


async def test_an_order_goes_its_way(partner: Partner, receiver: Receiver) -> None:
    order_id = await ordered(partner)
    way = [partner.sandbox.advance_order(order_id) for _ in range(5)]
    assert [order.progress for order in way] == [
        "confirmed", "preparing", "ready", "inTransit", "completed",
    ]  # fmt: skip
    read = (await partner.send("GET", f"/orders/{order_id}", token=partner.token)).body
    assert (read["state"], read["status"]) == ("completed", "inTransit")
    with pytest.raises(RefusedError, match="CONFLICT"):
        partner.sandbox.advance_order(order_id)
    await partner.sandbox.deliver()
    assert [event["data"]["status"] for event in receiver.events] == [
        "created", "confirmed", "shipped", "fulfilled",
    ]  # fmt: skip


async def test_a_pickup_is_never_in_transit(partner: Partner) -> None:
    await partner.session(**PERSON)
    body = await partner.order()
    context = {"mode": "Pickup"}
    await partner.send("PUT", "/session/fulfillment-context", context, token=partner.token)
    quote = (await partner.validate(fulfillmentType="pickup")).body
    body |= {
        "fulfillmentType": "pickup",
        "validatedOrderToken": quote["validatedOrderToken"],
        "amounts": {"total": float(quote["amounts"]["total"])},
    }
    order_id = (await partner.place(body)).body["orderId"]
    partner.sandbox.advance_order(order_id, "manual_review")
    assert partner.sandbox.advance_order(order_id).progress == "confirmed"
    partner.sandbox.advance_order(order_id, "ready")
    assert partner.sandbox.advance_order(order_id).progress == "completed"


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1000"])
async def test_no_more_is_refunded_than_was_paid(partner: Partner, amount: str) -> None:
    order_id = await ordered(partner)
    with pytest.raises(RefusedError):
        partner.sandbox.refund_order(order_id, Decimal(amount))
    rest = partner.sandbox.order(order_id).total
    partner.sandbox.refund_order(order_id, rest)
    with pytest.raises(RefusedError):
        partner.sandbox.refund_order(order_id, Decimal("0.01"))


async def test_words_nobody_knows_are_refused(partner: Partner) -> None:
    order_id = await ordered(partner)
    with pytest.raises(RefusedError):
        partner.sandbox.advance_order(order_id, "shipped")  # type: ignore[arg-type]
    with pytest.raises(RefusedError):
        partner.sandbox.refund_order(order_id, Decimal(1), "cash")  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="NOT_FOUND"):
        partner.sandbox.advance_order("nobody's")


async def test_on_its_own_clock_the_sandbox_delivers_by_itself(receiver: Receiver) -> None:
    receiver.status = 500
    switches = Switches(webhook_url=receiver.url)
    async with Sandbox(switches=switches) as sandbox, aiohttp.ClientSession() as http:
        partner = Partner(sandbox, http, Clock(NOW))
        await ordered(partner)
        await receiver.one_more()
        assert await sandbox.deliver() == []  # waits for the delivery under way
        receiver.status = 200
        sandbox.advance_clock(30)
        await receiver.one_more()
        stamps = {int(headers["Timestamp"]) for _, headers in receiver.came}
        assert max(stamps) - min(stamps) < 20  # the receiver lives in real time
    assert len(receiver.came) == 2


async def test_it_stops_in_the_middle_of_a_delivery(receiver: Receiver) -> None:
    receiver.waits = asyncio.Event()
    sandbox = Sandbox(switches=Switches(webhook_url=receiver.url))
    async with sandbox, aiohttp.ClientSession() as http:
        await ordered(Partner(sandbox, http, Clock(NOW)))
        await receiver.one_more()
        async with asyncio.timeout(5):
            await sandbox.stop()
    receiver.waits.set()


async def test_on_its_own_clock_what_is_due_later_comes_unasked(receiver: Receiver) -> None:
    receiver.status = 500
    async with (
        Sandbox(switches=Switches(webhook_url=receiver.url)) as sandbox,
        aiohttp.ClientSession() as http,
    ):
        await ordered(Partner(sandbox, http, Clock(NOW)))
        await receiver.one_more()
        assert await sandbox.deliver() == []  # waits for the delivery under way
        receiver.status = 200
        sandbox.advance_clock(29.8)  # nothing is due yet, and nobody asks again
        await receiver.one_more()
    assert len(receiver.came) == 2
