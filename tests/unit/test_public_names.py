"""The public names: documented, on the reference pages, and typed without a way out."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

import gett_checkout
from gett_checkout import (
    GettCheckoutError,
    actions,
    catalog,
    errors,
    messages,
    operations,
    sandbox,
    schemas,
    sharing,
    storage,
    telemetry,
    testing,
    tools,
    views,
    web,
    webhooks,
)

PACKAGE = Path(gett_checkout.__file__).parent
API_PAGES = Path(__file__).parents[2] / "docs" / "api"
RE_EXPORTS = (actions, catalog, operations, views)
MODULES = (
    *RE_EXPORTS,
    errors,
    messages,
    sandbox,
    schemas,
    sharing,
    storage,
    telemetry,
    testing,
    tools,
    web,
    webhooks,
)
PUBLIC = (gett_checkout, *MODULES)

# What a backend needs on its first day. The rest is one module away, so think twice before adding.
FIRST_DAY = """
    PRODUCTION SANDBOX Address AddressInvalidError AddressOutOfRangeError Amounts ApiError
    ApiPaymentError Assumptions CardOnFile CatalogSet Checkout CheckoutConflictError
    CheckoutNotFoundError CheckoutView Checkouts Contact Delivery Fulfillment FulfillmentType
    GettCheckoutError GettClient GettPayment Identity IdentityRequiredError
    InvalidInputError Item ItemUnavailableError Level Line LineNotFoundError MemoryStorage
    MenuChangedError
    MinimumOrder Modifier ModifierRequiredError Modifiers NewCard NextAction Notice
    Order OrderBelowMinimumError OrderPage OutcomeUnknownError Payment PaymentDeclinedError
    PaymentFailedError PaymentMethod PaymentMethodInvalidError Pickup
    PlacedOrder PlacementInProgressError Quote RateLimitedError Reconciled Requirement
    RetryPolicy SavedCard Unresolved
    ServiceUnavailableError Session Stage StepNotAllowedError Storage StorageError Store
    StoreClosedError StorePage TotalChangedError TransportError InvalidResponseError
    __version__ jsonable parse_contact parse_fulfillment parse_identity parse_payment
