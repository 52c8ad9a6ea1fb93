"""What is still missing before the order can be placed, and what to do next.

`RULES` is the one ordered registry: the view shows what it yields, ``place`` refuses on what it
yields, and the next action is that of its first entry that is not met. To add a requirement, add
a function and its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import field, frozen

from gett_checkout._core import actions
from gett_checkout._core.actions import NextAction
from gett_checkout._core.codes import refuse
from gett_checkout._core.jsonable import jsonable, jsonable_fields
from gett_checkout._core.minimum import MinimumOrder, minimum_order
from gett_checkout._core.money import DEFAULT_CURRENCY, is_same_amount, show_amount
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    OrderBelowMinimumError,
    StepNotAllowedError,
    TotalChangedError,
)


@frozen
class Requirement:
    """One thing that is missing: a stable ``code``, the ``step`` that mends it, words for a person."""

    code: str
    step: str
    message: str
    details: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The requirement as JSON-ready data."""
        return jsonable_fields(self)


@frozen
class Missing:
    """What a rule found: the requirement's words, the next action, the data of both."""

    message: str
    action: NextAction
    details: Mapping[str, Any] = field(factory=dict)


Check = Callable[[CheckoutState, datetime], Missing | None]


@frozen
class Rule:
    """One row of the registry."""

    code: str
    step: str
    check: Check


def _store(state: CheckoutState, now: datetime) -> Missing | None:
    if state.store is None:
        return Missing("Choose a restaurant", actions.ChooseStore())
    return None


def _cart(state: CheckoutState, now: datetime) -> Missing | None:
    if not state.lines:
        return Missing("Add something to the cart", actions.AddItems(minimum_gap(state, now)))
    return None


def _modifiers(state: CheckoutState, now: datetime) -> Missing | None:
    return _problems(state, actions.CompleteModifiers, choices=True)


def _items(state: CheckoutState, now: datetime) -> Missing | None:
    return _problems(state, lambda lines: actions.AddItems(lines=lines), choices=False)


def _problems(
    state: CheckoutState, action: Callable[[tuple[str, ...]], NextAction], *, choices: bool
) -> Missing | None:
    """The lines' problems that are about choices to make, or those that are about the items."""
    found = [
        (line.line_id, problem)
        for line in state.lines
        for problem in line.problems
        if problem.code.startswith("MODIFIER_") is choices
    ]
    if not found:
        return None
    lines = tuple(dict.fromkeys(line_id for line_id, _ in found))
    named = [{"line_id": line_id, **jsonable(problem)} for line_id, problem in found]
    message = "; ".join(problem.message for _, problem in found)
    return Missing(message, action(lines), {"problems": named})


def _menu(state: CheckoutState, now: datetime) -> Missing | None:
    code = state.cart_refused
    if code is None or not _is_about_menu(code):
        return None
    words = "The menu has changed: load it again"
    return Missing(words, actions.ChooseStore(code), {"error_code": code})


def _cart_accepted(state: CheckoutState, now: datetime) -> Missing | None:
    code = state.cart_refused
    if code is None or _is_about_menu(code):
        return None
    words, action = "The cart was refused: change it", actions.AddItems(minimum_gap(state, now))
    return Missing(words, action, {"error_code": code})


def _is_about_menu(code: str) -> bool:
    return code.startswith("CATALOGSET_")


def _store_open(state: CheckoutState, now: datetime) -> Missing | None:
    if state.store is None:
        return None
    if state.store_refused is not None:
        words = "The restaurant does not take this order now"
        return Missing(
            words, actions.ChooseStore(state.store_refused), {"error_code": state.store_refused}
        )
    if state.store.is_open(now) is False:
        return Missing("The restaurant is closed", actions.ChooseStore("STORE_CLOSED"))
    return None


def _minimum(state: CheckoutState, now: datetime) -> Missing | None:
    gap = minimum_gap(state, now)
    if gap is None or gap.met:
        return None
    return Missing(gap.message(), actions.AddItems(gap), {"minimum_order": jsonable(gap)})


def _fulfillment(state: CheckoutState, now: datetime) -> Missing | None:
    offered = offers(state)
    if state.fulfillment is None:
        return Missing(
            "Say how the order is to reach the shopper", actions.ChooseFulfillment(offered)
        )
    if state.fulfillment.type not in offered:
        words = f"The restaurant does not offer {state.fulfillment.type}"
        return Missing(words, actions.ChooseFulfillment(offered), {"offers": list(offered)})
    return None


def _quote(state: CheckoutState, now: datetime) -> Missing | None:
    if state.end_user_needed and not state.has_end_user(now):
        return None  # signing in comes first
    if not state.quote_is_live(now):
        return Missing("Ask for the price", actions.Validate())
    return None


def _identity(state: CheckoutState, now: datetime) -> Missing | None:
    if not state.has_end_user(now):
        return Missing("Sign in", actions.SignIn())
    return None


