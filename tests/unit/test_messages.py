"""What a shopper reads: one table of sentences, replaceable as a whole, without words of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from attrs import evolve

from gett_checkout import errors
from gett_checkout._core import machine
from gett_checkout._core.codes import ERROR_CODES, refuse
from gett_checkout._core.requirements import RULES, refusal
from gett_checkout._core.state import Notice, Stage
from gett_checkout._core.view import view_of
from gett_checkout.errors import (
    ApiError,
    FieldError,
    GettCheckoutError,
    InvalidInputError,
    MenuChangedError,
    StepNotAllowedError,
    TotalChangedError,
)
from gett_checkout.messages import ENGLISH, Messages, Text
from gett_checkout.views import LineProblem
from gett_docs.examples import LACKING
from tests.samples.states import NOW, state_at
from tests.samples.translated import SENTENCES, TRANSLATED

# Words of this library that mean nothing to somebody who wants a pizza.
OURS = re.compile(
    r"\b(identify|identity|worker|checkout|session id|kept|placement|token|key|validate|quote|"
    r"fulfill(ment)?|modifier|requirement|gett|api|cart id|stage|step)\b",
    re.IGNORECASE,
)
LINE_CODES = (
    "ITEM_UNKNOWN", "ITEM_UNAVAILABLE", "MODIFIER_UNKNOWN", "MODIFIER_REQUIRED", "MODIFIER_TOO_MANY",
)  # fmt: skip


def classes(kind: type[GettCheckoutError] = GettCheckoutError) -> Iterator[type[GettCheckoutError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from classes(each)


def raised() -> Iterator[GettCheckoutError]:
    """Every error a page may be told of, and those that say more."""
    for kind in classes():
        if kind.__module__ == errors.__name__:
            yield kind()
    yield from map(refuse, ERROR_CODES)
    for category in (
        "validation",
        "availability",
        "payment",
        "not_found",
        "conflict",
        "rate_limit",
    ):
        yield ApiError("secret words", code="NEW_ONE", category=category, status=400)
    yield TotalChangedError(before=Decimal("26.35"), after=Decimal("27.35"))
    yield StepNotAllowedError(stage="placed", step="add")
    for step in ("place", "validate"):
        error = StepNotAllowedError(step=step)
        error.requirements = view_of(state_at(Stage.BROWSE), NOW).requirements
        yield error
    wrong = [(f"/{name}", code) for code in ("missing", "invalid", "unknown")
             for name in ("email", "phone", "last_four", "tip", "quantity", "city")]  # fmt: skip
    yield InvalidInputError(errors=[FieldError(pointer, code, "") for pointer, code in wrong])
    for name, count in product(("", "Diavola"), (None, 1, 2)):
        codes = (*LINE_CODES, "SHINY")
        yield MenuChangedError(problems=[LineProblem(each, ("a",), name, count) for each in codes])


def documents(messages: Messages) -> Iterator[dict[str, Any]]:
    """All that a page may be sent, in these sentences."""
    notices = [
        Notice(code, NOW) for code in ("session_upgraded", "session_renewed", "duplicate_order")
    ]
    states = [
        *LACKING.values(),
        *map(state_at, Stage),
    ]
    for state in states:
        for notice in notices:
            state = machine.apply(state, machine.Noticed(notice), NOW)
        yield view_of(state, NOW).to_dict(messages)
    for error in raised():
        yield error.to_problem(messages)


def sentences(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is there to be read, with where it stands. What Gett said is Gett's."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in ("message", "detail") and path[-1:] != ("details",):
                yield (*path, name), value
            yield from sentences(value, (*path, name))
    elif isinstance(document, list):
        for number, each in enumerate(document):
            yield from sentences(each, (*path, str(number)))


def test_there_is_a_sentence_for_everything_that_is_said() -> None:
    codes = {rule.code for rule in RULES} | set(ERROR_CODES)
    codes |= {kind.problem_code for kind in classes() if not issubclass(kind, ApiError)}
    codes |= {f"line.{code}" for code in LINE_CODES}
    assert codes <= set(ENGLISH)
    variants = {code.rpartition(".")[0] for code in ENGLISH if "." in code}
    assert variants - {"field", "category"} <= set(ENGLISH)


def test_no_sentence_has_words_of_ours() -> None:
    read = {text for document in documents(Messages()) for _, text in sentences(document)}
    assert len(read) > 60
    for text in {*read, *ENGLISH.values()}:
        assert not OURS.search(text), text
        assert text.endswith((".", "?", "minimum", "minimum is reached")), text
        assert "secret words" not in text
        assert "{" not in text or text in ENGLISH.values()


def test_every_sentence_can_be_replaced() -> None:
    said = set()
    for english, other in zip(documents(Messages()), documents(TRANSLATED), strict=True):
        both = dict(sentences(english)), dict(sentences(other))
        assert both[0].keys() == both[1].keys()
        for path, text in both[0].items():
            assert both[1][path] != text, path
            said.add(both[1][path])
    patterns = [
        re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(each))) for each in SENTENCES.values()
    ]
    assert all(any(pattern.fullmatch(text) for pattern in patterns) for text in said)


def test_amounts_are_written_as_the_locale_does() -> None:
    moved = TotalChangedError(before=Decimal("26.35"), after=Decimal("27.35"))
    assert moved.to_problem()["detail"] == "The total changed from $26.35 to $27.35."
    assert moved.to_problem(TRANSLATED)["detail"] == (
        "THE TOTAL CHANGED FROM 26,35\u00a0$ TO 27,35\u00a0$."
    )
    yen = TotalChangedError(before=Decimal(900), after=Decimal(950), currency="JPY")
    assert yen.to_problem()["detail"] == "The total changed from 900 JPY to 950 JPY."


def test_a_function_translates_the_english_sentences() -> None:
    known = {"Please sign in to continue.": "Inicie sesión para continuar."}
    spanish = Messages(lambda english: known.get(english, english))
    assert spanish.say(Text.of("identity")) == "Inicie sesión para continuar."
    assert spanish.say(Text.of("payment")) == "Please choose how to pay."


def test_some_sentences_may_be_replaced_and_new_codes_added() -> None:
    messages = Messages({"identity": "Log in, please.", "SHINY_NEW_CODE": "No balloons today."})
    assert messages.say(Text.of("identity")) == "Log in, please."
    assert messages.say(Text.of("cart")) == ENGLISH["cart"]
    error = ApiError("no balloons", code="SHINY_NEW_CODE", status=400, operation="x")
    assert error.to_problem(messages)["detail"] == "No balloons today."
    assert error.to_problem()["said"] == "no balloons"
    assert "said" not in refuse("ORDER_BELOW_MINIMUM", "found here").to_problem()
    assert messages.say(Text.of("nobody knows it")) == ENGLISH["CHECKOUT_ERROR"]


@pytest.mark.parametrize("messages", [Messages(), TRANSLATED])
def test_a_code_of_getts_picks_no_sentence_of_the_librarys_own(messages: Messages) -> None:
    odd = ("wait", "{before}", "%s", "\u00e9\ud800", "TOTAL_CHANGED.", "A" * 100_000)
    for code in (*ENGLISH, *odd):
        known = code if code in ERROR_CODES else "category.conflict"
        for error in (ApiError(code=code, category="conflict"), refuse(code, status=409)):
            problem = error.to_problem(messages)
            assert (problem["code"], problem["detail"]) == (code, messages.say(Text.of(known)))


@pytest.mark.parametrize(
    "wrong", [{"identity": "Hello {name}"}, {"minimum_order": "{missing} more"}, {"NEW": "{total}"}]
)
def test_a_sentence_without_a_value_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has no value for"):
        Messages(wrong)
    with pytest.raises(ValueError, match="has no value for"):
        Messages(lambda english: f"{english} {{nonsense}}")


@pytest.mark.parametrize(
    "sentence", ["{gap:.2f}", "{gap", "gap}", "{}", "{gap.amount}", "{gap[x]}"]
)
def test_a_sentence_that_could_not_be_filled_in_is_refused(sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be filled in|has no value for"):
        Messages({"minimum_order": sentence})


@pytest.mark.parametrize(
    "code", ["identiy", "sign-in", "LINE_NOT_FOUND.gone", "lines.ITEM_UNKNOWN", "", "Shiny"]
)
def test_a_code_that_no_sentence_can_have_is_refused(code: str) -> None:
    with pytest.raises(InvalidInputError, match=f"no sentence has the code {code!r}") as caught:
        Messages({code: "Bitte."})
    assert caught.value.field == "sentences"


def test_what_is_missing_and_what_nobody_knows_can_be_tested() -> None:
    assert Messages().missing == set(ENGLISH)
    assert not {*TRANSLATED.missing, *TRANSLATED.unknown, *Messages().unknown}
    own = {"SHINY_NEW_CODE", "line.SHINY", "category.shiny", "field.nonce", "CHECKOUT_NOTFOUND"}
    some = Messages({**dict.fromkeys(own, "Nein."), "cart": "Bitte.", "store": ENGLISH["store"]})
    assert some.unknown == own
    assert some.missing == ENGLISH.keys() - {"cart"}
    by_gettext = Messages(lambda english: english.replace("address", "Adresse"))
    assert "address" in ENGLISH["ADDRESS_INVALID"]
    assert "ADDRESS_INVALID" not in by_gettext.missing
    assert "cart" in by_gettext.missing


@pytest.mark.parametrize("locale", ["", "*", "xx_YY", "not a locale", "de-XX", 7, True])
def test_a_locale_that_babel_does_not_know_is_refused(locale: Any) -> None:
    with pytest.raises(InvalidInputError, match="Babel knows no locale") as caught:
        Messages(locale=locale)
    assert caught.value.field == "locale"


def test_what_is_for_developers_is_in_the_error_alone() -> None:
    error = InvalidInputError("call identify first")
    assert str(error) == "call identify first"
    assert "identify" not in str(error.to_problem())
    changed = evolve(state_at(Stage.PAY), identity=None, session=None)
    refused = refusal(changed, NOW)
    assert refused is not None
    assert refused.to_problem()["detail"] == "Please sign in to continue."
