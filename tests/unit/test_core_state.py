"""A checkout's state: what of it follows its session, and what its notices keep."""

from __future__ import annotations

from attrs import evolve

from gett_checkout.core.state import CheckoutState, Notice
from tests.samples.states import HOME, NOW, SESSION


def notice(number: int) -> Notice:
    return Notice("session_renewed", f"renewed {number}", NOW, {})


def test_the_context_is_noted_of_the_session_it_was_sent_in_and_of_no_other() -> None:
    state = CheckoutState("c", NOW, session=SESSION)
    sent = state.with_context(SESSION, sent=HOME, is_set=True)
    assert sent.session is not None
    assert (sent.session.context_sent, sent.session.context_set) == (HOME, True)
    assert sent.with_context(SESSION).session == evolve(SESSION, context_set=False)
    newer = evolve(SESSION, serial=SESSION.serial + 1)
    assert state.with_context(newer, sent=HOME, is_set=True) == state
    nobody = CheckoutState("c", NOW)
    assert nobody.with_context(SESSION, is_set=True) == nobody


def test_only_the_latest_notice_is_amended_and_only_ten_are_kept() -> None:
    state = CheckoutState("c", NOW)
    assert state.amending({"total_before": "27.00"}) == state
    for number in range(12):
        state = state.noticing(notice(number))
    assert [each.message for each in state.notices] == [f"renewed {n}" for n in range(2, 12)]
    *before, last = state.amending({"total_before": "27.00"}).notices
    assert before == list(state.notices[:-1])
    assert last.details == {"total_before": "27.00"}
    twice = state.amending({"total_before": "27.00", "kept": "no"}).amending({"kept": "cart"})
    assert twice.notices[-1].details == {"total_before": "27.00", "kept": "cart"}
