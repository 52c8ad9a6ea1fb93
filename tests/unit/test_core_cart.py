"""The rules of the cart: what the menu offers, at every level, and all that is wrong at once."""

from __future__ import annotations

from decimal import Decimal
from itertools import repeat
from typing import Any

import pytest
from attrs import evolve

from gett_checkout._core.cart import (
    MAX_CHOICES,
    MAX_DEPTH,
    Choice,
    Demands,
    GroupChoice,
    Line,
    LineProblem,
    Modifier,
    Modifiers,
    read_instructions,
    read_item_id,
    read_line_id,
    read_modifiers,
    read_quantity,
    resolve,
    subtotal,
)
from gett_checkout._json import write_json
from gett_checkout._wire.menu import catalog_set
from gett_checkout.errors import InvalidInputError
from gett_checkout.messages import ENGLISH
from tests.samples.states import group, item, line, menu

LARGE_WITH = {"size": [Modifier("large", modifiers={"crust": ["cheese-crust"]})]}


def problems(item_id: str, modifiers: Modifiers | None = None, **facts: Any) -> set[str]:
    """The problems of a line, as ``CODE at/path``."""
    found = line(item_id, 1, modifiers, **facts).problems
    assert all(each.message for each in found)
    return {f"{each.code} {'/'.join(each.path)}" for each in found}


@pytest.mark.parametrize(
    ("item_id", "modifiers", "expected"),
    [
        ("salad", None, set()),
        ("pizza", {"size": ["small"]}, set()),
        ("pizza", LARGE_WITH, set()),
        ("pizza", {"size": ["small"], "toppings": ["olives", "ham", "olives"]}, set()),
        ("pizza", {"size": ["small"], "toppings": []}, set()),
        ("pizza", None, {"MODIFIER_REQUIRED pizza/size"}),
        ("pizza", {"size": []}, {"MODIFIER_REQUIRED pizza/size"}),
        ("pizza", {"size": ["small", "large"]}, {"MODIFIER_TOO_MANY pizza/size"}),
        ("pizza", {"size": [Modifier("small", 2)]}, {"MODIFIER_TOO_MANY pizza/size"}),
        (
            "pizza",
            {"size": ["small"], "toppings": [Modifier("olives", 3), "ham"]},
            {"MODIFIER_TOO_MANY pizza/toppings"},
        ),
        (
            "pizza",
            {"size": [Modifier("large", modifiers={"crust": [Modifier("cheese-crust", 2)]})]},
            {"MODIFIER_TOO_MANY pizza/size/large/crust"},
        ),
        (
            "pizza",
            {"size": [Modifier("small", modifiers={"crust": ["cheese-crust"]})]},
            {"MODIFIER_UNKNOWN pizza/size/small/crust"},
        ),
        (
            "pizza",
            {"size": [Modifier("large", modifiers={"crust": ["ham"]})]},
            {"MODIFIER_UNKNOWN pizza/size/large/crust/ham"},
        ),
        ("nothing", None, {"ITEM_UNKNOWN nothing"}),
        ("soldout", None, {"ITEM_UNAVAILABLE soldout"}),
        ("salad", {"size": ["small"]}, {"MODIFIER_UNKNOWN salad/size"}),
        (
            "pizza",
            {"size": ["small"], "toppings": ["truffle"]},
            {"ITEM_UNAVAILABLE pizza/toppings/truffle"},
        ),
        (
            "pizza",
            {"size": ["small"], "toppings": ["nothing"]},
            {"MODIFIER_UNKNOWN pizza/toppings/nothing"},
        ),
        (
            "pizza",
            {"size": ["olives"]},  # an item of the menu, but of another group
            {"MODIFIER_UNKNOWN pizza/size/olives"},
        ),
        (
            "pizza",
            {
                "size": ["small", Modifier("large", modifiers={"crust": ["nothing"], "no": ["x"]})],
                "toppings": ["truffle", Modifier("ham", 3)],
                "other": ["x"],
            },
            {
                "MODIFIER_TOO_MANY pizza/size",
                "MODIFIER_UNKNOWN pizza/size/large/crust/nothing",
                "MODIFIER_UNKNOWN pizza/size/large/no",
                "ITEM_UNAVAILABLE pizza/toppings/truffle",
                "MODIFIER_TOO_MANY pizza/toppings",
                "MODIFIER_UNKNOWN pizza/other",
            },
        ),
    ],
)
def test_all_that_is_wrong_is_said_at_once(
    item_id: str, modifiers: Modifiers | None, expected: set[str]
) -> None:
    assert problems(item_id, modifiers) == expected


