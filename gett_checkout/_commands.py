"""The commands for a storage: show, list, reconcile, resolve and forget.

Their output is for the on-call engineer, and for cron's mail: digests of ids, never a secret.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from gett_checkout import _search as search
from gett_checkout._checkouts import Checkouts
from gett_checkout._client import PRODUCTION, GettClient
from gett_checkout._core.hand_over import OnPlaced
from gett_checkout._core.jsonable import jsonable
from gett_checkout._core.state import Stage
from gett_checkout._facts import Facts, facts, moment
from gett_checkout._hidden import hidden
from gett_checkout._reconciling import Reconciled, Unresolved
from gett_checkout.errors import (
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    InvalidInputError,
)
from gett_checkout.storage import Storage, open_storage
from gett_checkout.storage._opening import sqlite_path
from gett_checkout.telemetry import logs
from gett_checkout.telemetry.events import Reason, digest

_WORDS: Final[dict[Reason, str]] = {
    "unknown": "still unknown",
    "key_expired": "with an expired key",
    "not_handed_over": "not handed over",
    "duplicate_order": "with a duplicate",
    "unreadable": "unreadable",
}
_COLUMNS: Final = ("started", "since", "store", "items", "fulfillment", "total", "sent", "order")
_WHICH: Final = "the checkout's id, its digest as in logs, its idempotency key, or its order id"


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's."""
    storage = argparse.ArgumentParser(add_help=False)
    storage.add_argument(
        "--storage",
        default=os.environ.get("GETT_STORAGE"),
        help="sqlite:///…, redis://… or postgresql://… (default: $GETT_STORAGE); the keys of an "
        "encrypted storage are read from $GETT_STORAGE_KEYS, separated by commas",
    )
    storage.add_argument("--json", action="store_true", help="print JSON")

    show = commands.add_parser(
        "show",
        parents=[storage],
        help="print what is stored about a checkout, without secrets",
        description="Prints the facts of a checkout, such as its stage, its placement and its order, "
        "but no secrets.",
    )
    show.add_argument("id", help=_WHICH)

    listing = commands.add_parser(
        "list",
        parents=[storage],
        help="list unresolved checkouts",
        description="Lists unresolved checkouts, oldest first: unknown outcomes, orders not handed "
        "over, and cases for manual review.",
    )
    listing.add_argument(
        "--stage",
        choices=[str(each) for each in Stage],
        help="list every stored checkout at this stage instead",
    )

    reconcile = commands.add_parser(
        "reconcile",
        parents=[storage],
        help="resolve placements with an unknown outcome",
        description="Resends each placement whose worker is gone, with the same bytes and the same key, "
        "and prints the outcome. Safe to run at any time, in several places. Reads the API "
        "key from GETT_API_KEY. Exit status 1 while anything is unresolved.",
    )
    reconcile.add_argument("--id", help=f"process only this one, due or not: {_WHICH}")
    reconcile.add_argument(
        "--limit", type=_limit, default=100, help="maximum number to process (default: 100)"
    )
    reconcile.add_argument(
        "--base-url",
        default=os.environ.get("GETT_BASE_URL", PRODUCTION),
        help="the API's URL (default: $GETT_BASE_URL, else production)",
    )
    reconcile.add_argument(
        "--on-placed",
        metavar="MODULE:FUNCTION",
        help="async function to hand orders over to (default: none, the workers do it)",
    )

    resolve = commands.add_parser(
        "resolve",
        parents=[storage],
        help="store the outcome of an order, as established by an operator",
        description="Stores the outcome of an order, as established by an operator, usually by asking "
        "Gett. Settles cases that no request can settle.",
    )
    resolve.add_argument("id", help=_WHICH)
    word = resolve.add_mutually_exclusive_group(required=True)
    word.add_argument("--order-id", help="the order's id at Gett")
    word.add_argument("--not-placed", action="store_true", help="Gett says there is no order")
    resolve.add_argument("--note", default="", help="who reported it, and where it is documented")
    resolve.add_argument(
        "--force",
        action="store_true",
        help="store it even if Gett can still be asked, or if it contradicts a known order",
    )

    forget = commands.add_parser(
        "forget",
        parents=[storage],
        help="delete a checkout and the personal data stored with it",
        description="Deletes a checkout and the personal data stored with it. Exit status 1 if there is "
        "no such checkout.",
    )
    forget.add_argument("id", help=_WHICH)
    forget.add_argument("--force", action="store_true", help="delete it even if it is unresolved")


async def run(parsed: argparse.Namespace) -> int:
    """Run one of the commands; return its exit status."""
    if isinstance(
        sys.stdout, TextIOWrapper
    ):  # what the terminal cannot show must not end a command
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return await _run(parsed)
    except GettCheckoutError as error:
        if parsed.json:
            print(_json({"error": str(error)}))
        raise


