"""What a newcomer runs first: the README's example, the demo and the sandbox command."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from gett_checkout._cli import main

pytestmark = pytest.mark.slow

README = (Path(__file__).parents[2] / "README.md").read_text()


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_first_example_is_short_and_places_an_order() -> None:
    example = python_blocks()[0]
    assert len(example.splitlines()) <= 15
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"Order\(order_id='[0-9a-f-]{36}'.*\)\n", ran.stdout)


def test_the_demo_tells_the_whole_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    told = capsys.readouterr().out
    in_order = [
        "1 · Browse",
        "Add $4.50 more to reach the $15.00 minimum",
        "OrderBelowMinimumError",
        "The $15.00 minimum is reached",
        "partner-only",
        "IdentityRequiredError",
        "requests sent for that: 0",
        "the partner-only session became an end-user one",
        "PaymentDeclinedError",
        "next done",
        "orders made: 1",
    ]
    position = 0
    for words in in_order:
        position = told.index(words, position)
    placed = re.search(r"Order ([0-9a-f-]{36}) is placed\.", told)
    assert placed
    assert "jane@example.com" not in told
    assert "\x1b" not in told  # not a terminal: no colours


def test_the_module_is_the_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gett_checkout", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith("gett-checkout 0.")


async def test_the_sandbox_stays_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gett_checkout", "sandbox", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = (await process.stdout.readline()).decode()
    url = first.split()[-1]
    async with aiohttp.ClientSession() as http, http.get(f"{url}/v1/marketplace/orders") as answer:
        assert answer.status == 401
    process.send_signal(signal.SIGTERM)
    told, _ = await process.communicate()
    assert process.returncode == 0
    assert b"zpka_" in told
    assert b"card_declined" in told


def test_a_taken_port_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["sandbox", "--port", str(taken.getsockname()[1])]) == 1
    assert "gett-checkout:" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["sandbox"], ["demo", "--web"]])
@pytest.mark.parametrize("port", ["70000", "-1", "web"])
def test_a_port_that_cannot_be_is_said(
    command: list[str], port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, f"--port={port}"])
    assert ended.value.code == 2
    said = "argument --port: a port is a number from 0 to 65535\n"
    assert capsys.readouterr().err.endswith(said)


def test_interrupted_it_ends_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gett_checkout._cli.run_demo", interrupted)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("display", ["DISPLAY", "WAYLAND_DISPLAY", None])
async def test_the_page_is_opened_where_there_is_a_display(
    tmp_path: Path, display: str | None
) -> None:
    opened = tmp_path / "opened"
    opener = tmp_path / "opener.py"
    opener.write_text(f"import sys, pathlib\npathlib.Path({str(opened)!r}).write_text(sys.argv[1])")
    without = {"DISPLAY", "WAYLAND_DISPLAY"}
    environ = {name: value for name, value in os.environ.items() if name not in without}
    environ["BROWSER"] = f"{sys.executable} {opener} %s"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gett_checkout", "demo", "--web", "--port=0"),
        env=environ | ({display: ":99"} if display else {}),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        url = (await process.stdout.readuntil(b"\n")).decode().split()[-1]
        await process.stdout.readuntil(b"Ctrl-C")
        while display and not opened.exists():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.01)
    async with aiohttp.ClientSession() as http, http.get(url) as page:
        assert page.status == 200
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert opened.exists() is bool(display)
    assert not display or opened.read_text() == url
    assert process.returncode == 0