def test_a_minimum_of_two_may_be_met_by_quantity() -> None:
    catalog = menu(
        item("box", "8.00", "pieces"),
        item("bun", "0.10"),
        groups=(group("pieces", "bun", least=2, most=4),),
    )
    required = {"MODIFIER_REQUIRED box/pieces"}
    assert problems("box", {"pieces": ["bun"]}, catalog=catalog) == required
    assert problems("box", {"pieces": [Modifier("bun", 2)]}, catalog=catalog) == set()
    assert problems("box", {"pieces": [Modifier("bun", 4)]}, catalog=catalog) == set()
    too_many = {"MODIFIER_TOO_MANY box/pieces"}
    assert problems("box", {"pieces": [Modifier("bun", 5)]}, catalog=catalog) == too_many


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_required_choices_are_found_at_every_depth(depth: int) -> None:
    items = [item(f"i{level}", "1.00", f"g{level}") for level in range(depth)]
    groups = tuple(group(f"g{level}", f"i{level + 1}", least=1) for level in range(depth))
    catalog = menu(*items, item(f"i{depth}", "1.00"), groups=groups, listed=("i0",))

    def chosen(to: int, level: int = 0) -> Modifiers:
        if level == to:
            return {}
        return {f"g{level}": [Modifier(f"i{level + 1}", modifiers=chosen(to, level + 1))]}

    path = "/".join(f"i{level}/g{level}" for level in range(depth))
    expected = {f"MODIFIER_REQUIRED {path}"}
    assert problems("i0", chosen(depth - 1), catalog=catalog) == expected
    assert problems("i0", chosen(depth), catalog=catalog) == set()
    assert line("i0", 1, chosen(depth), catalog).unit_price == Decimal(depth + 1)


@pytest.mark.parametrize("entry", [None, 7, [], "x"], ids=repr)
def test_an_entry_that_cannot_be_read_is_not_on_the_menu(entry: object) -> None:
    dish = {"modifierGroupIds": ["bad", "size"]}
    parts = {
        "items": {"dish": dish, "bad": entry, "small": {}},
        "modifierGroups": {"bad": entry, "size": {"itemIds": ["bad", "small"]}},
    }
    catalog = catalog_set(write_json(parts), "cs-1")
    assert problems("bad", catalog=catalog) == {"ITEM_UNKNOWN bad"}
    assert problems("dish", {"size": ["bad", "small"]}, catalog=catalog) == {
        "MODIFIER_UNKNOWN dish/size/bad"
    }
    assert problems("dish", {"bad": ["small"]}, catalog=catalog) == {"MODIFIER_UNKNOWN dish/bad"}


