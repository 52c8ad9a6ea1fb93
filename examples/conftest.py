"""What the tests of both backends share: checkouts on the sandbox and on its clock.

The fixtures whose names begin with ``gett_`` are those of the pytest plugin of ``gett_checkout``.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from examples.shop import Opening, Settings
from gett_checkout import Checkouts, GettClient, MemoryStorage
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock


@pytest.fixture
def settings(gett_sandbox: Sandbox) -> Settings:
    """What the environment would set; the sandbox is Gett."""
    return Settings(
        api_key=gett_sandbox.api_key,
        base_url=gett_sandbox.url,
        storage="memory:",
        webhook_secret=gett_sandbox.switches.webhook_secret,
        secure_cookie=False,  # no test has HTTPS
    )


@pytest.fixture
def checkouts(gett_client: GettClient, gett_clock: Clock) -> Checkouts:
    """What `open_shop` would open, but on the test's clock, and with nothing in the background."""
    return Checkouts(gett_client, storage=MemoryStorage(clock=gett_clock))


@pytest.fixture
def opening(checkouts: Checkouts) -> Opening:
    """How the app of a test gets them."""
    return lambda settings: nullcontext(checkouts)
