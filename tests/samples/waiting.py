"""Waiting for what another task or a socket of this process does, and has no event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(30):  # for ever, if it never did
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0)
