"""The pytest plugin: a sandbox, a client, checkouts and their clock as fixtures.

It registers itself (entry point ``pytest11``), and loads the library, but no sandbox, before a
fixture is asked for. A failing test that used the sandbox prints what went over the wire, secrets
masked. The fixtures need ``pytest-asyncio``, in either mode. See docs/testing.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

try:
    from pytest_asyncio import fixture as _async_fixture
except ModuleNotFoundError:  # said when a fixture is asked for, not to everybody else
    _async_fixture: Callable[..., Any] = pytest.fixture  # type: ignore[no-redef]

if TYPE_CHECKING:
    from gett_checkout import Checkouts, GettClient
    from gett_checkout.sandbox import Sandbox
    from gett_checkout.testing.clock import Clock

_SANDBOX = pytest.StashKey["Sandbox"]()
_MOST_SHOWN = 50


@pytest.fixture
def gett_clock(request: pytest.FixtureRequest) -> Clock:
    """The time of library and sandbox: ``advance(seconds)`` moves it, and nothing else does."""
    loaded = (getattr(each, "__name__", "") for each in request.config.pluginmanager.get_plugins())
    if "pytest_asyncio.plugin" not in loaded:  # by whatever name it was registered
        pytest.fail(
            "the gett_checkout fixtures need pytest-asyncio: pip install pytest-asyncio",
            pytrace=False,
        )
    from gett_checkout.testing.clock import Clock

    return Clock()


@_async_fixture
async def gett_sandbox(request: pytest.FixtureRequest, gett_clock: Clock) -> AsyncIterator[Sandbox]:
    """A stand-in Gett server on loopback, started; empty, and on ``gett_clock``'s time.

    It runs on the test's event loop; for a test that has another one or none (anyio, Starlette's
    ``TestClient``, a test that is no coroutine), in a thread of its own.
    """
    from gett_checkout.sandbox import Sandbox

    sandbox = Sandbox(clock=gett_clock, record_traffic=True)
    async with sandbox if _is_of_this_loop(request) else _in_a_thread(sandbox):
        request.node.stash[_SANDBOX] = sandbox
        yield sandbox


@_async_fixture
async def gett_client(gett_sandbox: Sandbox, gett_clock: Clock) -> AsyncIterator[GettClient]:
    """A client of ``gett_sandbox`` that waits without taking any time."""
    from gett_checkout import GettClient

    async with GettClient(
        gett_sandbox.api_key,
        base_url=gett_sandbox.url,
        clock=gett_clock,
        sleep=gett_clock.sleep,
        dice=lambda: 0.5,
    ) as client:
        yield client


@pytest.fixture
def gett_checkouts(gett_client: GettClient) -> Checkouts:
    """Checkouts over ``gett_client``, kept in memory."""
    from gett_checkout import Checkouts

    return Checkouts(gett_client)


def _is_of_this_loop(request: pytest.FixtureRequest) -> bool:
    """Whether the test runs on the fixtures' loop; a server on one that stands still never responds."""
    if not iscoroutinefunction(request.function) or request.node.get_closest_marker("anyio"):
        return False
    marker, ini = request.node.get_closest_marker("asyncio"), request.config.getini
    given = marker.kwargs.get("loop_scope") if marker else None
    test = given or ini("asyncio_default_test_loop_scope") or "function"
    return bool(test == (ini("asyncio_default_fixture_loop_scope") or "function"))


@asynccontextmanager
async def _in_a_thread(sandbox: Sandbox) -> AsyncIterator[None]:
    """Run the sandbox on a loop of its own, which turns whatever the test's does."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        async with sandbox:
            started.set_result((asyncio.get_running_loop(), ended))
            await ended.wait()

    thread = Thread(target=asyncio.run, args=(serve(),), name="gett-sandbox", daemon=True)
    thread.start()
    loop, ended = await asyncio.wrap_future(started)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        await asyncio.to_thread(thread.join)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the wire to the report of a failing test that used the sandbox."""
    report = yield
    sandbox = item.stash.get(_SANDBOX, None)
    if sandbox is not None and report.failed:
        shown = sandbox.traffic[-_MOST_SHOWN:]
        left_out = len(sandbox.traffic) - len(shown)
        lines = [f"({left_out} earlier requests are left out)"] if left_out else []
        lines += map(str, shown)
        report.sections.append(("Gett sandbox: the wire", "\n".join(lines) or "nothing was sent"))
    return report
