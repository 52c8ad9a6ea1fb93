"""Menus that workers share: over a real Redis, against the sandbox."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from gett_checkout import Checkouts, GettClient, InvalidInputError
from gett_checkout.sandbox import Sandbox
from gett_checkout.sharing.redis import RedisMenuCache
from tests.servers import RedisServer

STORE = "store_green_bowl"
NAME = "organisation:menu"
MENU = json.dumps({"items": {str(number): {"name": "x" * 100} for number in range(500)}}).encode()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        yield redis


def cached(redis: Redis, **options: Any) -> RedisMenuCache:
    return RedisMenuCache(redis, prefix=f"test-{uuid4()}", **options)


async def browse(sandbox: Sandbox, cache: RedisMenuCache, key: str = "") -> None:
    """As a worker that has just started."""
    async with GettClient(key or sandbox.api_key, base_url=sandbox.url) as gett:
        checkout = await Checkouts(gett, menu_cache=cache).start()
        await checkout.browse(STORE)
        await checkout.add("item_lentil_soup")


async def test_five_workers_read_a_menu_once(redis: Redis) -> None:
    cache = cached(redis)
    async with Sandbox() as sandbox:
        for _ in range(5):
            await browse(sandbox, cache)
        assert sandbox.count("get_catalog_set") == 1
        assert sandbox.count("get_store") == 5  # as it is now, so never stored
        key, *others = await redis.keys(f"{{{cache._prefix}}}:menu:*")
    assert not others
    assert sandbox.api_key not in key
    assert 86_000_000 < await redis.pttl(key) <= 86_400_000
    async with Sandbox() as another:  # another environment: nothing is shared
        await browse(another, cache)
        assert another.count("get_catalog_set") == 1


@pytest.mark.parametrize(
    "damage", ["cut", "changed", "foreign", "not a menu", "a list", "too long"]
)
async def test_a_damaged_or_foreign_entry_is_read_from_gett(redis: Redis, damage: str) -> None:
    cache = cached(redis)
    async with Sandbox() as sandbox:
        await browse(sandbox, cache)
        (key,) = await redis.keys(f"{{{cache._prefix}}}:menu:*")
        value = await redis.execute_command("GET", key, NEVER_DECODE=True)  # type: ignore[no-untyped-call]
        head, _, body = value.partition(b"\n")
        match damage:
            case "cut":
                await redis.set(key, value[:-10])
            case "changed":
                await redis.set(key, value[:-40] + b"12345" + value[-35:])
            case "foreign":
                await redis.set(key, b"menu 1 another\n" + body)
            case "not a menu":
                await redis.set(key, head + b"\n" + zlib.compress(b"[]"))
            case "too long":
                await redis.set(key, head + b"\n" + zlib.compress(bytes(9 * 1024 * 1024)))
            case _:
                await redis.delete(key)
                await redis.rpush(key, "an element")
        await browse(sandbox, cache)
        assert sandbox.count("get_catalog_set") == 2
        await browse(sandbox, cache)
        assert sandbox.count("get_catalog_set") == 2  # it was put right


async def test_what_is_stored_comes_back_as_it_was_and_is_small(redis: Redis) -> None:
    cache = cached(redis, lifetime=60)
    assert await cache.get(NAME) is None
    await cache.put(NAME, MENU)
    assert await cache.get(NAME) == MENU
    key = f"{{{cache._prefix}}}:menu:{NAME}"
    assert await redis.strlen(key) < len(MENU) / 5
    assert await redis.pttl(key) <= 60_000


async def test_what_is_too_large_is_not_stored(redis: Redis) -> None:
    for largest, stored in ((len(MENU), MENU), (len(MENU) - 1, None)):
        cache = cached(redis, largest=largest)
        await cache.put(NAME, MENU)
        assert await cache.get(NAME) == stored


async def test_without_redis_each_worker_reads_for_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = RedisServer()
    try:
        server.start()
        async with Sandbox() as sandbox, Redis.from_url(server.url) as redis:
            cache = RedisMenuCache(redis)
            server.kill()
            await asyncio.gather(*(browse(sandbox, cache) for _ in range(3)))
            assert sandbox.count("get_catalog_set") == 3
    finally:
        server.remove()
    warned = {each.message for each in caplog.records if each.levelname == "WARNING"}
    assert warned == {
        "shared menu cache unavailable: each worker continues on its own (ConnectionError)"
    }


async def test_its_options_are_checked() -> None:
    redis = Redis()
    assert repr(RedisMenuCache(redis, prefix="shop")) == "RedisMenuCache(prefix='shop')"
    wrong: list[dict[str, Any]] = [
        {"prefix": ""},
        {"prefix": "}"},
        {"lifetime": 0},
        {"lifetime": 10**9},
        {"lifetime": float("nan")},
        {"largest": 0},
    ]
    for options in wrong:
        with pytest.raises(InvalidInputError):
            RedisMenuCache(redis, **options)
