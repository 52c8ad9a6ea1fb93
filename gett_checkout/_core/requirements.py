"""The missing requirements before an order can be placed, and the next action.

`RULES` is the one ordered registry: the view shows the requirements it yields, ``place`` enforces them,
and the next action is that of the first missing one. To add a requirement, add a function and its row.

A rejection by Gett stands in the state until it is fixed, and each rule shows the rejections of its
part. Requirements that only an operator or time can fix come first; neither prevents an attempt of a
step, because somebody may have fixed it at Gett.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import evolve, field, frozen

from gett_checkout._core import actions
from gett_checkout._core.actions import NextAction
from gett_checkout._core.cart import LineProblem
from gett_checkout._core.codes import Part, refuse
from gett_checkout._core.jsonable import Sentence, Worded, jsonable
from gett_checkout._core.minimum import MinimumOrder, minimum_order
from gett_checkout._core.order import FULFILLMENT_TYPES, Quote
from gett_checkout._core.refusal import TOO_OFTEN, Refusal, standing
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._money import DEFAULT_CURRENCY, is_same_amount
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    OrderBelowMinimumError,
    StepNotAllowedError,
    TotalChangedError,
)
from gett_checkout.messages import DEFAULT, Messages, Text


@frozen
class Requirement(Sentence):
    """A missing requirement: a stable ``code``, the ``step`` to take, a ``message``.

    ``step`` can also be ``wait`` or ``contact_support``.

    ``blocks`` is false if `place` may be tried nevertheless.
    """

    code: str
    step: str
    words: Text = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    blocks: bool = True

    def text(self) -> Text:
        """Return the codes and values of its sentence; `message` returns the sentence itself."""
        return self.words

    @property
    def details(self) -> dict[str, Any]:
        """Gett's rejection, if any (``error_code``, ``message``, ids of the ``lines``, the
        ``fields`` with a message each), and the data of the requirement itself.
        """
        found: dict[str, Any] = jsonable(self.facts)
        return found

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the requirement as JSON-ready data."""
        return {**super().to_dict(messages), "details": jsonable(self.facts, messages)}


@frozen
class Missing:
    """What a rule found: the sentence, the next action, and the data of both.

    ``blocks``: whether it prevents ``place``.
    """

    words: Text
    action: NextAction
    details: Mapping[str, Any] = field(factory=dict)
    blocks: bool = True


@frozen
class NamedProblem(Worded):
    """A problem of the line with this id."""

    line_id: str
    problem: LineProblem

    def to_dict(self, messages: Messages = DEFAULT) -> dict[str, Any]:
        """Return the problem as JSON-ready data, with the id of its line."""
        return {"line_id": self.line_id, **self.problem.to_dict(messages)}


@frozen
class Situation:
    """A checkout at ``now``, with values that several rules and the view need, computed once.

    ``quote`` is the state's while it is live.
    """

    state: CheckoutState
    now: datetime
    fulfillment_types: tuple[str, ...]
    quote: Quote | None
    has_end_user: bool
    store_is_open: bool | None
    gap: MinimumOrder | None

    @classmethod
    def of(cls, state: CheckoutState, now: datetime) -> Situation:
        """Make the situation of the checkout at ``now``."""
        offered, quote = fulfillment_types(state), state.quote if state.quote_is_live(now) else None
        is_open = state.store.is_open(now) if state.store else None
        gap = _gap(state, offered, quote)
        return cls(state, now, offered, quote, state.has_end_user(now), is_open, gap)

    def refused(self, part: Part) -> Refusal | None:
        """Return the rejection that stands against the part, if any."""
        refusals = self.state.refusals
        return standing(refusals, part) if refusals else None


Check = Callable[[Situation], Missing | None]


@frozen
class Rule:
    """One row of the registry."""

    code: str
    step: str
    check: Check


def _person(here: Situation) -> Missing | None:
    for refusal in reversed(here.state.refusals):
        if refusal.is_hopeless:
            reason = refusal.reason or ("REPEATED" if refusal.times >= TOO_OFTEN else "INTEGRATION")
            action = actions.ContactSupport(reason)
            return Missing(Text.of("person"), action, _said(refusal), blocks=False)
    return None


def _patience(here: Situation) -> Missing | None:
    for refusal in reversed(here.state.refusals):
        if refusal.until is not None and here.now < refusal.until:
            action = actions.Wait((refusal.until - here.now).total_seconds())
            return Missing(Text.of("patience"), action, _said(refusal), blocks=False)
    return None


def _said(refusal: Refusal | None) -> dict[str, Any]:
    """Return Gett's rejection as a page shows it."""
    if refusal is None:
        return {}
    details: dict[str, Any] = {"error_code": refusal.code}
    if refusal.message:
        details["message"] = refusal.message
    if refusal.lines:
        details["lines"] = list(refusal.lines)
    if refusal.fields:
        details["fields"] = [{"name": name, "message": said} for name, said in refusal.fields]
    return details


