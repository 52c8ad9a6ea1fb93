"""Order events, as Gett's webhooks send them: signed, posted to one URL, and posted again.

Docs: Webhooks. Placing an order only puts its event into a queue; `Courier.deliver` sends what is
due by the sandbox's clock, and `Courier.run` calls it whenever something is.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp
from attrs import evolve, field, frozen

from .orders import Order
from .switches import Switches

EventType = Literal["order_create", "order_update"]

API_VERSION = "2026-01-30"
REDELIVERY_SECONDS = (30, 120, 600, 3600, 4 * 3600, 12 * 3600)
"""How long after each failed try the next one comes; after the last one the event is given up.

Documented up to the hour; the rest is this sandbox's own.
"""
RESPONSE_SECONDS = 5.0

STATUSES = {
    "pending": "created",
    "manual_review": "manual_review",
    "confirmed": "confirmed",
    "preparing": "confirmed",
    "ready": "confirmed",
    "inTransit": "shipped",
    "completed": "fulfilled",
    "cancelled": "canceled",
}
"""What the webhooks call each step of an order's progress."""


def event_body(kind: str, data: Mapping[str, Any]) -> bytes:
    """Return the bytes of an order event with the content `data`."""
    return json.dumps({"type": kind, "data": {"type": "order", **data}}).encode()


def signed_headers(body: bytes, secret: str, at: datetime) -> dict[str, str]:
    """Return the headers of a request with `body`, sent `at` this time."""
    key = secret.encode(errors="surrogatepass")
    return {
        "Content-Type": "application/json",
        "API-Version": API_VERSION,
        "Timestamp": str(int(at.timestamp())),
        "Signature": hmac.new(key, body, hashlib.sha256).hexdigest(),
    }


@frozen
class Attempt:
    """One delivery attempt; `status` is 0 where no response came."""

    at: datetime
    status: int


@frozen
class Delivery:
    """One event to deliver. `due_at` is the time of the next attempt; `None` after the last."""

    type: EventType
    order_id: str
    body: bytes = field(repr=False)
    due_at: datetime | None
    attempts: tuple[Attempt, ...] = ()

    @property
    def delivered(self) -> bool:
        """Whether the receiver has accepted it."""
        return bool(self.attempts) and 200 <= self.attempts[-1].status < 300


class Courier:
    """Keeps every event and delivers those that are due.

    `clock` decides what is due; `stamp` gives the time in the header `Timestamp`. They differ because
    receivers check that header by the real time, even when the sandbox clock was moved ahead.
    """

    def __init__(
        self,
        switches: Switches,
        *,
        clock: Callable[[], datetime],
        stamp: Callable[[], datetime],
        permalink: Callable[[str], str],
    ) -> None:
        self._switches = switches
        self._clock = clock
        self._stamp = stamp
        self._permalink = permalink
        self._sending = asyncio.Lock()
        self._news = asyncio.Event()
        self.deliveries: list[Delivery] = []

    def announce(self, order: Order, before: Order | None = None) -> None:
        """Queue the event of a new or changed order, if a webhook URL is set and the event changed."""
        if self._switches.webhook_url is None:
            return
        data = self._data(order)
        if before is not None and data == self._data(before):
            return
        kind: EventType = "order_create" if before is None else "order_update"
        body = event_body(kind, data)
        self.deliveries.append(Delivery(kind, order.order_id, body, self._clock()))
        self.wake()

    async def deliver(self) -> list[Delivery]:
        """Try each due delivery once, in order, and return those that were tried, in their new state."""
        async with self._sending:
            log, tried = self.deliveries, []
            timeout = aiohttp.ClientTimeout(total=RESPONSE_SECONDS)
            async with aiohttp.ClientSession(timeout=timeout) as http:
                for index, delivery in enumerate(log):
                    url = self._switches.webhook_url
                    if url is None or delivery.due_at is None or delivery.due_at > self._clock():
                        continue
                    status = await self._post(http, url, delivery.body)
                    log[index] = self._after(delivery, status)
                    tried.append(log[index])
            return tried

    async def run(self) -> None:
        """Deliver each event when it becomes due, until cancelled."""
        while True:
            self._news.clear()
            await self.deliver()
            due = [each.due_at for each in self.deliveries if each.due_at is not None]
            wait = None
            if due and self._switches.webhook_url is not None:
                wait = max(0.0, (min(due) - self._clock()).total_seconds())
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                continue

    def wake(self) -> None:
        """Look again at what is due: something was added, or the clock was moved."""
        self._news.set()

    def reset(self) -> None:
        """Forget every delivery; one that is under way is written to the old list."""
        self.deliveries = []

    async def _post(self, http: aiohttp.ClientSession, url: str, body: bytes) -> int:
        headers = signed_headers(body, self._switches.webhook_secret, self._stamp())
        try:
            async with http.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status
        except (aiohttp.ClientError, OSError, ValueError):
            return 0

    def _after(self, delivery: Delivery, status: int) -> Delivery:
        now, failures = self._clock(), len(delivery.attempts)
        tried = evolve(delivery, attempts=(*delivery.attempts, Attempt(now, status)), due_at=None)
        if tried.delivered or failures == len(REDELIVERY_SECONDS):
            return tried
        return evolve(tried, due_at=now + timedelta(seconds=REDELIVERY_SECONDS[failures]))

    def _data(self, order: Order) -> dict[str, Any]:
        return {
            "checkout_session_id": order.checkout_session_id,
            "permalink_url": self._permalink(order.order_id),
            "status": STATUSES[order.progress],
            # Docs: Money. Refunds alone are in minor units: 1050 is $10.50.
            "refunds": [
                {"type": refund.type, "amount": int(refund.amount * 100)}
                for refund in order.refunds
            ],
        }
