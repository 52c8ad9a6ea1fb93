"""The cart: lines resolved against a menu, with their prices and problems.

The partner stores the cart; Gett stores none (docs: Cart). A line carries its name, unit price and
problems, so that a resumed checkout can show and check it without loading the menu again: the menu is
immutable under its id, so the line's facts stay true.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeGuard

from attrs import define, evolve, field, frozen

from gett_checkout._core.catalog import CatalogSet, Item, ModifierGroup, entry_of
from gett_checkout._core.jsonable import Sentence
from gett_checkout._money import EXACT, ZERO, sum_of
from gett_checkout.errors import MAX_ERRORS, FieldError, InvalidInputError, pointer_to
from gett_checkout.messages import Text

MAX_QUANTITY = 99  # decided: the API documents no bound
MAX_DEPTH = 8
# A guest fills the cart, so all that is saved of it has a bound; decided, as the API documents none.
MAX_LINES = 200
MAX_CHOICES = 1_000  # of one line, on all levels together
MAX_ID_LENGTH = 200  # of an item or a modifier group
MAX_INSTRUCTIONS_LENGTH = 1_000
_LINE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")  # unescaped in a path


@frozen
class Modifier:
    """A chosen modifier, with a quantity or choices of its own.

    ``modifiers`` maps a group id to the choices in it: item ids, `Modifier` values, or mappings with
    the same members, as parsed from JSON.
    """

    item_id: str
    quantity: int = 1
    modifiers: Modifiers = field(factory=dict)


Modifiers = Mapping[str, Iterable["str | Modifier | Mapping[str, Any]"]]


@frozen
class Choice:
    """One item chosen in a modifier group, with its name on the menu."""

    item_id: str
    quantity: int = 1
    groups: tuple[GroupChoice, ...] = ()
    name: str = ""


@frozen
class GroupChoice:
    """The choices in one modifier group, with its name on the menu."""

    modifier_group_id: str
    chosen: tuple[Choice, ...] = ()
    name: str = ""


@frozen
class LineProblem(Sentence):
    """A problem with a line. ``path`` leads from the line's item to the problem: item ids and
    modifier-group ids, alternating.

    ``code`` is ``ITEM_UNKNOWN`` for an item, ``ITEM_UNAVAILABLE`` for an item or a modifier (sold out,
    or an item that no section sells), ``MODIFIER_UNKNOWN``, ``MODIFIER_REQUIRED`` or
    ``MODIFIER_TOO_MANY`` for a choice, or the error code with which Gett rejected the line. ``name`` is
    the name of the item or the group, ``count`` the number of choices required or allowed, ``said``
    Gett's own message.
    """

    code: str
    path: tuple[str, ...] = ()
    name: str = ""
    count: int | None = None
    said: str | None = None

    def text(self) -> Text:
        """Return the codes and values of its sentence; `message` returns the sentence itself."""
        if not self.name and self.code != "ITEM_UNKNOWN":
            return Text.of("line")
        if self.count is None and self.code in _COUNTED:
            return Text.of(self.code, "line")
        code = f"line.{self.code}"
        one = (f"{code}.one",) if self.count == 1 else ()
        return Text.of(*one, code, "line", name=self.name, count=self.count)


# Codes whose sentences need a count. Gett sends some of them, without a count.
_COUNTED: Final = ("MODIFIER_REQUIRED", "MODIFIER_TOO_MANY")


@frozen
class Line:
    """One line of the cart. ``unit_price`` is for one, modifiers included, in major units."""

    line_id: str
    item_id: str
    quantity: int
    name: str = ""
    unit_price: Decimal = ZERO
    groups: tuple[GroupChoice, ...] = ()
    special_instructions: str | None = None
    problems: tuple[LineProblem, ...] = ()

    @property
    def total(self) -> Decimal:
        """The price of the whole line, in major units, before fees and taxes."""
        return EXACT.multiply(self.unit_price, self.quantity)

    @property
    def content(self) -> tuple[object, ...]:
        """What the line orders, independent of the menu's names and of the sequence of its choices."""
        return self.item_id, self.quantity, _content(self.groups), self.special_instructions

    @property
    def can_be_had(self) -> bool:
        """Whether it can be ordered as it is, or after some of its choices are made or corrected.

        True when it has no problems, or only missing, unknown or excess choices; false when the item or
        a chosen modifier is sold out, even if another choice would help.
        """
        return all(problem.code.startswith("MODIFIER_") for problem in self.problems)


