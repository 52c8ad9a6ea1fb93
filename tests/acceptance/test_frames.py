"""An error tracker keeps the locals of every frame: none of ours, nor of what we call, holds a secret."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import FrameType
from typing import Any, Final

import pytest
import sentry_sdk
from attrs import fields, has
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from sentry_sdk.utils import event_from_exception
from structlog.tracebacks import ExceptionDictTransformer

from gett_checkout import (
    Address,
    CardOnFile,
    Checkouts,
    Contact,
    Delivery,
    GettCheckoutError,
    GettClient,
    Identity,
    InvalidInputError,
    MemoryStorage,
    NewCard,
    parse_contact,
    parse_identity,
    parse_payment,
)
from gett_checkout.sandbox import Sandbox
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.storage import Stored
from gett_checkout.telemetry import Event, RequestStarted
from gett_checkout.testing import Clock
from tests.acceptance.shopping import fill_cart
from tests.samples import operations
from tests.samples.operations import SAMPLES
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

EMAIL, PHONE = "whistle@blower.example", "+12125559876"
FRIENDS_EMAIL, FRIENDS_PHONE = "pen@friend.example", "+12125557788"
FRIEND = Contact("Pen", "Friend", FRIENDS_PHONE, FRIENDS_EMAIL)
NUMBER, CVC, CARD_TOKEN = "4111222233334444", "9071", "tok_do_not_show"
WHO = Identity(EMAIL, "Whistle", "Blower", phone=PHONE)
CARD = NewCard(NUMBER, "visa", CVC, date(2031, 1, 31), Address("1 A St", "New York", "NY", "10001"))
ON_FILE = CardOnFile(CARD_TOKEN, "stripe")
HOME = Delivery(Address("350 5th Ave", "New York", "NY", "10118"))
# Those of a run come with it: the API key and the tokens.
SECRETS: Final = (
    EMAIL,
    PHONE,
    FRIENDS_EMAIL,
    FRIENDS_PHONE,
    NUMBER,
    CARD_TOKEN,
    operations.JANE.email,
    operations.JANE.phone or "",
    operations.CARD.number,
    *(
        quoted
        for cvc in (CVC, operations.CARD.cvc)
        for quoted in (f"'{cvc}'", f'"{cvc}"', f'\\"{cvc}\\"')
    ),
)
FAULTS: list[FaultKind] = [
    *("error", "drop_before", "drop_after", "error_after", "garbage", "html"),
]

NO_FAILURE = ("set_fulfillment_context", "garbage")  # of its response nothing is read


# --- what trackers see ----------------------------------------------------------------------------


class Memory(Transport):
    """Sentry's SDK sends here."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events.append(envelope.get_event())


def by_sentry(error: BaseException) -> str:
    """The event, with default settings, but for the frames of this test."""
    memory = Memory()
    client = sentry_sdk.Client(
        dsn="http://key@127.0.0.1:1/1", transport=memory, default_integrations=False
    )
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint)
    client.close()
    (event,) = memory.events
    for each in event["exception"]["values"]:
        frames = each.get("stacktrace", {}).get("frames", [])
        each["stacktrace"] = [frame for frame in frames if not is_test(frame["abs_path"])]
    return json.dumps(event)


def by_structlog(error: BaseException) -> str:
    told = ExceptionDictTransformer(show_locals=True, locals_max_string=10_000)(
        (type(error), error, error.__traceback__)
    )
    for each in told:
        each["frames"] = [frame for frame in each["frames"] if not is_test(frame["filename"])]
    return repr(told)


def by_traceback(error: BaseException) -> str:
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    waiting, texts = [told], [str(error)]
    while waiting:
        each = waiting.pop()
        texts += [repr(frame.locals) for frame in each.stack if not is_test(frame.filename)]
        waiting += [one for one in (each.__cause__, each.__context__) if one is not None]
    return "\n".join(texts)


def is_test(filename: str) -> bool:
    return "/tests/" in filename


def by_walking(error: BaseException) -> str:
    """Every local, and whatever it is made of, as a debugger would."""
    texts: list[str] = []
    for frame in frames_of(error):
        for value in dict(frame.f_locals).values():
            texts += walk(value, set())
    return "\n".join(texts)


def frames_of(error: BaseException) -> Iterator[FrameType]:
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None:
            for frame, _ in traceback.walk_tb(each.__traceback__):
                if not is_test(frame.f_code.co_filename):
                    yield frame
            waiting += [each.__cause__, each.__context__]