def _store(here: Situation) -> Missing | None:
    if here.state.store is None:
        return Missing(Text.of("store"), actions.ChooseStore())
    return None


def _cart(here: Situation) -> Missing | None:
    if not here.state.lines:
        return Missing(Text.of("cart"), actions.AddItems(here.gap))
    return None


def _modifiers(here: Situation) -> Missing | None:
    return _problems(here, "modifiers", actions.CompleteModifiers, choices=True)


def _items(here: Situation) -> Missing | None:
    refusal = here.refused(Part.LINES)
    reason = refusal.code if refusal else None
    found = _problems(here, "items", lambda lines: actions.FixLines(lines, reason), choices=False)
    return found and evolve(found, details={**_said(refusal), **found.details})


def _problems(
    here: Situation, code: str, action: Callable[[tuple[str, ...]], NextAction], *, choices: bool
) -> Missing | None:
    """Return the lines' problems: either those about missing choices or those about items."""
    found = [
        NamedProblem(line.line_id, problem)
        for line in here.state.lines
        for problem in line.problems
        if problem.code.startswith("MODIFIER_") is choices
    ]
    if not found:
        return None
    lines = tuple(dict.fromkeys(each.line_id for each in found))
    # A single problem describes itself best.
    words = found[0].problem.text() if len(found) == 1 else Text.of(code)
    return Missing(words, action(lines), {"problems": found})


def _menu(here: Situation) -> Missing | None:
    refusal = here.refused(Part.STORE)
    if refusal is None or not _is_about_menu(refusal.code):
        return None
    return Missing(Text.of("menu"), actions.ChooseStore(refusal.code), _said(refusal))


def _cart_accepted(here: Situation) -> Missing | None:
    refusal = here.refused(Part.LINES)
    if refusal is None:
        return None
    if refusal.code in _ADD_MORE:
        gap = here.gap
        words = gap.text() if gap and not gap.met else Text.of("cart_accepted.too_small")
        action: NextAction = actions.AddItems(gap if gap and not gap.met else None)
        return Missing(words, action, _said(refusal))
    if refusal.code == "MODIFIER_REQUIRED":
        action = actions.CompleteModifiers(tuple(line.line_id for line in here.state.lines))
        return Missing(Text.of("modifiers"), action, _said(refusal))
    action = actions.FixLines(tuple(line.line_id for line in here.state.lines), refusal.code)
    return Missing(Text.of("cart_accepted"), action, _said(refusal))


_ADD_MORE: Final = ("ORDER_BELOW_MINIMUM", "CART_EMPTY")


def _is_about_menu(code: str) -> bool:
    return code.startswith("CATALOGSET_")


def _store_open(here: Situation) -> Missing | None:
    if here.state.store is None:
        return None
    refusal = here.refused(Part.STORE)
    if refusal is not None and not _is_about_menu(refusal.code):
        words = Text.of("store_open.rejected")
        return Missing(words, actions.ChooseStore(refusal.code), _said(refusal))
    if here.store_is_open is False:
        return Missing(Text.of("store_open"), actions.ChooseStore("STORE_CLOSED"))
    return None


def _minimum(here: Situation) -> Missing | None:
    gap = here.gap
    if gap is None or gap.met:
        return None
    return Missing(gap.text(), actions.AddItems(gap), {"minimum_order": gap})


def _fulfillment(here: Situation) -> Missing | None:
    offered, refusal = here.fulfillment_types, here.refused(Part.FULFILLMENT)
    if here.state.fulfillment is None:
        code = refusal.code if refusal else None
        return Missing(
            Text.of("fulfillment"),
            actions.ChooseFulfillment(offered, code),
            _said(refusal),
        )
    if refusal is not None:  # the earlier one stands, but the shopper tried to choose another
        words, action = (
            Text.of("fulfillment.rejected"),
            actions.ChooseFulfillment(offered, refusal.code),
        )
        return Missing(words, action, _said(refusal))
    if here.state.fulfillment.type not in offered:
        words = Text.of(f"fulfillment.no_{here.state.fulfillment.type}")
        return Missing(
            words, actions.ChooseFulfillment(offered), {"fulfillment_types": list(offered)}
        )
    return None


def _quote(here: Situation) -> Missing | None:
    if here.state.end_user_needed and not here.has_end_user:
        return None  # sign-in comes first
    if here.quote is None:
        return Missing(Text.of("quote"), actions.Validate())
    return None


def _shopper(here: Situation) -> Missing | None:
    refusal = here.refused(Part.SHOPPER)
    if refusal is None:
        return None
    words = Text.of("shopper_accepted" if refusal.code else "shopper_accepted.sign_in")
    return Missing(words, actions.SignIn(reason=refusal.code or None), _said(refusal))


def _identity(here: Situation) -> Missing | None:
    if not here.has_end_user:
        return Missing(Text.of("identity"), actions.SignIn())
    return None


