"""Members from Gett that this library does not understand, stored as they came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final


class Extra(Mapping[str, Any]):
    """Members of a JSON object, read-only, with exact decimals. Their repr shows none of them.

    ``unreadable`` names the value's fields whose members are here because they cannot be read.
    """

    __slots__ = ("_found", "unreadable")

    def __init__(
        self, members: Mapping[str, Any] | None, unreadable: frozenset[str] = frozenset()
    ) -> None:
        self._found = members
        self.unreadable = unreadable

    def _read(self) -> Mapping[str, Any]:
        """Return the members, for a subclass that is made without them."""
        raise NotImplementedError

    @property
    def _members(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = self._read()
        return self._found

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return "{...}" if self else "{}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Extra, (dict(self), self.unreadable)


NO_EXTRA: Final = Extra({})


def unreadable_in(extra: Mapping[str, Any]) -> frozenset[str]:
    """Return the value's fields that are in its ``extra`` because they cannot be read."""
    return extra.unreadable if isinstance(extra, Extra) else frozenset()
