"""What the page of a shopper sends, up to the button that places the order."""

from __future__ import annotations

from typing import Any, Final

STEPS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("POST", "/checkout", {}),
    ("PUT", "/checkout/store", {"store_id": "store_bella_napoli"}),
    (
        "POST",
        "/checkout/lines",
        {"item_id": "item_diavola", "modifiers": {"group_pizza_size": ["item_size_large"]}},
    ),
    ("PUT", "/checkout/fulfillment", {"type": "pickup"}),
    (
        "PUT",
        "/checkout/identity",
        {"email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"},
    ),
    ("POST", "/checkout/quote", {"tip": "3.00"}),
)


def card(token: str) -> dict[str, str]:
    """The body that pays with a card; the sandbox knows some tokens, and approves all others."""
    return {"kind": "card_on_file", "card_token": token, "processor_type": "stripe"}
