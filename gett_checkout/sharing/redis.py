"""A rate limit and menus that workers share in Redis, through your client.

Durability is not needed: Gett's next responses replace what Redis loses.
"""

from __future__ import annotations

import asyncio
import zlib
from hashlib import sha1
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.client import NEVER_DECODE
from redis.exceptions import NoScriptError, ResponseError

from gett_checkout.errors import InvalidInputError
from gett_checkout.sharing import LimitReport, Permit, Priority

# The stored state of a bucket; times are in milliseconds of Redis's clock, which all workers share:
#   window    when Gett resets the current minute, in Unix seconds as Gett writes it
#   begun, ends  when that minute began, as far as known, and when it ends
#   budget    how many requests the workers may send in it; -1: nothing is limited
#   taken     how many they have sent
#   best, before  the budget of this minute and of the one before at their beginnings: the limit
#   probe     when the first request was sent after `ends`; 0: none
#   pending   how many were sent since that no response has assigned to a minute yet
#   orders, orders_before  how many orders had a response in this minute and in the one before
#   blocked   until when a 429 blocks all requests
_STATE: Final = b"""
local key, now = KEYS[1], redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local names = {
    'window', 'begun', 'ends', 'budget', 'taken', 'best', 'before', 'probe', 'pending', 'blocked',
    'orders', 'orders_before',
}
local state = {}
for place, value in ipairs(redis.call('HMGET', key, unpack(names))) do
    state[names[place]] = tonumber(value or 0)
end
local function save()
    local members = {}
    for name, value in pairs(state) do
        members[#members + 1] = name
        members[#members + 1] = string.format('%.0f', value)
    end
    redis.call('HSET', key, unpack(members))
    redis.call('PEXPIRE', key, 3600000)
end
"""
# A minute begins when a response says so. Clocks differ, and all waiting requests are released at the
# same moment, so the first one goes alone; if its response takes long, the others use the last known
# limit.
_ACQUIRE: Final = (
    _STATE
    + b"""
local priority = ARGV[1]
local always = priority == 'always'
local limit = math.max(state.best, state.before)
local reserve = math.floor(limit / 20)
if priority == 'reserved' then reserve = math.ceil(reserve / 2) end
-- Assume that orders continue at the rate of the previous minute until this one ends. They arrive at
-- random, so their standard deviation (the root of a Poisson mean) is reserved too.
local left, length = state.ends - now, math.max(state.ends - state.begun, 1)
local expected = state.orders_before * left / length
if left <= 0 then expected = state.orders end -- the next minute is still whole
expected = math.ceil(expected + math.sqrt(expected))
reserve = reserve + math.min(expected, math.floor(limit / 2))
if now < state.blocked and not always then return {state.blocked - now, 0} end
if now < state.ends then
    local free = state.budget < 0 or state.budget - state.taken > reserve
    if not (free or always) then return {state.ends - now, 0} end
    state.taken = state.taken + 1
    save()
    return {0, state.window}
end
if now >= state.probe + 60000 then
    state.probe, state.pending = 0, 0
end
if state.probe == 0 then
    state.probe = now
elseif not always then
    if now < state.probe + 250 then return {50, 0} end
    if limit > 0 and limit - state.pending <= reserve then return {1000, 0} end
end
state.pending = state.pending + 1
save()
return {0, -now}
"""
)
_UPDATE: Final = (
    _STATE
    + b"""
local permit, remaining, reset = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local retry_after, was_sent, is_order = tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6] == '1'
-- Whether the request is still pending, and not yet assigned to a minute.
local is_pending = permit < 0 and -permit >= state.ends
local function leave()
    state.pending = math.max(state.pending - 1, 0)
    if state.pending == 0 then state.probe = 0 end
end
if retry_after then state.blocked = math.max(state.blocked, now + retry_after) end
local far = reset and reset * 1000 > now + 3600000
if not was_sent then
    if is_pending then
        leave()
    elseif permit == state.window then
        state.taken = math.max(state.taken - 1, 0)
    end
elseif not remaining or not reset or far then
    -- Without figures nothing is limited; one response without them does not change known figures.
    if not retry_after and (now >= state.ends or state.budget < 0) then
        state.budget, state.begun, state.ends, state.taken = -1, now, now + 60000, 0
        state.probe, state.pending = 0, 0
    end
elseif reset > state.window
    or (reset < state.window and now >= state.ends and reset * 1000 > now) then
    -- A request of an earlier minute that Gett counts in this one is not pending.
    state.taken = state.pending + (is_pending and 0 or 1)
    state.before = state.best
    state.budget = remaining + state.taken
    state.best = state.budget
    state.window, state.probe, state.pending = reset, 0, 0
    state.orders_before, state.orders = state.orders, 0
    state.begun = now
    local left = reset * 1000 - now
    -- Clocks differ: a minute ends after 60 seconds, whatever Gett's clock says.
    state.ends = now + ((left > 0 and left < 60000) and left or 60000)
elseif reset == state.window then
    if is_pending then
        -- It was sent before Gett's minute ended.
        leave()
        state.ends = now + 250
        state.taken = state.taken + 1
    elseif permit > 0 and permit ~= state.window then
        state.taken = state.taken + 1
    end
    -- The remainder reveals how much of the limit others have used.
    local left = remaining + state.taken
    state.budget = state.budget < 0 and left or math.min(state.budget, left)
end
-- Counted here, so that a request whose `acquire` was abandoned counts too.
if is_order and not retry_after then state.orders = state.orders + 1 end
save()
return 0
"""
)
_DIGESTS: Final = {
    script: sha1(script, usedforsecurity=False).hexdigest() for script in (_ACQUIRE, _UPDATE)
}


