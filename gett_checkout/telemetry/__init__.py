"""Events of the library: for the log, for OpenTelemetry, or for a hook of your own.

See docs/observe.md. ``gett_checkout.telemetry.opentelemetry`` needs the extra of that name.
"""

from gett_checkout.telemetry.events import (
    Event,
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
from gett_checkout.telemetry.hooks import Hook
from gett_checkout.telemetry.logs import JsonFormatter

__all__ = [
    "Event",
    "Hook",
    "JsonFormatter",
    "OrderHandedOver",
    "PlacementOutcome",
    "RequestFinished",
    "RequestStarted",
    "RetryScheduled",
    "SessionUpgraded",
    "StageChanged",
    "StepFinished",
    "StepStarted",
    "UnresolvedCounted",
    "digest",
]
