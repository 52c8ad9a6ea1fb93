"""What a driver raises becomes one error that a backend can catch, and that gives nothing away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gett_checkout.errors import StorageError


@contextmanager
def storage_errors(storage: str, *raised: type[Exception]) -> Iterator[None]:
    """Raise `StorageError` for the driver errors ``raised``: it names their class, quotes nothing.

    A save that ends so may have happened or not: the connection can break after the work is done.
    """
    try:
        yield
    except raised as error:
        raise StorageError(f"the {storage} storage failed ({type(error).__name__})") from error
