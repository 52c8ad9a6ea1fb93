"""The sandbox on the command line: an option for each switch, and what is said at the start.

Options go the way of the control paths: they become one JSON document, read by the same table.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from . import switchboard
from .addresses import MAGIC_POSTAL_CODES
from .control import CONTROL_PATH
from .menus import STORES
from .payments import MAGIC_CARDS, MAGIC_NUMBERS
from .problems import RESERVED, RefusedError
from .reading import Document
from .switches import FaultKind, KeyPolicy, Switches

if TYPE_CHECKING:
    from .server import Sandbox

_FAULT = "OPERATION:KIND[:NAME=VALUE,...]"


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option for each switch, and `--fault`."""

    def add(name: str, help: str, **details: Any) -> None:  # noqa: A002 - argparse's own word
        parser.add_argument(f"--{name}", help=help, **details)

    several: dict[str, Any] = {"action": "append", "metavar": "ID"}
    yes: dict[str, Any] = {"action": "store_const", "const": True}
    number: dict[str, Any] = {"type": int, "metavar": "N"}
    add(
        "reserved-codes",
        "emit a reserved error code; again for more",
        action="append",
        metavar="CODE",
        choices=["all", *sorted(RESERVED)],
    )
    add("key-policy", "what a known Idempotency-Key gets", choices=get_args(KeyPolicy))
    add("cache-errors", "store errors under the Idempotency-Key too", **yes)
    add(
        "fulfillment-modes",
        "want DeliveryByMerchant or Pickup as an order's fulfillmentType",
        **yes,
    )
    add("minimum-for-deliveries", "hold ORDER_BELOW_MINIMUM against deliveries only", **yes)
    add("price-change", "add to the fees of everything priced", metavar="AMOUNT")
    add("closed-stores", "a store that has closed; again for more", **several)
    add("sold-out", "an item that ran out; again for more", **several)
    add("off-menu", "an item, choice or group that is off the menu; again for more", **several)
    add(
        "rate-limits",
        "reads=N, writes=N or discovery=N in a window; again for more; none: no limits",
        action="append",
        metavar="BUCKET=N",
    )
    add("rate-window", "how many seconds the limits count for (default: 60)", **number)
    add("quote-seconds", "how long a price holds (default: 900)", **number)
    add("session-seconds", "how long every session lives", **number)
    add("reject-end-users", "answer SESSION_USER_REQUIRED to end users", **yes)
    add("opaque-tokens", "issue session tokens that are no JWTs", **yes)
    add("webhook-url", "where to post signed order events", metavar="URL")
    add(
        "webhook-secret",
        "the key of their signatures (default: $GETT_WEBHOOK_SECRET, else a fixed one)",
        metavar="SECRET",
        default=os.environ.get("GETT_WEBHOOK_SECRET") or None,
    )
    kinds = ", ".join(get_args(FaultKind))
    add(
        "fault",
        f"plan a mishap, such as place_order:drop_after or get_store:error:code=RATE_LIMITED,times=2; "
        f"again for more. Kinds: {kinds}",
        action="append",
        metavar=_FAULT,
        default=[],
    )


def read_options(options: argparse.Namespace) -> Switches:
    """The switches as the options set them; `RefusedError` for what is no setting."""
    members = {name: getattr(options, name) for name in switchboard.READERS}
    document = {name: value for name, value in members.items() if value is not None}
    if "all" in document.get("reserved_codes", ()):
        document["reserved_codes"] = sorted(RESERVED)
    if "price_change" in document:
        document["price_change"] = _number(document["price_change"])
    if "rate_limits" in document:
        document["rate_limits"] = _rate_limits(document["rate_limits"])
    switches = Switches()
    switchboard.change(switches, Document(document, "options"))
    switches.faults.extend(switchboard.read_fault(_fault(text)) for text in options.fault)
    return switches


def welcome(sandbox: "Sandbox") -> str:
    """What somebody who has just started it wants to know."""
    return "\n".join(_lines(sandbox))


def _lines(sandbox: "Sandbox") -> Iterator[str]:
    yield f"The sandbox listens on {sandbox.url}"
    yield ""
    yield f"  API key  {sandbox.api_key}"
    yield "  stores   " + ", ".join(str(store["storeId"]) for store, _ in STORES)
    yield f"  control  {sandbox.url}{CONTROL_PATH}"
    if sandbox.switches.webhook_url is not None:
        yield f"  webhooks {sandbox.switches.webhook_url}"
    yield ""
    yield "  cards (cardOnFile.cardToken; any other is approved)"
    yield from (f"    {token:<18} {card.description}" for token, card in MAGIC_CARDS.items())
    yield "  numbers of cards to save (any other is approved)"
    yield from (f"    {number:<18} behaves as {token}" for number, token in MAGIC_NUMBERS.items())
    yield "  postal codes (refused once their reserved code is on)"
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
