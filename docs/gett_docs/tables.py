"""The tables of the documentation as Markdown, each made from the table in the code that decides it.

`TABLES` are stored in the pages, for readers anywhere; a test compares them with the code, and
``PYTHONPATH=docs python -m gett_docs.tables`` rewrites them. `BUILT` are made when the pages are built.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import inspect
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

from attrs import fields

import gett_checkout
from gett_checkout import Checkout, errors, sandbox
from gett_checkout import _cli as cli
from gett_checkout._core import machine, view
from gett_checkout._core.blame import MEMBERS
from gett_checkout._core.codes import ERROR_CODES, ErrorCode, Part, refuse
from gett_checkout._core.consequences import event_of
from gett_checkout._core.machine import EVENTS, FACTS, PlacementBegun, is_legal
from gett_checkout._core.placement import Outcome, judge
from gett_checkout._core.requirements import RULES, Situation, next_action
from gett_checkout._core.session import Level
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._core.view import CheckoutView
from gett_checkout._retry import Repeat, may_repeat
from gett_checkout._wire import assumptions
from gett_checkout._wire.assumptions import Assumptions
from gett_checkout._wire.codec import camel_case
from gett_checkout._wire.endpoints import OPERATIONS, Operation
from gett_checkout.errors import ApiError, GettCheckoutError
from gett_checkout.messages import DEFAULT, ENGLISH
from gett_checkout.sandbox import faults, switches
from gett_checkout.web import ENDPOINTS, Endpoint
from gett_checkout.web._bodies import taken
from gett_docs.diagram import events, landings, state_diagram, words
from gett_docs.examples import (
    ACTIONS,
    LACKING,
    NOW,
    problem_while_shopping,
    rejected,
    view_while_shopping,
)

DOCS: Final = Path(__file__).parents[1]
_WIDTH: Final = 84  # of an example, in characters

Rows = Iterable[Sequence[object]]


def table(head: Sequence[str], rows: Rows) -> str:
    """Make a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def code(value: object) -> str:
    """Return the value as code."""
    return f"`{value}`"


def said(thing: object, *, whole: bool = False) -> str:
    """Return a docstring's first sentence, or all of its first paragraph, in Markdown."""
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    text = text if whole else re.split(r"(?<=[.])\s", text)[0]
    return re.sub(r"``?([^`]+)``?", r"`\1`", text)


def _json(value: object) -> str:
    return f"```json\n{_laid_out(value)}\n```"


def _laid_out(value: object, indent: str = "", used: int = 0) -> str:
    """Return JSON with its small parts on one line each."""
    short = json.dumps(value, ensure_ascii=False)
    if len(indent) + used + len(short) <= _WIDTH or not isinstance(value, dict | list):
        return short
    inner = f"{indent}  "
    if isinstance(value, dict):
        keys = {name: f"{json.dumps(name)}: " for name in value}
        parts = [keys[name] + _laid_out(value[name], inner, len(keys[name])) for name in value]
    else:
        parts = [_laid_out(each, inner) for each in value]
    ends = "{}" if isinstance(value, dict) else "[]"
    return f",\n{inner}".join(parts).join((f"{ends[0]}\n{inner}", f"\n{indent}{ends[1]}"))


# --- how it works ---------------------------------------------------------------------------------


def stages_diagram() -> str:
    """Return the state diagram, in a frame that scrolls on a narrow screen."""
    return f'<div class="stages-frame">\n{state_diagram()}\n</div>'


def stage_events() -> str:
    """List every event: what happened, where it is legal, where it lands."""
    rows = []
    for event in events():
        targets: dict[Stage, list[Stage]] = {}
        for stage, landing in landings(event).items():
            targets.setdefault(landing, []).append(stage)
        where = "; ".join(
            f"{', '.join(stages)} → **{landing}**" for landing, stages in targets.items()
        )
        rows.append((words(event), said(event), where))
    return table(("event", "what happened", "from → lands on"), rows)


