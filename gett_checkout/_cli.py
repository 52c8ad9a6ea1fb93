"""The ``gett-checkout`` command: a demo order, a sandbox, and commands for stored checkouts."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import webbrowser
from collections.abc import Sequence
from typing import Final

from gett_checkout._commands import add_commands, run
from gett_checkout._demo import Teller, run_demo
from gett_checkout._storefront import open_storefront
from gett_checkout._version import __version__
from gett_checkout.errors import GettCheckoutError, InvalidInputError
from gett_checkout.sandbox import RefusedError, Sandbox, Switches
from gett_checkout.sandbox.options import add_options, read_options, welcome
from gett_checkout.schemas import SCHEMAS, json_schema

_WEB_PORT: Final = 8766
_HIGHEST_PORT: Final = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status: 0 success, 1 failure, 2 invalid option, 130 interrupted."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if (
        parsed.command == "demo"
        and not parsed.web
        and (parsed.port is not None or parsed.no_browser)
    ):
        parser.error("--port and --no-browser go with demo --web")
    try:
        match parsed.command:
            case "sandbox":
                asyncio.run(_serve(parsed.host, parsed.port, read_options(parsed)))
            case "show" | "list" | "reconcile" | "resolve" | "forget":
                return asyncio.run(run(parsed))
            case "schema":
                print(_schema(parsed.of), end="")
            case "demo" if parsed.web:
                asyncio.run(_show(parsed.port, opens_browser=not parsed.no_browser))
            case _:
                asyncio.run(run_demo(Teller(sys.stdout, colours=_wants_colours())))
    except KeyboardInterrupt:
        return 130
    except RefusedError as error:  # an option of the sandbox
        print(f"gett-checkout: {error.detail}", file=sys.stderr)
        return 1
    except (GettCheckoutError, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else None
        print(f"gett-checkout: {said or error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gett-checkout", description="Food orders through Gett's Marketfront API."
    )
    parser.add_argument("--version", action="version", version=f"gett-checkout {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="take one order through all steps against a sandbox",
        description="Takes one order through all steps against a sandbox of its own. Needs no API key, "
        "and stores nothing.",
    )
    demo.add_argument(
        "--web", action="store_true", help="click through the order yourself, in the browser"
    )
    demo.add_argument(
        "--port", type=_port, help=f"port of the page (default: {_WEB_PORT}; 0: any free port)"
    )
    demo.add_argument("--no-browser", action="store_true", help="print the address only")
    sandbox = commands.add_parser(
        "sandbox",
        help="run a sandbox until interrupted",
        description="Runs a sandbox, a stand-in for Gett's server, until interrupted.",
    )
    sandbox.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: loopback only)"
    )
    sandbox.add_argument(
        "--port", type=_port, default=8765, help="port to listen on (0: any free port)"
    )
    add_options(sandbox)
    add_commands(commands)
    schema = commands.add_parser(
        "schema",
        help="print a JSON Schema, or the table of the PostgreSQL storage",
        description="Prints a JSON Schema (2020-12), or the table of the PostgreSQL storage.",
    )
    schema.add_argument(
        "of",
        choices=(*SCHEMAS, "postgres"),
        help="view, menu, problem: what a front end receives; inputs: what it sends; "
        "postgres: the SQL that creates the table",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_HIGHEST_PORT}")
    return int(text)


def _wants_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


async def _serve(host: str, port: int, switches: Switches) -> None:
    """Run a sandbox until the process is interrupted or terminated."""
    logging.basicConfig()  # the sandbox logs its own failures
    ended = _told_to_end()
    async with Sandbox(host=host, port=port, switches=switches) as sandbox:
        print(welcome(sandbox), flush=True)
        await ended.wait()


async def _show(port: int | None, *, opens_browser: bool) -> None:
    """Run a sandbox and the storefront over it until the process is interrupted or terminated."""
    port = _WEB_PORT if port is None else port
    ended = _told_to_end()
    async with (
        Sandbox() as sandbox,
        open_storefront(sandbox.url, sandbox.api_key, port=port) as url,
    ):
        print(f"The storefront is at {url}\n\n  sandbox  {sandbox.url}/_sandbox\n")
        print("Press Ctrl-C to end it; nothing is stored.", flush=True)
        if opens_browser and _has_display():
            await asyncio.to_thread(webbrowser.open, url)
        await ended.wait()


def _told_to_end() -> asyncio.Event:
    """Return an event that is set once the process is interrupted or terminated."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # event loops without signal handlers
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, ended.set)
    return ended


def _has_display() -> bool:
    """Whether a browser would have a window: on Linux only a text browser may be available."""
    return not sys.platform.startswith("linux") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def _schema(of: str) -> str:
    if of in SCHEMAS:
        return json.dumps(json_schema(of), indent=2) + "\n"
    try:
        from gett_checkout.storage.postgres import SCHEMA
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            "install gett-checkout[postgres] for the PostgreSQL storage"
        ) from error
    return SCHEMA
