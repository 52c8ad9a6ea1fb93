"""Turn a driver's exceptions into one error that a backend can catch, and that quotes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gett_checkout._hidden import without_traceback
from gett_checkout.errors import StorageError

# How long, in seconds, a storage opened by URL waits for a silent server or a free connection.
PATIENCE: Final = 5.0


@contextmanager
def storage_errors(storage: str) -> Iterator[None]:
    """Raise `StorageError` for any driver exception: it names the class, and quotes nothing.

    Drivers have exceptions of their own, and raise others when a server sends nonsense. The frames of
    every exception from a driver, even of a cancellation, are dropped, because they hold the data to be
    saved. A save that fails this way may have been applied: the connection can break after the work is
    done.
    """
    outside = sys.exception()
    try:
        yield
    except BaseException as error:
        without_traceback(error, outside)
        if isinstance(error, StorageError) or not isinstance(error, Exception):
            raise error
        name = type(error).__name__
        failure = StorageError(f"the {storage} storage failed ({name})")
        failure.cause = name
        raise failure from error
