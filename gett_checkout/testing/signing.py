"""Order events for tests, signed as Gett signs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from gett_checkout.sandbox.switches import SANDBOX_WEBHOOK_SECRET
from gett_checkout.sandbox.webhooks import event_body, signed_headers


class SignedEvent(NamedTuple):
    """The two parts of a webhook request: post them to the endpoint under test."""

    body: bytes
    """The request body: the event as JSON, byte for byte as it was signed."""

    headers: dict[str, str]
    """The request's headers, the signature and its timestamp included."""


def signed_event(
    type: str = "order_update",  # noqa: A002 - the member's name
    *,
    status: str = "confirmed",
    checkout_session_id: str = "csn_of_a_test",
    permalink_url: str = "https://gett.example/orders/of-a-test",
    refunds: Sequence[Mapping[str, object]] = (),
    body: bytes | None = None,
    secret: str = SANDBOX_WEBHOOK_SECRET,
    now: datetime | None = None,
) -> SignedEvent:
    """Make the request that posts an order event, as the sandbox would send it.

    ``refunds`` are in Gett's format, in minor units: ``{"type": "store_credit", "amount": 1050}``.
    ``body`` is sent and signed instead of an event made from the arguments. ``secret`` is the key of
    the signature (default: the sandbox's), ``now`` the aware time of sending (default: the real time).
    Docs: Webhooks.
    """
    if body is None:
        data = {
            "checkout_session_id": checkout_session_id,
            "permalink_url": permalink_url,
            "status": status,
            "refunds": [dict(refund) for refund in refunds],
        }
        body = event_body(type, data)
    return SignedEvent(body, signed_headers(body, secret, now or datetime.now(UTC)))
