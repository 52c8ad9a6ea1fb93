"""One client, made once, under frameworks and task queues that run each job on a loop of its own."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from gett_checkout import Checkout, Checkouts, GettClient, Order, Stage, TransportError
from gett_checkout.sandbox import Sandbox
from tests.acceptance.shopping import STORE, payable
from tests.samples.shopper import place_as_shown
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

T = TypeVar("T")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


async def job(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run ``work`` as a task queue does: on a loop of its own, which ends with it."""
    return await asyncio.to_thread(asyncio.run, work())


async def test_each_job_may_have_a_loop_of_its_own(sandbox: Sandbox) -> None:
    gett = GettClient(sandbox.api_key, base_url=sandbox.url)
    checkouts = Checkouts(gett)

    async def prepare() -> str:
        checkout = await payable(checkouts)
        return checkout.id

    checkout_id = await job(prepare)

    async def place() -> Order:
        return await place_as_shown(await checkouts.open(checkout_id))

    first = await job(place)
    assert await job(place) == first
    assert [first.order_id] == [each.order_id for each in sandbox.orders]
    assert gett._transport._own == {}  # each session was closed with its loop
    gc.collect()  # a connection left open would warn here
    await gett.close()


async def test_a_handle_may_be_used_on_the_next_loop(sandbox: Sandbox) -> None:
    gett = GettClient(sandbox.api_key, base_url=sandbox.url)
    checkouts = Checkouts(gett)

    async def start() -> Checkout:
        return await payable(checkouts)

    checkout = await job(start)
    assert (await job(lambda: place_as_shown(checkout))).order_id == sandbox.orders[0].order_id
    await gett.close()


async def test_two_loops_at_a_time_share_no_record(sandbox: Sandbox) -> None:
    async with GettClient(sandbox.api_key, base_url=sandbox.url) as gett:
        checkouts = Checkouts(gett)
        checkout = await payable(checkouts)

        async def look() -> tuple[bool, Stage]:
            there = await checkouts.open(checkout.id)
            return there._record is checkout._record, there.view.stage

        assert await job(look) == (False, Stage.PLACE)
        assert (await checkouts.open(checkout.id))._record is checkout._record


async def test_a_menu_on_its_way_to_one_loop_is_not_awaited_on_another(sandbox: Sandbox) -> None:
    async with GettClient(sandbox.api_key, base_url=sandbox.url) as gett:
        checkouts = Checkouts(gett)
        sandbox.switches.fail("get_catalog_set", "delay", seconds=0.3)

        async def browse() -> str:
            checkout = await checkouts.start()
            return (await checkout.browse(STORE)).catalog_set_id

        first, second = await asyncio.gather(browse(), job(browse))
        assert first == second


async def test_a_session_of_the_callers_says_at_once_that_its_loop_is_another(
    sandbox: Sandbox,
) -> None:
    async with aiohttp.ClientSession() as http:
        gett = GettClient(sandbox.api_key, base_url=sandbox.url, http=http)
        checkouts = Checkouts(gett)
        checkout = await payable(checkouts)
        saved = await checkouts._storage.load(checkout.id)

        async def elsewhere() -> None:
            there = await checkouts.open(checkout.id)
            with pytest.raises(TransportError, match="another event loop") as refused:
                await place_as_shown(there)
            assert not refused.value.may_have_arrived
            assert there.view.stage is Stage.PLACE

        await job(elsewhere)
        assert await checkouts._storage.load(checkout.id) == saved
        assert sandbox.count("place_order") == 0
        await place_as_shown(checkout)  # nothing is in its way
        with pytest.raises(TransportError, match="another event loop"):
            await job(lambda: gett.get_store(STORE))


async def test_a_loop_that_ends_without_its_generators_leaves_the_next_one_alone(
    sandbox: Sandbox,
) -> None:
    gett = GettClient(sandbox.api_key, base_url=sandbox.url)

    def badly() -> str:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(gett.get_store(STORE)).store_id
        finally:
            loop.run_until_complete(gett._transport._own[loop].http.close())
            loop.close()

    assert await asyncio.to_thread(badly) == STORE
    assert (await gett.get_store(STORE)).store_id == STORE
    assert list(gett._transport._own) == [asyncio.get_running_loop()]
    await gett.close()


async def test_closing_waits_for_its_own_loop_alone(sandbox: Sandbox) -> None:
    gett = GettClient(sandbox.api_key, base_url=sandbox.url)
    never = asyncio.Event()
    left = gett.spawn(never.wait())

    async def close() -> None:
        async with asyncio.timeout(5):
            await gett.close()

    await job(close)
    assert not left.done()
    never.set()
    await gett.close()
    assert left.done()


