"""A catalog set from the bytes of a response; each entry is parsed on first access.

Most entries have the usual form: msgspec reads those directly into their members. The reader of all
responses, with all its tolerance, handles those that msgspec rejects or that have other spellings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final, Generic, TypeVar

import msgspec
from attrs import fields, resolve_types

from gett_checkout._core.catalog import Catalog, CatalogSet, Item, ModifierGroup, Section
from gett_checkout._core.extra import Extra
from gett_checkout._json import Json, Raw, read_json
from gett_checkout._money import is_tidy
from gett_checkout._wire.codec import amount, camel_case
from gett_checkout._wire.responses import reader
from gett_checkout.errors import InvalidResponseError

T = TypeVar("T")


class _Menu(msgspec.Struct):
    """The four dictionaries of a catalog set, their entries unparsed."""

    catalogs: dict[str, Raw] | None = None
    sections: dict[str, Raw] | None = None
    items: dict[str, Raw] | None = None
    modifierGroups: dict[str, Raw] | None = None  # noqa: N815 - as it is in JSON


_read_menu: Final = msgspec.json.Decoder(_Menu).decode


def catalog_set(body: bytes, catalog_set_id: str) -> CatalogSet:
    """Read a catalog set (docs: Catalog). Accessing an entry that is no object raises."""
    members: Mapping[str, Json]
    try:
        members = msgspec.structs.asdict(_read_menu(body))
    except (ValueError, RecursionError):
        members = _object(read_json(body), "the response")
    return CatalogSet(
        catalog_set_id=catalog_set_id,
        catalogs=_entries(members, "catalogs", Catalog),
        sections=_entries(members, "sections", Section),
        items=_entries(members, "items", Item),
        modifier_groups=_entries(members, "modifierGroups", ModifierGroup),
    )


def _entries(members: Mapping[str, Json], name: str, cls: type[Any]) -> Mapping[str, Any]:
    """Return the dictionary with this name; an entry's key is its id."""
    found = members.get(name)
    return Entries({} if found is None else _object(found, name), _readers()[cls])


def _object(value: Json, what: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise InvalidResponseError(f"{what} is not a dictionary")
    return value


class Entries(Mapping[str, T], Generic[T]):
    """Entries by id, each parsed on first access.

    A menu has thousands of items and a checkout touches a handful; parsing all of them at once would
    block the event loop for several times as long.
    """

    __slots__ = ("_entries", "_raw", "_read")

    def __init__(self, raw: Mapping[str, Json | Raw], read: Callable[[str, Json | Raw], T]) -> None:
        self._raw = raw
        self._read = read
        self._entries: dict[str, T] = {}

    def __getitem__(self, key: str) -> T:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries.setdefault(key, self._read(key, self._raw[key]))
        return entry

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class _Unread(Extra):
    """The other members of an entry, parsed on access: most never are."""

    __slots__ = ("_raw", "_read_as")
    unreadable = frozenset[str]()

    def __init__(self, raw: Raw, read_as: Callable[[str, Json], Any]) -> None:
        self._found = None
        self._raw = raw
        self._read_as = read_as

    def _read(self) -> Mapping[str, Json]:
        found: Mapping[str, Json] = self._read_as("", read_json(self._raw)).extra
        return found


@cache
def _readers() -> Mapping[type[Any], Callable[[str, Json | Raw], Any]]:
    return {cls: _reader_of(cls) for cls in (Catalog, Section, Item, ModifierGroup)}


def _reader_of(cls: type[Any]) -> Callable[[str, Json | Raw], Any]:
    """Return the reader of an entry: a fast one for the usual form, that of all responses for others."""
    id_field, *others, _ = fields(resolve_types(cls))  # the last is `extra`
    members = {each.name: each for each in others}
    spellings = [each for name in members for each in reader().spellings.get(cls, {}).get(name, ())]
    defined: list[Any] = [(name, each.type, each.default) for name, each in members.items()]
    defined += [(name, Raw | msgspec.UnsetType, msgspec.UNSET) for name in spellings]
    names = {name: camel_case(name) for name in members}
    usual = msgspec.defstruct(
        cls.__name__, defined, rename=lambda name: names.get(name, name), gc=False
    )
    decode, values_of = msgspec.json.Decoder(usual).decode, msgspec.structs.astuple
    count, unspelled = len(members), (msgspec.UNSET,) * len(spellings)
    priced = [n for n, each in enumerate(others) if each.type == Decimal | None]
    id_member = camel_case(id_field.name)

    def read(key: str, raw: Json | Raw) -> Any:
        if isinstance(raw, Raw):
            try:
                values = values_of(decode(raw))
                if values[count:] == unspelled:
                    for n in priced:
                        price = values[n]
                        if price is not None and not is_tidy(price):
                            values = (*values[:n], amount(price), *values[n + 1 :])
                    return cls(key, *values[:count], _Unread(raw, read))
            except (ValueError, RecursionError):
                pass
            raw = read_json(raw)
        if isinstance(raw, dict):
            raw = {**raw, id_member: key}
        return reader().read(raw, cls)

    return read
