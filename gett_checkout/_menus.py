"""Menus, shared by all checkouts of a process: a catalog set is immutable under its id."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from copy import copy

from gett_checkout._client import GettClient
from gett_checkout._core.catalog import CatalogSet
from gett_checkout._shared import SharedMenus
from gett_checkout._wire.menu import catalog_set
from gett_checkout.errors import GettCheckoutError, InvalidResponseError
from gett_checkout.sharing import MenuCache


class Menus:
    """A bounded cache of catalog sets; concurrent requests for one share a single fetch.

    ``cache`` is tried before Gett.
    """

    def __init__(
        self, client: GettClient, *, bound: int = 64, cache: MenuCache | None = None
    ) -> None:
        self._client = client
        self._shared = None if cache is None else SharedMenus(cache, client.organisation)
        self._bound = bound
        self._cached: OrderedDict[str, CatalogSet] = OrderedDict()
        self._coming: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[CatalogSet]] = {}

    async def get(self, catalog_set_id: str, *, store_id: str | None = None) -> CatalogSet:
        """Return the catalog set, from here or from Gett. Raises what `GettClient.get_catalog_set` does.

        A failure is not cached: the next caller fetches again.
        """
        known = self._cached.get(catalog_set_id)
        if known is not None:
            self._cached.move_to_end(catalog_set_id)
            return known
        asked = asyncio.get_running_loop(), catalog_set_id
        coming = self._coming.get(asked)
        if coming is None:
            coming = self._client.spawn(self._fetch(catalog_set_id, store_id))
            self._coming[asked] = coming
            coming.add_done_callback(lambda _: self._coming.pop(asked, None))
        try:
            # One cancelled caller must not take the menu away from the others.
            return await asyncio.shield(coming)
        except GettCheckoutError as error:
            # Each checkout sets its own id on its errors, so they cannot share one.
            raise copy(error) from None

    async def _fetch(self, catalog_set_id: str, store_id: str | None) -> CatalogSet:
        if self._shared is None:
            menu = await self._client.get_catalog_set(catalog_set_id, store_id=store_id)
        else:
            menu = await self._shared_or_fetched(self._shared, catalog_set_id, store_id)
        self._cached[catalog_set_id] = menu
        while len(self._cached) > self._bound:
            self._cached.popitem(last=False)
        return menu

    async def _shared_or_fetched(
        self, shared: SharedMenus, catalog_set_id: str, store_id: str | None
    ) -> CatalogSet:
        body = await shared.get(catalog_set_id)
        if body is not None:
            with suppress(InvalidResponseError):  # a foreign value after all
                return catalog_set(body, catalog_set_id)
        menu, body = await self._client.catalog_set_as_sent(catalog_set_id, store_id=store_id)
        self._client.spawn(shared.put(catalog_set_id, body))
        return menu
