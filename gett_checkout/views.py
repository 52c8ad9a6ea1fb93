"""The parts of a checkout's view: for a shop's pages, and for its JSON."""

from gett_checkout._core.cart import Choice, GroupChoice, LineProblem
from gett_checkout._core.minimum import MinimumOrder, Suggestion
from gett_checkout._core.order import Charge
from gett_checkout._core.requirements import Requirement
from gett_checkout._core.state import Notice, Stage
from gett_checkout._core.view import (
    CheckoutView,
    LineView,
    PaymentView,
    PlacementView,
    RecipientView,
    SessionView,
    StoreView,
)

__all__ = [
    "Charge",
    "CheckoutView",
    "Choice",
    "GroupChoice",
    "LineProblem",
    "LineView",
    "MinimumOrder",
    "Notice",
    "PaymentView",
    "PlacementView",
    "RecipientView",
    "Requirement",
    "SessionView",
    "Stage",
    "StoreView",
    "Suggestion",
]
