"""The Sphinx extension: generated blocks in pages, and references to public names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pydoc import locate
from typing import Any, Final

from attrs import fields, has
from docutils.nodes import Element, document, literal, reference, title
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

from gett_docs import llms
from gett_docs.tables import asked_for, built, fill, within

Fill = Callable[[str, str], str]
"""Fills the tables into a page: its name, its source."""

# Returned by `Checkouts`, never made by hand: its constructor is private.
_GIVEN: Final = {"gett_checkout.Checkout"}
# The modules in which a short name may be documented: the shortest place to import it from.
_MODULES: Final = ("actions", "catalog", "errors", "operations", "storage", "views", "webhooks")
_PLACES: Final = ("gett_checkout", *(f"gett_checkout.{module}" for module in _MODULES))
_DEFAULT: Final = re.compile(r"attr_dict\['(\w+)'\]\.default")
_CLASS: Final = re.compile(r"[A-Z][A-Za-z]*[a-z]")


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the extension, for Sphinx."""
    filled = _filling(built())
    app.connect("source-read", partial(_fill, filled))
    app.connect("env-get-outdated", _made_from_code)
    app.connect("autodoc-process-signature", _signature)
    app.connect("missing-reference", _public_or_code)
    app.connect("doctree-resolved", _link_names)
    app.connect("build-finished", partial(_write_for_machines, filled))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _filling(blocks: Mapping[str, str]) -> Fill:
    def filled(page: str, source: str) -> str:
        text = fill(source, blocks)
        return text if "/" in page else within(text)

    return filled


def _fill(filled: Fill, app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = filled(page, source[0])


def _write_for_machines(filled: Fill, app: Sphinx, exception: Exception | None) -> None:
    def read(page: str) -> str:
        return filled(page, app.env.doc2path(page).read_text("utf-8"))

    if exception is None and app.builder.format == "html":
        llms.write(app, read)


def _made_from_code(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Read pages with generated blocks again at every build."""
    return [page for page in env.found_docs if asked_for(env.doc2path(page).read_text("utf-8"))]


def _signature(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None] | None:
    """Show defaults as the source writes them; for an attrs class, their values, unless made by a factory."""
    if name in _GIVEN:
        return "", None
    if signature and inspect.isclass(thing) and has(thing):
        defaults = {field.name: field.default for field in fields(thing)}
        signature = _DEFAULT.sub(lambda found: repr(defaults[found[1]]), signature)
        signature = signature.replace("NOTHING", "...")
    return signature, returns


def _public_or_code(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element
) -> Element | None:
    """Resolve a name to its public place, wherever it is defined; in single backticks, else to code.

    A word in backticks that looks like a class and is none stays missing, and causes a warning.
    """
    known = env.domains.python_domain.objects
    name = _public_name(node["reftarget"], known)
    if name is not None:
        found = known[name]
        return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, text)
    is_code = node["reftype"] == "obj" and not _CLASS.fullmatch(node["reftarget"])
    return text if is_code else None


def _public_name(target: str, known: Collection[str]) -> str | None:
    """Return the documented name of an object that is defined elsewhere, or named in short."""
    in_short = next((name for place in _PLACES if (name := f"{place}.{target}") in known), None)
    if in_short is not None or not target.startswith("gett_checkout."):
        return in_short
    last, meant = target.rpartition(".")[2], locate(target)
    named = (name for name in known if name.rpartition(".")[2] == last)
    return next((name for name in named if meant is not None and locate(name) is meant), None)


def _link_names(app: Sphinx, doctree: document, page: str) -> None:
    """Link each public class that a page names in code to its reference.

    So pages can be plain Markdown, readable anywhere.
    """
    known = app.env.domains.python_domain.objects
    classes = {
        name.rpartition(".")[2]: name for name, each in known.items() if each.objtype == "class"
    }
    for code in list(doctree.findall(literal)):
        text = code.astext().partition("(")[0]
        name = _public_name(text, known) or classes.get(text)
        if name is None or not text[:1].isupper() or _leads_somewhere(code):
            continue
        found = known[name]
        if found.docname != page:
            shown = code.deepcopy()
            code.replace_self(
                make_refnode(app.builder, page, found.docname, found.node_id, shown, name)
            )


def _leads_somewhere(node: Element) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, reference | title):
            return True
        parent = parent.parent
    return False
