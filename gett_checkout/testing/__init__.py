"""What a partner's own tests use. Names are loaded when asked for: the suites need pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gett_checkout.testing.storage_contract import SteppedClock, StorageContract

__all__ = ["SteppedClock", "StorageContract"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    module = "gett_checkout.testing.storage_contract"
    pytest.register_assert_rewrite(module)  # so that a failing check shows its values
    from gett_checkout.testing import storage_contract

    return getattr(storage_contract, name)
