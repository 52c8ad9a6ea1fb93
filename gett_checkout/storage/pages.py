"""A whole table read page by page, in the order of its ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from gett_checkout.storage import Stored

PAGE: Final = 200  # rows: few enough to hold at once, many enough to be read in little time


async def in_pages(
    page: Callable[[bytes], Awaitable[Sequence[Any]]],
) -> AsyncIterator[tuple[str, Stored]]:
    """Everything that ``page`` finds: the next rows (id, data, version) from an id on, in order.

    A page begins where the one before ended, so whatever is saved or deleted meanwhile moves no row
    past it.
    """
    start = b""
    while rows := await page(start):
        for key, data, version in rows:
            yield key.decode(errors="surrogatepass"), Stored(data, version)
        # The very next id. Not "greater than the last": nothing is less than the empty id, the first.
        start = rows[-1][0] + b"\0"
