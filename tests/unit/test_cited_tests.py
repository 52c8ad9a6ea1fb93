"""A page that says how something is shown names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CITED = [
    (page.name, path, test)
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    for path, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
]


@pytest.mark.parametrize(("page", "path", "test"), CITED, ids=["::".join(each) for each in CITED])
def test_a_cited_test_is_there(page: str, path: str, test: str) -> None:
    source = ROOT / path
    assert source.exists(), f"{page} cites {path}"
    assert re.search(rf"^(async )?def {test}\(", source.read_text(), re.MULTILINE), test


def test_the_claims_of_the_security_page_are_shown() -> None:
    assert len([page for page, _, _ in CITED if page == "SECURITY.md"]) > 20
