"""A pytest of its own, for tests of what is used within pytest."""

from __future__ import annotations

from typing import Final

import pytest

# Far longer than any run takes: a sandbox that stands still fails a test, and does not stop it.
_RUN_SECONDS: Final = 600


def run_pytest(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run what is there, in a process of its own."""
    # Schemathesis has a plugin that takes a second to load, and no run needs it.
    return pytester.runpytest_subprocess("-p", "no:schemathesis", *options, timeout=_RUN_SECONDS)
