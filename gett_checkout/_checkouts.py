"""`Checkouts`: what a backend holds. It starts checkouts, opens them again, and reconciles the unsure."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from gett_checkout._checkout import Checkout
from gett_checkout._client import GettClient
from gett_checkout._core.actions import StartOver, Wait
from gett_checkout._core.session import Identity, Level, Session, is_credential
from gett_checkout._core.state import CheckoutState
from gett_checkout._menus import Menus
from gett_checkout._record import Record
from gett_checkout.errors import (
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    InvalidInputError,
    StorageError,
)
from gett_checkout.storage import Storage
from gett_checkout.storage.memory import MemoryStorage

_WEEK: Final = 7 * 24 * 3600.0
_SHORTEST: Final = 2 * 24 * 3600
_LONGEST: Final = 10 * 365 * 24 * 3600
_AT_ONCE: Final = 8
_UNREADABLE_AGAIN: Final = timedelta(hours=1)


class Checkouts:
    """The checkouts of one backend, over one client and one storage.

    ``storage`` keeps them, a `MemoryStorage` unless given. ``lifetime`` is how long a checkout is
    kept after its last step, in seconds: a week unless given, and at least two days, so that an
    unresolved placement outlives its idempotency key. ``clock`` gives aware UTC; it is the
    client's unless given. The client's hooks are told what the checkouts do.
    """

    def __init__(
        self,
        client: GettClient,
        *,
        storage: Storage | None = None,
        clock: Callable[[], datetime] | None = None,
        lifetime: float = _WEEK,
    ) -> None:
        if not _SHORTEST <= lifetime <= _LONGEST:
            raise InvalidInputError("lifetime must be from two days (172800 seconds) to ten years")
        if storage is not None and not hasattr(storage, "save"):
            raise InvalidInputError("storage must be a Storage; open_storage opens one by its URL")
        self._client = client
        self._clock = clock or client.clock
        self._storage: Storage = storage or MemoryStorage(clock=self._clock)
        self._lifetime = timedelta(seconds=lifetime)
        self._menus = Menus(client)
        self._records: WeakValueDictionary[str, Record] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"Checkouts({self._client!r}, storage={self._storage!r})"

    async def start(
        self,
        identity: Identity | None = None,
        *,
        checkout_id: str | None = None,
        session_token: str | None = None,
    ) -> Checkout:
        """A new checkout, saved; sends nothing to Gett.

        ``checkout_id`` is the caller's own unguessable id; `CheckoutConflictError` when it is
        taken. Without it a random one is made. ``session_token`` is a session the caller already
        has, from its own ``session/create`` or the Marketfront SDK: its level is read from the
        token, or, when that is opaque, taken to be end-user if an ``identity`` is given.
        """
        if identity is not None and not isinstance(identity, Identity):
            raise InvalidInputError("identity must be an Identity")
        if checkout_id is not None and (not isinstance(checkout_id, str) or not checkout_id):
            raise InvalidInputError("a checkout_id must be a string, not empty")
        if session_token is not None and not is_credential(session_token):
            raise InvalidInputError("a session_token must be printable ASCII, not empty")
        session = None
        if session_token is not None:
            session = Session.of_token(session_token, made_for_end_user=identity is not None)
        priced_at = self._client.assumptions.operation("validate_order").level
        state = CheckoutState(
            checkout_id=checkout_id or str(uuid.uuid4()),
            created_at=self._clock(),
            identity=identity,
            session=session,
            sessions=1 if session else 0,
            end_user_needed=priced_at is Level.END_USER,
        )
        record = self._record(state.checkout_id)
        record.state = state
        try:
            await record.save()
        except CheckoutConflictError:
            raise CheckoutConflictError(
                "a checkout of this id is stored already",
                checkout_id=state.checkout_id,
                next_action=Wait(0.0),
            ) from None
        self._records[state.checkout_id] = record
        return Checkout(record, self._client, self._menus)

    @property
    def lifetime(self) -> int:
        """How long a checkout is kept after its last step, in whole seconds, as for a cookie."""
        return int(self._lifetime.total_seconds())

    async def open(self, checkout_id: str | None) -> Checkout:
        """The checkout as it was last saved, by whichever worker.

        Raises `CheckoutNotFoundError` when none is kept under the id, or when it is ``None``, for a
        request without a cookie say; `SnapshotTooNewError` when a later release saved it; and
        `StorageError` when it cannot be read.
        """
        if not isinstance(checkout_id, str) or not checkout_id:
            raise _not_found(None)
        # All handles of a checkout in this process share its record, and so follow one another:
        # those too that are being opened, for a step may save and end while they load.
        record = self._records.get(checkout_id)
        if record is None:
            record = self._records[checkout_id] = self._record(checkout_id)
        try:
            stored = await self._storage.load(checkout_id)
            if stored is not None:
                record.absorb(stored)
        except GettCheckoutError as error:
            error.checkout_id = checkout_id
            raise
        if stored is None:
            raise _not_found(checkout_id)
        return Checkout(record, self._client, self._menus)

    async def reconcile(self, *, limit: int = 100) -> dict[str, GettCheckoutError | None]:
        """Look after placements whose outcome is unknown and whose worker is gone.

        Sends each again, same bytes under the same key, and never begins a placement; safe to run
        anywhere at any time, in several places at once. Gives for each checkout that was due
        ``None`` when nothing about it is unresolved any more, else the error. A refusal of Gett's
        (`ApiError`) shows that there is no order; after any other the outcome is not known yet:
        `OutcomeUnknownError`, `PlacementInProgressError`, `IdentityRequiredError` (call
        ``identify``, then ``place``), `StorageError`. Raises `StorageError` itself when what is due
        cannot be read: a loop has to outlive that.
        """
        due = await self._storage.due(self._clock(), limit)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def reconcile(checkout_id: str) -> GettCheckoutError | None:
            async with turns:
                try:
                    checkout = await self.open(checkout_id)
                except GettCheckoutError as error:
                    with suppress(StorageError):
                        await self._put_off(checkout_id)
                    return error
                try:
                    await checkout.reconcile()
                except GettCheckoutError as error:
                    return error
                return None

        return dict(zip(due, await asyncio.gather(*map(reconcile, due)), strict=True))

    async def _put_off(self, checkout_id: str) -> None:
        """Have one that cannot be read stand behind the others for a while.

        Not one that the storage only failed to give: that is due at once again.
        """
        stored = await self._storage.load(checkout_id)
        if stored is None:
            return
        try:
            self._record(checkout_id).absorb(stored)
        except StorageError:
            now = self._clock()
            await self._storage.save(
                checkout_id,
                stored.data,
                expected_version=stored.version,
                expires_at=now + self._lifetime,
                due_at=now + _UNREADABLE_AGAIN,
            )

    def _record(self, checkout_id: str) -> Record:
        return Record(
            checkout_id,
            storage=self._storage,
            clock=self._clock,
            lifetime=self._lifetime,
            hooks=self._client.hooks,
            spawn=self._client.kept,
        )


def _not_found(checkout_id: str | None) -> CheckoutNotFoundError:
    return CheckoutNotFoundError(
        "no checkout is stored under this id", checkout_id=checkout_id, next_action=StartOver()
    )
