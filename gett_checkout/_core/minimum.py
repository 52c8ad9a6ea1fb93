"""The minimum-order gap: how far the cart is from the store's minimum, and how to close it.

The API's code for it is reserved, so the server does not check yet: the gap is computed here from the
store's ``minimumOrderAmount``. Docs: Errors › ORDER_BELOW_MINIMUM.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, Literal

from attrs import frozen

from gett_checkout._core.cart import MAX_QUANTITY, Demands, Line, subtotal
from gett_checkout._core.catalog import CatalogSet, Item, Store
from gett_checkout._core.jsonable import Worded, jsonable_fields
from gett_checkout._core.order import Quote
from gett_checkout._money import (
    DEFAULT_CURRENCY,
    EXACT,
    ZERO,
    exactly,
    to_the_cent,
)
from gett_checkout.messages import DEFAULT, Messages, Text

_TOP_UP_QUANTITY = 3
_DUST: Final = Decimal("1e-6")  # the rounding error of a server's binary fractions


@frozen
class MinimumOrder(Worded):
    """The cart's amount against the store's minimum; all amounts in major units.

    While a quote is live, ``subtotal`` is the quote's (``basis`` is ``"quote"``). Otherwise it is the
    sum of the catalog prices of items and their modifiers (``"estimate"``), without tip, fees and
    unavailable lines (for example sold out). Amounts are to the cent. ``met`` is ``subtotal >=
    minimum``, and ``gap`` is never negative.
    """

    minimum: Decimal
    subtotal: Decimal
    gap: Decimal
    met: bool
    basis: Literal["quote", "estimate"]
    currency: str = DEFAULT_CURRENCY

    def text(self) -> Text:
        """Return the codes and values of its sentence; `message` returns the sentence itself."""
        code = "minimum_order.met" if self.met else "minimum_order"
        return Text.of(code, minimum=self.minimum, gap=self.gap, currency=self.currency)

    def message(self, messages: Messages = DEFAULT) -> str:
        """Return ``Add $4.50 more to reach the $15.00 minimum``, or that the minimum is reached."""
        return messages.say(self.text())

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the gap as JSON-ready data, its message included."""
        return {**jsonable_fields(self), "message": self.message(messages)}


@frozen
class Suggestion:
    """An item that closes the gap when ``quantity`` of it are added, for ``total`` in major units."""

    item: Item
    quantity: int
    total: Decimal


def minimum_order(
    store: Store | None, lines: Iterable[Line], quote: Quote | None
) -> MinimumOrder | None:
    """Return the gap; ``None`` without a store, or when the store has no minimum."""
    if store is None or (least := store.minimum_order_amount) is None or least <= 0:
        return None
    to_be_had = (line for line in lines if line.can_be_had)
    so_far = quote.amounts.sub_total if quote else subtotal(to_be_had)
    least, so_far = (to_the_cent(each, store.currency) for each in (least, so_far))
    gap = max(EXACT.subtract(least, so_far), ZERO)
    return MinimumOrder(
        minimum=least,
        subtotal=so_far,
        gap=gap,
        met=not gap,
        basis="quote" if quote else "estimate",
        currency=store.currency,
    )


@exactly
def suggest_items(
    gap: MinimumOrder | None,
    catalog: CatalogSet,
    limit: int = 5,
    sold_out: Collection[str] = frozenset(),
) -> tuple[Suggestion, ...]:
    """Return menu items that would close the gap by themselves, cheapest first.

    Only items that a section sells and that can be added without a further choice: available, priced,
    without required modifiers, and not in ``sold_out`` (the ids of items Gett has reported as sold
    out). Suggestions of more than three of a kind come last.
    """
    if gap is None or gap.met:
        return ()
    ways, demands = [], Demands(catalog)
    for item in catalog.menu_items():
        if not item.available or item.price is None or item.price <= 0:
            continue
        if item.item_id in sold_out or demands.any_of(item):
            continue
        quantity = int(((gap.gap - _DUST) / item.price).to_integral_value(ROUND_CEILING))
        if quantity <= MAX_QUANTITY:
            ways.append(Suggestion(item, quantity, item.price * quantity))
    ways.sort(key=lambda way: (way.quantity > _TOP_UP_QUANTITY, way.total, way.quantity))
    return tuple(ways[:limit])
