"""Any storage, with what it keeps encrypted: it sees ids, versions and times, never a checkout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gett_checkout._hidden import leaves_nothing
from gett_checkout.errors import InvalidInputError, StorageError
from gett_checkout.storage import ScannableStorage, Storage, Stored


class EncryptedStorage:
    """Encrypts what ``storage`` keeps (Fernet: AES-128-CBC and HMAC-SHA256).

    ``keys`` are made by ``cryptography.fernet.Fernet.generate_key()``. The first encrypts, all
    decrypt: to rotate, put a new key first, and drop the old one when the checkouts saved under it
    have expired. ``storage`` stays the caller's to close.
    """

    @leaves_nothing
    def __init__(self, storage: Storage, keys: Sequence[str | bytes]) -> None:
        ciphers = read_keys(keys)
        self._storage = storage
        self._ciphers = MultiFernet(ciphers)
        self._count = len(ciphers)

    @property
    def clock(self) -> Callable[[], datetime] | None:
        """The clock of the wrapped storage, if it has one."""
        found: Callable[[], datetime] | None = getattr(self._storage, "clock", None)
        return found

    def __repr__(self) -> str:
        return f"EncryptedStorage({self._storage!r}, <{self._count} keys>)"

    async def load(self, checkout_id: str) -> Stored | None:
        """What is kept under the id, or ``None``; `StorageError` when no key opens it."""
        stored = await self._storage.load(checkout_id)
        if stored is None:
            return None
        opened = self._opened(stored)
        if opened is None:
            raise StorageError("no key opens what is kept under this id")
        return opened

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Replace what is kept if it still has ``expected_version``, or `CheckoutConflictError`."""
        return await self._storage.save(
            checkout_id,
            self._ciphers.encrypt(data),
            expected_version=expected_version,
            expires_at=expires_at,
            due_at=due_at,
        )

    async def delete(self, checkout_id: str) -> None:
        """Forget what is kept under the id, if anything."""
        await self._storage.delete(checkout_id)

    async def purge(self, limit: int = 1000) -> int:
        """Remove what has expired, where ``storage`` leaves that to its user; how many it was."""
        purge = getattr(self._storage, "purge", None)
        return await purge(limit) if purge else 0

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of at most ``limit`` checkouts whose ``due_at`` has come, the longest due first."""
        return await self._storage.due(now, limit)

    async def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Give everything that is stored and that a key opens, with its id, in no particular order.

        What no key opens is passed over, so that a search goes on after it; a load of its id tells.
        `StorageError` when the wrapped storage has no ``scan``.
        """
        if not isinstance(self._storage, ScannableStorage):
            raise StorageError(
                "the storage that EncryptedStorage wraps has no scan, so it has none either"
            )
        async for checkout_id, stored in self._storage.scan():
            opened = self._opened(stored)
            if opened is not None:
                yield checkout_id, opened

    def _opened(self, stored: Stored) -> Stored | None:
        try:
            return Stored(self._ciphers.decrypt(stored.data), stored.version)
        except InvalidToken:
            return None


@leaves_nothing
def read_keys(keys: Sequence[str | bytes]) -> list[Fernet]:
    """The keys, ready for use; `InvalidInputError` without one, or when one is none."""
    if isinstance(keys, str | bytes) or not keys:
        raise InvalidInputError("keys must be a sequence of at least one key")
    ciphers: list[Fernet] = []
    try:
        ciphers += map(Fernet, keys)
    except (ValueError, TypeError):
        ciphers.clear()
    if not ciphers:  # raised out here, so that no error about a key hangs on to this one
        raise InvalidInputError("each key must be 32 bytes in URL-safe base64")
    return ciphers
