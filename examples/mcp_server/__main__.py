"""Run it: ``python -m examples.mcp_server`` over stdio, or ``--http`` on a port of loopback."""

from __future__ import annotations

import argparse
import asyncio

import uvicorn
from mcp.server.stdio import stdio_server

from examples.mcp_server.server import create_server
from examples.shop import Settings, open_shop
from gett_checkout import InvalidInputError


async def main(settings: Settings, *, http: bool, port: int) -> None:
    """Serve until the client has gone, or the process is interrupted."""
    async with open_shop(settings) as checkouts:
        server = create_server(checkouts)
        if http:
            config = uvicorn.Config(server.streamable_http_app(), port=port, access_log=False)
            await uvicorn.Server(config).serve()
        else:
            async with stdio_server() as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.mcp_server")
    parser.add_argument("--http", action="store_true", help="streamable HTTP instead of stdio")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    try:
        settings = Settings.from_environment()
    except InvalidInputError as error:
        parser.error(str(error))
    asyncio.run(main(settings, http=options.http, port=options.port))
