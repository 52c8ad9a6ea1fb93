"""A stand-in for Gett's Marketfront API: a real HTTP server on loopback, for rehearsals and tests.

It is written from the API's documentation alone and shares no code with the rest of the package,
so that a member misspelt there is refused here. It is strict with requests, and it remembers the
orders it made, which is what a test should ask:

    async with Sandbox() as sandbox:
        sandbox.switches.fail("place_order", "drop_after")
        ...  # place an order against sandbox.url with sandbox.api_key
        assert len(sandbox.orders) == 1
"""

from .credentials import Session
from .handling import Seen
from .orders import Order
from .server import Sandbox
from .switches import Fault, Switches

__all__ = ["Fault", "Order", "Sandbox", "Seen", "Session", "Switches"]
