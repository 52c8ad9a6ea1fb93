"""The requests of each journey, compared with the minimum the API allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.journeys import (
    JOURNEYS,
    Journey,
    abandoned_while_browsing,
    known_at_pay,
    known_before_validate,
    known_from_the_start,
    measure,
    own_end_user_token,
)
from benchmarks.measuring import Effort, Goal, Row
from gett_checkout.operations import OPERATIONS, Bucket

# A cart is made from a menu, whose id only the store has. Docs: Stores; Catalog.
_BROWSE: Final = ("get_store", "get_catalog_set")
# The context belongs to a session, and a bad address is detected only when it is set. Docs: Session
# (Fulfillment context). So a shopper who gives an address needs both.
_SESSION: Final = ("create_session", "set_fulfillment_context")
# Placing needs an order token, which only validate returns. Docs: Orders.
_PRICE: Final = ("validate_order",)
_ORDER: Final = ("place_order",)

# A partner-only session never becomes an end user's: signing in later needs another session, and the
# first one's data has to be sent again (docs: Errors, SESSION_USER_REQUIRED).
LEAST: Final[Mapping[Journey, tuple[str, ...]]] = {
    own_end_user_token: (*_BROWSE, *_SESSION, *_PRICE, *_ORDER),
    known_from_the_start: (*_BROWSE, *_SESSION, *_PRICE, *_ORDER),
    known_before_validate: (*_BROWSE, *_SESSION, *_SESSION, *_PRICE, *_ORDER),
    known_at_pay: (*_BROWSE, *_SESSION, *_PRICE, *_SESSION, *_PRICE, *_ORDER),
    abandoned_while_browsing: _BROWSE,
}


async def wire(effort: Effort) -> list[Row]:
    """The requests, and the writes among them, of the five journeys in docs/wire-costs.md together.

    No journey can need fewer than its minimum, so equal sums mean equal journeys.
    """
    costs = [await measure(journey) for journey in JOURNEYS]
    least = [LEAST[journey] for journey in JOURNEYS]
    against, goal = "the least the API allows", Goal("=", 1.0)
    requests = sum(len(cost.operations) for cost in costs)
    fewest = sum(map(len, least))
    writes, fewest_writes = sum(cost.writes for cost in costs), sum(map(_writes, least))
    return [
        Row("requests of five journeys", against, "requests", requests, fewest, goal),
        Row("writes of five journeys", against, "writes", writes, fewest_writes, goal),
    ]


def _writes(operations: tuple[str, ...]) -> int:
    return sum(OPERATIONS[each].bucket is Bucket.WRITES for each in operations)
