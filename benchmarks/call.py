"""The cost of one call, compared with the most used Python client of a payment API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from benchmarks.journeys import HOME
from benchmarks.measuring import MICROSECONDS, Effort, Goal, Row, race
from benchmarks.serving import client, fixed_responses
from gett_checkout import Line, Store

_STORE: Final = Store("store_bella_napoli", "catalog_set_bella_napoli")
_ITEMS: Final = ("item_diavola", "item_margherita", "item_tiramisu")


async def one_call(effort: Effort) -> list[Row]:
    """One POST with a cart of three lines, served at once with the same bytes.

    Ours: `validate_order`. Theirs: ``checkout.sessions.create_async`` of stripe-python, which also
    sends lines to be priced and makes an object of the response. Each has its own client session, made
    as it does by default, and reuses its connection.
    """
    from stripe import AIOHTTPClient, StripeClient

    count = effort.of(200)
    lines = [Line(f"line_{each}", each, 2) for each in _ITEMS]
    async with fixed_responses() as url, client(url) as gett:
        adapter: Any = AIOHTTPClient()
        stripe = StripeClient("sk_test_1", http_client=adapter, base_addresses={"api": url})

        async def ours() -> None:
            for _ in range(count):
                await gett.validate_order(_STORE, lines, HOME, tip=Decimal("3.00"), token="t")  # noqa: S106

        async def theirs() -> None:
            for _ in range(count):
                await stripe.v1.checkout.sessions.create_async(
                    {
                        "mode": "payment",
                        "line_items": [{"price": each, "quantity": 2} for each in _ITEMS],
                        "success_url": "https://partner.example/thanks",
                        "metadata": {"fulfillment": "delivery", "tip": "3.00"},
                    }
                )

        try:
            mine, others = await race(effort, ours, theirs)
        finally:
            await adapter.close_async()
    each = MICROSECONDS / count
    what, against = "one API call, a POST", "stripe-python's async client doing one"
    return [Row(what, against, "µs", mine * each, others * each, Goal("≤", 0.5))]