def walk(value: object, seen: set[int]) -> Iterator[str]:
    if id(value) in seen or isinstance(value, GettClient):
        return
    seen.add(id(value))
    yield repr(value)
    if isinstance(value, Mapping):
        for name, each in list(value.items()):
            yield from walk(name, seen)
            yield from walk(each, seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for each in list(value):
            yield from walk(each, seen)
    elif has(kind := type(value)):
        for field in fields(kind):
            yield from walk(getattr(value, field.name), seen)


TRACKERS = (by_sentry, by_structlog, by_traceback, by_walking)


def assert_nothing_is_told(error: BaseException, sandbox: Sandbox | None = None) -> None:
    secrets = [*SECRETS]
    if sandbox is not None:
        secrets += [sandbox.api_key, *(session.token for session in sandbox.sessions)]
    for tracker in TRACKERS:
        told = tracker(error)
        assert [each for each in secrets if each in told] == [], tracker.__name__


async def failure(work: Awaitable[object]) -> BaseException:
    try:
        await work
    except (GettCheckoutError, TimeoutError) as error:
        return error
    pytest.fail("it did not fail")


# --- each operation, each fault -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (operation, kind)
        for operation in SAMPLES
        for kind in FAULTS
        if (operation, kind) != NO_FAILURE
    ],
)
async def test_no_call_leaves_a_secret(
    gett: GettClient, sandbox: Sandbox, operation: str, kind: FaultKind
) -> None:
    token = (await gett.create_session(WHO)).token
    sandbox.switches.fail(operation, kind, times=99)
    error = await failure(SAMPLES[operation].call(gett, token))
    assert_nothing_is_told(error, sandbox)


@pytest.mark.parametrize("operation", SAMPLES)
async def test_a_deadline_around_a_call_leaves_no_secret(
    gett: GettClient, sandbox: Sandbox, operation: str
) -> None:
    token = (await gett.create_session(WHO)).token
    sandbox.switches.fail(operation, "hang", times=99)

    async def hurried() -> None:
        async with asyncio.timeout(0.05):
            await SAMPLES[operation].call(gett, token)

    error = await failure(hurried())
    assert isinstance(error, TimeoutError)
    assert_nothing_is_told(error, sandbox)


@pytest.mark.parametrize("operation", SAMPLES)
async def test_nobody_sees_a_secret_on_the_stack_while_it_is_sent(
    sandbox: Sandbox, operation: str
) -> None:
    """A profiler, or a log call with the stack: here a hook looks up."""
    told: list[str] = []

    def look(event: Event) -> None:
        frame: FrameType | None = sys._getframe(1)
        while isinstance(event, RequestStarted) and frame is not None:
            if "gett_checkout" in frame.f_code.co_filename and not is_test(
                frame.f_code.co_filename
            ):
                for value in dict(frame.f_locals).values():
                    told.extend(walk(value, set()))
            frame = frame.f_back

    async with GettClient(sandbox.api_key, base_url=sandbox.url, hooks=[look]) as gett:
        token = (await gett.create_session(WHO)).token
        sandbox.switches.fail(operation, "error", code="FORBIDDEN")
        await failure(SAMPLES[operation].call(gett, token))
    assert told
    everything = "\n".join(told)
    assert [each for each in (*SECRETS, sandbox.api_key, token) if each in everything] == []


# --- each step, each fault ------------------------------------------------------------------------

STEPS = {
    "fulfill": ("create_session", "set_fulfillment_context"),
    "validate": ("validate_order",),
    "add_card": ("add_payment_card",),
    "saved_cards": ("list_payment_methods",),
    "pay": ("create_session", "set_fulfillment_context", "validate_order"),
    "place": ("place_order",),
    "refresh_order": ("get_order",),
}