def _content(groups: tuple[GroupChoice, ...]) -> frozenset[object]:
    """Return the choices in the groups, with their quantities."""
    return frozenset((each.modifier_group_id, _counted(each)) for each in groups if each.chosen)


def _counted(group: GroupChoice) -> frozenset[object]:
    counts: Counter[object] = Counter()
    for choice in group.chosen:
        counts[choice.item_id, _content(choice.groups)] += choice.quantity
    return frozenset(counts.items())


def read_line_id(value: object) -> str:
    """Return a line id of the caller's own. Raises `InvalidInputError`."""
    if not isinstance(value, str) or not _LINE_ID.fullmatch(value):
        raise InvalidInputError(
            "a line_id must be 1 to 64 ASCII letters, digits, '.', '_', '~' or '-', "
            "and begin with a letter or digit",
            field="line_id",
        )
    return value


def read_item_id(value: object) -> str:
    """Return the id of an item of the menu. Raises `InvalidInputError`."""
    if not _is_id(value) or not value:
        raise InvalidInputError(
            f"an item_id must be a string of 1 to {MAX_ID_LENGTH} characters", field="item_id"
        )
    return value


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_ID_LENGTH


def read_instructions(value: object) -> str | None:
    """Return special instructions, ``None`` for empty ones. Raises `InvalidInputError`."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_INSTRUCTIONS_LENGTH:
        raise InvalidInputError(
            f"special_instructions must be a string of at most {MAX_INSTRUCTIONS_LENGTH} characters",
            field="special_instructions",
        )
    return value or None


def read_quantity(value: object) -> int:
    """Return a quantity of 1 to 99. Raises `InvalidInputError`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_QUANTITY:
        raise InvalidInputError(
            f"a quantity must be a whole number from 1 to {MAX_QUANTITY}", field="quantity"
        )
    return int(value)  # a subclass of int would be saved as a text


def read_modifiers(modifiers: Modifiers | None) -> tuple[GroupChoice, ...]:
    """Convert the caller's mapping of group ids to chosen items into values.

    Raises `InvalidInputError`, which lists the mistakes, and stops reading where it has enough of them.
    """
    reading = _Reading()
    groups = _read_groups({} if modifiers is None else modifiers, ("modifiers",), 0, reading)
    if reading.is_too_long:
        reading.complain(
            ("modifiers",), f"a line has at most {MAX_CHOICES} choices, and as many groups of them"
        )
    if reading.wrong:
        raise InvalidInputError(errors=reading.wrong)
    return groups


@define
class _Reading:
    """What has been read of a line's modifiers, on all levels."""

    groups: int = 0
    choices: int = 0
    wrong: list[FieldError] = field(factory=list)

    @property
    def is_too_long(self) -> bool:
        return max(self.groups, self.choices) > MAX_CHOICES

    @property
    def is_over(self) -> bool:
        return self.is_too_long or len(self.wrong) >= MAX_ERRORS

    def complain(self, path: tuple[object, ...], message: str) -> None:
        self.wrong.append(FieldError(pointer_to(*path), "invalid", message))


def _read_groups(
    modifiers: object, path: tuple[object, ...], depth: int, reading: _Reading
) -> tuple[GroupChoice, ...]:
    if depth > MAX_DEPTH:
        reading.complain(path, f"modifiers are nested more than {MAX_DEPTH} deep")
    elif not isinstance(modifiers, Mapping):
        reading.complain(path, "modifiers must map a modifier group id to the items chosen in it")
    elif not all(map(_is_id, modifiers)):
        reading.complain(
            path,
            f"the id of a modifier group must be a string of at most {MAX_ID_LENGTH} characters",
        )
    else:
        return tuple(_read_each_group(modifiers, path, depth, reading))
    return ()