def _payment(state: CheckoutState, now: datetime) -> Missing | None:
    if state.payment is None:
        refused = state.payment_refused
        words = "The payment was refused: choose another" if refused else "Choose how to pay"
        return Missing(words, actions.ChoosePayment(refused))
    return None


def _total(state: CheckoutState, now: datetime) -> Missing | None:
    if not state.quote_is_live(now) or state.quote is None:
        return None
    before, after = state.agreed_total, state.quote.amounts.total
    currency = state.store.currency if state.store else DEFAULT_CURRENCY
    if before is None or is_same_amount(before, after, currency):
        return None
    was, now_is = show_amount(before, currency), show_amount(after, currency)
    return Missing(
        f"The total was {was} and is {now_is} now: ask the shopper",
        actions.ConfirmTotal(before, after),
        {"before": jsonable(before), "after": jsonable(after)},
    )


RULES: Final[tuple[Rule, ...]] = (
    Rule("store", "browse", _store),
    Rule("cart", "add", _cart),
    Rule("modifiers", "update", _modifiers),
    Rule("items", "update", _items),
    Rule("menu", "browse", _menu),
    Rule("cart_accepted", "update", _cart_accepted),
    Rule("store_open", "browse", _store_open),
    Rule("minimum_order", "add", _minimum),
    Rule("fulfillment", "fulfill", _fulfillment),
    Rule("quote", "validate", _quote),
    Rule("identity", "identify", _identity),
    Rule("payment", "pay", _payment),
    Rule("total_confirmed", "confirm_total", _total),
)


def outlook(state: CheckoutState, now: datetime) -> tuple[tuple[Requirement, ...], NextAction]:
    """Everything that is missing before ``place``, in the order in which to mend it; what to do next."""
    match state.stage:
        case Stage.PLACED:
            return (), actions.Done(state.order.order_id if state.order else None)
        case Stage.ABANDONED:
            return (), actions.StartOver()
        case Stage.PLACING:
            return (), _after_sending(state, now)
    unmet = [(rule, missing) for rule in RULES if (missing := rule.check(state, now)) is not None]
    if not unmet:
        return (), actions.Place(state.quote.amounts.total if state.quote else None)
    _, first = unmet[0]
    return (
        tuple(
            Requirement(rule.code, rule.step, missing.message, missing.details)
            for rule, missing in unmet
        ),
        first.action,
    )


def requirements(state: CheckoutState, now: datetime) -> tuple[Requirement, ...]:
    """What is missing, of the `outlook`."""
    return outlook(state, now)[0]


def next_action(state: CheckoutState, now: datetime) -> NextAction:
    """What to do next, of the `outlook`."""
    return outlook(state, now)[1]


def _after_sending(state: CheckoutState, now: datetime) -> NextAction:
    placement = state.placement
    if placement is None or placement.is_too_old(now):
        return actions.ContactSupport("KEY_TOO_OLD")
    if (seconds := placement.come_back_after(now)) > 0:
        return actions.Wait(seconds)
    return actions.Settle()


def refusal(state: CheckoutState, now: datetime) -> GettCheckoutError | None:
    """Why the order cannot be placed, as the error to raise; ``None`` when it can.

    The first requirement that is not met gives the error its class; all of them are on it.
    """
    missing, action = outlook(state, now)
    if not missing:
        return None
    first = missing[0]
    error: GettCheckoutError
    match first.code:
        case "minimum_order":
            error = below_minimum(first.message, minimum_gap(state, now))
        case "identity":
            error = IdentityRequiredError("placing an order needs an end user: call identify first")
        case "total_confirmed":
            error = TotalChangedError(
                first.message,
                before=state.agreed_total,
                after=state.quote.amounts.total if state.quote else None,
            )
        case _:
            error = StepNotAllowedError(
                f"the order cannot be placed yet: {first.message}", step="place", stage=state.stage
            )
    error.requirements = missing
    error.next_action = action
    return error


def below_minimum(message: str, gap: MinimumOrder | None) -> OrderBelowMinimumError:
    """The error for an order below the minimum, as the server would raise it, with the gap on it."""
    error = refuse("ORDER_BELOW_MINIMUM", message)
    assert isinstance(error, OrderBelowMinimumError)  # noqa: S101 - narrows the table's class
    error.minimum_order = gap
    return error


def minimum_gap(state: CheckoutState, now: datetime) -> MinimumOrder | None:
    """The minimum-order gap of this checkout; ``None`` when the store has no minimum."""
    quote = state.quote if state.quote_is_live(now) else None
    return minimum_order(state.store, state.lines, quote)


def offers(state: CheckoutState) -> tuple[str, ...]:
    """Which fulfillment types the store offers; both as long as there is none."""
    return state.store.offers if state.store else ("delivery", "pickup")
