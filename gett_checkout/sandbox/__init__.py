"""A stand-in for Gett's Marketfront API: a real HTTP server on loopback, for rehearsals and tests.

It is written from the API's documentation alone and shares no code with the rest of the package, so
that a member that the library misspells is rejected by the sandbox. It is strict with requests, and it
remembers the orders it made, which are what a test should check:

    async with Sandbox() as sandbox:
        sandbox.switches.fail("place_order", "drop_after")
        ...  # place an order against sandbox.url with sandbox.api_key
        assert len(sandbox.orders) == 1

Its switches can also be set over HTTP (`control`), and it sends signed order events (`webhooks`).
"""

from .credentials import Session
from .faults import Fault, FaultKind
from .orders import Order, Refund
from .problems import RefusedError
from .server import Sandbox
from .switches import KeyPolicy, Switches
from .traffic import Exchange, Seen
from .webhooks import Attempt, Delivery

__all__ = [
    "Attempt",
    "Delivery",
    "Exchange",
    "Fault",
    "FaultKind",
    "KeyPolicy",
    "Order",
    "Refund",
    "RefusedError",
    "Sandbox",
    "Seen",
    "Session",
    "Switches",
]
