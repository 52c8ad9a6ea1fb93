"""The switches and faults as JSON, for the control paths and the command line."""

import re
from decimal import Decimal
from typing import Any, get_args

from attrs import asdict, fields

from .documents import Document
from .switches import FAULTY, MONTH, SETTINGS, Fault, FaultKind, Switches


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


def read_fault(document: Document) -> Fault:
    """Read the fault a document plans."""
    document.only(*(each.name for each in fields(Fault)))
    whole: dict[str, Any] = {
        name: document.whole(name, lowest, highest)
        for name, (lowest, highest) in {
            "times": (1, 1_000_000),
            "after": (0, 1_000_000),
            "status": (400, 599),
            "retry_after": (0, MONTH),
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
    """Return a fault as JSON."""
    return {**asdict(fault), "seconds": Decimal(str(fault.seconds))}
