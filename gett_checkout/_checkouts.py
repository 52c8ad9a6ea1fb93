"""`Checkouts`: start and open checkouts, and reconcile unknown outcomes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar, get_args
from weakref import WeakKeyDictionary, WeakValueDictionary

from gett_checkout import _handing_over as handing_over
from gett_checkout._checkout import Checkout
from gett_checkout._client import GettClient
from gett_checkout._core.actions import StartOver, Wait
from gett_checkout._core.hand_over import OnPlaced
from gett_checkout._core.placement import NEVER
from gett_checkout._core.session import Identity, Level, Session, is_credential
from gett_checkout._core.state import CheckoutState
from gett_checkout._hidden import hidden
from gett_checkout._menus import Menus
from gett_checkout._reconciling import (
    Reconciled,
    Unresolved,
    outcome_of,
    repeating,
    unresolved,
)
from gett_checkout._record import Record
from gett_checkout._snapshot import Snapshots
from gett_checkout.errors import (
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    InvalidInputError,
    StorageError,
    UndecryptableError,
)
from gett_checkout.sharing import MenuCache
from gett_checkout.storage import Storage
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.telemetry.events import Reason, UnresolvedCounted, digest

T = TypeVar("T")

_WEEK: Final = 7 * 24 * 3600.0
_SHORTEST: Final = 2 * 24 * 3600
_LONGEST: Final = 10 * 365 * 24 * 3600
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_DAY: Final = 24 * 3600
_AT_ONCE: Final = 8
_BATCH: Final = 100
_A_PASS: Final = 1000
_MOST_METADATA: Final = 50
_LONGEST_NAME: Final = 40
_LONGEST_TEXT: Final = 500
_LONGEST_NOTE: Final = 500


class Checkouts:
    """The checkouts of one backend, over one client and one storage.

    ``storage`` stores them (default: a `MemoryStorage`). ``lifetime`` is how long a checkout is stored
    after its last step, in seconds (default: a week; at least two days). An unresolved one is stored
    for at least a year. ``clock`` returns aware UTC (default: the client's). The client's hooks receive
    the checkouts' events.

    ``on_placed`` is an async function that is called with each `PlacedOrder` at least once: right
    after the order is saved, and again by `reconcile`, on any worker, until it returns; an
    exception in it never affects the order. It has at most 30 seconds and keeps running if the
    shopper leaves; `place` waits for it for up to 5 seconds. It may be called again with the same
    order, even on two workers at once, so make it idempotent: insert or update the row by
    ``checkout_id``.

    ``menu_cache`` shares menus among all workers (`gett_checkout.sharing`); without one, each worker
    fetches them from Gett.
    """

    def __init__(
        self,
        client: GettClient,
        *,
        storage: Storage | None = None,
        on_placed: OnPlaced | None = None,
        clock: Callable[[], datetime] | None = None,
        lifetime: float = _WEEK,
        menu_cache: MenuCache | None = None,
    ) -> None:
        if not _SHORTEST <= lifetime <= _LONGEST:
            raise InvalidInputError("lifetime must be from two days (172800 seconds) to ten years")
        if storage is not None and not hasattr(storage, "save"):
            raise InvalidInputError("storage must be a Storage; open_storage opens one by its URL")
        if on_placed is not None and not callable(on_placed):
            raise InvalidInputError("on_placed must be an async function")
        self._client = client
        self._on_placed = on_placed
        self._clock = clock or client.clock
        # A storage may count what it stores, and so be false while it is empty.
        self._storage: Storage = MemoryStorage(clock=self._clock) if storage is None else storage
        self._lifetime = timedelta(seconds=lifetime)
        self._menus = Menus(client, cache=menu_cache)
        # Per event loop, because a record's lock and tasks are bound to one.
        self._records: WeakKeyDictionary[
            asyncio.AbstractEventLoop, WeakValueDictionary[str, Record]
        ] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"Checkouts({self._client!r}, storage={self._storage!r})"

    @property
    def client(self) -> GettClient:
        """The client that the checkouts use."""
        return self._client

    @property
    def storage(self) -> Storage:
        """The storage that stores the checkouts."""
        return self._storage

    @property
    def clock(self) -> Callable[[], datetime]:
        """The clock that the checkouts use; returns aware UTC."""
        return self._clock

    async def start(
        self,
        identity: Identity | None = None,
        *,
        checkout_id: str | None = None,
        session_token: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Checkout:
        """Create a checkout and save it; sends nothing to Gett.

        ``checkout_id`` is your own unguessable id (default: a random one); `CheckoutConflictError` is
        raised when it is taken. ``session_token`` is a session you already have, from your own
        ``session/create`` or the Marketfront SDK: its level is read from the token. The level of an
        opaque token is assumed: end-user with an ``identity``, partner-only without. ``metadata`` is
        passed to ``on_placed`` with the order: up to 50 texts of at most 500 characters, under names of
        at most 40. It is stored, so put no secret into it.
        """
        session_token = hidden(session_token)
        if identity is not None and not isinstance(identity, Identity):
            raise InvalidInputError("identity must be an Identity", field="identity")
        if checkout_id is not None and (not isinstance(checkout_id, str) or not checkout_id):
            words = "a checkout_id must be a string, not empty"
            raise InvalidInputError(words, field="checkout_id")
        if session_token is not None and not is_credential(session_token):
            words = "a session_token must be printable ASCII, not empty"
            raise InvalidInputError(words, field="session_token")
        session = None
        if session_token is not None:
            session = Session.of_token(session_token, made_for_end_user=identity is not None)
        assumed = self._client.assumptions
        state = CheckoutState(
            checkout_id=checkout_id or str(uuid.uuid4()),
            created_at=self._clock(),
            metadata=_checked_metadata(metadata),
            identity=identity,
            session=session,
            sessions=1 if session else 0,
            end_user_needed=assumed.operation("validate_order").level is Level.END_USER,
            minimum_for=assumed.minimum_for,
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
        self._records_here()[state.checkout_id] = record
        return Checkout(record, self._client, self._menus)

    @property
    def lifetime(self) -> int:
        """How long a checkout is stored after its last step, in whole seconds; for a cookie's ``max_age``."""
        return int(self._lifetime.total_seconds())

    async def open(self, checkout_id: str | None) -> Checkout:
        """Open the checkout as it was last saved, by any worker.

        Raises `CheckoutNotFoundError` when no checkout is stored under the id or the id is
        ``None``, so you can pass the cookie's value even when the cookie is missing. Raises
        `SnapshotTooNewError` when a later release saved it, `StorageError` when it cannot be read.
        """
        if not isinstance(checkout_id, str):
            given = type(checkout_id).__name__
            why = "no id was given" if checkout_id is None else f"an id is a string, not {given}"
            raise _not_found(why)
        if not checkout_id:
            raise _not_found("the id is empty")
        # All handles of a checkout in this process share its record, so their steps run one after
        # another. That includes handles being opened, because a step may save and end while they load.
        records = self._records_here()
        record = records.get(checkout_id)
        if record is None:
            record = records[checkout_id] = self._record(checkout_id)
        try:
            stored = await self._storage.load(checkout_id)
            if stored is not None:
                record.absorb(stored)
        except GettCheckoutError as error:
            error.checkout_id = checkout_id
            raise
        if stored is None:
            raise _not_found("it was never started, or has expired", checkout_id)
        return Checkout(record, self._client, self._menus)

    async def reconcile(
        self, checkout_id: str | None = None, *, limit: int = 100
    ) -> list[Reconciled]:
        """Resolve placements with an unknown outcome, and hand over orders that were not handed over.

        Resends each placement whose worker is gone, with the same bytes and the same key: this finds
        the order, or creates it if no earlier request reached Gett. Never begins another placement.
        Calls ``on_placed`` again, on a worker that has it, for orders for which it has not yet
        returned. Safe to run anywhere, at any time, in several places at once. Processes at most
        ``limit`` due checkouts or, given a ``checkout_id``, that one, due or not. Raises `StorageError`
        when the due checkouts cannot be listed: a loop must survive that, as `keep_reconciling` does.
        """
        _require_limit(limit)
        if checkout_id is not None:
            looked = await self._look_after(checkout_id, is_due=False)
            return [looked] if looked else []
        found, _ = await self._reconcile_due(limit)
        return found

    async def _reconcile_due(self, limit: int) -> tuple[list[Reconciled], bool]:
        """Process up to ``limit`` due checkouts; return the results, and whether there may be more.

        Those that are due on a worker with the handler are skipped, and those that this worker cannot
        read stay due for one that can. Both precede the rest, so neither counts.
        """
        found: list[Reconciled] = []
        seen: set[str] = set()
        count = 0
        while True:
            wanted = limit - count + len(seen)
            due = await self._storage.due(self._clock(), wanted)
            new = [each for each in due if each not in seen][: limit - count]
            looked = [each for each in await self._each(new, self._look_after) if each]
            found += looked
            count += sum(not isinstance(each.error, StorageError) for each in looked)
            seen.update(new)
            if count >= limit:
                return found, True
            if not new or (len(due) < wanted and seen.issuperset(due)):
                return found, False

    async def unresolved(self, *, limit: int = 1000) -> list[Unresolved]:
        """Return what is unresolved: unknown outcomes, duplicates, orders not handed over, unreadable data.

        The oldest come first. While a worker is still sending a placement, that placement is left out,
        unless one of its attempts got no response. At most ``limit`` checkouts are examined: first
        those whose next attempt is due soonest, last those that only an operator can settle. For each
        reason, the hooks receive the number found and the age of the oldest. Raises `StorageError` when
        the storage cannot be read.
        """
        _require_limit(limit)
        listed = await self._each(await self._storage.due(NEVER, limit), self._unresolved)
        now = self._clock()
        found = sorted(filter(None, listed), key=lambda each: each.since or _LONG_AGO)
        for reason in get_args(Reason):
            since = [each.since or now for each in found if each.reason == reason]
            oldest = (now - min(since, default=now)).total_seconds()
            self._client.hooks.tell(UnresolvedCounted, reason, len(since), oldest)
        return found

    def keep_reconciling(self, *, every: float = 60.0) -> AbstractAsyncContextManager[None]:
        """Reconcile repeatedly while the block runs, about once in ``every`` seconds.

        Survives storage outages, purges expired checkouts from storages that do not do so themselves
        (such as PostgreSQL), and logs its results. Every worker may run it: they run at different
        moments, and skip placements another worker is handling.
        """
        if not 0 < every <= _DAY:
            raise InvalidInputError("every must be more than 0 seconds and at most a day")
        return repeating(self._pass, every=every, jitter=self._client.jitter)

    async def _pass(self) -> list[Reconciled]:
        found: list[Reconciled] = []
        has_more = True
        # Short batches, so that a hanging handler delays one batch at most; a count after each one, so
        # that the alerts follow even a long pass.
        while has_more and len(found) < _A_PASS:
            looked, has_more = await self._reconcile_due(_BATCH)
            found += looked
            await self.unresolved()
        if purge := getattr(self._storage, "purge", None):
            await purge()
        return found

    async def resolve(
        self,
        checkout_id: str,
        *,
        order_id: str | None = None,
        not_placed: bool = False,
        note: str = "",
        force: bool = False,
    ) -> None:
        """Store an outcome that an operator has established, usually by asking Gett.

        Pass ``order_id`` or ``not_placed``. Settles cases that no request can settle: a placement whose
        key expired or whose saved body is damaged, an order without an id, two orders placed under one
        key (pass the one that remains). ``note`` is stored with it: who decided, and why. The hooks are
        called; so is ``on_placed`` if this makes an order known. Without ``force``, raises
        `StepNotAllowedError` while `reconcile` could still find the outcome, and when another order is
        known. ``not_placed`` needs an order in progress: otherwise the error is raised even with
        ``force``. After ``not_placed`` the checkout returns to a stage where the order can be placed
        again. Raises `CheckoutConflictError`, and stores nothing, when another worker saved first, even
        with ``force``: it may have found the outcome.
        """
        if (order_id is None) is not not_placed:
            raise InvalidInputError("give either the order_id, or not_placed=True")
        if order_id is not None and not (isinstance(order_id, str) and order_id.strip()):
            raise InvalidInputError("an order_id must be a string, not empty")
        if not isinstance(note, str) or len(note) > _LONGEST_NOTE:
            raise InvalidInputError(
                f"a note must be a string of at most {_LONGEST_NOTE} characters"
            )
        checkout = await self.open(checkout_id)
        await checkout._resolve(order_id, note, force=force)  # noqa: SLF001 - its other half

    async def forget(self, checkout_id: str, *, force: bool = False) -> None:
        """Delete a checkout, and with it all stored personal data; does nothing if there is none.

        Raises `StepNotAllowedError` while it is unresolved: an outcome is unknown, an order is not
        handed over yet, or there is a duplicate. With ``force`` it is deleted anyway, and nobody will
        learn of that order. A checkout that cannot be read raises `StorageError`; ``force`` deletes it
        too.
        """
        try:
            checkout = await self.open(checkout_id)
            await checkout._forget(force=force)  # noqa: SLF001 - its other half
        except CheckoutNotFoundError:
            return
        except (StorageError, CheckoutConflictError):
            if not force:
                raise
            await self._storage.delete(checkout_id)

    async def _look_after(self, checkout_id: str, *, is_due: bool = True) -> Reconciled | None:
        """Process one checkout; ``None`` when it is for a worker with the handler, or no longer due."""
        try:
            checkout = await self.open(checkout_id)
        except GettCheckoutError as error:
            return Reconciled(checkout_id, "unknown", None, error)
        record = checkout._record  # noqa: SLF001 - its other half
        hand_over = record.state.hand_over if record.state.is_for_the_books else None
        if is_due and hand_over and not (self._on_placed and hand_over.is_due(self._clock())):
            return None
        failure: GettCheckoutError | None = None
        before = record.handing_over
        try:
            await checkout.reconcile()
        except GettCheckoutError as error:
            failure = error
        failure = failure or handing_over.failure_since(record, before)
        return outcome_of(record.state, failure, self._clock())

    async def _unresolved(self, checkout_id: str) -> Unresolved | None:
        try:
            stored = await self._storage.load(checkout_id)
        except UndecryptableError as error:
            return _unreadable(checkout_id, error)
        if stored is None:
            return None
        try:
            state = Snapshots().load(stored.data)
        except StorageError as error:
            return _unreadable(checkout_id, error)
        return unresolved(state, self._clock())

    async def _each(
        self, checkout_ids: Sequence[str], work: Callable[[str], Awaitable[T]]
    ) -> list[T]:
        """Return the results of ``work`` for each, a few at a time."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(checkout_id: str) -> T:
            async with turns:
                return await work(checkout_id)

        return await asyncio.gather(*map(one, checkout_ids))

    def _records_here(self) -> WeakValueDictionary[str, Record]:
        return self._records.setdefault(asyncio.get_running_loop(), WeakValueDictionary())

    def _record(self, checkout_id: str) -> Record:
        return Record(
            checkout_id,
            storage=self._storage,
            clock=self._clock,
            lifetime=self._lifetime,
            hooks=self._client.hooks,
            spawn=self._client.spawn,
            on_placed=self._on_placed,
        )


def _require_limit(limit: int) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InvalidInputError("limit must be a whole number, at least 1", field="limit")


def _unreadable(checkout_id: str, error: StorageError) -> Unresolved:
    name = type(error).__name__
    return Unresolved(checkout_id, digest(checkout_id), "unreadable", last_error=name)


def _not_found(why: str, checkout_id: str | None = None) -> CheckoutNotFoundError:
    return CheckoutNotFoundError(
        f"there is no such checkout: {why}", checkout_id=checkout_id, next_action=StartOver()
    )


def _checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a copy of the metadata. Raises `InvalidInputError`, which quotes none of it."""
    if metadata is None:
        return None
    wrong = None
    if not isinstance(metadata, Mapping) or len(metadata) > _MOST_METADATA:
        wrong = f"metadata must be a mapping of at most {_MOST_METADATA} texts"
    elif not all(isinstance(each, str) and 0 < len(each) <= _LONGEST_NAME for each in metadata):
        wrong = f"a name in metadata has 1 to {_LONGEST_NAME} characters"
    elif not all(
        isinstance(each, str) and len(each) <= _LONGEST_TEXT for each in metadata.values()
    ):
        wrong = f"a text in metadata has at most {_LONGEST_TEXT} characters"
    if wrong:
        raise InvalidInputError(wrong, field="metadata")
    return dict(metadata)
