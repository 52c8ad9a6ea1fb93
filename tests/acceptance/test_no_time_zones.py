"""A platform without a time zone database, as Windows and Alpine are: everything runs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest

from gett_checkout.sandbox.menus import STORES
from gett_checkout.sandbox.storefront import Menu, Store

pytestmark = pytest.mark.slow

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
    assert done.stderr.count("opening hours are not checked") == 1
    assert done.stderr.count("reads hours in America/New_York as UTC-05:00") == 1


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
    assert done.stderr.count("opening hours are not checked") == 1


def test_the_sandbox_reads_hours_by_a_fixed_offset() -> None:
    done = run(
        """
        from datetime import UTC, datetime
        from gett_checkout.sandbox.menus import STORES
        from gett_checkout.sandbox.storefront import Menu, Store

        document, catalog_set = next(iter(STORES))
        lunch = {"dayOfWeek": "MONDAY", "start": "12:00:00", "end": "14:00:00"}
        store = Store({**document, "availability": [lunch]}, Menu(catalog_set))
        opened = [store.is_open(datetime(2026, 7, 6, hour, tzinfo=UTC)) for hour in (16, 17, 18, 19)]
        assert opened == [False, True, True, False], opened
        """
    )
    assert done.returncode == 0, done.stderr


def test_with_a_database_a_zone_it_does_not_know_is_an_error() -> None:
    document, catalog_set = next(iter(STORES))
    with pytest.raises(ZoneInfoNotFoundError, match="Atlantis"):
        Store({**document, "timezone": "Atlantis/Capital"}, Menu(catalog_set))
