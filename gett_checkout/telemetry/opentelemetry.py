"""Events as OpenTelemetry spans and metrics; needs only its API package: extra ``opentelemetry``.

A step is a span, and each attempt of a request in it is a child span of kind client. Its name and
attributes follow OpenTelemetry's semantic conventions for HTTP; ``url.full`` is omitted, because it
would contain a filled-in path. The library sends no trace context to Gett. Metric attributes have low
cardinality: no ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen
from opentelemetry import context, metrics, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from gett_checkout._version import __version__
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
)

_NAME: Final = "gett_checkout"
# The buckets the conventions recommend for requests, in seconds; a step may take longer.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

Attributes = dict[str, str | int]


@frozen
class _Begun:
    """A span in progress, and the step or request it represents."""

    what: tuple[str | int | None, ...]
    span: Span
    outside: context.Context


class OpenTelemetry:
    """A hook: ``GettClient(key, hooks=[OpenTelemetry()])``.

    The providers default to the global ones; the caller shuts them down.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        self._step = context.create_key("gett_checkout.step")
        self._request = context.create_key("gett_checkout.request")
        meter = metrics.get_meter(_NAME, __version__, meter_provider)
        self._request_seconds = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._step_seconds = meter.create_histogram(
            "gett.checkout.step.duration",
            "s",
            "Duration of checkout steps.",
            explicit_bucket_boundaries_advisory=(*_SECONDS, 30.0, 60.0),
        )
        self._placements = meter.create_counter(
            "gett.checkout.placements", "{placement}", "Outcomes of placements."
        )
        self._upgrades = meter.create_counter(
            "gett.checkout.session.upgrades",
            "{upgrade}",
            "Sessions replaced by one of a higher level.",
        )
        self._retries = meter.create_counter(
            "gett.client.retries", "{retry}", "Requests delayed or retried."
        )

        self._hand_overs = meter.create_counter(
            "gett.checkout.hand_overs", "{call}", "Calls of on_placed with an order."
        )
        self._unresolved = meter.create_gauge(
            "gett.checkout.unresolved", "{checkout}", "Unresolved checkouts."
        )
        self._oldest = meter.create_gauge(
            "gett.checkout.unresolved.oldest", "s", "Age of the oldest unresolved checkout."
        )
        # A gauge keeps its last value while nobody counts; this shows that somebody does.
        self._counts = meter.create_counter(
            "gett.checkout.unresolved.counts", "{count}", "Counts of unresolved checkouts."
        )

    def __call__(self, event: Event, /) -> None:
        """Record the event in spans and metrics."""
        match event:
            case StepStarted():
                self._step_started(event)
            case StepFinished():
                self._step_finished(event)
            case RequestStarted():
                self._request_started(event)
            case RequestFinished():
                self._request_finished(event)
            case StageChanged():
                pass  # the step's span has the final stage
            case SessionUpgraded(before=before, after=after):
                levels: Attributes = {"gett.session.before": before, "gett.session.after": after}
                self._upgrades.add(1, levels)
                self._note(levels)
            case RetryScheduled():
                cause = _known({"gett.cause": event.cause})
                reason: Attributes = {"error.type": event.reason, **cause}
                self._retries.add(1, {"gett.operation": event.operation, **reason})
            case PlacementOutcome():
                self._placements.add(1, {"gett.placement.outcome": event.outcome})
                self._note(_placement(event))
            case OrderHandedOver(error=error):
                self._hand_overs.add(1, _failure(error))
            case UnresolvedCounted():
                why: Attributes = {"gett.unresolved.reason": event.reason}
                self._unresolved.set(event.count, why)
                self._oldest.set(event.oldest, why)
                self._counts.add(1, why)

    def _step_started(self, event: StepStarted) -> None:
        about: Attributes = {"gett.step": event.step, "gett.checkout": event.checkout}
        span = self._tracer.start_span(f"checkout.{event.step}", attributes=about)
        self._begin(self._step, _of_step(event), span)

    def _step_finished(self, event: StepFinished) -> None:
        failure = _failure(event.error)
        self._step_seconds.record(event.seconds, {"gett.step": event.step, **failure})
        self._end(self._step, _of_step(event), {"gett.stage": event.stage, **failure}, failure)

    def _request_started(self, event: RequestStarted) -> None:
        about = _about(event)
        if event.attempt > 1:
            about["http.request.resend_count"] = event.attempt - 1
        if event.checkout is not None:
            about["gett.checkout"] = event.checkout
        span = self._tracer.start_span(
            f"{event.method} {event.route}", kind=SpanKind.CLIENT, attributes=about
        )
        self._begin(self._request, _of_request(event), span)

    def _request_finished(self, event: RequestFinished) -> None:
        failure = _failure(event.error)
        response = failure | _known({"http.response.status_code": event.status})
        self._request_seconds.record(event.seconds, _about(event) | response)
        response |= _known(
            {
                "gett.cause": event.cause,
                "gett.error_code": event.error_code,
                "gett.request_id": event.request_id,
            }
        )
        self._end(self._request, _of_request(event), response, failure)

    def _begin(self, key: str, what: tuple[str | int | None, ...], span: Span) -> None:
        """Make the span the current one of this task, and of the tasks it begins."""
        inside = trace.set_span_in_context(span)
        begun = _Begun(what, span, context.get_current())
        context.attach(context.set_value(key, begun, inside))

    def _end(
        self,
        key: str,
        what: tuple[str | int | None, ...],
        attributes: Mapping[str, str | int],
        failure: Mapping[str, str | int],
    ) -> None:
        begun = context.get_value(key)
        if not isinstance(begun, _Begun) or begun.what != what:
            return  # ended in another context than it began
        begun.span.set_attributes(attributes)
        if failure:
            begun.span.set_status(StatusCode.ERROR)
        begun.span.end()
        context.attach(begun.outside)  # needs no token, so it cannot be the wrong one

    def _note(self, attributes: Attributes) -> None:
        """Add the event to the span of the step in progress."""
        begun = context.get_value(self._step)
        if isinstance(begun, _Begun):
            begun.span.set_attributes(attributes)


def _about(event: RequestStarted | RequestFinished) -> Attributes:
    return {
        "http.request.method": event.method,
        "url.template": event.route,
        "server.address": event.host,
        "server.port": event.port,
        "gett.operation": event.operation,
    }


def _placement(event: PlacementOutcome) -> Attributes:
    return _known(
        {
            "gett.placement.outcome": event.outcome,
            "gett.placement.attempts": event.attempts,
            "gett.placement.idempotency_key": event.idempotency_key,
            "gett.placement.order_id": event.order_id,
        }
    )


def _failure(error: str | None) -> Attributes:
    return _known({"error.type": error})


def _known(attributes: Mapping[str, str | int | None]) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}


def _of_step(event: StepStarted | StepFinished) -> tuple[str | int | None, ...]:
    return event.checkout, event.step


def _of_request(event: RequestStarted | RequestFinished) -> tuple[str | int | None, ...]:
    return event.checkout, event.operation, event.attempt
