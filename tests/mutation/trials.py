"""Run the tests on one mutant after another, each in a process forked for it.

A mistake in a function's body is made in a process that has collected the tests already: the child
swaps the function's code and runs the tests that come by the line. One that is made when the module
loads, or that survived the first way (something may have run before the swap), is tried from the
start: the child loads everything anew.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from attrs import frozen

from tests.mutation.mutants import Mutant

TESTS = ("tests/unit", "tests/properties")
# pytest would load the package by itself otherwise, to rewrite what a plugin asserts.
_OPTIONS = ("-q", "-m", "", "-p", "no:cacheprovider", "--capture=sys", "--assert=plain")
_EXAMPLES = 25  # of Hypothesis, for each property and each mutant


@frozen
class Seen:
    """What one run of the unchanged tests came by: the tests' seconds, and who ran each line.

    A test that failed then is not asked again.
    """

    failed: list[str]
    seconds: dict[str, float]
    runners: dict[str, dict[int, frozenset[str]]]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that run the line, or at least its function."""
        lines = self.runners.get(str(mutant.path), {})
        of_line = lines.get(mutant.line, frozenset())
        around = [lines.get(line, frozenset()) for line in mutant.function or ()]
        return self._quick_first(of_line or frozenset().union(*around))

    def tests_named_after(self, mutant: Mutant) -> list[str]:
        """The tests in files named after the module: the first to ask, not the only ones."""
        words = {
            "_core": (f"core_{mutant.path.stem}.py",),
            "_wire": ("wire_", "client_"),
        }.get(mutant.path.parent.name, (f"test{mutant.path.stem}",))
        return self._quick_first(
            [each for each in self.seconds if any(word in each.split("::")[0] for word in words)]
        )

    def all_tests(self, _: Mutant) -> list[str]:
        """Every test: who reads a table runs no line of it."""
        return self._quick_first(self.seconds)

    def patience(self, tests: Collection[str]) -> int:
        """Seconds after which a trial hangs."""
        return 20 + round(5 * sum(self.seconds[each] for each in tests))

    def _quick_first(self, tests: Collection[str]) -> list[str]:
        good = set(tests).difference(self.failed)
        return sorted(good, key=lambda test: (self.seconds[test], test))


def look(folder: Path) -> Seen:
    """Run the tests once as they are, in a process of its own, and see what they come by."""
    told = folder / "seen.json"
    os.waitpid(_forked(lambda: _watch(told), 3600), 0)
    seen = json.loads(told.read_text())
    names = list(seen["seconds"])
    runners = {
        path: {int(line): frozenset(names[each] for each in which) for line, which in lines.items()}
        for path, lines in seen["runners"].items()
    }
    return Seen(seen["failed"], seen["seconds"], runners)


def in_bodies(
    mutants: Sequence[Mutant], seen: Seen, folder: Path, jobs: int
) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant, and whether it was killed, by swapping code in a process with all tests collected."""
    told, write = os.pipe()

    def drive() -> int:
        tell = os.fdopen(write, "w", buffering=1)

        class Driver:
            def pytest_runtestloop(self, session: pytest.Session) -> bool:
                session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
                items = {item.nodeid: item for item in session.items}

                def attempt(mutant: Mutant) -> int:
                    if not _swap(mutant):
                        return 0
                    return _run([items[each] for each in seen.tests_of(mutant)])

                def patience(mutant: Mutant) -> int:
                    return seen.patience(seen.tests_of(mutant))

                for index, killed in _each_forked(mutants, attempt, patience, jobs):
                    print(index, int(killed), file=tell)
                return True

        _quiet()
        return int(pytest.main([*_arguments(folder / "bodies"), *TESTS], [Small(), Driver()]))

    driver = _forked(drive, 4 * 3600)
    os.close(write)
    with os.fdopen(told) as lines:
        for line in lines:
            index, killed = line.split()
            yield mutants[int(index)], killed == "1"
    os.waitpid(driver, 0)


def from_the_start(
    mutants: Sequence[Mutant],
    tests_of: Callable[[Mutant], Sequence[str]],
    seen: Seen,
    folder: Path,
    jobs: int,
) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant, and whether it was killed, with everything loaded anew for these tests."""

    def attempt(mutant: Mutant) -> int:
        if not (tests := tests_of(mutant)):
            return 0
        sys.meta_path.insert(0, _Finder(mutant))
        files = sorted({test.partition("::")[0] for test in tests})
        arguments = _arguments(folder / f"start-{os.getpid()}")
        return int(pytest.main(["-x", *arguments, *files], [Small(), Choose(tests)]))

    def patience(mutant: Mutant) -> int:
        return seen.patience(tests_of(mutant))

    for index, killed in _each_forked(mutants, attempt, patience, jobs):
        yield mutants[index], killed