def test_of_many_problems_the_worst_are_said() -> None:
    names = [f"g{number}" for number in range(30)]
    catalog = menu(
        item("dish", "5.00", "any", *names, "one"),
        item("ham"),
        item("gone", available=False),
        groups=(
            group("any", "ham", "gone"),
            *(group(each, "ham", least=1) for each in names),
            group("one", "ham", most=1),
        ),
        listed=("dish",),
    )
    [*unmade] = line("dish", 1, catalog=catalog).problems
    assert [each.path for each in unmade] == [("dish", each) for each in names[:20]]
    chosen = {"any": ["nothing", "gone", "nothing"], "one": ["ham", "ham"]}
    codes = [each.code for each in line("dish", 1, chosen, catalog).problems]
    assert codes[:3] == ["ITEM_UNAVAILABLE", "MODIFIER_UNKNOWN", "MODIFIER_UNKNOWN"]
    assert codes[3:] == ["MODIFIER_TOO_MANY"] + ["MODIFIER_REQUIRED"] * 16
    made = {each: ["ham"] for each in names[19:]}
    codes = [each.code for each in line("dish", 1, {**made, "one": ["ham"] * 2}, catalog).problems]
    assert codes == ["MODIFIER_REQUIRED"] * 19 + ["MODIFIER_TOO_MANY"]  # as on the menu
    many = {"any": [f"x{number}" for number in range(MAX_CHOICES)]}
    found = line("dish", 1, many, catalog).problems
    assert [each.path[-1] for each in found] == [f"x{number}" for number in range(20)]


def test_a_line_carries_its_name_and_price_from_the_menu() -> None:
    pizza = line("pizza", 2, {**LARGE_WITH, "toppings": [Modifier("olives", 2)]})
    assert (pizza.name, pizza.unit_price, pizza.total) == (
        "pizza",
        Decimal("15.25"),
        Decimal("30.50"),
    )
    assert subtotal([pizza, line("water", 3)]) == Decimal("35.00")
    assert subtotal([]) == 0


def test_resolving_again_forgets_old_problems() -> None:
    stale = line("salad", 1, problems=line("pizza", 1).problems)
    assert stale.problems == ()


def test_an_item_without_a_price_counts_nothing() -> None:
    assert line("gift", 2, catalog=menu(item("gift", None))).total == 0


# --- cycles: modifiers are items, and a menu may lead back to where it began ----------------------

CYCLE = menu(
    item("burger", "5.00", "again"),
    item("side", "2.00", "back"),
    groups=(group("again", "side", "burger", most=1), group("back", "burger", least=1, most=1)),
    listed=("burger", "side"),
)


def test_a_cyclic_menu_is_walked_once() -> None:
    assert [each.item_id for each in CYCLE.menu_items()] == ["burger", "side"]


def test_a_cyclic_choice_is_priced_as_far_as_it_is_made() -> None:
    back = {"back": [Modifier("burger", modifiers={"again": ["burger"]})]}
    found = line("burger", 1, {"again": [Modifier("side", modifiers=back)]}, CYCLE)
    assert (found.problems, found.unit_price) == ((), Decimal("17.00"))
    open_end = {"MODIFIER_REQUIRED burger/again/side/back"}
    assert problems("burger", {"again": ["side"]}, catalog=CYCLE) == open_end


# --- what is sold by itself -----------------------------------------------------------------------


@pytest.mark.parametrize("item_id", ["olives", "small", "large", "cheese-crust"])
def test_what_no_section_sells_is_not_available_by_itself(item_id: str) -> None:
    found = line(item_id, 5)
    assert [each.code for each in found.problems] == ["ITEM_UNAVAILABLE"]
    [problem] = found.problems
    assert problem.message == f"{item_id} is not available."
    assert problem.path == (item_id,)
    assert not found.can_be_had


def test_a_choice_need_not_be_sold_by_itself() -> None:
    assert problems("pizza", {"size": ["small"], "toppings": ["olives"]}) == set()


def test_what_is_sold_out_and_not_sold_by_itself_is_said_once() -> None:
    assert problems("truffle") == {"ITEM_UNAVAILABLE truffle"}
    assert [each.message for each in line("truffle").problems] == ["truffle is not available."]


def test_all_else_that_is_wrong_with_what_is_not_sold_is_said_as_well() -> None:
    assert problems("large", {"crust": [Modifier("cheese-crust", 2)], "no": ["x"]}) == {
        "ITEM_UNAVAILABLE large",
        "MODIFIER_TOO_MANY large/crust",
        "MODIFIER_UNKNOWN large/no",
    }


