"""``python -m tests.mutation``: which small mistakes in the pure modules no test notices.

A mistake in a function is made in a fork of a process that has collected the tests, which then runs
those that come by its line. One that is made as the module loads, or that survived the first way (a
cache may hold what ran before), is made in a fork that loads everything anew. What survives both lacks
a test, or changes nothing that anybody could see: ``survivors.toml`` says which those are, and why.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shlex
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

# Loaded once, before anything is forked. Nothing of ours: a trial loads that itself.
import aiohttp  # noqa: F401
import cattrs  # noqa: F401
import hypothesis.stateful
import msgspec  # noqa: F401
import pytest
from coverage import Coverage

from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gett_checkout"
PURE = ("_core/*", "_wire/*", "_inputs", "_json", "_money", "_rate_limits", "_retry", "_snapshot")
TESTS = ("tests/unit", "tests/properties")
OPTIONS = (
    "-x -m '' -o addopts= -p no:cacheprovider -p no:terminal -p no:schemathesis --assert=plain"
)
FEW = {"derandomize": True, "database": None, "phases": tuple(hypothesis.Phase)[:3]}
EXPLAINED = Path(__file__).with_name("survivors.toml")
LAST = ROOT / ".test-output" / "mutation.json"
STARTED = time.monotonic()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="*", help="such as _core/machine.py (default: all)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at a time")
    parser.add_argument("--again", action="store_true", help="last time's survivors only")
    options = parser.parse_args()
    os.chdir(ROOT)
    paths = {
        path.relative_to(PACKAGE).as_posix(): path
        for part in PURE
        for path in sorted(PACKAGE.glob(f"{part}.py"))
    }
    if unknown := sorted({*options.modules} - {*paths}):
        parser.error(f"not a pure module: {', '.join(unknown)}")
    mutants = [
        mutant
        for name, path in paths.items()
        if not options.modules or name in options.modules
        for mutant in mutants_of(path, ".".join(path.relative_to(ROOT).with_suffix("").parts))
        if not options.again or mutant.name in json.loads(LAST.read_text())
    ]
    explained = tomllib.loads(EXPLAINED.read_text())
    with tempfile.TemporaryDirectory(prefix="gett-mutation-") as folder:
        survivors = survivors_of(mutants, explained, Path(folder), options.jobs)

    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(json.dumps(survivors, indent=1))
    alive = Counter(name.partition(":")[0] for name in survivors)
    made = Counter(each.name.partition(":")[0] for each in mutants)
    for module, count in made.items():
        print(f"{module:24}{count:6} mutants{alive[module]:5} survived")
    lacking = [name for name in survivors if name not in explained]
    known = {name for name in explained if name.partition(":")[0] in made} - set(survivors)
    stale = [] if options.again else sorted(known)
    say(f"{len(mutants)} mutants, {len(survivors)} survived; not explained:", *lacking)
    say("explained, but not survived:", *stale)
    return 1 if lacking or stale else 0


def survivors_of(
    mutants: list[Mutant], explained: dict[str, str], folder: Path, jobs: int
) -> list[str]:
    """The names of the mutants that no test notices."""

    def anew(mutant: Mutant) -> bool:
        """Load everything with the mutant; run the tests named after its module, then all of them."""
        usual = SourceFileLoader.get_code

        def get_code(self: SourceFileLoader, name: str) -> CodeType | None:
            return mutant.code() if name == mutant.module else usual(self, name)

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
        part, stem = mutant.path.parent.name, mutant.path.stem
        word = {"_core": f"core_{stem}.", "_wire": "wire_"}.get(part, f"test{stem}.")
        own = [str(each) for each in Path("tests/unit").glob("test_*.py") if word in each.name]
        if own and run_pytest(folder, own):
            return True
        return mutant.name not in explained and run_pytest(folder, TESTS)

    told = folder / "survived.json"
    in_functions = [each for each in mutants if each.lines]
    in_place = InPlace(in_functions, told, jobs)
    os.waitpid(_fork(lambda: run_pytest(folder, TESTS, in_place), 4 * 3600), 0)
    survived = set(json.loads(told.read_text()))
    left = [each for each in mutants if not each.lines or each.name in survived]
    return trials(left, anew, lambda _: 900, jobs)


class InPlace:
    """Where the tests are collected: tries each mutant on the tests that run its line."""

    def __init__(self, mutants: list[Mutant], told: Path, jobs: int) -> None:
        self.mutants, self.told, self.jobs = mutants, told, jobs

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        os.waitpid(_fork(lambda: self.look(session.items), 3600), 0)
        seconds: list[float]
        runners: dict[str, dict[str, list[int]]]
        seconds, runners = json.loads(self.told.read_text())
        gc.unfreeze()  # what is frozen is not listed
        functions = defaultdict[Any, list[FunctionType]](list)
        for each in gc.get_objects():
            if isinstance(each, FunctionType):
                functions[_place(each.__code__)].append(each)

        def tests_of(mutant: Mutant) -> list[int]:
            """Those that run the line, or at least its function; the quick ones first."""
            lines = runners.get(str(mutant.path), {})
            around = (test for line in mutant.lines for test in lines.get(str(line), ()))
            return sorted(set(lines.get(str(mutant.line)) or around), key=seconds.__getitem__)

        def swapped(mutant: Mutant) -> bool:
            for code in _codes(mutant.code()):
                for each in functions[_place(code)]:
                    if each.__code__.co_freevars == code.co_freevars:
                        each.__code__ = code
            return any(run_item(session.items[each]) for each in tests_of(mutant))

        def patience(mutant: Mutant) -> int:
            return 20 + round(5 * sum(seconds[each] for each in tests_of(mutant)))

        self.told.write_text(json.dumps(trials(self.mutants, swapped, patience, self.jobs)))
        return True

    def pytest_internalerror(self, excrepr: object) -> None:
        print(excrepr, file=sys.__stderr__)

    def look(self, items: Sequence[pytest.Item]) -> bool:
        """Run the tests as they are: how long each takes, and which lines it runs."""
        coverage = Coverage(data_file=None, config_file=False, include=[f"{PACKAGE}/*"])
        seconds: list[float] = []
        coverage.start()
        for index, item in enumerate(items):
            coverage.switch_context(str(index))
            started = time.monotonic()
            if run_item(item):
                raise RuntimeError(f"it fails as it is: {item.nodeid}")
            seconds.append(time.monotonic() - started)
        coverage.stop()
        data = coverage.get_data()
        runners = {
            path: {
                line: [int(test) for test in tests if test]
                for line, tests in data.contexts_by_lineno(path).items()
            }
            for path in data.measured_files()
        }
        self.told.write_text(json.dumps([seconds, runners]))
        return False


class FewExamples:
    """Draw few examples for each property, always the same, and search for no smaller failure."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        for item in items:
            function = getattr(item.obj, "__func__", item.obj)
            for owner, name in (
                (function, "_hypothesis_internal_use_settings"),
                (item.cls, "settings"),
            ):
                if isinstance(usual := getattr(owner, name, None), hypothesis.settings):
                    few: Any = FEW | {"max_examples": min(usual.max_examples, 25)}
                    setattr(owner, name, hypothesis.settings(usual, **few))


