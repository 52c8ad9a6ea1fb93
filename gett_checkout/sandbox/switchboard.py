"""The switches as JSON: one table of how each is read, for the control paths and the command line.

A name is the same in Python (`switches.key_policy`), in JSON (`"key_policy"`) and on the command
line (`--key-policy`).
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, get_args

from attrs import asdict, fields

from .problems import RESERVED
from .reading import Document
from .switches import FAULTY, SANDBOX_RATE_LIMITS, Fault, FaultKind, KeyPolicy, Switches

_URL = r"https?://[^\s/]\S*"
_MONTH = 31 * 24 * 3600

Read = Callable[[Document, str], Any]


def _seconds(document: Document, name: str) -> int:
    return document.whole(name, 0, _MONTH)


def _or_null(read: Read) -> Read:
    return lambda document, name: None if document.members[name] is None else read(document, name)


def _rate_limits(document: Document, name: str) -> dict[str, int]:
    limits = document.part(name)
    limits.only(*SANDBOX_RATE_LIMITS)
    return {bucket: limits.whole(bucket, 0, 1_000_000) for bucket in limits.members}


def _url(document: Document, name: str) -> str:
    return document.text(name, re.compile(_URL), longest=2048)


def _exact(document: Document, name: str) -> Document:
    """The document with an amount that was written as a string, as a number."""
    value = document.members[name]
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return document
    return Document({**document.members, name: Decimal(value)}, document.path)


READERS: Mapping[str, Read] = MappingProxyType(
    {
        "reserved_codes": lambda document, name: document.texts(name, RESERVED),
        "key_policy": lambda document, name: document.choice(name, get_args(KeyPolicy)),
        "cache_errors": Document.flag,
        "fulfillment_modes": Document.flag,
        "minimum_for_deliveries": Document.flag,
        "price_change": lambda document, name: _exact(document, name).amount(name, negative=True),
        "closed_stores": Document.texts,
        "sold_out": Document.texts,
        "off_menu": Document.texts,
        "rate_limits": _or_null(_rate_limits),
        "rate_window": lambda document, name: document.whole(name, 1, 3600),
        "quote_seconds": _seconds,
        "session_seconds": _or_null(_seconds),
        "reject_end_users": Document.flag,
        "opaque_tokens": Document.flag,
        "webhook_url": _or_null(_url),
        "webhook_secret": Document.text,
    }
)
"""How each switch is read. Faults are not among them: they are used up, and so listed apart."""


def change(switches: Switches, document: Document) -> None:
    """Set the switches a document names; all of them, or none where one is refused."""
    document.only(*READERS)
    changes = {name: READERS[name](document, name) for name in document.members}
    for name, value in changes.items():
        setattr(switches, name, value)


def replace(switches: Switches, document: Document) -> None:
    """The same, and every switch the document does not name goes to its default."""
    fresh = Switches()
    change(fresh, document)
    for name in READERS:
        setattr(switches, name, getattr(fresh, name))


def show(switches: Switches) -> dict[str, Any]:
    """Where the switches stand; of the webhook secret nothing is shown."""
    values = {name: getattr(switches, name) for name in READERS if name != "webhook_secret"}
    return {
        name: sorted(value) if isinstance(value, set) else value for name, value in values.items()
    }


def read_fault(document: Document) -> Fault:
    """The fault a document plans."""
    document.only(*(each.name for each in fields(Fault)))
    whole: dict[str, Any] = {
        name: document.whole(name, lowest, highest)
        for name, (lowest, highest) in {
            "times": (1, 1_000_000),
            "after": (0, 1_000_000),
            "status": (400, 599),
            "retry_after": (0, _MONTH),
        }.items()
        if name in document
    }
    return Fault(
        operation=document.choice("operation", FAULTY),
        kind=document.choice("kind", get_args(FaultKind)),  # type: ignore[arg-type]
        code=document.optional_text("code", re.compile(r"[A-Z][A-Z_]*"), longest=64),
        seconds=float(document.number("seconds", 0, 3600)) if "seconds" in document else 0.0,
        retryable=document.flag("retryable") if "retryable" in document else None,
        names=tuple(sorted(document.texts("names"))) if "names" in document else (),
        **whole,
    )


def show_fault(fault: Fault) -> dict[str, Any]:
    """A fault as it is planned."""
    return {**asdict(fault), "seconds": Decimal(str(fault.seconds))}
