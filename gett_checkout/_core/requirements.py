"""What is still missing before the order can be placed, and what to do next.

`RULES` is the one ordered registry: the view shows what it yields, ``place`` refuses on what it
yields, and the next action is that of its first entry that is not met. To add a requirement, add
a function and its row.

What Gett rejected stands in the state until it is fixed, and each rule shows what stands against its
part. What only a person can change, and what only takes time, comes first; neither keeps a step from
being tried, because somebody may have fixed it at Gett.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import evolve, field, frozen

from gett_checkout._core import actions
from gett_checkout._core.actions import NextAction
from gett_checkout._core.codes import Part, refuse
from gett_checkout._core.jsonable import jsonable, jsonable_fields
from gett_checkout._core.minimum import MinimumOrder, minimum_order
from gett_checkout._core.money import DEFAULT_CURRENCY, is_same_amount, show_amount
from gett_checkout._core.order import FULFILLMENT_TYPES
from gett_checkout._core.refusal import TOO_OFTEN, Refusal
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
    """One thing that is missing: a stable ``code``, the ``step`` that fixes it, words for a person.

    ``details`` has what Gett said, where it rejected something: ``error_code``, ``message`` and the
    ids of the ``lines``. ``blocks`` is false for what does not keep `place` from being tried.
    """

    code: str
    step: str
    message: str
    details: Mapping[str, Any]
    blocks: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The requirement as JSON-ready data."""
        return jsonable_fields(self)


@frozen
class Missing:
    """What a rule found: the requirement's words, the next action, the data of both.

    ``blocks``: whether ``place`` refuses on it.
    """

    message: str
    action: NextAction
    details: Mapping[str, Any] = field(factory=dict)
    blocks: bool = True


Check = Callable[[CheckoutState, datetime], Missing | None]


@frozen
class Rule:
    """One row of the registry."""

    code: str
    step: str
    check: Check


def _person(state: CheckoutState, now: datetime) -> Missing | None:
    for refusal in reversed(state.refusals):
        if refusal.is_hopeless:
            reason = refusal.reason or ("REPEATED" if refusal.times >= TOO_OFTEN else "INTEGRATION")
            words = "This cannot be fixed here: please contact support"
            action = actions.ContactSupport(reason)
            return Missing(words, action, _said(refusal), blocks=False)
    return None


def _patience(state: CheckoutState, now: datetime) -> Missing | None:
    for refusal in reversed(state.refusals):
        if refusal.until is not None and now < refusal.until:
            action = actions.Wait((refusal.until - now).total_seconds())
            return Missing("Please wait a moment", action, _said(refusal), blocks=False)
    return None


def _said(refusal: Refusal | None) -> dict[str, Any]:
    """What Gett said, for a page to show."""
    if refusal is None:
        return {}
    details: dict[str, Any] = {"error_code": refusal.code}
    if refusal.message:
        details["message"] = refusal.message
    if refusal.lines:
        details["lines"] = list(refusal.lines)
    return details


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
    refusal = state.refused(Part.LINES)
    reason = refusal.code if refusal else None
    found = _problems(state, lambda lines: actions.FixLines(lines, reason), choices=False)
    return found and evolve(found, details={**_said(refusal), **found.details})


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
    refusal = state.refused(Part.STORE)
    if refusal is None or not _is_about_menu(refusal.code):
        return None
    words = "The menu has changed: load it again"
    return Missing(words, actions.ChooseStore(refusal.code), _said(refusal))


def _cart_accepted(state: CheckoutState, now: datetime) -> Missing | None:
    refusal = state.refused(Part.LINES)
    if refusal is None:
        return None
    if refusal.code in _ADD_MORE:
        gap = minimum_gap(state, now)
        words = gap.message() if gap and not gap.met else "The order is too small: add more"
        action: NextAction = actions.AddItems(gap if gap and not gap.met else None)
        return Missing(words, action, _said(refusal))
    if refusal.code == "MODIFIER_REQUIRED":
        action = actions.CompleteModifiers(tuple(line.line_id for line in state.lines))
        return Missing("Complete the choices of the items", action, _said(refusal))
    action = actions.FixLines(tuple(line.line_id for line in state.lines), refusal.code)
    return Missing("The cart was rejected: change it", action, _said(refusal))


_ADD_MORE: Final = ("ORDER_BELOW_MINIMUM", "CART_EMPTY")


def _is_about_menu(code: str) -> bool:
    return code.startswith("CATALOGSET_")


def _store_open(state: CheckoutState, now: datetime) -> Missing | None:
    if state.store is None:
        return None
    refusal = state.refused(Part.STORE)
    if refusal is not None and not _is_about_menu(refusal.code):
        words = "The restaurant does not take this order now"
        return Missing(words, actions.ChooseStore(refusal.code), _said(refusal))
    if state.store.is_open(now) is False:
        return Missing("The restaurant is closed", actions.ChooseStore("STORE_CLOSED"))
    return None


def _minimum(state: CheckoutState, now: datetime) -> Missing | None:
    gap = minimum_gap(state, now)
    if gap is None or gap.met:
        return None
    return Missing(gap.message(), actions.AddItems(gap), {"minimum_order": jsonable(gap)})


