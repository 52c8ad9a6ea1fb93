"""Sessions that follow the shopper: which requests each journey costs, and that nothing is lost.

The wire cost is pinned: at 100 writes a minute it decides how many orders a partner can take.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import aiohttp
import pytest
from attrs import evolve

from gett_checkout import (
    Assumptions,
    CardOnFile,
    Checkout,
    CheckoutConflictError,
    Checkouts,
    Contact,
    GettCheckoutError,
    GettClient,
    Identity,
    IdentityRequiredError,
    InvalidInputError,
    Level,
    MemoryStorage,
    Stage,
    TotalChangedError,
    TransportError,
)
from gett_checkout.errors import ApiError, SessionUserRequiredError, UnauthenticatedError
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    HOME,
    JANE,
    fill_cart,
    hold,
    operations,
    payable,
    until_payable,
    until_priced,
    writes,
)
from tests.samples.shopper import place_as_shown
from tests.samples.waiting import until

CREATE, CONTEXT, VALIDATE, PLACE = (
    "create_session",
    "set_fulfillment_context",
    "validate_order",
    "place_order",
)
JOHN = Identity(email="john@example.org", first_name="John", last_name="Roe")


def refusals(sandbox: Sandbox) -> list[int]:
    return [seen.status for seen in sandbox.requests if seen.status == 401]


# --- journeys and what they cost ------------------------------------------------------------------


async def test_identity_known_from_the_start_costs_four_writes(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await until_priced(checkout)
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert operations(sandbox) == ["get_store", "get_catalog_set", CREATE, CONTEXT, VALIDATE, PLACE]
    assert sandbox.writes == 4
    assert [session.level for session in sandbox.sessions] == ["end_user"]
    assert checkout.view.notices == ()


async def test_identity_given_before_validate_prices_once(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.identify(JANE)
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert writes(sandbox) == [CREATE, CONTEXT, CREATE, CONTEXT, VALIDATE, PLACE]
    assert refusals(sandbox) == []


async def test_identity_given_at_pay_carries_everything_over(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts)
    await place_as_shown(checkout)
    assert writes(sandbox) == [CREATE, CONTEXT, VALIDATE, CREATE, CONTEXT, VALIDATE, PLACE]
    assert [session.level for session in sandbox.sessions] == ["partner_only", "end_user"]
    assert refusals(sandbox) == []
    (notice,) = checkout.view.notices
    assert notice.code == "session_upgraded"
    assert notice.details["from"] == "partner-only"
    assert notice.details["to"] == "end-user"
    assert notice.details["kept"] == "cart, fulfillment, tip"
    assert notice.details["total_before"] == notice.details["total_after"]


async def test_a_changed_address_after_signing_in_sets_only_the_new_one(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    from gett_checkout import Pickup

    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    await checkout.fulfill(Pickup())
    assert writes(sandbox) == [CREATE, CONTEXT, VALIDATE, CREATE, CONTEXT]


async def test_a_callers_own_end_user_token_creates_no_session(
    checkouts: Checkouts, sandbox: Sandbox, gett: GettClient
) -> None:
    session = await gett.create_session(JANE)
    sandbox.requests.clear()
    checkout = await checkouts.start(session_token=session.token)
    assert checkout.view.session.level == "end-user"
    assert checkout.view.session.expires_at is not None
    await until_priced(checkout)
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert [each.operation for each in sandbox.requests if each.method != "GET"] == [
        CONTEXT,
        VALIDATE,
        PLACE,
    ]
    assert len(sandbox.orders) == 1
    assert await checkout.session_token() == session.token


@pytest.mark.parametrize("renewed_by", ["nothing", "rejection", "expiry", "a user required"])
async def test_what_an_unknown_shopper_chose_is_not_for_who_is_named_later(
    checkouts: Checkouts, sandbox: Sandbox, gett: GettClient, clock: Clock, renewed_by: str
) -> None:
    alice = Identity("alice@example.com", "Alice", "Ames")
    session = await gett.create_session(alice, expires_in=3600)
    checkout = await checkouts.start(session_token=session.token)
    await until_priced(checkout)
    await checkout.pay(CARD)
    await checkout.set_recipient(Contact("Al", "Ames", "+12125550199"))
    if renewed_by == "rejection":
        sandbox.revoke_all()
        await checkout.validate()
    elif renewed_by == "expiry":
        clock.advance(3600)
        await checkout.validate()
    elif renewed_by == "a user required":
        sandbox.switches.fail("validate_order", "error", code="SESSION_USER_REQUIRED")
        with pytest.raises(GettCheckoutError):
            await checkout.validate()
    again = await checkouts.open(checkout.id)
    await again.identify(JANE)
    view = again.view
    assert (view.payment, view.recipient, view.quote) == (None, None, None)
    assert (len(view.lines), view.fulfillment) == (2, HOME)


async def test_a_callers_own_partner_only_token_is_upgraded_when_needed(
    checkouts: Checkouts, sandbox: Sandbox, gett: GettClient
) -> None:
    session = await gett.create_session()
    sandbox.requests.clear()
    checkout = await checkouts.start(session_token=session.token)
    await until_payable(checkout)
    await place_as_shown(checkout)
    assert [each.operation for each in sandbox.requests if each.method != "GET"] == [
        CONTEXT,
        VALIDATE,
        CREATE,
        CONTEXT,
        VALIDATE,
        PLACE,
    ]


async def test_the_token_can_be_taken_out_for_the_front_end(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    token = await checkout.session_token()
    assert await checkout.session_token() == token
    assert writes(sandbox) == [CREATE]
    await checkout.identify(JANE)
    assert await checkout.session_token() != token
    assert [session.level for session in sandbox.sessions] == ["partner_only", "end_user"]


async def test_an_abandoned_browse_costs_no_write(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    await checkout.suggest_items()
    await checkout.abandon()
    assert operations(sandbox) == ["get_store", "get_catalog_set"]
    assert sandbox.writes == 0


async def test_saying_the_same_again_costs_nothing(checkouts: Checkouts, sandbox: Sandbox) -> None:
    checkout = await payable(checkouts)
    before = len(sandbox.requests)
    await checkout.identify(JANE)
    await checkout.fulfill(HOME)
    await checkout.pay(CARD)
    assert len(sandbox.requests) == before
    assert checkout.view.stage is Stage.PLACE


# --- who the shopper is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        {"email": "", "first_name": "Jane", "last_name": "Doe"},
        {"email": "jane@example.com", "first_name": "", "last_name": "Doe"},
        {"email": "jane@example.com", "first_name": "Jane", "last_name": " "},
        {"email": "jane", "first_name": "Jane", "last_name": "Doe"},
        {
            "email": "jane@example.com",
            "first_name": "Jane",
            "last_name": "Doe",
            "phone": "555-0123",
        },
        {
            "email": "jane@example.com",
            "first_name": "Jane",
            "last_name": "Doe",
            "phone": "+0123456",
        },
    ],
)
def test_half_an_identity_is_refused_with_the_rule_and_without_the_data(
    members: dict[str, str],
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Identity(**members)
    assert "jane" not in str(refused.value).casefold()
    assert members.get("phone", "?") not in str(refused.value)


async def test_another_shopper_gets_a_session_of_their_own(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    await checkout.identify(JOHN)
    view = checkout.view
    assert view.stage is Stage.VALIDATE
    assert view.quote is None
    assert len(view.lines) == 2
    assert view.fulfillment == HOME
    await checkout.validate()
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert [session.email for session in sandbox.sessions if session.email] == [
        JANE.email,
        JOHN.email,
    ]
    assert sandbox.orders[0].session_email == JOHN.email


async def test_the_same_shopper_under_another_name_keeps_the_session(
    checkout: Checkout, sandbox: Sandbox
) -> None:
    before = len(sandbox.requests)
    renamed = Identity(email=JANE.email.upper(), first_name="Janet", last_name="Doe")
    await checkout.identify(renamed)
    await place_as_shown(checkout)
    assert operations(sandbox)[before:] == [PLACE]


# --- expiry and refused tokens --------------------------------------------------------------------


async def test_a_session_is_renewed_ahead_of_its_end(
    checkouts: Checkouts, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.switches.session_seconds = 600
    checkout = await payable(checkouts)
    clock.advance(600 - 60)
    await place_as_shown(checkout)
    assert writes(sandbox)[-4:] == [CREATE, CONTEXT, VALIDATE, PLACE]
    assert refusals(sandbox) == []
    assert checkout.view.notices[-1].code == "session_renewed"


@pytest.mark.parametrize("step", ["fulfill", "validate", "pay", "place"])
async def test_a_revoked_token_is_renewed_once(
    checkouts: Checkouts, sandbox: Sandbox, step: str
) -> None:
    from gett_checkout import Pickup

    checkout = await payable(checkouts, JANE)
    sandbox.revoke_all()
    match step:
        case "fulfill":
            await checkout.fulfill(Pickup())
        case "validate":
            await checkout.validate()
        case "pay":
            await checkout.pay(CardOnFile("card_other", "stripe"))
    if step == "fulfill":
        await checkout.validate()
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1
    assert refusals(sandbox) == [401]
    assert len(sandbox.sessions) == 2


async def test_a_revoked_token_leaves_no_rejection_when_the_new_session_costs_more(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.revoke_all()
    sandbox.switches.price_change = Decimal("1.00")
    with pytest.raises(TotalChangedError) as changed:
        await place_as_shown(checkout)
    assert changed.value.next_action == checkout.view.next_action
    assert checkout.view.next_action.kind == "confirm_total"
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_revoked_token_leaves_no_rejection_when_no_session_can_be_opened(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await payable(checkouts, JANE)
    sandbox.revoke_all()
    sandbox.switches.fail("create_session", "error", status=503, times=9)
    with pytest.raises(ApiError):
        await place_as_shown(checkout)
    assert checkout.view.next_action.kind != "contact_support"
    sandbox.switches.faults.clear()
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_a_refused_api_key_is_said_and_not_tried_again(
    sandbox: Sandbox, clock: Clock
) -> None:
    async with GettClient("zpka_wrong", base_url=sandbox.url, clock=clock) as gett:
        checkout = await Checkouts(gett).start()
        with pytest.raises(UnauthenticatedError) as refused:
            await checkout.fulfill(HOME)
        assert operations(sandbox) == [CREATE]
        assert refused.value.next_action is not None
        assert refused.value.next_action.kind == "contact_support"
        assert "zpka_wrong" not in str(refused.value)


async def test_wrongly_distrusted_end_users_get_one_renewal_then_a_clear_error(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start(JANE)
    await until_priced(checkout)
    await checkout.pay(CARD)
    sandbox.switches.reject_end_users = True
    with pytest.raises(SessionUserRequiredError) as refused:
        await place_as_shown(checkout)
    assert len(sandbox.sessions) == 2
    assert operations(sandbox).count(PLACE) <= 2
    assert refused.value.next_action is not None
    assert refused.value.next_action.kind == "contact_support"
    assert sandbox.orders == []
    sandbox.switches.reject_end_users = False
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1


async def test_opaque_tokens_go_by_how_they_were_made(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    sandbox.switches.opaque_tokens = True
    checkout = await checkouts.start()
    await until_priced(checkout)
    assert checkout.view.session.level == "partner-only"
    await checkout.identify(JANE)
    await checkout.pay(CARD)
    assert checkout.view.session.level == "end-user"
    await place_as_shown(checkout)
    assert refusals(sandbox) == []


async def test_an_opaque_token_taken_for_too_much_is_corrected_by_the_server(
    checkouts: Checkouts, sandbox: Sandbox, gett: GettClient
) -> None:
    sandbox.switches.opaque_tokens = True
    anonymous = await gett.create_session()
    checkout = await checkouts.start(JANE, session_token=anonymous.token)
    await until_priced(checkout)
    await checkout.pay(CARD)
    await place_as_shown(checkout)
    assert len(sandbox.orders) == 1
    assert refusals(sandbox) == [401]


async def test_without_identity_a_refused_level_asks_to_sign_in(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    sandbox.switches.fail(VALIDATE, "error", status=401, code="SESSION_USER_REQUIRED")
    with pytest.raises(IdentityRequiredError) as refused:
        await checkout.validate()
    assert refused.value.next_action is not None
    assert refused.value.next_action.kind == "sign_in"
    assert operations(sandbox).count(VALIDATE) == 1


async def test_where_only_end_users_are_given_a_price_signing_in_comes_first(
    sandbox: Sandbox, clock: Clock
) -> None:
    row = evolve(Assumptions().operation(VALIDATE), level=Level.END_USER)
    assumed = Assumptions(operations={VALIDATE: row})
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, assumptions=assumed
    ) as gett:
        checkout = await Checkouts(gett).start()
        await fill_cart(checkout)
        await checkout.fulfill(HOME)
        first = checkout.view.next_action.kind
        with pytest.raises(IdentityRequiredError):
            await checkout.validate()
        assert operations(sandbox).count(VALIDATE) == 0
        await checkout.identify(JANE)
        assert (first, checkout.view.next_action.kind) == ("sign_in", "validate")
        await checkout.validate()
        await checkout.pay(CARD)
        await place_as_shown(checkout)
    assert operations(sandbox).count(VALIDATE) == 1


async def arrival(sandbox: Sandbox, operation: str, already: int) -> None:
    """Until one more request of this operation has reached the sandbox."""
    await until(lambda: sandbox.count(operation) > already)


# --- the upgrade interrupted ----------------------------------------------------------------------


async def upgraded(checkouts: Checkouts, checkout_id: str) -> None:
    """Finish the interrupted upgrade in the next step, and order."""
    checkout = await checkouts.open(checkout_id)
    view = checkout.view
    assert len(view.lines) == 2
    assert view.fulfillment == HOME
    assert view.tip == Decimal("3.00")
    await checkout.pay(CARD)
    await place_as_shown(checkout)


KINDS = ["error", "drop_before", "drop_after", "error_after", "garbage", "html"]


@pytest.mark.parametrize(
    ("operation", "kind"),
    # The context's answer says nothing that is needed, so it may be garbage.
    [
        (operation, kind)
        for operation in (CREATE, CONTEXT, VALIDATE)
        for kind in KINDS
        if (operation, kind) != (CONTEXT, "garbage")
    ],
)
async def test_an_upgrade_that_fails_on_the_way_is_finished_by_the_next_step(
    checkouts: Checkouts, sandbox: Sandbox, operation: str, kind: str
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    before = len(sandbox.sessions)
    sandbox.switches.fail(operation, kind, times=9)  # type: ignore[arg-type]
    with pytest.raises(GettCheckoutError):
        await checkout.pay(CARD)
    sandbox.switches.faults.clear()
    await upgraded(checkouts, checkout.id)
    lost = 1 if operation == CREATE and kind in ("drop_after", "error_after", "garbage") else 0
    assert len(sandbox.sessions) - before == 1 + lost
    assert len(sandbox.orders) == 1


@pytest.mark.parametrize("operation", [CREATE, CONTEXT, VALIDATE])
async def test_an_upgrade_that_is_cancelled_on_the_way_is_finished_by_the_next_step(
    checkouts: Checkouts, sandbox: Sandbox, operation: str
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    before = len(sandbox.sessions)
    seen = sandbox.count(operation)
    release = hold(sandbox, operation)
    paying = asyncio.create_task(checkout.pay(CARD))
    await arrival(sandbox, operation, seen)
    paying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await paying
    release()
    await upgraded(checkouts, checkout.id)
    assert len(sandbox.sessions) - before == 1
    assert len(sandbox.orders) == 1


@pytest.mark.parametrize("operation", [CREATE, CONTEXT, VALIDATE])
async def test_an_upgrade_whose_worker_dies_on_the_way_is_finished_by_another(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox, clock: Clock, operation: str
) -> None:
    checkout = await Checkouts(gett, storage=storage).start()
    await until_priced(checkout)
    await checkout.identify(JANE)
    before = len(sandbox.sessions)
    seen = sandbox.count(operation)
    sandbox.switches.fail(operation, "hang")
    paying = asyncio.create_task(checkout.pay(CARD))
    await arrival(sandbox, operation, seen)
    # The worker is dead from here on: another goes by what was saved up to now.
    left_behind = MemoryStorage(clock=clock)
    stored = await storage.load(checkout.id)
    assert stored is not None
    await left_behind.save(
        checkout.id,
        stored.data,
        expected_version=0,
        expires_at=clock().replace(year=2027),
        due_at=None,
    )
    clock.advance(11)
    await upgraded(Checkouts(gett, storage=left_behind), checkout.id)
    assert len(sandbox.sessions) - before == 1
    assert len(sandbox.orders) == 1
    await sandbox.stop()  # lets the hanging request go
    await asyncio.gather(paying, return_exceptions=True)


async def test_a_total_that_changes_with_the_session_is_never_paid_unseen(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    quote = checkout.view.quote
    assert quote is not None
    await checkout.identify(JANE)
    sandbox.switches.price_change = Decimal("0.50")
    await checkout.pay(CARD)
    action = checkout.view.next_action
    after = quote.amounts.total + Decimal("0.50")
    assert action.to_dict() == {
        "kind": "confirm_total",
        "before": str(quote.amounts.total),
        "after": str(after),
    }
    (notice,) = checkout.view.notices
    assert notice.details["total_after"] == str(after)
    before = len(sandbox.requests)
    with pytest.raises(TotalChangedError) as changed:
        await checkout.place(total=quote.amounts.total)
    assert len(sandbox.requests) == before
    assert (changed.value.before, changed.value.after) == (quote.amounts.total, after)
    await checkout.confirm_total(after)
    await place_as_shown(checkout)
    assert [order.total for order in sandbox.orders] == [after]


# --- one upgrade at a time ------------------------------------------------------------------------


async def test_twenty_steps_in_one_process_open_one_end_user_session(
    checkouts: Checkouts, sandbox: Sandbox
) -> None:
    checkout = await checkouts.start()
    await until_priced(checkout)
    await checkout.identify(JANE)

    async def pay() -> None:
        handle = await checkouts.open(checkout.id)
        await handle.pay(CARD)

    await asyncio.gather(*(pay() for _ in range(20)))
    assert [each.level for each in sandbox.sessions] == ["partner_only", "end_user"]
    assert sandbox.count(VALIDATE) == 2


async def test_steps_of_two_workers_end_in_one_end_user_session(
    gett: GettClient, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    workers = [Checkouts(gett, storage=storage) for _ in range(2)]
    checkout = await workers[0].start()
    await until_priced(checkout)
    await checkout.identify(JANE)

    async def pay(worker: Checkouts) -> str:
        try:
            handle = await worker.open(checkout.id)
            await handle.pay(CARD)
        except CheckoutConflictError:
            return "conflict"
        return "paid"

    outcomes = await asyncio.gather(*(pay(workers[i % 2]) for i in range(20)))
    assert "paid" in outcomes
    # Each worker may have opened one: that of the loser of the race is thrown away.
    levels = [each.level for each in sandbox.sessions]
    assert levels in (["partner_only", "end_user"], ["partner_only", "end_user", "end_user"])
    handle = await workers[1].open(checkout.id)
    await handle.pay(CARD)
    await place_as_shown(handle)
    assert len(sandbox.orders) == 1


async def test_the_callers_own_http_session_stays_open(sandbox: Sandbox, clock: Clock) -> None:
    async with aiohttp.ClientSession() as http:
        async with GettClient(sandbox.api_key, base_url=sandbox.url, http=http) as gett:
            await gett.get_store("store_bella_napoli")
        assert not http.closed
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, http=http, clock=clock, sleep=clock.sleep
    ) as gett:
        with pytest.raises(TransportError) as closed:
            await gett.get_store("store_bella_napoli")
        assert not closed.value.may_have_arrived
