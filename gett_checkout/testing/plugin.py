"""The pytest plugin: a sandbox, a client, checkouts and their clock as fixtures.

It registers itself (entry point ``pytest11``). The library is loaded at startup, the sandbox only when
a fixture is used. A failing test that used the sandbox prints the wire traffic, secrets masked. The
client needs ``pytest-asyncio``, in either mode, or anyio. See docs/testing.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

try:
    from pytest_asyncio import fixture as _async_fixture
except ModuleNotFoundError:  # reported when a fixture is used, so that nobody else sees it
    _async_fixture: Callable[..., Any] = pytest.fixture  # type: ignore[no-redef]

if TYPE_CHECKING:
    from gett_checkout import Checkouts, GettClient
    from gett_checkout.sandbox import Sandbox
    from gett_checkout.testing.clock import Clock

_SANDBOX = pytest.StashKey["Sandbox"]()
_MOST_SHOWN = 50


@pytest.fixture
def gett_clock() -> Clock:
    """The time of library and sandbox; ``advance(seconds)`` and the library's waits move it."""
    from gett_checkout.testing.clock import Clock

    return Clock()


@pytest.fixture
def gett_sandbox(request: pytest.FixtureRequest, gett_clock: Clock) -> Iterator[Sandbox]:
    """A stand-in Gett server on loopback: started, empty, and on ``gett_clock``'s time.

    It runs in its own thread, so it works with any event loop, even while a test blocks its event
    loop; the test can still await the sandbox's coroutines.
    """
    from gett_checkout.testing._threaded import ThreadedSandbox

    sandbox = ThreadedSandbox(clock=gett_clock)
    with sandbox.running():
        request.node.stash[_SANDBOX] = sandbox
        yield sandbox


@pytest.fixture
def _gett_async(request: pytest.FixtureRequest) -> None:
    """Fail at once when no plugin can run the client's fixture."""
    loaded = (getattr(each, "__name__", "") for each in request.config.pluginmanager.get_plugins())
    # By its module, because its registered name depends on how it was loaded.
    if "pytest_asyncio.plugin" not in loaded and "anyio_backend" not in request.fixturenames:
        pytest.fail(
            "the gett_checkout fixtures need pytest-asyncio: pip install pytest-asyncio, and "
            "-p pytest_asyncio.plugin if plugin autoloading is disabled; or mark the test "
            "with pytest.mark.anyio",
            pytrace=False,
        )


@_async_fixture
async def gett_client(
    _gett_async: None, gett_sandbox: Sandbox, gett_clock: Clock
) -> AsyncIterator[GettClient]:
    """A client of ``gett_sandbox``; its waits take no real time."""
    from gett_checkout import GettClient

    async with GettClient(
        gett_sandbox.api_key,
        base_url=gett_sandbox.url,
        clock=gett_clock,
        sleep=gett_clock.sleep,
        jitter=lambda: 0.5,
    ) as client:
        yield client


@pytest.fixture
def gett_checkouts(gett_client: GettClient) -> Checkouts:
    """Checkouts over ``gett_client``, stored in memory."""
    from gett_checkout import Checkouts

    return Checkouts(gett_client)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the wire traffic to the report of a failing test that used the sandbox."""
    report = yield
    sandbox = item.stash.get(_SANDBOX, None)
    if sandbox is not None and report.failed:
        shown = sandbox.traffic[-_MOST_SHOWN:]
        left_out = len(sandbox.traffic) - len(shown)
        lines = [f"({left_out} earlier requests are left out)"] if left_out else []
        lines += map(str, shown)
        report.sections.append(("Gett sandbox: the wire", "\n".join(lines) or "nothing was sent"))
    return report
