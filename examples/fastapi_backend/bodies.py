"""Request bodies: what FastAPI reads and documents. The library's readers make its values of them.

The library's own values are attrs classes, which FastAPI does not read. Shape is checked here;
what a quantity, an address or an amount may be is the library's to say, once, as `InvalidInputError`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """A misspelt member is an error, not a member left out."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class StoreBody(Body):
    """The restaurant to order from; ``replace_cart`` drops what was chosen at another one."""

    store_id: str
    replace_cart: bool = False


class ModifierBody(Body):
    """A chosen modifier with a quantity, or with choices of its own."""

    item_id: str
    quantity: int = 1
    modifiers: ModifiersBody = {}


ModifiersBody = dict[str, list[str | ModifierBody]]


class LineBody(Body):
    """An item for the cart; ``modifiers`` maps a group's id to what is chosen in it.

    With a ``line_id`` of the page's own the request may be repeated.
    """

    item_id: str
    quantity: int = 1
    modifiers: ModifiersBody = {}
    special_instructions: str | None = None
    line_id: str | None = None


class LineChangeBody(Body):
    """What is to change of a line; what is not given stays."""

    quantity: int | None = None
    modifiers: ModifiersBody | None = None
    special_instructions: str | None = None

    def changes(self) -> dict[str, Any]:
        """The keyword arguments for `Checkout.update`."""
        return self.model_dump(exclude_none=True)


class AddressBody(Body):
    """Where to deliver."""

    address1: str
    city: str
    state: str
    postal_code: str
    address2: str | None = None


class DeliveryBody(Body):
    """To an address, given here or kept at Gett."""

    type: Literal["delivery"]
    address: AddressBody | None = None
    address_id: str | None = None


class PickupBody(Body):
    """The shopper comes to the restaurant."""

    type: Literal["pickup"]


FulfillmentBody = Annotated[DeliveryBody | PickupBody, Field(discriminator="type")]


class QuoteBody(Body):
    """The tip, in major units; without one the tip stays as it was."""

    tip: Decimal | None = None


class TotalBody(Body):
    """The total the shopper saw, in major units."""

    total: Decimal


class IdentityBody(Body):
    """Who the shopper is."""

    email: str = Field(repr=False)
    first_name: str = Field(repr=False)
    last_name: str = Field(repr=False)
    phone: str | None = Field(default=None, repr=False)
    partner_user_id: str | None = Field(default=None, repr=False)


class CardOnFileBody(Body):
    """A card that the partner's own processor keeps; its brand and last digits are for showing."""

    kind: Literal["card_on_file"]
    card_token: str = Field(repr=False)
    processor_type: str
    card_type: str | None = None
    last_four: str | None = None


class SavedCardBody(Body):
    """A card the shopper keeps at Gett."""

    kind: Literal["saved_card"]
    payment_id: str


class GettPaymentBody(Body):
    """Gett collects the payment."""

    kind: Literal["gett_payment"]


PaymentBody = Annotated[
    CardOnFileBody | SavedCardBody | GettPaymentBody, Field(discriminator="kind")
]
