"""Checkouts stored in Redis, through your client.

Each checkout is a value with its own time to live; a sorted set indexes the due ones. Saving is one
script, which Redis runs atomically. All keys share one hash tag, so on a cluster they live on one node
and the scripts stay legal.

By default Redis may lose data: configure ``appendonly yes`` and ``maxmemory-policy noeviction``, or an
order in progress may be lost.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from hashlib import sha1
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.client import NEVER_DECODE
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

from gett_checkout._hidden import hidden
from gett_checkout.errors import CheckoutConflictError, InvalidInputError, StorageError
from gett_checkout.storage import Stored
from gett_checkout.storage.failures import PATIENCE, storage_errors
from gett_checkout.storage.instants import microseconds

_log: Final = logging.getLogger("gett_checkout")
# A checkout is stored as one value, which is faster to read than three: a line with its version, its
# expiry and the attempt that saved it, then its data. Times are microseconds since 1970, which a Lua
# number represents exactly until the year 2255.
_HEADER: Final = b"""
local function header(key)
    return string.match(redis.call('GETRANGE', key, 0, 99), '^(%d+) (-?%d+) (%x+)\\n')
end
"""
_SAVE: Final = (
    _HEADER
    + b"""
local checkout, index = KEYS[1], KEYS[2]
local id, now, expected, expires, due, ttl, attempt, data = unpack(ARGV)
local stored, stored_until, stored_by = header(checkout)
local version = 0
if stored and tonumber(stored_until) > tonumber(now) then version = tonumber(stored) end
if version ~= tonumber(expected) then
    -- The client repeats a command after a broken connection: then this save is already done.
    if version == expected + 1 and stored_by == attempt then return version end
    return 0
end
version = version + 1
redis.call('SET', checkout, string.format('%.0f %s %s\\n', version, expires, attempt) .. data)
redis.call('PEXPIRE', checkout, ttl)
if due == '' then redis.call('ZREM', index, id) else redis.call('ZADD', index, due, id) end
return version
"""
)
_DUE: Final = (
    _HEADER
    + b"""
