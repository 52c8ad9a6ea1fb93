"""Follow an order once it is placed: read it repeatedly, at growing intervals, until it is final.

It changes nothing at Gett. Almost every other request has somebody waiting for it, so this one leaves
part of each minute to them (docs: Rate limits), and continues after temporary failures.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from gett_checkout._client import GettClient
from gett_checkout._core.blame import may_pass
from gett_checkout._core.order import Order
from gett_checkout._retry import RetryPolicy
from gett_checkout._wire.endpoints import OPERATIONS
from gett_checkout.errors import GettCheckoutError, InvalidInputError

EVERY: Final = 10.0
MAX_INTERVAL: Final = 120.0
_LEAST: Final = 1.0
_BUCKET: Final = OPERATIONS["get_order"].bucket


def read_pace(every: float, max_interval: float) -> RetryPolicy:
    """Return a pace that doubles from one interval to the other; both in seconds."""
    if not (isinstance(every, int | float) and every >= _LEAST):
        raise InvalidInputError("every must be at least 1 second", field="every")
    if not (isinstance(max_interval, int | float) and max_interval >= every):
        raise InvalidInputError("max_interval must be no less than every", field="max_interval")
    return RetryPolicy(initial_backoff=every, max_backoff=max_interval)


async def follow(
    read: Callable[[], Awaitable[Order]], client: GettClient, pace: RetryPolicy
) -> AsyncGenerator[Order, None]:
    """Yield the order, then again whenever ``read`` returns a changed one, until it is final."""
    shown: Order | None = None
    asked = 0
    while True:
        asked += 1
        wait = pace.backoff(asked, client.jitter())
        try:
            order = await read()
        except GettCheckoutError as error:
            if not may_pass(error):
                raise
            if error.retry_after is not None:
                wait = max(wait, error.retry_after + _apart(client, pace))
        else:
            if order != shown:
                shown = order
                yield order
            if order.is_over:
                return
        await client.sleep(wait)
        while (wait := client.wait_to_spare(_BUCKET)) > 0:
            await client.sleep(wait + _apart(client, pace))


def _apart(client: GettClient, pace: RetryPolicy) -> float:
    """Return extra seconds, which spread those that wait for the same moment."""
    return pace.initial_backoff * client.jitter()
