"""The cache of menus: bounded, one fetch however many ask, and a failure that stays with nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import define, field

from gett_checkout import CatalogSet, GettClient
from gett_checkout._core.codes import refuse
from gett_checkout._menus import Menus
from gett_checkout.errors import CatalogSetNotFoundError


@define(eq=False, slots=False)
class Shelf(GettClient):
    """A client whose menus come when the test says so."""

    may_answer: asyncio.Event = field(factory=asyncio.Event)
    asked: list[str] = field(factory=list)
    fails: bool = False

    def __attrs_pre_init__(self) -> None:
        super().__init__("k", base_url="https://gett.test")

    async def get_catalog_set(
        self, catalog_set_id: str, *, store_id: str | None = None, token: str | None = None
    ) -> CatalogSet:
        self.asked.append(catalog_set_id)
        await self.may_answer.wait()
        if self.fails:
            raise refuse("CATALOGSET_NOT_FOUND", "gone", status=404)
        return CatalogSet(catalog_set_id, {}, {}, {}, {})


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    async with Shelf() as shelf:
        yield shelf
        shelf.may_answer.set()


async def soon() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_hundred_that_ask_at_once_make_one_fetch(shelf: Shelf) -> None:
    menus = Menus(shelf)
    waiting = [asyncio.create_task(menus.get("c")) for _ in range(100)]
    await soon()
    shelf.may_answer.set()
    found = await asyncio.gather(*waiting)
    assert shelf.asked == ["c"]
    assert all(each is found[0] for each in found)
    assert await menus.get("c") is found[0]
    assert shelf.asked == ["c"]


async def test_a_failure_reaches_all_who_wait_each_with_an_error_of_its_own_and_is_not_kept(
    shelf: Shelf,
) -> None:
    menus = Menus(shelf)
    shelf.fails = True
    shelf.may_answer.set()
    results = await asyncio.gather(*(menus.get("c") for _ in range(10)), return_exceptions=True)
    errors = [each for each in results if isinstance(each, CatalogSetNotFoundError)]
    assert len(errors) == len({id(each) for each in errors}) == 10
    errors[0].checkout_id = "mine"
    assert errors[1].checkout_id is None
    assert all(each.code == "CATALOGSET_NOT_FOUND" and each.next_action for each in errors)
    shelf.fails = False
    assert (await menus.get("c")).catalog_set_id == "c"
    assert shelf.asked == ["c", "c"]


async def test_one_that_is_cancelled_leaves_the_others_waiting(shelf: Shelf) -> None:
    menus = Menus(shelf)
    first, second = (asyncio.create_task(menus.get("c")) for _ in range(2))
    await soon()
    first.cancel()
    await soon()
    assert first.cancelled()
    shelf.may_answer.set()
    assert (await second).catalog_set_id == "c"
    assert shelf.asked == ["c"]


@pytest.mark.parametrize("fails", [True, False])
async def test_a_fetch_that_nobody_waits_for_any_more_ends_quietly(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, *, fails: bool
) -> None:
    shelf.fails = fails
    only = asyncio.create_task(Menus(shelf).get("c"))
    await soon()
    only.cancel()
    await soon()
    shelf.may_answer.set()
    await shelf.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not caplog.records


async def test_the_least_lately_asked_for_makes_room(shelf: Shelf) -> None:
    shelf.may_answer.set()
    menus = Menus(shelf, bound=2)
    for asked in ("a", "b", "a", "c"):
        await menus.get(asked)
    shelf.asked.clear()
    for again in ("c", "a", "b"):
        await menus.get(again)
    assert shelf.asked == ["b"]
