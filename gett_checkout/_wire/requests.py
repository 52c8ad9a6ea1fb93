"""Request bodies as plain JSON data. Only known members are sent; ``None`` is omitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from gett_checkout._core.card import NewCard
from gett_checkout._core.cart import GroupChoice, Line
from gett_checkout._core.contact import Contact
from gett_checkout._core.order import (
    Address,
    Amounts,
    CardOnFile,
    Delivery,
    Fulfillment,
    Payment,
    SavedCard,
)
from gett_checkout._core.session import Identity
from gett_checkout._money import ZERO, exactly
from gett_checkout._wire.assumptions import Assumptions
from gett_checkout.errors import InvalidInputError

Body = dict[str, Any]


def create_session(identity: Identity | None, expires_in: int | None = None) -> Body:
    """Docs: Session › create. An empty body requests a partner-only session."""
    body = (
        {}
        if identity is None
        else {**_customer(identity), "partnerUserId": identity.partner_user_id}
    )
    return _known({**body, "expirationSeconds": expires_in})


def fulfillment_context(fulfillment: Fulfillment, assumed: Assumptions) -> Body:
    """Docs: Session › Fulfillment context."""
    if not isinstance(fulfillment, Delivery):
        return {"mode": assumed.pickup_mode}
    where = fulfillment.address
    return _known(
        {
            "mode": assumed.delivery_mode,
            "addressId": fulfillment.address_id,
            "address": address(where) if where else None,
        }
    )


def address(where: Address) -> Body:
    """Docs: Checkout › addresses."""
    return _known(
        {
            "address1": where.address1,
            "address2": where.address2,
            "city": where.city,
            "state": where.state,
            "postalCode": where.postal_code,
        }
    )


def discover_stores(
    *,
    latitude: Decimal | float | None,
    longitude: Decimal | float | None,
    fulfillment_type: str | None,
    query: str | None,
    limit: int,
    offset: int,
) -> Body:
    """Docs: Stores › discover. Coordinates in degrees."""
    if (latitude is None) != (longitude is None):
        raise InvalidInputError("latitude and longitude go together")
    location = {"latitude": _degrees(latitude, 90), "longitude": _degrees(longitude, 180)}
    return _known(
        {
            "location": None if latitude is None else location,
            "fulfillmentType": fulfillment_type,
            "query": query,
            **page(limit=limit, offset=offset),
        }
    )


@exactly
def _degrees(value: Decimal | float | None, most: int) -> Decimal | None:
    if value is None:
        return None
    try:
        degrees = Decimal(str(value))
    except ArithmeticError:
        degrees = Decimal("NaN")
    if not degrees.is_finite() or not -most <= degrees <= most:
        raise InvalidInputError("latitude and longitude must be in degrees")
    return round(degrees, 7)  # a centimetre


def page(*, limit: int, offset: int) -> Body:
    """Docs: Stores › discover; decided for the order history."""
    if not 1 <= limit <= 100 or offset < 0:
        raise InvalidInputError("limit must be from 1 to 100, and offset not negative")
    return {"limit": limit, "offset": offset}


def cart(store_id: str, catalog_set_id: str | None, lines: Iterable[Line]) -> Body:
    """Docs: Cart."""
    return _known(
        {
            "storeId": store_id,
            "catalogSetId": catalog_set_id,
            "lineItems": [line_item(line) for line in lines],
        }
    )


def line_item(line: Line) -> Body:
    """One line of a cart."""
    return _known(
        {
            "lineItemId": line.line_id,
            "itemId": line.item_id,
            "quantity": line.quantity,
            "modifierGroups": _groups(line.groups),
            "specialInstructions": line.special_instructions,
        }
    )


def _groups(groups: tuple[GroupChoice, ...]) -> list[Body]:
    return [
        {
            "modifierGroupId": group.modifier_group_id,
            "selectedModifiers": [
                {
                    "itemId": choice.item_id,
                    "quantity": choice.quantity,
                    **({"modifierGroups": _groups(choice.groups)} if choice.groups else {}),
                }
                for choice in group.chosen
            ],
        }
        for group in groups
    ]


def add_cart_item(cart: Body, line: Line) -> Body:
    """Docs: Cart helpers › add. The first item is added to no cart."""
    return _known({"storeId": cart["storeId"], "catalogSetId": cart.get("catalogSetId")}) | {
        "cart": cart if cart["lineItems"] else None,
        "item": line_item(line),
    }


def change_cart_item(cart: Body, line_id: str, quantity: int | None = None) -> Body:
    """Docs: Cart helpers › update (with a ``quantity``) and remove (without)."""
    return _known({"cart": cart, "lineItemId": line_id, "quantity": quantity})


def payment_card(card: NewCard) -> Body:
    """Docs: Saved cards › add."""
    return {
        "bin": card.bin,
        "cardNumber": card.number,
        "cardType": card.card_type,
        "cvc": card.cvc,
        "expiration": card.expiration.isoformat(),
        "lastFour": card.last_four,
        "billingAddress": address(card.billing_address),
    }


def as_query(body: Body) -> dict[str, str]:
    """Return a body's members as a query, for an operation without a body (GET); objects are flattened."""
    query: dict[str, str] = {}
    for name, value in body.items():
        query.update(as_query(value) if isinstance(value, dict) else {name: str(value)})
    return query


def validate_order(
    cart: Body,
    fulfillment: Fulfillment,
    *,
    tip: Decimal | None,
    customer: Identity | Contact | None,
    assumed: Assumptions,
) -> Body:
    """Docs: Orders › validate."""
    return _known(
        {
            "cart": cart,
            "fulfillmentType": _fulfillment_type(fulfillment, assumed),
            "amounts": {"tip": ZERO if tip is None else tip},
            "customer": _customer(customer) if customer else None,
        }
    )


def place_order(
    cart: Body,
    fulfillment: Fulfillment,
    *,
    order_token: str,
    amounts: Amounts,
    payment: Payment,
    customer: Identity | Contact | None,
    assumed: Assumptions,
) -> Body:
    """Docs: Orders › place."""
    return _known(
        {
            assumed.order_token_member: order_token,
            "cart": cart,
            "fulfillmentType": _fulfillment_type(fulfillment, assumed),
            "payment": _payment(payment),
            "amounts": _amounts(amounts),
            "customer": _customer(customer) if customer else None,
        }
    )


def _fulfillment_type(fulfillment: Fulfillment, assumed: Assumptions) -> str:
    is_delivery = isinstance(fulfillment, Delivery)
    return assumed.delivery_type if is_delivery else assumed.pickup_type


def _customer(who: Identity | Contact) -> Body:
    return _known(
        {
            "firstName": who.first_name,
            "lastName": who.last_name,
            "email": who.email,
            "phone": who.phone,
        }
    )


def _payment(payment: Payment) -> Body:
    if isinstance(payment, CardOnFile):
        return {
            "cardOnFile": {
                "cardToken": payment.card_token,
                "processorType": payment.processor_type,
            }
        }
    if isinstance(payment, SavedCard):
        return {"savedCard": {"paymentId": payment.payment_id}}
    return {"gettPayment": {}}


def _amounts(amounts: Amounts) -> Body:
    return {
        "subTotal": amounts.sub_total,
        "fees": amounts.fees,
        "promotions": amounts.promotions,
        "taxes": amounts.taxes,
        "adjustments": amounts.adjustments,
        "tip": amounts.tip,
        "total": amounts.total,
    }


def _known(members: Mapping[str, Any]) -> Body:
    return {name: value for name, value in members.items() if value is not None}
