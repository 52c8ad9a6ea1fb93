"""What every test may use. For now: aioresponses made to work with the aiohttp that is installed."""

from __future__ import annotations

import inspect
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses.core


class _Response(aiohttp.ClientResponse):
    """A ``ClientResponse`` that does not need the ``stream_writer`` aioresponses 0.7.9 knows nothing of."""

    def __init__(self, *args: Any, **members: Any) -> None:
        members.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **members)


_WANTED = "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters
if _WANTED and "stream_writer" not in inspect.getsource(aioresponses.core):
    aioresponses.core.ClientResponse = _Response  # type: ignore[attr-defined]