"""

# ``Any`` where it is the truth: JSON as it comes, and what a coroutine never sends or yields.
TRUE_ANY = re.compile(r"(dict|Mapping)\[str, Any\]|(Coroutine|Generator)\[Any, Any,")

# Where any JSON goes in, or comes out as nobody here knows it.
ANY_JSON = {
    "gett_checkout.jsonable.return: Any",
    "gett_checkout.GettClient.request(json): Any",
    "gett_checkout.GettClient.request(return): Any",
}


PREFIXES = re.compile(r"(typing|collections\.abc)\.")  # of annotations that are no strings


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in module.__all__:
        yield f"{module.__name__}.{name}", getattr(module, name)


NAMES = [pair for module in PUBLIC for pair in public(module)]


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


def documented() -> Iterator[tuple[str, str | None]]:
    """What has to have a docstring, and the one it has."""
    for name, value in NAMES:
        if inspect.isclass(value) or inspect.isroutine(value):
            yield name, value.__doc__
        for member, what in vars(value).items() if inspect.isclass(value) else ():
            function = what.fget if isinstance(what, property) else what
            function = getattr(function, "__func__", function)
            if not member.startswith("_") and inspect.isfunction(function):
                yield f"{name}.{member}", inspect.getdoc(function)


def test_every_name_is_documented_and_so_are_its_members() -> None:
    docstrings = dict(documented())
    assert len(docstrings) > 400
    assert [name for name, docstring in docstrings.items() if not docstring] == []


def test_no_any_leaks() -> None:
    leaks = {
        f"{name}.{member}: {annotation}"
        for name, value in NAMES
        for member, annotation in annotations(value)
        if re.search(r"\bAny\b", TRUE_ANY.sub("", PREFIXES.sub("", annotation)))
    }
    assert leaks == ANY_JSON


def test_the_walk_meets_what_users_meet() -> None:
    met = dict(annotations(gett_checkout.Checkout))
    assert met["place(total)"] == "Decimal | int | str"
    assert met["view(return)"] == "CheckoutView"
    assert dict(annotations(gett_checkout.PaymentDeclinedError))["to_problem(return)"]


def test_the_top_level_has_the_names_of_a_first_day() -> None:
    assert sorted(gett_checkout.__all__) == sorted(FIRST_DAY.split())


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_the_exported_names_are_there_once(module: ModuleType) -> None:
    names = module.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(module, name) for name in names)


@pytest.mark.parametrize("module", RE_EXPORTS, ids=lambda module: module.__name__)
def test_a_module_of_names_has_a_line_that_says_which_and_nothing_else(module: ModuleType) -> None:
    doc, *rest = ast.parse(inspect.getsource(module)).body
    assert isinstance(doc, ast.Expr)
    assert inspect.getdoc(module)
    assert "\n" not in (module.__doc__ or "")
    assert {type(each) for each in rest} == {ast.ImportFrom, ast.Assign}
    imported = [
        each.name for node in rest if isinstance(node, ast.ImportFrom) for each in node.names
    ]
    assert sorted(imported) == sorted(module.__all__)


def test_a_module_that_is_not_public_says_so_by_its_name() -> None:
    others = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    others -= {module.__name__.rpartition(".")[2] for module in MODULES}
    assert [name for name in sorted(others) if not name.startswith("_")] == []


@pytest.mark.slow
def test_importing_the_package_loads_no_module_of_names() -> None:
    code = "import sys, gett_checkout; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(ran.stdout.split())
    assert "gett_checkout.errors" in loaded
    assert not loaded & {
        module.__name__ for module in (*RE_EXPORTS, sandbox, schemas, testing, tools, web, webhooks)
    }


def test_the_reference_and_the_promise_name_every_public_module() -> None:
    index = (API_PAGES / "index.md").read_text()
    named = re.findall(r"^\| `(gett_checkout[.\w]*)`", index, re.MULTILINE)
    assert sorted(named) == sorted(module.__name__ for module in PUBLIC)
    promise = (API_PAGES.parent / "compatibility.md").read_text()
    modules = promise.partition("and of its modules ")[2].partition(".\n")[0]
    assert [f"gett_checkout.{each}" for each in re.findall(r"`(\w+)`", modules)] == sorted(
        module.__name__ for module in MODULES
    )


def test_every_error_and_every_member_of_a_union_is_exported() -> None:
    def below(kind: type[GettCheckoutError]) -> Iterator[str]:
        yield kind.__name__
        for each in kind.__subclasses__():
            if each.__module__ == kind.__module__:
                yield from below(each)

    def members(union: Any) -> set[str]:
        return {each.__name__ for each in get_args(union)}

    assert {*below(GettCheckoutError), "FieldError"} == set(errors.__all__)
    assert {*members(actions.NextAction), "NextAction"} == set(actions.__all__)
    for union in (gett_checkout.Fulfillment, gett_checkout.Payment):
        assert members(union) <= set(gett_checkout.__all__)


def is_top(name: str, value: object) -> bool:
    return name in gett_checkout.__all__ and getattr(gett_checkout, name) is value


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_the_reference_lists_exactly_the_exported_names(module: ModuleType) -> None:
    listed: list[str] = []
    for page in sorted(API_PAGES.glob("*.md")):
        for current, body in re.findall(
            r"currentmodule:: (\S+)\n(.*?)(?=currentmodule::|\Z)", page.read_text(), re.DOTALL
        ):
            if current == module.__name__:
                listed += re.findall(
                    r"^\.\. (?:auto)?(?:class|data|function):: (\w+)", body, re.MULTILINE
                )
    names = set(module.__all__) - {"__version__"}
    if module is not gett_checkout:  # what is at the top level too is listed as a name of that
        names = {name for name in names if not is_top(name, getattr(module, name))}
    assert sorted(listed) == sorted(names)
