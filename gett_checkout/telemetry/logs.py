"""The library's log: standard library logging, one logger, constant messages.

What a message is about stands in the record's attributes, each named as the event's with ``gett_``
before it: ``gett_checkout_id``, ``gett_operation``. It is always there, and costs a look at the
logger's level while nobody wants it: whoever is woken at night has set up logging long ago, but no hook.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from attrs import fields

from gett_checkout.telemetry.events import (
    Event,
    PlacementOutcome,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    SessionUpgraded,
    StageChanged,
    StepFinished,
    StepStarted,
)

logger: Final = logging.getLogger("gett_checkout")
logger.addHandler(logging.NullHandler())  # unless logging is set up, nothing is printed

# What each event is called, and the level it is logged at: the usual one and the highest.
LOGGED: Final[Mapping[type[Event], tuple[str, int, int]]] = {
    StepStarted: ("step started", logging.DEBUG, logging.DEBUG),
    StepFinished: ("step finished", logging.DEBUG, logging.INFO),
    StageChanged: ("stage changed", logging.INFO, logging.INFO),
    SessionUpgraded: ("session upgraded", logging.INFO, logging.INFO),
    RequestStarted: ("request started", logging.DEBUG, logging.DEBUG),
    RequestFinished: ("request finished", logging.DEBUG, logging.DEBUG),
    RetryScheduled: ("retry scheduled", logging.WARNING, logging.WARNING),
    PlacementOutcome: ("placement outcome", logging.INFO, logging.ERROR),
}


def is_wanted(kind: type[Event]) -> bool:
    """Whether the log takes an event of this kind if it is of the highest level."""
    return logger.isEnabledFor(LOGGED[kind][2])


def log(event: Event) -> None:
    """Log the event, if the logger is set to take it."""
    message, usual, _ = LOGGED[type(event)]
    level = _level(event) or usual
    if logger.isEnabledFor(level):
        names = [each.name for each in fields(type(event))]
        logger.log(level, message, extra={f"gett_{name}": getattr(event, name) for name in names})


def log_failure(hook: object, failure: BaseException) -> None:
    """Log what the hook raised."""
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    logger.error("a hook failed", exc_info=failure, extra={"gett_hook": name})


def _level(event: Event) -> int | None:
    """A higher level than usual, where the event deserves it."""
    match event:
        case StepFinished(error=str()):
            return logging.INFO
        case PlacementOutcome(outcome="unknown"):
            return logging.WARNING
        case PlacementOutcome(outcome="key_expired" | "duplicate_order"):
            return logging.ERROR
    return None
