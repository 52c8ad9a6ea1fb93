"""The documentation for readers that are machines, as the docs build writes it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest

import gett_checkout
from gett_docs import tables

pytest.importorskip("sphinx")
from gett_docs.llms import from_root

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {page.relative_to(DOCS).as_posix() for page in DOCS.glob("**/*.md")}
LINK = re.compile(r"\]\(([^)\s]+)\)|href=\"([^\"]+)\"")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "-n",
        "--keep-going",
        str(DOCS),
        str(folder),
    ]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def overview(site: Path) -> str:
    return (site / "llms.txt").read_text()


@pytest.fixture(scope="module")
def whole(site: Path) -> str:
    return (site / "llms-full.txt").read_text()


@pytest.fixture(scope="module")
def parts(whole: str) -> dict[str, str]:
    """The pages of the one file, by their names."""
    nothing, *found = re.split(r"^<!-- (\S+\.md) -->\n", whole, flags=re.MULTILINE)
    assert nothing == ""
    assert len(found) == 2 * len(PAGES)  # each of them once
    return dict(zip(found[::2], found[1::2], strict=True))


def links(text: str) -> Iterator[str]:
    for found in LINK.finditer(FENCE.sub("", text)):
        target = found[1] or found[2]
        if not target.startswith(("http://", "https://")):
            yield target


def anchors(page: str) -> set[str]:
    """What the headings of a page are linked by, as on GitHub."""
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_llms_txt_has_the_shape_of_llmstxt_org(overview: str) -> None:
    head, *sections = overview.split("\n## ")
    assert re.match(r"# gett_checkout\n\n> Take a shopper.s food order .+\.\n\n", head)
    assert list(links(head)) == ["llms-full.txt", "index.md"]
    names = [section.partition("\n\n")[0] for section in sections]
    assert names == [
        *("Begin", "The page", "Test", "Operate", "Extend", "How it works", "Reference")
    ]
    for section in sections:
        for line in section.partition("\n\n")[2].strip().splitlines():
            assert re.fullmatch(r"- \[[^\]]+\]\([\w/-]+\.md\): [^:].{10,}\.", line)


def test_every_page_is_linked_once_and_is_there_as_markdown(site: Path, overview: str) -> None:
    linked = [link for link in links(overview) if link.endswith(".md")]
    assert sorted(linked) == sorted(PAGES)
    for page in PAGES:
        assert (site / page).read_text().startswith("# ")


def test_the_one_file_has_every_page_in_reading_order(
    site: Path, overview: str, parts: dict[str, str]
) -> None:
    assert list(parts) == [link for link in links(overview) if link.endswith(".md")]
    for name, part in parts.items():
        assert (
            part.strip() == from_root(name.removesuffix(".md"), (site / name).read_text()).strip()
        )
        written = FENCE.sub("", (DOCS / name).read_text())
        for head in re.findall(r"^#+ .*$", written, re.MULTILINE):
            assert f"\n{head}\n" in f"\n{part}", name


def test_every_link_leads_somewhere(site: Path, parts: dict[str, str]) -> None:
    found = 0
    for name, part in parts.items():
        for text, folder in ((part, ""), ((site / name).read_text(), dirname(name))):
            for link in links(text):
                path, _, anchor = link.partition("#")
                target = normpath(join(folder, path)) if path else name
                assert (site / target).is_file(), (name, link)
                assert not anchor or anchor in anchors(parts[target]), (name, link)
                found += 1
    assert found > 200


def test_the_tables_are_in_their_places(parts: dict[str, str]) -> None:
    # The diagram is told as the tables below it; the others are directives, which Sphinx reads.
    elsewhere = {"stages_diagram", "error_classes", "sandbox_literals"}
    found = 0
    for name, part in parts.items():
        source = (DOCS / name).read_text()
        made = {each: tables.TABLES[each]() for each in tables.tables_of(source)}
        made |= {each: tables.BUILT[each]() for each in tables.asked_for(source)}
        for other in elsewhere:
            made.pop(other, None)
        for table, text in made.items():
            assert from_root(name.removesuffix(".md"), text).strip() in part, (name, table)
            found += 1
    assert found == len(tables.TABLES) + len(tables.BUILT) - len(elsewhere)


def test_what_autodoc_reads_off_the_code_is_there(parts: dict[str, str]) -> None:
    reference = "".join(part for name, part in parts.items() if name.startswith("api/"))
    for name in set(gett_checkout.__all__) - {"__version__"}:
        assert re.search(rf"\b{name}\b", reference), name
    assert re.search(r"\bplace\(\s*\*,\s*total: ", parts["api/checkouts.md"])


def test_other_files_are_in_place(parts: dict[str, str]) -> None:
    assert (ROOT / "examples" / "shop.py").read_text() in parts["test-a-backend.md"]
    assert "\n## [0.1.0]" in parts["changelog.md"]
    assert "**lease**\n: " in parts["glossary.md"]


def test_nothing_is_left_of_sphinx_or_of_the_machine(site: Path, whole: str) -> None:
    left = r"```\{|:::|<!-- (?!\S+\.md -->)|<svg|^\.\. \w+::|object at 0x| \bat 0x[0-9a-f]+"
    assert not re.search(left, whole, re.MULTILINE)
    for folder in (ROOT, site, Path(sys.prefix), Path.home(), Path(gett_checkout.__file__).parent):
        assert f"{folder}/" not in whole
