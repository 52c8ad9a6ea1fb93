"""Every snippet of the README and of docs/ runs, page by page, as a reader would run it.

- A block of Python runs after those above it on its page, in one namespace; ``await`` is allowed.
  The page may use the fixtures of these tests: `sandbox`, `gett`, `checkouts`, `storage`, and those
  of the pytest plugin; a setting it reads, GETT_WEBHOOK_SECRET, is set. What its functions use must
  be there too, whether they are called or not.
- A block that begins with ``# name.py`` is a part of that file. Files of tests are run by pytest,
  those of the tutorial as it says, and a block with a loop of its own is run by itself.
- Each ``gett-checkout`` command must be one.
- The blocks of the pages in `OF_EXAMPLES` are pieces of examples/, and held to be by their tests.
- An ``except`` at the top of a block must be reached: the page shows that error.
- ``<!-- not run: why -->`` above a block leaves it out.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import frozen
from cryptography.fernet import Fernet

from gett_checkout import Checkouts, GettClient, MemoryStorage
from gett_checkout._cli import _parser
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock
from tests.samples.states import NOW

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OF_EXAMPLES = [ROOT / "docs" / "test-a-backend.md"]
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("**/*.md")) if page not in OF_EXAMPLES),
]
_FENCE = re.compile(
    r"^(?P<mark><!-- not run: .+ -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"# (\w+\.py)\n")


@frozen
class Block:
    """A snippet, and where it stands."""

    page: str
    line: int
    language: str
    code: str
    is_run: bool

    @property
    def file(self) -> str | None:
        """The file it is a part of, if any."""
        found = _FILE.match(self.code)
        return found[1] if found else None

    def compiled(self, awaited: set[int]) -> types.CodeType:
        """The code, its lines numbered as on the page.

        The lines of its ``except`` clauses are ``awaited``: each takes itself out when it is reached.
        """
        tree = ast.parse("\n" * self.line + self.code, self.page)
        for statement in tree.body:
            for handler in statement.handlers if isinstance(statement, ast.Try) else ():
                awaited.add(handler.lineno)
                handler.body[:0] = ast.parse(f"reached({handler.lineno})").body
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code: types.CodeType = compile(tree, self.page, "exec", flags=flags, dont_inherit=True)
        return code


def blocks(page: Path, language: str) -> list[Block]:
    text = page.read_text()
    return [
        Block(
            page.name,
            text[: found.start("language")].count("\n") + 1,
            language,
            found["code"],
            not found["mark"],
        )
        for found in _FENCE.finditer(text)
        if found["language"] == language
    ]


def files(page: Path) -> dict[str, str]:
    """The files a page has its reader write, put together from their parts."""
    found: dict[str, str] = {}
    for block in blocks(page, "python"):
        if block.file and block.is_run:
            found[block.file] = found.get(block.file, "") + block.code + "\n\n"
    return found


def python(directory: Path, *arguments: str, **environment: str) -> str:
    """What Python says, run in the directory with warnings as errors."""
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def globals_of(code: types.CodeType) -> Iterator[str]:
    """The global names that functions in the code use, called or not."""
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _loaded(constant)
            yield from globals_of(constant)


def _loaded(code: types.CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(step.argval)


def pages_with(language: str) -> list[Any]:
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if blocks(page, language)
    ]


@pytest.fixture
def clock() -> Clock:
    """As for a reader: it is now. It moves only when told to, all the same."""
    clock = Clock(NOW)
    clock.now = datetime.now(UTC)
    return clock


@pytest.fixture
def own_logging() -> Iterator[None]:
    """A page may set the library's logger up: for itself."""
    logger = logging.getLogger("gett_checkout")
    handlers, level = logger.handlers.copy(), logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


# --- Python ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("page", pages_with("python"))
async def test_the_python_of_a_page_runs(
    page: Path,
    sandbox: Sandbox,
    gett: GettClient,
    checkouts: Checkouts,
    storage: MemoryStorage,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GETT_WEBHOOK_SECRET", "whsec_of_this_test")
    monkeypatch.setenv("GETT_STORAGE_KEYS", Fernet.generate_key().decode())
    names: dict[str, Any] = {
        "__name__": "page",
        "sandbox": sandbox,
        "gett": gett,
        "checkouts": checkouts,
        "storage": storage,
        "gett_sandbox": sandbox,
        "gett_clock": clock,
    }
    awaited: set[int] = set()
    names["reached"] = awaited.discard
    used: dict[str, Block] = {}
    for block in blocks(page, "python"):
        if not block.is_run or block.file or "def test_" in block.code:
            continue
        code = block.compiled(awaited)
        if "asyncio.run(" in block.code:
            python(tmp_path, "-W", "error", "-c", block.code)
            continue
        used |= dict.fromkeys(globals_of(code), block)
        running = eval(code, names)
        if inspect.isawaitable(running):
            await running
    assert not awaited, f"no error where the page shows one: lines {awaited}"
    missing = {name for name in used if name not in names and not hasattr(builtins, name)}
    assert not missing, {name: used[name].line for name in missing}


def test_tests_on_pages_pass(tmp_path: Path) -> None:
    """Those of the contract of storages, and those a partner writes."""
    for page in PAGES:
        for name, source in files(page).items():
            (tmp_path / name).write_text(source)
        for block in blocks(page, "python"):
            if "def test_" in block.code and block.is_run and not block.file:
                (tmp_path / f"test_{page.stem}_{block.line}.py").write_text(block.code)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    )
    assert len(list(tmp_path.glob("test_*.py"))) == 4
    plugin = () if "gett_checkout" in _entry_points() else ("-p", "gett_checkout.testing.plugin")
    # Starlette's TestClient warns of the client it uses, whatever the test does.
    strict = ("-W", "error", "-W", "ignore:Using `httpx` with `starlette.testclient`")
    told = python(tmp_path, "-m", "pytest", "-q", *strict, *plugin, "-p", "no:cacheprovider")
    assert re.search(r"\b\d{2} passed", told)
    assert "skipped" not in told


