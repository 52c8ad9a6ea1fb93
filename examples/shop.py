"""What a worker process holds, whatever its web framework.

`Settings` come from the environment; `open_shop` opens client, storage and checkouts in the right order,
reconciles in the background, and closes everything in the reverse order.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self

from attrs import field, frozen

from gett_checkout import PRODUCTION, Checkouts, GettClient, InvalidInputError, RetryPolicy
from gett_checkout.storage import open_storage
from gett_checkout.web import Endpoint, Options
from gett_checkout.webhooks import OrderEvent

log = logging.getLogger(__name__)


@frozen
class Settings:
    """What the environment sets. Durations in seconds; a field without a default must be set."""

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
        """Read the settings; `InvalidInputError` names a variable that is missing or wrong."""
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


Opening = Callable[[Settings], AbstractAsyncContextManager[Checkouts]]
"""How a worker gets its checkouts: `open_shop`, or what a test has in its place."""


@asynccontextmanager
async def open_shop(settings: Settings) -> AsyncIterator[Checkouts]:
    """Open the checkouts of this worker; closing waits for a placement in progress and saves it."""
    logging.basicConfig()  # uvicorn and gunicorn set up only their own loggers
    retry = RetryPolicy(max_elapsed=settings.retry_budget)
    async with (
        open_storage(settings.storage, encryption_keys=settings.storage_keys) as storage,
        GettClient(
            settings.api_key, base_url=settings.base_url, timeout=settings.timeout, retry=retry
        ) as gett,
    ):
        checkouts = Checkouts(gett, storage=storage)
        async with checkouts.keep_reconciling(every=settings.reconcile_every):
            yield checkouts


def mount_options(settings: Settings, *own: Endpoint) -> Options[Any]:
    """The options of the mounted endpoints that both backends share, with endpoints of their own.

    This shop has no login, so its page names the shopper: with a login of yours, pass ``identity``.
    """
    options: Options[Any] = {
        "page_names_shopper": True,
        "secure_cookie": settings.secure_cookie,
        "own": own,
    }
    if settings.webhook_secret is not None:
        options |= {"webhook_secret": settings.webhook_secret, "on_event": on_event}
    return options


async def on_event(event: OrderEvent) -> None:
    """Take an order event of Gett's; a real shop tells the shopper here."""
    log.info("order event", extra={"type": event.type, "status": event.status})


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(environment.get(name) or default)
    except ValueError:
        raise InvalidInputError(f"{name} must be a number of seconds") from None
