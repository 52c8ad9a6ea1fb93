"""A trace of one order as a picture: ``PYTHONPATH=docs python -m gett_docs.trace`` records it and writes it.

The shopper pays, which needs an end-user session and a new price, and places; the response of the
first placement is lost. The test extra has the OpenTelemetry SDK that this needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from gett_checkout import Checkouts, GettClient, RetryPolicy
from gett_checkout.sandbox import Sandbox
from gett_checkout.telemetry.opentelemetry import OpenTelemetry
from gett_docs.examples import CARD, HOME, JANE

PICTURE: Final = Path(__file__).parents[1] / "trace.svg"
_WIDTH: Final = 720
_NAMES: Final = 250  # the width of the spans' names
_ROW: Final = 24
_TOP: Final = 34
_NANOSECONDS: Final = 1e6  # in a millisecond

_STYLE: Final = """
text{font:12px system-ui,sans-serif;fill:#222}
.muted{fill:#5a5c63}
.step{fill:#0a58ca}
.request{fill:#7aa7e9}
.failed{fill:#b3541e}
.rail{stroke:#dfe1e6}
"""


class Span(NamedTuple):
    """A span of the trace: a step (0 deep) or a request of it (1 deep); times in milliseconds."""

    depth: int
    name: str
    start: float
    end: float
    error: str


async def recorded() -> list[Span]:
    """The spans of paying and placing an order in the sandbox, in the order they began."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    async with Sandbox() as sandbox:
        gett = GettClient(
            sandbox.api_key,
            base_url=sandbox.url,
            hooks=[OpenTelemetry(tracers, MeterProvider())],
            retry=RetryPolicy(initial_backoff=0.005),
        )
        async with gett:
            checkout = await Checkouts(gett).start()
            await checkout.browse("store_bella_napoli")
            await checkout.add("item_tiramisu", quantity=3)
            await checkout.fulfill(HOME)
            await checkout.validate()
            await checkout.identify(JANE)
            exporter.clear()
            await checkout.pay(CARD)
            sandbox.switches.fail("place_order", "drop_after")
            quote = checkout.view.quote
            assert quote is not None  # noqa: S101 - it has just been asked for
            await checkout.place(total=quote.amounts.total)
    spans = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
    first = spans[0].start_time or 0
    return [
        Span(
            depth=1 if span.parent else 0,
            name=span.name,
            start=((span.start_time or 0) - first) / _NANOSECONDS,
            end=((span.end_time or 0) - first) / _NANOSECONDS,
            error=str((span.attributes or {}).get("error.type", "")),
        )
        for span in spans
    ]


def picture(spans: Sequence[Span]) -> str:
    """The spans as bars under one another, as a tracing backend shows them."""
    height = _TOP + _ROW * len(spans) + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}">',
            "<title>Two steps as spans, and the requests below them</title>",
            f"<style>{_STYLE.strip()}</style>",
            '<rect width="100%" height="100%" fill="#fff" rx="8"/>',
            *_scale(spans, height),
            *(part for row, span in enumerate(spans) for part in _bar(row, span, spans)),
            "</svg>\n",
        ]
    )


def _x(milliseconds: float, spans: Sequence[Span]) -> float:
    return _NAMES + (_WIDTH - _NAMES - 60) * milliseconds / max(span.end for span in spans)


def _scale(spans: Sequence[Span], height: int) -> Iterator[str]:
    last = max(span.end for span in spans)
    for part in range(5):
        x = _x(last * part / 4, spans)
        yield f'<line class="rail" x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{height - 8}"/>'
        yield f'<text class="muted" x="{x:.1f}" y="20" text-anchor="middle">{last * part / 4:.0f} ms</text>'


def _bar(row: int, span: Span, spans: Sequence[Span]) -> Iterator[str]:
    y = _TOP + _ROW * row
    kind = "failed" if span.error else "request" if span.depth else "step"
    left, right = _x(span.start, spans), _x(span.end, spans)
    yield '<g class="span">'
    yield f'<text x="{14 + 18 * span.depth}" y="{y + 14}">{escape(span.name)}</text>'
    yield (
        f'<rect class="{kind}" x="{left:.1f}" y="{y + 3}" width="{max(right - left, 2):.1f}" '
        f'height="{_ROW - 9}" rx="2"/>'
    )
    if span.error:
        yield f'<text class="muted" x="{right + 5:.1f}" y="{y + 14}">{escape(span.error)}</text>'
    yield "</g>"


if __name__ == "__main__":
    PICTURE.write_text(picture(asyncio.run(recorded())))
