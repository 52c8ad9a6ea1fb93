"""A checkout's state as a storage gets it, and back."""

from __future__ import annotations

from gett_checkout._core.state import CheckoutState
from gett_checkout._snapshot import Snapshots


def dump(state: CheckoutState) -> bytes:
    """The state as bytes."""
    return Snapshots().dump(state)


def load(data: bytes) -> CheckoutState:
    """The state from bytes."""
    return Snapshots().load(data)
