"""Open storages by URL, for a command line or a settings file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from urllib.parse import SplitResult, unquote, urlsplit

from gett_checkout._hidden import hidden, leaves_nothing
from gett_checkout.errors import InvalidInputError
from gett_checkout.storage import Storage


@leaves_nothing
def open_storage(
    url: str,
    *,
    encryption_keys: Sequence[str] = (),
    clock: Callable[[], datetime] | None = None,
) -> AbstractAsyncContextManager[Storage]:
    """Open the storage that ``url`` names; the context manager closes what it opened.

    ``url`` is ``memory:``, ``sqlite:///relative/path``, ``sqlite:////absolute/path``,
    ``redis://user:password@host:port/database`` (``rediss://`` with TLS), or
    ``postgresql://user:password@host:port/database``. Percent-encode special characters in a URL. With
    ``encryption_keys`` it is wrapped in `gett_checkout.storage.encrypted.EncryptedStorage`. Raises
    `InvalidInputError` when the URL or a key is invalid, or the driver is not installed; its message
    quotes neither the URL nor a key. ``clock`` returns aware UTC.
    """
    opened = _by_scheme(hidden(url), clock)
    # An empty string is a forgotten setting, and must not turn encryption off.
    is_wanted = isinstance(encryption_keys, str | bytes) or bool(encryption_keys)
    return _encrypted(opened, encryption_keys) if is_wanted else opened


def sqlite_path(url: str) -> str | None:
    """Return the path of the file that an SQLite URL names; ``None`` for another URL."""
    parts = _split(url)
    return _path(parts) if parts is not None and parts.scheme == "sqlite" else None


def _encrypted(
    opened: AbstractAsyncContextManager[Storage], keys: Sequence[str]
) -> AbstractAsyncContextManager[Storage]:
    try:
        from gett_checkout.storage.encrypted import EncryptedStorage, read_keys
    except ModuleNotFoundError as error:
        raise _missing("encrypted", "encryption") from error
    read_keys(keys)  # before anything is opened

    @asynccontextmanager
    async def encrypting() -> AsyncIterator[Storage]:
        async with opened as storage:
            yield EncryptedStorage(storage, keys)

    return encrypting()


def _by_scheme(
    url: str, clock: Callable[[], datetime] | None
) -> AbstractAsyncContextManager[Storage]:
    parts = _split(url)
    if parts is None:
        raise InvalidInputError(
            "the storage URL cannot be read; special characters in it must be percent-encoded"
        )
    match parts.scheme:
        case "memory" if url == "memory:":
            from gett_checkout.storage.memory import MemoryStorage

            return nullcontext(MemoryStorage(clock=clock))
        case "sqlite":
            from gett_checkout.storage.sqlite import SQLiteStorage

            return SQLiteStorage(_path(parts), clock=clock)
        case "redis" | "rediss":
            try:
                from gett_checkout.storage.redis import open_redis
            except ModuleNotFoundError as error:
                raise _missing("Redis", "redis") from error
            return open_redis(url, clock=clock)
        case "postgresql" | "postgres":
            try:
                from gett_checkout.storage.postgres import open_postgres
            except ModuleNotFoundError as error:
                raise _missing("PostgreSQL", "postgres") from error
            return open_postgres(url, clock=clock)
    raise InvalidInputError(
        "a storage URL begins with memory:, sqlite:, redis:, rediss: or postgresql:"
    )


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL, or ``None``; the reason is withheld, because it may quote a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed on access
    except ValueError:
        return None
    # An unencoded "/", "?" or "#" in a password splits it and leaves the "@" behind.
    rest = parts.path + parts.query + parts.fragment
    return None if parts.scheme != "sqlite" and "@" in rest else parts


def _path(parts: SplitResult) -> str:
    path = unquote(parts.path.removeprefix("/"))
    if not path or parts.netloc or parts.query or parts.fragment:
        raise InvalidInputError(
            "an SQLite URL is sqlite:///relative/path or sqlite:////absolute/path"
        )
    return path


def _missing(storage: str, extra: str) -> InvalidInputError:
    return InvalidInputError(
        f"the {storage} storage needs its driver: pip install 'gett-checkout[{extra}]'"
    )
