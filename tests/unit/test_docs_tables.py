"""What the documentation says of the code, held to the code."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

import gett_checkout
from gett_checkout import Checkout, Checkouts, GettClient, NextAction, RetryPolicy, Stage, _checkout
from gett_checkout import _placing as placing
from gett_checkout import _shared as shared
from gett_checkout import _steps as steps
from gett_checkout import _transport as transport
from gett_checkout._core import hand_over, placement
from gett_checkout._core.blame import MEMBERS, blamed
from gett_checkout._core.codes import ERROR_CODES, Part, refuse
from gett_checkout._core.machine import EVENTS, FACTS, Aside
from gett_checkout._core.requirements import RULES, Situation, refusal, requirements
from gett_checkout._core.session import RENEW_AHEAD
from gett_checkout._core.state import QUOTE_MARGIN, CheckoutState
from gett_checkout._record import UNRESOLVED_LIFETIME
from gett_checkout._wire import responses
from gett_checkout.actions import ContactSupport
from gett_checkout.messages import ENGLISH
from gett_checkout.storage import failures
from gett_checkout.storage.postgres import PostgresStorage
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.views import LineProblem
from gett_docs import tables
from gett_docs.diagram import PICTURE, events, picture, state_diagram, words
from gett_docs.examples import ACTIONS, LACKING, NOW, rejected

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LEGAL = {
    (words(event), stage): landing
    for stage in EVENTS
    for event, landing in EVENTS[stage].items()
    if not issubclass(event, Aside)
}
ASIDES = {
    (words(event), stage) for stage in EVENTS for event in EVENTS[stage] if issubclass(event, Aside)
}


def rows(markdown: str) -> list[list[str]]:
    """The cells of a table, its head left out."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def page_rows(page: str, marker: str) -> list[list[str]]:
    """The cells of the first table after a marker on a page."""
    return rows((DOCS / page).read_text().split(marker)[1].lstrip("\n").split("\n\n")[0])


# --- the machine ----------------------------------------------------------------------------------


def test_the_events_table_is_the_machines() -> None:
    read = {}
    for name, _, where in rows(tables.stage_events()):
        for way in where.split("; "):
            stages, landing = way.split(" → ")
            for stage in stages.split(", "):
                read[name, Stage(stage)] = Stage(landing.strip("*"))
    assert read == LEGAL


def test_the_table_of_asides_is_the_machines() -> None:
    read = set()
    for name, _, where in rows(tables.asides()):
        for stage in Stage if where == "all" else where.split(", "):
            read.add((name, Stage(stage)))
    assert read == ASIDES


def test_every_part_that_can_be_blamed_is_on_the_page() -> None:
    told = [row[0].strip("*") for row in rows(tables.blamed_parts())]
    assert told[: len(MEMBERS)] == list(MEMBERS)  # in the order in which they are to be fixed
    assert set(told) == set(Part) - {Part.USED}


def test_what_the_page_says_of_a_part_is_what_happens() -> None:
    """Each name blames its part, however it ends; each part leads to the actions written here."""
    read = {Part(row[0].strip("*")): row[1:] for row in rows(tables.blamed_parts())}
    for part, (names, *_) in read.items():
        for name in re.findall(r"`([\w…]+)`", names):
            path = f"$.{name.replace('…', 'Xyz')}"
            error = refuse("VALIDATION_FAILED", errors=({"jsonPath": path},))
            assert blamed(error) is part, path
    led = {part: re.findall(r"`(\w+)`", row[2]) for part, row in read.items()}
    assert led == {
        Part.STORE: ["choose_store"],
        Part.LINES: ["fix_lines", "add_items", "complete_modifiers"],
        Part.SHOPPER: ["sign_in"],
        Part.FULFILLMENT: ["choose_fulfillment"],
        Part.PAYMENT: ["choose_payment"],
        Part.QUOTE: ["validate"],
        Part.RECIPIENT: ["choose_recipient"],
        Part.INTEGRATION: ["contact_support"],
        Part.SERVICE: ["wait"],
    }
    codes = {part: re.findall(r"`(\w+)`", row[1]) for part, row in read.items()}
    assert "STORE_CLOSED" in codes[Part.STORE]
    assert "ORDER_TOTAL_DIFFERENT" in codes[Part.QUOTE]
    assert codes[Part.SHOPPER] == []


def test_the_steps_that_run_to_their_end_are_the_declared_ones() -> None:
    (finishing, _), (stopping, _) = rows(tables.step_ends())
    assert set(finishing.split(", ")) == {"`fulfill`", "`add_card`", "`place`", "`reconcile`"}
    assert {"`browse`", "`validate`", "`pay`", "`saved_cards`"} < set(stopping.split(", "))