def test_a_line_that_a_new_menu_no_longer_sells_is_marked_and_mended_by_the_old_one() -> None:
    listed = menu(item("soup", "4.00"), item("bread", "1.00"))
    unlisted = menu(item("soup", "4.00"), item("bread", "1.00"), listed=("bread",))
    kept = resolve(line("soup", 1, catalog=listed), unlisted)
    assert [each.code for each in kept.problems] == ["ITEM_UNAVAILABLE"]
    assert resolve(kept, listed).problems == ()


def test_a_menu_without_sections_sells_everything() -> None:
    assert line("soup", 1, catalog=menu(item("soup"), listed=())).problems == ()


# --- what cannot be chosen is not required --------------------------------------------------------


@pytest.mark.parametrize(
    ("least", "most", "bounds"),
    [
        (0, None, (0, None)),
        (1, None, (1, None)),
        (1, 1, (1, 1)),
        (0, 0, (0, 0)),  # nothing may be chosen
        (1, 0, (0, None)),  # whichever of the two is meant, a shopper can comply
        (3, 1, (1, None)),
        (-1, None, (0, None)),
        (-1, 2, (0, 2)),
        (-1, 0, (0, 0)),
        (-2, -1, (0, None)),
        (0, -1, (0, None)),
        (1, -1, (1, None)),
        (198, 500, (198, 500)),
        (199, None, (198, None)),  # two choices, 99 of each
        (10**9, None, (198, None)),
    ],
)
def test_the_limits_of_a_group_as_far_as_they_can_be_met(
    least: int, most: int | None, bounds: tuple[int, int | None]
) -> None:
    offered = group("g", "ham", "olives", "gone", "nothing", least=least, most=most)
    catalog = menu(
        item("dish", "5.00", "g"),
        item("ham"),
        item("olives"),
        item("gone", available=False),
        groups=(offered,),
        listed=("dish",),
    )
    assert Demands(catalog).of(offered) == bounds
    for count in (0, 1, 2, 3, 4, 197, 198, 199, 500, 501):
        chosen = [Modifier("ham", min(count - at, 99)) for at in range(0, count, 99)]
        too_few = {"MODIFIER_REQUIRED dish/g"} if count < bounds[0] else set()
        too_many = {"MODIFIER_TOO_MANY dish/g"} if count > (bounds[1] or count) else set()
        if bounds[1] == 0 and count:
            too_many = {"MODIFIER_TOO_MANY dish/g"}
        assert problems("dish", {"g": chosen}, catalog=catalog) == too_few | too_many


@pytest.mark.parametrize("offers", [(), ("gone",), ("nothing",), ("gone", "nothing")])
@pytest.mark.parametrize("most", [None, 0, 1, 5])
def test_nothing_is_required_of_a_group_without_an_available_choice(
    offers: tuple[str, ...], most: int | None
) -> None:
    offered = group("g", *offers, least=1, most=most)
    catalog = menu(
        item("dish", "5.00", "g"),
        item("gone", available=False),
        item("combo", "1.00", "inner"),
        groups=(offered, group("inner", "dish", least=1)),
        listed=("dish", "combo"),
    )
    assert problems("dish", catalog=catalog) == set()
    # At every level: what is chosen may have such a group, and may be required all the same.
    assert problems("combo", catalog=catalog) == {"MODIFIER_REQUIRED combo/inner"}
    assert problems("combo", {"inner": ["dish"]}, catalog=catalog) == set()
    assert not Demands(catalog).any_of(catalog.items["dish"])
    assert Demands(catalog).any_of(catalog.items["combo"])


def test_what_is_sold_out_still_cannot_be_chosen() -> None:
    catalog = menu(
        item("dish", "5.00", "g"),
        item("gone", available=False),
        groups=(group("g", "gone", least=1),),
        listed=("dish",),
    )
    expected = {"ITEM_UNAVAILABLE dish/g/gone"}
    assert problems("dish", {"g": ["gone"]}, catalog=catalog) == expected


