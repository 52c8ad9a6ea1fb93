"""What the API does not document, or documents twice, and a partner may have to override.

Pass your own `Assumptions` to `GettClient` when Gett tells you better. Reading needs none of this:
every form a page shows is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve, field, frozen

from gett_checkout.errors import InvalidInputError
from gett_checkout.wire.endpoints import BASE_PATH, OPERATIONS, Operation


@frozen
class Assumptions:
    """The decided names and numbers of the wire format.

    `with_path` is the short way to replace one row of the operations table. Durations in seconds.
    """

    base_path: str = BASE_PATH
    """What every path begins with."""

    operations: Mapping[str, Operation] = field(factory=dict)
    """Rows that replace those of the operations table: any path, method, level or rate limit."""

    delivery_mode: str = "DeliveryByMerchant"
    """``mode`` of a delivery's fulfillment context, sent with its ``address`` or ``addressId``."""

    pickup_mode: str = "Pickup"
    """``mode`` of a pickup's fulfillment context."""

    order_token_member: str = "validatedOrderToken"  # noqa: S105 - a member's name
    """The member of a placement that holds the quote's token."""

    order_token_life: float = 15 * 60.0
    """How long a quote holds (documented), from before the request, less 10 seconds at ``place``."""

    session_life: float = 30 * 24 * 3600.0
    """How long a session lives whose answer has no ``expiresAt`` (documented default)."""

    def operation(self, name: str) -> Operation:
        """The operation as it is to be called; `InvalidInputError` when there is none of the name."""
        row = self.operations.get(name) or OPERATIONS.get(name)
        if row is None:
            raise InvalidInputError(f"there is no operation {name!r}; see OPERATIONS")
        return row

    def with_path(self, name: str, path: str) -> Assumptions:
        """The same, with another path for one operation; ``{placeholders}`` as in the table.

        ``get_catalog_set`` also knows ``{store_id}``, for the other form the pages show.
        """
        row = evolve(self.operation(name), path=path)
        return evolve(self, operations={**self.operations, name: row})


DEFAULT: Final = Assumptions()