def asides() -> str:
    """List the events that leave the stage as it is, and where they are legal."""
    legal = {event: [s for s in EVENTS if event in EVENTS[s]] for event in events(aside=True)}
    rows = (
        (words(event), said(event), "all" if len(stages) == len(Stage) else ", ".join(stages))
        for event, stages in legal.items()
    )
    return table(("event", "what happened", "legal in"), rows)


def blamed_parts() -> str:
    """List for each part of a checkout what names it, the next action, and what the page shows."""
    head = ("part", "what `errors[]` names", "codes, when it names nothing", "next action", "shown")
    return table(
        head,
        (
            (
                f"**{part}**",
                ", ".join(code(name) for name in _names(part)),
                ", ".join(code(row.code) for row in ERROR_CODES.values() if row.part is part),
                ", ".join(code(kind) for kind in _led_to(part)),
                shown,
            )
            for part, shown in _SHOWN.items()
        ),
    )


_SHOWN: Final[Mapping[Part, str]] = {
    Part.STORE: "the restaurants, and what is wrong with this one",
    Part.LINES: "the cart, with the lines marked and what Gett said of each; or the gap to the minimum",
    Part.SHOPPER: "the sign-in form, with what Gett said",
    Part.FULFILLMENT: "the address form, with what Gett said",
    Part.PAYMENT: "the payment form, with what Gett said",
    Part.QUOTE: "the price, requested again",
    Part.RECIPIENT: "the recipient form, with what Gett said",
    Part.INTEGRATION: "whom to contact",
    Part.SERVICE: "a spinner, then the same request again",
}
"""What a page shows for each part, in the order in which the parts must be fixed."""


def _names(part: Part) -> list[str]:
    """Return the request members that belong to the part; `…` stands for any ending."""
    if part not in MEMBERS:
        return []
    members = MEMBERS[part].pattern.split("|")
    singular = (name.replace("s?", "s").replace(".*", "…") for name in members)
    return [
        each
        for name in singular
        for each in (
            (name.replace("[12]", "1"), name.replace("[12]", "2")) if "[12]" in name else (name,)
        )
    ]


def _led_to(part: Part) -> list[str]:
    """Return the next actions after a rejection that blames the part, by any of its codes."""
    codes = [row.code for row in ERROR_CODES.values() if row.part is part]
    kinds = (next_action(rejected(part, each), NOW).kind for each in ("VALIDATION_FAILED", *codes))
    return list(dict.fromkeys(kinds))


def step_ends() -> str:
    """List what happens to each step when its caller is cancelled."""
    changing = {name: each for name, each in _steps().items() if isinstance(each, ast.Call)}
    finishing = [
        name
        for name, each in changing.items()
        if any(keyword.arg == "finishes" for keyword in each.keywords)
    ]
    stopping = [name for name in changing if name not in finishing]
    return table(
        ("steps", "when the caller is cancelled"),
        (
            (", ".join(map(code, finishing)), "run to completion and save"),
            (", ".join(map(code, stopping)), "stop"),
        ),
    )


def step_stages() -> str:
    """List the stages in which each step is possible: where its event is legal, else all."""
    return table(
        ("step", *Stage),
        (
            (code(name), *("✓" if stage in _stages_of(name, each) else "" for stage in Stage))
            for name, each in _steps().items()
        ),
    )


def _stages_of(name: str, declared: ast.expr) -> set[Stage]:
    event = PlacementBegun if name == "place" else None
    match declared:
        case ast.Call(args=[ast.Name(id=declared_event)]):
            event = getattr(machine, declared_event)
    found = {stage for stage in Stage if event is None or is_legal(stage, event)}
    return found | {Stage.PLACING, Stage.PLACED} if name == "place" else found  # the same order


def _steps() -> dict[str, ast.expr]:
    """Yield each step, with its decorator in `Checkout`: ``step(…)``, or ``look`` for a read-only one."""
    (body,) = ast.parse(inspect.getsource(Checkout)).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - narrows
    return {
        method.name: declared
        for method in body.body
        if isinstance(method, ast.AsyncFunctionDef) and not method.name.startswith("_")
        for declared in method.decorator_list
    }