def _fulfillment(state: CheckoutState, now: datetime) -> Missing | None:
    offered, refusal = offers(state), state.refused(Part.FULFILLMENT)
    if state.fulfillment is None:
        code = refusal.code if refusal else None
        return Missing(
            "Say how the order is to reach the shopper",
            actions.ChooseFulfillment(offered, code),
            _said(refusal),
        )
    if refusal is not None:  # the one chosen before stands, but the shopper wanted another
        words, action = (
            "Choose how the order gets to you",
            actions.ChooseFulfillment(offered, refusal.code),
        )
        return Missing(words, action, _said(refusal))
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


def _shopper(state: CheckoutState, now: datetime) -> Missing | None:
    refusal = state.refused(Part.SHOPPER)
    if refusal is None:
        return None
    words = "Check your contact data" if refusal.code else "Sign in"
    return Missing(words, actions.SignIn(reason=refusal.code or None), _said(refusal))


def _identity(state: CheckoutState, now: datetime) -> Missing | None:
    if not state.has_end_user(now):
        return Missing("Sign in", actions.SignIn())
    return None


def _payment(state: CheckoutState, now: datetime) -> Missing | None:
    if state.payment is None:
        refusal = state.refused(Part.PAYMENT)
        words = "The payment was rejected: choose another" if refusal else "Choose how to pay"
        action = actions.ChoosePayment(refusal.code if refusal else None)
        return Missing(words, action, _said(refusal))
    return None


def _total(state: CheckoutState, now: datetime) -> Missing | None:
    if not state.quote_is_live(now) or state.quote is None:
        return None
    before, after = state.agreement, state.quote.amounts.total
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
    Rule("person", "contact_support", _person),
    Rule("patience", "wait", _patience),
    Rule("shopper_accepted", "identify", _shopper),
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


def unmet(state: CheckoutState, now: datetime) -> list[tuple[Rule, Missing]]:
    """The rules that are not met, in the order in which to fix what they name."""
    return [(rule, missing) for rule in RULES if (missing := rule.check(state, now)) is not None]


def outlook(state: CheckoutState, now: datetime) -> tuple[tuple[Requirement, ...], NextAction]:
    """Everything that is missing before ``place``, in the order in which to fix it; what to do next."""
    match state.stage:
        case Stage.PLACED:
            return (), actions.Done(state.order.order_id if state.order else None)
        case Stage.ABANDONED:
            return (), actions.StartOver()
        case Stage.PLACING:
            return (), _after_sending(state, now)
    found = unmet(state, now)
    if not found:
        return (), actions.Place(state.quote.amounts.total if state.quote else None)
    _, first = found[0]
    return tuple(_requirement(*each) for each in found), first.action


def _requirement(rule: Rule, missing: Missing) -> Requirement:
    return Requirement(rule.code, rule.step, missing.message, missing.details, missing.blocks)


def requirements(state: CheckoutState, now: datetime) -> tuple[Requirement, ...]:
    """What is missing, of the `outlook`."""
    return outlook(state, now)[0]


def next_action(state: CheckoutState, now: datetime) -> NextAction:
    """What to do next, of the `outlook`."""
    return outlook(state, now)[1]


def _after_sending(state: CheckoutState, now: datetime) -> NextAction:
    placement = state.placement
    if placement is None or placement.key_is_expired(now):
        return actions.ContactSupport("KEY_EXPIRED")
    if placement.is_lost:
        return actions.ContactSupport("RECORD_LOST")
    if not placement.is_intact():
        return actions.ContactSupport("PLACEMENT_DAMAGED")
    if (seconds := placement.come_back_after(now)) > 0:
        return actions.Wait(seconds)
    return actions.Reconcile()


def refusal(state: CheckoutState, now: datetime) -> GettCheckoutError | None:
    """Why the order cannot be placed, as the error to raise; ``None`` when it can.

    The first requirement that is not met gives the error its class; all of them are on it.
    """
    missing, action = outlook(state, now)
    blocking = [each for each in missing if each.blocks]
    if not blocking:
        return None
    first = blocking[0]
    error: GettCheckoutError
    match first.code:
        case "minimum_order":
            error = below_minimum(first.message, minimum_gap(state, now))
        case "identity":
            error = IdentityRequiredError("placing an order needs an end user: call identify first")
        case "total_confirmed":
            error = TotalChangedError(
                first.message,
                before=state.agreement,
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
    """The minimum-order gap of this checkout; ``None`` when no minimum holds for it.

    Until the fulfillment is chosen, one that holds for any of those the store offers does.
    """
    types = (state.fulfillment.type,) if state.fulfillment else offers(state)
    if not any(each in state.minimum_for for each in types):
        return None
    quote = state.quote if state.quote_is_live(now) else None
    return minimum_order(state.store, state.lines, quote)


def offers(state: CheckoutState) -> tuple[str, ...]:
    """Which fulfillment types the store offers; both as long as there is none."""
    return state.store.offers if state.store else FULFILLMENT_TYPES
