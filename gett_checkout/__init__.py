"""Take a shopper's food order through Gett's Marketfront API, step by step, exactly once."""

from gett_checkout._checkout import Checkout
from gett_checkout._checkouts import Checkouts
from gett_checkout._client import PRODUCTION, SANDBOX, GettClient
from gett_checkout._core.actions import NextAction
from gett_checkout._core.card import NewCard, PaymentMethod
from gett_checkout._core.cart import Line, Modifier, Modifiers
from gett_checkout._core.catalog import CatalogSet, Item, Store, StorePage
from gett_checkout._core.contact import Contact
from gett_checkout._core.hand_over import PlacedOrder
from gett_checkout._core.jsonable import jsonable
from gett_checkout._core.minimum import MinimumOrder
from gett_checkout._core.order import (
    Address,
    Amounts,
    CardOnFile,
    Delivery,
    Fulfillment,
    FulfillmentType,
    GettPayment,
    Order,
    OrderPage,
    Payment,
    Pickup,
    Quote,
    SavedCard,
)
from gett_checkout._core.requirements import Requirement
from gett_checkout._core.session import Identity, Level, Session
from gett_checkout._core.state import Notice, Stage
from gett_checkout._core.view import CheckoutView
from gett_checkout._inputs import (
    parse_contact,
    parse_fulfillment,
    parse_identity,
    parse_payment,
)
from gett_checkout._reconciling import Reconciled, Unresolved
from gett_checkout._retry import RetryPolicy
from gett_checkout._version import __version__
from gett_checkout._wire.assumptions import Assumptions
from gett_checkout.errors import (
    AddressInvalidError,
    AddressOutOfRangeError,
    ApiError,
    ApiPaymentError,
    CheckoutConflictError,
    CheckoutNotFoundError,
    GettCheckoutError,
    IdentityRequiredError,
    InvalidInputError,
    InvalidResponseError,
    ItemUnavailableError,
    LineNotFoundError,
    MenuChangedError,
    ModifierRequiredError,
    OrderBelowMinimumError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    PaymentFailedError,
    PaymentMethodInvalidError,
    PlacementInProgressError,
    RateLimitedError,
    ServiceUnavailableError,
    StepNotAllowedError,
    StorageError,
    StoreClosedError,
    TotalChangedError,
    TransportError,
)
from gett_checkout.storage import Storage
from gett_checkout.storage.memory import MemoryStorage

__all__ = [
    "PRODUCTION",
    "SANDBOX",
    "Address",
    "AddressInvalidError",
    "AddressOutOfRangeError",
    "Amounts",
    "ApiError",
    "ApiPaymentError",
    "Assumptions",
    "CardOnFile",
    "CatalogSet",
    "Checkout",
    "CheckoutConflictError",
    "CheckoutNotFoundError",
    "CheckoutView",
    "Checkouts",
    "Contact",
    "Delivery",
    "Fulfillment",
    "FulfillmentType",
    "GettCheckoutError",
    "GettClient",
    "GettPayment",
    "Identity",
    "IdentityRequiredError",
    "InvalidInputError",
    "InvalidResponseError",
    "Item",
    "ItemUnavailableError",
    "Level",
    "Line",
    "LineNotFoundError",
    "MemoryStorage",
    "MenuChangedError",
    "MinimumOrder",
    "Modifier",
    "ModifierRequiredError",
    "Modifiers",
    "NewCard",
    "NextAction",
    "Notice",
    "Order",
    "OrderBelowMinimumError",
    "OrderPage",
    "OutcomeUnknownError",
    "Payment",
    "PaymentDeclinedError",
    "PaymentFailedError",
    "PaymentMethod",
    "PaymentMethodInvalidError",
    "Pickup",
    "PlacedOrder",
    "PlacementInProgressError",
    "Quote",
    "RateLimitedError",
    "Reconciled",
    "Requirement",
    "RetryPolicy",
    "SavedCard",
    "ServiceUnavailableError",
    "Session",
    "Stage",
    "StepNotAllowedError",
    "Storage",
    "StorageError",
    "Store",
    "StoreClosedError",
    "StorePage",
    "TotalChangedError",
    "TransportError",
    "Unresolved",
    "__version__",
    "jsonable",
    "parse_contact",
    "parse_fulfillment",
    "parse_identity",
    "parse_payment",
]
