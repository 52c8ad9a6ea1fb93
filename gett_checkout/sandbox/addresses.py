"""Delivery and billing addresses: their members, and the two postal codes that are rejected.

Docs: Fulfillment; Errors › ADDRESS_INVALID, ADDRESS_OUT_OF_RANGE (both reserved).
"""

from typing import Any

from attrs import asdict, frozen

from .documents import Document
from .problems import RefusedError
from .switches import Switches

MAGIC_POSTAL_CODES = {
    "00000": ("ADDRESS_INVALID", "The address could not be verified."),
    "99999": ("ADDRESS_OUT_OF_RANGE", "The address is outside the delivery area."),
}
"""Postal codes that are rejected once their reserved code is switched on."""


@frozen
class Address:
    """A postal address."""

    address1: str
    address2: str | None
    city: str
    state: str
    postal_code: str

    @classmethod
    def read(cls, document: Document) -> "Address":
        """The address a request carries."""
        document.only("address1", "address2", "city", "state", "postalCode")
        return cls(
            address1=document.text("address1"),
            address2=document.optional_text("address2"),
            city=document.text("city"),
            state=document.text("state"),
            postal_code=document.text("postalCode", longest=16),
        )

    def document(self) -> dict[str, Any]:
        """The address as the API writes it."""
        members = asdict(self)
        members["postalCode"] = members.pop("postal_code")
        return {name: value for name, value in members.items() if value is not None}

    def check(self, switches: Switches) -> None:
        """Reject a magic postal code if the error code it triggers is switched on."""
        code, detail = MAGIC_POSTAL_CODES.get(self.postal_code, ("", ""))
        if code in switches.reserved_codes:
            raise RefusedError(code, detail)
