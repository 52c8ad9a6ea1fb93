"""Send events to hooks, and tell them which checkout is concerned. No hook can affect an order."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from inspect import iscoroutinefunction
from time import perf_counter
from types import BuiltinMethodType, MethodType
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, cast

from attrs import define

from gett_checkout.errors import (
    ApiError,
    GettCheckoutError,
    InvalidInputError,
    InvalidResponseError,
)
from gett_checkout.telemetry import logs
from gett_checkout.telemetry.events import (
    ENDS,
    Event,
    RequestFinished,
    RequestStarted,
    StepFinished,
    StepStarted,
    digest,
)

P = ParamSpec("P")
C = TypeVar("C", bound=Callable[..., object])

Label = Callable[[str], str]
"""Maps a checkout's id to its name in events."""


class Hook(Protocol):
    """Any callable that accepts an event, but not an async function.

    It is called on the event loop, in the task where the event happens, and must not block: put slow
    work in a queue. Exceptions in it are logged and go no further.
    """

    def __call__(self, event: Event, /) -> None:
        """Receive the event."""


@define
class Exchange:
    """A request in progress, and the status of its response once there is one."""

    status: int | None = None


class Hooks:
    """The hooks, each once, and the checkout their events concern, if any.

    ``checkout`` is the checkout's name in events; ``label`` makes such a name from an id. Hooks receive
    the end of a step or a request in the reverse order of its beginning, so that the scopes they open
    nest.
    """

    def __init__(
        self, hooks: Iterable[Hook] = (), *, label: Label = digest, checkout: str | None = None
    ) -> None:
        self._hooks = _checked(hooks)
        self._label = _plain("checkout_label", label)
        self._checkout = checkout
        self._listeners: tuple[Hook, ...] = (*self._hooks, logs.log)

    def about(self, checkout_id: str) -> Hooks:
        """Return the same hooks for this checkout."""
        return Hooks(self._hooks, label=self._label, checkout=self._called(checkout_id))

    def _called(self, checkout_id: str) -> str:
        """Return the checkout's name in events; its digest if the label raises."""
        try:
            return str(self._label(checkout_id))
        except Exception as failure:  # noqa: BLE001 - like a hook, it can do an order no harm
            with suppress(Exception):
                logs.log_failure(self._label, failure)
            return digest(checkout_id)

    def here(self) -> Hooks:
        """Return the hooks of the current step's checkout, if there is one, else these hooks."""
        return _CURRENT.get() or self

    def tell(
        self, kind: Callable[Concatenate[Any, P], Event], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Send an event of this kind; without listeners the event is not created."""
        if not self._hooks and not logs.is_wanted(cast("type[Event]", kind)):
            return
        event = kind(self._checkout, *args, **kwargs)
        for hook in reversed(self._listeners) if kind in ENDS else self._listeners:
            try:
                hook(event)
            except (Exception, CancelledError) as failure:  # noqa: BLE001 - the order goes on
                with suppress(Exception):  # the log is a listener too, with the partner's handlers
                    logs.log_failure(hook, failure)

    @contextmanager
    def step(self, name: str, stage: Callable[[], str]) -> Iterator[None]:
        """Report a step's beginning and end; requests made in it are attributed to its checkout."""
        began, failed, outside = perf_counter(), None, _CURRENT.set(self)
        self.tell(StepStarted, name)
        try:
            yield
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            self.tell(StepFinished, name, str(stage()), perf_counter() - began, failed)
            with suppress(ValueError):  # closed in another context, because its loop is gone
                _CURRENT.reset(outside)

    @contextmanager
    def request(
        self, operation: str, method: str, route: str, host: str, port: int, attempt: int
    ) -> Iterator[Exchange]:
        """Report a request's beginning and end; the caller sets the status of the response."""
        about, exchange, failed = (operation, method, route, host, port, attempt), Exchange(), None
        began = perf_counter()
        self.tell(RequestStarted, *about)
        try:
            yield exchange
        except BaseException as error:
            failed = error
            raise
        finally:
            rejection = failed if isinstance(failed, ApiError) else None
            if isinstance(failed, InvalidResponseError) and failed.status:
                exchange.status = failed.status  # the body was not read to its end
            self.tell(
                RequestFinished,
                *about,
                status=exchange.status,
                seconds=perf_counter() - began,
                error=type(failed).__name__ if failed else None,
                error_code=(rejection.code or None) if rejection else None,
                request_id=rejection.request_id if rejection else None,
                cause=failed.cause if isinstance(failed, GettCheckoutError) else None,
            )


_CURRENT: Final[ContextVar[Hooks | None]] = ContextVar("gett_checkout_hooks", default=None)
_METHODS: Final = (MethodType, BuiltinMethodType)  # created anew on each lookup


def _checked(hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    """Return the hooks, each once. Raises `InvalidInputError` unless each is a plain callable."""
    try:
        given = tuple(hooks)
    except TypeError:
        raise InvalidInputError("hooks must be an iterable of callables") from None
    different: list[Hook] = []
    for hook in given:
        _plain("a hook", hook)
        if not any(_is_same(hook, each) for each in different):
            different.append(hook)
    return tuple(different)


def _plain(what: str, called: C) -> C:
    """Return the callable. Raises `InvalidInputError` if it is none, or would have to be awaited."""
    if not callable(called):
        raise InvalidInputError(f"{what} must be callable")
    if iscoroutinefunction(called) or iscoroutinefunction(type(called).__call__):
        raise InvalidInputError(f"{what} must be a plain function: nobody awaits it")
    return called


def _is_same(one: Hook, other: Hook) -> bool:
    return one is other or (isinstance(one, _METHODS) and one == other)
