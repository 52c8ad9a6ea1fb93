"""Checkouts saved by each release go on loading: ``tests/samples/snapshots/RELEASE/STAGE.json``.

A release adds a folder of its own with ``python -m tests.unit.test_saved_snapshots`` and never changes an
older one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gett_checkout import Stage, __version__
from tests.samples import saved as snapshot
from tests.samples.states import state_at

FOLDER = Path(__file__).parents[1] / "samples" / "snapshots"
SAVED = sorted(FOLDER.glob("*/*.json"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_saved_checkout_loads_as_it_was(path: Path) -> None:
    assert snapshot.load(path.read_bytes()) == state_at(Stage(path.stem))


def test_this_release_has_saved_every_stage() -> None:
    assert {path.stem for path in SAVED if path.parent.name == __version__} == set(Stage)


if __name__ == "__main__":
    folder = FOLDER / __version__
    folder.mkdir()
    for stage in Stage:
        (folder / f"{stage}.json").write_bytes(snapshot.dump(state_at(stage)))
