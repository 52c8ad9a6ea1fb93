"""What Gett sends and this library does not understand, stored as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final


class Extra(Mapping[str, Any]):
    """Members of a JSON object, read-only, with exact decimals. Their repr shows none of them."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return "{...}" if self else "{}"


NO_EXTRA: Final = Extra({})