local index, prefix = KEYS[1], ARGV[1]
local now, clock, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}
while #found < limit do
    local ids = redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', #found, limit - #found)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
        local stored, stored_until = header(prefix .. id)
        if stored and tonumber(stored_until) > clock then
            found[#found + 1] = id
        else
            redis.call('ZREM', index, id)
        end
    end
end
return found
"""
)
# A cursor is valid only for the server process that issued it, so the script returns the server's id:
# '' where it may not ask for it.
_SCAN: Final = b"""
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local found = {}
for _, key in ipairs(page[2]) do
    local value = redis.pcall('GET', key) -- an error for a key of another type: not a checkout
    if type(value) == 'string' then
        found[#found + 1] = key
        found[#found + 1] = value
    end
end
return {server, page[1], found}
"""
_PAGE: Final = 200  # keys that Redis examines for one page, including foreign ones


class RedisStorage:
    """Stores checkouts in Redis through ``redis``; closing the client is up to you.

    Any ``redis.asyncio`` client works, whether it decodes responses or not. Every key begins with
    ``prefix`` in braces. Each key gets a time to live counted from ``clock``, so Redis's own time of
    day does not matter.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        *,
        prefix: str = "gett-checkout",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        if not prefix or "{" in prefix or "}" in prefix:
            raise InvalidInputError("prefix must not be empty or contain braces")
        self._redis = redis
        self._prefix = prefix
        self._checkouts = f"{{{prefix}}}:checkout:".encode()
        self._index = f"{{{prefix}}}:due".encode()
        self.clock: Final[Callable[[], datetime]] = clock or (lambda: datetime.now(UTC))
        self._is_looked_at = True

    def __repr__(self) -> str:
        return f"RedisStorage(prefix={self._prefix!r})"

    async def load(self, checkout_id: str) -> Stored | None:
        """Return the entry stored under the id, or ``None``."""
        key = self._checkouts + _member(checkout_id)
        value = await self._run("GET", key)
        if value is None:
            return None
        try:
            return self._stored(value)
        except ValueError:
            raise StorageError("the value Redis stores under the id is not a checkout") from None

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Replace the entry if it still has ``expected_version``; else raise `CheckoutConflictError`."""
        member = _member(checkout_id)
        now, expires = microseconds(self.clock()), microseconds(expires_at)
        version = await self._run_script(
            _SAVE,
            [self._checkouts + member, self._index],
            [
                member,
                now,
                expected_version,
                expires,
                "" if due_at is None else microseconds(due_at),
                -((now - expires) // 1000),  # milliseconds, rounded up
                secrets.token_hex(8),
                data,
            ],
        )
        if not self._is_looked_at:
            self._is_looked_at = True
            await self._warn_of_eviction()
        if not version:
            raise CheckoutConflictError("another worker changed the checkout")
        return int(version)

    async def delete(self, checkout_id: str) -> None:
        """Delete the entry stored under the id, if any."""
        # Its index entry is removed when it is due and found without a checkout.
        await self._run("DEL", self._checkouts + _member(checkout_id))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of at most ``limit`` due checkouts, those due earliest first."""
        found = await self._run_script(
            _DUE,
            [self._index],
            [self._checkouts, microseconds(now), microseconds(self.clock()), limit],
        )
        return [member.decode(errors="surrogatepass") for member in found]

    async def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Yield every entry that has not expired, with its id, in no particular order.

        Walks through all keys of the Redis database, including foreign ones. Raises `StorageError` when
        Redis is restarted or replaced meanwhile, because entries not read yet could be missed.
        """
        # A prefix may contain special characters of a pattern.
        pattern = re.sub(rb"([*?\[\]\\])", rb"\\\1", self._checkouts) + b"*"
        cursor, begun_on = b"0", None
        while begun_on is None or cursor != b"0":
            server, cursor, found = await self._run_script(
                _SCAN, [self._index], [cursor, pattern, _PAGE]
            )
            if begun_on not in (None, server):
                raise StorageError("Redis was restarted or replaced during the scan: scan again")
            begun_on = server
            for key, value in zip(found[::2], found[1::2], strict=True):
                stored = None
                with suppress(ValueError):  # a foreign key or value
                    checkout_id = key.removeprefix(self._checkouts).decode(errors="surrogatepass")
                    stored = self._stored(value)
                if stored is not None:
                    yield checkout_id, stored

    def _stored(self, value: bytes) -> Stored | None:
        """Return the entry in a Redis value unless it has expired; raise ``ValueError`` for other values."""
        header, _, data = value.partition(b"\n")
        version, expires = map(int, header.split()[:2])
        return Stored(data, version) if expires > microseconds(self.clock()) else None

    async def _warn_of_eviction(self) -> None:
        """Warn once in the log when the server evicts data that it should store."""
        # The save is done. Whether the server refuses, is silent or replies with nonsense, the save
        # neither fails nor waits for long.
        with suppress(Exception):
            async with asyncio.timeout(1):
                known = await self._run("INFO", "memory")
            policy = known["maxmemory_policy"]
            # Without a memory limit nothing is evicted, whatever the policy.
            if policy != "noeviction" and known["maxmemory"] > 0:
                _warn(policy)

    async def _run_script(self, script: bytes, keys: list[bytes], values: list[Any]) -> Any:
        try:
            return await self._run("EVALSHA", _DIGESTS[script], len(keys), *keys, *values)
        except _ScriptUnknownError:
            # EVAL caches the script on the server, so this happens once per server start.
            return await self._run("EVAL", script, len(keys), *keys, *values)

    async def _run(self, *command: Any) -> Any:
        with storage_errors("Redis"):
            try:
                return await self._execute(command)
            except ResponseError as error:
                # Redis 6 and others wrap a script's error in another class.
                if not isinstance(error, ReadOnlyError) and "-READONLY " not in str(error):
                    raise
                # The server is no longer the primary, so it did nothing. The pool would continue with
                # its connections to it, although its address already leads to the new primary.
                if isinstance(self._redis, Redis):
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                return await self._execute(command)

    async def _execute(self, command: tuple[Any, ...]) -> Any:
        try:
            # A client that decodes responses would fail on opaque bytes.
            return await self._redis.execute_command(*command, **{NEVER_DECODE: True})
        except NoScriptError:
            raise _ScriptUnknownError from None


@asynccontextmanager
async def open_redis(
    url: str, *, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[RedisStorage]:
    """Open a storage with its own client for ``url``, closed at the end; it connects on first use.

    It gives up on a silent server after 5 seconds; options in the URL take precedence.
    """
    url = hidden(url)
    client: Redis | None = None
    with suppress(ValueError, TypeError):  # their messages may quote the URL
        # Commands beyond the number of connections wait for one; other pools would fail them.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=50,
            timeout=2 * PATIENCE,  # for a free connection: under load that includes the queue
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            # Timeouts are not retried: each attempt would take as long again.
            retry=Retry(ExponentialBackoff(base=0.05, cap=0.5), 3, (NoConnectionError,)),
        )
        # Fails for an unknown option, and does not connect yet.
        pool.make_connection()  # type: ignore[no-untyped-call]
        client = Redis.from_pool(pool)
    if client is None:
        raise InvalidInputError("the storage URL has an option that is wrong for Redis")
    try:
        storage = RedisStorage(client, clock=clock)
        storage._is_looked_at = False  # noqa: SLF001 - a client of our own may be asked more
        yield storage
    finally:
        await client.aclose()


@cache
def _warn(policy: str) -> None:
    """Warn once in this process, however many storages are opened."""
    _log.warning(
        "Redis evicts (maxmemory-policy %s): an order in progress may be lost when its memory is "
        "full; set noeviction",
        policy,
    )


class _ScriptUnknownError(StorageError):
    """The server does not know the script: it has restarted since."""


_DIGESTS: Final = {
    script: sha1(script, usedforsecurity=False).hexdigest() for script in (_SAVE, _DUE, _SCAN)
}


def _member(checkout_id: str) -> bytes:
    return checkout_id.encode(errors="surrogatepass")
