"""Whatever goes wrong, nothing secret is in a log record, an exception, a repr or a view."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from datetime import date
from decimal import Decimal

import pytest

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    Contact,
    GettCheckoutError,
    GettClient,
    Identity,
    MemoryStorage,
    NewCard,
    SavedCard,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.testing import Clock
from tests.acceptance.shopping import HOME, fill_cart
from tests.samples import saved as snapshot
from tests.samples.shopper import place_as_shown

EMAIL, PHONE, NUMBER, CVC = "whistle@blower.example", "+12125559876", "4111222233334444", "987"
WHO = Identity(email=EMAIL, first_name="Whistle", last_name="Blower", phone=PHONE)
FRIENDS_EMAIL, FRIENDS_PHONE = "pen@friend.example", "+12125557788"
FRIEND = Contact("Pen", "Friend", FRIENDS_PHONE, FRIENDS_EMAIL)
CARD_TOKEN = "tok_do_not_show"
FAULTS: list[FaultKind] = ["error", "drop_before", "drop_after", "error_after", "garbage", "html"]


class Everything:
    """All that a run gives away."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def error(self, error: GettCheckoutError) -> None:
        self.texts += traceback.format_exception(error)
        self.texts += [repr(error), repr(vars(error)), json.dumps(error.to_problem())]
        self.texts.append(repr(vars(pickle.loads(pickle.dumps(error)))))

    def checkout(self, checkout: Checkout) -> None:
        self.texts += [repr(checkout), repr(checkout.view), json.dumps(checkout.view.to_dict())]
        self.texts.append(repr(checkout._record.state))


async def shop(checkout: Checkout, everything: Everything) -> None:
    """Every step until it succeeds, however often it fails."""
    card = NewCard(
        NUMBER, "visa", CVC, date(2031, 1, 31), Address("1 A St", "New York", "NY", "10001")
    )
    everything.texts += [repr(card), str(card), repr(WHO), repr(FRIEND), str(FRIEND)]

    async def insist(step: str) -> None:
        for _ in range(30):
            try:
                match step:
                    case "fulfill":
                        await checkout.fulfill(HOME)
                    case "validate":
                        await checkout.validate(tip=Decimal("2.00"))
                    case "add_card":
                        await checkout.add_card(card)
                    case "pay":
                        await checkout.pay(CardOnFile(CARD_TOKEN, "stripe"))
                    case "place":
                        await place_as_shown(checkout)
                return
            except GettCheckoutError as error:
                everything.error(error)
            finally:
                everything.checkout(checkout)
        pytest.fail(f"{step} never succeeded")

    await fill_cart(checkout)
    for step in ("fulfill", "validate"):
        await insist(step)
    await checkout.identify(WHO)
    await checkout.set_recipient(FRIEND)
    for step in ("add_card", "pay", "place"):
        await insist(step)


async def test_a_full_run_with_failures_gives_nothing_away(
    sandbox: Sandbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    everything = Everything()
    caplog.set_level(logging.DEBUG)
    storage = MemoryStorage(clock=clock)
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5
    ) as gett:
        checkouts = Checkouts(gett, storage=storage)
        checkout = await checkouts.start()
        for operation in (
            *("create_session", "set_fulfillment_context", "validate_order"),
            *("add_payment_card", "place_order"),
        ):
            for kind in FAULTS:
                sandbox.switches.fail(operation, kind)
        await shop(checkout, everything)
        everything.texts += [repr(gett), repr(checkouts), repr(storage), repr(sandbox)]
    everything.texts += [record.getMessage() + repr(vars(record)) for record in caplog.records]
    told = "\n".join(everything.texts)
    tokens = [session.token for session in sandbox.sessions]
    assert len(sandbox.orders) == 1
    for secret in (
        EMAIL,
        PHONE,
        FRIENDS_EMAIL,
        FRIENDS_PHONE,
        "Friend",
        NUMBER,
        CARD_TOKEN,
        sandbox.api_key,
        *tokens,
        f"'{CVC}'",
    ):
        assert secret not in told
    stored = await storage.load(checkout.id)
    assert stored is not None
    assert NUMBER.encode() not in stored.data
    assert b'"987"' not in stored.data
    assert sandbox.api_key.encode() not in stored.data


async def test_a_saved_card_leaves_no_card_data_behind(
    checkouts: Checkouts, storage: MemoryStorage
) -> None:
    checkout = await checkouts.start(WHO)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.validate()
    card = NewCard(
        NUMBER, "visa", CVC, date(2031, 1, 31), Address("1 A St", "New York", "NY", "10001")
    )
    saved = await checkout.add_card(card)
    await checkout.pay(SavedCard(saved.payment_id))
    stored = await storage.load(checkout.id)
    assert stored is not None
    kept = snapshot.load(stored.data)
    assert kept.payment == SavedCard(saved.payment_id)
    assert NUMBER.encode() not in stored.data
    assert f'"{CVC}"'.encode() not in stored.data
    with pytest.raises(TypeError):
        pickle.dumps(card)
