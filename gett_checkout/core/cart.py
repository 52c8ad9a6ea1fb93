"""The cart: lines resolved against a menu, with their price and with what is wrong with them.

Carts live with the partner; Gett keeps none (docs: Cart). A line carries its name, unit price and
problems, so that a resumed checkout can show and judge it without loading the menu again: the menu
is immutable under its id, so what was true of the line stays true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from attrs import evolve, field, frozen

from gett_checkout.core.catalog import CatalogSet, Item
from gett_checkout.core.money import ZERO
from gett_checkout.errors import InvalidInputError

MAX_QUANTITY = 99  # decided: the API documents no bound
MAX_DEPTH = 8


@frozen
class Modifier:
    """A chosen modifier, with a quantity or choices of its own.

    ``modifiers`` maps a group id to what is chosen in it: item ids, or `Modifier` values.
    """

    item_id: str
    quantity: int = 1
    modifiers: Modifiers = field(factory=dict)


Modifiers = Mapping[str, Iterable["str | Modifier"]]


@frozen
class Choice:
    """One item chosen in a modifier group."""

    item_id: str
    quantity: int = 1
    groups: tuple[GroupChoice, ...] = ()


@frozen
class GroupChoice:
    """What is chosen in one modifier group."""

    modifier_group_id: str
    chosen: tuple[Choice, ...] = ()


@frozen
class LineProblem:
    """Something wrong with a line. ``path`` leads from the line's item to the place: ids in turn."""

    code: str
    message: str
    path: tuple[str, ...] = ()


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
        return self.unit_price * self.quantity


def read_quantity(value: object) -> int:
    """A quantity of 1 to 99, or `InvalidInputError`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_QUANTITY:
        raise InvalidInputError(f"a quantity must be a whole number from 1 to {MAX_QUANTITY}")
    return value


def read_modifiers(modifiers: Modifiers | None, depth: int = 0) -> tuple[GroupChoice, ...]:
    """The caller's mapping of group ids to chosen items, as values."""
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"modifiers are nested more than {MAX_DEPTH} deep")
    if not isinstance(modifiers or {}, Mapping):
        raise InvalidInputError("modifiers must map a modifier group id to the items chosen in it")
    return tuple(
        GroupChoice(group_id, tuple(_read_choices(chosen, depth)))
        for group_id, chosen in (modifiers or {}).items()
    )


def _read_choices(chosen: Iterable[str | Modifier], depth: int) -> Iterator[Choice]:
    if isinstance(chosen, str):
        raise InvalidInputError(f"pass a list of modifier item ids, not the bare id {chosen!r}")
    if not isinstance(chosen, Iterable):
        raise InvalidInputError("modifiers must map each group id to a list of modifiers")
    for each in chosen:
        modifier = Modifier(each) if isinstance(each, str) else each
        if not isinstance(modifier, Modifier):
            raise InvalidInputError("a modifier must be an item id or a Modifier")
        yield Choice(
            modifier.item_id,
            read_quantity(modifier.quantity),
            read_modifiers(modifier.modifiers, depth + 1),
        )


def resolve(line: Line, catalog: CatalogSet) -> Line:
    """The line with its name, price and problems as this menu has them."""
    item = catalog.items.get(line.item_id)
    if item is None:
        unknown = LineProblem("ITEM_UNKNOWN", f"{line.item_id} is not on the menu", (line.item_id,))
        return evolve(line, problems=(unknown,))
    price, problems = _configure(item, line.groups, catalog, (item.item_id,))
    return evolve(line, name=item.name, unit_price=price, problems=tuple(problems))


def _configure(
    item: Item, groups: tuple[GroupChoice, ...], catalog: CatalogSet, path: tuple[str, ...]
) -> tuple[Decimal, list[LineProblem]]:
    """Price of one item as chosen, and all that is wrong with the choices, at every level."""
    price, problems = item.price or ZERO, list[LineProblem]()
    if not item.available:
        problems.append(LineProblem("ITEM_UNAVAILABLE", f"{item.name} is not available", path))
    offered = {group.modifier_group_id: group for group in catalog.groups_of(item)}
    for choice in groups:
        group, here = offered.get(choice.modifier_group_id), (*path, choice.modifier_group_id)
        if group is None:
            problems.append(
                LineProblem(
                    "MODIFIER_UNKNOWN", f"{item.name} has no group {choice.modifier_group_id}", here
                )
            )
            continue
        for chosen in choice.chosen:
            modifier, there = catalog.items.get(chosen.item_id), (*here, chosen.item_id)
            if modifier is None or chosen.item_id not in group.item_ids:
                problems.append(
                    LineProblem(
                        "MODIFIER_UNKNOWN", f"{group.name} does not offer {chosen.item_id}", there
                    )
                )
                continue
            part, faults = _configure(modifier, chosen.groups, catalog, there)
            price += part * chosen.quantity
            problems.extend(faults)
    selected = {
        choice.modifier_group_id: sum(each.quantity for each in choice.chosen) for choice in groups
    }
    for group_id, group in offered.items():
        count, here = selected.get(group_id, 0), (*path, group_id)
        if count < group.min_selections:
            problems.append(
                LineProblem(
                    "MODIFIER_REQUIRED",
                    f"{item.name}: choose {_at_least(group.min_selections)} of {group.name}",
                    here,
                )
            )
        if group.max_selections is not None and count > group.max_selections:
            problems.append(
                LineProblem(
                    "MODIFIER_TOO_MANY",
                    f"{item.name}: choose at most {group.max_selections} of {group.name}",
                    here,
                )
            )
    return price, problems


def _at_least(count: int) -> str:
    return "one" if count == 1 else f"at least {count}"


def subtotal(lines: Iterable[Line]) -> Decimal:
    """The catalog prices of all lines together, in major units."""
    return sum((line.total for line in lines), ZERO)
