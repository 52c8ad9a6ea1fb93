"""How any step of a checkout runs: alone, from what is saved, to its end, explained and saved.

A step is a coroutine of `Checkout` under one decorator::

    @step(PaymentChosen)
    async def pay(self, payment: Payment) -> None:
        await self._session.ready("place_order", Carry.QUOTE)
        self._record.happen(PaymentChosen(payment))

It waits for its turn, starts from what is saved, is refused when its event is not legal at the
stage, runs once more when Gett no longer accepts the session it ran in, and is saved: what must be
known before a request leaves, it saves itself; the rest is saved once, at its end. What happened is
a fact, so it is saved too when the step raises or its caller is cancelled.
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
from gett_checkout._core.state import Stage
from gett_checkout._patience import counted_from
from gett_checkout._record import Record
from gett_checkout._upgrade import ShopperSession
from gett_checkout.errors import (
    ApiAuthenticationError,
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    OrderBelowMinimumError,
    StepNotAllowedError,
)

P = ParamSpec("P")
T = TypeVar("T")

# How long a shopper waits for the partner's books; the handler goes on.
HAND_OVER_WAIT: Final = 5.0


class Steps(Protocol):
    """What has steps: `Checkout`."""

    _client: GettClient
    _record: Record
    _session: ShopperSession

    async def _learn_from(self, error: Exception, name: str, /) -> None: ...


S = TypeVar("S", bound=Steps)
Work = Callable[Concatenate[S, P], Coroutine[Any, Any, T]]


def step(
    event: type[Event] | None = None, *, finishes: bool = False, hand_over_wait: float | None = None
) -> Callable[[Work[S, P, T]], Work[S, P, T]]:
    """Declare a step, legal where ``event`` is.

    ``finishes``: once begun, it runs to its end even when its caller is cancelled: it may have an
    effect at Gett. Without it, a step whose caller is cancelled stops, but for what it runs
    `Record.to_its_end`. ``hand_over_wait``: how long its caller waits for the hand-over of an order it
    placed or found, in seconds (default: to its end).

    All that a step asks of Gett shares the patience of one call, from the moment the step is called:
    what it waits for its turn counts too, because somebody waits for that as well.
    """

    def declare(work: Work[S, P, T]) -> Work[S, P, T]:
        name = work.__name__.strip("_")

        async def run(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
            record = self._record
            with explained(record, name):
                try:
                    return await begin_and_save(self, *args, **kwargs)
                except CheckoutConflictError:
                    with suppress(GettCheckoutError):  # what is saved says how to go on
                        await record.reload()
                    raise

        async def begin_and_save(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
            record = self._record
            await record.refresh()
            if event is not None and not machine.is_legal(record.state.stage, event):
                raise not_now(record, name)
            try:
                result = await _in_session(self, work, *args, **kwargs)
            except Exception as error:
                await self._learn_from(error, name)
                await record.save_changes()
                raise
            if any(each.step == name for each in record.state.refusals):
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
                # With our turn given up: it may take steps itself.
                await wait({record.handing_over}, timeout=hand_over_wait)
            return result

        @wraps(work)
        def begin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
            work(self, *args, **kwargs).close()  # a call that lacks an argument fails at the call
            return alone(self, *args, **kwargs)

        return begin

    return declare


async def _in_session(self: S, work: Work[S, P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the step; once more in a new session when Gett does not accept the one it ran in."""
    self._session.begin()
    try:
        return await work(self, *args, **kwargs)
    except ApiAuthenticationError as refused:
        if not self._session.gives_way(refused):
            raise
    try:
        return await work(self, *args, **kwargs)
    except ApiAuthenticationError as refused:
        self._session.gives_way(refused)  # no more: it says what that means
        raise


def look(work: Work[S, P, T]) -> Work[S, P, T]:
    """Declare a coroutine that only looks: it waits for no turn and changes nothing."""

    @wraps(work)
    async def explain(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with explained(self._record, work.__name__):
            return await work(self, *args, **kwargs)

    return explain


def not_now(record: Record, name: str) -> StepNotAllowedError:
    """The error of a step that does not fit the stage; it says what to do first."""
    state = record.state
    if state.stage is Stage.PLACED:
        words = (
            f"{name} is not possible: the order is placed; start another checkout for the next one"
        )
        return StepNotAllowedError(words)
    missing = registry.requirements(state, record.now())
    # Below the minimum everything is possible but `place`.
    first = next((each.message for each in missing if each.code != "minimum_order"), None)
    words = f"{name} is not possible at stage {state.stage}"
    return StepNotAllowedError(f"{words}: {first}" if first else words)


@contextmanager
def explained(record: Record, name: str) -> Iterator[None]:
    """Tell the hooks of a step; have its error say what the checkout knows."""
    with record.hooks.step(name, lambda: record.state.stage):
        try:
            yield
        except GettCheckoutError as error:
            _complete(error, name, record)
            raise


def _complete(error: GettCheckoutError, name: str, record: Record) -> None:
    """Add the checkout's id, what is missing, what to do next, and a placement's key."""
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
