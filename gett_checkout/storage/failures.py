"""What a driver raises becomes one error that a backend can catch, and that gives nothing away."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gett_checkout._hidden import without_traceback
from gett_checkout.errors import StorageError


@contextmanager
def storage_errors(storage: str, *raised: type[Exception]) -> Iterator[None]:
    """Raise `StorageError` for the driver errors ``raised``: it names their class, quotes nothing.

    Whatever leaves a driver, a cancellation too, leaves its frames behind: they hold what was to be
    saved. A save that ends so may have happened or not: the connection can break after the work is done.
    """
    outside = sys.exception()
    try:
        yield
    except raised as error:
        name = type(error).__name__
        failure = StorageError(f"the {storage} storage failed ({name})")
        failure.cause = name
        raise failure from without_traceback(error, outside)
    except BaseException as error:  # noqa: BLE001
        raise without_traceback(error, outside)  # noqa: B904 - the same, without its frames
