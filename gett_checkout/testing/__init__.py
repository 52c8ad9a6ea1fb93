"""Tools for partners' own tests; the fixtures are in the pytest plugin beside it (``plugin``).

Its members are imported on first access, because the storage suite needs pytest. See docs/testing.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gett_checkout.testing.clock import Clock
    from gett_checkout.testing.seen import operations, sends_nothing, session_levels, the_order
    from gett_checkout.testing.signing import SignedEvent, signed_event
    from gett_checkout.testing.storage_contract import ScanContract, StorageContract

__all__ = [
    "Clock",
    "ScanContract",
    "SignedEvent",
    "StorageContract",
    "operations",
    "sends_nothing",
    "session_levels",
    "signed_event",
    "the_order",
]

_SUITE = "gett_checkout.testing.storage_contract"
_SEEN = "gett_checkout.testing.seen"
_SIGNING = "gett_checkout.testing.signing"
_HOMES = {
    "Clock": "gett_checkout.testing.clock",
    "ScanContract": _SUITE,
    "SignedEvent": _SIGNING,
    "StorageContract": _SUITE,
    "operations": _SEEN,
    "sends_nothing": _SEEN,
    "session_levels": _SEEN,
    "signed_event": _SIGNING,
    "the_order": _SEEN,
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if home == _SUITE:
        import pytest

        pytest.register_assert_rewrite(home)  # so that a failing check shows its values
    return getattr(import_module(home), name)
