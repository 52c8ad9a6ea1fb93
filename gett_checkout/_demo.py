"""The demo: one order through all five steps against an embedded sandbox, narrated as it happens."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TextIO

from gett_checkout._checkout import Checkout
from gett_checkout._checkouts import Checkouts
from gett_checkout._client import GettClient
from gett_checkout._core.minimum import MinimumOrder
from gett_checkout._core.order import Address, CardOnFile, Delivery
from gett_checkout._core.session import Identity
from gett_checkout._core.view import CheckoutView
from gett_checkout._money import show_amount
from gett_checkout.errors import (
    GettCheckoutError,
    IdentityRequiredError,
    OrderBelowMinimumError,
    PaymentDeclinedError,
)
from gett_checkout.sandbox import Sandbox

_BAR: Final = 24


class Teller:
    """Prints the narrative to a stream, in colours if the stream is a terminal."""

    def __init__(self, stream: TextIO, *, colours: bool) -> None:
        self._stream = stream
        self._colours = colours

    def say(self, text: str = "") -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)

    def step(self, call: str, outcome: str, view: CheckoutView) -> None:
        """Print the call, its result, and the checkout's current state."""
        self.say(f"{self._paint('36;1', '▸')} {self._paint('1', call)}  {outcome}")
        level = f"{view.session.level:<14}"
        painted = self._paint("32" if view.session.level == "end-user" else "33", level)
        following = self._paint("36", view.next_action.kind.replace("_", " "))
        self.say(f"    stage {view.stage:<13} session {painted} next {following}")
        gap = view.minimum_order
        if gap is not None and view.order is None:
            self.say(f"    {self._bar(gap)}")

    def rejected(self, call: str, error: GettCheckoutError) -> None:
        """Print a rejected step."""
        name = type(error).__name__
        self.say(f"{self._paint('31;1', '✗')} {self._paint('1', call)}  {name}: {error}")

    def note(self, text: str) -> None:
        """Print a note."""
        self.say(f"    {self._paint('35', '↻')} {text}")

    def title(self, text: str) -> None:
        """Print a heading."""
        self.say(f"\n{self._paint('1', text)}")

    def _bar(self, gap: MinimumOrder) -> str:
        filled = int(min(gap.subtotal / gap.minimum, Decimal(1)) * _BAR)
        bar = self._paint("32" if gap.met else "33", "█" * filled) + "░" * (_BAR - filled)
        return f"{bar} {show_amount(gap.subtotal, gap.currency)} · {gap.message()}"

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text


async def run_demo(teller: Teller) -> str | None:
    """Take one order from browsing to placed; return the order's id."""
    async with Sandbox() as sandbox, GettClient(sandbox.api_key, base_url=sandbox.url) as gett:
        teller.say(f"gett_checkout: one order against the embedded sandbox on {sandbox.url}")
        checkouts = Checkouts(gett)
        checkout = await checkouts.start()
        await _browse(checkout, teller)
        await _fulfill_and_validate(checkout, teller)
        # A web backend would do the rest in later requests, on any worker.
        resumed = await checkouts.open(checkout.id)
        await _pay(resumed, teller, sandbox)
        order_id = await _place(resumed, teller)
        teller.title("What Gett saw")
        for seen in sandbox.requests:
            code = seen.error_code or ""
            teller.say(
                f"    {seen.method:<4} {seen.operation:<24} {seen.level:<13} {seen.status} {code}"
            )
        teller.say(
            f"\n    {len(sandbox.requests)} requests, {sandbox.writes} of them writes; "
            f"orders made: {len(sandbox.orders)}"
        )
        teller.title(f"Order {order_id} is placed.")
        return order_id


async def _browse(checkout: Checkout, teller: Teller) -> None:
    teller.title("1 · Browse — with the API key alone, no session yet")
    menu = await checkout.browse("store_bella_napoli")
    store = checkout.store
    found = f"{store.name if store else ''}, {sum(1 for _ in menu.menu_items())} dishes"
    teller.step('browse("store_bella_napoli")', found, checkout.view)
    size = {"group_pizza_size": ["item_size_regular"]}
    line = await checkout.add("item_margherita", modifiers=size)
    teller.step('add("item_margherita")', show_amount(line.total), checkout.view)
    try:
        await checkout.place(total=checkout.view.subtotal)
    except OrderBelowMinimumError as error:
        teller.rejected("place(total=…)", error)
    for way in (await checkout.suggest_items())[:3]:
        teller.note(
            f"would close the gap: {way.quantity} × {way.item.name}, {show_amount(way.total)}"
        )
    line = await checkout.add("item_garlic_bread")
    teller.step('add("item_garlic_bread")', show_amount(line.total), checkout.view)


async def _fulfill_and_validate(checkout: Checkout, teller: Teller) -> None:
    teller.title("2 · Fulfillment — opens a session; nobody has signed in, so it is partner-only")
    await checkout.fulfill(Delivery(Address("350 5th Ave", "New York", "NY", "10118")))
    teller.step("fulfill(Delivery(…))", "350 5th Ave, New York", checkout.view)
    teller.title("3 · Validate — Gett's own price")
    quote = await checkout.validate(tip=Decimal("3.00"))
    a = quote.amounts
    parts = (
        f"{a.sub_total} + fees {a.fees} + taxes {a.taxes} + tip {a.tip} = {show_amount(a.total)}"
    )
    teller.step('validate(tip=Decimal("3.00"))', parts, checkout.view)


async def _pay(checkout: Checkout, teller: Teller, sandbox: Sandbox) -> None:
    teller.title("4 · Pay — needs an end user: the session is upgraded, everything carried over")
    before = len(sandbox.requests)
    card = CardOnFile(card_token="card_declined", processor_type="stripe")  # noqa: S106 - a sandbox card
    try:
        await checkout.pay(card)
    except IdentityRequiredError as error:
        teller.rejected("pay(CardOnFile(…))", error)
        teller.note(f"requests sent for that: {len(sandbox.requests) - before}")
    await checkout.identify(Identity(email="jane@example.com", first_name="Jane", last_name="Doe"))
    teller.step("identify(Identity(…))", "known now, nothing sent yet", checkout.view)
    await checkout.pay(card)
    teller.step("pay(CardOnFile(…))", "card on file", checkout.view)
    for notice in checkout.view.notices:
        said = notice.details
        teller.note(f"the {said['from']} session became an {said['to']} one")
        teller.note(
            f"preserved {said['kept']}; total {said['total_before']} → {said['total_after']}"
        )


async def _place(checkout: Checkout, teller: Teller) -> str | None:
    teller.title("5 · Place — exactly once, for the amount on the button")
    quote = checkout.view.quote
    assert quote is not None  # noqa: S101 - it was validated
    total = quote.amounts.total
    try:
        await checkout.place(total=total)
    except PaymentDeclinedError as error:
        teller.rejected("place(total=…)", error)
        teller.note("back at payment with cart and price: another card")
    await checkout.pay(CardOnFile(card_token="card_ok", processor_type="stripe"))  # noqa: S106
    teller.step("pay(CardOnFile(…))", "another card", checkout.view)
    order = await checkout.place(total=total)
    teller.step("place(total=…)", f"order {order.order_id}", checkout.view)
    again = await checkout.place(total=total)
    teller.step("place(total=…)", f"once more: the same order {again.order_id}", checkout.view)
    return order.order_id
