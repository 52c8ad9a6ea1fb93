"""The webhook requests that tests make: accepted by the verifier, and refused once anything is off."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from gett_checkout.errors import WebhookPayloadError, WebhookRefusedError
from gett_checkout.sandbox import Switches
from gett_checkout.testing import SignedEvent, signed_event
from gett_checkout.webhooks import Refund, verify_event
from tests.samples.states import NOW

SECRET = Switches().webhook_secret


@pytest.mark.parametrize("kind", ["order_create", "order_update", "order_eaten"])
def test_an_event_of_any_type_is_accepted_and_says_what_it_was_told_to(kind: str) -> None:
    body, headers = signed_event(
        kind,
        status="canceled",
        checkout_session_id="csn_9",
        permalink_url="https://gett.example/9",
        refunds=[{"type": "store_credit", "amount": 1050}],
        now=NOW,
    )
    event = verify_event(body, headers, SECRET, now=NOW)
    said = (event.type, event.status, event.checkout_session_id, event.permalink_url)
    assert said == (kind, "canceled", "csn_9", "https://gett.example/9")
    assert event.refunds == (Refund("store_credit", Decimal("10.50"), 1050),)


def test_without_arguments_it_is_the_sandboxs_and_from_now() -> None:
    event = verify_event(*signed_event(), SECRET)
    assert (event.type, event.status, event.refunds) == ("order_update", "confirmed", ())


@pytest.mark.parametrize(
    "event",
    [
        signed_event(now=NOW, secret="whsec_of_somebody_else"),
        signed_event(now=NOW)._replace(body=signed_event(status="canceled").body),
        signed_event(now=NOW)._replace(headers={}),
        signed_event(now=NOW - timedelta(seconds=301)),
        signed_event(now=NOW + timedelta(seconds=301)),
    ],
    ids=["another secret", "tampered with", "not signed", "stale", "from the future"],
)
def test_what_is_off_is_refused(event: SignedEvent) -> None:
    with pytest.raises(WebhookRefusedError):
        verify_event(*event, SECRET, now=NOW)


def test_at_the_edge_of_the_tolerance_it_is_accepted() -> None:
    for seconds in (-300, 300):
        verify_event(*signed_event(now=NOW + timedelta(seconds=seconds)), SECRET, now=NOW)


def test_a_body_of_the_callers_is_signed_as_it_is() -> None:
    event = signed_event(body=b"no event", now=NOW)
    assert event.body == b"no event"
    with pytest.raises(WebhookPayloadError):
        verify_event(*event, SECRET, now=NOW)
