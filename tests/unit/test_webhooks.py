"""Order events: what is verified, what is read, and what is handled once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from multidict import CIMultiDict

from gett_checkout import InvalidInputError, MemoryStorage
from gett_checkout.errors import (
    StorageError,
    WebhookBusyError,
    WebhookError,
    WebhookPayloadError,
    WebhookRefusedError,
)
from gett_checkout.storage import Storage
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.testing import Clock, signed_event
from gett_checkout.webhooks import OrderEvent, Refund, handle_once, parse, verify, verify_event
from tests.samples.states import NOW

SECRET = "whsec_very_secret"
BODY, HEADERS = signed_event(
    "order_update",
    status="shipped",
    checkout_session_id="csn_1",
    permalink_url="https://gett.example/orders/1",
    refunds=[{"type": "original_payment", "amount": 1050}],
    secret=SECRET,
    now=NOW,
)
SIGNATURE = HEADERS["Signature"]
SIGNATURE_OF_ANOTHER = signed_event(body=BODY, secret="old").headers["Signature"]
EVENT: dict[str, Any] = json.loads(BODY)


def signed(*, off: int = 0, **changes: str) -> dict[str, str]:
    sent = signed_event(body=BODY, secret=SECRET, now=NOW + timedelta(seconds=off))
    return sent.headers | changes


# --- verify ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        signed(),
        signed(Signature=SIGNATURE.upper()),
        signed(Signature=f" {SIGNATURE} "),
        signed(off=300),
        signed(off=-300),
        {name.lower(): value for name, value in signed().items()},
        {name.upper(): value for name, value in signed().items()},
        CIMultiDict(signed()),
    ],
)
def test_what_gett_signed_is_accepted(headers: Any) -> None:
    verify(BODY, headers, SECRET, now=NOW)


def test_a_signature_is_the_hmac_of_the_body_in_hex() -> None:
    """Made by ``openssl dgst -sha256 -hmac``, and so by nothing of ours."""
    right = "eb2416bba709dbd95e5a4757277d6a6bd16819da0ae8cbf3e2e24cdec6e8b6e8"
    headers = {"Signature": right, "Timestamp": "1795456800"}
    verify(b'{"type": "order_create"}', headers, "whsec_1", now=NOW)


def without(name: str) -> dict[str, str]:
    return {each: value for each, value in signed().items() if each != name}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY + b" ", signed()),
        (BODY.replace(b"1050", b"9050"), signed()),
        (b"", signed()),
        (BODY, signed(Signature=SIGNATURE_OF_ANOTHER)),
        (BODY, signed(Signature="")),
        (BODY, signed(Signature=SIGNATURE[:-1])),
        (BODY, signed(Signature=SIGNATURE + "0")),
        (BODY, signed(Signature="sha256=" + SIGNATURE)),
        (BODY, signed(Signature="ſignature")),
        (BODY, without("Signature")),
        (BODY, without("Timestamp")),
        (BODY, {}),
        (BODY, signed(off=301)),
        (BODY, signed(off=-301)),
        (BODY, signed(Timestamp="")),
        (BODY, signed(Timestamp="2026-11-23T18:00:00Z")),
        (BODY, signed(Timestamp="-5")),
        (BODY, signed(Timestamp="9" * 5000)),
        (BODY, signed(Timestamp="NaN")),
        (BODY, signed(Timestamp="١٢")),
        (BODY, CIMultiDict([*signed().items(), ("Signature", SIGNATURE)])),
    ],
)
def test_anything_else_is_refused_and_nothing_secret_is_said(body: bytes, headers: Any) -> None:
    with pytest.raises(WebhookRefusedError) as refused:
        verify(body, headers, SECRET, now=NOW)
    problem = refused.value.to_problem()
    assert problem["status"] == 401
    said = f"{refused.value!r}{refused.value}{problem}"
    assert SECRET not in said
    assert signed_event(body=body, secret=SECRET).headers["Signature"] not in said


def test_while_the_secret_is_changed_both_are_good() -> None:
    for secret in (["new", SECRET], (SECRET, "old")):
        verify(BODY, signed(), secret, now=NOW)
    with pytest.raises(WebhookRefusedError):
        verify(BODY, signed(), ["new", "old"], now=NOW)


def test_every_secret_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr("gett_checkout.webhooks.hmac.compare_digest", compare)
    verify(BODY, signed(), [SECRET, "old"], now=NOW)
    assert compared == [SIGNATURE.encode(), SIGNATURE_OF_ANOTHER.encode()]


@pytest.mark.parametrize("secret", ["", [], [""], [SECRET, ""]])
def test_an_empty_secret_is_a_mistake(secret: Any) -> None:
    with pytest.raises(InvalidInputError):
        verify(BODY, signed(), secret, now=NOW)


def test_a_decoded_body_is_a_mistake() -> None:
    with pytest.raises(InvalidInputError):
        verify(BODY.decode(), signed(), SECRET, now=NOW)  # type: ignore[arg-type]


def test_the_tolerance_and_the_time_are_the_callers() -> None:
    verify(BODY, signed(off=-900), SECRET, now=NOW, tolerance=900)
    with pytest.raises(WebhookRefusedError, match="more than 10 seconds"):
        verify(BODY, signed(off=11), SECRET, now=NOW, tolerance=10)
    with pytest.raises(WebhookRefusedError):  # the real time is another one
        verify(BODY, signed(off=-(10**8)), SECRET)


# --- parse ----------------------------------------------------------------------------------------


def test_an_event_is_read_and_its_refunds_are_in_major_units() -> None:
    assert verify_event(BODY, signed(), SECRET, now=NOW) == OrderEvent(
        type="order_update",
        checkout_session_id="csn_1",
        permalink_url="https://gett.example/orders/1",
        status="shipped",
        refunds=(Refund("original_payment", Decimal("10.50"), 1050),),
    )
    assert str(parse(BODY).refunds[0].amount) == "10.50"
    assert parse(BODY, currency="JPY").refunds[0].amount == Decimal(1050)


def test_what_is_new_is_kept() -> None:
    data = EVENT["data"] | {"status": "teleported", "courier": {"name": "Ada"}}
    data["refunds"] = [{"type": "hug", "amount": 0, "by": "Ada"}]
    event = parse(json.dumps({"type": "order_eaten", "data": data, "at": 1}).encode())
    assert (event.type, event.status, event.refunds[0].type) == ("order_eaten", "teleported", "hug")
    assert event.raw["data"]["courier"] == {"name": "Ada"}
    assert "Ada" not in repr(event)


def changed(**members: Any) -> bytes:
    data = {name: value for name, value in (EVENT["data"] | members).items() if value != "gone"}
    return json.dumps(EVENT | {"data": data}).encode()


@pytest.mark.parametrize("body", [changed(refunds="gone"), changed(refunds=None)])
def test_an_event_without_refunds(body: bytes) -> None:
    assert parse(body).refunds == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        b'{"type": "order_create", "data": []}',
        b'{"type": NaN}',
        json.dumps({"data": EVENT["data"]}).encode(),
        json.dumps(EVENT | {"type": 5}).encode(),
        changed(checkout_session_id="gone"),
        changed(checkout_session_id=""),
        changed(permalink_url=None),
        changed(status=1),
        changed(refunds={}),
        changed(refunds=[1]),
        changed(refunds=[{"type": "store_credit"}]),
        changed(refunds=[{"amount": 1}]),
        *(
            changed(refunds=[{"type": "store_credit", "amount": amount}])
            for amount in (10.5, 10.0, "10", True, -1, 10**30)
        ),
    ],
)
def test_what_is_no_event_is_said(body: bytes) -> None:
    with pytest.raises(WebhookPayloadError) as refused:
        parse(body)
    assert refused.value.to_problem()["status"] == 400
    assert isinstance(refused.value, WebhookError)


# --- once -----------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(params=["memory", "sqlite", "encrypted"])
async def storage(
    request: pytest.FixtureRequest, clock: Clock, tmp_path: Path
) -> AsyncIterator[Storage]:
    if request.param == "sqlite":
        async with SQLiteStorage(tmp_path / "events.db", clock=clock) as storage:
            yield storage
    elif request.param == "encrypted":
        yield EncryptedStorage(MemoryStorage(clock=clock), [Fernet.generate_key()])
    else:
        yield MemoryStorage(clock=clock)


def test_the_same_event_has_the_same_id() -> None:
    again = json.dumps({"data": dict(reversed(EVENT["data"].items())), "type": EVENT["type"]})
    assert parse(again.encode()).id == parse(BODY).id
    assert parse(changed(status="fulfilled")).id != parse(BODY).id


async def test_a_redelivery_is_not_new(storage: Storage, clock: Clock) -> None:
    news = []
    for _ in range(3):
        async with handle_once(storage, parse(BODY), clock=clock) as is_new:
            news.append(is_new)
        clock.advance(3600)
    async with handle_once(storage, parse(changed(status="fulfilled")), clock=clock) as is_new:
        news.append(is_new)
    assert news == [True, False, False, True]


@pytest.mark.parametrize("failure", [ZeroDivisionError, asyncio.CancelledError])
async def test_what_failed_is_new_again(
    storage: Storage, clock: Clock, failure: type[BaseException]
) -> None:
    handled = []

    async def handle(*, fails: bool) -> None:
        async with handle_once(storage, parse(BODY), clock=clock) as is_new:
            if fails:
                raise failure
            handled.append(is_new)

    with pytest.raises(failure):
        await handle(fails=True)
    await handle(fails=False)
    assert handled == [True]


async def test_one_worker_at_a_time_and_a_dead_one_is_followed(
    storage: Storage, clock: Clock
) -> None:
    event = parse(BODY)
    handled = 0
    async with handle_once(storage, event, clock=clock, lease=60) as is_new:
        assert is_new
        with pytest.raises(WebhookBusyError) as busy:
            await handle_once(storage, event, clock=clock).__aenter__()
        assert busy.value.to_problem()["status"] == 503
        clock.advance(61)  # as if this worker had died
        async with handle_once(storage, event, clock=clock) as is_new:
            handled += is_new
    async with handle_once(storage, event, clock=clock) as is_new:
        handled += is_new
    assert handled == 1


async def test_of_many_deliveries_at_once_one_is_handled(clock: Clock) -> None:
    class Slow(MemoryStorage):
        async def load(self, checkout_id: str) -> Any:
            await asyncio.sleep(0)
            return await super().load(checkout_id)

    slow, outcomes = Slow(clock=clock), list[bool]()

    async def receive() -> None:
        try:
            async with handle_once(slow, parse(BODY), clock=clock) as is_new:
                await asyncio.sleep(0)
                outcomes.append(is_new)
        except WebhookBusyError:
            outcomes.append(False)

    await asyncio.gather(*(receive() for _ in range(20)))
    assert sum(outcomes) == 1
    assert len(outcomes) == 20


async def test_it_is_forgotten_in_the_end(storage: Storage, clock: Clock) -> None:
    for _ in range(2):
        async with handle_once(storage, parse(BODY), clock=clock, remember=3600) as is_new:
            assert is_new
        clock.advance(3600)


@pytest.mark.parametrize("encrypted", [False, True])
async def test_the_clock_is_that_of_the_storage(clock: Clock, encrypted: bool) -> None:
    """With another one an event is forgotten at once, and handled twice."""
    storage: Storage = MemoryStorage(clock=clock)
    if encrypted:
        storage = EncryptedStorage(storage, [Fernet.generate_key()])
    clock.now += timedelta(days=3650)
    async with handle_once(storage, parse(BODY)) as is_new:
        assert is_new
    async with handle_once(storage, parse(BODY)) as is_new:
        assert not is_new


class Clockless:
    """A storage of somebody's own, which has no clock to show."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()

    async def load(self, checkout_id: str) -> Any:
        return await self._storage.load(checkout_id)

    async def save(self, checkout_id: str, data: bytes, **how: Any) -> int:
        return await self._storage.save(checkout_id, data, **how)

    async def delete(self, checkout_id: str) -> None:
        await self._storage.delete(checkout_id)

    async def due(self, now: Any, limit: int) -> Any:
        return await self._storage.due(now, limit)


