"""How the tests are collected and reported: modules of slow tests left out, skips that fail CI."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# A contributor's run draws few examples, `--hypothesis-profile=thorough` draws more; both always the same.
for profile, examples in (("quick", 25), ("thorough", 200)):
    settings.register_profile(profile, max_examples=examples, deadline=None, derandomize=True)
settings.load_profile("quick")

# Tests of what is outside the repository: a real host, the public schema beside it.
_EXCUSED = {"live", "outside"}

# A module of which every test is slow says so by itself.
_SLOW = re.compile(r"^pytestmark = (\[\s+)?pytest\.mark\.slow\b", re.MULTILINE)


def pytest_configure(config: pytest.Config) -> None:
    """Run all of a module that is named, slow or not."""
    modules = [named.partition("::")[0] for named in config.args]
    if config.option.markexpr == "not slow" and all(name.endswith(".py") for name in modules):
        config.option.markexpr = ""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run what is named in this process: a few tests take less time than more processes to start."""
    return None if config.args_source is config.ArgsSource.TESTPATHS else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed, a test that is skipped tests nothing and says so by failing."""
    report = yield
    if (
        report.skipped
        and os.environ.get("GETT_SKIP_FAILS")
        and not _EXCUSED & {m.name for m in item.iter_markers()}
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped where a skip is a failure: {report.longrepr}"
    return report


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import modules all of whose tests are deselected: that takes longer than many tests."""
    if config.option.markexpr != "not slow":
        return None
    paths = collection_path.rglob("test_*.py") if collection_path.is_dir() else [collection_path]
    modules = [path.read_text() for path in paths if path.suffix == ".py"]
    return (bool(modules) and all(map(_SLOW.search, modules))) or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, then spare it what was collected: that lives to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
