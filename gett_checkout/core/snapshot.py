"""A checkout's state as the bytes a storage keeps: versioned JSON that later releases keep reading.

It holds the session token, the processor's card token and the shopper's contact data, because any
worker must be able to go on; never a card number. Wrap the storage when that must be encrypted.
"""

from __future__ import annotations

import json
from datetime import datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, Final

from cattrs import Converter
from cattrs.strategies import configure_tagged_union

from gett_checkout.core.order import Fulfillment, Payment
from gett_checkout.core.session import Level
from gett_checkout.core.state import CheckoutState
from gett_checkout.errors import SnapshotTooNewError, StorageError

VERSION: Final = 1


def dump(state: CheckoutState) -> bytes:
    """The state as bytes; members at their default are left out."""
    document = {"v": VERSION, **_converter().unstructure(state)}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(
        errors="surrogatepass"  # a shopper's text may hold what UTF-8 does not
    )


def load(data: bytes) -> CheckoutState:
    """The state from bytes; `SnapshotTooNewError` or `StorageError` when they cannot be read."""
    try:
        document = json.loads(data)
        version = document.pop("v")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise StorageError("what the storage gave back is not a checkout") from error
    if not isinstance(version, int) or version > VERSION:
        raise SnapshotTooNewError(
            f"this release reads snapshots up to version {VERSION}, not {version}"
        )
    try:
        return _converter().structure(document, CheckoutState)
    except Exception as error:
        raise StorageError(f"the saved checkout is damaged ({type(error).__name__})") from error


@cache
def _converter() -> Converter:
    converter = Converter(omit_if_default=True, detailed_validation=False)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    converter.register_unstructure_hook(Level, lambda level: level.name)
    converter.register_structure_hook(Level, lambda name, _: Level[name])
    for kind in (datetime, time):
        converter.register_unstructure_hook(kind, kind.isoformat)
        converter.register_structure_hook(kind, lambda value, cls: cls.fromisoformat(value))
    converter.register_structure_hook(type(None), lambda value, _: None)
    configure_tagged_union(Fulfillment | None, converter, tag_name="is", tag_generator=_tag)
    configure_tagged_union(Payment | None, converter, tag_name="is", tag_generator=_tag)
    return converter


def _tag(kind: type[Any]) -> str:
    return kind.__name__
