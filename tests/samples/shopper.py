"""A shopper who presses the button that the page shows."""

from __future__ import annotations

from decimal import Decimal

from gett_checkout import Checkout, Order


def total_shown(checkout: Checkout) -> Decimal:
    """The amount on the button; 0 as long as there is no price, for then there is no button."""
    view = checkout.view
    return view.quote.amounts.total if view.quote else view.confirmed_total or Decimal(0)


async def place_as_shown(checkout: Checkout) -> Order:
    """Place the order for the amount on the button."""
    return await checkout.place(total=total_shown(checkout))
