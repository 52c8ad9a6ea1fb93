"""Checkouts kept in Redis, through a client of the caller's.

Each checkout is a value with its own time to live; a sorted set holds what is due. Saving is one
script, which Redis runs as a whole. All keys share one hash tag, so on a cluster everything lives
on one node and the scripts stay legal.

Redis forgets what it was not told to keep: give it ``appendonly yes`` and ``maxmemory-policy
noeviction``, or an order in the making may be forgotten.
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
# A checkout is kept as one value, quicker to read than three: a line of its version, its expiry and
# the attempt that saved it, then its data.
# Times are microseconds since 1970, which a Lua number holds exactly until the year 2255.
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
local kept, kept_until, kept_by = header(checkout)
local version = 0
if kept and tonumber(kept_until) > tonumber(now) then version = tonumber(kept) end
if version ~= tonumber(expected) then
    -- The client sends a command again when the connection broke: then this save is already done.
    if version == expected + 1 and kept_by == attempt then return version end
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
        local kept, kept_until = header(prefix .. id)
        if kept and tonumber(kept_until) > clock then
            found[#found + 1] = id
        else
            redis.call('ZREM', index, id)
        end
    end
end
return found
"""
)
# A cursor means nothing to another server than the one that gave it, nor to this one started anew,
# so the script tells which one it is: '' where it may not ask.
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
_PAGE: Final = 200  # keys that Redis looks at in one page, foreign ones included


class RedisStorage:
    """Keeps checkouts in Redis through ``redis``, which stays the caller's to close.

    Any ``redis.asyncio`` client will do, decoding answers or not. Every key begins with ``prefix``
    in braces. Expiry is a time to live counted from ``clock``, so that Redis's own clock does not
    matter.
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
        """What is kept under the id, or ``None``."""
        key = self._checkouts + _member(checkout_id)
        value = await self._run("GET", key)
        if value is None:
            return None
        try:
            return self._stored(value)
        except ValueError:
            raise StorageError("what Redis keeps under the id is not a checkout's") from None

    async def save(
        self,
        checkout_id: str,
        data: bytes,
        *,
        expected_version: int,
        expires_at: datetime,
        due_at: datetime | None,
    ) -> int:
        """Replace what is kept if it still has ``expected_version``, or `CheckoutConflictError`."""
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
            raise CheckoutConflictError("the checkout was changed by somebody else")
        return int(version)

    async def delete(self, checkout_id: str) -> None:
        """Forget what is kept under the id, if anything."""
        # Its member of the index goes when it is due and found without a checkout.
        await self._run("DEL", self._checkouts + _member(checkout_id))

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of at most ``limit`` checkouts whose ``due_at`` has come, the longest due first."""
        found = await self._run_script(
            _DUE,
            [self._index],
            [self._checkouts, microseconds(now), microseconds(self.clock()), limit],
        )
        return [member.decode(errors="surrogatepass") for member in found]

    async def scan(self) -> AsyncIterator[tuple[str, Stored]]:
        """Give everything that is stored and has not expired, with its id, in no particular order.

        It walks through all keys of the Redis database, also those of others. `StorageError` when
        Redis is restarted or replaced meanwhile: what was not read yet may then be missed.
        """
        # A prefix may hold what is special in a pattern.
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
                with suppress(ValueError):  # somebody else's key or value
                    checkout_id = key.removeprefix(self._checkouts).decode(errors="surrogatepass")
                    stored = self._stored(value)
                if stored is not None:
                    yield checkout_id, stored

    def _stored(self, value: bytes) -> Stored | None:
        """What a value of Redis holds unless it has expired; ``ValueError`` if it is no checkout."""
        header, _, data = value.partition(b"\n")
        version, expires = map(int, header.split()[:2])
        return Stored(data, version) if expires > microseconds(self.clock()) else None

    async def _warn_of_eviction(self) -> None:
        """Say it once in the log when the server deletes what it is to store."""
        # The save is done. Whether the server refuses, is silent or speaks of something else, it
        # neither fails by this nor waits for long.
        with suppress(Exception):
            async with asyncio.timeout(1):
                known = await self._run("INFO", "memory")
            policy = known["maxmemory_policy"]
            # Without a limit nothing is evicted, whatever the policy is.
            if policy != "noeviction" and known["maxmemory"] > 0:
                _warn(policy)

    async def _run_script(self, script: bytes, keys: list[bytes], values: list[Any]) -> Any:
        try:
            return await self._run("EVALSHA", _DIGESTS[script], len(keys), *keys, *values)
        except _ScriptUnknownError:
            # EVAL leaves the script with the server, so this happens once per server start.
            return await self._run("EVAL", script, len(keys), *keys, *values)

    async def _run(self, *command: Any) -> Any:
        with storage_errors("Redis"):
            try:
                return await self._execute(command)
            except ResponseError as error:
                # Redis 6 and others wrap what a script meets in an error of another class.
                if not isinstance(error, ReadOnlyError) and "-READONLY " not in str(error):
                    raise
                # The server is no primary any more, and so did nothing. The pool would go on with its
                # connections to it, while its address leads to the new one by now.
                if isinstance(self._redis, Redis):
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                return await self._execute(command)

    async def _execute(self, command: tuple[Any, ...]) -> Any:
        try:
            # A client that decodes responses would choke on opaque bytes.
            return await self._redis.execute_command(*command, **{NEVER_DECODE: True})
        except NoScriptError:
            raise _ScriptUnknownError from None


@asynccontextmanager
async def open_redis(
    url: str, *, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[RedisStorage]:
    """A storage with a client of its own for ``url``, closed at the end; connects when first used.

    It gives up on a silent server after 5 seconds; the URL's own options go before that.
    """
    url = hidden(url)
    client: Redis | None = None
    with suppress(ValueError, TypeError):  # what they say may quote the URL
        # Commands beyond the number of connections wait for one; other pools would refuse them.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=50,
            timeout=2 * PATIENCE,  # for a free connection: under load that is the queue
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            # Not one that timed out: each attempt would take as long again.
            retry=Retry(ExponentialBackoff(base=0.05, cap=0.5), 3, (NoConnectionError,)),
        )
        # Refuses an unknown option, and does not connect yet.
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
    """Say it once in this process, however many storages are opened."""
    _log.warning(
        "Redis evicts (maxmemory-policy %s): an order in progress may be lost when its memory is "
        "full; set noeviction",
        policy,
    )


class _ScriptUnknownError(StorageError):
    """The server has not seen the script since it started."""


_DIGESTS: Final = {
    script: sha1(script, usedforsecurity=False).hexdigest() for script in (_SAVE, _DUE, _SCAN)
}


def _member(checkout_id: str) -> bytes:
    return checkout_id.encode(errors="surrogatepass")