# --- the frameworks themselves --------------------------------------------------------------------

SHOP = """
    import os
    from gett_checkout import CardOnFile, Checkouts, GettClient, Identity, Pickup
    from gett_checkout.storage.sqlite import SQLiteStorage

    gett = GettClient(os.environ["KEY"], base_url=os.environ["URL"])  # once, as the module is loaded
    checkouts = Checkouts(gett, storage=SQLiteStorage(os.environ["DB"]))

    async def prepare():
        checkout = await checkouts.start(Identity("jane@example.com", "Jane", "Doe"))
        await checkout.browse("store_bella_napoli")
        await checkout.add("item_garlic_bread", quantity=4)
        await checkout.fulfill(Pickup())
        await checkout.validate()
        await checkout.pay(CardOnFile("card_ok", "stripe"))
        return checkout.id

    async def place(checkout_id):
        checkout = await checkouts.open(checkout_id)
        return (await checkout.place(total=checkout.view.quote.amounts.total)).order_id
"""

DJANGO = """
    import django
    from django.conf import settings
    from django.http import JsonResponse
    from django.urls import path

    settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"], USE_TZ=True)
    django.setup()
    import shop

    async def prepare(request):
        return JsonResponse({"id": await shop.prepare()})

    async def place(request, checkout_id):
        return JsonResponse({"order_id": await shop.place(checkout_id)})

    urlpatterns = [path("prepare", prepare), path("place/<checkout_id>", place)]

    if __name__ == "__main__":
        from django.test import Client

        client = Client()  # through the WSGI handler: async_to_sync, a loop for each request
        checkout_id = client.post("/prepare").json()["id"]
        for _ in range(2):
            print("order", client.post(f"/place/{checkout_id}").json()["order_id"])
"""

CELERY = """
    import asyncio
    from celery import Celery
    import shop

    app = Celery("jobs", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
    app.conf.broker_connection_retry_on_startup = True

    @app.task
    def prepare():
        return asyncio.run(shop.prepare())

    @app.task
    def place(checkout_id):
        return asyncio.run(shop.place(checkout_id))

    if __name__ == "__main__":
        from celery.contrib.testing.worker import start_worker

        with start_worker(app, pool="solo", perform_ping_check=False):
            checkout_id = prepare.delay().get(timeout=30)
            for _ in range(2):
                print("order", place.delay(checkout_id).get(timeout=30))
"""

RQ = """
    import asyncio
    from redis import Redis
    from rq import Queue, Worker
    import shop

    def prepare():
        return asyncio.run(shop.prepare())

    def place(checkout_id):
        return asyncio.run(shop.place(checkout_id))

    if __name__ == "__main__":
        import jobs  # by the name that the worker finds it under

        redis = Redis.from_url(os.environ["REDIS"])
        queue = Queue(connection=redis)
        work = Worker([queue], connection=redis).work  # forks a process for each job
        asyncio.run(shop.checkouts.start())  # the storage is in use before the fork
        first = queue.enqueue(jobs.prepare)
        work(burst=True)
        for _ in range(2):
            job = queue.enqueue(jobs.place, first.return_value())
            work(burst=True)
            print("order", job.return_value())
"""


def run_jobs(
    tmp_path: Path, sandbox: Sandbox, jobs: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "shop.py").write_text(textwrap.dedent(SHOP))
    (tmp_path / "jobs.py").write_text("import os\n" + textwrap.dedent(jobs))
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "jobs.py"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{tmp_path}",
            "KEY": sandbox.api_key,
            "URL": sandbox.url,
            "DB": str(tmp_path / "checkouts.db"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("framework", ["django", "celery", "rq"])
async def test_a_module_level_client_places_one_order_under(
    framework: str, sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip(framework)
    environment = {}
    if framework != "django":
        redis: RedisServer = request.getfixturevalue("redis_server")
        environment["REDIS"] = redis.url
    code = {"django": DJANGO, "celery": CELERY, "rq": RQ}[framework]
    done = await asyncio.to_thread(run_jobs, tmp_path, sandbox, code, **environment)
    assert done.returncode == 0, done.stderr
    (order,) = sandbox.orders
    told = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("order ")]
    assert told == [order.order_id] * 2, done.stderr
    assert "ResourceWarning" not in done.stderr