def test_a_choice_that_leads_back_for_ever_is_not_required() -> None:
    endless = menu(item("doll", "1.00", "inner"), groups=(group("inner", "doll", least=1, most=1),))
    assert problems("doll", catalog=endless) == set()
    two = menu(
        item("hen", "1.00", "egg"),
        item("egg", "1.00", "hen"),
        groups=(group("egg", "egg", least=1), group("hen", "hen", least=1)),
    )
    assert problems("hen", catalog=two) == problems("egg", catalog=two) == set()
    assert problems("hen", {"egg": ["egg"]}, catalog=two) == set()
    with_a_way_out = menu(
        item("doll", "1.00", "inner"),
        item("stone"),
        groups=(group("inner", "doll", "stone", least=1, most=1),),
        listed=("doll",),
    )
    required = {"MODIFIER_REQUIRED doll/inner/doll/inner"}
    assert problems("doll", catalog=with_a_way_out) == {"MODIFIER_REQUIRED doll/inner"}
    assert problems("doll", {"inner": ["doll"]}, catalog=with_a_way_out) == required
    inner = {"inner": [Modifier("doll", modifiers={"inner": ["stone"]})]}
    assert problems("doll", inner, catalog=with_a_way_out) == set()


@pytest.mark.parametrize(
    ("depth", "required"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, True), (MAX_DEPTH + 1, False)]
)
def test_choices_deeper_than_a_caller_can_make_are_not_required(depth: int, required: bool) -> None:
    items = [item(f"i{level}", "1.00", f"g{level}") for level in range(depth)]
    groups = tuple(group(f"g{level}", f"i{level + 1}", least=1) for level in range(depth))
    catalog = menu(*items, item(f"i{depth}"), groups=groups, listed=("i0",))
    expected = {"MODIFIER_REQUIRED i0/g0"} if required else set()
    assert problems("i0", catalog=catalog) == expected


def test_how_many_levels_may_follow_counts_anew_for_each_group() -> None:
    catalog = menu(
        *(item(f"i{level}", "1.00", f"g{level}") for level in range(2)),
        item("i2"),
        groups=(group("g0", "i1", least=1), group("g1", "i2", least=1)),
    )
    demands, outer = Demands(catalog), catalog.modifier_groups["g0"]
    assert [demands.of(outer, depth)[0] for depth in (8, 1, 2, 0)] == [1, 0, 1, 0]


def test_a_line_nested_deeper_than_a_caller_can_make_is_judged() -> None:
    """As the cart helper may answer it."""
    catalog = menu(
        item("doll", "1.00", "inner"),
        item("stone"),
        groups=(group("inner", "doll", "stone", least=1, most=1),),
        listed=("doll",),
    )
    groups: tuple[GroupChoice, ...] = ()
    for _ in range(MAX_DEPTH + 3):
        groups = (GroupChoice("inner", (Choice("doll", 1, groups),)),)
    assert resolve(Line("l", "doll", 1, groups=groups), catalog).problems == ()


def test_a_maze_of_required_choices_is_judged_at_once() -> None:
    names = [f"i{number}" for number in range(60)]
    catalog = menu(
        *(item(name, "1.00", "g") for name in names), groups=(group("g", *names, least=1),)
    )
    assert problems("i0", catalog=catalog) == set()  # 60 ** 8 ways, none of which ends


# --- what a caller may pass -----------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [1, 2, 98, 99])
def test_quantities_within_bounds(quantity: int) -> None:
    assert read_quantity(quantity) == quantity


def test_a_quantity_of_another_class_becomes_an_int() -> None:
    """As a reader of YAML may make it."""

    class Scalar(int):
        pass

    assert type(read_quantity(Scalar(2))) is int
    [size] = read_modifiers({"size": [Modifier("small", Scalar(2))]})
    assert type(size.chosen[0].quantity) is int


@pytest.mark.parametrize("quantity", [0, -1, 100, True, 1.0, "1", None, Decimal(1)])
def test_quantities_that_cannot_be(quantity: object) -> None:
    with pytest.raises(InvalidInputError, match="quantity"):
        read_quantity(quantity)


