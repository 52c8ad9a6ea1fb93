"""The library's log: standard library logging, one logger, one line per event.

A message begins with constant words to search for, followed by the values: the checkout, the
idempotency key, the error and its cause. The event's members are also attributes of the record,
prefixed with ``gett_``: ``gett_checkout``, ``gett_operation``. There is nothing to switch on, because
on-call engineers have logging configured, but not hooks; if its level is disabled, an event costs one
level check.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from logging import DEBUG, ERROR, INFO, WARNING
from typing import Any, Final

from attrs import fields, frozen

from gett_checkout.telemetry.events import (
    Event,
    OrderHandedOver,
    Outcome,
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

logger: Final = logging.getLogger("gett_checkout")
logger.addHandler(logging.NullHandler())  # without logging configuration nothing is printed

_MAY_FAIL: Final = 3  # hand-over attempts before the log level rises

_OUTCOMES: Final[Mapping[Outcome, tuple[int, str]]] = {
    "placed": (INFO, "order placed"),
    "rejected": (INFO, "order rejected"),
    "not_placed": (INFO, "order not placed"),
    "unknown": (WARNING, "order outcome unknown"),
    "key_expired": (ERROR, "order outcome unknown, key expired"),
    "duplicate_order": (ERROR, "duplicate order"),
}


@frozen
class Line:
    """A log line: a template and the values that fill it."""

    level: int
    template: str
    values: tuple[object, ...]


def _line(level: int, words: str, *parts: tuple[str, object]) -> Line:
    """Make a line from constant words and the parts that have a value.

    The template is constant for the same parts, because error trackers group lines by it.
    """
    known = [(text, value) for text, value in parts if value is not None]
    template = f"{words}: " + ", ".join(text for text, _ in known)
    values = [one_line(value) if isinstance(value, str) else value for _, value in known]
    return Line(level, template, tuple(values))


def _step_started(event: StepStarted) -> Line:
    return _line(DEBUG, "step started", ("checkout %s", event.checkout), ("%s", event.step))


def _step_finished(event: StepFinished) -> Line:
    level, words = (INFO, "step failed") if event.error else (DEBUG, "step finished")
    return _line(
        level,
        words,
        ("checkout %s", event.checkout),
        ("%s", event.step),
        ("stage %s", event.stage),
        ("%s s", _seconds(event.seconds)),
        ("%s", event.error),
    )


def _stage_changed(event: StageChanged) -> Line:
    change = f"{event.before} to {event.after}"
    return _line(INFO, "stage changed", ("checkout %s", event.checkout), ("%s", change))


def _session_upgraded(event: SessionUpgraded) -> Line:
    change = f"{event.before} to {event.after}"
    return _line(INFO, "session upgraded", ("checkout %s", event.checkout), ("%s", change))


def _request_started(event: RequestStarted) -> Line:
    return _line(DEBUG, "request started", *_request(event))


def _request_finished(event: RequestFinished) -> Line:
    return _line(
        DEBUG,
        "request failed" if event.error else "request finished",
        *_request(event),
        ("status %d", event.status),
        ("%s s", _seconds(event.seconds)),
        ("%s", _error(event.error, event.cause)),
        ("code %s", event.error_code),
        ("request id %s", event.request_id),
    )


def _retry_scheduled(event: RetryScheduled) -> Line:
    return _line(
        WARNING,
        "retry scheduled",
        ("checkout %s", event.checkout),
        ("%s", event.operation),
        ("attempt %s", f"{event.attempt} in {_seconds(event.wait)} s"),
        ("key %s", event.idempotency_key),
        ("%s", _error(event.reason, event.cause)),
    )


def _placement_outcome(event: PlacementOutcome) -> Line:
    level, words = _OUTCOMES[event.outcome]
    return _line(
        level,
        f"{words} (reported by an operator)" if event.by_person else words,
        ("checkout %s", event.checkout),
        ("order %s", event.order_id),
        ("key %s", event.idempotency_key),
        ("attempts %d", event.attempts),
        ("%s", _error(event.error, event.cause)),
    )


def _order_handed_over(event: OrderHandedOver) -> Line:
    level, words = INFO, "order handed over"
    if event.error:
        level = WARNING if event.attempt <= _MAY_FAIL else ERROR
        words = "order not handed over"
    return _line(
        level,
        words,
        ("checkout %s", event.checkout),
        ("order %s", event.order_id),
        ("attempt %d", event.attempt),
        ("%s s", _seconds(event.seconds)),
        ("%s", event.error),
        ("again in %s s", None if event.wait is None else _seconds(event.wait)),
    )


def _unresolved_counted(event: UnresolvedCounted) -> Line:
    oldest = _seconds(event.oldest) if event.count else None
    return _line(
        WARNING if event.count else DEBUG,
        "unresolved checkouts",
        ("%s", event.reason),
        ("%d", event.count),
        ("oldest for %s s", oldest),
    )


# For each kind of event, the highest level it is logged at and the function that makes its line.
LOGGED: Final[Mapping[type[Event], tuple[int, Callable[[Any], Line]]]] = {
    StepStarted: (DEBUG, _step_started),
    StepFinished: (INFO, _step_finished),
    StageChanged: (INFO, _stage_changed),
    SessionUpgraded: (INFO, _session_upgraded),
    RequestStarted: (DEBUG, _request_started),
    RequestFinished: (DEBUG, _request_finished),
    RetryScheduled: (WARNING, _retry_scheduled),
    PlacementOutcome: (ERROR, _placement_outcome),
    OrderHandedOver: (ERROR, _order_handed_over),
    UnresolvedCounted: (WARNING, _unresolved_counted),
}


def is_wanted(kind: type[Event]) -> bool:
    """Whether the log accepts an event of this kind at its highest level."""
    return logger.isEnabledFor(LOGGED[kind][0])


def log(event: Event) -> None:
    """Log the event, if the logger's level allows it."""
    kind = type(event)
    if not is_wanted(kind):
        return  # before making a line
    line = LOGGED[kind][1](event)
    if logger.isEnabledFor(line.level):
        extra = {f"gett_{each.name}": getattr(event, each.name) for each in fields(kind)}
        logger.log(line.level, line.template, *line.values, extra=extra)


