"""Convert JSON objects to attrs values: strictly typed, tolerant of the unknown, and without loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Final, TypeVar, get_args, get_origin

from attrs import NOTHING, fields, has, resolve_types
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from gett_checkout._core.extra import Extra
from gett_checkout._json import Json
from gett_checkout._money import is_tidy, read_amount, tidy
from gett_checkout.errors import InvalidResponseError

T = TypeVar("T")

_EXTRA: Final = ""  # the key of `extra` while a value is made: no member has this name


def camel_case(name: str) -> str:
    """``store_id`` → ``storeId``."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


class Reader:
    """Structures responses: camelCase members into attrs classes, strictly typed, tolerant of the rest.

    A member that is ``null`` counts as absent, and a class may list other ``spellings`` of a member,
    used when the first is absent. For a ``tolerant`` class, an unreadable member becomes unknown,
    unless it has no default or is listed with the class. A class with a field ``extra`` receives the
    members that are not understood. By default cattrs would turn ``1`` into ``"1"``.
    """

    def __init__(
        self,
        spellings: Mapping[type[Any], Mapping[str, tuple[str, ...]]],
        tolerant: Mapping[type[Any], tuple[str, ...]],
    ) -> None:
        self.spellings: Final = spellings
        self._tolerant: Final = tolerant
        self.converter: Final[Converter] = Converter(detailed_validation=False)
        for kind in (str, int, bool):
            self.converter.register_structure_hook(kind, _strict(kind))
        self.converter.register_structure_hook(Decimal, amount)
        self.converter.register_structure_hook(datetime, _moment)
        self.converter.register_structure_hook_factory(has, self._attrs_hook)
        self.converter.register_structure_hook_factory(_is_tuple, self._tuple_hook)
        self.converter.register_structure_hook_factory(_is_optional, self._present_hook)

    def read(self, value: Json, cls: type[T]) -> T:
        """Return the value as ``cls``. Raises `InvalidResponseError` if it is not one."""
        try:
            return self.converter.structure(value, cls)
        except Exception as error:  # noqa: BLE001 - cattrs raises whatever the data provokes
            kind = type(error).__name__
        # Raised out here, because these exceptions quote the invalid value.
        raise InvalidResponseError(f"the response is not a {cls.__name__} ({kind})")

    def _attrs_hook(self, cls: type[Any]) -> Callable[[Json, Any], Any]:
        names = {each.name: camel_case(each.name) for each in fields(cls)}
        others = {names[name]: rest for name, rest in self.spellings.get(cls, {}).items()}
        keeps_extra = names.pop("extra", None) is not None
        known = frozenset(names.values())
        names_of = {member: name for name, member in names.items()}
        lists = {camel_case(it.name) for it in fields(resolve_types(cls)) if it.type == _TEXTS}
        required = [names[each.name] for each in fields(cls) if each.default is NOTHING]
        needed = [*required, *self._tolerant[cls]] if cls in self._tolerant else None
        renames: dict[str, Any] = {name: override(rename=each) for name, each in names.items()}
        if keeps_extra:
            renames["extra"] = override(rename=_EXTRA, struct_hook=lambda value, _: value)
        structure = make_dict_structure_fn(cls, self.converter, **renames)

        def hook(value: Json, _: Any) -> Any:
            if not isinstance(value, dict):
                raise TypeError(f"a {cls.__name__} must be a JSON object")
            members = value
            sent_as: dict[str, str] = {}
            extra: dict[str, Json] = {}
            if None in value.values():
                members = {name: each for name, each in value.items() if each is not None}
            for name, rest in others.items():
                if name not in members:
                    found = next((each for each in rest if each in members), None)
                    if found is not None:
                        members = {**members, name: members[found]}
                        sent_as[name] = found
            if keeps_extra and not value.keys() <= known:
                understood = known.union(sent_as.values())
                extra = {name: each for name, each in value.items() if name not in understood}
                members = {**members, _EXTRA: Extra(extra)}
            try:
                return structure(members, cls)
            except Exception:
                if needed is None:
                    raise
            return as_far_as_readable(members, sent_as, extra)

        def as_far_as_readable(
            members: dict[str, Json], sent_as: dict[str, str], extra: dict[str, Json]
        ) -> Any:
            readable = {name: members[name] for name in needed or () if name in members}
            unreadable: set[str] = set()
            for name in known.intersection(members).difference(readable):
                value = members[name]
                try:
                    structure({**readable, name: value}, cls)
                    readable[name] = value
                except Exception:  # noqa: BLE001 - cattrs raises whatever the data provokes
                    extra[sent_as.get(name, name)] = value
                    unreadable.add(names_of[name])
                    if name in lists and isinstance(value, list):  # an empty id refers to nothing
                        readable[name] = [each for each in value if type(each) is str]
            return structure({**readable, _EXTRA: Extra(extra, frozenset(unreadable))}, cls)

        return hook

    def _present_hook(self, kind: Any) -> Callable[[Json, Any], Any]:
        """Read an optional value as its type, sooner than cattrs does: ``null`` was dropped before."""
        (present,) = (each for each in get_args(kind) if each is not NoneType)
        hook = self.converter.get_structure_hook(present)
        return lambda value, _: hook(value, present)

    def _tuple_hook(self, kind: Any) -> Callable[[Json, Any], Any]:
        """Accept only lists as tuples; cattrs would split a string into letters."""
        each_kind, structure = get_args(kind)[0], self.converter.structure

        def hook(value: Json, _: Any) -> Any:
            if not isinstance(value, list):
                raise TypeError("expected a list")
            if each_kind is str:  # a menu has thousands of them
                if not set(map(type, value)) <= _TEXT:
                    raise TypeError("expected a list of str")
                return tuple(value)
            return tuple([structure(each, each_kind) for each in value])

        return hook


_TEXT: Final = frozenset({str})
_TEXTS: Final = tuple[str, ...]


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_optional(kind: Any) -> bool:
    return NoneType in get_args(kind)


def _strict(kind: type[Any]) -> Callable[[Json, Any], Any]:
    def hook(value: Json, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return hook


def amount(value: Json, _: Any = None) -> Decimal:
    """Read an amount in digits. Raises ``ValueError`` for anything else."""
    return value if is_tidy(value) else tidy(read_amount(value))


def _moment(value: Json, _: Any) -> datetime:
    """Read ISO 8601, or Unix seconds; without a zone it is UTC."""
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