@pytest.mark.parametrize("line_id", ["", "-a", "a b", "é", "a" * 65, 7, None])
def test_a_line_id_that_cannot_be(line_id: object) -> None:
    assert read_line_id("7.a_b~C-") == "7.a_b~C-"
    assert read_line_id("a" * 64) == "a" * 64
    with pytest.raises(InvalidInputError, match="a line_id must be") as caught:
        read_line_id(line_id)
    assert caught.value.field == "line_id"


@pytest.mark.parametrize("item_id", ["", "a" * 201, 7, None])
def test_an_item_id_that_cannot_be(item_id: object) -> None:
    assert read_item_id("a" * 200) == "a" * 200
    with pytest.raises(InvalidInputError, match="of 1 to 200 characters") as caught:
        read_item_id(item_id)
    assert caught.value.field == "item_id"
    assert "aa" not in str(caught.value)


def test_instructions_have_a_limit() -> None:
    assert read_instructions("") is read_instructions(None) is None
    assert read_instructions("é" * 1000) == "é" * 1000
    for wrong in ("é" * 1001, 7):
        with pytest.raises(InvalidInputError, match="at most 1000 characters") as caught:
            read_instructions(wrong)
        assert caught.value.field == "special_instructions"


def test_modifiers_as_values() -> None:
    assert read_modifiers(None) == ()
    assert read_modifiers({"g": ("a", Modifier("b", 2, {"h": ["c"]}))}) == (
        GroupChoice("g", (Choice("a"), Choice("b", 2, (GroupChoice("h", (Choice("c"),)),)))),
    )


@pytest.mark.parametrize(
    "modifiers",
    [
        {"size": "small"},
        {"size": None},
        {"size": 5},
        {"size": [5]},
        {"size": [None]},
        {"size": [Modifier("small", 0)]},
        {"size": [Modifier("small", modifiers={"crust": "cheese-crust"})]},
        {5: ["small"]},
        {"size": [{"item_id": "large", "modifiers": {None: []}}]},
        ["size"],
        "size",
    ],
    ids=str,
)
def test_modifiers_that_cannot_be(modifiers: Any) -> None:
    with pytest.raises(InvalidInputError):
        read_modifiers(modifiers)


def test_each_mistake_in_modifiers_is_named_by_its_place() -> None:
    crust = {"item_id": "large", "modifiers": {"crust": [7]}}
    with pytest.raises(InvalidInputError) as caught:
        read_modifiers({"size": ["small", Modifier("large", 0), crust], "top/pings": "ham"})
    assert [(each.pointer, each.code) for each in caught.value.errors] == [
        ("/modifiers/size/1/quantity", "invalid"),
        ("/modifiers/size/2/modifiers/crust/0", "invalid"),
        ("/modifiers/top~1pings", "invalid"),
    ]


LONG = "g" * 201


@pytest.mark.parametrize(
    ("modifiers", "pointer"),
    [
        ({LONG: ["small"]}, "/modifiers"),
        ({LONG: 7}, "/modifiers"),
        ({"size": [LONG]}, "/modifiers/size/0"),
        ({"size": [{"item_id": LONG}]}, "/modifiers/size/0"),
        ({"size": ["small", Modifier("large", 1, {LONG: []})]}, "/modifiers/size/1/modifiers"),
    ],
)
def test_an_id_that_is_too_long_is_not_repeated(modifiers: Modifiers, pointer: str) -> None:
    assert read_modifiers({LONG[1:]: [LONG[1:]]})
    with pytest.raises(InvalidInputError, match="at most 200 characters") as caught:
        read_modifiers(modifiers)
    assert [each.pointer for each in caught.value.errors] == [pointer]
    assert "gg" not in str(caught.value)


def test_a_bare_id_is_not_repeated() -> None:
    with pytest.raises(InvalidInputError, match="not the bare id") as caught:
        read_modifiers({"size": "small" * 1000})
    assert "small" not in str(caught.value)


