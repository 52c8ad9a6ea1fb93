"""Encrypt the contents of any storage, which then sees ids, versions and times only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gett_checkout._hidden import leaves_nothing
from gett_checkout.errors import InvalidInputError, StorageError, UndecryptableError
from gett_checkout.storage import ScannableStorage, Storage, Stored


class EncryptedStorage:
    """Encrypts what is stored in ``storage`` (Fernet: AES-128-CBC and HMAC-SHA256).

    Make ``keys`` with ``cryptography.fernet.Fernet.generate_key()``. The first one encrypts, all of
    them decrypt: to rotate, put a new key first, and drop the old one when the checkouts saved with it
    have expired, and their open cases are closed. Closing ``storage`` is up to you.
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
        """Return the entry stored under the id, or ``None``; raise `UndecryptableError` when no key fits."""
        stored = await self._storage.load(checkout_id)
        if stored is None:
            return None
        opened = self._opened(stored)
        if opened is None:
            raise UndecryptableError("no key decrypts what is stored under this id")
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
        """Replace the entry if it still has ``expected_version``; else raise `CheckoutConflictError`."""
        return await self._storage.save(
            checkout_id,
            self._ciphers.encrypt(data),
            expected_version=expected_version,
            expires_at=expires_at,
            due_at=due_at,
        )

    async def delete(self, checkout_id: str) -> None:
        """Delete the entry stored under the id, if any."""
        await self._storage.delete(checkout_id)

    async def purge(self, limit: int = 1000) -> int:
        """Remove expired entries, if ``storage`` does not do so itself; return how many."""
        purge = getattr(self._storage, "purge", None)
        return await purge(limit) if purge else 0

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of at most ``limit`` due checkouts, those due earliest first."""
        return await self._storage.due(now, limit)

    async def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Yield every entry that has not expired and that a key decrypts, with its id, in no order.

        Entries that no key decrypts are skipped, so that a search continues; loading such an id raises.
        Raises `StorageError` when the wrapped storage has no ``scan``.
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
    """Return the keys, ready for use. Raises `InvalidInputError` without a key, or for an invalid one."""
    if isinstance(keys, str | bytes) or not keys:
        raise InvalidInputError("keys must be a sequence of at least one key")
    ciphers: list[Fernet] = []
    try:
        ciphers += map(Fernet, keys)
    except (ValueError, TypeError):
        ciphers.clear()
    if not ciphers:  # raised out here, so that no error about a key is chained to it
        raise InvalidInputError("each key must be 32 bytes in URL-safe base64")
    return ciphers