def _entry_points() -> str:
    return " ".join(each.value for each in entry_points(group="pytest11"))


# --- the tutorial ---------------------------------------------------------------------------------


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    """A directory with the tutorial's files, on a port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    for name, source in files(ROOT / "docs" / "tutorial.md").items():
        (tmp_path / name).write_text(source.replace("8080", port))
    (tmp_path / "port").write_text(port)
    return tmp_path


@contextmanager
def running(tutorial: Path) -> Iterator[None]:
    """The tutorial's backend, left running."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "shop.py"],
        cwd=tutorial,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "Running on" in process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM)


async def send(tutorial: Path, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """What the tutorial's backend answers to a POST."""
    port = (tutorial / "port").read_text()
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
        http.post(path, data=body) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


def test_the_tutorial_ends_with_an_order(tutorial: Path) -> None:
    with running(tutorial):
        path, *told = python(tutorial, "-W", "error", "shopper.py").splitlines()
    assert path.startswith("/checkouts/")
    kinds = [line.rpartition(" ")[2] for line in told[:-1]]
    assert kinds == [
        *("add_items", "choose_fulfillment", "validate"),
        *("sign_in", "choose_payment", "place"),
    ]
    assert re.fullmatch(r"order [0-9a-f-]{36}", told[-1])


def test_the_tutorials_shopper_says_what_was_refused(tutorial: Path) -> None:
    shopper = tutorial / "shopper.py"
    shopper.write_text(shopper.read_text().replace("card_ok", "card_declined"))
    with (
        running(tutorial),
        subprocess.Popen(
            [sys.executable, "-W", "error", "shopper.py"],
            cwd=tutorial,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert "PAYMENT_DECLINED -> choose_payment\n" in process.stdout
        finally:
            process.kill()


async def test_the_tutorials_backend_may_be_stopped_and_refuses_in_problems(tutorial: Path) -> None:
    with running(tutorial):
        _, view = await send(tutorial, "/checkouts")
        checkout = f"/checkouts/{view['id']}"
        await send(tutorial, f"{checkout}/add", b'{"item_id": "item_tiramisu", "quantity": 3}')
        home = b"""{"type": "delivery", "address": {
            "address1": "1 A St", "city": "New York", "state": "NY", "postal_code": "10118"}}"""
        assert (await send(tutorial, f"{checkout}/fulfill", home))[0] == 200
    with running(tutorial):
        status, view = await send(tutorial, f"{checkout}/validate")
        assert (status, view["stage"]) == (200, "pay")
        for step, body, expected in [
            ("add", b"{}", 422),
            ("add", b"[1]", 422),
            ("add", b"{", 422),
            ("pay", b'{"kind": "cash"}', 422),
            ("jump", b"", 422),
            ("place", b'{"total": "1"}', 409),
        ]:
            status, problem = await send(tutorial, f"{checkout}/{step}", body)
            assert status == problem["status"] == expected, step
        assert (await send(tutorial, "/checkouts/nobody/place"))[0] == 404


def test_the_client_for_the_real_api_is_made(tutorial: Path) -> None:
    python(tutorial, "-W", "error", "live.py", GETT_API_KEY="zpka_of_nobody")


# --- the command ----------------------------------------------------------------------------------


def commands() -> list[str]:
    lines = [
        line for page in PAGES for block in blocks(page, "sh") for line in block.code.split("&&")
    ]
    lines = [line.strip() for each in lines for line in each.splitlines()]
    return [line for line in lines if re.search(r"(^|[ /])gett-checkout( |$)(?!\S*\.)", line)]


@pytest.mark.parametrize("line", commands())
def test_a_command_on_a_page_is_one(line: str) -> None:
    words = shlex.split(line)
    if "install" in words:
        return
    index = next(i for i, word in enumerate(words) if word.endswith("gett-checkout"))
    assert _parser().parse_args(words[index + 1 :]).command


def test_there_are_commands() -> None:
    assert len(commands()) >= 3


# --- what is left out -----------------------------------------------------------------------------


def test_next_to_nothing_is_left_out() -> None:
    left_out = [block for page in PAGES for block in blocks(page, "python") if not block.is_run]
    assert len(left_out) <= 3
