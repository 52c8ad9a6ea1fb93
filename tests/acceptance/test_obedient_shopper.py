"""The law of refusals: following ``next_action`` ends in an order or at support.

A shopper who does only what ``next_action`` says, and answers each question anew with something else,
reaches an order, or is told in a few writes that a person is needed. Nobody walks in circles. And what
a raised error says is to be done, the view says too, on any worker.

Before the sandbox stands a gate (`gate`), which refuses by one rule, or by several at a time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date
from decimal import Decimal
from itertools import cycle
from typing import Any, Final, Literal

import pytest
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    Contact,
    Delivery,
    GettCheckoutError,
    GettClient,
    GettPayment,
    Identity,
    MemoryStorage,
    NewCard,
    Pickup,
    SavedCard,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock
from tests.acceptance.gate import Gate, Rule
from tests.acceptance.gate_rules import CARD, CARDS, NEW, OPERATIONS, PLACE, RULES
from tests.samples.states import NOW

pytestmark = pytest.mark.slow

Page = Literal["follows errors", "reloads"]
Knows = Literal["known", "signs in late", "orders for another"]

PAGES: Final[tuple[Page, ...]] = ("follows errors", "reloads")
SHOPPERS: Final[tuple[Knows, ...]] = ("known", "signs in late")

MOST_TURNS = 60
MOST_ANSWERS = 4  # to one question, once something was refused
MOST_FUTILE = 10  # requests refused while nobody changes anything
MOST_FUTILE_COMBINED = 12


# --- the shopper ----------------------------------------------------------------------------------

REGULAR: Final = {"group_pizza_size": ["item_size_regular"]}
LARGE: Final = {"group_pizza_size": ["item_size_large"]}
MENUS: Final[dict[str, tuple[str, ...]]] = {
    "store_bella_napoli": (
        *("item_margherita", "item_garlic_bread", "item_tiramisu"),
        *("item_diavola", "item_san_pellegrino", "item_marinara"),
    ),
    "store_seoul_kitchen": ("item_japchae", "item_mandu", "item_kimchi", "item_barley_tea"),
    "store_green_bowl": ("item_harvest_bowl", "item_lentil_soup", "item_mint_lemonade"),
}
PIZZAS: Final = ("item_margherita", "item_diavola", "item_marinara")
NEW_YORK: Final = ("New York", "NY")
PLACES: Final = (
    Delivery(Address("350 5th Ave", *NEW_YORK, "10118")),
    Delivery(Address("11 Wall St", *NEW_YORK, "10005")),
    Pickup(),
    Delivery(Address("1 Union Sq W", *NEW_YORK, "10003")),
    Delivery(Address("200 Central Park W", *NEW_YORK, "10024")),
)
CARD_NUMBERS: Final = ("4242424242424242", "5555555555554444")


def shopper(number: int) -> Identity:
    """One shopper of many, no two alike in anything."""
    return Identity(
        email=f"shopper.{number}@example.com",
        first_name=f"Jane{'a' * number}",
        last_name=f"Doe{'a' * number}",
        phone=f"+1212555{1000 + number}",
        partner_user_id=f"user-{number}",
    )


def friend(number: int) -> Contact:
    """Whom the order is for, no two alike."""
    return Contact(f"Joe{'a' * number}", f"Roe{'a' * number}", f"+1212556{1000 + number}")


class OutOfAnswersError(Exception):
    """The shopper has said all there is to say to one question."""


@frozen
class Walk:
    """How far a shopper came, and how.

    ``futile`` is the most requests that were refused without a change by the shopper, ``story`` a
    line for each turn, ``at_odds`` what an error said and the view did not.
    """

    end: str
    orders: int
    refused: int
    futile: int
    story: tuple[str, ...]
    at_odds: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join((f"{self.end}, orders: {self.orders}", *self.story))


@define
class Shopper:
    """Does what the next action says, and nothing else; never gives the same answer twice."""

    clock: Clock
    gate: Gate
    workers: Sequence[Checkouts]
    page: Page
    prefers_saved_cards: bool
    people: int = 0
    total: Decimal | None = None
    changed_at: int = 0
    futile: int = 0
    asked: Counter[str] = field(factory=Counter)
    given: Counter[str] = field(factory=Counter)
    fixed: Counter[str] = field(factory=Counter)
    story: list[str] = field(factory=list)
    at_odds: list[str] = field(factory=list)

    async def walk(self, checkout: Checkout) -> str:
        """Go on until there is nothing more to do; the last next action's kind, or why it was left."""
        workers = cycle(self.workers)
        raised: GettCheckoutError | None = None
        for _ in range(MOST_TURNS):
            if self.page == "reloads":
                checkout, raised = await next(workers).open(checkout.id), None
            action: Any = raised.next_action if raised else checkout.view.next_action
            kind = str(action.kind) if action else "no next action"
            if kind in ("done", "contact_support", "start_over", "no next action"):
                self.story.append(f"is told {action}")
                return kind
            try:
                raised = None
                await self._do(kind, action, checkout)
                self.story.append(f"{kind}: ok")
            except OutOfAnswersError:
                return "out of answers"
            except GettCheckoutError as error:
                raised = error
                self.story.append(f"{kind}: {type(error).__name__} {error}, {error.next_action}")
                await self._compare(error, checkout)
            self._count()
        return "walks in circles"

    async def _compare(self, error: GettCheckoutError, checkout: Checkout) -> None:
        """Note where the view's next action is not the error's, here and on another worker."""
        said: Any = error.next_action
        again = await self.workers[1].open(checkout.id)
        for where, view in (("here", checkout.view), ("elsewhere", again.view)):
            if not _is_same(said, view.next_action):
                name = type(error).__name__
                self.at_odds.append(f"{name} says {said}, the view {where} {view.next_action}")

    def _count(self) -> None:
        self.futile = max(self.futile, self.gate.refused - self.changed_at)

    def _changes(self) -> None:
        """Something new is about to be said."""
        self._count()
        self.changed_at = self.gate.refused

    def _next(self, question: str) -> int:
        """How many answers to the question were given before this one."""
        self.given[question] += 1
        return self.given[question] - 1

    async def _do(self, kind: str, action: Any, checkout: Checkout) -> None:
        lines = tuple(getattr(action, "lines", ()))
        if kind == "add_items" and lines:
            kind = "fix_lines"
        if self.gate.refused:
            self.asked[kind] += 1
        if kind not in ("validate", "place", "wait", "reconcile", "confirm_total"):
            is_same_store = kind == "choose_store" and _is_about_menu(action)
            if self.asked[kind] > MOST_ANSWERS and not is_same_store:
                raise OutOfAnswersError
            if not is_same_store:
                self._changes()
        match kind:
            case "choose_store":
                await self._choose_store(action, checkout)
            case "add_items":
                await self._add(checkout)
            case "fix_lines" | "complete_modifiers":
                await self._fix(kind, lines, checkout)
            case "choose_fulfillment":
                await self._choose_fulfillment(action, checkout)
            case "validate":
                await checkout.validate()
            case "sign_in":
                self.people += 1
                await checkout.identify(shopper(self.people))
            case "choose_recipient":
                await checkout.set_recipient(friend(1 + self._next("recipient")))
            case "choose_payment":
                await self._choose_payment(checkout)
            case "confirm_total":
                self.total = action.after
                await checkout.place(total=self.total)
            case "place":
                quote = checkout.view.quote
                self.total = action.total if quote is None else quote.amounts.total
                await checkout.place(total=self.total)
            case "wait":
                self.clock.advance(action.seconds)
            case "reconcile":
                await checkout.place(total=self.total or 0)
            case _:
                pytest.fail(f"a shopper does not know how to {kind}")

    async def _choose_store(self, action: Any, checkout: Checkout) -> None:
        stores, store = list(MENUS), checkout.view.store
        if _is_about_menu(action) and store is not None:
            await checkout.browse(store.store_id, replace_cart=True)
            return
        if _is_about_menu(action):  # the store whose menu could not be read
            self.given["store"] -= 1
        self.asked["add_items"] = 0  # to another cart
        await checkout.browse(stores[self._next("store") % len(stores)], replace_cart=True)

    async def _add(self, checkout: Checkout) -> None:
        store = checkout.view.store
        assert store is not None
        menu = MENUS[store.store_id]
        taken = {line.item_id for line in checkout.view.lines}
        after = self._next(f"items of {store.store_id}")
        rest = [menu[(after + step) % len(menu)] for step in range(len(menu))]
        item = next((each for each in rest if each not in taken), rest[0])
        note = None if taken else "Not too hot, please"
        modifiers = REGULAR if item in PIZZAS else None
        await checkout.add(item, modifiers=modifiers, special_instructions=note)

    async def _fix(self, kind: str, lines: tuple[str, ...], checkout: Checkout) -> None:
        """Change what is named; what was changed before gives way to another item."""
        for line in checkout.view.lines if lines else checkout.view.lines[:1]:
            if lines and line.line_id not in lines:
                continue
            self.fixed[line.line_id] += 1
            has_choices = line.item_id in PIZZAS
            if self.fixed[line.line_id] > 1 or (kind == "complete_modifiers" and not has_choices):
                await checkout.remove(line.line_id)
                await self._add(checkout)
            elif kind == "complete_modifiers":
                await checkout.update(line.line_id, modifiers=LARGE)
            else:
                await checkout.update(
                    line.line_id, quantity=line.quantity + 1, special_instructions=""
                )

    async def _choose_fulfillment(self, action: Any, checkout: Checkout) -> None:
        offered = getattr(action, "fulfillment_types", None) or getattr(action, "offers", ())
        possible = [place for place in PLACES if not offered or place.type in offered]
        tried = self._next("fulfillment")
        await checkout.fulfill(possible[tried % len(possible)])

    async def _choose_payment(self, checkout: Checkout) -> None:
        tried = self._next("payment")
        if self.prefers_saved_cards and tried < len(CARD_NUMBERS):
            saved = await checkout.saved_cards()
            if len(saved) <= tried:
                saved = (*saved, await checkout.add_card(_card(CARD_NUMBERS[tried])))
            await checkout.pay(SavedCard(saved[-1].payment_id))
        elif tried == 2:
            await checkout.pay(GettPayment())
        elif tried == 3:
            method = await checkout.add_card(_card(CARD_NUMBERS[0]))
            await checkout.pay(SavedCard(method.payment_id))
        else:
            await checkout.pay(CardOnFile(card_token=f"card_{tried}", processor_type="stripe"))


