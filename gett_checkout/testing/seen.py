"""What the sandbox saw, asked the way a test asks: each answers, or fails with what was seen instead."""

# ruff: noqa: S101 - these are assertions

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gett_checkout.sandbox import Order, Sandbox


def the_order(sandbox: Sandbox) -> Order:
    """The one order that was made; neither none nor two will do."""
    made = sandbox.orders
    assert len(made) == 1, f"one order is expected, {len(made)} were made"
    return made[0]


def operations(sandbox: Sandbox) -> list[str]:
    """The API operations that were called, in order, refused ones included."""
    return [seen.operation for seen in sandbox.requests]


def session_levels(sandbox: Sandbox) -> list[str]:
    """The sessions that were opened, in order: ``partner_only`` or ``end_user`` each."""
    return [session.level for session in sandbox.sessions]


@contextmanager
def sends_nothing(sandbox: Sandbox) -> Iterator[None]:
    """The block must not send a single request."""
    before = len(sandbox.requests)
    yield
    sent = operations(sandbox)[before:]
    assert not sent, f"no request is expected, these were sent: {', '.join(sent)}"
