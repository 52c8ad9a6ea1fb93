"""What the API does not document, or documents twice, and a partner may have to override.

Pass your own `Assumptions` to `GettClient` when Gett tells you better. Reading needs none of this:
every form a page shows is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from attrs import evolve, field, frozen

from gett_checkout._core.order import FULFILLMENT_TYPES, FulfillmentType
from gett_checkout._wire.endpoints import BASE_PATH, OPERATIONS, Operation
from gett_checkout.errors import InvalidInputError


def _known_types(types: tuple[FulfillmentType, ...]) -> tuple[FulfillmentType, ...]:
    if not isinstance(types, tuple) or any(each not in FULFILLMENT_TYPES for each in types):
        raise InvalidInputError("minimum_for must be a tuple of 'delivery' and 'pickup'")
    known = tuple(each for each in FULFILLMENT_TYPES if each in types)
    # A snapshot leaves out a default by its identity, not by what it equals.
    return FULFILLMENT_TYPES if known == FULFILLMENT_TYPES else known


@frozen
class Assumptions:
    """The decided names and numbers of the wire format.

    `with_path` is the short way to replace one row of the operations table, `with_body` the one to
    change what is sent. Durations in seconds.
    """

    base_path: str = BASE_PATH
    """What every path begins with."""

    operations: Mapping[str, Operation] = field(factory=dict)
    """Rows that replace those of the operations table: any path, method, level or rate limit."""

    bodies: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(factory=dict)
    """Functions, by operation, that are given its request body and return the one to send."""

    delivery_mode: str = "DeliveryByMerchant"
    """``mode`` of a delivery's fulfillment context, sent with its ``address`` or ``addressId``."""

    pickup_mode: str = "Pickup"
    """``mode`` of a pickup's fulfillment context."""

    delivery_type: str = "delivery"
    """``fulfillmentType`` of a delivery at validate and place. Gett may want the ``mode`` there."""

    pickup_type: str = "pickup"
    """``fulfillmentType`` of a pickup at validate and place."""

    minimum_for: tuple[FulfillmentType, ...] = field(
        default=FULFILLMENT_TYPES, converter=_known_types
    )
    """The fulfillment types a store's minimum holds for, read when a checkout is started."""

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

    def with_path(
        self, name: str, path: str, *, method: Literal["GET", "POST", "PUT"] | None = None
    ) -> Assumptions:
        """The same, with another path for one operation; ``{placeholders}`` as in the table.

        ``get_catalog_set`` also knows ``{store_id}``, for the other form the pages show. ``method``
        stays as it is unless given; with GET, the body becomes the query.
        """
        row = self.operation(name)
        row = evolve(row, path=path, method=method or row.method)
        return evolve(self, operations={**self.operations, name: row})

    def with_body(
        self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Assumptions:
        """The same, with the request bodies of one operation as ``change`` makes them.

        It is given the body as it is documented here, as plain data, and returns the one to send,
        amounts as decimals. Let members that hold secrets keep their names: by these they are
        masked when a refusal quotes them.
        """
        return evolve(self, bodies={**self.bodies, self.operation(name).name: change})

    def body(self, name: str, assumed: dict[str, Any]) -> dict[str, Any]:
        """The body to send, of the one that is assumed."""
        change = self.bodies.get(name)
        return assumed if change is None else change(assumed)


DEFAULT: Final = Assumptions()
