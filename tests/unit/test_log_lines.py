"""What each event says in the log, word for word: people search for these lines, and alerts match them."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from attrs import fields

from gett_checkout.telemetry import (
    Event,
    JsonFormatter,
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
)
from gett_checkout.telemetry.hooks import Hooks
from gett_checkout.telemetry.logs import LOGGED, log

PAGE = (Path(__file__).parents[2] / "docs" / "observe.md").read_text()
ID = "6b1f0c2a9d3e"
KEY = "8f14e45f-ceea-467f-a8f1-0d0b1c2e3f4a"
GET = (ID, "get_store", "GET", "/stores/{store_id}", "api.example", 443, 1)
PLACE = (ID, "place_order", "POST", "/orders/place", "api.example", 443, 2)
LOST = ("TransportError", "ServerDisconnected")

LINES: list[tuple[Event, str, str]] = [
    (StepStarted(ID, "place"), "DEBUG", f"step started: checkout {ID}, place"),
    (
        StepFinished(ID, "place", "placed", 1.239, None),
        "DEBUG",
        f"step finished: checkout {ID}, place, stage placed, 1.24 s",
    ),
    (
        StepFinished(ID, "place", "placing", 1.24, "OutcomeUnknownError"),
        "INFO",
        f"step failed: checkout {ID}, place, stage placing, 1.24 s, OutcomeUnknownError",
    ),
    (
        StageChanged(ID, "placing", "placed"),
        "INFO",
        f"stage changed: checkout {ID}, placing to placed",
    ),
    (
        SessionUpgraded(ID, "partner-only", "end-user"),
        "INFO",
        f"session upgraded: checkout {ID}, partner-only to end-user",
    ),
    (
        RequestStarted(*GET),
        "DEBUG",
        f"request started: checkout {ID}, get_store, GET /stores/{{store_id}}, attempt 1",
    ),
    (
        RequestStarted(None, *GET[1:]),
        "DEBUG",
        "request started: get_store, GET /stores/{store_id}, attempt 1",
    ),
    (
        RequestFinished(*PLACE, 201, 0.104, None, None, None),
        "DEBUG",
        f"request finished: checkout {ID}, place_order, POST /orders/place, attempt 2, status 201, 0.1 s",
    ),
    (
        RequestFinished(
            *PLACE, 503, 2.0, "ServiceUnavailableError", "SERVICE_UNAVAILABLE", "req_1", "HTTP 503"
        ),
        "DEBUG",
        f"request failed: checkout {ID}, place_order, POST /orders/place, attempt 2, status 503, 2 s,"
        " ServiceUnavailableError (HTTP 503), code SERVICE_UNAVAILABLE, request id req_1",
    ),
    (
        RequestFinished(*PLACE, None, 30.0, "TransportError", None, None, "timeout"),
        "DEBUG",
        f"request failed: checkout {ID}, place_order, POST /orders/place, attempt 2, 30 s,"
        " TransportError (timeout)",
    ),
    (
        RetryScheduled(ID, "place_order", 2, 0.5, "TransportError", "ServerDisconnected", KEY),
        "WARNING",
        f"retry scheduled: checkout {ID}, place_order, attempt 2 in 0.5 s, key {KEY},"
        " TransportError (ServerDisconnected)",
    ),
    (
        RetryScheduled(None, "get_store", 1, 10.0, "rate_limit"),
        "WARNING",
        "retry scheduled: get_store, attempt 1 in 10 s, rate_limit",
    ),
    (
        PlacementOutcome(ID, "placed", 2, KEY, "ord_1"),
        "INFO",
        f"order placed: checkout {ID}, order ord_1, key {KEY}, attempts 2",
    ),
    (
        PlacementOutcome(ID, "placed", 0, None),
        "INFO",
        f"order placed: checkout {ID}, attempts 0",
    ),
    (
        PlacementOutcome(ID, "placed", 4, KEY, "ord_1", by_person=True),
        "INFO",
        f"order placed (reported by an operator): checkout {ID}, order ord_1, key {KEY}, attempts 4",
    ),
    (
        PlacementOutcome(ID, "rejected", 1, KEY, None, "PaymentDeclinedError", "HTTP 400"),
        "INFO",
        f"order rejected: checkout {ID}, key {KEY}, attempts 1, PaymentDeclinedError (HTTP 400)",
    ),
    (
        PlacementOutcome(ID, "not_placed", 4, KEY, None, "TransportError", "ClientConnector"),
        "INFO",
        f"order not placed: checkout {ID}, key {KEY}, attempts 4, TransportError (ClientConnector)",
    ),
    (
        PlacementOutcome(ID, "not_placed", 4, KEY, by_person=True),
        "INFO",
        f"order not placed (reported by an operator): checkout {ID}, key {KEY}, attempts 4",
    ),
    (
        PlacementOutcome(ID, "unknown", 4, KEY, None, *LOST),
        "WARNING",
        f"order outcome unknown: checkout {ID}, key {KEY}, attempts 4, TransportError (ServerDisconnected)",
    ),
    (
        PlacementOutcome(ID, "key_expired", 4, KEY),
        "ERROR",
        f"order outcome unknown, key expired: checkout {ID}, key {KEY}, attempts 4",
    ),
    (
        PlacementOutcome(ID, "duplicate_order", 2, KEY, "ord_2"),
        "ERROR",
        f"duplicate order: checkout {ID}, order ord_2, key {KEY}, attempts 2",
    ),
    (
        OrderHandedOver(ID, "ord_1", 1, 0.02, None, None),
        "INFO",
        f"order handed over: checkout {ID}, order ord_1, attempt 1, 0.02 s",
    ),
    (
        OrderHandedOver(ID, None, 3, 30.0, "TimeoutError", 60.0),
        "WARNING",
        f"order not handed over: checkout {ID}, attempt 3, 30 s, TimeoutError, again in 60 s",
    ),
    (
        OrderHandedOver(ID, "ord_1", 4, 0.004, "ValueError", 3600.0),
        "ERROR",
        f"order not handed over: checkout {ID}, order ord_1, attempt 4, 0 s, ValueError, again in 3600 s",
    ),
    (UnresolvedCounted(None, "unknown", 0, 0.0), "DEBUG", "unresolved checkouts: unknown, 0"),
    (
        UnresolvedCounted(None, "key_expired", 3, 1234567.891),
        "WARNING",
        "unresolved checkouts: key_expired, 3, oldest for 1234567.89 s",
    ),
]


@pytest.mark.parametrize(("event", "level", "line"), LINES, ids=[line for *_, line in LINES])
def test_an_event_has_its_line(
    caplog: pytest.LogCaptureFixture, event: Event, level: str, line: str
) -> None:
    caplog.set_level(logging.DEBUG, "gett_checkout")
    log(event)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("gett_checkout", level, line)
    about = {key: value for key, value in vars(record).items() if key.startswith("gett_")}
    assert about == {f"gett_{each.name}": getattr(event, each.name) for each in fields(type(event))}


def test_every_event_and_outcome_has_its_line() -> None:
    assert {type(event) for event, *_ in LINES} == set(get_args(Event)) == set(LOGGED)
    assert [line for _, _, line in LINES if "None" in line] == []


def test_lines_alike_have_one_template(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gett_checkout")
    log(PlacementOutcome("one", "unknown", 2, "key-1", None, *LOST))
    log(PlacementOutcome("other", "unknown", 4, "key-2", error="TransportError", cause="timeout"))
    assert {record.msg for record in caplog.records} == {
        "order outcome unknown: checkout %s, key %s, attempts %d, %s"
    }


@pytest.mark.parametrize("kind", LOGGED, ids=lambda kind: kind.__name__)
def test_a_level_that_is_off_costs_no_event_and_no_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    number = logging.getLevelNamesMapping()
    highest = max(number[level] for event, level, _ in LINES if type(event) is kind)
    assert LOGGED[kind][0] == highest
    made = list[object]()
    monkeypatch.setitem(LOGGED, kind, (highest, made.append))
    caplog.set_level(highest + 1, "gett_checkout")
    for event in (event for event, *_ in LINES if type(event) is kind):
        log(event)
    Hooks().tell(kind)  # it would lack its members
    assert (made, caplog.records) == ([], [])


def test_a_line_stays_one_line_whatever_gett_sends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gett_checkout")
    log(PlacementOutcome(ID, "placed", 1, KEY, "ord\n\x1b[2J%s\ud800"))
    (record,) = caplog.records
    assert (
        record.getMessage()
        == f"order placed: checkout {ID}, order ord\\n\\x1b[2J%s\\ud800, key {KEY}, attempts 1"
    )


def test_the_page_has_every_line_with_its_levels() -> None:
    written = dict(re.findall(r'^\| "([^"]+)" \| ([^|]*) \|$', PAGE, re.MULTILINE))
    said: dict[str, set[str]] = {"a hook failed": {"ERROR"}, "on_placed failed": {"ERROR"}}
    for _, level, line in LINES:
        said.setdefault(line.split(":")[0].partition(" (")[0], set()).add(level)
    assert {words: set(re.findall(r"[A-Z]{4,}", cell)) for words, cell in written.items()} == said


# --- lines of JSON --------------------------------------------------------------------------------


def record_of(message: Any = "said", *arguments: Any, **extra: Any) -> logging.LogRecord:
    logger = logging.getLogger("gett_checkout")
    return logger.makeRecord(
        logger.name, logging.INFO, __file__, 1, message, arguments, None, extra=extra
    )


def read(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    read: dict[str, Any] = json.loads(line)
    return read


@pytest.mark.parametrize(("event", "level", "line"), LINES, ids=[line for *_, line in LINES])
def test_a_line_of_json_loses_nothing(
    caplog: pytest.LogCaptureFixture, event: Event, level: str, line: str
) -> None:
    caplog.set_level(logging.DEBUG, "gett_checkout")
    log(event)
    said = read(caplog.records[0])
    time = datetime.fromisoformat(said.pop("time"))
    assert time.utcoffset() == UTC.utcoffset(None)
    assert abs(time.timestamp() - caplog.records[0].created) < 0.002
    assert said == {
        "level": level,
        "logger": "gett_checkout",
        "message": line,
        **{f"gett_{each.name}": getattr(event, each.name) for each in fields(type(event))},
    }


def test_a_line_of_json_has_the_exception() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("gett_checkout")
    logger.addHandler(handler)

    def bad(event: Event) -> None:
        raise ValueError("of the hook")

    try:
        Hooks([bad]).tell(UnresolvedCounted, "unknown", 0, 0.0)
    finally:
        logger.removeHandler(handler)
    said = json.loads(stream.getvalue())
    assert said["message"] == "a hook failed"
    assert said["gett_hook"].endswith("bad")
    assert said["exception"].startswith("Traceback")
    assert said["exception"].endswith("ValueError: of the hook")


def test_a_line_of_json_keeps_an_exception_that_was_written_already() -> None:
    record = record_of()
    record.exc_text = "Traceback …"  # as after another handler
    assert read(record)["exception"] == "Traceback …"


def test_odd_values_are_text_in_json() -> None:
    class Mute:
        def __str__(self) -> str:
            raise ValueError("no words")

    circle: list[object] = []
    circle.append(circle)
    odd = {
        "gett_path": Path("a"),
        "gett_nan": float("nan"),
        "gett_keys": {(1, 2): 3},
        "gett_circle": circle,
        "gett_mute": Mute(),
        "gett_lone": "\ud800",
        "other": "left out",
    }
    said = read(record_of("100 %", 1, **odd))
    assert said["message"] == "100 %"
    assert {key: value for key, value in said.items() if key.startswith("gett_")} == {
        "gett_path": "a",
        "gett_nan": "nan",
        "gett_keys": "{(1, 2): 3}",
        "gett_circle": "[[...]]",
        "gett_mute": "<Mute>",
        "gett_lone": "\ud800",
    }
    assert "other" not in said
    assert read(record_of("%s", Mute()))["message"] == "%s"


def test_logging_can_be_told_of_the_formatter_by_its_name() -> None:
    logger = logging.getLogger("gett_checkout.test")
    logging.config.dictConfig(
        {
            "version": 1,
            "incremental": False,
            "disable_existing_loggers": False,
            "formatters": {"json": {"class": "gett_checkout.telemetry.JsonFormatter"}},
            "handlers": {"test": {"class": "logging.StreamHandler", "formatter": "json"}},
            "loggers": {"gett_checkout.test": {"handlers": ["test"]}},
        }
    )
    (handler,) = logger.handlers
    logger.removeHandler(handler)
    assert isinstance(handler.formatter, JsonFormatter)
