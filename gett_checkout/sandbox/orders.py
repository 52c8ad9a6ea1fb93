"""Orders once they are made: the record of them, and the operations that read it.

Docs: Operations ("get order", "order history"); Order states. This record is the truth a test asks:
how many orders there are, whatever the client believes.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from .addresses import Address
from .calls import Answer, Call, answer
from .carts import Cart
from .payments import PaymentKind
from .pricing import Amounts
from .problems import RefusedError, instant, invalid
from .reading import EMAIL, PHONE, Document
from .storefront import DEFAULT_LIMIT, HIGHEST_LIMIT


@frozen
class Customer:
    """Whom the restaurant may contact; an end user's session can stand in for any of it."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None

    @classmethod
    def read(cls, document: Document, *, required: bool) -> "Customer":
        """The customer of a request; `required` when no session says who is ordering."""
        if "customer" not in document and not required:
            return cls()
        customer = document.part("customer")
        customer.only("firstName", "lastName", "email", "phone")
        read = customer.text if required else customer.optional_text
        return cls(
            first_name=read("firstName"),
            last_name=read("lastName"),
            email=read("email", EMAIL),
            phone=customer.optional_text("phone", PHONE),
        )


@frozen
class Order:
    """One order."""

    order_id: str
    idempotency_key: str
    store_id: str
    cart: Cart = field(repr=False)
    fulfillment_type: str
    address: Address | None = field(repr=False)
    amounts: Amounts = field(repr=False)
    payment_kind: PaymentKind
    customer: Customer = field(repr=False)
    session_email: str | None = field(repr=False)
    user_id: str | None
    placed_at: datetime

    @property
    def total(self) -> Decimal:
        """What the shopper was charged."""
        return self.amounts.total

    def receipt(self) -> dict[str, Any]:
        """The answer to placing it. A new order is open and pending."""
        return {
            "orderId": self.order_id,
            "state": "open",
            "status": "pending",
            "amounts": self.amounts.document(),
        }

    def document(self) -> dict[str, Any]:
        """The order as it is read later."""
        return {
            **self.receipt(),
            "storeId": self.store_id,
            "fulfillmentType": self.fulfillment_type,
            "lineItems": self.cart.document()["lineItems"],
            "placedAt": instant(self.placed_at),
        }


class OrderBook:
    """Every order made, in the order they were made."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def get_order(self, call: Call) -> Answer:
        """GET /orders/{orderId}; another user's order is not found."""
        for order in self._orders_of(call.shopper()):
            if order.order_id == call.parameters["orderId"]:
                return answer(order.document())
        raise RefusedError("NOT_FOUND", "There is no order with this id.")

    def list_orders(self, call: Call) -> Answer:
        """GET /orders, the newest first."""
        orders = self._orders_of(call.shopper())[::-1]
        limit = _whole(call, "limit", DEFAULT_LIMIT, (1, HIGHEST_LIMIT))
        offset = _whole(call, "offset", 0, (0, 1_000_000))
        return answer(
            {
                "orders": [order.document() for order in orders[offset : offset + limit]],
                "hasMore": offset + limit < len(orders),
                "totalCount": len(orders),
            }
        )

    def reset(self) -> None:
        """Forget every order."""
        self.orders.clear()

    def _orders_of(self, user_id: str) -> list[Order]:
        return [order for order in self.orders if order.user_id == user_id]


def _whole(call: Call, name: str, default: int, bounds: tuple[int, int]) -> int:
    """A whole number of the query string."""
    text = call.query.get(name, str(default))
    lowest, highest = bounds
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise invalid(f"$.{name}", "wrong_type", "A whole number is expected.")
    if not lowest <= int(text) <= highest:
        message = f"A number from {lowest} to {highest} is expected."
        raise invalid(f"$.{name}", "out_of_bounds", message)
    return int(text)
