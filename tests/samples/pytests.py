"""A pytest of its own, for tests of what is used within pytest."""

from __future__ import annotations

from typing import Final

import pytest

# Far longer than any run takes: a sandbox that stands still fails a test, and does not stop it.
_RUN_SECONDS: Final = 600


def run_pytest(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run what is there, in a process of its own."""
    # No run needs these two, and they take longer to load than its tests to run.
    without = ("-p", "no:schemathesis", "-p", "no:hypothesispytest")
    return pytester.runpytest_subprocess(*without, *options, timeout=_RUN_SECONDS)