@pytest.mark.parametrize(
    ("step", "operation", "kind"),
    [
        (step, operation, kind)
        for step, operations in STEPS.items()
        for operation in operations
        for kind in [*FAULTS, "hang"]
        if (operation, kind) != NO_FAILURE
    ],
)
async def test_no_step_leaves_a_secret(
    gett: GettClient, sandbox: Sandbox, step: str, operation: str, kind: FaultKind
) -> None:
    checkout = await Checkouts(gett).start()
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "fulfill": lambda: checkout.fulfill(HOME),
        "validate": lambda: checkout.validate(tip=Decimal(2)),
        "identify": lambda: checkout.identify(WHO),
        "set_recipient": lambda: checkout.set_recipient(FRIEND),
        "add_card": lambda: checkout.add_card(CARD),
        "saved_cards": checkout.saved_cards,
        "pay": lambda: checkout.pay(ON_FILE),
        "place": lambda: place_as_shown(checkout),
        "refresh_order": checkout.refresh_order,
    }
    await fill_cart(checkout)
    if step == "add_card":
        await checkout.identify(WHO)
    for name, take in steps.items():
        if name == step:
            break
        if name not in ("add_card", "saved_cards"):
            await take()
    sandbox.switches.fail(operation, kind, times=99)

    async def hurried() -> None:
        async with asyncio.timeout(0.05 if kind == "hang" else 30):
            await steps[step]()

    error = await failure(hurried())
    assert_nothing_is_told(error, sandbox)
    await sandbox.stop()  # lets go of what hangs


# --- storages -------------------------------------------------------------------------------------


async def test_a_storage_that_fails_leaves_no_secret(
    gett: GettClient, clock: Clock, sandbox: Sandbox
) -> None:
    class Failing(MemoryStorage):
        fails = False

        async def save(self, checkout_id: str, data: bytes, **options: Any) -> int:
            if self.fails:
                values = [checkout_id, data, options]
                raise ValueError(f"{len(values)} values")  # as a driver's bug would be
            return await super().save(checkout_id, data, **options)

    storage = Failing(clock=clock)
    checkout = await Checkouts(gett, storage=storage).start(WHO)
    await fill_cart(checkout)
    await checkout.fulfill(HOME)
    await checkout.validate()
    storage.fails = True
    with pytest.raises(ValueError, match="3 values") as failed:
        await checkout.pay(ON_FILE)
    assert_nothing_is_told(failed.value, sandbox)


@pytest.mark.parametrize("data", [b'{"v":1\n,"identity":7\n}', b'{"v":99}', b"?"])
async def test_what_is_damaged_is_not_told(
    gett: GettClient, storage: MemoryStorage, clock: Clock, data: bytes
) -> None:
    await storage.save(
        "damaged",
        data.replace(b"7", f'{{"email":"{EMAIL}"}}'.encode()),
        expected_version=0,
        expires_at=clock() + timedelta(days=1),
        due_at=None,
    )
    assert_nothing_is_told(await failure(Checkouts(gett, storage=storage).open("damaged")))


def test_what_is_stored_is_not_in_a_repr() -> None:
    assert repr(Stored(b"secret", 1)) == "Stored(data=<6 bytes>, version=1)"


# --- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: NewCard(NUMBER, "visa", "12345", CARD.expiration, CARD.billing_address),
        lambda: NewCard(NUMBER + "-", "visa", CVC, CARD.expiration, None),  # type: ignore[arg-type]
        lambda: Identity(EMAIL, "", "", phone=PHONE),
        lambda: Identity(EMAIL, "Jane", "Doe", phone=PHONE + "x"),
        lambda: Contact("Pen", "Friend", FRIENDS_PHONE + "x", FRIENDS_EMAIL),
        lambda: Contact("Pen", "", FRIENDS_PHONE, FRIENDS_EMAIL),
        lambda: parse_contact({"phone": FRIENDS_PHONE, "email": FRIENDS_EMAIL, "age": 7}),
        lambda: CardOnFile(CARD_TOKEN, ""),
        lambda: CardOnFile(CARD_TOKEN, "stripe", last_four="12345"),
        lambda: parse_identity({"email": EMAIL, "first_name": "Jane"}),
        lambda: parse_payment({"kind": "card_on_file", "card_token": CARD_TOKEN, "oops": 1}),
        lambda: GettClient(EMAIL, base_url="no address"),
        lambda: GettClient(EMAIL + "\n"),
    ],
)
def test_what_cannot_be_right_is_not_told(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make()
    assert_nothing_is_told(refused.value)


async def test_a_token_that_cannot_be_sent_is_not_told(
    gett: GettClient, checkouts: Checkouts
) -> None:
    assert_nothing_is_told(await failure(gett.list_orders(token=EMAIL + "\n")))
    assert_nothing_is_told(await failure(checkouts.start(session_token=EMAIL + "\n")))
