"""The storefront on a port: its client, its checkouts and its HTTP server, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from gett_checkout import Checkouts, GettClient, Storage
from gett_checkout._storefront.backend import Storefront
from gett_checkout._storefront.rehearsal import PATIENCE, Rehearsal


@asynccontextmanager
async def open_storefront(
    sandbox_url: str,
    api_key: str,
    *,
    storage: Storage | None = None,
    port: int = 0,
    worker: str = "1",
) -> AsyncIterator[str]:
    """Serve the storefront on loopback within the block; gives its URL. Port 0 takes any free one.

    Several workers over one ``storage`` are one shop.
    """
    async with (
        aiohttp.ClientSession() as http,
        GettClient(api_key, base_url=sandbox_url, http=http, retry=PATIENCE) as gett,
    ):
        checkouts = Checkouts(gett, storage=storage)
        shop = Storefront(checkouts, gett, Rehearsal(sandbox_url, http), worker=worker)
        runner = web.AppRunner(shop.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