def spread(choices: int) -> Modifiers:
    """So many choices, on two levels."""
    inner = {"crust": ["thin"] * (choices - 1)}
    return {"size": [Modifier("large", modifiers=inner)]}


@pytest.mark.parametrize(
    ("most", "more"),
    [
        ({"size": ["large"] * MAX_CHOICES}, {"size": ["large"] * (MAX_CHOICES + 1)}),
        (spread(MAX_CHOICES), spread(MAX_CHOICES + 1)),
        ({"size": ["large"] * MAX_CHOICES, "g": []}, {"size": ["large"] * MAX_CHOICES, "g": ["a"]}),
        ({str(n): [] for n in range(MAX_CHOICES)}, {str(n): [] for n in range(MAX_CHOICES + 1)}),
        ({}, {"size": repeat("large", 5000)}),
    ],
    ids=["one group", "two levels", "two groups", "groups", "no list"],
)
def test_a_line_has_only_so_many_choices(most: Modifiers, more: Modifiers) -> None:
    assert MAX_CHOICES == 1000
    assert len(read_modifiers(most)) == len(most)
    with pytest.raises(InvalidInputError, match="at most 1000 choices") as caught:
        read_modifiers(more)
    assert [each.pointer for each in caught.value.errors] == ["/modifiers"]


@pytest.mark.parametrize(
    ("modifiers", "last"),
    [
        ({"size": repeat(7, 5000)}, "/modifiers/size/19"),
        ({str(number): None for number in range(5000)}, "/modifiers/19"),
        ({"size": ({"item_id": "a", "modifiers": 7} for _ in range(5000))}, "/size/19/modifiers"),
    ],
    ids=["choices", "groups", "levels"],
)
def test_the_first_twenty_mistakes_are_named(modifiers: Any, last: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_modifiers(modifiers)
    assert len(caught.value.errors) == 20
    assert caught.value.errors[-1].pointer.endswith(last)


def test_nothing_is_read_after_the_twentieth_mistake() -> None:
    chosen = iter([7] * 100)
    with pytest.raises(InvalidInputError):
        read_modifiers({"size": chosen})  # type: ignore[dict-item]
    assert len(list(chosen)) == 79


def nested(levels: int) -> Modifiers:
    return {"g": [Modifier("i", modifiers=nested(levels - 1))]} if levels else {}


def test_modifiers_are_nested_only_so_deep() -> None:
    assert MAX_DEPTH == 8
    assert read_modifiers(nested(MAX_DEPTH))
    with pytest.raises(InvalidInputError, match="deep"):
        read_modifiers(nested(MAX_DEPTH + 1))
    endless: dict[str, Any] = {}
    endless["g"] = [Modifier("i", modifiers=endless)]
    with pytest.raises(InvalidInputError, match="deep"):
        read_modifiers(endless)


def test_modifiers_as_mappings_are_modifiers() -> None:
    """As they come out of a request's JSON."""
    crust = {"crust": [{"item_id": "cheese-crust", "quantity": 2}]}
    read = read_modifiers({"size": [{"item_id": "large", "modifiers": crust}]})
    assert read == read_modifiers(
        {"size": [Modifier("large", 1, {"crust": [Modifier("cheese-crust", 2)]})]}
    )
    [size] = read
    assert [(each.item_id, each.quantity) for each in size.chosen] == [("large", 1)]
    whole = {"item_id": "large", "quantity": 3, "modifiers": crust}
    [size] = read_modifiers({"size": [whole]})
    assert [(each.item_id, each.quantity, len(each.groups)) for each in size.chosen] == [
        ("large", 3, 1)
    ]
    for wrong in ({"quantity": 2}, {"item_id": "large", "price": 1}, {"item_id": 5}):
        with pytest.raises(InvalidInputError, match="a modifier must be an item id"):
            read_modifiers({"size": [wrong]})


def test_choices_carry_their_names_at_every_depth() -> None:
    [size] = line("pizza", 1, LARGE_WITH).groups
    [large] = size.chosen
    [crust] = large.groups
    [cheese] = crust.chosen
    names = [size.name, large.name, crust.name, cheese.name]
    assert names == ["size", "large", "crust", "cheese-crust"]
    unknown = line("pizza", 1, {"sauce": ["ketchup"], "size": ["ketchup"]}).groups
    assert [(each.name, [one.name for one in each.chosen]) for each in unknown] == [
        ("", [""]),
        ("size", [""]),
    ]


@pytest.mark.parametrize(
    ("least", "words"), [(1, "Please choose: size."), (2, "Please choose at least 2: size.")]
)
def test_a_missing_choice_says_how_many(least: int, words: str) -> None:
    catalog = menu(
        item("pizza", "9.50", "size"),
        item("small", "0.00"),
        groups=(group("size", "small", least=least),),
        listed=("pizza",),
    )
    [problem] = line("pizza", 1, catalog=catalog).problems
    assert problem.message == words


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (LineProblem("ITEM_UNKNOWN"), ENGLISH["line.ITEM_UNKNOWN"]),
        (LineProblem("ITEM_UNAVAILABLE"), ENGLISH["line"]),  # a sentence would lack the name
        (LineProblem("MODIFIER_REQUIRED", count=1), ENGLISH["line"]),
        (LineProblem("ITEM_UNAVAILABLE", name="Salad"), "Salad is not available."),
        (LineProblem("MODIFIER_TOO_MANY", name="Size", count=1), "Please choose only one: Size."),
        (LineProblem("MODIFIER_TOO_MANY", name="Size", count=2), "Please choose at most 2: Size."),
        (LineProblem("MODIFIER_REQUIRED", name="Pizza"), ENGLISH["MODIFIER_REQUIRED"]),
        (LineProblem("MODIFIER_TOO_MANY", name="Pizza"), ENGLISH["line"]),
        (LineProblem("NEW", name="Salad", count=1), ENGLISH["line"]),
    ],
    ids=str,
)
def test_what_is_said_of_a_problem(problem: LineProblem, sentence: str) -> None:
    assert problem.message == sentence


