"""A checkout's state as the bytes in a storage: versioned JSON that later releases can read.

It contains the session token, the processor's card token and the shopper's contact data, because any
worker must be able to continue; of a card number at most the last four digits. Wrap the storage
(`EncryptedStorage`) when that must be encrypted.

The JSON object has a line for each part of the state, and a part that is unchanged since it was last
loaded or saved keeps its line: a step changes one or two parts and writes only those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from secrets import token_hex
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
from gett_checkout._json import read_json
from gett_checkout.errors import InvalidResponseError, SnapshotTooNewError, StorageError

VERSION: Final = 1
_FIRST: Final = b'{"v":%d' % VERSION
_LAST: Final = b"}"


class Snapshots:
    """Dumps and loads the states of one checkout, caching the last one and its bytes."""

    def __init__(self) -> None:
        self._state: CheckoutState | None = None
        self._data = b""

    @leaves_nothing
    def dump(self, state: CheckoutState) -> bytes:
        """Return the state as bytes; parts with their default value are omitted."""
        values, before = vars(state), vars(self._state or state)
        written = _lines_of(self._data) if self._data else {}
        lines = [_FIRST]
        for name, part in _parts().items():
            value = values[name]
            if value is not part.default:
                is_written = name in written and value is before[name]
                lines.append(written[name] if is_written else part.line(value))
        lines.append(_LAST)
        self._state, self._data = state, hidden(b"\n".join(lines))
        return self._data

    @leaves_nothing
    def load(self, data: bytes) -> CheckoutState:
        """Return the state from bytes. Raises `SnapshotTooNewError` or `StorageError` if it is unreadable."""
        parsed = _parse(data)
        if parsed is None:
            raise StorageError("the stored data is not a checkout")
        version, lines = parsed
        if not isinstance(version, int) or version > VERSION:
            raise SnapshotTooNewError(
                f"this release reads snapshots up to version {VERSION}, not {version}"
            )
        try:
            state = _state_of(lines)
        except Exception as error:  # noqa: BLE001 - whatever damaged data provokes
            kind = type(error).__name__
        else:
            self._state, self._data = state, data
            return state
        # Raised out here, because these exceptions contain what they could not read.
        raise StorageError(f"the saved checkout is damaged ({kind})")


def _state_of(lines: dict[str, bytes]) -> CheckoutState:
    for old, name in _NAMES_OF_0_1.items():
        if old in lines:
            lines[name] = lines[old]
    values = {name: part.read(lines[name]) for name, part in _parts().items() if name in lines}
    values.setdefault("refusals", _refusals_of_0_1(lines, values))
    return CheckoutState(**values)


_NAMES_OF_0_1: Final = {"agreed_total": "confirmed_total", "agreed_for": "confirmed_for"}


def _refusals_of_0_1(lines: Mapping[str, bytes], values: dict[str, Any]) -> tuple[Refusal, ...]:
    """Convert the rejections of 0.1.0: an error code for each of three parts."""
    parts = {
        "cart_refused": Part.LINES,
        "store_refused": Part.STORE,
        "payment_refused": Part.PAYMENT,
    }
    codes = {part: _value_of(lines[name]) for name, part in parts.items() if name in lines}
    return tuple(
        Refusal(
            Part.STORE if code.startswith("CATALOGSET_") else part, code, "", values["created_at"]
        )
        for part, code in codes.items()
        if code
    )


def _parse(data: bytes) -> tuple[Any, dict[str, bytes]] | None:
    """Return the version and the lines of the parts by name, ``None`` when it is no snapshot.

    The reason is withheld, because it contains the snapshot.
    """
    try:
        lines = _lines_of(data)
        return _value_of(lines.pop("v")), lines
    except (ValueError, AttributeError, KeyError, RecursionError, InvalidResponseError):
        return None


def _lines_of(data: bytes) -> dict[str, bytes]:
    """Return the lines of the members by name, in any layout of the JSON object."""
    *lines, last = data.split(b"\n")
    if last != _LAST or not all(line.startswith((b'{"', b',"')) for line in lines):
        lines = [_line(name, value) for name, value in read_json(data).items()]
    return {line[2 : line.index(b'"', 2)].decode(): line for line in lines}


def _line(name: str, value: Any) -> bytes:
    return b',"%b":%b' % (name.encode(), _written(value))


def _value_of(line: bytes) -> Any:
    return read_json(line.partition(b":")[2])


@frozen
class _Part:
    """A field of the state: its default, and how its value becomes a line and is read again."""

    default: Any
    line: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def _written(value: Any) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:  # half a surrogate pair stays as it is
        return _written_with_halves(value)


def _written_with_halves(value: Any) -> bytes:
    # The standard library cannot write a Decimal as a number, so its quotes are removed afterwards. No
    # text can contain the mark, because nobody knows it.
    mark = token_hex(16)

    def other(each: Any) -> str:
        return f"{mark}{each}" if isinstance(each, Decimal) else str(each)

    return re.sub(f'"{mark}([^"]+)"', r"\1", json.dumps(value, default=other)).encode()


_encode: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


@cache
def _parts() -> dict[str, _Part]:
    converter = _converter()

    def part(name: str, kind: Any, default: Any) -> _Part:
        unstructure = converter.get_unstructure_hook(kind)
        structure = converter.get_structure_hook(kind)

        def line(value: Any) -> bytes:
            return _line(name, unstructure(value))

        def read(line: bytes) -> Any:
            return structure(_value_of(line), kind)

        if kind == Store | None:  # most checkouts of a process are at one of a few stores
            remember = lru_cache(maxsize=256)
            return _Part(default, remember(line), remember(read))
        return _Part(default, line, read)

    return {
        each.name: part(each.name, each.type, None if each.default is NOTHING else each.default)
        for each in fields(resolve_types(CheckoutState))
    }


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
    # `extra` is JSON as it came, with exact decimals.
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
