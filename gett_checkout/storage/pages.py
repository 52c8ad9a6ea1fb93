"""Read a whole table page by page, in the order of its ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from gett_checkout.storage import Stored

PAGE: Final = 200  # rows: few enough for memory, many enough for speed


async def in_pages(
    page: Callable[[bytes], Awaitable[Sequence[Any]]],
) -> AsyncIterator[tuple[str, Stored]]:
    """Yield every row. ``page(id)`` returns some rows ``(id, data, version)``, from ``id`` on.

    Each page begins with the next possible id after the last one, so rows saved or deleted meanwhile
    never cause another row to be skipped.
    """
    start = b""
    while rows := await page(start):
        for key, data, version in rows:
            yield key.decode(errors="surrogatepass"), Stored(data, version)
        # The next possible id. "Greater than the last" would miss the empty id, which comes first.
        start = rows[-1][0] + b"\0"
