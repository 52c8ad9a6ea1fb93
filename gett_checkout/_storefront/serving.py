"""Serve the storefront: its page and the mounted endpoints, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final

from aiohttp import web

from gett_checkout import Checkouts, Storage
from gett_checkout._storefront.backend import open_backend
from gett_checkout._storefront.guard import SECURITY_HEADERS, only_loopback
from gett_checkout.web import Options
from gett_checkout.web.aiohttp import add_checkout_routes

PAGE: Final = files("gett_checkout._storefront") / "page"
"""The folder of the page's files."""

_CONTENT_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@asynccontextmanager
async def open_storefront(
    sandbox_url: str,
    api_key: str,
    *,
    storage: Storage | None = None,
    port: int = 0,
    worker: str = "1",
) -> AsyncIterator[str]:
    """Serve the storefront on loopback and yield its URL; port 0 takes any free port.

    Workers that share a ``storage`` are one shop; ``worker`` is the name the page shows.
    """
    async with (
        open_backend(sandbox_url, api_key, storage=storage) as (checkouts, options),
        listening(_application(checkouts, options, worker), port) as url,
    ):
        yield url


@asynccontextmanager
async def listening(app: web.Application, port: int) -> AsyncIterator[str]:
    """Serve an application on loopback within the block; gives its URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _application(checkouts: Checkouts, options: Options[Any], worker: str) -> web.Application:
    app = web.Application(middlewares=[only_loopback])

    async def sign(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update({**SECURITY_HEADERS, "X-Worker": worker})

    app.on_response_prepare.append(sign)
    for part in PAGE.iterdir():
        path = "/" if part.name == "index.html" else f"/{part.name}"
        content_type = _CONTENT_TYPES[PurePath(part.name).suffix]
        asset = partial(_asset, text=part.read_text("utf-8"), content_type=content_type)
        app.router.add_get(path, asset)
    add_checkout_routes(app, checkouts, **options)
    return app


async def _asset(_: web.Request, *, text: str, content_type: str) -> web.Response:
    return web.Response(text=text, content_type=content_type)