def test_the_diagram_is_the_machines() -> None:
    """Read back from where its dots, rings and arrows are."""
    svg = ET.fromstring(state_diagram())
    space = {"s": "http://www.w3.org/2000/svg"}
    boxes = list(svg.iterfind("s:rect", space))
    at = {
        float(box.get("x", "")) + float(box.get("width", "")) / 2: stage
        for box, stage in zip(boxes, Stage, strict=True)
    }
    read = {}
    for lane in svg.iterfind("s:g", space):
        name = lane.findtext("s:text", namespaces=space) or ""
        landing = None
        for part in lane:
            kind = (part.get("class") or "").split(" ")[0]
            if kind == "tip":
                tip = float((part.get("points") or "").split(",")[0])
                landing = at[min(at, key=lambda x: abs(x - tip))]
            elif kind == "dot":
                assert landing is not None
                read[name, at[float(part.get("cx", ""))]] = landing
            elif kind == "ring":
                stage = at[float(part.get("cx", ""))]
                read[name, stage] = stage
    assert read == LEGAL
    assert len(svg.findall("s:path", space)) == len(FACTS)


def test_the_readmes_picture_is_the_diagram() -> None:
    assert PICTURE.read_text() == picture(), "run: PYTHONPATH=docs python -m gett_docs.diagram"
    assert f"](docs/{PICTURE.name})" in (ROOT / "README.md").read_text()


def test_the_diagram_can_stand_in_a_page() -> None:
    """A blank line would end it, and everything has its colour from the page's theme."""
    drawn = state_diagram()
    assert "\n\n" not in drawn
    painted = re.findall(r"(?:fill|stroke):(#\w+)", drawn)
    assert painted == []


def test_every_event_is_named() -> None:
    assert {words(event) for event in events()} == {name for name, _ in LEGAL}


def test_the_facts_table_is_the_machines() -> None:
    read = [
        (source.strip("*"), target.strip("*")) for source, _, target in rows(tables.stage_facts())
    ]
    assert read == [(stage, following) for stage, _, following in FACTS]


def test_the_steps_of_a_checkout_need_what_they_need() -> None:
    needs = {
        level.strip("*"): set(steps.split(", ")) for level, steps in rows(tables.step_levels())
    }
    assert needs["none"] >= {"`browse`", "`add`", "`identify`", "`suggest_items`", "`abandon`"}
    assert needs["partner-only"] == {"`fulfill`", "`validate`", "`session_token`"}
    paying = {"`pay`", "`saved_cards`", "`add_card`", "`place`"}
    assert needs["end-user"] == paying | {"`reconcile`", "`refresh_order`"}


# --- what is next, and what is missing ------------------------------------------------------------


def test_every_next_action_is_shown_once() -> None:
    assert [type(action) for action in ACTIONS] == list(get_args(NextAction))
    shown = re.findall(r"```json\n(.*?)\n```", tables.next_actions(), re.DOTALL)
    assert [json.loads(each) for each in shown] == [action.to_dict() for action in ACTIONS]


def test_the_page_on_errors_to_show_leaves_no_action_out() -> None:
    told = page_rows("show-errors.md", "<!-- actions -->\n")
    kinds = {kind.strip("` ") for row in told for kind in row[0].split(",")}
    assert kinds == {action.kind for action in ACTIONS}


@pytest.mark.parametrize("code", LACKING)
def test_an_example_lacks_what_it_is_to_show(code: str) -> None:
    assert requirements(LACKING[code], NOW)[0].code == code


def test_every_requirement_has_its_example() -> None:
    assert list(LACKING) == [rule.code for rule in RULES]
    assert [row[0].strip("`") for row in rows(tables.requirements())] == list(LACKING)


