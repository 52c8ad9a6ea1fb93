"""What the sandbox has seen, for assertions; `the_order` and `sends_nothing` fail with what was seen."""

# ruff: noqa: S101 - these are assertions

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gett_checkout.sandbox import Order, Sandbox


def the_order(sandbox: Sandbox) -> Order:
    """Return the only order; fail unless exactly one was made."""
    made = sandbox.orders
    assert len(made) == 1, f"expected one order, {len(made)} were made"
    return made[0]


def operations(sandbox: Sandbox) -> list[str]:
    """Return the API operations that were called, in order, including rejected ones."""
    return [seen.operation for seen in sandbox.requests]


def session_levels(sandbox: Sandbox) -> list[str]:
    """Return the levels of the sessions opened, in order: ``partner_only`` or ``end_user`` each."""
    return [session.level for session in sandbox.sessions]


@contextmanager
def sends_nothing(sandbox: Sandbox) -> Iterator[None]:
    """Fail if the block sends any request."""
    before = len(sandbox.requests)
    yield
    sent = operations(sandbox)[before:]
    assert not sent, f"expected no request, these were sent: {', '.join(sent)}"
