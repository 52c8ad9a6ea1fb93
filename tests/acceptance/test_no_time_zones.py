"""A platform without a time zone database, as Windows and Alpine are: everything runs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

NO_ZONES = """
    import logging, sys
    sys.modules["tzdata"] = None  # and PYTHONTZPATH is empty
    logging.basicConfig(level=logging.WARNING)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(NO_ZONES) + textwrap.dedent(script)],
        env={**os.environ, "PYTHONTZPATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demo_runs_and_hours_are_said_not_to_be_judged() -> None:
    done = run(
        """
        from gett_checkout._cli import main
        sys.exit(main(["demo"]))
        """
    )
    assert done.returncode == 0, done.stderr
    assert "orders made: 1" in done.stdout
    assert done.stderr.count("hours are not judged") == 1


def test_it_is_said_once_and_a_closed_store_is_the_servers_to_refuse() -> None:
    done = run(
        """
        import asyncio
        from gett_checkout import Checkouts, GettClient
        from gett_checkout.sandbox import Sandbox

        async def main():
            async with (
                Sandbox() as sandbox,
                GettClient(sandbox.api_key, base_url=sandbox.url) as gett,
            ):
                for _ in range(3):
                    checkout = await Checkouts(gett).start()
                    await checkout.browse("store_bella_napoli")
                    assert checkout.view.store.is_open is None
                    assert "store_open" not in {each.code for each in checkout.view.requirements}

        asyncio.run(main())
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("hours are not judged") == 1