# --- what a line orders ---------------------------------------------------------------------------

ORDERED: Modifiers = {"toppings": ["ham", Modifier("olives", 2)], "size": LARGE_WITH["size"]}


@pytest.mark.parametrize(
    "same",
    [
        {"name": "Another name", "unit_price": Decimal(1), "problems": (LineProblem("NEW"),)},
        {"line_id": "another"},
        {"groups": read_modifiers({**ORDERED, "toppings": [Modifier("olives", 2), "ham"]})},
        {"groups": read_modifiers({**ORDERED, "toppings": ["olives", "ham", "olives"]})},
        {"groups": read_modifiers({"sauces": [], "size": ORDERED["size"], **ORDERED})},
    ],
    ids=str,
)
def test_a_line_orders_the_same_in_any_words_and_sequence(same: dict[str, Any]) -> None:
    pizza = line("pizza", 1, ORDERED)
    assert evolve(pizza, **same).content == pizza.content


@pytest.mark.parametrize(
    "other",
    [
        {"item_id": "calzone"},
        {"quantity": 2},
        {"special_instructions": "well done"},
        {"groups": ()},
        {"groups": read_modifiers({**ORDERED, "toppings": ["ham", "olives"]})},
        {"groups": read_modifiers({**ORDERED, "toppings": ["ham", Modifier("truffle", 2)]})},
        {"groups": read_modifiers({**ORDERED, "size": ["large"]})},
        {"groups": read_modifiers({"sauces": ORDERED["toppings"], "size": ORDERED["size"]})},
    ],
    ids=str,
)
def test_a_line_orders_something_else_with_another_item_or_choice(other: dict[str, Any]) -> None:
    pizza = line("pizza", 1, ORDERED)
    assert evolve(pizza, **other).content != pizza.content
