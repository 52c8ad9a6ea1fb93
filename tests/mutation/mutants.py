"""Small mistakes, made one at a time in a module's syntax tree.

Prose is left alone: doc strings, annotations, and text with a space in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from types import CodeType
from typing import Any

from attrs import field, frozen

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}
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
_CONDITIONS = {"test", "ifs", "guard"}
_UNREAD = {"annotation", "returns", "bases"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef)


@frozen(eq=False)
class Mutant:
    """One mistake, somewhere within ``scope``, a qualified name or empty: the module itself.

    ``function`` are the lines of the function whose body it is in, if any: elsewhere it is made when the
    module loads.
    """

    path: Path
    module: str
    scope: str
    function: range | None
    line: int
    change: str
    _tree: ast.Module = field(repr=False)
    _owner: ast.AST = field(repr=False)
    _field: str = field(repr=False)
    _value: Any = field(repr=False)

    @property
    def name(self) -> str:
        """What it is known by: no line number, so that it outlives changes elsewhere."""
        return f"{self.module.removeprefix('gett_checkout.')}:{self.scope}: {self.change}"

    def code(self) -> CodeType:
        """The module with the mistake in it."""
        whole = getattr(self._owner, self._field)
        setattr(self._owner, self._field, self._value)
        try:
            return compile(self._tree, str(self.path), "exec", dont_inherit=True)
        finally:
            setattr(self._owner, self._field, whole)


def mutants_of(path: Path, module: str) -> list[Mutant]:
    """Every mistake we know how to make in the module, in the order of its lines."""
    tree = ast.parse(path.read_text())

    def walk(owner: ast.AST, scope: str, function: range | None, line: int) -> Iterator[Mutant]:
        for name, value in ast.iter_fields(owner):
            children = value if isinstance(value, list) else [value]
            body = function
            if name == "body" and isinstance(owner, _FUNCTIONS) and function is None:
                body = range(owner.lineno, (owner.end_lineno or 0) + 1)
            for index, child in enumerate(children):
                if not isinstance(child, ast.AST) or _is_left_alone(owner, name, child):
                    continue
                at = getattr(child, "lineno", line)
                for new, change in _mistakes(owner, name, child):
                    if isinstance(child, ast.stmt | ast.expr):
                        ast.fix_missing_locations(ast.copy_location(new, child))
                    is_list = isinstance(value, list)
                    put = [*children[:index], new, *children[index + 1 :]] if is_list else new
                    yield Mutant(path, module, scope, body, at, change, tree, owner, name, put)
                inner = f"{scope}.{child.name}" if isinstance(child, _NAMED) else scope
                yield from walk(child, inner.removeprefix("."), body, at)

    return sorted(walk(tree, "", None, 1), key=lambda mutant: mutant.line)


def _is_left_alone(owner: ast.AST, name: str, child: ast.AST) -> bool:
    if name in _UNREAD or (isinstance(owner, ast.JoinedStr) and isinstance(child, ast.Constant)):
        return True
    match child:
        case ast.Expr(value=ast.Constant()):  # a doc string
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Call(func=ast.Name(id="TypeVar" | "ParamSpec" | "cast")):
            return True
        case ast.Tuple() | ast.List():
            return isinstance(owner, ast.Subscript) or isinstance(child.ctx, ast.Store)
    return False


def _mistakes(owner: ast.AST, name: str, child: Any) -> Iterator[tuple[Any, str]]:
    """What may be put in place of ``child``, and what to call it."""
    if swapped := _SWAPS.get(type(child)):
        whole, broken = ast.unparse(owner), copy(owner)
        value = getattr(owner, name)
        new: Any = swapped()
        put = [new if each is child else each for each in value] if name == "ops" else new
        setattr(broken, name, put)
        after = ast.unparse(broken) if name != "body" else type(new).__name__.lower()
        yield new, f"{whole} → {after}" if name != "body" else after
    if listing := _LISTS.get(type(child)):
        of, least = listing
        every = getattr(child, of)
        for index, each in enumerate(every if len(every) > least else ()):
            fewer = copy(child)
            setattr(fewer, of, [*every[:index], *every[index + 1 :]])
            yield fewer, f"{_short(child)} without {_short(each)}"
    if name in _CONDITIONS and not isinstance(child, ast.Compare | ast.BoolOp | ast.UnaryOp):
        new = ast.UnaryOp(ast.Not(), child)
        yield new, f"{ast.unparse(child)} → {ast.unparse(new)}"
    match child:
        case ast.UnaryOp(op=ast.Not()):
            yield child.operand, f"{ast.unparse(child)} → {ast.unparse(child.operand)}"
        case ast.Dict():
            for index, key in enumerate(child.keys):
                keys = [*child.keys[:index], *child.keys[index + 1 :]]
                values = [*child.values[:index], *child.values[index + 1 :]]
                said = ast.unparse(key or child.values[index])
                yield ast.Dict(keys, values), f"{_short(child)} without {said}"
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value), f"{_in(owner, child)}{value} → {not value}"
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1), f"{_in(owner, child)}{value} → {value + 1}"
        case ast.Constant(value=str(value)) if " " not in value:
            yield ast.Constant(f"{value}XX"), f"{_in(owner, child)}{value!r} → {value + 'XX'!r}"
        case ast.Expr() | ast.Raise() | ast.AugAssign():
            yield ast.Pass(), f"without {ast.unparse(child)}"
        case ast.Return(value=ast.expr()) if ast.unparse(child) != "return None":
            yield ast.Return(ast.Constant(None)), f"{ast.unparse(child)} → return None"


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
