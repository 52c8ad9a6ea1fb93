"""The ``gett-checkout`` command: a demo order, and a sandbox that stays running."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from gett_checkout.demo import Teller, run_demo
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.menus import STORES
from gett_checkout.sandbox.payments import MAGIC_CARDS
from gett_checkout.version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        if parsed.command == "sandbox":
            asyncio.run(_serve(parsed.host, parsed.port))
        else:
            asyncio.run(run_demo(Teller(sys.stdout, colours=_wants_colours())))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"gett-checkout: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gett-checkout", description="Food orders through Gett's Marketfront API."
    )
    parser.add_argument("--version", action="version", version=f"gett-checkout {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("demo", help="take one order through all steps against a sandbox")
    sandbox = commands.add_parser("sandbox", help="leave a sandbox running until interrupted")
    sandbox.add_argument("--host", default="127.0.0.1", help="default: loopback only")
    sandbox.add_argument("--port", type=int, default=8765, help="0 takes any free port")
    return parser


def _wants_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


async def _serve(host: str, port: int) -> None:
    """Run a sandbox until the process is interrupted or told to end."""
    async with Sandbox(host=host, port=port) as sandbox:
        print(f"The sandbox listens on {sandbox.url}\n")
        print(f"  API key  {sandbox.api_key}")
        print("  stores   " + ", ".join(str(store["storeId"]) for store, _ in STORES))
        print("  cards    (cardOnFile.cardToken; any other is approved)")
        for token, card in MAGIC_CARDS.items():
            print(f"           {token:<18} {card.description}")
        print("\nIt forgets everything when it ends: press Ctrl-C.", flush=True)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # event loops without signal handlers
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(each, ended.set)
        await ended.wait()
