"""The servers used for measuring, each in a process of its own, so that their work is not counted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from gett_checkout import GettClient
from gett_checkout.sandbox.credentials import SANDBOX_API_KEY

# A price, as Gett and as Stripe would return it; each client reads its own members.
RESPONSE: Final = b"""{
    "id": "cs_a1b2c3", "object": "checkout.session", "created": 1795284000, "livemode": false,
    "status": "open", "currency": "usd", "amount_subtotal": 3400, "amount_total": 4312,
    "validatedOrderToken": "vot_a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6",
    "amounts": {
        "subTotal": 34.00, "fees": 3.49, "promotions": 0.00, "taxes": 2.63, "adjustments": 0.00,
        "tip": 3.00, "total": 43.12
    }
}"""


@asynccontextmanager
async def sandbox() -> AsyncIterator[str]:
    """Start a sandbox and yield its URL. Every response reports rate limits, as Gett's do, far out of
    reach.
    """
    limits = (f"--rate-limits={each}=1000000" for each in ("reads", "writes", "discovery"))
    async with _started("gett_checkout", "sandbox", "--port", "0", *limits) as url:
        yield url


@asynccontextmanager
async def fixed_responses() -> AsyncIterator[str]:
    """Start a server that returns `RESPONSE` to every request, and yield its URL."""
    async with _started("benchmarks.serving") as url:
        yield url


def client(url: str) -> GettClient:
    """Make a client of either server."""
    return GettClient(SANDBOX_API_KEY, base_url=url)


@asynccontextmanager
async def _started(*module: str) -> AsyncIterator[str]:
    """Run a Python module until the end of the block; yield the URL at the end of its first line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None  # noqa: S101 - it was asked for
    said = await process.stdout.readline()
    if not said:
        raise RuntimeError(f"{module[0]} ended with {await process.wait()} before it listened")
    try:
        yield said.decode().split()[-1]
    finally:
        process.terminate()
        await process.communicate()


async def _respond(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=RESPONSE, content_type="application/json")


async def _main() -> None:
    runner = web.ServerRunner(web.Server(_respond))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
