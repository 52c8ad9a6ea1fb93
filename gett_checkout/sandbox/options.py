"""The sandbox on the command line: an option for each switch, and the text it starts with.

Options become one JSON document, which is read as the control paths read theirs.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from .addresses import MAGIC_POSTAL_CODES
from .control import CONTROL_PATH
from .documents import Document
from .faults import FaultKind, read_fault
from .menus import STORES
from .payments import MAGIC_CARDS, MAGIC_NUMBERS
from .problems import RefusedError
from .switches import SETTINGS, Switches, change

if TYPE_CHECKING:
    from .server import Sandbox


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add one option for each switch, and `--fault`."""
    for name, setting in SETTINGS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **setting.option)
    parser.set_defaults(webhook_secret=os.environ.get("GETT_WEBHOOK_SECRET") or None)
    kinds = ", ".join(get_args(FaultKind))
    parser.add_argument(
        "--fault",
        help="plan a fault, such as place_order:drop_after or get_store:error:code=RATE_LIMITED,times=2; "
        f"repeatable. Kinds: {kinds}",
        action="append",
        metavar="OPERATION:KIND[:NAME=VALUE,...]",
        default=[],
    )


def read_options(options: argparse.Namespace) -> Switches:
    """Return the switches as the options set them; `RefusedError` for an invalid setting."""
    members = {name: getattr(options, name) for name in SETTINGS}
    document = {name: value for name, value in members.items() if value is not None}
    if "rate_limits" in document:
        document["rate_limits"] = _rate_limits(document["rate_limits"])
    switches = Switches()
    change(switches, Document(document, "options"))
    switches.faults.extend(read_fault(_fault(text)) for text in options.fault)
    return switches


def welcome(sandbox: "Sandbox") -> str:
    """Return the URL, key, cards and codes that a new user needs."""
    return "\n".join(_lines(sandbox))


def _lines(sandbox: "Sandbox") -> Iterator[str]:
    yield f"The sandbox listens on {sandbox.url}"
    yield ""
    yield f"  export GETT_BASE_URL={sandbox.url} GETT_API_KEY={sandbox.api_key}"
    yield ""
    yield "  stores   " + ", ".join(str(store["storeId"]) for store, _ in STORES)
    yield f"  control  {sandbox.url}{CONTROL_PATH}"
    if sandbox.switches.webhook_url is not None:
        yield f"  webhooks {sandbox.switches.webhook_url}"
    yield ""
    yield "  cards (cardOnFile.cardToken; any other is approved)"
    yield from (f"    {token:<18} {card.description}" for token, card in MAGIC_CARDS.items())
    yield "  numbers of cards to save (any other is approved)"
    yield from (f"    {number:<18} behaves as {token}" for number, token in MAGIC_NUMBERS.items())
    yield "  postal codes (rejected once their reserved code is on)"
    yield from (f"    {postal:<18} {code}" for postal, (code, _) in MAGIC_POSTAL_CODES.items())
    yield ""
    yield "It forgets everything when it ends: press Ctrl-C."


def _rate_limits(texts: Sequence[str]) -> dict[str, Any] | None:
    """Each bucket named has its own limit; those not named have the sandbox's usual one."""
    if list(texts) == ["none"]:
        return None
    limits: dict[str, Any] = dict(Switches().rate_limits or {})
    return limits | {
        name: _number(value) for name, _, value in (text.partition("=") for text in texts)
    }


def _fault(text: str) -> Document:
    operation, kind, *rest = [*text.split(":", 2), ""][:3]
    members: dict[str, object] = {"operation": operation, "kind": kind}
    for pair in filter(None, ",".join(rest).split(",")):
        name, _, value = pair.partition("=")
        members[name] = value if name == "code" else _number(value)
    return Document(members, "fault")


def _number(text: str) -> int | Decimal:
    try:
        return int(text) if text.isdecimal() else Decimal(text)
    except ArithmeticError:
        raise RefusedError("INVALID_REQUEST", f"{text!r} is no number.") from None
