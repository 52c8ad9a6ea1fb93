"""Small mistakes, made one at a time in a module's syntax tree.

Prose is left alone: doc strings, annotations, and text with a space in it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

from attrs import frozen

_PAIRS = (
    *((ast.Lt, ast.LtE), (ast.LtE, ast.Lt), (ast.Gt, ast.GtE), (ast.GtE, ast.Gt)),
    *((ast.Eq, ast.NotEq), (ast.NotEq, ast.Eq), (ast.Is, ast.IsNot), (ast.IsNot, ast.Is)),
    *((ast.In, ast.NotIn), (ast.NotIn, ast.In), (ast.And, ast.Or), (ast.Or, ast.And)),
    *((ast.Add, ast.Sub), (ast.Sub, ast.Add), (ast.Mult, ast.Div), (ast.Div, ast.Mult)),
    *((ast.FloorDiv, ast.Mult), (ast.Mod, ast.Mult), (ast.Pow, ast.Mult)),
    *((ast.Break, ast.Continue), (ast.Continue, ast.Break)),
)
_SWAPS: dict[type[ast.AST], type[ast.AST]] = dict(_PAIRS)
# What can be left out of, and how many have to stay.
_LISTS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Tuple: ("elts", 0),
    ast.List: ("elts", 0),
    ast.Set: ("elts", 1),
    ast.Call: ("keywords", 0),
    ast.BoolOp: ("values", 2),
    ast.Match: ("cases", 1),
    ast.MatchOr: ("patterns", 2),
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@frozen(eq=False)
class Mutant:
    """The module with one mistake in it.

    ``lines`` are those of the function whose body it is in, or empty: it is made as the module loads.
    ``name`` has no line number, so that it outlives changes elsewhere.
    """

    path: Path
    module: str
    name: str
    lines: range
    line: int
    code: Callable[[], CodeType]


def mutants_of(path: Path, module: str) -> list[Mutant]:
    """Every mistake we know how to make in the module, in the order of its lines."""
    tree = ast.parse(path.read_text())

    def code(owner: ast.AST, name: str, value: Any) -> CodeType:
        whole = getattr(owner, name)
        setattr(owner, name, value)
        try:
            return compile(tree, str(path), "exec", dont_inherit=True)
        finally:
            setattr(owner, name, whole)

    def walk(owner: ast.AST, scope: str, lines: range, line: int) -> Iterator[Mutant]:
        for name, index, child in _children(owner):
            body, at = lines, getattr(child, "lineno", line)
            if name == "body" and isinstance(owner, _FUNCTIONS) and not lines:
                body = range(owner.lineno, (owner.end_lineno or 0) + 1)
            for new, change in _mistakes(owner, name, index, child):
                if isinstance(child, ast.stmt | ast.expr):
                    ast.fix_missing_locations(ast.copy_location(new, child))
                known = f"{module.removeprefix('gett_checkout.')}:{scope}: {change}"
                made = partial(code, owner, name, _put(owner, name, index, new))
                yield Mutant(path, module, known, body, at, made)
            named = isinstance(child, (*_FUNCTIONS, ast.ClassDef))
            inner = f"{scope}.{child.name}" if named else scope
            yield from walk(child, inner.removeprefix("."), body, at)

    return sorted(walk(tree, "", range(0), 1), key=lambda mutant: mutant.line)


def _children(owner: ast.AST) -> Iterator[tuple[str, int, Any]]:
    """The nodes below that may be changed: the field and the index each is at."""
    for name, value in ast.iter_fields(owner):
        if name not in {"annotation", "returns", "bases"}:
            for index, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST) and not _is_left_alone(owner, child):
                    yield name, index, child


def _is_left_alone(owner: ast.AST, child: ast.AST) -> bool:
    match child:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():  # or a docstring
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Call(func=ast.Name(id="TypeVar" | "ParamSpec" | "cast")):
            return True
        case ast.Tuple() | ast.List():
            return isinstance(owner, ast.Subscript) or isinstance(child.ctx, ast.Store)
    return isinstance(owner, ast.JoinedStr) and isinstance(child, ast.Constant)


def _put(owner: ast.AST, name: str, index: int, new: Any) -> Any:
    """The owner's field with the new child in place of the old."""
    value = getattr(owner, name)
    return [*value[:index], new, *value[index + 1 :]] if isinstance(value, list) else new


def _mistakes(owner: ast.AST, name: str, index: int, child: Any) -> Iterator[tuple[Any, str]]:
    """What may be put in place of ``child``, and what to call it."""
    before = "" if isinstance(child, ast.mod) else ast.unparse(child)
    if type(child) in _SWAPS:
        new: Any = _SWAPS[type(child)]()
        broken = copy(owner)
        setattr(broken, name, _put(owner, name, index, new))
        is_word = isinstance(child, ast.stmt)
        yield new, ast.unparse(new) if is_word else f"{ast.unparse(owner)} → {ast.unparse(broken)}"
    of, least = _LISTS.get(type(child), ("", 0))
    every = getattr(child, of, [])
    for left_out, each in enumerate(every if len(every) > least else ()):
        new = copy(child)
        setattr(new, of, [*every[:left_out], *every[left_out + 1 :]])
        yield new, f"{_short(child)} without {_short(each)}"
    is_condition = name in {"test", "ifs", "guard"}
    if is_condition and not isinstance(child, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield (new := ast.UnaryOp(ast.Not(), child)), f"{before} → {ast.unparse(new)}"
    match child:
        case ast.UnaryOp(op=ast.Not()):
            yield child.operand, f"{before} → {ast.unparse(child.operand)}"
        case ast.Dict(keys=keys, values=values):
            for i, key in enumerate(keys):
                new = ast.Dict(keys[:i] + keys[i + 1 :], values[:i] + values[i + 1 :])
                yield new, f"{_short(child)} without {ast.unparse(key or values[i])}"
        case ast.Constant(value=bool() | int() | str() as value) if " " not in str(value):
            other = f"{value}XX" if isinstance(value, str) else value + 1
            other = not value if isinstance(value, bool) else other
            yield ast.Constant(other), f"{_in(owner, child)}{value!r} → {other!r}"
        case ast.Expr() | ast.Raise() | ast.AugAssign():
            yield ast.Pass(), f"without {before}"
        case ast.Return(value=ast.expr()) if before != "return None":
            yield ast.Return(ast.Constant(None)), f"{before} → return None"


def _in(owner: ast.AST, child: ast.AST) -> str:
    """Whose value a constant is."""
    match owner:
        case ast.keyword(arg=str(name)):
            return f"{name}="
        case ast.Compare() | ast.BinOp() | ast.Assign() | ast.AnnAssign() | ast.Call():
            return f"in {_short(owner)}: "
    return ""


def _short(node: ast.AST) -> str:
    """Enough of it to know it by."""
    if isinstance(node, ast.match_case):
        return f"case {ast.unparse(node.pattern)}"
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:60]}…"
