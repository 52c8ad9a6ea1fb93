"""The storage's server dies at every await of `place`: nothing is sent that was not recorded first,
and nothing that was recorded is lost.
"""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest

from gett_checkout import Checkouts, GettCheckoutError, GettClient, Stage, StorageError
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import open_storage
from gett_checkout.storage.postgres import PostgresStorage
from gett_checkout.testing import Clock
from tests.acceptance.shopping import until_payable
from tests.faults.tripwire import TrippedClient, TrippedStorage, Tripwire
from tests.samples.shopper import place_as_shown
from tests.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.slow

BEFORE_RECORDED = [0]  # the awaits before the placement is on record


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer | PostgresServer]:
    server = RedisServer(durable=True) if request.param == "redis" else PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_the_storage_dies_at_every_await(
    server: RedisServer | PostgresServer, sandbox: Sandbox, clock: Clock
) -> None:
    if isinstance(server, PostgresServer):
        async with asyncpg.create_pool(server.url, min_size=1) as pool:
            await PostgresStorage(pool).create_schema()
    for at in range(6):
        wire = Tripwire(strike=server.kill, at=at)
        made, sent = len(sandbox.orders), sandbox.count("place_order")
        async with (
            open_storage(server.url, clock=clock) as storage,
            TrippedClient(
                sandbox.api_key, wire=wire, base_url=sandbox.url, clock=clock, sleep=clock.sleep
            ) as client,
        ):
            checkout = await Checkouts(client, storage=TrippedStorage(storage, wire)).start()
            await until_payable(checkout)
            wire.armed = True
            if at < 5:
                with pytest.raises(StorageError) as gone:
                    await place_as_shown(checkout)
                assert gone.value.checkout_id == checkout.id
            else:
                await place_as_shown(checkout)  # it was recorded in time
            wire.armed = False
            if at in BEFORE_RECORDED:
                assert sandbox.count("place_order") == sent
            server.start()
        clock.advance(60)
        async with (
            open_storage(server.url, clock=clock) as storage,
            GettClient(sandbox.api_key, base_url=sandbox.url, clock=clock) as client,
        ):
            checkouts = Checkouts(client, storage=storage)
            found = await checkouts.open(checkout.id)
            expected = Stage.PLACE if at in BEFORE_RECORDED else Stage.PLACING
            assert found.view.stage is (expected if at < 5 else Stage.PLACED)
            try:
                await place_as_shown(found)
            except GettCheckoutError as error:
                pytest.fail(f"struck at {at}: {error!r}")
        assert len(sandbox.orders) == made + 1
