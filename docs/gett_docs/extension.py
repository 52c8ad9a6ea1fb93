"""The Sphinx side: generated blocks in pages, and public names under the package they are used from."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

import gett_checkout
from gett_docs.tables import asked_for, fill

# Got from a checkout or from `Checkouts`, never made by hand: what they are made of is nobody's concern.
_GIVEN: Final = {"gett_checkout.Checkout", "gett_checkout.Opening"}
_CLASS: Final = re.compile(r"[A-Z][A-Za-z]*[a-z]")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    _at_home()
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", _made_from_code)
    app.connect("autodoc-process-signature", _signature)
    app.connect("missing-reference", _public_or_code)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _at_home() -> None:
    """Document each public name as ``gett_checkout.Name``, wherever it is defined."""
    for name in gett_checkout.__all__:
        public = getattr(gett_checkout, name)
        if inspect.isclass(public):
            public.__module__ = "gett_checkout"


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = fill(source[0])


def _made_from_code(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Pages with generated blocks are read again at every build."""
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
    """A default that is made anew each time is shown as such."""
    if name in _GIVEN:
        return "", None
    return (signature.replace("NOTHING", "...") if signature else signature), returns


def _public_or_code(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element
) -> Element | None:
    """What stands in single backticks in a docstring: a public name, or else a bit of code.

    A word that looks like a class and is none stays missing, and is warned about.
    """
    if node["reftype"] != "obj":
        return None
    name = node["reftarget"]
    known = env.domains.python_domain.objects.get(f"gett_checkout.{name}")
    if known is not None:
        return make_refnode(app.builder, node["refdoc"], known.docname, known.node_id, [text])
    return None if _CLASS.fullmatch(name) else text
