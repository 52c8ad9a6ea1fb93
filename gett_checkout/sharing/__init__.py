"""State that a backend's workers may share: a common rate limit, and menus.

Both are optional, and each is a small protocol; `gett_checkout.sharing.redis` implements both over
Redis. Neither can affect an order: a limiter or cache that fails or takes too long is skipped.
"""

from __future__ import annotations

from typing import Literal, Protocol

from attrs import frozen

__all__ = ["LimitReport", "MenuCache", "Permit", "Priority", "RateLimiter"]

Priority = Literal["normal", "reserved", "always"]
"""Which part of a rate limit a request may use.

``normal`` is for browsing and editing, and never uses the last twentieth of the limit. ``reserved``
is for opening a session, and may use half of that twentieth. ``always`` is for placing an order: it
is never held back, but it counts.
"""


@frozen
class Permit:
    """Permission to send a request: with ``wait`` 0 it may be sent now, and has already been counted.

    Otherwise nothing is counted, and ``wait`` is the seconds until asking again. ``window`` is for the
    rate limiter's own use: `update` hands it back, with the outcome of the request.
    """

    wait: float
    window: int = 0


@frozen
class LimitReport:
    """The outcome of a request, with or without a permit.

    ``remaining`` and ``resets_at`` (Unix seconds) are the response's rate-limit figures, ``None`` if
    the response had none. Until some response carries them, no limit applies. ``retry_after``, in
    seconds, is set after a 429. ``was_sent`` is false when the request certainly was not sent.
    ``is_order`` is true for the placement of an order.
    """

    remaining: int | None = None
    resets_at: int | None = None
    retry_after: float | None = None
    was_sent: bool = True
    is_order: bool = False


class RateLimiter(Protocol):
    """A rate limit that several workers share.

    ``name`` identifies it: an opaque text for one organisation, environment and bucket, safe to show. A
    method may raise anything. `acquire` is abandoned after a quarter of a second, and `update`, which
    runs in the background, after one second: the client then relies on its own knowledge.
    """

    async def acquire(self, name: str, *, priority: Priority) -> Permit:
        """Count a request that is about to be sent, or return when to ask again."""
        ...

    async def update(self, name: str, permit: Permit, report: LimitReport) -> None:
        """Record the outcome of a request; the call may come late, or never."""
        ...


class MenuCache(Protocol):
    """Menus as Gett sent them, shared by several workers.

    ``name`` is an opaque text for one organisation, environment and catalog set, safe to show. A value
    stored under a name never changes. A method may raise anything, and is abandoned after half a
    second: the menu is then fetched from Gett.
    """

    async def get(self, name: str) -> bytes | None:
        """Return exactly the bytes stored under the name, or ``None``."""
        ...

    async def put(self, name: str, body: bytes) -> None:
        """Store the bytes, if there is room for them."""
        ...
