"""A web that is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aioresponses import aioresponses


@pytest.fixture
def web() -> Iterator[aioresponses]:
    with aioresponses() as web:
        yield web