def test_every_notice_is_on_the_page() -> None:
    codes = set()
    package = Path(gett_checkout.__file__).parent
    for module in (*package.glob("*.py"), package / "_core" / "machine.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Notice":
                (code,) = (each.value for each in node.args[:1] if isinstance(each, ast.Constant))
                codes.add(code)
    told = page_rows("view.md", "<!-- notices -->\n")
    assert codes
    assert {row[0].strip("`") for row in told} == codes


@pytest.mark.parametrize(
    ("kind", "said"),
    [(ContactSupport, r"ContactSupport\("), (LineProblem, r"(?:LineProblem|complain)\(")],
)
def test_every_reason_is_told(kind: type, said: str) -> None:
    sources = [path.read_text() for path in Path(gett_checkout.__file__).parent.glob("**/*.py")]
    used = {code for text in sources for code in re.findall(said + r'"(\w+)"', text)}
    assert len(used) >= 5
    assert used <= set(re.findall(r"``(\w+)``", kind.__doc__ or ""))


# --- errors, operations, assumptions --------------------------------------------------------------


def test_every_error_code_has_its_row() -> None:
    found = [(row[0].split("`")[1], row[1].strip("`")) for row in rows(tables.api_errors())]
    assert found == [(row.code, row.error.__name__) for row in ERROR_CODES.values()]


def test_what_becomes_of_a_placement() -> None:
    """A few rows whose truth is not to be read off the code that makes them."""
    at_place = {row[0].split("`")[1]: row[4] for row in rows(tables.api_errors())}
    assert at_place["PAYMENT_DECLINED"] == "→ pay"
    assert at_place["STORE_CLOSED"] == "→ browse"
    assert at_place["CATALOGSET_NOT_FOUND"] == "→ browse"
    assert at_place["VALIDATION_FAILED"] == "→ place"
    assert at_place["FORBIDDEN"] == "→ place"
    assert at_place["ORDER_ALREADY_PLACED"] == "→ placed"
    assert at_place["INTERNAL_ERROR"] == "stays placing, unknown"
    responses = {row[0]: row[1:] for row in rows(tables.placement_responses())}
    assert responses["connection lost, or timed out"] == ["**unknown**"] * 3
    assert responses["409 `CONFLICT`"][1:] == ["**unknown**", "**there is an order**"]
    assert responses["409 `CONFLICT` that may be retried"][1:] == ["**unknown**"] * 2
    named = responses["400, 404, 409 or 422 that names a part of the order"]
    must_change = "no order; a part of it must change"
    assert named == [must_change, "**unknown**", must_change]


def test_every_other_spelling_is_told() -> None:
    answers = (DOCS / "assumptions.md").read_text().split("\n## Responses\n")[1].split("\n## ")[0]
    members = [other for each in responses._SPELLINGS.values() for other in each.values()]
    listed = (responses._CART_LINES, responses._CARDS, responses._CARD, responses._ADDRESS_ID)
    accepted = {name for names in (*members, *listed) for name in names}
    assert accepted <= set(re.findall(r"`(\w+)`", answers))


# --- versions ------------------------------------------------------------------------------------


def test_the_migration_page_has_the_renames_of_the_changelog() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    tables_there = re.findall(r"(?:^\|.*\n)+", changes, re.MULTILINE)
    for marker, table in zip(("renames", "modules"), tables_there, strict=True):
        assert page_rows("migrate.md", f"<!-- {marker} -->\n") == rows(table)


# --- codes ---------------------------------------------------------------------------------------


def test_the_codes_of_view_and_problem_on_the_page_are_of_the_same() -> None:
    table = page_rows("show-errors.md", "<!-- pairs -->\n")
    pairs = [[set(re.findall(r"`([\w.]+)`", cell)) for cell in row[1:]] for row in table]
    assert set().union(*(cell for row in pairs for cell in row)) <= ENGLISH.keys()
    told = {code: keys for keys, codes in pairs for code in codes}
    for code in told.keys() & ERROR_CODES.keys():
        assert first_sentence(rejected(ERROR_CODES[code].part, code)) in told[code], code
    for state in LACKING.values():
        error = refusal(state, NOW)
        if error is not None and error.problem_code != "STEP_NOT_ALLOWED":
            assert first_sentence(state) in told[error.to_problem()["code"]]


def first_sentence(state: CheckoutState) -> str:
    """The code of the sentence of the first requirement."""
    here = Situation.of(state, NOW)
    return next(found.words.codes[0] for rule in RULES if (found := rule.check(here)))


# --- times ----------------------------------------------------------------------------------------


def default(function: Callable[..., object], name: str) -> float:
    value: float = inspect.signature(function).parameters[name].default
    return value


def spoken(*times: float | timedelta) -> str:
    """As the table writes them."""
    words = []
    for each in times:
        seconds = each.total_seconds() if isinstance(each, timedelta) else each
        for unit, size, least in (("d", 86400, 86400), ("h", 3600, 3600), ("min", 60, 61)):
            if seconds >= least:
                words.append(f"{seconds / size:g} {unit}")
                break
        else:
            words.append(f"{seconds:g} s")
    return ", ".join(words)


def test_the_table_of_times_is_the_codes() -> None:
    timeout, budget = default(GettClient, "timeout"), RetryPolicy().max_elapsed
    asking = timeout + budget
    pauses = [placement.pause_after(passes) for passes in range(30)]
    assert pauses[5:17] == [pauses[4]] * 12  # an hour
    lease = placing.lease(GettClient("key")).total_seconds()
    handing = hand_over.LEASE.total_seconds()
    assert (lease - timeout, handing - hand_over.LONGEST.total_seconds()) == (5, 5)
    told = {row[0].strip("*"): row[1] for row in page_rows("deployment.md", "<!-- times -->\n")}
    assert told == {
        "one attempt to reach Gett": spoken(timeout),
        "of this, to connect": spoken(transport.CONNECT_SECONDS),
        "attempts are repeated for": spoken(budget),
        "all requests of a step, including a new session; or one call of the client": spoken(
            asking
        ),
        "after that, `place` waits for `on_placed`, which then continues": spoken(
            steps.HAND_OVER_WAIT
        ),
        "a step in total, if the storage responds": spoken(asking + steps.HAND_OVER_WAIT),
        "a storage of `open_storage` waits for a response": spoken(failures.PATIENCE),
        "a storage waits for a free connection": spoken(
            default(PostgresStorage, "acquire_timeout")
        ),
        "SQLite waits for another process's write": spoken(default(SQLiteStorage, "timeout")),
        "an edit of the cart is repeated while other workers save first": spoken(
            _checkout._MOST_EDITS * _checkout._EDIT_AGAIN
        ),
        "a shared rate limit, a shared menu": spoken(shared.LIMITER_SECONDS, shared.CACHE_SECONDS),
        "the lease of a worker that sends an order": spoken(lease),
        "`retry_after` of `PlacementInProgressError` while this lease runs": spoken(
            placement.COME_BACK
        ),
        "an unanswered request may still be running at Gett": spoken(placement.QUIET),
        "`on_placed` may take": spoken(hand_over.LONGEST),
        "the lease of a worker that hands over an order": spoken(handing),
        "an unknown outcome is checked again after": (
            f"{spoken(*pauses[:5])}; after an hour {spoken(pauses[-1])}"
        ),
        "`keep_reconciling` searches for them every": spoken(
            default(Checkouts.keep_reconciling, "every")
        ),
        "`follow_order` reads the order again after, and later after at most": spoken(
            default(Checkout.follow_order, "every"), default(Checkout.follow_order, "max_interval")
        ),
        "an idempotency key is used for": spoken(placement.KEY_LIFE - placement.KEY_MARGIN),
        "a price is no longer used this long before it expires": spoken(QUOTE_MARGIN),
        "a session is renewed this long before it expires": spoken(RENEW_AHEAD),
        "a checkout is stored this long after its last step": spoken(
            default(Checkouts, "lifetime")
        ),
        "an open case is stored for": spoken(UNRESOLVED_LIFETIME),
    }


def test_a_step_fits_a_proxys_30_seconds() -> None:
    """Those named on the page, the shortest of which gives 29."""
    longest = default(GettClient, "timeout") + RetryPolicy().max_elapsed + steps.HAND_OVER_WAIT
    assert longest <= 29 - 2
    # Whatever did not work by then: two attempts of which each ran into its timeout.
    assert default(GettClient, "timeout") + 1.2 <= RetryPolicy().max_elapsed


# --- pages ----------------------------------------------------------------------------------------


def test_every_table_is_on_a_page_and_every_page_finds_its_tables() -> None:
    pages = [page.read_text() for page in DOCS.glob("**/*.md")]
    assert sorted(each for page in pages for each in tables.tables_of(page)) == sorted(
        tables.TABLES
    )
    assert sorted(each for page in pages for each in tables.asked_for(page)) == sorted(tables.BUILT)


@pytest.mark.parametrize(
    "page", [pytest.param(each, id=each.name) for each in DOCS.glob("**/*.md")]
)
def test_a_table_that_stands_in_a_page_is_the_codes(page: Path) -> None:
    text = page.read_text()
    assert (
        text.count("<!-- generated:") == text.count("<!-- end -->") == len(tables.tables_of(text))
    )
    assert tables.renew(text) == text, "run: PYTHONPATH=docs python -m gett_docs.tables"


def test_a_table_is_renewed_in_place() -> None:
    page = "a\n<!-- generated: notice_example -->\nold\n\n<!-- end -->\nb"
    new = f"a\n<!-- generated: notice_example -->\n{tables.notice_example()}\n\n<!-- end -->\nb"
    assert tables.renew(page) == new
    assert tables.renew(new) == new


def test_a_block_is_filled_in_place() -> None:
    assert tables.fill("a\n```{generated} x\n```\nb", {"x": "table"}) == "a\ntable\nb"


def test_a_link_out_of_the_pages_is_its_words() -> None:
    page = "[a page](storage.md), [`code`](../gett_checkout/errors.py) and [a file](../x/README.md)"
    assert tables.within(page) == "[a page](storage.md), `code` and a file"
