"""Prices: what a cart costs, computed the same way every time it is asked.

Docs: Validate and place, "Amounts": subTotal + fees − promotions + taxes + adjustments + tip =
total. The tip is the caller's, the rest is the server's. Rates are this sandbox's own.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from attrs import frozen

from .carts import Cart, Choice
from .storefront import Menu

SERVICE_FEE_RATE = Decimal("0.05")
DELIVERY_FEE = Decimal("3.99")
TAX_RATE = Decimal("0.08875")
PROMOTION_RATE = Decimal("0.10")
PROMOTION_FROM = Decimal("60.00")

_CENT = Decimal("0.01")
_NOTHING = Decimal("0.00")


@frozen
class Amounts:
    """The parts of a price; promotions are positive and taken off."""

    sub_total: Decimal
    service_fee: Decimal
    delivery_fee: Decimal
    other_fees: Decimal
    promotions: Decimal
    taxes: Decimal
    adjustments: Decimal
    tip: Decimal

    @property
    def fees(self) -> Decimal:
        """All fees together."""
        return self.service_fee + self.delivery_fee + self.other_fees

    @property
    def total(self) -> Decimal:
        """What the shopper pays."""
        charges = self.sub_total + self.fees + self.taxes + self.adjustments + self.tip
        return charges - self.promotions

    def document(self) -> dict[str, Any]:
        """The amounts as the API writes them, the fees with their breakdown."""
        fees = {
            "Service fee": self.service_fee,
            "Delivery fee": self.delivery_fee,
            "Other fees": self.other_fees,
        }
        return {
            "subTotal": self.sub_total,
            "fees": self.fees,
            "promotions": self.promotions,
            "taxes": self.taxes,
            "adjustments": self.adjustments,
            "tip": self.tip,
            "total": self.total,
            "feesBreakdown": [
                {"name": name, "amount": amount} for name, amount in fees.items() if amount
            ],
        }


def price(
    cart: Cart, menu: Menu, *, fulfillment_type: str, tip: Decimal, price_change: Decimal
) -> Amounts:
    """What `cart` costs. An empty cart costs its tip."""
    sub_total = sum((_price_of(line.choice, menu) for line in cart.lines), _NOTHING)
    delivers = cart.lines and fulfillment_type == "delivery"
    promotions = cents(sub_total * PROMOTION_RATE) if sub_total >= PROMOTION_FROM else _NOTHING
    return Amounts(
        sub_total=cents(sub_total),
        service_fee=cents(sub_total * SERVICE_FEE_RATE),
        delivery_fee=DELIVERY_FEE if delivers else _NOTHING,
        other_fees=cents(price_change) if cart.lines else _NOTHING,
        promotions=promotions,
        taxes=cents((sub_total - promotions) * TAX_RATE),
        adjustments=_NOTHING,
        tip=cents(tip),
    )


def cents(amount: Decimal) -> Decimal:
    """`amount` in whole cents, halves rounded up."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _price_of(choice: Choice, menu: Menu) -> Decimal:
    """The price of one choice: its item and everything inside it, times its quantity."""
    each: Decimal = Decimal(menu.items[choice.item_id]["price"])
    for _, modifiers in choice.groups:
        each += sum((_price_of(modifier, menu) for modifier in modifiers), _NOTHING)
    return each * choice.quantity