def _read_each_group(
    modifiers: Mapping[str, object], path: tuple[object, ...], depth: int, reading: _Reading
) -> Iterator[GroupChoice]:
    for group_id, chosen in modifiers.items():
        reading.groups += 1
        if reading.is_over:
            return
        choices = _read_choices(chosen, (*path, group_id), depth, reading)
        yield GroupChoice(group_id, tuple(choices))


def _read_choices(
    chosen: object, path: tuple[object, ...], depth: int, reading: _Reading
) -> Iterator[Choice]:
    if isinstance(chosen, str):
        reading.complain(path, "pass a list of modifier item ids, not the bare id")
    elif not isinstance(chosen, Iterable) or isinstance(chosen, bytes | Mapping):
        reading.complain(path, "modifiers must map each group id to a list of modifiers")
    else:
        for number, each in enumerate(chosen):
            reading.choices += 1
            if reading.is_over:
                return
            here = (*path, number)
            try:
                modifier = _read_modifier(each)
                quantity = read_quantity(modifier.quantity)
            except InvalidInputError as error:
                reading.wrong += error.within(*here)
            else:
                own = {} if modifier.modifiers is None else modifier.modifiers
                nested = _read_groups(own, (*here, "modifiers"), depth + 1, reading)
                yield Choice(modifier.item_id, quantity, nested)


def _read_modifier(value: object) -> Modifier:
    if isinstance(value, Mapping) and set(value) <= {"item_id", "quantity", "modifiers"}:
        value = Modifier(**{"item_id": None, **value})
    elif isinstance(value, str):
        value = Modifier(value)
    if not isinstance(value, Modifier) or not _is_id(value.item_id):
        raise InvalidInputError(
            "a modifier must be an item id, or have item_id, quantity, modifiers; "
            f"the id has at most {MAX_ID_LENGTH} characters"
        )
    return value


def resolve(line: Line, catalog: CatalogSet) -> Line:
    """Return the line with its names, price and problems on this menu: at most 20, the worst first."""
    item = entry_of(catalog.items, line.item_id)
    if item is None:
        unknown = LineProblem("ITEM_UNKNOWN", (line.item_id,), line.name)
        return evolve(line, problems=(unknown,))
    found = _configure(item, line.groups, Demands(catalog), (item.item_id,))
    if item.available and not catalog.sells(line.item_id):
        found.complain("ITEM_UNAVAILABLE", (line.item_id,), item.name)
    return evolve(
        line,
        name=item.name,
        unit_price=found.price,
        groups=found.groups,
        problems=_worst_of(found.problems),
    )


_WORST_FIRST: Final = (
    "ITEM_UNAVAILABLE",
    "MODIFIER_UNKNOWN",
    "MODIFIER_TOO_MANY",
    "MODIFIER_REQUIRED",
)


def _worst_of(problems: list[LineProblem]) -> tuple[LineProblem, ...]:
    """Return as many problems as an error lists: lesser ones hide none that stop the line."""
    if len(problems) > MAX_ERRORS:
        problems = sorted(problems, key=lambda each: _WORST_FIRST.index(each.code))
    return tuple(problems[:MAX_ERRORS])


