"""The storefront on another framework and server: ``python -m tests.browser.hosts fastapi``.

Each serves the same page and the same endpoints as ``gett-checkout demo --web``, prints what that
prints, and ends when it is told to.
"""

from __future__ import annotations

import asyncio
import mimetypes
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import hypercorn.asyncio
import uvicorn
from fastapi import FastAPI
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from gett_checkout import Checkouts
from gett_checkout._storefront import PAGE, open_backend
from gett_checkout.sandbox import Sandbox
from gett_checkout.web import Options
from gett_checkout.web.asgi import CheckoutApp
from gett_checkout.web.fastapi import checkout_router

Server = Callable[[Any, socket.socket, asyncio.Event], Awaitable[None]]


def on_fastapi(checkouts: Checkouts, options: Options[Any]) -> FastAPI:
    """A router, included."""
    app = FastAPI()
    app.include_router(checkout_router(checkouts, **options), prefix="/checkout")
    app.mount("/", StaticFiles(directory=str(PAGE), html=True))
    return app


def on_starlette(checkouts: Checkouts, options: Options[Any]) -> Starlette:
    """An ASGI application, mounted."""
    return Starlette(
        routes=[
            Mount("/checkout", CheckoutApp(checkouts, **options)),
            Mount("/", StaticFiles(directory=str(PAGE), html=True)),
        ]
    )


def on_django(checkouts: Checkouts, options: Options[Any]) -> Any:
    """An ASGI application, called beside Django's own."""
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    async def page(_: HttpRequest, name: str = "index.html") -> HttpResponse:
        content_type = mimetypes.guess_type(name)[0]
        return HttpResponse((PAGE / name).read_bytes(), content_type=content_type)

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=(path("", page), path("<name>", page)),
        SECRET_KEY="of a test",
    )
    django, checkout = get_asgi_application(), CheckoutApp(checkouts, **options)

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"].startswith("/checkout/"):
            await checkout({**scope, "root_path": "/checkout"}, receive, send)
        else:
            await django(scope, receive, send)

    return application


async def by_uvicorn(app: Any, listening: socket.socket, ended: asyncio.Event) -> None:
    """Serve until the process is told to end, which uvicorn hears by itself."""
    config = uvicorn.Config(app, lifespan="off", log_level="warning")
    await uvicorn.Server(config).serve(sockets=[listening])


async def by_hypercorn(app: Any, listening: socket.socket, ended: asyncio.Event) -> None:
    """Serve until the process is told to end."""
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.loglevel = "WARNING"
    await hypercorn.asyncio.serve(app, config, shutdown_trigger=ended.wait)


HOSTS: Final[Mapping[str, tuple[Callable[[Checkouts, Options[Any]], Any], Server]]] = {
    "fastapi": (on_fastapi, by_uvicorn),
    "hypercorn": (on_starlette, by_hypercorn),
    "django": (on_django, by_uvicorn),
}


async def main(name: str) -> None:
    """Run a sandbox and the host until the process is told to end."""
    make, serve = HOSTS[name]
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with (
        Sandbox() as sandbox,
        open_backend(sandbox.url, sandbox.api_key) as (checkouts, options),
    ):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            print(f"The storefront is at http://127.0.0.1:{port}")
            print(f"\n  sandbox  {sandbox.url}/_sandbox\n", flush=True)
            await serve(make(checkouts, options), listening, ended)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
