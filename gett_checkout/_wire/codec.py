"""JSON to and from exact values: decimals stay decimals, both ways, and nothing is coerced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, get_args, get_origin

from attrs import fields, has
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from gett_checkout._core.money import read_amount, tidy
from gett_checkout.errors import InvalidInputError, UnreadableAnswerError

T = TypeVar("T")
Json = Any

_quoted: Final = json.encoder.encode_basestring_ascii


def write_json(value: Json) -> str:
    """The value as JSON text, decimals as numbers with every digit they have.

    The standard library cannot: it writes a ``Decimal`` only by way of a float. A float in the value
    is a mistake of ours or of the caller's, for it may be an amount.
    """
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quoted(k)}:{write_json(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([write_json(each) for each in value]) + "]"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidInputError("a number must be finite")
        return format(value, "f")
    if isinstance(value, float):
        raise InvalidInputError("pass a Decimal, not a float: it has lost the exact value")
    return json.dumps(value)


def read_json(body: bytes) -> Json:
    """The JSON in an answer, numbers with a fraction as ``Decimal``; `UnreadableAnswerError`."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (
        ValueError,
        ArithmeticError,
        RecursionError,
    ):  # arithmetic: an exponent beyond all bounds
        pass
    # Raised out here, because json's exception holds the whole answer.
    raise UnreadableAnswerError("the answer is not JSON")


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def camel_case(name: str) -> str:
    """``store_id`` → ``storeId``."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


class Lazy(Mapping[str, T], Generic[T]):
    """A JSON object of entries that are structured when they are first looked at.

    A menu has thousands of items and a checkout touches a handful; doing all of them at once would
    block the event loop for several times as long as reading the JSON does.
    """

    __slots__ = ("_entries", "_raw", "_structure")

    def __init__(self, raw: Mapping[str, Json], structure: Callable[[str, Json], T]) -> None:
        self._raw = raw
        self._structure = structure
        self._entries: dict[str, T] = {}

    def __getitem__(self, key: str) -> T:
        try:
            return self._entries[key]
        except KeyError:
            return self._entries.setdefault(key, self._structure(key, self._raw[key]))

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Reader:
    """Structures answers: camelCase members into attrs classes, strictly typed, tolerant of the rest.

    Unknown members are ignored, a member that is ``null`` counts as absent, and each class may name
    other spellings of a member, for when the first is absent. cattrs by itself would turn ``1`` into
    ``"1"``.
    """

    def __init__(self, spellings: Mapping[type[Any], Mapping[str, tuple[str, ...]]]) -> None:
        self._spellings: Final = spellings
        self.converter: Final[Converter] = Converter(detailed_validation=False)
        for kind in (str, int, bool):
            self.converter.register_structure_hook(kind, _strict(kind))
        self.converter.register_structure_hook(Decimal, _amount)
        self.converter.register_structure_hook(datetime, _moment)
        self.converter.register_structure_hook_factory(has, self._attrs_hook)
        self.converter.register_structure_hook_factory(_is_tuple, self._tuple_hook)

    def read(self, value: Json, cls: type[T]) -> T:
        """The value as ``cls``; `UnreadableAnswerError` when it is not one."""
        try:
            return self.converter.structure(value, cls)
        except Exception as error:  # noqa: BLE001 - cattrs raises whatever the data provokes
            kind = type(error).__name__
        # Raised out here, because these exceptions quote what they do not like.
        raise UnreadableAnswerError(f"the answer is not a {cls.__name__} ({kind})")

    def _attrs_hook(self, cls: type[Any]) -> Callable[[Json, Any], Any]:
        names = {each.name: camel_case(each.name) for each in fields(cls)}
        others = {names[name]: rest for name, rest in self._spellings.get(cls, {}).items()}
        renames: dict[str, Any] = {name: override(rename=each) for name, each in names.items()}
        structure = make_dict_structure_fn(cls, self.converter, **renames)

        def hook(value: Json, _: Any) -> Any:
            if not isinstance(value, dict):
                raise TypeError(f"a {cls.__name__} must be a JSON object")
            members = value
            if None in value.values():
                members = {key: each for key, each in value.items() if each is not None}
            for name, rest in others.items():
                if name not in members:
                    found = next((members[each] for each in rest if each in members), None)
                    if found is not None:
                        members = {**members, name: found}
            return structure(members, cls)

        return hook

    def _tuple_hook(self, kind: Any) -> Callable[[Json, Any], Any]:
        """Tuples come from lists only; cattrs would take a string apart into letters."""
        each_kind, structure = get_args(kind)[0], self.converter.structure

        def hook(value: Json, _: Any) -> Any:
            if not isinstance(value, list):
                raise TypeError("expected a list")
            return tuple([structure(each, each_kind) for each in value])

        return hook


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _strict(kind: type[Any]) -> Callable[[Json, Any], Any]:
    def hook(value: Json, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return hook


def _amount(value: Json, _: Any) -> Decimal:
    return tidy(read_amount(value))


def _moment(value: Json, _: Any) -> datetime:
    """ISO 8601, or Unix seconds; without a zone it is UTC."""
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
