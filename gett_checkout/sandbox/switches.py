"""The sandbox's switches: how it behaves, changed at any time while it runs.

By default none deviates from the documentation: the sandbox behaves as the API's documentation says it
does today. A switch is one row of `Switches`: the attribute in Python, the member in JSON
(`"key_policy"`) and the option on the command line (`--key-policy`).
"""

# ruff: noqa: RUF009 - `_switch` makes an attrs field, as `field` does

import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from attrs import define, evolve, field, fields, frozen

from .documents import MONTH, Document, Read
from .faults import Fault, FaultKind
from .problems import RESERVED

KeyPolicy = Literal["replay", "reject_other_body", "refuse_duplicates", "none"]
"""What a second request with a known `Idempotency-Key` gets.

- `replay`: the stored response, whatever the body says. Docs: Idempotency-Key, "today".
- `reject_other_body`: the stored response for the same bytes, 422 for others ("a future release").
- `refuse_duplicates`: 409 `CONFLICT`, even for the same bytes.
- `none`: the key means nothing; only the single-use order token stands against a second order.
"""

SANDBOX_RATE_LIMITS = {"reads": 5000, "writes": 500, "discovery": 300}
"""Requests per minute. Docs: Rate limits (the sandbox's are five times production's)."""

SANDBOX_WEBHOOK_SECRET = "whsec_sandbox_only_for_rehearsals"  # noqa: S105 - and so no secret


_URL = re.compile(r"https?://[^\s/]\S*")
_AMOUNT = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


@frozen
class Setting:
    """How a switch is read from JSON, and its option on the command line, as argparse takes it."""

    read: Read
    option: Mapping[str, Any]


def _switch(read: Read, help: str, /, **details: Any) -> Any:  # noqa: A002 - argparse's own word
    attribute = {
        name: details.pop(name) for name in ("default", "factory", "repr") if name in details
    }
    return field(metadata={"setting": Setting(read, {"help": help, **details})}, **attribute)


def _flag(help: str) -> Any:  # noqa: A002
    return _switch(Document.flag, help, default=False, action="store_const", const=True)


def _ids(help: str) -> Any:  # noqa: A002
    again = f"{help}; repeatable"
    return _switch(Document.texts, again, factory=set, action="append", metavar="ID")


def _or_null(read: Read) -> Read:
    return lambda document, name: None if document.members[name] is None else read(document, name)


def _seconds(document: Document, name: str) -> int:
    return document.whole(name, 0, MONTH)


def _codes(document: Document, name: str) -> set[str]:
    codes = document.texts(name, ("all", *RESERVED))
    return set(RESERVED) if "all" in codes else codes


def _amount(document: Document, name: str) -> Decimal:
    """An amount as a number, or as a string, which is how a command line has it."""
    value = document.members[name]
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        document = Document({name: Decimal(value)}, document.path)
    return document.amount(name, negative=True)


def _rate_limits(document: Document, name: str) -> dict[str, int]:
    limits = document.part(name)
    limits.only(*SANDBOX_RATE_LIMITS)
    return {bucket: limits.whole(bucket, 0, 1_000_000) for bucket in limits.members}


