"""Whatever the bytes, tokens, amounts and carts are: exact, or refused in the library's own words."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from gett_checkout._core import machine
from gett_checkout._core.blame import blamed
from gett_checkout._core.cart import (
    MAX_DEPTH,
    Line,
    Modifier,
    Modifiers,
    read_line_id,
    read_modifiers,
    resolve,
    subtotal,
)
from gett_checkout._core.catalog import CatalogSet, Store
from gett_checkout._core.codes import part_of, refuse
from gett_checkout._core.consequences import event_of
from gett_checkout._core.minimum import minimum_order, suggest_items
from gett_checkout._core.placement import Outcome, judge
from gett_checkout._core.session import Level, Session
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._core.view import view_of
from gett_checkout._money import from_minor_units, minor_digits, read_amount, show_amount
from gett_checkout.errors import InvalidInputError, SnapshotTooNewError, StorageError
from gett_checkout.messages import Messages
from tests.samples import saved as snapshot
from tests.samples.states import MENU, NOW, STORE, group, item, line, menu, state_at


def json_of(floats: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers() | floats | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    )


json_values = json_of(st.floats())  # and what Python calls JSON: NaN, Infinity
strict_json_values = json_of(st.floats(allow_nan=False, allow_infinity=False))


# --- tokens ---------------------------------------------------------------------------------------


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


any_text = st.text(st.characters())
jwts = st.builds(
    lambda header, claims, rest: f"{encoded(header)}.{encoded(claims)}.{rest}",
    json_values | st.just({"alg": "HS256"}),
    json_values | st.dictionaries(st.sampled_from(["Id", "exp", "sub", "aud"]), json_values),
    any_text,
)


@given(token=any_text | jwts, made_for_end_user=st.booleans())
def test_any_token_has_a_level(token: str, made_for_end_user: bool) -> None:
    level = Session.of_token(token, made_for_end_user=made_for_end_user).level
    assert level in (Level.PARTNER_ONLY, Level.END_USER)


@given(user=strict_json_values)
def test_the_id_claim_decides(user: Any) -> None:
    token = f"{encoded({'alg': 'HS256'})}.{encoded({'Id': user})}.c2ln"
    expected = Level.END_USER if user else Level.PARTNER_ONLY
    assert Session.of_token(token, made_for_end_user=not user).level is expected


# --- snapshots ------------------------------------------------------------------------------------


def is_read_or_refused(data: bytes) -> None:
    try:
        state = snapshot.load(data)
    except StorageError:
        return
    assert isinstance(state, CheckoutState)


@given(data=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_checkout_or_a_storage_error(data: bytes) -> None:
    is_read_or_refused(data)


WHOLE = snapshot.dump(state_at(Stage.PLACING))
MEMBERS = sorted(json.loads(WHOLE))


@given(
    at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), length=st.integers(0, len(WHOLE))
)
def test_a_damaged_snapshot_is_a_storage_error(at: int, byte: int, length: int) -> None:
    is_read_or_refused(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])
    if length < len(WHOLE):
        with pytest.raises(StorageError):
            snapshot.load(WHOLE[:length])


@given(member=st.sampled_from(MEMBERS), value=json_values)
def test_a_member_of_another_kind_is_no_crash(member: str, value: Any) -> None:
    is_read_or_refused(json.dumps({**json.loads(WHOLE), member: value}).encode())


@given(version=st.integers(min_value=2))
def test_any_later_version_is_too_new(version: int) -> None:
    with pytest.raises(SnapshotTooNewError):
        snapshot.load(json.dumps({**json.loads(WHOLE), "v": version}).encode())


@given(text=any_text, name=any_text)
def test_any_text_of_the_shoppers_survives(text: str, name: str) -> None:
    state = state_at(
        Stage.PLACE, lines=(line(special_instructions=text),), store=evolve(STORE, name=name)
    )
    assert snapshot.load(snapshot.dump(state)) == state


# --- money ----------------------------------------------------------------------------------------

cents = st.integers(0, 10**10)


@given(amounts=st.lists(cents, max_size=50))
def test_sums_of_cents_are_exact(amounts: list[int]) -> None:
    read = [read_amount(f"{each // 100}.{each % 100:02}") for each in amounts]
    assert sum(read, Decimal(0)) * 100 == sum(amounts)


@given(minor=st.integers(-(10**12), 10**12), currency=st.sampled_from(["USD", "JPY", "KWD"]))
def test_minor_units_are_exact(minor: int, currency: str) -> None:
    assert from_minor_units(minor, currency) * 10 ** minor_digits(currency) == minor


@given(value=json_values | any_text | st.decimals())
def test_any_value_is_an_amount_or_a_value_error(value: Any) -> None:
    try:
        amount = read_amount(value)
    except ValueError:
        return
    assert amount.is_finite()
    assert not isinstance(value, float | bool)
    assert amount == Decimal(value)


@given(amount=st.decimals(-(10**9), 10**9, places=2), locale=any_text | st.none())
def test_an_amount_can_be_shown_for_any_locale_that_is_taken(
    amount: Decimal, locale: str | None
) -> None:
    try:
        Messages(locale=locale)
    except InvalidInputError:
        locale = "de-AT"
    assert any(digit.isdigit() for digit in show_amount(amount, "USD", locale))


# --- carts and the gap ----------------------------------------------------------------------------

MAZE = menu(
    item("a", "1.10", "g", "h"),
    item("b", "0.20", "g"),
    item("c", None, "h", available=False),
    item("d", "0.30"),
    groups=(group("g", "a", "b", "c", "d", least=1, most=2), group("h", "b", "a", most=3)),
    listed=("a", "b"),
)
ids = st.sampled_from(["a", "b", "c", "d", "x"])
choices: st.SearchStrategy[Modifiers] = st.recursive(
    st.just({}),
    lambda inner: st.dictionaries(
        st.sampled_from(["g", "h", "y"]),
        st.lists(ids | st.builds(Modifier, ids, st.integers(1, 3), inner), max_size=3),
        max_size=3,
    ),
    max_leaves=6,
)


def priced(item_id: str, modifiers: Modifiers, catalog: CatalogSet) -> Decimal:
    """The price worked out the slow way, from the caller's own mapping."""
    found = catalog.items[item_id]
    total = found.price or Decimal(0)
    for group_id, chosen in modifiers.items():
        for each in chosen:
            modifier = each if isinstance(each, Modifier) else Modifier(str(each))
            if group_id in found.modifier_group_ids and (
                modifier.item_id in catalog.modifier_groups[group_id].item_ids
            ):
                total += modifier.quantity * priced(modifier.item_id, modifier.modifiers, catalog)
    return total