def log_failure(hook: object, failure: BaseException, message: str = "a hook failed") -> None:
    """Log the error of a hook, or of another function of the caller's."""
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    logger.error(message, exc_info=failure, extra={"gett_hook": name})


@cache
def warn_once(message: str) -> None:
    """Log a warning, the first time in this process."""
    logger.warning("%s", message)


class JsonFormatter(logging.Formatter):
    """Formats one JSON object per line: ``time``, ``level``, ``logger``, ``message``, and attributes.

    Each attribute of the record whose name begins with ``gett_`` is a member under that name. ``time``
    is ISO 8601 in UTC; ``exception`` is the traceback, if any. A value that JSON cannot represent is
    written as its ``str()``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON."""
        about = {key: value for key, value in vars(record).items() if key.startswith("gett_")}
        members = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **about,
        }
        if text := record.exc_text or (record.exc_info and self.formatException(record.exc_info)):
            members["exception"] = text
        return (
            "{"
            + ", ".join(f"{_json(name)}: {_json(value)}" for name, value in members.items())
            + "}"
        )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - its arguments do not fit: still better than no line
        return _text(record.msg)


def _json(value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False, default=_text)
    except (TypeError, ValueError, RecursionError):  # a non-string key, NaN, a cycle
        return json.dumps(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the line is worth more than one of its values
        return f"<{type(value).__name__}>"


def _request(event: RequestStarted | RequestFinished) -> tuple[tuple[str, object], ...]:
    return (
        ("checkout %s", event.checkout),
        ("%s", event.operation),
        ("%s", f"{event.method} {event.route}"),
        ("attempt %d", event.attempt),
    )


def _error(error: str | None, cause: str | None) -> str | None:
    return f"{error} ({cause})" if error and cause else error


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}".rstrip("0").rstrip(".")


def one_line(text: str) -> str:
    """Keep text from Gett, or a caller's id, on one line: it must not start a line of its own."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
