"""Find stored checkouts by id, digest, idempotency key or order id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from gett_checkout._core.placement import NEVER
from gett_checkout._core.state import CheckoutState
from gett_checkout._snapshot import Snapshots
from gett_checkout.errors import (
    CheckoutNotFoundError,
    InvalidInputError,
    StorageError,
    UndecryptableError,
)
from gett_checkout.storage import ScannableStorage, Storage, Stored
from gett_checkout.telemetry.events import digest

_MOST_UNRESOLVED: Final = 1000
_SHORTEST_DIGEST: Final = 6


async def find(storage: Storage, name: str) -> str:
    """Return the id of the one checkout with this id, digest (or prefix), idempotency key or order id.

    Raises `CheckoutNotFoundError` when there is none, `InvalidInputError` when there are several.
    Unresolved checkouts are searched first; the rest only if the storage can be scanned.
    """
    try:
        if await storage.load(name) is not None:
            return name
    except UndecryptableError:
        return name
    found = {each async for each, stored in _unresolved(storage) if _is_called(name, each, stored)}
    if not found and not isinstance(storage, ScannableStorage):
        raise CheckoutNotFoundError(
            "no unresolved checkout matches, and this storage cannot search the rest: give the id"
        )
    if not found and isinstance(storage, ScannableStorage):
        found = {each async for each, stored in storage.scan() if _is_called(name, each, stored)}
    if not found:
        raise CheckoutNotFoundError("no stored checkout has this id, digest, key or order id")
    if len(found) > 1:
        raise InvalidInputError("several match: " + ", ".join(sorted(map(digest, found))))
    return found.pop()


async def states(storage: Storage) -> AsyncIterator[CheckoutState]:
    """Yield every stored checkout that can be read. Raises `InvalidInputError` if none can be listed."""
    if not isinstance(storage, ScannableStorage):
        raise InvalidInputError("this storage cannot list what it stores")
    seen = set()
    async for checkout_id, stored in storage.scan():  # which may yield one twice
        if checkout_id not in seen and (state := _read(stored)) is not None:
            seen.add(checkout_id)
            yield state


async def _unresolved(storage: Storage) -> AsyncIterator[tuple[str, Stored | None]]:
    """Yield the unresolved checkouts; ``None`` for the content of one that no key decrypts."""
    for checkout_id in await storage.due(NEVER, _MOST_UNRESOLVED):
        try:
            if (stored := await storage.load(checkout_id)) is not None:
                yield checkout_id, stored
        except UndecryptableError:
            yield checkout_id, None


def _is_called(name: str, checkout_id: str, stored: Stored | None) -> bool:
    if len(name) >= _SHORTEST_DIGEST and digest(checkout_id).startswith(name.lower()):
        return True
    if stored is None:
        return False
    if name.encode(errors="surrogatepass") not in stored.data:  # most are not worth parsing
        return False
    state = _read(stored)
    if state is None:
        return False
    keys = {state.placement.idempotency_key} if state.placement else set()
    orders = {state.order.order_id} if state.order else set()
    return name in keys | orders | set(state.duplicates)


def _read(stored: Stored) -> CheckoutState | None:
    try:
        return Snapshots().load(stored.data)
    except StorageError:
        return None