@given(item_id=st.sampled_from(["a", "b"]), modifiers=choices, quantity=st.integers(1, 99))
def test_any_choices_are_priced_exactly_and_judged(
    item_id: str, modifiers: Modifiers, quantity: int
) -> None:
    found = line(item_id, quantity, modifiers, MAZE)
    assert found.unit_price == priced(item_id, modifiers, MAZE)
    assert found.total == found.unit_price * quantity
    assert resolve(found, MAZE) == found
    assert all(each.path[0] == item_id for each in found.problems)
    needed = sum(
        each.quantity if isinstance(each, Modifier) else 1 for each in modifiers.get("g", ())
    )
    codes = {each.code for each in found.problems if each.path == (item_id, "g")}
    assert ("MODIFIER_REQUIRED" in codes) is (needed < 1)
    assert ("MODIFIER_TOO_MANY" in codes) is (needed > 2)


def spelt_out(modifiers: Modifiers) -> list[Any]:
    """The choices one by one, in an order of their own."""
    spelt: list[Any] = []
    for group_id, chosen in modifiers.items():
        for each in chosen:
            modifier = each if isinstance(each, Modifier) else Modifier(str(each))
            nested = spelt_out(modifier.modifiers)
            spelt += [[group_id, modifier.item_id, nested]] * modifier.quantity
    return sorted(spelt)


def respelt(spelt: list[Any]) -> Modifiers:
    """Choices that were spelt out, as modifiers again, the other way round."""
    groups: dict[str, list[str | Modifier | Mapping[str, Any]]] = {}
    for group_id, item_id, nested in reversed(spelt):
        groups.setdefault(group_id, []).append(Modifier(item_id, 1, respelt(nested)))
    return {**groups}


@given(one=choices, other=choices)
def test_two_lines_order_the_same_when_their_choices_are_the_same(
    one: Modifiers, other: Modifiers
) -> None:
    first, second, again = (
        line("a", 2, each, MAZE) for each in (one, other, respelt(spelt_out(one)))
    )
    assert (first.content == second.content) is (spelt_out(one) == spelt_out(other))
    assert first.content == again.content == evolve(again, groups=read_modifiers(one)).content
    assert first.content != evolve(first, quantity=3).content
    assert first.content != evolve(first, special_instructions="hot").content


@given(line_id=any_text | st.text("aZ9._~-", max_size=66))
def test_an_id_of_a_line_can_be_a_part_of_a_path(line_id: str) -> None:
    try:
        assert read_line_id(line_id) == line_id == quote(line_id, safe="", errors="replace")
    except InvalidInputError:
        is_plain = (
            line_id == quote(line_id, safe="", errors="replace") and line_id[:1] not in "._~-"
        )
        assert not is_plain or not 1 <= len(line_id) <= 64
    else:
        assert line_id not in (".", "..")
        assert 1 <= len(line_id) <= 64


names = st.sampled_from(["a", "b", "c"])
limits = st.integers(-2, 3)
mazes = st.builds(
    lambda found, offered: menu(
        *(item(key, "1.00", *has, available=is_there) for key, (has, is_there) in found.items()),
        groups=tuple(
            group(key, *of, least=least, most=most) for key, (of, least, most) in offered.items()
        ),
    ),
    st.dictionaries(
        names,
        st.tuples(st.lists(st.sampled_from(["g", "h"]), max_size=2, unique=True), st.booleans()),
        min_size=1,
    ),
    st.dictionaries(
        st.sampled_from(["g", "h"]),
        st.tuples(st.lists(names | st.just("gone"), max_size=3), limits, limits | st.none()),
    ),
)


