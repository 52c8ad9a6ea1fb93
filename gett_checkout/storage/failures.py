"""What a driver raises becomes one error that a backend can catch, and that gives nothing away."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gett_checkout._hidden import without_traceback
from gett_checkout.errors import StorageError

# Seconds after which a storage that is opened by its URL gives up on a silent server, and on a
# connection that is not free.
PATIENCE: Final = 5.0


@contextmanager
def storage_errors(storage: str) -> Iterator[None]:
    """Raise `StorageError` for whatever a driver raises: it names the class, quotes nothing.

    Drivers have exceptions of their own, and raise others when a server talks nonsense. Whatever
    leaves a driver, a cancellation too, leaves its frames behind: they hold what was to be saved. A save
    that ends so may have happened or not: the connection can break after the work is done.
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