def _is_about_menu(action: Any) -> bool:
    return str(getattr(action, "reason", None) or "").startswith("CATALOGSET_")


def _is_same(one: Any, other: Any) -> bool:
    """Whether both ask for the same; a wait may have become a little shorter."""
    if one is None or other is None or one.kind != other.kind:
        return one is other
    if one.kind == "wait":
        return bool(abs(one.seconds - other.seconds) <= 1)
    return bool(one.to_dict() == other.to_dict())


def _card(number: str) -> NewCard:
    return NewCard(
        number=number,
        card_type="visa",
        cvc="123",
        expiration=date(2030, 12, 31),
        billing_address=Address("350 5th Ave", *NEW_YORK, "10118"),
    )


_WALKED: dict[tuple[tuple[Rule, ...], Page, Knows], Walk] = {}


async def walk(rules: tuple[Rule, ...], page: Page, knows: Knows) -> Walk:
    """Send a shopper through the gate; one that went this way before is not sent again."""
    way = (rules, page, knows)
    if way not in _WALKED:
        _WALKED[way] = await _walk(rules, page, knows)
    return _WALKED[way]


async def _walk(rules: tuple[Rule, ...], page: Page, knows: Knows) -> Walk:
    clock = Clock(NOW)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(clock=clock))
        gate = await stack.enter_async_context(Gate(sandbox.url, rules))
        client = await stack.enter_async_context(
            GettClient(sandbox.api_key, base_url=gate.url, clock=clock, sleep=clock.sleep)
        )
        storage = MemoryStorage(clock=clock)
        workers = (Checkouts(client, storage=storage), Checkouts(client, storage=storage))
        obedient = Shopper(
            clock=clock,
            gate=gate,
            workers=workers,
            page=page,
            prefers_saved_cards=any(
                rule.operation in (CARD, CARDS) or "savedCard" in rule.named for rule in rules
            ),
        )
        checkout = await workers[0].start(None if knows == "signs in late" else shopper(0))
        if knows == "orders for another":
            await checkout.set_recipient(friend(0))
        end = await obedient.walk(checkout)
        return Walk(
            end=end,
            orders=len(sandbox.orders),
            refused=gate.refused,
            futile=obedient.futile,
            story=tuple(obedient.story),
            at_odds=tuple(obedient.at_odds),
        )


