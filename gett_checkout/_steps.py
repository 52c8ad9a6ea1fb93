"""How every step of a checkout runs: exclusively, from the stored state, with its result saved.

A step is a coroutine of `Checkout` under one decorator::

    @step(PaymentChosen)
    async def pay(self, payment: Payment) -> None:
        await self._session.ready("place_order", Carry.QUOTE)
        self._record.happen(PaymentChosen(payment))

It waits for its turn, starts from the stored state, is rejected when its event is illegal in the
stage, is repeated once when Gett no longer accepts its session, and is saved. It saves facts itself
that must be stored before a request is sent; the rest is saved once, at its end, even when the step
raises or its caller is cancelled, because what happened is a fact.
"""

from __future__ import annotations

from asyncio import CancelledError, wait
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from gett_checkout._client import GettClient
from gett_checkout._core import machine
from gett_checkout._core import requirements as registry
from gett_checkout._core.actions import StartOver
from gett_checkout._core.machine import Event, WentThrough
from gett_checkout._core.session import Identity
from gett_checkout._core.state import Stage
from gett_checkout._patience import counted_from
from gett_checkout._record import Record
from gett_checkout._upgrade import ShopperSession
from gett_checkout.errors import (
    ApiAuthenticationError,
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    IdentityRequiredError,
    OrderBelowMinimumError,
    StepNotAllowedError,
)

P = ParamSpec("P")
T = TypeVar("T")

# How long a shopper waits for the hand-over; the handler continues after that.
HAND_OVER_WAIT: Final = 5.0


class Steps(Protocol):
    """An object with steps: `Checkout`."""

    _client: GettClient
    _record: Record
    _session: ShopperSession
    _admits: Callable[[Identity | None], bool] | None

    async def _learn_from(self, error: Exception, name: str, /) -> None: ...


S = TypeVar("S", bound=Steps)
Work = Callable[Concatenate[S, P], Coroutine[Any, Any, T]]


def step(
    event: type[Event] | None = None, *, finishes: bool = False, hand_over_wait: float | None = None
) -> Callable[[Work[S, P, T]], Work[S, P, T]]:
    """Declare a step, legal where ``event`` is.

    ``finishes``: once begun, the step runs to its end even when its caller is cancelled, because it may
    take effect at Gett. Otherwise a step whose caller is cancelled stops, except for work it runs with
    `Record.to_its_end`. ``hand_over_wait``: how many seconds the caller waits for the hand-over of an
    order that the step placed or found (default: to its end).

    All calls of a step to Gett share the time budget of one call, from the moment the step is called:
    waiting for its turn counts too, because the caller waits for that as well.
    """

    def declare(work: Work[S, P, T]) -> Work[S, P, T]:
        name = work.__name__.strip("_")

        async def run(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
            record = self._record
            with explained(record, name):
                try:
                    return await begin_and_save(self, *args, **kwargs)
                except CheckoutConflictError:
                    with suppress(GettCheckoutError):  # the stored state decides how to continue
                        await record.reload()
                    raise

        async def begin_and_save(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
            record = self._record
            await record.refresh()
            if self._admits is not None and not self._admits(record.state.identity):
                raise IdentityRequiredError("the checkout is another shopper's by now")
            if event is not None and not machine.is_legal(record.state.stage, event):
                raise not_now(record, name)
            try:
                result = await _in_session(self, work, *args, **kwargs)
            except Exception as error:
                await self._learn_from(error, name)
                await record.save_changes()
                raise
            stage, refusals = record.state.stage, record.state.refusals
            if machine.is_legal(stage, WentThrough) and any(each.step == name for each in refusals):
                record.happen(WentThrough(name))
            await record.save_changes()
            return result

        async def alone(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
            record = self._record
            with counted_from(self._client.clock()):
                async with record.lock:
                    before = record.handing_over
                    try:
                        await record.finished()
                        work = run(self, *args, **kwargs)
                        result = await (record.to_its_end(work) if finishes else work)
                    except CancelledError:
                        record.leave()
                        raise
            if record.handing_over is not None and record.handing_over is not before:
                # The lock is released: the handler may take steps itself.
                await wait({record.handing_over}, timeout=hand_over_wait)
            return result

        @wraps(work)
        def begin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
            work(self, *args, **kwargs).close()  # a missing argument fails at the call
            return alone(self, *args, **kwargs)

        return begin

    return declare


async def _in_session(self: S, work: Work[S, P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the step; repeat it in a new session when Gett rejects the one it ran in."""
    self._session.begin()
    try:
        return await work(self, *args, **kwargs)
    except ApiAuthenticationError as rejected:
        if not self._session.gives_way(rejected):
            raise
    try:
        return await work(self, *args, **kwargs)
    except ApiAuthenticationError as rejected:
        self._session.gives_way(rejected)  # not again: it says how to continue
        raise


def look(work: Work[S, P, T]) -> Work[S, P, T]:
    """Declare a coroutine that only reads: it waits for no turn and changes nothing."""

    @wraps(work)
    async def explain(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with explained(self._record, work.__name__):
            return await work(self, *args, **kwargs)

    return explain


def not_now(record: Record, name: str) -> StepNotAllowedError:
    """Return the error for a step that does not fit the stage; its message names the first requirement."""
    state = record.state
    if state.stage is Stage.PLACED:
        words = (
            f"{name} is not possible: the order is placed; start another checkout for the next one"
        )
        return StepNotAllowedError(words)
    missing = registry.requirements(state, record.now())
    # A cart below the minimum blocks only `place`.
    first = next((each.message for each in missing if each.code != "minimum_order"), None)
    words = f"{name} is not possible at stage {state.stage}"
    return StepNotAllowedError(f"{words}: {first}" if first else words)


@contextmanager
def explained(record: Record, name: str) -> Iterator[None]:
    """Report the step to the hooks; add the checkout's facts to its error."""
    with record.hooks.step(name, lambda: record.state.stage):
        try:
            yield
        except GettCheckoutError as error:
            _complete(error, name, record)
            raise


def _complete(error: GettCheckoutError, name: str, record: Record) -> None:
    """Add the checkout's id, missing requirements, next action, and a placement's key."""
    state, now = record.state, record.now()
    here = registry.Situation.of(state, now)
    missing, action = registry.outlook(here)
    if isinstance(error, OrderBelowMinimumError) and error.minimum_order is None:
        error.minimum_order = here.gap if here.gap and not here.gap.met else None
    error.checkout_id = state.checkout_id
    error.next_action = StartOver() if isinstance(error, CheckoutNotFoundError) else action
    error.requirements = error.requirements or missing
    if isinstance(error, StepNotAllowedError):
        error.step, error.stage = name, str(state.stage)
    if state.placement is not None and error.idempotency_key is None:
        error.idempotency_key = state.placement.idempotency_key
