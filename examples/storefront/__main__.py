"""``python -m examples.storefront --workers 2``: a sandbox, workers over one SQLite file, one address."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from examples.storefront.balancer import balancing
from gett_checkout.sandbox import Sandbox


async def main(workers: int, port: int) -> None:
    """Run it all until the process is interrupted or told to end."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gett-storefront-"))
        storage_url = f"sqlite:///{Path(folder) / 'checkouts.db'}"
        sandbox = await stack.enter_async_context(Sandbox())
        urls = [
            await stack.enter_async_context(running_worker(str(number), storage_url, sandbox))
            for number in range(1, workers + 1)
        ]
        url = await stack.enter_async_context(balancing(urls, port))
        print(f"The storefront is at {url}, served by {workers} worker processes in turn")
        print(f"\n  sandbox  {sandbox.url}/_sandbox\n\nPress Ctrl-C to end it.", flush=True)
        ended = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # event loops without signal handlers
                asyncio.get_running_loop().add_signal_handler(each, ended.set)
        await ended.wait()


@asynccontextmanager
async def running_worker(name: str, storage_url: str, sandbox: Sandbox) -> AsyncIterator[str]:
    """A worker process within the block; gives its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.storefront.worker", name, storage_url, sandbox.url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "GETT_API_KEY": sandbox.api_key},
        start_new_session=True,  # Ctrl-C is for us, and we end it
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise RuntimeError(f"worker {name} did not start")
        yield url
    finally:
        process.stdin.close()  # by which it ends
        await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="examples.storefront")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=8766, help="0 takes any free one")
    asked = parser.parse_args()
    asyncio.run(main(max(asked.workers, 1), asked.port))