@frozen
class Demands:
    """A menu's demands on choices, as far as they can be met: nothing impossible is required.

    A ``depth`` is how many levels of choices may still follow; `read_modifiers` limits it.
    """

    catalog: CatalogSet
    _known: dict[tuple[str, int], bool] = field(factory=dict)

    def of(self, group: ModifierGroup, depth: int = MAX_DEPTH) -> tuple[int, int | None]:
        """Return the minimum and maximum number of choices in the group."""
        least, most = _said(group)
        if least:
            enough = -(-least // MAX_QUANTITY)  # choices, each with the maximum quantity
            able = sum(1 for _ in islice(self._able(group, depth), enough))
            least = min(least, MAX_QUANTITY * able)
        return least, most

    def any_of(self, item: Item) -> bool:
        """Whether the item cannot be ordered without a choice."""
        return any(self.of(group)[0] for group in self.catalog.groups_of(item))

    def _able(self, group: ModifierGroup, depth: int) -> Iterator[Item]:
        """Return the available choices that can themselves be completed."""
        if depth > 0:
            for choice in self.catalog.items_of(group):
                if choice.available and self._ends(choice, depth - 1):
                    yield choice

    def _ends(self, item: Item, depth: int) -> bool:
        """Whether the item's required choices end: a menu may be recursive."""
        key = (item.item_id, depth)
        if key not in self._known:
            self._known[key] = all(
                any(self._able(group, depth))
                for group in self.catalog.groups_of(item)
                if _said(group)[0] and any(each.available for each in self.catalog.items_of(group))
            )
        return self._known[key]


def _said(group: ModifierGroup) -> tuple[int, int | None]:
    """Return the group's minimum and maximum; if they contradict each other, the laxer one counts."""
    least, most = max(group.min_selections, 0), group.max_selections
    if most is None or most < 0:
        return least, None
    return (least, most) if least <= most else (most, None)


@define
class _Configured:
    """One item as chosen: its price, its named choices, and the problems on every level."""

    price: Decimal
    groups: tuple[GroupChoice, ...] = ()
    problems: list[LineProblem] = field(factory=list)

    def complain(
        self, code: str, path: tuple[str, ...], name: str, count: int | None = None
    ) -> None:
        self.problems.append(LineProblem(code, path, name, count))


def _configure(
    item: Item, groups: tuple[GroupChoice, ...], demands: Demands, path: tuple[str, ...]
) -> _Configured:
    found = _Configured(item.price or ZERO)
    if not item.available:
        found.complain("ITEM_UNAVAILABLE", path, item.name)
    offered = {group.modifier_group_id: group for group in demands.catalog.groups_of(item)}
    for choice in groups:
        group, here = offered.get(choice.modifier_group_id), (*path, choice.modifier_group_id)
        if group is None:
            found.complain("MODIFIER_UNKNOWN", here, item.name)
            found.groups += (choice,)
        else:
            chosen = tuple(_choose(each, group, demands, here, found) for each in choice.chosen)
            found.groups += (evolve(choice, chosen=chosen, name=group.name),)
    counts = {each.modifier_group_id: sum(one.quantity for one in each.chosen) for each in groups}
    for group in offered.values():
        _count(counts.get(group.modifier_group_id, 0), group, item, path, found, demands)
    return found


def _choose(
    choice: Choice,
    group: ModifierGroup,
    demands: Demands,
    path: tuple[str, ...],
    found: _Configured,
) -> Choice:
    """Return the choice with its names; its price and problems are added to ``found``."""
    modifier, here = entry_of(demands.catalog.items, choice.item_id), (*path, choice.item_id)
    if modifier is None or choice.item_id not in group.item_ids:
        found.complain("MODIFIER_UNKNOWN", here, group.name)
        return choice
    part = _configure(modifier, choice.groups, demands, here)
    found.price = sum_of((found.price, EXACT.multiply(part.price, choice.quantity)))
    found.problems += part.problems
    return evolve(choice, groups=part.groups, name=modifier.name)


def _count(
    count: int,
    group: ModifierGroup,
    item: Item,
    path: tuple[str, ...],
    found: _Configured,
    demands: Demands,
) -> None:
    here = (*path, group.modifier_group_id)
    levels = len(path) // 2  # of choices above this one: each level adds a group id and an item id
    least, most = demands.of(group, MAX_DEPTH - levels)
    if count < least:
        found.complain("MODIFIER_REQUIRED", here, group.name, least)
    if most is not None and count > most:
        found.complain("MODIFIER_TOO_MANY", here, group.name, most)


def subtotal(lines: Iterable[Line]) -> Decimal:
    """Return the sum of all lines' catalog prices, in major units."""
    return sum_of(line.total for line in lines)