@given(catalog=mazes)
def test_whoever_does_what_is_asked_can_have_every_item_of_any_menu(catalog: CatalogSet) -> None:
    for sold in catalog.menu_items():
        made: dict[str, list[Modifier]] = {}
        for _ in range(MAX_DEPTH):
            for problem in line(sold.item_id, 1, made, catalog).problems:
                if problem.code == "MODIFIER_REQUIRED":
                    choose(made, problem.path[1:], catalog)
        problems = line(sold.item_id, 1, made, catalog).problems
        assert [each.code for each in problems] == ["ITEM_UNAVAILABLE"] * (not sold.available)


def choose(made: dict[str, Any], path: tuple[str, ...], catalog: CatalogSet) -> None:
    """Choose in the group at the path the first that is available, as often as the menu says."""
    *above, group_id = path
    for at, chosen in zip(above[::2], above[1::2], strict=True):
        [made] = [each.modifiers for each in made[at] if each.item_id == chosen]
    asked = catalog.modifier_groups[group_id]
    choice = next(each for each in catalog.items_of(asked) if each.available)
    most = asked.min_selections if asked.max_selections is None else asked.max_selections
    made[group_id] = [Modifier(choice.item_id, min(asked.min_selections, abs(most)), {})]


carts = st.lists(
    st.builds(
        lambda name, count: line(name, count),
        st.sampled_from(["salad", "water", "tiramisu"]),
        st.integers(1, 4),
    ),
    max_size=4,
)


@given(lines=carts, least=st.integers(1, 5000))
def test_the_gap_is_what_is_missing_and_any_top_up_closes_it(lines: list[Line], least: int) -> None:
    store: Store = evolve(STORE, minimum_order_amount=from_minor_units(least))
    gap = minimum_order(store, lines, None)
    assert gap is not None
    assert gap.met is (gap.subtotal >= gap.minimum) is (gap.gap == 0)
    assert gap.gap >= 0
    if not gap.met:
        assert gap.subtotal + gap.gap == gap.minimum
    ways = suggest_items(gap, MENU)
    assert bool(ways) is not gap.met
    for way in ways:
        added = line(way.item.item_id, way.quantity)
        after = minimum_order(store, [*lines, added], None)
        assert after is not None
        assert after.met
        assert way.total == added.total
        fewer = subtotal([*lines, evolve(added, quantity=way.quantity - 1)])
        assert fewer < gap.minimum


# --- answers --------------------------------------------------------------------------------------


ENTRY_MEMBERS = ["code", "message", "itemId", "lineItemId", "jsonPath", "path", "pointer", "field"]
paths = st.sampled_from(
    ["$.cart.lineItems[0]", "/cart/lineItems/0", "$['email']", "addressId", "$.payment", "storeId"]
)


@given(
    code=any_text,
    category=any_text | st.sampled_from(["payment", "conflict", "validation"]),
    status=st.integers(0, 600),
    errors=st.lists(
        st.dictionaries(st.sampled_from(ENTRY_MEMBERS), any_text | json_values | paths), max_size=3
    ),
    step=st.sampled_from(["browse", "fulfill", "validate", "place"]),
    stage=st.sampled_from([Stage.BROWSE, Stage.VALIDATE, Stage.PLACE, Stage.PLACING]),
    sent_before=st.booleans(),
)
def test_any_refusal_can_be_judged_and_explained(
    code: str,
    category: str,
    status: int,
    errors: list[Any],
    step: str,
    stage: Stage,
    sent_before: bool,
) -> None:
    error = refuse(code, "no", category=category, status=status, errors=errors)
    json.dumps(error.to_problem())
    outcome = judge(error, sent_before=sent_before)
    state = state_at(stage)
    event = event_of(error, step, state, NOW)
    if event is None:
        assert step == "browse"
        return
    moved = machine.apply(state, event, NOW)
    assert moved.refusals
    assert snapshot.load(snapshot.dump(moved)) == moved
    json.dumps(view_of(moved, NOW).to_dict())
    if not 400 <= status < 500:
        assert blamed(error) is part_of(error)
    if not 400 <= status < 500:
        assert outcome is Outcome.UNKNOWN
    if outcome is Outcome.REFUSED and not sent_before:
        placing = event_of(error, "place", state_at(Stage.PLACING), NOW)
        assert type(placing) is not machine.NotPlaced


@given(seconds=st.floats(-100, 3600))
def test_a_quote_lives_exactly_as_long_as_the_stage_after_it(seconds: float) -> None:
    now = NOW + timedelta(seconds=seconds)
    state = state_at(Stage.PLACE)
    assert (machine.at(state, now).stage is Stage.PLACE) is state.quote_is_live(now)
