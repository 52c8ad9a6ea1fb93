"""The pages for machine readers: ``llms.txt``, ``llms-full.txt``, and each page as Markdown.

As specified at https://llmstxt.org. Prose is the page's own Markdown with the tables filled in;
autodoc's output is Sphinx's plain text. All files are written beside the HTML pages, so a link from
page to page works in each form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

from docutils.nodes import Element, document, paragraph
from docutils.utils import new_document
from sphinx.addnodes import desc, toctree
from sphinx.application import Sphinx
from sphinx.builders.text import TextBuilder
from sphinx.environment import BuildEnvironment
from sphinx.writers.text import TextTranslator

Read = Callable[[str], str]
"""Reads the source of a page by its name, with the tables filled in."""

_DIRECTIVE: Final = re.compile(r"^```\{([\w-]+)\} ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_OBJECT: Final = re.compile(r"^\.\. (?:auto\w+|data)::", re.MULTILINE)
# Comments, the diagram (the tables below it say the same), and the contents, which are `overview`.
_LEFT_OUT: Final = re.compile(
    r"^(?:<!--.*?-->\n|<div.*?</div>\n\n|```\{toctree\}.*?```\n+)", re.MULTILINE | re.DOTALL
)
_TO_A_PAGE: Final = re.compile(r"\]\(((?:[\w./-]+\.md)?(?:#[\w-]+)?)\)")


def write(app: Sphinx, read: Read) -> None:
    """Write all files into the folder of the HTML pages."""
    out, env = Path(app.outdir), app.env
    pages = [env.config.root_doc, *(page for each in sections(env).values() for page in each)]
    texts = {page: markdown(app, page, read) for page in pages}
    for page, text in texts.items():
        (out / f"{page}.md").write_text(text, encoding="utf-8")
    (out / "llms.txt").write_text(overview(env), encoding="utf-8")
    whole = (f"<!-- {page}.md -->\n\n{from_root(page, text)}" for page, text in texts.items())
    (out / "llms-full.txt").write_text("\n".join(whole), encoding="utf-8")


def sections(env: BuildEnvironment) -> dict[str, list[str]]:
    """Return every page but the first in reading order, under its caption there."""

    def from_here(page: str) -> Iterator[str]:
        yield page
        for below in env.toctree_includes.get(page, ()):
            yield from from_here(below)

    return {
        contents["caption"]: [page for top in contents["includefiles"] for page in from_here(top)]
        for contents in env.get_doctree(env.config.root_doc).findall(toctree)
    }


def overview(env: BuildEnvironment) -> str:
    """Return the text of ``llms.txt``: a description, and the first sentence of each page."""
    root = env.config.root_doc
    lines = [
        *(f"# {env.titles[root].astext()}", ""),
        *(f"> {opening(env, root)}", ""),
        f"This is version {env.config.release}. All pages in one file: [llms-full.txt](llms-full.txt).",
        f"The page to begin with: [{root}.md]({root}.md).",
    ]
    for caption, pages in sections(env).items():
        lines += ["", f"## {caption}", ""]
        for page in pages:
            sentence = re.split(r"(?<=[.])\s", opening(env, page))[0].removesuffix(":").rstrip(".")
            lines.append(f"- [{env.titles[page].astext()}]({page}.md): {sentence}.")
    return "\n".join([*lines, ""])


def opening(env: BuildEnvironment, page: str) -> str:
    """Return the first paragraph of a page, in one line."""
    return " ".join(next(env.get_doctree(page).findall(paragraph)).astext().split())


def from_root(page: str, text: str) -> str:
    """Return a page's text with its links relative to the folder of all pages."""

    def link(found: re.Match[str]) -> str:
        path, hash_, heading = found[1].partition("#")
        whole = normpath(join(dirname(page), path)) if path else f"{page}.md"
        return f"]({whole}{hash_}{heading})"

    return _TO_A_PAGE.sub(link, text)


def markdown(app: Sphinx, page: str, read: Read) -> str:
    """Return a page as Markdown that is readable without Sphinx."""
    folder = Path(app.env.doc2path(page)).parent
    objects = _objects(app.env.get_and_resolve_doctree(page, app.builder))

    def plain(directive: re.Match[str]) -> str:
        name, argument, body = directive.groups()
        match name:
            case "glossary":
                return re.sub(r"^(\S.*)\n  ", r"**\1**\n: ", body, flags=re.MULTILINE).rstrip()
            case "include":  # the changelog, which stands beside docs/
                return (folder / argument).read_text("utf-8").replace("](docs/", "](").rstrip()
            case "literalinclude":
                return f"```python\n{(folder / argument).read_text('utf-8')}```"
            case "eval-rst":
                texts = [_text(app, next(objects)) for _ in _OBJECT.findall(body)]
                return "```text\n" + "\n\n".join(texts) + "\n```"
        raise ValueError(f"{page}.md: {{{name}}} has no form in plain Markdown")

    text = _DIRECTIVE.sub(plain, _LEFT_OUT.sub("", read(page)))
    if next(objects, None) is not None:
        raise ValueError(f"{page}.md: more is described than its directives say")
    return text.strip() + "\n"


def _objects(tree: document) -> Iterator[Element]:
    """Yield the objects that autodoc describes on a page; a class is one, with its members."""
    return (each for each in tree.findall(desc) if not _within_another(each))


def _within_another(node: Element) -> bool:
    parent = node.parent
    while parent is not None and not isinstance(parent, desc):
        parent = parent.parent
    return parent is not None


def _text(app: Sphinx, described: Element) -> str:
    """Return an object's signature and docstring, with its members below."""
    alone = new_document("")
    alone += described.deepcopy()
    translator = _Translator(alone, TextBuilder(app, app.env))
    alone.walkabout(translator)
    return str(translator.body).strip()


class _Translator(TextTranslator):
    """Sphinx's plain text, with code in backticks."""

    def visit_literal(self, node: Element) -> None:
        self.add_text("`")

    depart_literal = visit_literal