def run_pytest(folder: Path, what: Sequence[str], *plugins: object) -> bool:
    """Run these tests, or what a plugin does in their place; whether one failed."""
    options = [*shlex.split(OPTIONS), f"--basetemp={folder / str(os.getpid())}"]
    return pytest.main([*options, *what], [FewExamples(), *plugins]) != 0


def run_item(item: pytest.Item) -> bool:
    """Run one test; whether any has failed so far."""
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return item.session.testsfailed > 0


def trials(
    mutants: Sequence[Mutant],
    attempt: Callable[[Mutant], bool],
    patience: Callable[[Mutant], int],
    jobs: int,
) -> list[str]:
    """The names of those whose attempt, each in a fork of its own, notices nothing."""
    running: dict[int, Mutant] = {}
    survived: list[str] = []
    for count, mutant in enumerate([*mutants, *[None] * jobs]):
        if len(running) == jobs or (running and mutant is None):
            pid, status = os.wait()
            name = running.pop(pid).name
            if status == 0:
                survived.append(name)
                print(f"  {name}", file=sys.__stdout__, flush=True)
        if mutant is not None:
            work = partial(attempt, mutant)
            running[_fork(work, patience(mutant), quiet=True)] = mutant
        if not count % 100:
            say(f"{count} of {len(mutants)}, {len(survived)} survived")
    return survived


def _fork(work: Callable[[], bool], patience: int, *, quiet: bool = False) -> int:
    """Do the work in a fork, which ends with 1 if that is true, fails, or takes too long."""
    if pid := os.fork():
        return pid
    status = True
    try:
        signal.alarm(patience)
        for stream in (1, 2) if quiet else ():
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        status = work()
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from (each, *_codes(each))


def say(*what: str) -> None:
    print(
        f"{time.monotonic() - STARTED:5.0f} s ", "\n  ".join(what), file=sys.__stdout__, flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
