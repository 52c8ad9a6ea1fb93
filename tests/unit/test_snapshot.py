"""Snapshots: everything comes back, damage is told apart from a later release, and they stay small."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import asdict, evolve

from gett_checkout._core.cart import LineProblem, Modifier, Modifiers
from gett_checkout._core.catalog import StoreAddress, Window, parse_time
from gett_checkout._core.codes import Part
from gett_checkout._core.extra import Extra
from gett_checkout._core.order import Amounts, Delivery, GettPayment, Order, Pickup, SavedCard
from gett_checkout._core.refusal import Refusal
from gett_checkout._core.session import Level, Session
from gett_checkout._core.state import CheckoutState, Notice, Stage
from gett_checkout._snapshot import Snapshots
from gett_checkout._wire.assumptions import Assumptions
from gett_checkout.errors import SnapshotTooNewError, StorageError
from tests.samples import saved as snapshot
from tests.samples.states import NOW, STORE, line, menu, rejection, state_at
from tests.samples.states import group as modifier_group
from tests.samples.states import item as menu_item

HOURS = tuple(
    Window(day, parse_time("11:00:00"), parse_time("00:00:00")) for day in ("friday", "saturday")
)
WHOLE_STORE = evolve(
    STORE,
    timezone="America/Chicago",
    availability=HOURS,
    delivery_allowed=True,
    pickup_allowed=False,
    categories=("pizza", "pasta"),
    address=StoreAddress("1 Main", "Springfield", latitude=Decimal("41.88")),
)
WHOLE_REJECTION = rejection(
    Part.LINES,
    "ITEM_UNAVAILABLE",
    message="no more of it",
    step="validate",
    reason="REPEATED",
    lines=("line-a", "line-b"),
    times=3,
    until=NOW + timedelta(seconds=60),
    answered=True,
    fields=(("email", "too long"),),
)
NOTICES = (Notice("session_upgraded", NOW, {"kept": "cart"}),)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"store": WHOLE_STORE},
        {"store": evolve(STORE, availability=())},
        {"fulfillment": Pickup()},
        {"fulfillment": Delivery(address_id="address-1")},
        {"payment": SavedCard("payment-1")},
        {"payment": GettPayment()},
        {"session": Session("token", Level.PARTNER_ONLY)},
        {"notices": NOTICES, "sessions": 3},
        {"refusals": tuple(rejection(part) for part in Part)},
        {"refusals": (WHOLE_REJECTION,), "sold_out": ("salad", "ham")},
        {"confirmed_for": "0123456789abcdef"},
        {"order": Order(None)},
        {"order": Order("o", extra=Extra({"share": Decimal("0.10"), "tags": [1, None]}))},
        {"order": Order("o", "new-state", "new-status", Amounts(Decimal(1), Decimal("1.10")))},
        {"tip": Decimal("0.00"), "confirmed_total": Decimal("1E+2")},
        {"lines": (line("pizza", 2, {"size": [Modifier("large", modifiers={"crust": []})]}),)},
        {"lines": (line("pizza", 1, special_instructions='"no\0 ónions" \ud83c \U0001f355'),)},
    ],
    ids=lambda facts: "-".join(facts) if isinstance(facts, dict) else None,
)
def test_a_state_comes_back_as_it_was(facts: dict[str, Any]) -> None:
    for stage in Stage:
        state = state_at(stage, **facts)
        back = snapshot.load(snapshot.dump(state))
        assert back == state
        assert repr(back) == repr(state)
        assert snapshot.dump(back) == snapshot.dump(state)


def test_a_new_checkout_is_a_handful_of_bytes() -> None:
    data = snapshot.dump(CheckoutState("c", NOW))
    assert json.loads(data) == {"v": 1, "checkout_id": "c", "created_at": NOW.isoformat()}


def test_which_orders_have_a_minimum_is_saved_when_it_is_not_all_of_them() -> None:
    every = Assumptions(minimum_for=("pickup", "delivery")).minimum_for
    assert b"minimum_for" not in snapshot.dump(CheckoutState("c", NOW, minimum_for=every))
    for some in (("delivery",), ("pickup",), ()):
        state = CheckoutState("c", NOW, minimum_for=some)
        assert snapshot.load(snapshot.dump(state)) == state


def test_a_snapshot_is_a_line_for_each_part_and_no_spaces() -> None:
    state = CheckoutState("c", NOW, fulfillment=Pickup(), payment=SavedCard("payment-1"))
    assert snapshot.dump(state).decode().split("\n") == [
        '{"v":1',
        ',"checkout_id":"c"',
        f',"created_at":"{NOW.isoformat()}"',
        ',"fulfillment":{"is":"Pickup"}',
        ',"payment":{"payment_id":"payment-1","is":"SavedCard"}',
        "}",
    ]


def test_what_a_snapshot_leaves_out_means_the_same_in_every_release() -> None:
    """Defaults are left out of it, so another default would change what older ones say."""
    required: dict[str, Any] = {
        "store": {"store_id": "st", "catalog_set_id": "cs"},
        "identity": {"email": "a@example.com", "first_name": "Ada", "last_name": "Lovelace"},
        "session": {"token": "t", "level": "PARTNER_ONLY"},
        "quote": {
            "order_token": "t",
            "amounts": {"sub_total": "1.00", "total": "1.00"},
            "expires_at": NOW.isoformat(),
        },
        "placement": {
            "idempotency_key": "key",
            "body": "{}",
            "digest": "digest",
            "begun_at": NOW.isoformat(),
            "lease_until": NOW.isoformat(),
        },
        "order": {"order_id": None},
        "notices": [{"code": "c", "message": "m", "at": NOW.isoformat()}],
        "refusals": [{"part": "lines", "code": "c", "message": "m", "at": NOW.isoformat()}],
    }
    saved = {"v": 1, "checkout_id": "c", "created_at": NOW.isoformat()}
    found = snapshot.load(json.dumps({**saved, **required}).encode())
    zero = dict.fromkeys(("fees", "promotions", "taxes", "adjustments", "tip"), Decimal(0))
    left_out = {
        "store": {
            "name": "", "minimum_order_amount": None, "currency": "USD", "timezone": None,
            "availability": None, "delivery_allowed": None, "pickup_allowed": None,
            "categories": (), "address": None, "extra": {},
        },
        "identity": {"phone": None, "partner_user_id": None},
        "session": {"expires_at": None, "serial": 1, "context_set": False, "context_sent": None},
        "quote": {"session_serial": 0, "was_sent": False, "asked_at": None},
        "placement": {
            "attempts": 1, "sent_at": None, "unanswered_at": None, "token_is_fresh": True,
            "passes": 0, "look_again_at": None, "wait_until": None, "is_lost": False,
                "last_error": None,
        },
        "order": {
            "state": None, "status": None, "amounts": None, "estimated_ready_at": None,
            "cancel_reason": None, "tracking_urls": (), "extra": {},
        },
    }  # fmt: skip
    parts = asdict(found)
    for part, members in left_out.items():
        given = required.pop(part)
        assert {name: parts[part][name] for name in parts[part] if name not in given} == members
    assert parts["quote"]["amounts"] == {
        "sub_total": 1,
        "total": 1,
        **zero,
        "breakdown": {},
        "extra": {},
    }
    assert found.notices == (Notice("c", NOW, {}),)
    assert found.refusals == (
        Refusal(Part.LINES, "c", "m", NOW, "", None, (), 1, None, answered=False),
    )
    assert (found.sold_out, found.confirmed_for) == ((), None)
    assert snapshot.load(json.dumps(saved).encode()) == CheckoutState(
        "c",
        NOW,
        stage=Stage.BROWSE,
        sessions=0,
        end_user_needed=False,
        minimum_for=("delivery", "pickup"),
        lines=(),
    )


# What 0.1.0 wrote of rejections, and what it is now.
OF_0_1: list[tuple[dict[str, Any], list[tuple[Part, str]]]] = [
    ({}, []),
    ({"cart_refused": "ITEM_UNAVAILABLE"}, [(Part.LINES, "ITEM_UNAVAILABLE")]),
    ({"cart_refused": "CATALOGSET_NOT_FOUND"}, [(Part.STORE, "CATALOGSET_NOT_FOUND")]),
    ({"store_refused": "STORE_CLOSED"}, [(Part.STORE, "STORE_CLOSED")]),
    ({"payment_refused": "PAYMENT_DECLINED"}, [(Part.PAYMENT, "PAYMENT_DECLINED")]),
    ({"cart_refused": None, "store_refused": ""}, []),
    (
        {"payment_refused": "C", "store_refused": "B", "cart_refused": "A"},
        [(Part.LINES, "A"), (Part.STORE, "B"), (Part.PAYMENT, "C")],
    ),
]


@pytest.mark.parametrize(("saved", "rejected"), OF_0_1, ids=str)
@pytest.mark.parametrize("as_lines", [False, True])
def test_what_the_first_release_wrote_of_rejections_is_read(
    saved: dict[str, Any], rejected: list[tuple[Part, str]], as_lines: bool
) -> None:
    whole = {"v": 1, "checkout_id": "c", "created_at": NOW.isoformat(), **saved}
    members = [f'"{name}":{json.dumps(value)}' for name, value in whole.items()]
    text = "{" + "\n,".join(members) + "\n}" if as_lines else json.dumps(whole)
    state = snapshot.load(text.encode())
    assert state.refusals == tuple(Refusal(part, code, "", NOW) for part, code in rejected)
    assert snapshot.load(snapshot.dump(state)) == state
    assert b"_refused" not in snapshot.dump(state)


def test_what_the_first_release_wrote_of_a_confirmed_total_is_read() -> None:
    saved = {"agreed_total": "27.00", "agreed_for": "0123456789abcdef"}
    whole = {"v": 1, "checkout_id": "c", "created_at": NOW.isoformat(), **saved}
    state = snapshot.load(json.dumps(whole).encode())
    assert (state.confirmed_total, state.confirmed_for) == (Decimal("27.00"), saved["agreed_for"])


def test_what_this_release_wrote_goes_before_what_the_first_one_did() -> None:
    state = CheckoutState("c", NOW, refusals=(WHOLE_REJECTION,))
    both = {**json.loads(snapshot.dump(state)), "cart_refused": "OLD"}
    assert snapshot.load(json.dumps(both).encode()) == state


def test_times_keep_their_moment() -> None:
    created = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)
    back = snapshot.load(snapshot.dump(CheckoutState("c", created)))
    assert back.created_at == created
    assert back.created_at.utcoffset() == timedelta(0)


def test_members_of_a_later_release_of_the_same_version_are_passed_over() -> None:
    new = {"new_member": {"x": 1}, "": None}
    document = {**json.loads(snapshot.dump(state_at(Stage.PLACE))), **new}
    for indent in (None, 2):  # in whatever layout
        data = json.dumps(document, indent=indent).encode()
        assert snapshot.load(data) == state_at(Stage.PLACE)


@pytest.mark.parametrize("version", [2, 99, "2", 1.5])
def test_a_later_version_is_too_new(version: object) -> None:
    with pytest.raises(SnapshotTooNewError, match=str(version)):
        snapshot.load(json.dumps({"v": version, "checkout_id": "c"}).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe", b"null", b"[]", b"1", b'"v"', b"{}", b'{"v":1}', b'{"v":1,"checkout_id":"c"}',
        b"[" * 100_000, b'{"v":1,"a":' * 1000,
        b'{"v":1,"checkout_id":"c","created_at":"yesterday"}',
        b'{"v":1,"checkout_id":"c","created_at":5}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","tip":"3.00"} and more',
        b'{"v":1\n,"checkout_id":"c"\n,"created_at":"2026-11-23T18:00:00+00:00"\n,"tip":"3.00" and more\n}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","stage":"dreaming"}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","tip":"much"}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","payment":{"is":"Gold"}}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","payment":{}}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","lines":[{}]}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","session":{"level":"GOD"}}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","refusals":[{"part":"moon"}]}',
        b'{"v":1,"checkout_id":"c","created_at":"2026-11-23T18:00:00+00:00","cart_refused":5}',
    ],
    ids=lambda data: repr(data[-40:]),
)  # fmt: skip
def test_damage_is_a_storage_error(data: bytes) -> None:
    with pytest.raises(StorageError) as raised:
        snapshot.load(data)
    assert not isinstance(raised.value, SnapshotTooNewError)


def test_damage_of_any_depth_is_a_storage_error() -> None:
    """Also where it can just be read: a text with half a surrogate pair takes other ways."""
    for depth in range(800, 1000):
        data = b'{"v":1,"a":%b"\\ud83c"%b}' % (b"[" * depth, b"]" * depth)
        with pytest.raises(StorageError):
            snapshot.load(data)


def test_half_a_surrogate_pair_keeps_no_order_from_being_saved() -> None:
    extra = {"note": "\ud83c", "share": Decimal("0.10")}
    state = state_at(Stage.PLACED, order=Order("o", extra=extra))
    back = snapshot.load(snapshot.dump(state)).order
    assert back is not None
    assert back.to_dict(extra=True)["extra"] == {"note": "\ud83c", "share": "0.10"}
    assert "share" not in repr(back.extra)


def test_half_a_surrogate_pair_changes_no_number_beside_it() -> None:
    numbers = [Decimal(each) for each in ("1.50", "-0.00", "1E+400", "0.1234567890123456789")]
    extra = {"note": "\ud83c", "numbers": [*numbers, 7, 10**30], "texts": ["1.50", '"1.50"']}
    state = state_at(Stage.PLACED, order=Order("o", extra=Extra(extra)))
    back = snapshot.load(snapshot.dump(state))
    assert back == state
    assert back.order is not None
    assert repr(dict(back.order.extra)) == repr(extra)


def test_damage_does_not_show_what_was_saved() -> None:
    data = snapshot.dump(state_at(Stage.PLACE)).replace(b'"tip":"3.00"', b'"tip":"secret"')
    with pytest.raises(StorageError) as raised:
        snapshot.load(data)
    assert "secret" not in f"{raised.value!s}{raised.value!r}"


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [(b"\n}", b""), (b"{", b"\xff{"), (b'"payment":{', b'"payment":['), (b'{"v":1', b'{"w":1')],
)
def test_damage_does_not_hang_on_to_what_was_saved(whole: bytes, damaged: bytes) -> None:
    data = snapshot.dump(state_at(Stage.PLACE))
    assert whole in data
    with pytest.raises(StorageError) as raised:
        snapshot.load(data.replace(whole, damaged))
    assert raised.value.__context__ is None


def ten_lines(name: Callable[[int], str], chosen: Modifiers) -> CheckoutState:
    """A checkout just before placing, with everything in it; ``name`` makes the menu's ids."""
    catalog = menu(
        menu_item(name(1), "12.50", name(11), name(12)),
        menu_item(name(2), "1.00", name(13)),
        menu_item(name(3), "0.50"),
        groups=(
            modifier_group(name(11), name(2), least=1),
            modifier_group(name(12), name(3)),
            modifier_group(name(13), name(3)),
        ),
    )
    lines = [line(name(1), 2, chosen, catalog, line_id=uuid(100 + n)) for n in range(10)]
    assert not any(each.problems for each in lines)
    token = f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{'x' * 220}.{'y' * 43}"
    return state_at(
        Stage.PLACE,
        checkout_id=uuid(7),
        store=WHOLE_STORE,
        lines=tuple(evolve(each, name="Pizza Margherita") for each in lines),
        session=Session(token, Level.END_USER, NOW + timedelta(days=30), context_set=True),
        notices=NOTICES,
    )


