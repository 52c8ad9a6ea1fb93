"""Points that the API does not document, or documents inconsistently, for a partner to override.

Pass your own `Assumptions` to `GettClient` when Gett tells you otherwise. Responses need none of this:
every documented form is accepted.
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
    # A snapshot recognises a default by its identity, not by equality.
    return FULFILLMENT_TYPES if known == FULFILLMENT_TYPES else known


@frozen
class Assumptions:
    """The names and numbers this library chose for points where Gett does not document the wire format.

    Two shortcuts: `with_path` replaces one row of the operations table, and `with_body` changes a
    request body. Durations are in seconds.
    """

    base_path: str = BASE_PATH
    """The beginning of every path."""

    operations: Mapping[str, Operation] = field(factory=dict)
    """Rows that replace those of the operations table: any path, method, level or rate limit."""

    bodies: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(factory=dict)
    """Functions, by operation, that receive its request body and return the one to send."""

    delivery_mode: str = "DeliveryByMerchant"
    """``mode`` of a delivery's fulfillment context, sent with its ``address`` or ``addressId``."""

    pickup_mode: str = "Pickup"
    """``mode`` of a pickup's fulfillment context."""

    delivery_type: str = "delivery"
    """``fulfillmentType`` of a delivery at validate and place. Gett may require the ``mode`` there."""

    pickup_type: str = "pickup"
    """``fulfillmentType`` of a pickup at validate and place."""

    minimum_for: tuple[FulfillmentType, ...] = field(
        default=FULFILLMENT_TYPES, converter=_known_types
    )
    """The fulfillment types to which a store's minimum applies, read when a checkout is started."""

    order_token_member: str = "validatedOrderToken"  # noqa: S105 - a member's name
    """The member of a placement that has the quote's token."""

    order_token_life: float = 15 * 60.0
    """How long a quote is valid (documented), counted from just before the request; a checkout
    stops using it 10 seconds earlier.
    """

    session_life: float = 30 * 24 * 3600.0
    """How long a session is valid if its response has no ``expiresAt`` (documented default)."""

    def operation(self, name: str) -> Operation:
        """Return the operation as it must be called. Raises `InvalidInputError` for an unknown name."""
        row = self.operations.get(name) or OPERATIONS.get(name)
        if row is None:
            raise InvalidInputError(f"there is no operation {name!r}; see OPERATIONS")
        return row

    def with_path(
        self, name: str, path: str, *, method: Literal["GET", "POST", "PUT"] | None = None
    ) -> Assumptions:
        """Return a copy with another path for one operation.

        ``path`` uses the operation's ``{placeholders}``, as in `gett_checkout.operations.OPERATIONS`.

        Gett documents ``get_catalog_set`` under two paths; for the one with the store, ``path`` may
        also contain ``{store_id}``. ``method`` is the new HTTP method (default: unchanged); with GET,
        the body becomes the query.
        """
        row = self.operation(name)
        row = evolve(row, path=path, method=method or row.method)
        return evolve(self, operations={**self.operations, name: row})

    def with_body(
        self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Assumptions:
        """Return a copy that sends one operation's request bodies as ``change`` returns them.

        ``change`` receives the documented body as plain data and returns the body to send; amounts are
        decimals in both. Do not rename members that hold secrets: when a rejection quotes a member, its
        name decides whether the value is masked.
        """
        return evolve(self, bodies={**self.bodies, self.operation(name).name: change})

    def body(self, name: str, assumed: dict[str, Any]) -> dict[str, Any]:
        """Return the body to send instead of the documented one."""
        change = self.bodies.get(name)
        return assumed if change is None else change(assumed)


DEFAULT: Final = Assumptions()
