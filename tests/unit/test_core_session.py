"""Who the shopper is, and what a session token says of itself."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import astuple, evolve

from gett_checkout._core.order import Pickup
from gett_checkout._core.session import RENEW_AHEAD, Identity, Level, Session
from gett_checkout._hidden import Hidden
from gett_checkout.errors import InvalidInputError
from tests.samples.states import EMAIL, HOME, NOW, PHONE, SESSION, SOMEONE_ELSE, WHO


def part(value: Any) -> str:
    raw = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(raw.encode()).rstrip(b"=").decode()


def token(claims: Any, header: Any = None) -> str:
    return f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("claims", "level"),
    [
        ({"Id": "user-1"}, Level.END_USER),
        ({"Id": "user-1", "exp": 1}, Level.END_USER),  # long over: the server is the judge of that
        ({"Id": "user-1", "aud": "gett", "sub": 5, "iat": "x"}, Level.END_USER),
        ({}, Level.PARTNER_ONLY),
        ({"Id": ""}, Level.PARTNER_ONLY),
        ({"Id": None}, Level.PARTNER_ONLY),
        ({"id": "user-1"}, Level.PARTNER_ONLY),
        ({"sub": "user-1"}, Level.PARTNER_ONLY),
    ],
    ids=str,
)
@pytest.mark.parametrize("made_for_end_user", [True, False])
def test_a_jwt_says_its_level(claims: Any, level: Level, made_for_end_user: bool) -> None:
    assert Session.of_token(token(claims), made_for_end_user=made_for_end_user).level is level


@pytest.mark.parametrize(
    "opaque",
    [
        "gett_sess_4f9a",
        "",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "..",
        "\0\0",
        "\ud800.x.y",
        "ключ.ключ.ключ",
        token("no json"),
        token('"text"'),
        token([1]),
        token("[" * 100_000),
        token({"Id": "u"}, header="[]"),
        token({"Id": "u"}, header="{"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_an_opaque_tokens_level_is_how_it_was_made(opaque: str) -> None:
    assert Session.of_token(opaque, made_for_end_user=True).level is Level.END_USER
    assert Session.of_token(opaque, made_for_end_user=False).level is Level.PARTNER_ONLY


def test_levels_are_ordered_and_named() -> None:
    assert list(Level) == [0, 1, 2]
    assert [each.label for each in sorted(Level)] == ["none", "partner-only", "end-user"]


@pytest.mark.parametrize(
    ("left", "is_fresh"),
    [
        (None, True),
        (timedelta(days=30), True),
        (RENEW_AHEAD + timedelta(seconds=1), True),
        (RENEW_AHEAD, False),
        (timedelta(0), False),
        (timedelta(days=-1), False),
    ],
)
def test_a_session_is_renewed_ahead_of_its_end(left: timedelta | None, is_fresh: bool) -> None:
    ends = None if left is None else NOW + left
    assert Session("token", Level.PARTNER_ONLY, ends).is_fresh(NOW) is is_fresh


@pytest.mark.parametrize(
    "facts",
    [
        {"phone": "+12125550123"},
        {"phone": "+4917612345678", "partner_user_id": "user-7"},
        {"email": "a.b+c@mail.example.co.uk"},
        {"first_name": "Åsa", "last_name": "O'Neill-Núñez"},
    ],
    ids=str,
)
def test_identities(facts: dict[str, Any]) -> None:
    whole = {"email": EMAIL, "first_name": "Ada", "last_name": "Lovelace", **facts}
    identity = Identity(**whole)
    assert {name: getattr(identity, name) for name in whole} == whole


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"email": ""}, "email is missing"),
        ({"email": None}, "email is missing"),
        ({"first_name": ""}, "first_name is missing"),
        ({"first_name": "  "}, "first_name is missing"),
        ({"last_name": None}, "last_name is missing"),
        ({"last_name": 5}, "last_name is missing"),
        ({"email": "ada"}, "e-mail"),
        ({"email": "ada@example"}, "e-mail"),
        ({"email": "ada@@example.com"}, "e-mail"),
        ({"email": "ada lovelace@example.com"}, "e-mail"),
        ({"email": "ada@example.com\n"}, "e-mail"),
        ({"phone": "3105550199"}, "E.164"),
        ({"phone": "+1 212 555 0123"}, "E.164"),
        ({"phone": "+02125550123"}, "E.164"),
        ({"phone": "+123456"}, "E.164"),
        ({"phone": "+1234567890123456"}, "E.164"),
        ({"phone": "+1٢٣٤٥٦٧٨٩٠"}, "E.164"),
        ({"phone": ""}, "E.164"),
        ({"phone": 13105550199}, "E.164"),
        ({"partner_user_id": 7}, "partner_user_id"),
    ],
    ids=str,
)
def test_identities_that_cannot_be(facts: dict[str, Any], said: str) -> None:
    whole = {"email": EMAIL, "first_name": "Ada", "last_name": "Lovelace", **facts}
    with pytest.raises(InvalidInputError, match=said) as raised:
        Identity(**whole)
    assert EMAIL not in str(raised.value)
    assert not facts.get("phone") or str(facts["phone"]) not in str(raised.value)


def test_nothing_personal_is_in_a_repr() -> None:
    identity = Identity(EMAIL, "Ada", "Lovelace", PHONE, "user-7")
    assert repr(identity) == "Identity()"
    assert {type(each) for each in astuple(identity)} == {Hidden}
    assert "token=" not in repr(SESSION)
    assert type(SESSION.token) is Hidden


def test_a_person_is_known_by_the_e_mail() -> None:
    assert WHO.is_same_person(Identity(EMAIL.upper(), "A.", "Byron"))
    assert not WHO.is_same_person(SOMEONE_ELSE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@example.com", "ada@example.com", True),
        ("ada@example.com", "ADA@Example.COM", True),
        ("az.09+x@example.com", "AZ.09+X@example.com", True),
        ("jürgen@example.com", "JüRGEN@example.com", True),
        ("ada@example.com", "ada@example.co", False),
        ("ada@example.com", "a.da@example.com", False),
        ("a@example.com", "a+tag@example.com", False),
        ("strauß@example.com", "strauss@example.com", False),
        ("strauß@example.com", "STRAUẞ@example.com", False),
        ("jürgen@example.com", "JÜRGEN@example.com", False),
        ("ü@example.com", "u\u0308@example.com", False),
        ("kim@example.com", "\u212aim@example.com", False),  # KELVIN SIGN
        ("sam@example.com", "\u017fam@example.com", False),  # LONG S
        ("office@example.com", "o\ufb03ce@example.com", False),  # a ligature
        ("ivy@example.com", "\u0130vy@example.com", False),  # I with a dot
        ("ivy@example.com", "\u0131vy@example.com", False),  # i without one
        ("σ@example.com", "ς@example.com", False),
        ("[@example.com", "{@example.com", False),  # next to the letters, and 32 apart
    ],
)
def test_only_ascii_letters_are_the_same_in_either_case(one: str, other: str, same: bool) -> None:
    first, second = Identity(one, "A", "B"), Identity(other, "A", "B")
    assert first.is_same_person(second) is same
    assert second.is_same_person(first) is same


@pytest.mark.parametrize(
    ("exp", "ends"),
    [
        (1800000000, datetime(2027, 1, 15, 8, 0, tzinfo=UTC)),
        ("1800000000", None),
        (10**30, None),
        (10**14, None),
        (None, None),
    ],
)
def test_a_token_says_when_it_ends(exp: object, ends: datetime | None) -> None:
    session = Session.of_token(token({"Id": "u", "exp": exp}), made_for_end_user=True)
    assert (session.level, session.expires_at) == (Level.END_USER, ends)
    told = NOW + timedelta(days=1)
    given = Session.of_token(token({"exp": exp}), made_for_end_user=True, expires_at=told)
    assert given.expires_at == told


def test_a_new_session_has_no_context_and_is_renewed_two_minutes_ahead() -> None:
    session = Session("t", Level.PARTNER_ONLY, NOW + timedelta(seconds=121))
    assert (session.context_set, session.context_sent, session.serial) == (False, None, 1)
    assert session.may_carry(HOME)
    assert session.may_carry(None)
    assert session.is_fresh(NOW)
    assert not session.is_fresh(NOW + timedelta(seconds=1))


def test_a_session_carries_what_was_sent_in_it_and_nothing_else() -> None:
    session = evolve(SESSION, context_sent=HOME)
    assert session.may_carry(HOME)
    assert session.may_carry(None)
    assert not session.may_carry(Pickup())
