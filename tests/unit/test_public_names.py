"""The public names: documented, on the reference pages, and typed without a way out."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

import gett_checkout
from gett_checkout import GettCheckoutError, jsonable, sandbox, telemetry, testing, webhooks

API_PAGES = Path(__file__).parents[2] / "docs" / "api"
PACKAGES = (gett_checkout, sandbox, telemetry, testing)

# ``Any`` where it is the truth: JSON as it comes, and what a coroutine never sends or yields.
TRUE_ANY = re.compile(r"(dict|Mapping)\[str, Any\]|(Coroutine|Generator)\[Any, Any,")


MODULES = re.compile(r"(typing|collections\.abc)\.")  # of annotations that are no strings


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in module.__all__:
        yield f"{module.__name__}.{name}", getattr(module, name)


NAMES = [pair for package in PACKAGES for pair in public(package)]
NAMES += [
    (f"{webhooks.__name__}.{name}", getattr(webhooks, name))
    for name in ("verify", "parse", "read_event", "once")
]


def annotations(value: Any) -> Iterator[tuple[str, str]]:
    """Every annotation a user of the name meets, as it is written."""
    if inspect.isroutine(value):
        signature = inspect.signature(value)
        for parameter in signature.parameters.values():
            yield parameter.name, str(parameter.annotation)
        yield "return", str(signature.return_annotation)
    elif inspect.isclass(value):
        ours = [each for each in value.__mro__ if each.__module__.startswith("gett_checkout")]
        for kind in ours:
            for name, annotation in inspect.get_annotations(kind).items():
                if not name.startswith("_"):
                    yield name, str(annotation)
            for name, member in vars(kind).items():
                if name.startswith("_") and name != "__init__":
                    continue
                function = member.fget if isinstance(member, property) else member
                function = getattr(function, "__func__", function)
                if inspect.isfunction(function):
                    for what, annotation in annotations(function):
                        yield f"{name}({what})", annotation


@pytest.mark.parametrize(("name", "value"), NAMES, ids=[name for name, _ in NAMES])
def test_a_name_is_documented_and_so_are_its_members(name: str, value: Any) -> None:
    if not inspect.isclass(value) and not inspect.isroutine(value):
        return
    assert value.__doc__, name
    for member, what in vars(value).items() if inspect.isclass(value) else ():
        function = what.fget if isinstance(what, property) else getattr(what, "__func__", what)
        if not member.startswith("_") and inspect.isfunction(function):
            assert inspect.getdoc(function), f"{name}.{member}"


@pytest.mark.parametrize(("name", "value"), NAMES, ids=[name for name, _ in NAMES])
def test_no_any_leaks(name: str, value: Any) -> None:
    leaks = [
        f"{name}.{member}: {annotation}"
        for member, annotation in annotations(value)
        if re.search(r"\bAny\b", TRUE_ANY.sub("", MODULES.sub("", annotation)))
    ]
    assert leaks == (["gett_checkout.jsonable.return: Any"] if value is jsonable else [])


def test_the_walk_meets_what_users_meet() -> None:
    met = dict(annotations(gett_checkout.Checkout))
    assert met["place(total)"] == "Decimal | int | str | None"
    assert met["view(return)"] == "CheckoutView"
    assert dict(annotations(gett_checkout.PaymentDeclinedError))["to_problem(return)"]


@pytest.mark.parametrize("module", PACKAGES, ids=lambda module: module.__name__)
def test_the_exported_names_are_there_once(module: ModuleType) -> None:
    names = module.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(module, name) for name in names)


def test_every_error_and_every_member_of_a_union_is_exported() -> None:
    def below(kind: type[GettCheckoutError]) -> Iterator[str]:
        yield kind.__name__
        for each in kind.__subclasses__():
            if each.__module__ == kind.__module__:
                yield from below(each)

    unions = (gett_checkout.NextAction, gett_checkout.Fulfillment, gett_checkout.Payment)
    members = {each.__name__ for union in unions for each in get_args(union)}
    assert {*below(GettCheckoutError), *members} <= set(gett_checkout.__all__)


@pytest.mark.parametrize("module", PACKAGES, ids=lambda module: module.__name__)
def test_the_reference_lists_exactly_the_exported_names(module: ModuleType) -> None:
    listed: list[str] = []
    for page in sorted(API_PAGES.glob("*.md")):
        for current, body in re.findall(
            r"currentmodule:: (\S+)\n(.*?)(?=currentmodule::|\Z)", page.read_text(), re.DOTALL
        ):
            if current == module.__name__:
                listed += re.findall(
                    r"^\.\. (?:auto)?(?:class|data|function|exception):: (\w+)", body, re.MULTILINE
                )
    assert sorted(listed) == sorted(set(module.__all__) - {"__version__"})
