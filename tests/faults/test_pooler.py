"""Reconciling through a PostgreSQL pooler that gives each transaction another connection."""

from __future__ import annotations

import pytest

from gett_checkout import Checkouts, GettClient, OutcomeUnknownError
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import open_storage
from gett_checkout.testing import Clock
from tests.acceptance.shopping import outcomes, until_payable
from tests.samples.shopper import place_as_shown
from tests.servers import PgBouncer

pytestmark = pytest.mark.slow


async def test_six_unknown_placements_are_resolved_through_a_pooler(
    pgbouncer: PgBouncer, gett: GettClient, sandbox: Sandbox, clock: Clock
) -> None:
    async with open_storage(pgbouncer.url, clock=clock) as storage:
        checkouts = Checkouts(gett, storage=storage)
        ids = []
        for _ in range(6):
            checkout = await checkouts.start()
            await until_payable(checkout)
            sandbox.switches.fail("place_order", "drop_after", times=4)
            with pytest.raises(OutcomeUnknownError):
                await place_as_shown(checkout)
            ids.append(checkout.id)
        sandbox.switches.fail("place_order", "error", code="SERVICE_UNAVAILABLE", times=24)
        found: dict[str, str] = {}
        for _ in range(4):
            clock.advance(60)
            found |= outcomes(await checkouts.reconcile())
        assert found == dict.fromkeys(ids, "placed")
        assert await checkouts.unresolved() == []
    assert len(sandbox.orders) == len({each.idempotency_key for each in sandbox.orders}) == 6
