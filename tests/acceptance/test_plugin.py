"""The pytest plugin, as a partner's project has it, and the test its page shows."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import subprocess
import sys
import threading
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from gett_checkout import Checkouts, GettClient
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.testing import (
    Clock,
    operations,
    sends_nothing,
    session_levels,
    the_order,
)
from gett_checkout.testing._threaded import ThreadedSandbox
from tests.acceptance.shopping import payable, until_payable
from tests.samples.pytests import run_pytest
from tests.samples.shopper import place_as_shown
from tests.samples.waiting import until

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester", "gett_checkout.testing.plugin"]

ROOT = Path(__file__).parents[2]
MODES = ("auto", "strict")


def example() -> str:
    """The code under the page's marker."""
    text = (ROOT / "docs" / "testing.md").read_text()
    found = re.search(r"^<!-- example -->\n```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    """The test in a project of its own, where it is all that runs."""
    pytester.makepyfile(source)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    plugin = ("-p", "gett_checkout.testing.plugin")
    return run_pytest(pytester, *plugin, "-p", "no:cacheprovider", *options)


# --- the page -------------------------------------------------------------------------------------


def test_the_pages_test_is_short() -> None:
    lines = [line for line in example().split("async def ")[1].splitlines() if line]
    assert len(lines) < 20


@pytest.mark.parametrize("mode", MODES)
def test_the_pages_test_passes(pytester: pytest.Pytester, mode: str) -> None:
    ran = run(pytester, example(), f"--asyncio-mode={mode}", "-W", "error")
    ran.assert_outcomes(passed=1)


# --- the fixtures ---------------------------------------------------------------------------------


async def test_the_fixtures_fit_together(
    gett_checkouts: Checkouts, gett_sandbox: Sandbox, gett_clock: Clock
) -> None:
    checkout = await gett_checkouts.start()
    with sends_nothing(gett_sandbox):
        assert checkout.view.next_action.kind == "choose_store"
    await until_payable(checkout)
    gett_sandbox.switches.fail("place_order", "drop_before")
    order = await place_as_shown(checkout)
    assert the_order(gett_sandbox).order_id == order.order_id
    assert session_levels(gett_sandbox) == ["partner_only", "end_user"]
    assert operations(gett_sandbox)[-2:] == ["place_order", "place_order"]
    assert len(gett_clock.slept) == 1
    assert gett_sandbox.requests[-1].at == gett_clock()
    before = gett_clock()
    gett_clock.advance(60)
    assert (gett_clock() - before).total_seconds() == 60
    assert repr(gett_clock).startswith(f"Clock({gett_clock():%Y-%m-%d} 18:01:")


def test_a_clock_begins_later_than_now_on_a_friday() -> None:
    """So a storage on the real clock takes no checkout of a test for expired."""
    clock = Clock()
    assert timedelta() < clock() - datetime.now(UTC) <= timedelta(days=8)
    assert clock().weekday() == 4


async def test_the_sandboxs_coroutines_are_awaited_in_the_test(
    gett_checkouts: Checkouts, gett_sandbox: Sandbox, gett_clock: Clock
) -> None:
    events: list[bytes] = []

    async def receive(request: web.Request) -> web.Response:
        events.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", receive)
    async with TestServer(app) as receiver:
        gett_sandbox.switches.webhook_url = str(receiver.make_url("/"))
        checkout = await payable(gett_checkouts)
        await place_as_shown(checkout)
        (delivery,) = await gett_sandbox.deliver()
        assert (delivery.delivered, events) == (True, [delivery.body])
        assert delivery.attempts[0].at == gett_clock()
        gett_sandbox.advance_order(delivery.order_id)
        assert [each.delivered for each in await gett_sandbox.deliver()] == [True]


async def test_the_sandbox_stops_and_starts_again_in_a_test(gett_sandbox: Sandbox) -> None:
    gett_sandbox.switches.fail("get_store", "hang")
    async with aiohttp.ClientSession() as http:
        url = f"{gett_sandbox.url}/v1/marketplace/stores/store_bella_napoli"
        hanging = asyncio.create_task(http.get(url))
        await until(lambda: gett_sandbox.count("get_store"))
        assert not hanging.done()
        await gett_sandbox.stop()
        with pytest.raises(aiohttp.ClientError):
            await hanging
        with pytest.raises(RuntimeError, match="not running"):
            assert gett_sandbox.url
        await gett_sandbox.start()
        async with http.get(f"{gett_sandbox.url}/_sandbox") as response:
            assert response.status == 200


def test_a_sandbox_that_cannot_start_says_so_and_leaves_no_thread(
    gett_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("no socket is left")

    monkeypatch.setattr("gett_checkout.sandbox.server.listening", fail)
    with (
        pytest.raises(OSError, match="no socket is left"),
        ThreadedSandbox(clock=gett_clock).running(),
    ):
        pass
    assert "gett-sandbox" not in {thread.name for thread in threading.enumerate()}


async def test_a_storage_on_the_real_clock_goes_with_it(
    gett_client: GettClient, tmp_path: Path
) -> None:
    async with SQLiteStorage(str(tmp_path / "checkouts.db")) as storage:
        checkout = await Checkouts(gett_client, storage=storage).start()
        await checkout.browse("store_bella_napoli")


async def test_the_questions_fail_with_what_was_seen(
    gett_checkouts: Checkouts, gett_sandbox: Sandbox
) -> None:
    with pytest.raises(AssertionError, match="expected one order, 0 were made"):
        the_order(gett_sandbox)
    checkout = await gett_checkouts.start()
    with (
        pytest.raises(AssertionError, match="were sent: get_store, get_catalog_set"),
        sends_nothing(gett_sandbox),
    ):
        await checkout.browse("store_bella_napoli")


# --- what a failing test prints -------------------------------------------------------------------

FAILING = """
    import pytest
    from gett_checkout import Address, CardOnFile, Delivery, Identity
    from datetime import date
    from gett_checkout import NewCard

    HOME = Address("350 Fifth Avenue", "New York", "NY", "10118")

    @pytest.mark.asyncio
    async def test_failing(gett_checkouts):
        checkout = await gett_checkouts.start(
            Identity("jane@example.com", "Janet", "Doherty", "+12125550123")
        )
        await checkout.browse("store_bella_napoli")
        await checkout.add(
            "item_diavola", modifiers={"group_pizza_size": ["item_size_large"]}
        )
        await checkout.fulfill(Delivery(HOME))
        await checkout.validate()
        await checkout.add_card(NewCard("4111111111111111", "visa", "737", date(2031, 12, 31), HOME))
        await checkout.pay(CardOnFile("card_fails_always", "stripe"))
        await checkout.place(total=checkout.view.quote.amounts.total)

    def test_passing():
        pass
"""


def test_a_failing_test_prints_the_wire_without_secrets(pytester: pytest.Pytester) -> None:
    ran = run(pytester, FAILING)
    ran.assert_outcomes(failed=1, passed=1)
    said = ran.stdout.str()
    wire = said.split("Gett sandbox: the wire")[1]
    assert "POST /v1/marketplace/orders/place [end_user] -> 400" in wire
    assert "PAYMENT_FAILED" in wire
    assert '"cardToken": "***"' in wire
    secrets = [
        "jane@example.com", "Janet", "Doherty", "2125550123", "350 Fifth", "411111", r"\b737\b",
        "2031-12", "card_fails_always", "vot_", "eyJ", "zpka_",
    ]  # fmt: skip
    # Short ones by their bounds: random ids hold any three digits now and then.
    assert [secret for secret in secrets if re.search(secret, wire)] == []
    assert said.count("Gett sandbox: the wire") == 1


# --- when it is not used, or cannot be ------------------------------------------------------------


def test_unused_it_loads_nothing_but_itself(pytester: pytest.Pytester) -> None:
    source = """
        import sys

        def test_nothing_is_loaded():
            ours = {name for name in sys.modules if name.startswith("gett_checkout.")}
            assert "gett_checkout.testing.plugin" in ours
            assert not [name for name in ours if ".sandbox" in name]
            assert "gett_checkout.testing.clock" not in ours
    """
    run(pytester, source).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "options",
    [
        ("-p", "no:asyncio"),
        ("-p", "hide_asyncio"),
    ],
)
def test_without_pytest_asyncio_it_says_so(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        hide_asyncio="""
            import sys
            sys.modules["pytest_asyncio"] = None
        """
    )
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(
        test_it="""
            import pytest

            @pytest.mark.filterwarnings("ignore")
            def test_sandbox(gett_checkouts):
                pass

            def test_other():
                pass
        """
    )
    hides = ("-p", "no:asyncio") if "hide_asyncio" in options else ()
    plugins = ("-p", "gett_checkout.testing.plugin", "-p", "no:cacheprovider")
    ran = run_pytest(pytester, *options, *hides, *plugins)
    ran.assert_outcomes(passed=1, errors=1)
    ran.stdout.fnmatch_lines(["*need pytest-asyncio: pip install pytest-asyncio*"])


@pytest.mark.parametrize("scope", ["function", "session"])
def test_a_test_on_another_loop_reaches_the_sandbox(pytester: pytest.Pytester, scope: str) -> None:
    source = """
        import pytest

        @pytest.mark.asyncio(loop_scope="session")
        async def test_browse(gett_checkouts):
            checkout = await gett_checkouts.start()
            await checkout.browse("store_bella_napoli")
    """
    ran = run(pytester, source, "-W", "error", "-o", f"asyncio_default_fixture_loop_scope={scope}")
    ran.assert_outcomes(passed=1)


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_app_under_starlettes_test_client_reaches_the_sandbox(
    pytester: pytest.Pytester, kind: str
) -> None:
    """A test that is a coroutine blocks its own loop while the client waits."""
    source = f"""
        from fastapi import FastAPI
        from fastapi.testclient import TestClient

        {kind} test_app(gett_checkouts, gett_sandbox):
            app = FastAPI()

            @app.post("/checkout")
            async def start():
                checkout = await gett_checkouts.start()
                await checkout.browse("store_bella_napoli")
                return {{"stage": checkout.view.stage}}

            with TestClient(app) as client:
                for _ in range(2):
                    assert client.post("/checkout").json() == {{"stage": "browse"}}
            assert gett_sandbox.count("get_store") == 2
    """
    run(pytester, source, "--asyncio-mode=auto").assert_outcomes(passed=1)


ANYIO = """
    import pytest

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.anyio
    async def test_browse(gett_checkouts, gett_sandbox):
        checkout = await gett_checkouts.start()
        await checkout.browse("store_bella_napoli")
        assert gett_sandbox.count("get_store") == 1
        assert await gett_sandbox.deliver() == []
        await gett_sandbox.stop()
"""


@pytest.mark.parametrize("options", [("-W", "error"), ("-p", "no:asyncio")])
def test_a_test_under_anyio_reaches_the_sandbox(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    run(pytester, ANYIO, *options).assert_outcomes(passed=1)


def test_anyio_is_enough_where_plugins_are_named_one_by_one(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("")
    pytester.makepyfile(ANYIO)
    options = ("-p", "anyio.pytest_plugin", "-p", "gett_checkout.testing.plugin")
    ran = run_pytest(pytester, *options)
    ran.assert_outcomes(passed=1)


def test_without_any_plugin_for_coroutines_it_says_what_to_load(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        """
        from urllib.request import urlopen

        def test_checkouts(gett_checkouts):
            pass

        def test_sandbox(gett_sandbox, gett_clock):
            gett_clock.advance(60)
            assert urlopen(gett_sandbox.url + "/_sandbox").status == 200
        """
    )
    ran = run_pytest(pytester, "-p", "gett_checkout.testing.plugin")
    ran.assert_outcomes(passed=1, errors=1)
    ran.stdout.fnmatch_lines(["*-p pytest_asyncio.plugin if*pytest.mark.anyio*"])


def test_it_works_where_plugins_are_named_one_by_one(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    run(pytester, example(), "-p", "pytest_asyncio.plugin").assert_outcomes(passed=1)


def test_the_names_of_the_testing_package_are_there() -> None:
    from gett_checkout import testing

    assert all(getattr(testing, name) for name in testing.__all__)
    with pytest.raises(AttributeError):
        testing.nothing  # noqa: B018


def test_importing_the_testing_package_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from gett_checkout.testing import Clock, operations, the_order\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_test_that_is_no_coroutine_reaches_the_sandbox(pytester: pytest.Pytester) -> None:
    source = """
        import asyncio

        def test_url(gett_sandbox, gett_checkouts):
            async def browse():
                checkout = await gett_checkouts.start()
                await checkout.browse("store_bella_napoli")

            asyncio.run(browse())
            assert gett_sandbox.count("get_store") == 1
    """
    run(pytester, source).assert_outcomes(passed=1)


async def test_a_connection_of_the_last_moment_is_closed(gett_clock: Clock) -> None:
    """A test run with warnings as errors would fail on one that is left open."""
    sandbox = ThreadedSandbox(clock=gett_clock)
    with sandbox.running():
        address = URL(sandbox.url)
        socket.create_connection((address.host, address.port)).close()
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        gc.collect()
    assert left_open == []