class Small:
    """Few examples for each property, always the same ones, and no search for a smaller failure."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        from hypothesis import Phase, settings

        def small(usual: settings) -> settings:
            return settings(
                usual,
                max_examples=min(usual.max_examples, _EXAMPLES),
                derandomize=True,
                database=None,
                phases=(Phase.explicit, Phase.generate),
            )

        known = "_hypothesis_internal_use_settings"
        for each in items:
            function, case = getattr(each, "obj", None), getattr(each, "cls", None)
            function = getattr(function, "__func__", function)
            if isinstance(usual := getattr(function, known, None), settings):
                setattr(function, known, small(usual))
            if isinstance(usual := getattr(case, "settings", None), settings):
                case.settings = small(usual)  # type: ignore[union-attr]


@frozen
class Choose:
    """Run these tests only, in this order."""

    tests: Sequence[str]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        by_id = {item.nodeid: item for item in items}
        items[:] = [by_id[test] for test in self.tests if test in by_id]


class _Watch:
    """Tell the coverage measurement which test runs, and remember how long each took."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)


def _watch(told: Path) -> int:
    from coverage import Coverage

    coverage = Coverage(
        data_file=None,
        config_file=False,
        source_pkgs=["gett_checkout"],
        messages=False,
    )
    watch = _Watch(coverage)
    _quiet()
    coverage.start()
    status = int(pytest.main([*_arguments(told.parent / "look"), *TESTS], [Small(), watch]))
    coverage.stop()
    number = {test: index for index, test in enumerate(watch.seconds)}
    data = coverage.get_data()
    runners = {
        path: {
            line: [number[test] for test in tests if test]
            for line, tests in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }
    seen = {"failed": watch.failed, "seconds": watch.seconds, "runners": runners}
    told.write_text(json.dumps(seen))
    return status


def _swap(mutant: Mutant) -> bool:
    """Put the mistake into the functions that exist; whether that could be done."""
    new = {(each.co_qualname, each.co_firstlineno): each for each in _codes(mutant.code())}
    done = False
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == str(mutant.path):
            old = each.__code__
            code = new.get((old.co_qualname, old.co_firstlineno))
            if code is not None and code.co_freevars == old.co_freevars and code != old:
                each.__code__ = code
                done = True
    return done


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _run(items: Sequence[pytest.Item]) -> int:
    """Run the tests up to the first failure; whether there is one."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            return 1
    return 0


class _Finder(importlib.abc.MetaPathFinder):
    """Loads the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        loader = _Loader(fullname, str(self._mutant.path), self._mutant)
        return importlib.util.spec_from_file_location(fullname, self._mutant.path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return self._mutant.code()


def _arguments(basetemp: Path) -> list[str]:
    return [*_OPTIONS, f"--basetemp={basetemp}"]


def _each_forked(
    mutants: Sequence[Mutant],
    attempt: Callable[[Mutant], int],
    patience: Callable[[Mutant], int],
    jobs: int,
) -> Iterator[tuple[int, bool]]:
    """The index of each mutant and whether its trial failed, as they end; ``jobs`` at a time."""
    running: dict[int, int] = {}

    def ended() -> tuple[int, bool]:
        pid, status = os.wait()
        return running.pop(pid), status != 0

    for index, mutant in enumerate(mutants):
        if len(running) == jobs:
            yield ended()

        def trial(mutant: Mutant = mutant) -> int:
            _quiet()
            return attempt(mutant)

        running[_forked(trial, patience(mutant))] = index
    while running:
        yield ended()


def _forked(work: Callable[[], int], patience: int) -> int:
    """Do the work in a forked process and end it there; a signal ends it when it takes too long."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(patience)
        status = work()
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        traceback.print_exc()
    finally:
        os._exit(min(status, 1))


def _quiet() -> None:
    """Say nothing from here on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
