"""What the workers of a backend may share: the rate limit they spend together, and menus.

Both are optional, and each is a small protocol; `gett_checkout.sharing.redis` has both over Redis.
Neither can harm an order: one that fails, or takes too long, is passed over.
"""

from __future__ import annotations

from typing import Literal, Protocol

from attrs import frozen

__all__ = ["LimitReport", "MenuCache", "Permit", "Priority", "RateLimiter"]

Priority = Literal["normal", "reserved", "always"]
"""Which part of a rate limit a request may use.

``normal`` is browsing and editing, which leaves the last twentieth alone. ``reserved`` opens a session:
it may use half of that. ``always`` places an order: it is never held back, but it counts.
"""


@frozen
class Permit:
    """Whether a request may be sent. With ``wait`` 0 it may, and is counted already.

    Otherwise nothing is counted, and ``wait`` says in how many seconds to ask again. ``window`` is the
    rate limiter's own: it is given back to it with the response.
    """

    wait: float
    window: int = 0


@frozen
class LimitReport:
    """What became of a request that had a permit.

    ``remaining`` and ``resets_at`` (Unix seconds) are what the response said of the limit, or ``None``
    when it said nothing, and then nothing is limited. ``retry_after`` is set when it was a 429:
    seconds. ``was_sent`` is false when the request certainly did not leave. ``is_order`` is true when it
    was to place an order.
    """

    remaining: int | None = None
    resets_at: int | None = None
    retry_after: float | None = None
    was_sent: bool = True
    is_order: bool = False


class RateLimiter(Protocol):
    """A rate limit that several workers spend together.

    ``name`` says which one: an opaque text of one organisation, environment and bucket, safe to show. A
    method may raise anything. One that takes longer than a quarter of a second (`acquire`) or a second
    (`update`, which nobody waits for) is given up: the client then goes by what it knows itself.
    """

    async def acquire(self, name: str, *, priority: Priority) -> Permit:
        """Count a request that is about to be sent, or say when to ask again."""
        ...

    async def update(self, name: str, permit: Permit, report: LimitReport) -> None:
        """Learn what became of a request; it may come late, or never."""
        ...


class MenuCache(Protocol):
    """Menus as Gett sent them, for several workers to read.

    ``name`` is an opaque text of one organisation, environment and catalog set, safe to show. What is
    stored under a name never changes. A method may raise anything, and is given up after half a second:
    the menu is then read from Gett.
    """

    async def get(self, name: str) -> bytes | None:
        """Give exactly the bytes that were put under the name, or ``None``."""
        ...

    async def put(self, name: str, body: bytes) -> None:
        """Store the bytes, if there is room for them."""
        ...