def short(number: int) -> str:
    return f"item-{number:04}"


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def test_ten_lines_with_a_modifier_each_stay_within_four_kilobytes() -> None:
    assert 2048 < len(snapshot.dump(ten_lines(short, {short(11): [short(2)]}))) <= 4096


def test_ten_lines_with_nested_modifiers_and_uuids_for_ids_stay_within_eight() -> None:
    nested = Modifier(uuid(2), modifiers={uuid(13): [uuid(3)]})
    state = ten_lines(uuid, {uuid(11): [nested], uuid(12): [uuid(3)]})
    assert 4096 < len(snapshot.dump(state)) <= 8192


def test_a_problem_of_a_line_comes_back() -> None:
    problem = LineProblem("MODIFIER_REQUIRED", ("a", "b"))
    state = state_at(Stage.BROWSE, lines=(evolve(line(), problems=(problem,)),))
    assert snapshot.load(snapshot.dump(state)).lines[0].problems == (problem,)


def test_text_takes_the_room_it_needs() -> None:
    state = CheckoutState("c", NOW, lines=(line("salad", 1, special_instructions="Crème brûlée"),))
    assert "Crème brûlée".encode() in snapshot.dump(state)


def test_one_who_remembers_writes_what_one_who_does_not_would() -> None:
    """A part that is unchanged keeps its line, one that is back at its default loses it."""
    remembering = Snapshots()
    tipped = remembering.load(snapshot.dump(state_at(Stage.PLACE)))
    untipped = evolve(tipped, tip=None, notices=NOTICES)
    for state in (tipped, untipped, tipped, CheckoutState("c", NOW), untipped):
        assert remembering.dump(state) == snapshot.dump(state)
