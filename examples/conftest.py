"""What the tests of both backends share: a shop on the sandbox and on its clock.

The fixtures whose names begin with ``gett_`` are those of the pytest plugin of ``gett_checkout``.
"""

from __future__ import annotations

import pytest

from examples.shop import Settings, Shop
from gett_checkout import Checkouts, GettClient, MemoryStorage
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock


@pytest.fixture
def settings(gett_sandbox: Sandbox) -> Settings:
    """What the environment would say; the sandbox is Gett."""
    return Settings(
        api_key=gett_sandbox.api_key,
        base_url=gett_sandbox.url,
        storage="memory:",
        webhook_secret=gett_sandbox.switches.webhook_secret,
        secure_cookie=False,  # no test has HTTPS
    )


@pytest.fixture
def shop(settings: Settings, gett_client: GettClient, gett_clock: Clock) -> Shop:
    """What `open_shop` would open, but that all of it goes by the test's clock.

    And nothing reconciles in the background: a test does so when it wants to.
    """
    storage = MemoryStorage(clock=gett_clock)
    checkouts = Checkouts(gett_client, storage=storage)
    return Shop(settings, gett_client, storage, checkouts, gett_clock)
