"""Orders once they are made: the record of them, what becomes of them, and who reads it.

Docs: Operations ("get order", "order history"); Order states. This record is what a test should check:
how many orders there really are, whatever the client believes.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from attrs import evolve, field, frozen

from .addresses import Address
from .calls import Call, Response, respond
from .carts import Cart
from .documents import EMAIL, PHONE, Document
from .payments import PaymentKind
from .pricing import Amounts
from .problems import RefusedError, instant, invalid
from .storefront import DEFAULT_LIMIT, HIGHEST_LIMIT

Progress = Literal[
    "pending",
    "manual_review",
    "confirmed",
    "preparing",
    "ready",
    "inTransit",
    "completed",
    "cancelled",
]
"""How far an order has come. Docs: Order states; `manual_review` is known to webhooks only."""
PROGRESS: tuple[Progress, ...] = get_args(Progress)
_WAY: tuple[Progress, ...] = (
    "pending", "confirmed", "preparing", "ready", "inTransit", "completed",
)  # fmt: skip
FINISHED: tuple[Progress, ...] = ("completed", "cancelled")

RefundType = Literal["store_credit", "original_payment"]
REFUND_TYPES: tuple[RefundType, ...] = get_args(RefundType)


@frozen
class Refund:
    """Money given back; the amount in major units."""

    type: RefundType
    amount: Decimal


@frozen
class Customer:
    """Whom the restaurant may contact; an end user's session supplies what is missing."""

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
    checkout_session_id: str
    """What webhooks know the order by."""
    progress: Progress = "pending"
    status: str = "pending"
    """As the API reads it: the last status the order had while it was open."""
    refunds: tuple[Refund, ...] = ()

    @property
    def state(self) -> str:
        """`open`, `completed` or `cancelled`."""
        return self.progress if self.progress in FINISHED else "open"

    @property
    def total(self) -> Decimal:
        """What the shopper was charged."""
        return self.amounts.total

    def receipt(self) -> dict[str, Any]:
        """The response to placing it."""
        return {
            "orderId": self.order_id,
            "state": self.state,
            "status": self.status,
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

    def __init__(self, announce: Callable[[Order, Order | None], None]) -> None:
        self._announce = announce
        self.orders: list[Order] = []

    def add(self, order: Order) -> None:
        """Write down an order that was just made."""
        self.orders.append(order)
        self._announce(order, None)

    def advance(self, order_id: str, to: Progress | None = None) -> Order:
        """Move an order on: to the state `to`, or to the next one of its usual course."""
        order = self.find(order_id)
        if order.progress in FINISHED:
            raise RefusedError("CONFLICT", f"The order is {order.progress}.")
        to = _next(order) if to is None else to
        if to not in PROGRESS:
            raise invalid("$.to", "unknown_value", f"One of {', '.join(PROGRESS)} is expected.")
        is_status = to not in (*FINISHED, "manual_review")
        return self._change(order, progress=to, status=to if is_status else order.status)

    def refund(self, order_id: str, amount: Decimal, type: RefundType) -> Order:  # noqa: A002
        """Give money back; never more than the order cost."""
        order = self.find(order_id)
        amount = Decimal(amount)
        left = order.total - sum(refund.amount for refund in order.refunds)
        if not 0 < amount <= left or amount != round(amount, 2):
            raise invalid("$.amount", "out_of_bounds", f"From 0.01 to {left} can be refunded.")
        if type not in REFUND_TYPES:
            raise invalid("$.type", "unknown_value", "There is no such type of refund.")
        return self._change(order, refunds=(*order.refunds, Refund(type, amount)))

    def find(self, order_id: str) -> Order:
        """The order with this id, or `NOT_FOUND`."""
        for order in self.orders:
            if order.order_id == order_id:
                return order
        raise RefusedError("NOT_FOUND", "There is no order with this id.")

    def _change(self, order: Order, **changes: Any) -> Order:
        changed = evolve(order, **changes)
        self.orders[self.orders.index(order)] = changed
        self._announce(changed, order)
        return changed

    def get_order(self, call: Call) -> Response:
        """GET /orders/{orderId}; another user's order is not found."""
        shopper = call.shopper()
        order = self.find(call.parameters["orderId"])
        if order.user_id != shopper:
            raise RefusedError("NOT_FOUND", "There is no order with this id.")
        return respond(order.document())

    def list_orders(self, call: Call) -> Response:
        """GET /orders, the newest first."""
        orders = self._orders_of(call.shopper())[::-1]
        limit = _whole(call, "limit", DEFAULT_LIMIT, (1, HIGHEST_LIMIT))
        offset = _whole(call, "offset", 0, (0, 1_000_000))
        return respond(
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


def _next(order: Order) -> Progress:
    """What was looked at more closely goes on like a new order; only a delivery is in transit."""
    at = "pending" if order.progress == "manual_review" else order.progress
    following = _WAY[_WAY.index(at) + 1]
    skips = following == "inTransit" and order.fulfillment_type == "pickup"
    return "completed" if skips else following


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
