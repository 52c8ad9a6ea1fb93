"""``python -m tests.mutation``: how many small mistakes in the pure modules the tests notice.

Each mutant is the code with one mistake in it. One that no test of ``tests/unit`` and
``tests/properties`` notices has survived: a test is missing, or the mistake changes nothing that
anybody could see. ``survivors.toml`` beside this file says which those are, and why.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# Loaded once, before anything is forked. Nothing of ours: a trial loads that itself.
import aiohttp  # noqa: F401
import cattrs  # noqa: F401
import hypothesis.stateful  # noqa: F401
import msgspec  # noqa: F401

from tests.mutation import trials
from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
PURE = ("_core/*", "_wire/*", "_inputs", "_json", "_rate_limits", "_retry", "_snapshot")
EXPLAINED = Path(__file__).with_name("survivors.toml")
RESULTS = ROOT / ".test-output" / "mutation.json"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("modules", nargs="*", help="such as _core/machine.py; all without")
    parser.add_argument("--sample", type=float, default=1.0, help="this part of the mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at a time")
    parser.add_argument("--again", action="store_true", help="last time's survivors only")
    options = parser.parse_args()
    os.chdir(ROOT)
    started = time.monotonic()

    mutants = chosen(options.modules)
    if options.again:
        last = set(json.loads(RESULTS.read_text())["survivors"])
        mutants = [each for each in mutants if each.name in last]
    if options.sample < 1:
        picked = random.Random(options.seed).sample(mutants, round(options.sample * len(mutants)))
        mutants = sorted(picked, key=mutants.index)

    explained: dict[str, str] = tomllib.loads(EXPLAINED.read_text())
    with tempfile.TemporaryDirectory(prefix="gett-mutation-") as folder:
        seen = trials.look(Path(folder))
        for each in seen.failed:
            say(started, f"fails as it is, so it is left out: {each}")
        say(started, f"{len(seen.seconds)} tests, {len(mutants)} mutants")
        survivors = tried(mutants, seen, Path(folder), options.jobs or 1, started)

    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"survivors": [each.name for each in survivors]}, indent=1))
    report(mutants, survivors, explained)
    say(started, "done")
    return 1 if any(each.name not in explained for each in survivors) else 0


def chosen(modules: list[str]) -> list[Mutant]:
    """Every mutant of the modules asked for."""
    package = ROOT / "gett_checkout"
    paths = sorted(path for part in PURE for path in package.glob(f"{part}.py"))
    return [
        mutant
        for path in paths
        if not modules or path.relative_to(package).as_posix() in modules
        for mutant in mutants_of(path, ".".join(path.relative_to(ROOT).with_suffix("").parts))
    ]


def tried(
    mutants: list[Mutant], seen: trials.Seen, folder: Path, jobs: int, started: float
) -> list[Mutant]:
    """Those that no test noticed."""
    left = {id(each): each for each in mutants}

    def run(what: str, tried: list[Mutant], outcomes: Iterator[tuple[Mutant, bool]]) -> None:
        say(started, f"{what}: {len(tried)}")
        for count, (mutant, killed) in enumerate(outcomes, 1):
            if killed:
                del left[id(mutant)]
            else:
                print(f"  {mutant.name}", flush=True)
            if not count % 100:
                say(started, f"{count} of {len(tried)}")

    in_bodies = [each for each in mutants if each.function]
    run("in functions", in_bodies, trials.in_bodies(in_bodies, seen, folder, jobs))
    anew = list(left.values())
    own = trials.from_the_start(anew, seen.tests_named_after, seen, folder, jobs)
    run("from the start, by the module's own tests", anew, own)
    rest = [each for each in left.values() if not each.function]
    every = trials.from_the_start(rest, seen.all_tests, seen, folder, jobs)
    run("from the start, by all tests", rest, every)
    return list(left.values())


def report(mutants: list[Mutant], survivors: list[Mutant], explained: dict[str, str]) -> None:
    """The figures of each module, and what is to do."""
    of, alive = Counter(m.module for m in mutants), Counter(m.module for m in survivors)
    for module, count in [*of.items(), ("all", len(mutants))]:
        lived = alive[module] if module != "all" else len(survivors)
        print(f"{module:38}{count:6} mutants{count - lived:6} killed{lived:5} survived")
    known = sum(each.name in explained for each in survivors)
    print(f"\n{known} survivors are explained in {EXPLAINED.relative_to(ROOT)}. The others:")
    for each in survivors:
        if each.name not in explained:
            print(f"  {each.path.relative_to(ROOT)}:{each.line}: {each.name}")


def say(started: float, what: str) -> None:
    print(f"{time.monotonic() - started:5.0f} s  {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