async def _run(parsed: argparse.Namespace) -> int:
    async with _opened(parsed) as desk:
        match parsed.command:
            case "show":
                return await _show(desk, parsed)
            case "list":
                return await _list(desk, parsed)
            case "reconcile":
                return await _reconcile(desk, parsed)
            case "resolve":
                return await _resolve(desk, parsed)
            case _:
                return await _forget(desk, parsed)


@frozen
class _Desk:
    """The storage and options that a command works with."""

    storage: Storage
    checkouts: Checkouts

    async def facts(self, checkout_id: str) -> Facts:
        """Return the facts of a checkout."""
        checkout = await self.checkouts.open(checkout_id)
        return facts(checkout._record.state, _now())  # noqa: SLF001 - its other half


@asynccontextmanager
async def _opened(parsed: argparse.Namespace) -> AsyncIterator[_Desk]:
    api_key = hidden(os.environ.get("GETT_API_KEY", ""))
    sends = parsed.command == "reconcile"
    if sends and not api_key:
        raise InvalidInputError("set GETT_API_KEY to the partner's API key")
    if not parsed.storage:
        raise InvalidInputError("set --storage or GETT_STORAGE to the storage's URL")
    on_placed = _handler(parsed.on_placed) if sends and parsed.on_placed else None
    keys = [hidden(each) for each in os.environ.get("GETT_STORAGE_KEYS", "").split(",") if each]
    await asyncio.to_thread(_require_there, parsed.storage)
    async with (
        open_storage(parsed.storage, encryption_keys=keys, clock=_now) as storage,
        GettClient(
            api_key or "not-needed",
            base_url=parsed.base_url if sends else PRODUCTION,
            clock=_now,
        ) as gett,
    ):
        yield _Desk(storage, Checkouts(gett, storage=storage, on_placed=on_placed))


def _require_there(url: str) -> None:
    """Require an SQLite file with checkouts: another would be created or changed, and reported as empty."""
    path = sqlite_path(url)
    if path is None:
        return
    if not Path(path).exists():
        raise InvalidInputError(f"there is no file {path}")
    import sqlite3  # some Pythons lack it

    read_only = f"{Path(path).absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(read_only, uri=True)) as file:
            found = file.execute("SELECT 1 FROM sqlite_master WHERE name = 'gett_checkouts'")
            is_ours = found.fetchone() is not None
    except sqlite3.Error as error:
        raise InvalidInputError(f"no checkouts can be read from {path}: {error}") from None
    if not is_ours:
        raise InvalidInputError(f"no checkouts are stored in {path}")


async def _show(desk: _Desk, parsed: argparse.Namespace) -> int:
    known = await desk.facts(await search.find(desk.storage, parsed.id))
    print(_json(known) if parsed.json else "\n".join(_lines(known)))
    return 0


async def _list(desk: _Desk, parsed: argparse.Namespace) -> int:
    if parsed.stage:
        now = _now()
        stored = [facts(each, now) async for each in search.states(desk.storage)]
        found = [each for each in stored if each["stage"] == parsed.stage]
        if parsed.json:
            print(_json(found))
            return 0
        _print_table(["checkout", *_COLUMNS], [_row(each) for each in found])
        print(f"{len(found)} at stage {parsed.stage}")
        return 0
    unresolved = await desk.checkouts.unresolved()
    if parsed.json:
        print(_json([_unresolved(each) for each in unresolved]))
        return 0
    _print_unresolved(unresolved)
    print(_summary(unresolved) or "nothing is unresolved")
    return 0


async def _reconcile(desk: _Desk, parsed: argparse.Namespace) -> int:
    """Process what is due, one output line each; return 1 while anything is unresolved."""
    logging.basicConfig(level=logging.WARNING)  # for errors raised by a handler, too
    only = await search.find(desk.storage, parsed.id) if parsed.id else None
    looked = await desk.checkouts.reconcile(only, limit=parsed.limit)
    if purge := getattr(desk.storage, "purge", None):
        await purge()  # expired checkouts, if no worker's loop purges them
    unresolved = await desk.checkouts.unresolved()
    if parsed.json:
        found = [_outcome(each) for each in looked]
        print(_json({"looked_at": found, "unresolved": [_unresolved(each) for each in unresolved]}))
    else:
        for each in looked:
            print("  ".join(filter(None, map(_cell, _outcome(each).values()))))
        if parsed.id:
            print(f"1 processed; open cases: {_summary(unresolved) or 0}")
        else:
            print(", ".join(filter(None, [f"{len(looked)} due", _summary(unresolved)])))
    return int(bool(unresolved))