class RedisRateLimiter:
    """A `~gett_checkout.sharing.RateLimiter` in Redis, through ``redis``; closing it is up to you.

    Any ``redis.asyncio`` client works. Every key begins with ``prefix`` in braces, contains a digest of
    the organisation instead of its API key, and expires an hour after its last use. All workers use the
    clock of Redis.
    """

    def __init__(self, redis: Redis | RedisCluster, *, prefix: str = "gett-checkout") -> None:
        self._redis = redis
        self._prefix = _checked(prefix)

    def __repr__(self) -> str:
        return f"RedisRateLimiter(prefix={self._prefix!r})"

    async def acquire(self, name: str, *, priority: Priority) -> Permit:
        """Count a request that is about to be sent, or return when to ask again."""
        wait, window = await self._run(_ACQUIRE, name, priority)
        return Permit(int(wait) / 1000, int(window))

    async def update(self, name: str, permit: Permit, report: LimitReport) -> None:
        """Record the outcome of a request; the call may come late, or never."""
        after = report.retry_after
        await self._run(
            _UPDATE,
            name,
            permit.window,
            "" if report.remaining is None else report.remaining,
            "" if report.resets_at is None else report.resets_at,
            "" if after is None else round(after * 1000),
            int(report.was_sent),
            int(report.is_order and report.was_sent),
        )

    async def _run(self, script: bytes, name: str, *values: Any) -> Any:
        key = f"{{{self._prefix}}}:limit:{name}"
        try:
            return await self._redis.execute_command("EVALSHA", _DIGESTS[script], 1, key, *values)
        except NoScriptError:
            # EVAL caches the script on the server, so this happens once per server start.
            return await self._redis.execute_command("EVAL", script, 1, key, *values)


class RedisMenuCache:
    """A `~gett_checkout.sharing.MenuCache` in Redis, through ``redis``; closing it is up to you.

    Menus are stored compressed, for ``lifetime`` seconds, up to ``largest`` bytes of JSON each. Every
    key begins with ``prefix`` in braces. A damaged or foreign entry counts as absent.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        *,
        prefix: str = "gett-checkout",
        lifetime: float = 24 * 3600.0,
        largest: int = 8 * 1024 * 1024,
    ) -> None:
        if not 1 <= lifetime <= _LONGEST:
            raise InvalidInputError("lifetime must be from 1 second to a year")
        if largest < 1:
            raise InvalidInputError("largest must be at least 1 byte")
        self._redis = redis
        self._prefix = _checked(prefix)
        self._lifetime = lifetime
        self._largest = largest

    def __repr__(self) -> str:
        return f"RedisMenuCache(prefix={self._prefix!r})"

    async def get(self, name: str) -> bytes | None:
        """Return exactly the bytes stored under the name, or ``None``."""
        head = _head(name)
        # Compression adds a few bytes at most; a larger value is foreign, and is not fetched.
        most = len(head) + self._largest + 1024
        try:
            value = await self._redis.execute_command(
                "GETRANGE", self._key(name), 0, most, **{NEVER_DECODE: True}
            )
        except ResponseError:  # a key of another type
            return None
        if not value.startswith(head):
            return None
        return await asyncio.to_thread(_inflated, value[len(head) :], self._largest)

    async def put(self, name: str, body: bytes) -> None:
        """Store the bytes, unless there are more than ``largest``."""
        if len(body) > self._largest:
            return
        # In a thread: compressing a large menu takes tens of milliseconds.
        value = _head(name) + await asyncio.to_thread(zlib.compress, body)
        milliseconds = round(self._lifetime * 1000)
        await self._redis.execute_command("SET", self._key(name), value, "PX", milliseconds)

    def _key(self, name: str) -> str:
        return f"{{{self._prefix}}}:menu:{name}"


_LONGEST: Final = 366 * 24 * 3600


def _head(name: str) -> bytes:
    """Return an entry's head: its name, so that a misplaced entry is detected."""
    return f"menu 1 {name}\n".encode()


def _inflated(data: bytes, most: int) -> bytes | None:
    """Return the decompressed bytes; ``None`` when they are damaged, or more than ``most``."""
    reader = zlib.decompressobj()
    try:
        body = reader.decompress(data, most + 1)
    except zlib.error:
        return None
    return body if reader.eof and len(body) <= most else None


def _checked(prefix: str) -> str:
    if not prefix or "{" in prefix or "}" in prefix:
        raise InvalidInputError("prefix must not be empty or contain braces")
    return prefix
