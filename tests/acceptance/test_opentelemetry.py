"""One trace per step with its requests as children, metrics of few values, and no secret anywhere."""

from __future__ import annotations

import asyncio
import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from contextvars import copy_context
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    GettCheckoutError,
    GettClient,
    Identity,
    MemoryStorage,
    NewCard,
    PaymentDeclinedError,
    SavedCard,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.telemetry import (
    Event,
    OrderHandedOver,
    PlacementOutcome,
    RequestStarted,
    UnresolvedCounted,
    digest,
)
from gett_checkout.telemetry.events import Reason
from gett_checkout.telemetry.hooks import Hooks
from gett_checkout.telemetry.opentelemetry import OpenTelemetry
from gett_checkout.testing import Clock
from gett_docs import trace as trace_page
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    STORE,
    fill_cart,
    payable,
    until_payable,
    until_priced,
)
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


class Collected:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider([self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.hook = OpenTelemetry(self.tracers, self.meters)

    def close(self) -> None:
        self.tracers.shutdown()
        self.meters.shutdown()

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def tree(self, parent: int | None = None) -> list[Any]:
        """Names, each with those of its children in a list after it, in the order they began."""
        names: list[Any] = []
        for span in sorted(self.spans, key=lambda span: span.start_time or 0):
            if (span.parent.span_id if span.parent else None) == parent:
                names.append(span.name)
                if children := self.tree(span.context.span_id):
                    names.append(children)
        return names

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def counts(self, name: str) -> dict[tuple[Any, ...], float]:
        return {
            tuple(dict(point.attributes).values()): point.value for point in self.metrics()[name]
        }


@pytest.fixture
def collected() -> Iterator[Collected]:
    collected = Collected()
    yield collected
    collected.close()


@pytest.fixture
async def gett(sandbox: Sandbox, clock: Clock, collected: Collected) -> AsyncIterator[GettClient]:
    async with GettClient(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=clock,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
        hooks=[collected.hook],
    ) as gett:
        yield gett


CREATE, CONTEXT = "POST /session/create", "PUT /session/fulfillment-context"
VALIDATE, PLACE = "POST /orders/validate", "POST /orders/place"
STORES, MENUS = "GET /stores/{store_id}", "GET /catalog-sets/{catalog_set_id}"
WHOLE: list[Any] = [
    "checkout.browse",
    [STORES, MENUS],
    *("checkout.add", "checkout.add", "checkout.fulfill"),
    [CREATE, CONTEXT],
    "checkout.validate",
    [VALIDATE],
    *("checkout.identify", "checkout.pay"),
    [CREATE, CONTEXT, VALIDATE],
    "checkout.place",
    [PLACE],
]


async def test_each_step_is_a_trace_with_its_requests_as_children(
    checkout: Checkout, collected: Collected, sandbox: Sandbox
) -> None:
    await place_as_shown(checkout)
    assert collected.tree() == WHOLE
    steps = [span for span in collected.spans if span.parent is None]
    assert len({span.context.trace_id for span in steps}) == len(steps)
    traces = {span.context.span_id: span.context.trace_id for span in steps}
    for span in collected.spans:
        assert span.parent is None or span.context.trace_id == traces[span.parent.span_id]
        assert span.status.status_code is StatusCode.UNSET
        assert span.events == ()
    place, step = (find(collected, name) for name in (PLACE, "checkout.place"))
    assert place.kind is SpanKind.CLIENT
    host, port = sandbox.url.removeprefix("http://").split(":")
    assert dict(place.attributes or {}) == {
        "http.request.method": "POST",
        "url.template": "/orders/place",
        "server.address": host,
        "server.port": int(port),
        "gett.operation": "place_order",
        "gett.checkout": digest(checkout.id),
        "http.response.status_code": 201,
    }
    assert step.kind is SpanKind.INTERNAL
    assert checkout.view.placement is not None
    assert dict(step.attributes or {}) == {
        "gett.step": "place",
        "gett.checkout": digest(checkout.id),
        "gett.stage": "placed",
        "gett.placement.outcome": "placed",
        "gett.placement.attempts": 1,
        "gett.placement.idempotency_key": checkout.view.placement.key,
        "gett.placement.order_id": sandbox.orders[0].order_id,
    }
    upgrade = dict(find(collected, "checkout.pay").attributes or {})
    assert upgrade["gett.session.before"] == "partner-only"
    assert upgrade["gett.session.after"] == "end-user"


async def test_the_picture_on_the_page_is_of_such_a_trace() -> None:
    drawn = ET.fromstring(trace_page.PICTURE.read_text())
    space = {"s": "http://www.w3.org/2000/svg"}
    rows = [
        [each.text for each in group.iterfind("s:text", space)]
        for group in drawn.iterfind("s:g", space)
    ]
    recorded = await trace_page.recorded()
    assert rows == [[span.name, span.error] if span.error else [span.name] for span in recorded]
    assert ET.fromstring(trace_page.picture(recorded)).tag == drawn.tag


def find(collected: Collected, name: str) -> ReadableSpan:
    return next(span for span in collected.spans if span.name == name)


async def test_every_attempt_is_a_child_of_its_own(
    checkout: Checkout, collected: Collected, sandbox: Sandbox
) -> None:
    sandbox.switches.fail("place_order", "error_after", status=503)
    sandbox.switches.fail("place_order", "drop_after", after=1)
    collected.exporter.clear()
    await place_as_shown(checkout)
    assert collected.tree() == ["checkout.place", [PLACE, PLACE, PLACE]]
    attempts = [dict(span.attributes or {}) for span in collected.spans if span.name == PLACE]
    assert [each.get("http.request.resend_count") for each in attempts] == [None, 1, 2]
    assert [each.get("error.type") for each in attempts] == [
        *("ServiceUnavailableError", "TransportError", None)
    ]
    assert [each.get("http.response.status_code") for each in attempts] == [503, None, 201]
    assert [each.get("gett.cause") for each in attempts] == ["HTTP 503", "ServerDisconnected", None]
    assert attempts[0]["gett.error_code"] == "SERVICE_UNAVAILABLE"
    assert str(attempts[0]["gett.request_id"]).startswith("req_")
    statuses = [span.status for span in collected.spans]
    assert [each.status_code.name for each in statuses] == ["ERROR", "ERROR", "UNSET", "UNSET"]
    assert {each.description for each in statuses} == {None}


async def test_steps_are_part_of_the_backends_own_trace_and_leave_it_as_it_was(
    checkouts: Checkouts, collected: Collected
) -> None:
    checkout = await checkouts.start()
    with collected.tracers.get_tracer("backend").start_as_current_span("POST /order") as own:
        await until_payable(checkout)
        assert trace.get_current_span() is own
        await place_as_shown(checkout)
        with pytest.raises(GettCheckoutError):
            await checkout.validate()
        assert trace.get_current_span() is own
    assert not trace.get_current_span().get_span_context().is_valid
    assert collected.tree() == ["POST /order", [*WHOLE, "checkout.validate"]]
    failed = collected.spans[-2]
    assert (failed.attributes or {})["error.type"] == "StepNotAllowedError"
    assert failed.status.status_code is StatusCode.ERROR


async def test_what_runs_inside_finds_the_current_span(
    sandbox: Sandbox, clock: Clock, collected: Collected
) -> None:
    current: list[str] = []

    def note(what: str) -> None:
        current.append(f"{what} in {getattr(trace.get_current_span(), 'name', None)}")

    class Watched(MemoryStorage):
        async def save(
            self, checkout_id: str, data: bytes, *, expected_version: int,
            expires_at: datetime, due_at: datetime | None,
        ) -> int:  # fmt: skip
            note("save")
            return await super().save(
                checkout_id,
                data,
                expected_version=expected_version,
                expires_at=expires_at,
                due_at=due_at,
            )

    async def requested(*_: object) -> None:
        note("request")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(requested)
    async with (
        aiohttp.ClientSession(trace_configs=[tracing]) as http,
        GettClient(
            sandbox.api_key, base_url=sandbox.url, http=http, clock=clock, hooks=[collected.hook]
        ) as gett,
    ):
        checkout = await Checkouts(gett, storage=Watched(clock=clock)).start(JANE)
        await until_priced(checkout)
        await checkout.pay(CARD)
        current.clear()
        await place_as_shown(checkout)
    assert current == ["save in checkout.place", f"request in {PLACE}", "save in checkout.place"]


async def test_a_step_left_by_its_caller_is_ended(
    sandbox: Sandbox, clock: Clock, collected: Collected
) -> None:
    leaving: dict[str, asyncio.Task[Any]] = {}

    def leave(event: Event) -> None:
        if isinstance(event, RequestStarted) and event.operation in leaving:
            leaving[event.operation].cancel()

    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, hooks=[collected.hook, leave]
    ) as gett:
        checkout = await Checkouts(gett).start(JANE)
        await fill_cart(checkout)
        collected.exporter.clear()
        leaving["create_session"] = asyncio.ensure_future(checkout.fulfill(HOME))
        with pytest.raises(asyncio.CancelledError):
            await leaving["create_session"]
        await checkout.fulfill(HOME)  # waits for the other one, which goes on, and finds it done
        await checkout.validate()
        await checkout.pay(CARD)
        leaving["place_order"] = asyncio.ensure_future(place_as_shown(checkout))
        with pytest.raises(asyncio.CancelledError):
            await leaving["place_order"]
    assert collected.tree() == [
        *("checkout.fulfill", [CREATE, CONTEXT], "checkout.fulfill"),
        *("checkout.validate", [VALIDATE], "checkout.pay", "checkout.place", [PLACE]),
    ]
    left, *_, placed = [span for span in collected.spans if span.parent is None]
    for finished in (left, placed):  # both went on without their callers
        assert finished.status.status_code is StatusCode.UNSET
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_request_left_by_its_caller_is_ended(
    gett: GettClient, collected: Collected
) -> None:
    # Cancelled before it begins to wait, so at its first wait: in the request.
    task = asyncio.ensure_future(gett.get_store(STORE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (span,) = collected.spans
    assert (span.attributes or {})["error.type"] == "CancelledError"
    assert span.parent is None


async def test_a_step_that_is_closed_from_elsewhere_takes_no_other_with_it(
    collected: Collected,
) -> None:
    hooks = Hooks([collected.hook]).about("c-1")

    async def step(name: str) -> None:
        with hooks.step(name, lambda: "browse"):
            await asyncio.sleep(0)

    lost = step("lost")
    copy_context().run(lost.send, None)
    with hooks.step("other", lambda: "browse"):
        other = trace.get_current_span()
        lost.close()
        assert trace.get_current_span() is other
        assert other.is_recording()
    assert collected.tree() == ["checkout.other"]


async def test_two_hooks_see_the_same(sandbox: Sandbox, clock: Clock, collected: Collected) -> None:
    second = Collected()
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, hooks=[collected.hook, second.hook]
    ) as gett:
        checkout = await payable(Checkouts(gett))
        await place_as_shown(checkout)
    assert [span.name for span in second.spans] == [span.name for span in collected.spans]
    assert not trace.get_current_span().get_span_context().is_valid
    second.close()


async def test_checkouts_side_by_side_are_traces_apart(
    checkouts: Checkouts, collected: Collected
) -> None:
    async def shop() -> None:
        checkout = await payable(checkouts)
        await place_as_shown(checkout)

    await asyncio.gather(shop(), shop(), shop())
    ids = {span.context.span_id: dict(span.attributes or {}) for span in collected.spans}
    requests = [span for span in collected.spans if span.parent is not None]
    assert len(requests) == 3 * 9 - 2  # they share a menu
    for span in requests:
        assert span.parent is not None
        parent = ids[span.parent.span_id]
        assert parent["gett.checkout"] == (span.attributes or {})["gett.checkout"]
    assert len({attributes["gett.checkout"] for attributes in ids.values()}) == 3


async def test_metrics_count_what_matters(
    checkouts: Checkouts, collected: Collected, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    sandbox.switches.fail("get_store", "html")
    await until_payable(checkout, card=CardOnFile("card_declined", "stripe"))
    with pytest.raises(PaymentDeclinedError):
        await place_as_shown(checkout)
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert collected.counts("gett.checkout.placements") == {("rejected",): 1, ("placed",): 1}
    assert collected.counts("gett.checkout.session.upgrades") == {("partner-only", "end-user"): 1}
    assert collected.counts("gett.client.retries") == {
        ("get_store", "BadGatewayError", "HTTP 502"): 1
    }
    metrics = collected.metrics()
    steps = {
        tuple(dict(each.attributes).values()): each.count
        for each in metrics["gett.checkout.step.duration"]
    }
    assert steps[("place",)] == 1
    assert steps[("place", "PaymentDeclinedError")] == 1
    assert steps[("pay",)] == 2
    requests = metrics["http.client.request.duration"]
    assert sum(each.count for each in requests) == len(sandbox.requests)
    assert requests[0].explicit_bounds[:2] == (0.005, 0.01)
    assert requests[0].explicit_bounds[-1] == 10
    declined = [dict(each.attributes) for each in requests if "error.type" in each.attributes]
    assert {
        (each["error.type"], each["http.response.status_code"], each["url.template"])
        for each in declined
    } == {
        ("BadGatewayError", 502, "/stores/{store_id}"),
        ("PaymentDeclinedError", 400, "/orders/place"),
    }
    values = {
        value
        for points in metrics.values()
        for each in points
        for value in each.attributes.values()
    }
    assert values.isdisjoint({checkout.id, digest(checkout.id)})


async def test_hand_overs_are_counted_and_what_is_unresolved_is_a_gauge(
    collected: Collected,
) -> None:
    hooks = Hooks([collected.hook])
    hooks.about("c-1").tell(OrderHandedOver, "ord_1", 1, 30.0, "TimeoutError", 60.0)
    hooks.about("c-1").tell(OrderHandedOver, "ord_1", 2, 0.1, None, None)
    hooks.about("c-2").tell(OrderHandedOver, "ord_2", 1, 0.1, None, None)
    assert collected.counts("gett.checkout.hand_overs") == {("TimeoutError",): 1, (): 2}
    for number, (count, oldest) in enumerate(((2, 600.5), (0, 0.0)), start=1):
        hooks.tell(UnresolvedCounted, "unknown", count, oldest)
        metrics = collected.metrics()  # once: early SDKs tell of a gauge once each time it is set
        (counted,), (longest,), (counts,) = (
            metrics[f"gett.checkout.unresolved{which}"] for which in ("", ".oldest", ".counts")
        )
        assert (counted.value, longest.value, counts.value) == (count, oldest, number)
        for point in (counted, longest, counts):
            assert point.attributes == {"gett.unresolved.reason": "unknown"}


# How Prometheus's exporter of OpenTelemetry writes these names.
ALERTED = {
    "gett_checkout_unresolved": "gett.checkout.unresolved",
    "gett_checkout_unresolved_oldest_seconds": "gett.checkout.unresolved.oldest",
    "gett_checkout_unresolved_counts_total": "gett.checkout.unresolved.counts",
}


async def test_the_runbook_has_an_alert_for_each_reason_and_one_for_nobody_counting(
    collected: Collected,
) -> None:
    text = RUNBOOK.read_text().split("## Alerts")[1].split("\n## ")[0]
    queries = re.findall(r"^\| .*? \| `(.*?)` \|", text, re.MULTILINE)
    assert {name for query in queries for name in re.findall(r"gett_checkout_\w+", query)} == {
        *ALERTED
    }
    alerted = [re.findall(r'\{gett_unresolved_reason="(\w+)"\}', query) for query in queries]
    hooks = Hooks([collected.hook])
    for reason in get_args(Reason):
        hooks.tell(UnresolvedCounted, reason, 1, 60.0)
    metrics = collected.metrics()
    for name in ALERTED.values():
        told = [[point.attributes["gett.unresolved.reason"]] for point in metrics[name]]
        assert sorted(told) == sorted(filter(None, alerted))


async def test_a_span_names_the_order_of_its_placement(collected: Collected) -> None:
    hooks = Hooks([collected.hook]).about("c-1")
    with hooks.step("place", lambda: "placed"):
        hooks.tell(PlacementOutcome, "placed", 1, "key", "ord_1")
    (span,) = collected.spans
    assert (span.attributes or {})["gett.placement.order_id"] == "ord_1"


# --- secrets --------------------------------------------------------------------------------------

EMAIL, PHONE, NUMBER, CVC = "whistle@blower.example", "+12125559876", "4111222233334444", "987"
WHO = Identity(email=EMAIL, first_name="Whistle", last_name="Blower", phone=PHONE)
NEW_CARD = NewCard(
    NUMBER, "visa", CVC, date(2031, 1, 31), Address("17 Hidden Lane", "New York", "NY", "10001")
)
FAULTS: list[FaultKind] = ["error", "drop_before", "drop_after", "error_after", "garbage", "html"]
WHERE = ("350 5th Ave", "Hidden Lane")
SHORT = (CVC, "10118")  # looked for as texts: ids, times and ports hold any few digits now and then


async def test_no_secret_is_in_an_event_a_log_record_or_a_span(
    sandbox: Sandbox, clock: Clock, collected: Collected, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown, order_tokens = list[str](), set[str]()
    async with GettClient(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=clock,
        sleep=clock.sleep,
        hooks=[collected.hook, lambda event: shown.append(repr(event))],
    ) as gett:
        checkout = await Checkouts(gett).start()

        async def insist(step: Any, *arguments: Any) -> Any:
            for _ in range(30):
                with suppress(GettCheckoutError):
                    result = await step(*arguments)
                    if quote := checkout._record.state.quote:
                        order_tokens.add(quote.order_token)
                    return result
            pytest.fail("it never succeeded")

        for operation in (
            *("get_store", "create_session", "set_fulfillment_context", "validate_order"),
            *("add_payment_card", "place_order"),
        ):
            for kind in FAULTS:
                sandbox.switches.fail(operation, kind)
        await insist(fill_cart, checkout)
        await insist(checkout.fulfill, HOME)
        await insist(checkout.validate)
        await checkout.identify(WHO)
        saved = await insist(checkout.add_card, NEW_CARD)
        await insist(checkout.pay, SavedCard(saved.payment_id))
        await insist(checkout.pay, CardOnFile("card_declined", "stripe"))
        sandbox.switches.faults.clear()
        with pytest.raises(PaymentDeclinedError):
            await place_as_shown(checkout)
        await checkout.pay(CardOnFile("tok_do_not_show", "stripe"))
        sandbox.switches.fail("place_order", "drop_after", times=2)
        await insist(place_as_shown, checkout)
    assert len(sandbox.orders) == 1
    assert len(order_tokens) > 1
    assert sandbox.count("create_session") > 1
    data = collected.reader.get_metrics_data()
    assert data is not None
    shown += [record.getMessage() + repr(vars(record)) for record in caplog.records]
    shown += [span.to_json() for span in collected.spans]
    shown.append(data.to_json())
    told = "\n".join(shown)
    assert digest(checkout.id) in told
    assert checkout.id not in told
    tokens = [session.token for session in sandbox.sessions]
    secrets = (sandbox.api_key, *tokens, *order_tokens, "tok_do_not_show", NUMBER)
    contact = (EMAIL, PHONE, "Whistle", "Blower", *WHERE)
    quoted = [f"{quote}{digits}{quote}" for digits in SHORT for quote in ("'", '"')]
    assert [each for each in (*secrets, *contact, *quoted) if each in told] == []


async def test_what_is_told_outside_of_a_step_is_counted_and_in_no_span(
    collected: Collected,
) -> None:
    collected.hook(PlacementOutcome("c", "placed", attempts=2, idempotency_key=None))
    assert collected.spans == ()
    assert collected.counts("gett.checkout.placements") == {("placed",): 1}


def test_an_event_of_a_later_release_is_passed_over(collected: Collected) -> None:
    collected.hook(object())  # type: ignore[arg-type]
    assert collected.spans == ()