async def test_a_storage_without_a_clock_goes_by_the_real_time() -> None:
    storage = Clockless()
    async with handle_once(storage, parse(BODY)) as is_new:
        assert is_new
    async with handle_once(storage, parse(BODY)) as is_new:
        assert not is_new


async def test_what_is_remembered_of_an_event_is_a_digest(clock: Clock) -> None:
    memory, event = MemoryStorage(clock=clock), parse(BODY)
    async with handle_once(memory, event, clock=clock):
        pass
    stored = await memory.load(event.id)
    assert stored is not None
    assert stored.data == b"webhook handled"
    assert len(event.id) == len("webhook-") + 64
    assert event.permalink_url not in event.id


async def test_a_storage_that_fails_is_said(clock: Clock) -> None:
    class Broken(MemoryStorage):
        async def load(self, checkout_id: str) -> Any:
            raise StorageError("down")

    with pytest.raises(StorageError):
        await handle_once(Broken(clock=clock), parse(BODY), clock=clock).__aenter__()


async def test_a_late_failure_does_not_undo_what_another_worker_did(
    storage: MemoryStorage, clock: Clock
) -> None:
    event = parse(BODY)
    late = handle_once(storage, event, clock=clock, lease=10.0)
    assert await late.__aenter__()
    clock.advance(11)
    async with handle_once(storage, event, clock=clock) as is_new:
        assert is_new
    error = ZeroDivisionError()
    assert not await late.__aexit__(ZeroDivisionError, error, None)
    async with handle_once(storage, event, clock=clock) as is_new:
        assert not is_new


class Behind(MemoryStorage):
    """Its next answer is from before another worker wrote."""

    is_behind = False

    async def load(self, checkout_id: str) -> Any:
        if self.is_behind:
            self.is_behind = False
            return None
        return await super().load(checkout_id)


async def test_a_claim_that_comes_second_finds_out_what_became_of_the_first(clock: Clock) -> None:
    storage, event = Behind(clock=clock), parse(BODY)
    async with handle_once(storage, event, clock=clock):
        storage.is_behind = True
        with pytest.raises(WebhookBusyError):
            await handle_once(storage, event, clock=clock).__aenter__()
    storage.is_behind = True
    async with handle_once(storage, event, clock=clock) as is_new:
        assert not is_new