async def _resolve(desk: _Desk, parsed: argparse.Namespace) -> int:
    checkout_id = await search.find(desk.storage, parsed.id)
    if parsed.order_id and not parsed.force:
        await _require_free(desk, parsed.order_id, checkout_id)
    try:
        await desk.checkouts.resolve(
            checkout_id,
            order_id=parsed.order_id,
            not_placed=parsed.not_placed,
            note=parsed.note,
            force=parsed.force,
        )
    except CheckoutConflictError as error:
        raise CheckoutConflictError(
            "nothing was stored: the checkout was changed meanwhile, look at it again with show"
        ) from error
    known = await desk.facts(checkout_id)
    if parsed.json:
        print(_json(known))
    elif "order" not in known:
        print(f"{known['checkout']}  resolved: not placed, and can be ordered again")
    else:
        about = [
            f"order {known['order']['order_id']}",
            _cell(known.get("total")),
            _cell(known.get("store", {}).get("name")),
        ]
        print(f"{known['checkout']}  resolved: placed, {', '.join(filter(None, about))}")
    return 0


async def _require_free(desk: _Desk, order_id: str, checkout_id: str) -> None:
    """Reject an order id that another checkout has: either the id or the checkout is mistaken."""
    try:
        found = await search.find(desk.storage, order_id)
    except CheckoutNotFoundError:
        return
    if found != checkout_id:
        raise InvalidInputError(f"checkout {digest(found)} has this order (--force to continue)")


async def _forget(desk: _Desk, parsed: argparse.Namespace) -> int:
    checkout_id = await search.find(desk.storage, parsed.id)
    known = digest(checkout_id)
    await desk.checkouts.forget(checkout_id, force=parsed.force)
    print(_json({"checkout": known, "forgotten": True}) if parsed.json else f"{known}  forgotten")
    return 0


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a limit is a whole number, at least 1")
    return int(text)


def _handler(name: str) -> OnPlaced:
    """Return the function of that name, ``package.module:function``."""
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        handler: OnPlaced = getattr(import_module(module), function)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InvalidInputError(f"--on-placed {name}: {error}") from None
    finally:
        sys.path.pop(0)
    return handler


def _outcome(looked: Reconciled) -> Facts:
    error = looked.error
    cause = f" ({error.cause})" if error and error.cause else ""
    # A checkout processed before it was due may have sent nothing.
    idle = looked.outcome == "not_placed" and error is None
    return {
        "checkout": looked.digest,
        "outcome": "no order in progress" if idle else looked.outcome,
        "order_id": looked.order.order_id if looked.order else None,
        "error": f"{type(error).__name__}{cause}" if error else None,
    }


def _unresolved(each: Unresolved) -> Facts:
    known = jsonable(each)
    return {"checkout": known.pop("digest"), **known}


def _row(known: Facts) -> list[str]:
    store = known.get("store", {}).get("name")
    about = {**known, "since": known["stage_since"], "store": store}
    about["sent"] = "yes" if "placement" in known else "no"
    about["order"] = known.get("order", {}).get("order_id")
    return [_cell(about.get(name)) for name in ("checkout", *_COLUMNS)]


def _summary(unresolved: Sequence[Unresolved]) -> str:
    """Return the counts by reason and the age of the oldest; empty when there is none."""
    if not unresolved:
        return ""
    counts = Counter(each.reason for each in unresolved)
    said = [f"{counts[reason]} {words}" for reason, words in _WORDS.items() if counts[reason]]
    ages = [(_now() - each.since).total_seconds() for each in unresolved if each.since]
    return ", ".join([*said, f"oldest {_span(max(ages))}"] if ages else said)


def _print_unresolved(unresolved: Sequence[Unresolved]) -> None:
    if not unresolved:
        return
    rows = [
        [
            each.digest,
            each.reason,
            _cell(each.since),
            str(each.attempts),
            _span(each.key_age) if each.key_age is not None else "",
            _cell(each.next_look) or "needs an operator",
            each.last_error or "",
        ]
        for each in unresolved
    ]
    heads = ["checkout", "reason", "since", "attempts", "key age", "next attempt", "last error"]
    _print_table(heads, rows)


def _print_table(heads: list[str], rows: list[list[str]]) -> None:
    table = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _lines(known: Facts, indent: str = "") -> list[str]:
    """Return the facts as lines, one each, nested ones below."""
    lines: list[str] = []
    for name, value in known.items():
        label = f"{indent}{name.replace('_', ' ')}:"
        match value:
            case dict():
                lines += [label, *_lines(value, indent + "  ")]
            case [dict(), *_]:
                lines.append(label)
                for each in value:
                    first, *rest = _lines(each, indent + "    ")
                    lines += [f"{indent}  - {first.strip()}", *rest]
            case list():
                lines.append(f"{label} {', '.join(map(_cell, value))}")
            case None | "":
                pass
            case _:
                lines.append(f"{label} {_cell(value)}")
    return lines


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return "" if value is None else logs.one_line(str(value))


def _span(seconds: float) -> str:
    """Format seconds in the largest suitable unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _json(value: object) -> str:
    return json.dumps(jsonable(value), indent=2, ensure_ascii=False)


def _now() -> datetime:
    return datetime.now(UTC)
