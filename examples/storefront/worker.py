"""One worker process: the storefront over a storage it shares with the others.

``python -m examples.storefront.worker NAME STORAGE_URL SANDBOX_URL`` prints its address and serves
until its standard input ends, so that it never outlives whoever started it. The API key is in
GETT_API_KEY.
"""

from __future__ import annotations

import asyncio
import os
import sys

from gett_checkout._storefront import open_storefront
from gett_checkout.storage import open_storage


async def work(name: str, storage_url: str, sandbox_url: str) -> None:
    """Serve until standard input ends."""
    api_key = os.environ["GETT_API_KEY"]
    async with (
        open_storage(storage_url) as storage,
        open_storefront(sandbox_url, api_key, storage=storage, worker=name) as url,
    ):
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
