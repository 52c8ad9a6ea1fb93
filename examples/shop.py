"""What a worker process holds, whatever its web framework: one client, one storage, one `Checkouts`.

`Settings` come from the environment; `open_shop` opens everything in the right order, keeps reconciling
in the background, and closes everything in the reverse order.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Self

from attrs import field, frozen

from gett_checkout import (
    PRODUCTION,
    Checkouts,
    GettClient,
    InvalidInputError,
    RetryPolicy,
    Storage,
)
from gett_checkout.storage import open_storage


@frozen
class Settings:
    """What the environment says. Durations in seconds; a field without a default must be set.

    A step of a shopper's has ``timeout`` plus ``retry_budget`` to ask Gett: keep that five seconds
    below what the proxy in front of the workers allows, for `place` waits so long for the books.
    """

    api_key: str = field(repr=False)
    base_url: str = PRODUCTION
    storage: str = field(default="sqlite:///checkouts.db", repr=False)  # may hold a password
    storage_keys: tuple[str, ...] = field(default=(), repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    timeout: float = 10.0
    retry_budget: float = 12.0
    reconcile_every: float = 60.0
    secure_cookie: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings; `InvalidInputError` says which variable is missing or wrong."""
        api_key = environment.get("GETT_API_KEY")
        if not api_key:
            raise InvalidInputError("set GETT_API_KEY to the partner's API key")
        return cls(
            api_key=api_key,
            base_url=environment.get("GETT_BASE_URL", PRODUCTION),
            storage=environment.get("GETT_STORAGE", "sqlite:///checkouts.db"),
            storage_keys=tuple(filter(None, environment.get("GETT_STORAGE_KEYS", "").split(","))),
            webhook_secret=environment.get("GETT_WEBHOOK_SECRET") or None,
            timeout=_seconds(environment, "GETT_TIMEOUT", 10.0),
            retry_budget=_seconds(environment, "GETT_RETRY_BUDGET", 12.0),
            reconcile_every=_seconds(environment, "GETT_RECONCILE_EVERY", 60.0),
            secure_cookie=environment.get("INSECURE_COOKIE") != "1",
        )


@frozen
class Shop:
    """What the handlers of one worker work with."""

    settings: Settings
    gett: GettClient
    storage: Storage
    checkouts: Checkouts
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds the checkout's id.

        Whoever knows the id can see and place the order, so it is a secret of the shopper's. In an
        HttpOnly cookie it is in no URL, no access log and no script, and with SameSite=Strict no
        other site can act for the shopper. The prefix has browsers refuse the cookie from a
        sibling domain, which could slip the shopper a checkout of its own; it needs HTTPS.
        """
        return "__Host-checkout" if self.settings.secure_cookie else "checkout"


Opening = Callable[[Settings], AbstractAsyncContextManager[Shop]]
"""How a worker comes by its shop: `open_shop`, or what a test has in its place."""


@asynccontextmanager
async def open_shop(settings: Settings) -> AsyncIterator[Shop]:
    """The shop of this worker. At the end, a placement in progress is waited for and recorded.

    Every worker looks after orders whose worker died before it knew the outcome, for `reconcile` leaves
    alone what another one is at; a cron job with ``gett-checkout reconcile`` does the same.
    """
    retry = RetryPolicy(max_elapsed=settings.retry_budget)
    async with (
        open_storage(settings.storage, encryption_keys=settings.storage_keys) as storage,
        GettClient(
            settings.api_key, base_url=settings.base_url, timeout=settings.timeout, retry=retry
        ) as gett,
    ):
        shop = Shop(settings, gett, storage, Checkouts(gett, storage=storage))
        async with shop.checkouts.keep_reconciling(every=settings.reconcile_every):
            yield shop


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(environment.get(name) or default)
    except ValueError:
        raise InvalidInputError(f"{name} must be a number of seconds") from None