# --- the law --------------------------------------------------------------------------------------

ENDS: Final[dict[str, tuple[str, ...]]] = {
    "order": ("done",),
    "person": ("contact_support",),
    "either": ("done", "contact_support"),
    "ends": ("contact_support", "out of answers"),
}


def shoppers_of(rule: Rule) -> tuple[Knows, ...]:
    """Those whom the rule may meet in a way of their own."""
    names_customer = rule.operation == PLACE and rule.part == "shopper"
    return (*SHOPPERS, "orders for another") if names_customer else SHOPPERS


every_walk = pytest.mark.parametrize(
    ("rule", "page", "knows"),
    [
        pytest.param(rule, page, knows, id=f"{rule.name}, {page}, {knows}")
        for rule in RULES
        for page in PAGES
        for knows in shoppers_of(rule)
    ],
)


@every_walk
async def test_following_the_next_action_ends_in_an_order_or_at_support(
    rule: Rule, page: Page, knows: Knows
) -> None:
    walked = await walk((rule,), page, knows)
    assert walked.refused >= 1, f"the rule was never met\n{walked}"
    assert walked.end in ENDS[rule.end], str(walked)
    assert walked.orders == (walked.end == "done"), str(walked)
    assert walked.futile <= MOST_FUTILE, str(walked)
    if rule.end == "person":
        assert walked.refused <= MOST_FUTILE, str(walked)


