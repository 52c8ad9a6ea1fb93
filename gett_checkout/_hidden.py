"""Secrets with an empty repr, and errors without secrets in their frames.

An error tracker stores the locals of every frame that an exception went through, by ``repr``,
recursively. So every secret (a credential, card or contact data, a body, a filled-in URL) is a `Hidden`
text or `HiddenBytes` from its arrival until it is written to the socket: a string like any other, but
its repr shows nothing. Functions that must handle plain secrets are decorated with `leaves_nothing`,
and errors of drivers, which store secrets in their own frames, lose their traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_ITERABLE_COROUTINE
from traceback import walk_tb
from typing import Final, ParamSpec, SupportsIndex, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")


class Hidden(str):
    """A text whose repr shows nothing; slices of it, for example for a shorter repr, are hidden too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        return Hidden(super().__getitem__(key))


class HiddenBytes(bytes):
    """Bytes whose repr shows nothing; slices of them are hidden too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: SupportsIndex | slice) -> int | bytes:
        found = super().__getitem__(key)
        return found if isinstance(found, int) else HiddenBytes(found)


@overload
def hidden(value: str) -> str: ...
@overload
def hidden(value: bytes) -> bytes: ...
@overload
def hidden(value: None) -> None: ...
def hidden(value: object) -> object:
    """Wrap a string or bytes so that its repr hides it; return other values unchanged."""
    if isinstance(value, str):
        return value if type(value) is Hidden else Hidden(value)
    if isinstance(value, bytes):
        return value if type(value) is HiddenBytes else HiddenBytes(value)
    return value


def leaves_nothing(function: Callable[P, T]) -> Callable[P, T]:
    """When ``function`` raises, clear the locals in the error's frames, its arguments included."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        outside = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            _clear(error, outside)
            raise
        finally:
            del args, kwargs

    return call


def of_secrets(cls: type[T]) -> type[T]:
    """Clear the frames of errors that a class's ``__init__`` raises, its arguments included."""
    cls.__init__ = leaves_nothing(cls.__init__)  # type: ignore[method-assign]
    return cls


def without_traceback(error: BaseException, outside: BaseException | None) -> BaseException:
    """Return a driver's error, and its causes, without frames: they contain what the driver was given.

    ``outside`` is the exception that was being handled before, which stays as it is.
    """
    for each in _led_to(error, outside):
        each.__traceback__ = None
    return error


def _clear(error: BaseException, outside: BaseException | None) -> None:
    """Clear the error's frames of functions that have ended."""
    for each in _led_to(error, outside):
        for frame, _ in walk_tb(each.__traceback__):
            # Clearing the frame of a running coroutine or generator would end it.
            if not frame.f_code.co_flags & _SUSPENDABLE:
                with suppress(RuntimeError):  # the decorator's own frame is still running
                    frame.clear()


def _led_to(error: BaseException, outside: BaseException | None) -> Iterator[BaseException]:
    """Return the error, its causes and contexts, each once, up to ``outside``."""
    waiting: list[BaseException | None] = [error]
    seen = {id(outside)}
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


_SUSPENDABLE: Final = CO_GENERATOR | CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR
