"""Validating and placing orders, the heart of the sandbox.

Docs: Validate and place; Idempotency-Key. Nothing here awaits, so placing is atomic: of any number
of simultaneous requests with one key, the first makes the order and the others find it made.
"""

import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from attrs import frozen

from .addresses import Address
from .calls import Call, Response, respond, session_user_required
from .carts import Cart, Carts, incomplete_groups
from .documents import Document
from .idempotency import KeyBook, read_key
from .orders import Customer, Order, OrderBook
from .payments import Payment, Terminal
from .pricing import Amounts, price
from .problems import RefusedError, invalid
from .sessions import MODES, Sessions
from .storefront import FULFILLMENT_TYPES, Store, Storefront
from .switches import Switches
from .wallet import Wallets


@frozen
class Validated:
    """What a `validatedOrderToken` stands for."""

    cart: Cart
    fulfillment_type: str
    address: Address | None
    tip: Decimal
    expires_at: datetime


class Ordering:
    """Prices orders, hands out order tokens, and turns each into at most one order."""

    def __init__(
        self,
        switches: Switches,
        *,
        storefront: Storefront,
        carts: Carts,
        sessions: Sessions,
        wallets: Wallets,
        book: OrderBook,
    ) -> None:
        self._switches = switches
        self._storefront = storefront
        self._carts = carts
        self._sessions = sessions
        self._wallets = wallets
        self._book = book
        self._keys = KeyBook(switches)
        self._terminal = Terminal(switches)
        self._validated: dict[str, Validated] = {}
        self._used_tokens: set[str] = set()

    def validate_order(self, call: Call) -> Response:
        """POST /orders/validate: price the cart and hand out an order token."""
        document = call.document()
        document.only("cart", "fulfillmentType", "amounts", "customer")
        Customer.read(document, required=False)
        cart, store = self._carts.read(document.part("cart"))
        fulfillment_type = self._read_fulfillment_type(document)
        if not store.allows(fulfillment_type):
            message = f"The store does not offer {fulfillment_type}."
            raise invalid(document.at("fulfillmentType"), "not_offered", message)
        amounts = document.part("amounts")
        amounts.only("tip")
        validated = Validated(
            cart=cart,
            fulfillment_type=fulfillment_type,
            address=self._address(call, fulfillment_type),
            tip=amounts.amount("tip"),
            expires_at=call.at + timedelta(seconds=self._switches.quote_seconds),
        )
        priced = self._check_and_price(validated, store, call.at)
        token = f"vot_{secrets.token_urlsafe(24)}"
        self._validated[token] = validated
        return respond({"validatedOrderToken": token, "amounts": priced.document()})

    def place_order(self, call: Call) -> Response:
        """POST /orders/place: one order per key."""
        key = read_key(call.idempotency_key)
        earlier = self._keys.recall(key, call)
        if earlier is not None:
            return earlier
        try:
            outcome = respond(self._place(call, key).receipt(), status=201)
        except RefusedError as refusal:
            if self._switches.cache_errors and not refusal.retryable:
                self._keys.store(key, call, refusal)
            raise
        self._keys.store(key, call, outcome)
        return outcome

    def reset(self) -> None:
        """Forget every token, key and failed payment."""
        self._validated.clear()
        self._used_tokens.clear()
        self._keys.reset()
        self._terminal.reset()

    def _place(self, call: Call, key: str) -> Order:
        document = call.document()
        document.only(
            "validatedOrderToken", "cart", "fulfillmentType", "payment", "amounts", "customer"
        )
        customer = Customer.read(document, required=call.level == "api_key")
        payment, card_token = self._read_payment(document, call)
        token = document.text("validatedOrderToken")
        validated = self._redeemable(token, call.at)
        cart, store = self._carts.read(document.part("cart"))
        _check_same(cart, self._read_fulfillment_type(document), validated)
        self._check_context(call, validated)
        priced = self._check_and_price(validated, store, call.at)
        _check_amounts(document.part("amounts"), priced)
        self._terminal.charge(card_token, key)
        self._used_tokens.add(token)
        order = Order(
            order_id=str(uuid4()),
            idempotency_key=key,
            store_id=store.store_id,
            cart=cart,
            fulfillment_type=validated.fulfillment_type,
            address=validated.address,
            amounts=priced,
            payment_kind=payment.kind,
            customer=customer,
            session_email=call.session.email if call.session else None,
            user_id=call.session.user_id if call.session else None,
            placed_at=call.at,
            checkout_session_id=f"csn_{uuid4().hex}",
        )
        self._book.add(order)
        return order

    def _read_fulfillment_type(self, document: Document) -> str:
        """`delivery` or `pickup`, however it is to be written."""
        if self._switches.fulfillment_modes:
            return MODES[document.choice("fulfillmentType", MODES)]
        return document.choice("fulfillmentType", FULFILLMENT_TYPES)

    def _address(self, call: Call, fulfillment_type: str) -> Address | None:
        """The address on the session's context, which must serve the fulfillment type."""
        context = self._sessions.context(call.session) if call.session else None
        if context is None or context.fulfillment_type != fulfillment_type:
            message = "The session's fulfillment context must be set for it first."
            raise invalid("$.fulfillmentType", "context_mismatch", message)
        return context.address

    def _check_context(self, call: Call, validated: Validated) -> None:
        """A session places what its own context says. The API key has none: it goes by the token."""
        if call.session and self._address(call, validated.fulfillment_type) != validated.address:
            message = "The session's fulfillment context is not the validated one."
            raise invalid("$.fulfillmentType", "context_mismatch", message)

    def _check_and_price(self, wanted: Validated, store: Store, now: datetime) -> Amounts:
        """Everything that can stand against an order at validate and again at place."""
        reserved = self._switches.reserved_codes
        self._storefront.check_open(store, now)
        if wanted.address is not None:
            wanted.address.check(self._switches)
        self._check_available(wanted.cart, store)
        if "CART_EMPTY" in reserved and not wanted.cart.lines:
            raise RefusedError("CART_EMPTY", "The cart has no items.")
        if "MODIFIER_REQUIRED" in reserved:
            _check_complete(wanted.cart, store)
        priced = price(
            wanted.cart,
            store.menu,
            fulfillment_type=wanted.fulfillment_type,
            tip=wanted.tip,
            price_change=self._switches.price_change,
        )
        if "ORDER_BELOW_MINIMUM" in reserved:
            self._check_minimum(wanted, store, priced)
        return priced

    def _check_minimum(self, wanted: Validated, store: Store, priced: Amounts) -> None:
        if self._switches.minimum_for_deliveries and wanted.fulfillment_type != "delivery":
            return
        minimum = store.document.get("minimumOrderAmount")
        if minimum is not None and priced.sub_total < minimum:
            raise RefusedError(
                "ORDER_BELOW_MINIMUM", "Order subtotal is below the merchant's minimum."
            )

    def _check_available(self, cart: Cart, store: Store) -> None:
        gone = []
        for item_id in dict.fromkeys(choice.item_id for choice in cart.choices()):
            available = store.menu.items[item_id].get("available", True)
            if not available or item_id in self._switches.sold_out:
                gone.append(_item_error("ITEM_UNAVAILABLE", "The item is not available.", item_id))
        if gone:
            raise RefusedError("ITEM_UNAVAILABLE", "Some items are not available.", errors=gone)

    def _redeemable(self, token: str, now: datetime) -> Validated:
        """What an order token stands for; it is single use, and lives fifteen minutes."""
        validated = self._validated.get(token)
        if validated is None:
            raise RefusedError("INVALID_REQUEST", "The validatedOrderToken is unknown.")
        if token in self._used_tokens:
            emitted = "ORDER_ALREADY_PLACED" in self._switches.reserved_codes
            code = "ORDER_ALREADY_PLACED" if emitted else "CONFLICT"
            raise RefusedError(code, "The validatedOrderToken has been used.")
        if validated.expires_at <= now:
            raise RefusedError("INVALID_REQUEST", "The validatedOrderToken has expired.")
        return validated

    def _read_payment(self, document: Document, call: Call) -> tuple[Payment, str]:
        """The payment, and the card token it charges. The API key pays with cards on file only."""
        payment = Payment.read(document.part("payment"))
        if call.level == "api_key" and payment.kind != "cardOnFile":
            raise session_user_required()
        if payment.kind != "savedCard":
            return payment, payment.token
        card = self._wallets.card(call.shopper(), payment.token)
        if card is not None:
            return payment, card.behaves_as
        if "PAYMENT_METHOD_INVALID" in self._switches.reserved_codes:
            raise RefusedError("PAYMENT_METHOD_INVALID", "The user has no such saved card.")
        path = "$.payment.savedCard.paymentId"
        raise invalid(path, "unknown", "The user has no such saved card.")


def _check_same(cart: Cart, fulfillment_type: str, validated: Validated) -> None:
    """An order token is good for the order it was made for, and for no other."""
    if cart != validated.cart:
        raise invalid("$.cart", "not_validated", "The cart is not the validated one.")
    if fulfillment_type != validated.fulfillment_type:
        message = "The fulfillment type is not the validated one."
        raise invalid("$.fulfillmentType", "not_validated", message)


def _check_amounts(amounts: Document, priced: Amounts) -> None:
    """The caller agrees to one total; what else is echoed must be what it is made of."""
    parts = {name: value for name, value in priced.document().items() if isinstance(value, Decimal)}
    amounts.only(*parts, *(f"{name}Breakdown" for name in parts))
    told = {name: amounts.amount(name, negative=True) for name in parts if name in amounts}
    if amounts.amount("total", negative=True) != priced.total:
        raise RefusedError("ORDER_TOTAL_DIFFERENT", "The order's total has changed.")
    for name, value in told.items():
        if value != parts[name]:
            message = "The amount is not the validated one."
            raise invalid(amounts.at(name), "not_validated", message)


def _check_complete(cart: Cart, store: Store) -> None:
    errors = [
        _item_error("MODIFIER_REQUIRED", f"{group['name']} is required.", choice.item_id)
        for choice, group in incomplete_groups(cart, store.menu)
    ]
    if errors:
        raise RefusedError("MODIFIER_REQUIRED", "Required modifiers are missing.", errors=errors)


def _item_error(code: str, message: str, item_id: str) -> dict[str, str]:
    return {"code": code, "message": message, "itemId": item_id}
