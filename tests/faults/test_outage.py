"""Gett is away for half an hour: how soon an order is known, and that nobody is told that all is well."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gett_checkout import Checkouts, GettClient, OutcomeUnknownError
from gett_checkout import _commands as commands
from gett_checkout._cli import _parser
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.testing import Clock
from tests.acceptance.shopping import until_payable
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

OUTAGE, PASS = 30, 60


@pytest.mark.parametrize("fault", ["drop_before", "error"])
async def test_an_order_is_known_within_five_minutes_of_getts_return(
    gett: GettClient,
    sandbox: Sandbox,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    """A pass a minute of the command itself, whose exit status an alert goes by."""
    url = f"sqlite:///{tmp_path / 'checkouts.db'}"
    monkeypatch.setenv("GETT_API_KEY", sandbox.api_key)
    monkeypatch.setattr(commands, "_now", clock)
    monkeypatch.setattr(
        commands, "GettClient", partial(GettClient, sleep=clock.sleep, jitter=lambda: 0.5)
    )
    asked = ["reconcile", "--storage", url, "--base-url", sandbox.url]
    reconcile = partial(commands.run, _parser().parse_args(asked))

    async with SQLiteStorage(tmp_path / "checkouts.db", clock=clock) as storage:
        checkouts = Checkouts(gett, storage=storage)
        checkout = await checkouts.start()
        await until_payable(checkout)
        sandbox.switches.fail("place_order", "drop_after")
        sandbox.switches.fail("place_order", fault, times=10_000)  # type: ignore[arg-type]
        with pytest.raises(OutcomeUnknownError):
            await place_as_shown(checkout)
        for _ in range(OUTAGE):
            assert await reconcile() == 1, capsys.readouterr().out
            clock.advance(PASS)
        assert "1 still unknown, oldest " in capsys.readouterr().out
        sandbox.switches.faults.clear()
        back = clock()
        while await reconcile():
            assert (await checkouts.open(checkout.id)).view.stage == "placing"
            clock.advance(PASS)
        assert (clock() - back).total_seconds() <= 300
        assert (await checkouts.open(checkout.id)).view.stage == "placed"
    assert len(sandbox.orders) == 1
    assert sandbox.count("place_order") < 60, "an outage is no reason to hammer"