@define(kw_only=True)
class Switches:
    """How the sandbox behaves; set a member and the next request sees it."""

    faults: list[Fault] = field(factory=list)
    """Planned faults, used up as requests meet them."""

    reserved_codes: set[str] = _switch(
        _codes,
        "emit this reserved error code ('all': every one); repeatable",
        factory=set,
        action="append",
        metavar="CODE",
        choices=["all", *sorted(RESERVED)],
    )
    """Reserved error codes that are emitted all the same. Docs: Errors, column "reserved"."""

    key_policy: KeyPolicy = _switch(
        lambda document, name: document.choice(name, get_args(KeyPolicy)),
        "the response to a known Idempotency-Key (default: replay)",
        default="replay",
        choices=get_args(KeyPolicy),
    )
    """What a second request with the same `Idempotency-Key` gets."""

    cache_errors: bool = _flag("store non-retryable errors under the Idempotency-Key too")
    """Whether a rejection that is not retryable is stored under the key, as an order is."""

    fulfillment_modes: bool = _flag(
        "require DeliveryByMerchant or Pickup as an order's fulfillmentType"
    )
    """Require an order's `fulfillmentType` to be its mode: ``DeliveryByMerchant`` or ``Pickup``."""

    minimum_for_deliveries: bool = _flag("apply ORDER_BELOW_MINIMUM to deliveries only")
    """Whether the minimum applies to deliveries only, once its reserved code is on."""

    price_change: Decimal = _switch(
        _amount, "add this to the fees of every price", default=Decimal("0.00"), metavar="AMOUNT"
    )
    """Added to the fees of everything priced from now on."""

    closed_stores: set[str] = _ids("a store that has closed")
    """Stores that have closed, whatever their published hours say."""

    sold_out: set[str] = _ids("an item that ran out")
    """Items that ran out; a catalog set is immutable, so only validate and place know."""

    off_menu: set[str] = _ids("an item, choice or group that is off the menu")
    """Items, choices and modifier groups that restaurants took off their menus.

    Each restaurant that had one then has a new catalog set; its old id gets `CATALOGSET_NOT_FOUND`.
    """

    rate_limits: dict[str, int] | None = _switch(
        _or_null(_rate_limits),
        "requests per window: reads=N, writes=N or discovery=N, repeatable; or none: no limits",
        factory=lambda: dict(SANDBOX_RATE_LIMITS),
        action="append",
        metavar="BUCKET=N",
    )
    """Requests per window and bucket (`reads`, `writes`, `discovery`); `None` limits nothing."""

    rate_window: int = _switch(
        lambda document, name: document.whole(name, 1, 3600),
        "how long a window of the rate limits is, in seconds (default: 60)",
        default=60,
        type=int,
        metavar="N",
    )
    """How long a rate-limit window is, in seconds: 60, as at Gett, or less so that you wait less
    for the next window.
    """

    quote_seconds: int = _switch(
        _seconds,
        "how long a price holds, in seconds (default: 900)",
        default=int(timedelta(minutes=15).total_seconds()),
        type=int,
        metavar="N",
    )
    """How long a `validatedOrderToken` lives. Docs: Validate and place."""

    session_seconds: int | None = _switch(
        _or_null(_seconds),
        "how long every session lives, in seconds (default: as the request asks)",
        default=None,
        type=int,
        metavar="N",
    )
    """When set, the life of every new session, whatever the request asks for."""

    reject_end_users: bool = _flag(
        "reject end users, where one is needed, with SESSION_USER_REQUIRED"
    )
    """Wrongly reject end-user tokens with 401 `SESSION_USER_REQUIRED`."""

    opaque_tokens: bool = _flag("issue opaque session tokens instead of JWTs")
    """Issue `gett_sess_…` session tokens, as older documentation shows them, instead of JWTs."""

    webhook_url: str | None = _switch(
        _or_null(lambda document, name: document.text(name, _URL, longest=2048)),
        "where to post signed order events",
        default=None,
        metavar="URL",
    )
    """Where order events are posted; none are made while it is `None`. Docs: Webhooks."""

    webhook_secret: str = _switch(
        Document.text,
        "the key that signs the webhooks (default: $GETT_WEBHOOK_SECRET, else a fixed one)",
        default=SANDBOX_WEBHOOK_SECRET,
        repr=False,
        metavar="SECRET",
    )
    """The key of the events' signatures."""

    def fail(
        self,
        operation: str,
        kind: FaultKind,
        *,
        times: int = 1,
        status: int | None = None,
        code: str | None = None,
        after: int = 0,
        seconds: float = 0.0,
        retry_after: int | None = None,
        retryable: bool | None = None,
        names: tuple[str, ...] = (),
    ) -> Fault:
        """Plan a `Fault` of an operation: `switches.fail("place_order", "drop_after", times=2)`."""
        fault = Fault(
            operation, kind, times, status, code, after, seconds, retry_after, retryable, names
        )
        self.faults.append(fault)
        return fault

    def take(self, operation: str) -> Fault | None:
        """Return the fault that hits this request of `operation`, if any, and count it as used."""
        met: Fault | None = None
        waiting: list[Fault] = []
        for fault in self.faults:
            if not fault.concerns(operation):
                waiting.append(fault)
            elif fault.after:
                waiting.append(evolve(fault, after=fault.after - 1))
            elif met is not None:
                waiting.append(fault)
            else:
                met = fault
                if fault.times > 1:
                    waiting.append(evolve(fault, times=fault.times - 1))
        self.faults[:] = waiting
        return met

    def reset(self, to: "Switches | None" = None) -> None:
        """Reset every switch in this object: to its default, or to its setting in `to`."""
        fresh = Switches() if to is None else deepcopy(to)
        for switch in fields(Switches):
            setattr(self, switch.name, getattr(fresh, switch.name))


SETTINGS: Mapping[str, Setting] = {
    each.name: each.metadata["setting"] for each in fields(Switches) if each.metadata
}
"""The settings of the switches by name. Faults are not among them: they are used up, and so listed apart."""


def change(switches: Switches, document: Document) -> None:
    """Set the switches a document names: all of them, or none where one is rejected."""
    document.only(*SETTINGS)
    changes = {name: SETTINGS[name].read(document, name) for name in document.members}
    for name, value in changes.items():
        setattr(switches, name, value)


def replace(switches: Switches, document: Document) -> None:
    """Set the switches a document names, and all others to their defaults."""
    fresh = Switches()
    change(fresh, document)
    for name in SETTINGS:
        setattr(switches, name, getattr(fresh, name))


def show(switches: Switches) -> dict[str, Any]:
    """Return how the switches are set, without the webhook secret."""
    values = {name: getattr(switches, name) for name in SETTINGS if name != "webhook_secret"}
    return {
        name: sorted(value) if isinstance(value, set) else value for name, value in values.items()
    }
