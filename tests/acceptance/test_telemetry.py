"""What hooks and the log are told of whole checkouts, and that listening changes nothing."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from attrs import fields

from gett_checkout import (
    CardOnFile,
    Checkouts,
    GettClient,
    InvalidInputError,
    InvalidResponseError,
    MemoryStorage,
    Order,
    OutcomeUnknownError,
    PaymentDeclinedError,
    StepNotAllowedError,
    TransportError,
)
from gett_checkout import _placing as placing
from gett_checkout import _transport as transport
from gett_checkout.sandbox import Sandbox
from gett_checkout.telemetry import (
    Event,
    Hook,
    OrderHandedOver,
    PlacementOutcome,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    SessionUpgraded,
    StageChanged,
    StepFinished,
    StepStarted,
    UnresolvedCounted,
    digest,
)
from gett_checkout.telemetry.events import Outcome
from gett_checkout.telemetry.hooks import Hooks
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    HOME,
    JANE,
    STORE,
    fill_cart,
    listening,
    lose_order,
    operations,
    outcomes,
    payable,
    until_payable,
)
from tests.samples.shopper import place_as_shown

PAGE = (Path(__file__).parents[2] / "docs" / "observe.md").read_text()
EVENTS: tuple[type[Any], ...] = get_args(Event)
NEVER = 99  # longer than any patience


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def listened(gett: GettClient, storage: MemoryStorage, events: list[Event]) -> Checkouts:
    return Checkouts(listening(gett, events.append), storage=storage)


def told(event: Event) -> str:
    """An event in a few words."""
    match event:
        case StepStarted(step=step):
            return f"{step} {{"
        case StepFinished(step=step, stage=stage, error=error):
            return f"}} {step} at {stage}" + (f": {error}" if error else "")
        case StageChanged(before=before, after=after):
            return f"{before} > {after}"
        case SessionUpgraded(before=before, after=after):
            return f"{before} >> {after}"
        case RequestStarted(operation=operation, attempt=attempt):
            return f"{operation} {attempt} ..."
        case RequestFinished(operation=operation, attempt=attempt, status=status, error=error):
            ended = f"{status or '-'} {error}" if error else "ok" if status else "no status"
            return f"{operation} {attempt}: {ended}"
        case RetryScheduled(operation=operation, attempt=attempt, reason=reason):
            return f"{operation} {attempt} in a while: {reason}"
        case PlacementOutcome(outcome=outcome, attempts=attempts):
            return f"{outcome} after {attempts}"
        case OrderHandedOver(attempt=attempt, error=error):
            return f"handed over {attempt}: {error or 'ok'}"
        case UnresolvedCounted(reason=reason, count=count):
            return f"{count} unresolved: {reason}"


def of(events: Sequence[Event], *kinds: type[Any]) -> list[str]:
    return [told(event) for event in events if isinstance(event, kinds)]


# --- what is told ---------------------------------------------------------------------------------


async def test_a_whole_checkout_is_told_in_order(listened: Checkouts, events: list[Event]) -> None:
    checkout = await payable(listened)
    await place_as_shown(checkout)
    assert [told(event) for event in events] == [
        *("browse {", "get_store 1 ...", "get_store 1: ok"),
        *("get_catalog_set 1 ...", "get_catalog_set 1: ok", "} browse at browse"),
        *("add {", "browse > fulfillment", "} add at fulfillment"),
        *("add {", "} add at fulfillment"),
        *("fulfill {", "create_session 1 ...", "create_session 1: ok"),
        *("set_fulfillment_context 1 ...", "set_fulfillment_context 1: ok"),
        *("fulfillment > validate", "} fulfill at validate"),
        *("validate {", "validate_order 1 ...", "validate_order 1: ok"),
        *("validate > pay", "} validate at pay"),
        *("identify {", "} identify at pay"),
        *("pay {", "create_session 1 ...", "create_session 1: ok", "partner-only >> end-user"),
        *("set_fulfillment_context 1 ...", "set_fulfillment_context 1: ok"),
        *("validate_order 1 ...", "validate_order 1: ok"),
        *("pay > place", "} pay at place"),
        *("place {", "place > placing", "place_order 1 ...", "place_order 1: ok"),
        *("placing > placed", "placed after 1", "} place at placed"),
    ]
    assert {event.checkout for event in events} == {digest(checkout.id)}
    assert all(
        event.seconds > 0 for event in events if isinstance(event, StepFinished | RequestFinished)
    )


async def test_a_request_is_told_by_its_template(
    gett: GettClient, sandbox: Sandbox, storage: MemoryStorage, events: list[Event]
) -> None:
    checkout = await Checkouts(listening(gett, events.append), storage=storage).start()
    await checkout.browse(STORE)
    started = next(event for event in events if isinstance(event, RequestStarted))
    assert (started.method, started.route) == ("GET", "/stores/{store_id}")
    assert f"http://{started.host}:{started.port}" == sandbox.url
    assert STORE not in repr(events)


async def test_a_hook_hears_each_event_once_and_of_which_checkout(
    sandbox: Sandbox, clock: Clock
) -> None:
    twice, other = list[Event](), list[Event]()
    async with GettClient(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=clock,
        hooks=[twice.append, other.append, twice.append],
    ) as gett:
        await gett.get_store(STORE)
        assert [event.checkout for event in twice] == [None, None]
        checkout = await Checkouts(gett).start()
        await checkout.browse(STORE)
        assert {event.checkout for event in twice[2:]} == {digest(checkout.id)}
        assert len(twice) == 8
        assert other == twice
        await gett.get_store(STORE)
        assert twice[-1].checkout is None


async def test_a_partner_says_what_a_checkout_is_called(sandbox: Sandbox, clock: Clock) -> None:
    events = list[Event]()
    async with GettClient(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=clock,
        hooks=[events.append],
        checkout_label=str,
    ) as gett:
        checkout = await Checkouts(gett).start(checkout_id="basket-17")
        await checkout.browse(STORE)
    assert {event.checkout for event in events} == {"basket-17"}


async def test_a_label_that_raises_harms_nothing(
    sandbox: Sandbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    events, failure = list[Event](), LookupError("of the label")

    def bad(checkout_id: str) -> str:
        raise failure

    async with GettClient(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=clock,
        hooks=[events.append],
        checkout_label=bad,
    ) as gett:
        checkout = await Checkouts(gett).start()
        await checkout.browse(STORE)
    assert {event.checkout for event in events} == {digest(checkout.id)}
    (record,) = [record for record in caplog.records if record.message == "a hook failed"]
    assert record.exc_info
    assert record.exc_info[1] is failure


async def test_what_is_unresolved_is_told_of_no_checkout(events: list[Event]) -> None:
    Hooks([events.append]).tell(UnresolvedCounted, "unknown", 3, 60.0)
    assert events == [UnresolvedCounted(None, "unknown", 3, 60.0)]


async def test_a_request_and_its_retry_say_what_was_behind_the_failure(
    listened: Checkouts, sandbox: Sandbox, events: list[Event]
) -> None:
    checkout = await listened.start()
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    events.clear()
    sandbox.switches.fail("validate_order", "html")
    sandbox.switches.fail("validate_order", "drop_after", after=1)
    await checkout.validate()
    causes = ["HTTP 502", "ServerDisconnected"]
    ended = [each.cause for each in events if isinstance(each, RequestFinished)]
    assert ended == [*causes, None]
    assert [each.cause for each in events if isinstance(each, RetryScheduled)] == causes


async def test_retries_are_told_with_the_attempt_they_lead_to(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    checkout = await listened.start()
    sandbox.switches.fail("get_store", "html", times=2)
    await checkout.browse(STORE)
    assert [told(event) for event in events][1:7] == [
        *("get_store 1 ...", "get_store 1: 502 BadGatewayError"),
        "get_store 2 in a while: BadGatewayError",
        *("get_store 2 ...", "get_store 2: 502 BadGatewayError"),
        "get_store 3 in a while: BadGatewayError",
    ]
    waits = [event.wait for event in events if isinstance(event, RetryScheduled)]
    assert waits == clock.slept


async def test_a_request_held_back_by_the_rate_limit_is_told(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    clock.now = clock.now.replace(second=50)
    sandbox.switches.rate_limits = {"reads": 2, "writes": 10, "discovery": 10}
    checkout = await listened.start()
    await checkout.browse(STORE)  # a store and a menu: no more reads this minute
    await checkout.browse(STORE)
    assert of(events, RetryScheduled) == ["get_store 1 in a while: rate_limit"]


async def test_an_answer_that_cannot_be_read_has_its_status_told(
    listened: Checkouts, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = await listened.start()
    monkeypatch.setattr(transport, "LARGEST_RESPONSE", 10)
    with pytest.raises(InvalidResponseError):
        await checkout.browse(STORE)
    assert of(events, RequestFinished) == ["get_store 1: 200 InvalidResponseError"]


async def test_an_unknown_outcome_is_told_until_it_is_known(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    checkout = await payable(listened)
    sandbox.switches.fail("place_order", "drop_after", times=NEVER)
    events.clear()
    with pytest.raises(OutcomeUnknownError):
        await place_as_shown(checkout)
    tries = len([each for each in operations(sandbox) if each == "place_order"])
    assert tries > 1
    assert of(events, RequestFinished) == [
        f"place_order {attempt}: - TransportError" for attempt in range(1, tries + 1)
    ]
    assert of(events, RetryScheduled) == [
        f"place_order {attempt} in a while: TransportError" for attempt in range(2, tries + 1)
    ]
    assert of(events, PlacementOutcome, StepFinished) == [
        f"unknown after {tries}",
        "} place at placing: OutcomeUnknownError",
    ]
    sandbox.switches.faults.clear()
    events.clear()
    clock.advance(15)
    assert outcomes(await listened.reconcile()) == {checkout.id: "placed"}
    assert [told(event) for event in events] == [
        *("reconcile {", f"place_order {tries + 1} ...", f"place_order {tries + 1}: ok"),
        *("placing > placed", f"placed after {tries + 1}", "} reconcile at placed"),
    ]


async def test_a_rejected_placement_is_told(listened: Checkouts, events: list[Event]) -> None:
    checkout = await listened.start()
    await until_payable(checkout, card=CardOnFile("card_declined", "stripe"))
    events.clear()
    with pytest.raises(PaymentDeclinedError):
        await place_as_shown(checkout)
    assert of(events, PlacementOutcome, StageChanged, StepFinished) == [
        *("place > placing", "placing > pay", "rejected after 1"),
        "} place at pay: PaymentDeclinedError",
    ]
    refused = next(event for event in events if isinstance(event, RequestFinished))
    assert refused.error_code == "PAYMENT_DECLINED"
    assert refused.request_id
    assert refused.status == 400


async def test_a_placement_that_cannot_be_sent_is_told(
    clock: Clock, sandbox: Sandbox, events: list[Event]
) -> None:
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=clock.sleep, hooks=[events.append]
    ) as gett:
        checkout = await payable(Checkouts(gett))
        await sandbox.stop()
        with pytest.raises(TransportError):
            await place_as_shown(checkout)
    assert of(events, PlacementOutcome) == ["not_placed after 4"]
    assert events[-1].stage == "place"  # type: ignore[union-attr]


async def test_a_placement_key_expired_to_be_sent_again_is_told(
    listened: Checkouts, sandbox: Sandbox, clock: Clock, events: list[Event]
) -> None:
    checkout = await payable(listened)
    await lose_order(checkout, sandbox)
    clock.advance(24 * 3600)
    events.clear()
    with pytest.raises(OutcomeUnknownError):
        await checkout.reconcile()
    assert of(events, PlacementOutcome) == ["key_expired after 4"]
    (key_expired,) = [event for event in events if isinstance(event, PlacementOutcome)]
    assert checkout.view.placement is not None
    assert key_expired.idempotency_key == checkout.view.placement.key


async def test_a_duplicate_order_is_told(listened: Checkouts, events: list[Event]) -> None:
    checkout = await payable(listened)
    order = await place_as_shown(checkout)
    events.clear()
    # As when another worker saved its answer first, and ours names another order.
    assert await placing.placed(checkout._record, order) == order
    assert events == []
    assert await placing.placed(checkout._record, Order(order_id="another")) == order
    assert [told(event) for event in events] == ["duplicate_order after 1"]
    assert [notice.code for notice in checkout.view.notices][-1] == "duplicate_order"


async def test_a_price_that_ran_out_is_a_change_of_stage(
    listened: Checkouts, clock: Clock, events: list[Event]
) -> None:
    checkout = await payable(listened)
    clock.advance(16 * 60)
    events.clear()
    with pytest.raises(StepNotAllowedError):
        await place_as_shown(checkout)
    assert of(events, StageChanged) == ["place > validate"]


# --- cancelled callers, several checkouts ---------------------------------------------------------


def cancelling(operation: str, task: Callable[[], asyncio.Task[Any]]) -> Hook:
    """A hook under which the caller goes away just as a request of this kind leaves."""

    def hook(event: Event) -> None:
        if isinstance(event, RequestStarted) and event.operation == operation:
            task().cancel()

    return hook


async def test_a_request_left_by_its_caller_is_told_to_its_end(
    gett: GettClient, storage: MemoryStorage, events: list[Event]
) -> None:
    leaving: list[asyncio.Task[Any]] = []
    leave = cancelling("validate_order", lambda: leaving[0])
    checkout = await Checkouts(listening(gett, events.append, leave), storage=storage).start()
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    events.clear()
    leaving.append(asyncio.ensure_future(checkout.validate()))
    with pytest.raises(asyncio.CancelledError):
        await leaving[0]
    assert of(events, RequestFinished, StepFinished) == [
        "validate_order 1: - CancelledError",
        "} validate at validate: CancelledError",
    ]


async def test_a_placement_left_by_its_caller_is_told_to_its_end(
    gett: GettClient, storage: MemoryStorage, events: list[Event]
) -> None:
    leaving: list[asyncio.Task[Any]] = []
    leave = cancelling("place_order", lambda: leaving[0])
    checkout = await payable(Checkouts(listening(gett, events.append, leave), storage=storage))
    events.clear()
    leaving.append(asyncio.ensure_future(place_as_shown(checkout)))
    with pytest.raises(asyncio.CancelledError):
        await leaving[0]
    await gett.close()
    assert of(events, RequestFinished, PlacementOutcome, StepFinished) == [
        *("place_order 1: ok", "placed after 1", "} place at placed"),
    ]
    assert {event.checkout for event in events} == {digest(checkout.id)}


async def test_checkouts_side_by_side_are_told_apart(
    listened: Checkouts, events: list[Event]
) -> None:
    one, other = await listened.start(), await listened.start(JANE)

    async def shop(index: int) -> None:
        checkout = (one, other)[index]
        await until_payable(checkout)
        await place_as_shown(checkout)

    await asyncio.gather(shop(0), shop(1))
    order = [event.checkout for event in events]
    assert sum(a != b for a, b in pairwise(order)) > 10  # they took turns
    create, context, price = "create_session", "set_fulfillment_context", "validate_order"
    expected = {
        one.id: [create, context, price, create, context, price, "place_order"],
        other.id: [create, context, price, "place_order"],
    }
    for checkout_id, requests in expected.items():
        own = [event for event in events if event.checkout == digest(checkout_id)]
        sent = [event.operation for event in own if isinstance(event, RequestFinished)]
        assert [each for each in sent if not each.startswith("get_")] == requests
        assert of(own, StepStarted)[-1] == "place {"
        assert of(own, StepFinished)[-1] == "} place at placed"


# --- listening changes nothing --------------------------------------------------------------------


@pytest.mark.parametrize("failure", [ValueError("of the hook"), asyncio.CancelledError()])
async def test_a_hook_that_raises_harms_nothing(
    gett: GettClient,
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    failure: BaseException,
) -> None:
    heard = list[Event]()

    def bad(event: Event) -> None:
        heard.append(event)
        raise failure

    after = list[Event]()
    checkout = await payable(Checkouts(listening(gett, bad, after.append)))
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1
    assert len(after) == len(heard) > 40
    failures = [record for record in caplog.records if record.message == "a hook failed"]
    assert len(failures) == len(heard)
    assert "bad" in vars(failures[0])["gett_hook"]
    assert failures[0].exc_info
    assert failures[0].exc_info[1] is failure


async def test_a_log_that_raises_harms_nothing(checkouts: Checkouts, sandbox: Sandbox) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise ValueError("of the handler")

    logger, handler = logging.getLogger("gett_checkout"), Broken()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        checkout = await payable(checkouts)
        await place_as_shown(checkout)
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    assert len(sandbox.orders) == 1


async def test_unless_somebody_listens_no_event_is_made(
    checkouts: Checkouts, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: object, **__: object) -> None:
        raise AssertionError("an event was made")

    for kind in EVENTS:
        monkeypatch.setattr(kind, "__init__", made)
    logging.getLogger("gett_checkout").setLevel(logging.CRITICAL)
    try:
        checkout = await payable(checkouts)
        await place_as_shown(checkout)
    finally:
        logging.getLogger("gett_checkout").setLevel(logging.NOTSET)
    assert len(sandbox.orders) == 1


async def unawaited(event: Event) -> None: ...


@pytest.mark.parametrize("wrong", [[None], [unawaited], None, print])
def test_what_cannot_be_a_hook_is_rejected(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="hook"):
        GettClient("key", hooks=wrong)


async def awaited(checkout_id: str) -> str:
    return checkout_id


@pytest.mark.parametrize("wrong", [None, awaited, "id"])
def test_what_cannot_be_a_label_is_rejected(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="checkout_label"):
        GettClient("key", checkout_label=wrong)


# --- the log --------------------------------------------------------------------------------------
# What each line says is in tests/unit/test_log_lines.py.


async def test_the_log_says_what_happened(
    checkouts: Checkouts, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gett_checkout")
    checkout = await payable(checkouts)
    await lose_order(checkout, sandbox)
    records = [record for record in caplog.records if record.name == "gett_checkout"]
    assert all(f": checkout {digest(checkout.id)}, " in record.message for record in records)
    assert {vars(record)["gett_checkout"] for record in records} == {digest(checkout.id)}
    assert {(record.message.split(":")[0], record.levelname) for record in records} == {
        ("step started", "DEBUG"),
        ("step finished", "DEBUG"),
        ("step failed", "INFO"),
        ("stage changed", "INFO"),
        ("session upgraded", "INFO"),
        ("request started", "DEBUG"),
        ("request finished", "DEBUG"),
        ("request failed", "DEBUG"),
        ("retry scheduled", "WARNING"),
        ("order outcome unknown", "WARNING"),
    }
    unknown = vars(records[-2])
    assert (unknown["gett_outcome"], unknown["gett_attempts"]) == ("unknown", 4)
    assert checkout.view.placement is not None
    assert f"key {checkout.view.placement.key}, attempts 4" in unknown["message"]
    failed = next(record for record in records if record.message.startswith("request failed"))
    assert failed.message.endswith(", TransportError (ServerDisconnected)")


@pytest.mark.parametrize(
    ("level", "words"),
    [("INFO", {"stage changed", "session upgraded", "order placed"}), ("WARNING", set())],
)
async def test_the_log_keeps_to_its_level(
    checkouts: Checkouts, caplog: pytest.LogCaptureFixture, level: str, words: set[str]
) -> None:
    caplog.set_level(level, "gett_checkout")
    checkout = await payable(checkouts)
    await place_as_shown(checkout)
    messages = [each.message for each in caplog.records if each.name == "gett_checkout"]
    assert {message.split(":")[0] for message in messages} == words


@pytest.mark.slow
def test_nothing_is_printed_and_no_extra_imported_unless_asked_for() -> None:
    script = """
import logging, sys
import gett_checkout.telemetry
logging.getLogger("gett_checkout").error("never")
logging.getLogger("gett_checkout._placing").error("never")
assert not any(name.startswith("opentelemetry") for name in sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


# --- the page -------------------------------------------------------------------------------------


def test_the_page_has_every_event_with_its_members() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert {name: members for name, members in rows if name[0].isupper()} == {
        kind.__name__: ", ".join(f"`{each.name}`" for each in fields(kind)) for kind in EVENTS
    }


def test_the_page_has_every_outcome() -> None:
    table = PAGE.partition("| `outcome` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [*get_args(Outcome)]
