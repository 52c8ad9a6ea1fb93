"""There is one way to change a checkout's state, and one way to run a step."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import gett_checkout
from gett_checkout import Checkout

PACKAGE = Path(gett_checkout.__file__).parent
OURS = [path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts]
MACHINE = PACKAGE / "_core" / "machine.py"
STATE = PACKAGE / "_core" / "state.py"
RECORD = PACKAGE / "_record.py"


def is_state(node: ast.expr) -> bool:
    """Whether the expression is a checkout's state, by its name."""
    match node:
        case ast.Name(id="state") | ast.Attribute(attr="state"):
            return True
    return False


def changes(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that make another state of one."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") in ("evolve", "evolve_state", "replace")
            and node.args
            and is_state(node.args[0])
        ):
            yield node


def assignments(tree: ast.AST) -> Iterator[ast.Attribute]:
    """The places that put a state where one is."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and node.attr == "state"
        ):
            yield node


def test_the_state_is_changed_in_the_machine_alone() -> None:
    texts = {path: path.read_text() for path in OURS}
    trees = {path: ast.parse(text) for path, text in texts.items() if re.search(r"\bstate\b", text)}
    assert [path for path, tree in trees.items() if [*changes(tree)]] == [MACHINE]
    (state,) = (
        each
        for each in trees[STATE].body
        if isinstance(each, ast.ClassDef) and each.name == "CheckoutState"
    )
    methods = [
        node
        for node in ast.walk(state)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("evolve", "evolve_state")
    ]
    assert methods == []
    # One holds it, the other starts with one.
    assigning = {path.name for path, tree in trees.items() if [*assignments(tree)]}
    assert assigning == {"_record.py", "_checkouts.py"}


def test_the_record_takes_a_state_from_the_machine_or_the_storage() -> None:
    (happen,) = (
        node
        for node in ast.walk(ast.parse(RECORD.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "happen"
    )
    assert "machine.apply" in ast.unparse(happen)
    assert len([*assignments(ast.parse(RECORD.read_text()))]) == 5  # and one that is only declared


def test_what_would_be_another_way_is_noticed() -> None:
    for text in ("evolve(state, order=None)", "attrs.evolve", "evolve(self._record.state, tip=1)"):
        assert bool([*changes(ast.parse(text))]) is text.startswith("evolve(")


def test_every_coroutine_of_a_checkout_is_a_declared_step() -> None:
    public = {
        name: value
        for name, value in vars(Checkout).items()
        if not name.startswith("_") and inspect.isfunction(value)
    }
    of_steps = {"follow_order"}  # which takes one again and again
    undeclared = {name for name, value in public.items() if not hasattr(value, "__wrapped__")}
    assert public
    assert undeclared == of_steps
