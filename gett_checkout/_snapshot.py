"""A checkout's state as the bytes a storage keeps: versioned JSON that later releases keep reading.

It holds the session token, the processor's card token and the shopper's contact data, because any
worker must be able to go on; of a card number at most the last four digits. Wrap the storage when
that must be encrypted.

The JSON object has a line for each part of the state, and a part that did not change since it was
last loaded or saved keeps its line: a step changes one or two parts and writes no more than those.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final

import msgspec
from attrs import NOTHING, fields, frozen, resolve_types
from cattrs import Converter
from cattrs.strategies import configure_tagged_union

from gett_checkout._core.cart import Choice, GroupChoice, Line, LineProblem
from gett_checkout._core.catalog import Store, Window
from gett_checkout._core.codes import Part
from gett_checkout._core.extra import Extra
from gett_checkout._core.order import Fulfillment, Payment
from gett_checkout._core.refusal import Refusal
from gett_checkout._core.session import Level
from gett_checkout._core.state import CheckoutState
from gett_checkout._hidden import hidden, leaves_nothing
from gett_checkout._json import bare, read_json
from gett_checkout.errors import SnapshotTooNewError, StorageError, UnreadableAnswerError

VERSION: Final = 1
_FIRST: Final = f'{{"v":{VERSION}'
_LAST: Final = "}"
_ENCODING: Final = ("utf-8", "surrogatepass")  # a shopper's text may hold what UTF-8 does not


class Snapshots:
    """Dumps and loads the states of one checkout, remembering the last one and its bytes."""

    def __init__(self) -> None:
        self._state: CheckoutState | None = None
        self._data = b""

    @leaves_nothing
    def dump(self, state: CheckoutState) -> bytes:
        """The state as bytes; parts at their default are left out."""
        before = _lines_of(self._data.decode(*_ENCODING)) or ()
        written = {line[2 : line.index('"', 2)]: line for line in before}
        lines = [_FIRST]
        for part in _parts():
            value = getattr(state, part.name)
            if value is part.default:
                continue
            if part.name in written and value is getattr(self._state, part.name):
                lines.append(written[part.name])
            else:
                lines.append(f',"{part.name}":{part.write(value)}')
        lines.append(_LAST)
        self._state, self._data = state, hidden("\n".join(lines).encode(*_ENCODING))
        return self._data

    @leaves_nothing
    def load(self, data: bytes) -> CheckoutState:
        """The state from bytes; `SnapshotTooNewError` or `StorageError` when they cannot be read."""
        parsed = _parse(data)
        if parsed is None:
            raise StorageError("what the storage gave back is not a checkout")
        version, texts = parsed
        if not isinstance(version, int) or version > VERSION:
            raise SnapshotTooNewError(
                f"this release reads snapshots up to version {VERSION}, not {version}"
            )
        try:
            state = _state_of(texts)
        except Exception as error:  # noqa: BLE001 - whatever damaged data provokes
            kind = type(error).__name__
        else:
            self._state, self._data = state, data
            return state
        # Raised out here, because these exceptions hold what they could not read.
        raise StorageError(f"the saved checkout is damaged ({kind})")


def _state_of(texts: dict[str, str]) -> CheckoutState:
    values = {part.name: part.read(texts[part.name]) for part in _parts() if part.name in texts}
    values.setdefault("refusals", _refusals_of_0_1(texts, values))
    return CheckoutState(**values)


def _refusals_of_0_1(texts: dict[str, str], values: dict[str, Any]) -> tuple[Refusal, ...]:
    """What 0.1.0 wrote of refusals: an error code for each of three parts."""
    parts = {
        "cart_refused": Part.LINES,
        "store_refused": Part.STORE,
        "payment_refused": Part.PAYMENT,
    }
    codes = {part: read_json(texts[name]) for name, part in parts.items() if name in texts}
    return tuple(
        Refusal(
            Part.STORE if code.startswith("CATALOGSET_") else part, code, "", values["created_at"]
        )
        for part, code in codes.items()
        if code
    )


def _parse(data: bytes) -> tuple[Any, dict[str, str]] | None:
    """The version and the parts, or ``None``: what is wrong with them is not told, for it holds them."""
    try:
        texts = _members(data.decode(*_ENCODING))
        return read_json(texts.pop("v")), texts
    except (ValueError, AttributeError, KeyError, RecursionError, UnreadableAnswerError):
        return None


def _lines_of(text: str) -> list[str] | None:
    """The lines of the members, ``None`` when the JSON object is laid out in another way."""
    *lines, last = text.split("\n")
    if last == _LAST and all(line.startswith(('{"', ',"')) for line in lines):
        return lines
    return None


def _members(text: str) -> dict[str, str]:
    """The members of the JSON object, as text: by its lines, or whichever way it is laid out."""
    lines = _lines_of(text)
    if lines is not None:
        return dict([line[2:].split('":', 1) for line in lines])
    return {name: _text_of(value) for name, value in read_json(text).items()}


@frozen
class _Part:
    """A field of the state: its default, and how its value becomes JSON text and is read again."""

    name: str
    default: Any
    write: Callable[[Any], str]
    read: Callable[[str], Any]


def _text_of(value: Any) -> str:
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:  # half a surrogate pair stays what it is
        return json.dumps(value, default=str)


_encode: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=bare).encode


@cache
def _parts() -> tuple[_Part, ...]:
    converter = _converter()

    def part(name: str, kind: Any, default: Any) -> _Part:
        unstructure = converter.get_unstructure_hook(kind)
        structure = converter.get_structure_hook(kind)

        def write(value: Any) -> str:
            return _text_of(unstructure(value))

        def read(text: str) -> Any:
            return structure(read_json(text), kind)

        if kind == Store | None:  # most checkouts of a process are at one of a few
            remember = lru_cache(maxsize=256)
            return _Part(name, default, remember(write), remember(read))
        return _Part(name, default, write, read)

    return tuple(
        part(each.name, each.type, None if each.default is NOTHING else each.default)
        for each in fields(resolve_types(CheckoutState))
    )


@cache
def _converter() -> Converter:
    converter = Converter(omit_if_default=True, detailed_validation=False)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    converter.register_unstructure_hook(Level, lambda level: level.name)
    converter.register_structure_hook(Level, lambda name, _: Level[name])
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    converter.register_unstructure_hook(Window, lambda it: f"{it.day} {it.start} {it.end}")
    converter.register_structure_hook(Window, lambda value, _: _read_window(value))
    converter.register_unstructure_hook(Line, lambda line: _write_line(line, converter))
    converter.register_structure_hook_func(
        lambda kind: kind == tuple[Line, ...],
        lambda value, _: tuple([_read_line(each, converter) for each in value]),
    )
    converter.register_structure_hook(type(None), lambda value, _: None)
    # `extra` is JSON as it came, exact decimals in it.
    converter.register_unstructure_hook_func(_is_extra, lambda extra: dict(extra))
    converter.register_structure_hook_func(_is_extra, lambda value, _: Extra(value))
    configure_tagged_union(Fulfillment | None, converter, tag_name="is")
    configure_tagged_union(Payment | None, converter, tag_name="is")
    return converter


def _is_extra(kind: Any) -> bool:
    return bool(kind == Mapping[str, Any])


# A cart has many lines and each has many choices, so these are written as arrays, without names. A
# later release may add elements at the end.


def _write_line(line: Line, converter: Converter) -> list[Any]:
    return [
        line.line_id,
        line.item_id,
        line.quantity,
        line.name,
        str(line.unit_price),
        _write_groups(line.groups),
        line.special_instructions,
        converter.unstructure(line.problems),
    ]


def _write_groups(groups: tuple[GroupChoice, ...]) -> list[Any]:
    return [
        [
            group.modifier_group_id,
            group.name,
            [
                [each.item_id, each.name, each.quantity, _write_groups(each.groups)]
                if each.groups
                else [each.item_id, each.name, each.quantity]
                for each in group.chosen
            ],
        ]
        for group in groups
    ]


def _read_line(value: list[Any], converter: Converter) -> Line:
    line_id, item_id, quantity, name, unit_price, groups, instructions, problems, *_ = value
    return Line(
        line_id,
        item_id,
        quantity,
        name,
        Decimal(unit_price),
        _read_groups(groups),
        instructions,
        tuple([converter.structure(each, LineProblem) for each in problems]),
    )


def _read_groups(groups: list[Any]) -> tuple[GroupChoice, ...]:
    return tuple(
        [
            GroupChoice(
                group_id,
                tuple(
                    [
                        Choice(item_id, quantity, _read_groups(*nested) if nested else (), name)
                        for item_id, name, quantity, *nested in chosen
                    ]
                ),
                group_name,
            )
            for group_id, group_name, chosen in groups
        ]
    )


def _read_window(value: str) -> Window:
    day, start, end = value.split(" ")
    return Window(day, time.fromisoformat(start), time.fromisoformat(end))