def _recipient(here: Situation) -> Missing | None:
    refusal = here.refused(Part.RECIPIENT)
    if refusal is None:
        return None
    action = actions.ChooseRecipient(refusal.code)
    return Missing(Text.of("recipient_accepted"), action, _said(refusal))


def _payment(here: Situation) -> Missing | None:
    if here.state.payment is None:
        refusal = here.refused(Part.PAYMENT)
        words = Text.of("payment.rejected" if refusal else "payment")
        action = actions.ChoosePayment(refusal.code if refusal else None)
        return Missing(words, action, _said(refusal))
    return None


def _total(here: Situation) -> Missing | None:
    if here.quote is None:
        return None
    before, after = here.state.agreement, here.quote.amounts.total
    currency = here.state.store.currency if here.state.store else DEFAULT_CURRENCY
    if before is None or is_same_amount(before, after, currency):
        return None
    return Missing(
        Text.of("total_confirmed", before=before, after=after, currency=currency),
        actions.ConfirmTotal(before, after),
        {"before": before, "after": after},
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
    Rule("recipient_accepted", "set_recipient", _recipient),
    Rule("payment", "pay", _payment),
    Rule("total_confirmed", "confirm_total", _total),
)


def outlook(here: Situation) -> tuple[tuple[Requirement, ...], NextAction]:
    """Return all missing requirements, in the order in which to fix them, and the next action."""
    state = here.state
    match state.stage:
        case Stage.PLACED:
            return (), actions.Done(state.order.order_id if state.order else None, state.order)
        case Stage.ABANDONED:
            return (), actions.StartOver()
        case Stage.PLACING:
            return (), _after_sending(state, here.now)
    found = [(rule, missing) for rule in RULES if (missing := rule.check(here)) is not None]
    if not found:
        return (), actions.Place(state.quote.amounts.total if state.quote else None)
    _, first = found[0]
    return tuple(_requirement(*each) for each in found), first.action


def _requirement(rule: Rule, missing: Missing) -> Requirement:
    return Requirement(rule.code, rule.step, missing.words, missing.details, missing.blocks)


def requirements(state: CheckoutState, now: datetime) -> tuple[Requirement, ...]:
    """Return the missing requirements of the `outlook`."""
    return outlook(Situation.of(state, now))[0]


def next_action(state: CheckoutState, now: datetime) -> NextAction:
    """Return the next action of the `outlook`."""
    return outlook(Situation.of(state, now))[1]


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
    if not state.has_end_user(now):  # a session of the caller's that has ended
        return actions.SignIn()
    return actions.Reconcile()


def refusal(state: CheckoutState, now: datetime) -> GettCheckoutError | None:
    """Return the error to raise because the order cannot be placed; ``None`` when it can.

    The first missing requirement determines the error's class; all of them are on it.
    """
    here = Situation.of(state, now)
    missing, action = outlook(here)
    blocking = [each for each in missing if each.blocks]
    if not blocking:
        return None
    first = blocking[0]
    error: GettCheckoutError
    match first.code:
        case "minimum_order":
            error = below_minimum(first.message, here.gap)
        case "identity":
            error = IdentityRequiredError("placing an order needs an end user: call identify first")
        case "total_confirmed":
            error = TotalChangedError(
                first.message,
                before=state.agreement,
                after=here.quote.amounts.total if here.quote else None,
                currency=state.store.currency if state.store else DEFAULT_CURRENCY,
            )
        case _:
            error = StepNotAllowedError(
                f"the order cannot be placed yet: {first.message}", step="place", stage=state.stage
            )
    error.requirements = missing
    error.next_action = action
    return error


def below_minimum(message: str, gap: MinimumOrder | None) -> OrderBelowMinimumError:
    """Return the error for an order below the minimum, as the server would raise it, with the gap."""
    error = refuse("ORDER_BELOW_MINIMUM", message)
    assert isinstance(error, OrderBelowMinimumError)  # noqa: S101 - narrows the table's class
    error.minimum_order = gap
    return error


def minimum_gap(state: CheckoutState, now: datetime) -> MinimumOrder | None:
    """Return the minimum-order gap of this checkout; ``None`` when no minimum applies.

    Before the fulfillment is chosen, a minimum of any fulfillment type the store offers applies.
    """
    return _gap(state, fulfillment_types(state), state.quote if state.quote_is_live(now) else None)


def _gap(
    state: CheckoutState, offered: tuple[str, ...], quote: Quote | None
) -> MinimumOrder | None:
    types = (state.fulfillment.type,) if state.fulfillment else offered
    if set(types).isdisjoint(state.minimum_for):
        return None
    return minimum_order(state.store, state.lines, quote)


def fulfillment_types(state: CheckoutState) -> tuple[str, ...]:
    """Return the fulfillment types the store offers; both before a store is chosen."""
    return state.store.fulfillment_types if state.store else FULFILLMENT_TYPES