def stage_facts() -> str:
    """List the facts that let a checkout walk on, stage by stage."""
    return table(
        ("from", "goes on while", "to"),
        ((f"**{stage}**", said(fact), f"**{following}**") for stage, fact, following in FACTS),
    )


def step_levels() -> str:
    """List the least session level of each step: that of the operation for which it needs a session."""
    steps: dict[Level, list[str]] = {level: [] for level in Level}
    bodies = _method_bodies(Checkout)
    for name, step in vars(Checkout).items():
        if not name.startswith("_") and hasattr(step, "__wrapped__"):
            asked = _operations_asked_for(name, bodies)
            steps[max((OPERATIONS[each].level for each in asked), default=Level.NONE)].append(name)
    return table(
        ("least level", "steps"),
        ((f"**{level.label}**", ", ".join(map(code, names))) for level, names in steps.items()),
    )


def _method_bodies(owner: type) -> dict[str, list[ast.expr]]:
    """Yield each method's expressions."""
    (body,) = ast.parse(inspect.getsource(owner)).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - narrows
    return {
        method.name: [each for each in ast.walk(method) if isinstance(each, ast.expr)]
        for method in body.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _operations_asked_for(
    name: str, bodies: Mapping[str, list[ast.expr]], seen: frozenset[str] = frozenset()
) -> set[str]:
    """Return the operations for which the method, or a private one it uses, needs a session."""
    found: set[str] = set()
    for each in bodies[name]:
        match each:
            case ast.Call(func=ast.Attribute(attr="ready"), args=[ast.Constant(value), *_]):
                found.add(str(value))
            case ast.Attribute(value=ast.Name("self"), attr=other) if other in bodies:
                if other.startswith("_") and other not in seen | {name}:
                    found |= _operations_asked_for(other, bodies, seen | {name})
            case _:
                pass
    return found


def session_levels() -> str:
    """List the least session level of each operation, and its rate limit."""
    return table(
        ("operation", "least level", "rate limit"),
        ((code(row.name), row.level.label, row.bucket) for row in OPERATIONS.values()),
    )


_MEANINGS: Final[Mapping[Outcome, str]] = {
    Outcome.EXISTS: "**there is an order**",
    Outcome.REFUSED: "no order; a part of it must change",
    Outcome.TRY_AGAIN: "sent again with the same key",
    Outcome.NOT_PLACED: "no order; no part of it is at fault",
    Outcome.UNKNOWN: "**unknown**",
}


def placement_responses() -> str:
    """List what the library concludes from each kind of response to a placement."""
    named = ({"jsonPath": "$.payment.savedCard.paymentId"},)
    answers: tuple[tuple[str, GettCheckoutError], ...] = (
        ("the request never left", errors.TransportError(may_have_arrived=False)),
        ("connection lost, or timed out", errors.TransportError()),
        ("an unreadable response", errors.InvalidResponseError(status=200)),
        ("500, 502, 503 or 504", refuse("INTERNAL_ERROR")),
        ("429 `RATE_LIMITED`", refuse("RATE_LIMITED")),
        ("401 on the session", refuse("UNAUTHENTICATED")),
        ("400 `PAYMENT_FAILED`", refuse("PAYMENT_FAILED")),
        ("400 `PAYMENT_DECLINED`", refuse("PAYMENT_DECLINED")),
        ("400 `STORE_CLOSED`, `ITEM_UNAVAILABLE`, …", refuse("STORE_CLOSED")),
        ("400, 404, 409 or 422 that names a part of the order", refuse("NOT_FOUND", errors=named)),
        ("400 or 422 that names nothing", refuse("VALIDATION_FAILED")),
        ("409 `CONFLICT`", refuse("CONFLICT")),
        ("409 `CONFLICT` that may be retried", refuse("CONFLICT", retryable=True)),
        ("409 `ORDER_ALREADY_PLACED`", refuse("ORDER_ALREADY_PLACED")),
    )
    head = (
        "response",
        "first attempt",
        "repeat, while an earlier attempt may still be running",
        "later repeat",
    )
    return table(
        head,
        (
            (
                what,
                _MEANINGS[judge(error, sent_before=False)],
                _MEANINGS[judge(error, sent_before=True, is_quiet=False)],
                _MEANINGS[judge(error, sent_before=True, is_quiet=True)],
            )
            for what, error in answers
        ),
    )


# --- errors ---------------------------------------------------------------------------------------


def error_tree() -> str:
    """Return the tree of errors, as the module draws it."""
    drawing = (errors.__doc__ or "").split("::\n")[1].split("\n``_core")[0]
    return f"```text\n{inspect.cleandoc(drawing.strip(chr(10)))}\n```"


def problem_example() -> str:
    """Return a problem document as JSON, from a checkout against the sandbox."""
    return _json(asyncio.run(problem_while_shopping()))


def own_errors() -> str:
    """List the library's own errors, with the code and status of their problem documents."""
    own = [each for each in _family(GettCheckoutError) if not issubclass(each, ApiError)]
    head = ("error", "`code`", "status", "meaning")
    return table(
        head,
        (
            (code(each.__name__), code(each.problem_code), each.problem_status, said(each))
            for each in own
            if each is not GettCheckoutError
        ),
    )


def _family(parent: type[GettCheckoutError]) -> Iterator[type[GettCheckoutError]]:
    yield parent
    for child in parent.__subclasses__():
        if child.__name__ in errors.__all__:
            yield from _family(child)


def api_errors() -> str:
    """List Gett's codes: meaning, handling by the library, and next action."""
    head = ("code", "error", "status", "repeated", "at `place`", "`next_action`")
    return table(head, map(_api_error, ERROR_CODES.values()))


def error_classes() -> str:
    """The class of each code, on the page of its module."""
    return "\n\n".join(
        f"```{{eval-rst}}\n.. currentmodule:: {module}\n\n{_classes(rows)}\n```"
        for module, rows in groupby(ERROR_CODES.values(), _home)
    )


def _home(row: ErrorCode) -> str:
    """Where a class is imported from: the top level, when that has it too."""
    name = row.error.__name__
    return (gett_checkout if name in gett_checkout.__all__ else errors).__name__


def _classes(rows: Iterable[ErrorCode]) -> str:
    return "\n".join(f".. autoclass:: {row.error.__name__}\n   :members:\n" for row in rows)


def _api_error(row: ErrorCode) -> Sequence[object]:
    error = refuse(row.code)
    outward = error.to_problem()["status"]
    return (
        code(row.code) + (" †" if row.reserved else ""),
        code(row.error.__name__),
        row.status if outward == row.status else f"{row.status}, yours {outward}",
        "yes" if may_repeat(error, Repeat.ALWAYS) else "",
        _at_place(error),
        code(row.action.kind),
    )


def _at_place(error: ApiError) -> str:
    outcome = judge(error, sent_before=False)
    match outcome:
        case Outcome.EXISTS:
            return f"→ {Stage.PLACED}"
        case Outcome.TRY_AGAIN:
            return "same key twice more, then " + _lands(error)
        case Outcome.UNKNOWN:
            return f"stays {Stage.PLACING}, unknown"
        case _:
            return _lands(error)


def _lands(error: ApiError) -> str:
    placing = CheckoutState("checkout", NOW, Stage.PLACING)
    event = event_of(error, "place", placing, NOW)
    return f"→ {EVENTS[Stage.PLACING][type(event)]}" if event else f"→ {Stage.PLACE}"


def sandbox_literals() -> str:
    """Describe the names of the sandbox that stand for a few texts, as their docstrings do."""
    sources = map(inspect.getsource, (faults, switches))
    described = "\n".join(
        f".. data:: {named.targets[0].id}\n\n{indent(str(text.value.value).strip(), '   ')}\n"
        for source in sources
        for named, text in pairwise(ast.parse(source).body)
        if isinstance(named, ast.Assign)
        and isinstance(named.targets[0], ast.Name)
        and named.targets[0].id in sandbox.__all__
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    )
    return f"```{{eval-rst}}\n.. currentmodule:: gett_checkout.sandbox\n\n{described}\n```"


# --- the view -------------------------------------------------------------------------------------


def view_example() -> str:
    """Return a view as JSON, from a checkout against the sandbox."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "c0ffee00-…", _json(_view()))  # as of any line


@cache
def _view() -> dict[str, Any]:
    return asyncio.run(view_while_shopping())


def view_members() -> str:
    """List the members of a view, with their meaning and type."""
    meanings = _attribute_docs(view, CheckoutView)
    rows = (
        (code(each.name), meanings[each.name], _type(str(each.type)))
        for each in fields(CheckoutView)
    )
    return table(("member", "meaning", "type"), rows)


def _type(annotation: str) -> str:
    return " or ".join(map(code, annotation.split(" | ")))


def next_actions() -> str:
    """Describe every kind of next action, with its data."""
    return "\n\n".join(
        f"### `{action.kind}`\n\n{said(type(action), whole=True)}\n\n{_json(action.to_dict())}"
        for action in ACTIONS
    )


def requirements() -> str:
    """List the registry's requirements in order, the step that fixes each, and the next action."""
    rows = []
    for rule in RULES:
        missing = rule.check(Situation.of(LACKING[rule.code], NOW))
        assert missing is not None  # noqa: S101 - the example lacks just this
        rows.append(
            (
                code(rule.code),
                DEFAULT.say(missing.words),
                code(rule.step),
                code(missing.action.kind),
                ", ".join(map(code, missing.details)),
            )
        )
    head = ("code", "`message`, for example", "fixed by", "`next_action`", "`details`")
    return table(head, rows)


def notice_example() -> str:
    """Return the notice of an upgrade, as JSON."""
    return _json(_view()["notices"][0])


# --- the wire -------------------------------------------------------------------------------------

_MARKS: Final = {
    "doc": "documented",
    "conflict": "documented in two ways",
    "decided": "decided here",
}
_REPEATS: Final = {
    Repeat.ALWAYS: "yes",
    Repeat.UNDELIVERED: "undelivered",
    Repeat.BY_KEY: "by its key",
}


def operations() -> str:
    """List every operation with method and path."""
    head = ("operation", "request", "repeated", "certainty")
    return table(head, map(_operation, OPERATIONS.values()))


def _operation(row: Operation) -> Sequence[object]:
    request = code(f"{row.method} {row.path}")
    return code(row.name), request, _REPEATS[row.repeat], _MARKS[row.mark]


def doubts() -> str:
    """The operations whose request is not plainly documented, and why."""
    rows = (
        (code(row.name), f"{row.method} {code(_camel(row.path))}", row.doubt)
        for row in OPERATIONS.values()
        if row.doubt
    )
    return table(("operation", "assumed", "why in doubt"), rows)


def _camel(path: str) -> str:
    """The path with its ids as the API writes them."""
    return re.sub(r"{\w+}", lambda found: camel_case(found[0]), path)


def overrides() -> str:
    """List the attributes of `Assumptions`: meaning and default."""
    meanings = _attribute_docs(assumptions, Assumptions)
    rows = (
        (code(each.name), meanings[each.name], code(json.dumps(getattr(Assumptions(), each.name))))
        for each in fields(Assumptions)
    )
    return table(("attribute", "what", "assumed"), rows)


def _attribute_docs(module: ModuleType, owner: type) -> dict[str, str]:
    """Return the docstrings of a class's attributes."""
    tree = ast.parse(Path(inspect.getfile(module)).read_text(encoding="utf-8"))
    (body,) = (
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == owner.__name__
    )
    return {
        before.target.id: re.sub(r"``?([^`]+)``?", r"`\1`", " ".join(str(text.value.value).split()))
        for before, text in pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


# --- the command ----------------------------------------------------------------------------------


def commands() -> str:
    """Show the help of each command."""
    (commands,) = (
        each for each in cli._parser()._actions if isinstance(each, argparse._SubParsersAction)
    )
    helps = {each.dest: each.help or "" for each in commands._get_subactions()}
    with patch.dict(os.environ, {"COLUMNS": "86", "NO_COLOR": "1"}):
        return "\n\n".join(
            f"## `{each.prog}`\n\n{_sentence(helps[name])}\n\n"
            f"```text\n{each.format_help().strip()}\n```"
            for name, each in commands.choices.items()
        )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def endpoints() -> str:
    """List the endpoints that a backend mounts."""
    rows = [
        (code(each.method), code(each.path or "/"), code(each.name), _taken(each), said(each.step))
        for each in ENDPOINTS
    ]
    return table(("method", "path", "name", "takes", "what it does"), rows)


def _taken(endpoint: Endpoint) -> str:
    """Return the members of its body, optional ones in brackets."""
    found = []
    for shape in _shapes(endpoint.takes.schema):
        names = [
            _member(name, value) if name in shape["required"] else f"[{code(name)}]"
            for name, value in shape["properties"].items()
        ]
        found.append(", ".join(names))
    return "; or ".join(found)


def _shapes(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the objects that a schema allows."""
    if "$ref" in schema:
        yield from _shapes(taken()[schema["$ref"].rpartition("/")[2]])
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from _shapes(each)
    else:
        yield schema


def _member(name: str, schema: Mapping[str, Any]) -> str:
    return f"{code(name)} = {code(schema['const'])}" if "const" in schema else code(name)


# --- all of it ------------------------------------------------------------------------------------


def messages() -> str:
    """List every sentence for the shopper, by its code."""
    return table(("code", "sentence"), [(code(name), said) for name, said in ENGLISH.items()])


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    each.__name__: each
    for each in (
        stage_events,
        asides,
        step_ends,
        step_stages,
        blamed_parts,
        stage_facts,
        step_levels,
        session_levels,
        placement_responses,
        error_tree,
        problem_example,
        own_errors,
        api_errors,
        error_classes,
        sandbox_literals,
        view_example,
        view_members,
        next_actions,
        requirements,
        notice_example,
        operations,
        doubts,
        overrides,
        messages,
        endpoints,
    )
}
"""The generated text between ``<!-- generated: name -->`` and ``<!-- end -->`` in a page."""

BUILT: Final[Mapping[str, Callable[[], str]]] = {
    each.__name__: each for each in (stages_diagram, commands)
}
"""The text of a ``{generated}`` block, which depends on a page's theme or on the Python version."""

_BLOCK: Final = re.compile(r"^```\{generated\} (\w+)\n```$", re.MULTILINE)
_TABLE: Final = re.compile(
    r"(?<=^<!-- generated: )(\w+) -->\n.*?(?=<!-- end -->$)", re.MULTILINE | re.DOTALL
)


def built() -> dict[str, str]:
    """Return what is made when the pages are built, by name."""
    return {name: make() for name, make in BUILT.items()}


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """Return the page with every ``{generated}`` block replaced."""
    return _BLOCK.sub(lambda found: blocks[found[1]], page)


def asked_for(page: str) -> list[str]:
    """Return the names of a page's ``{generated}`` blocks."""
    return _BLOCK.findall(page)


def renew(page: str) -> str:
    """Return the page with every table updated from the code."""
    return _TABLE.sub(lambda found: f"{found[1]} -->\n{TABLES[found[1]]()}\n\n", page)


def tables_of(page: str) -> list[str]:
    """Return the names of the tables in a page."""
    return _TABLE.findall(page)


_OUTWARD: Final = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def within(page: str) -> str:
    """Return the page without links to files outside ``docs/``: only the repository has those."""
    return _OUTWARD.sub(r"\1", page)


if __name__ == "__main__":
    for path in DOCS.glob("**/*.md"):
        path.write_text(renew(path.read_text(encoding="utf-8")), encoding="utf-8")