@every_walk
async def test_the_view_says_what_the_error_says(rule: Rule, page: Page, knows: Knows) -> None:
    walked = await walk((rule,), page, knows)
    assert not walked.at_odds, "\n".join(dict.fromkeys(walked.at_odds))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("knows", SHOPPERS)
async def test_without_a_rule_the_order_is_placed_and_nothing_is_refused(
    page: Page, knows: Knows
) -> None:
    walked = await walk((), page, knows)
    assert (walked.end, walked.orders, walked.refused) == ("done", 1, 0), str(walked)
    assert not walked.at_odds


# What an answer lost says of the order is the subject of tests/faults: a gate that first fails and
# then refuses would say what Gett cannot.
COMBINED: Final = [rule for rule in RULES if (rule.operation, rule.status) != (PLACE, 503)]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    rules=st.lists(st.sampled_from(COMBINED), min_size=2, max_size=3, unique=True),
    page=st.sampled_from(PAGES),
    knows=st.sampled_from(SHOPPERS),
)
def test_several_refusals_at_a_time_come_to_an_end_too(
    rules: list[Rule], page: Page, knows: Knows
) -> None:
    walked = asyncio.run(walk(tuple(rules), page, knows))
    assert walked.end in ("done", "contact_support", "out of answers"), str(walked)
    assert walked.orders == (walked.end == "done"), str(walked)
    assert walked.futile <= MOST_FUTILE_COMBINED, str(walked)
    assert not walked.at_odds, "\n".join(dict.fromkeys(walked.at_odds))


def test_the_rules_cover_every_part_in_every_way() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) >= 60
    assert {rule.operation for rule in RULES} == set(OPERATIONS)
    assert {rule.status for rule in RULES} >= {400, 401, 402, 403, 404, 409, 422, 429, 503}
    for part in ("lines", "store", "fulfillment", "shopper", "payment"):
        about = [rule for rule in RULES if rule.part == part]
        assert {rule.status for rule in about} >= {400, 402, 404, 409, 422}, part
        assert {rule.until for rule in about} >= {"once", "mended", "for ever"}, part
        assert any(rule.code == NEW for rule in about), part
        # No code of Gett's is about the shopper: who is not named is not blamed.
        ways = {True} if part == "shopper" else {True, False}
        assert {bool(rule.named) for rule in about} == ways, part
