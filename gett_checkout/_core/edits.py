"""Decide whether a cart edit may be repeated after another worker changed the checkout."""

from __future__ import annotations

from gett_checkout._core.state import OPEN, CheckoutState


def means_the_same(before: CheckoutState, after: CheckoutState, line_id: str | None) -> bool:
    """Whether an edit made for ``before`` means the same for ``after``.

    It does not at another store, for another shopper, once the order is in progress, or when the line
    it names (``line_id``) was changed. The edit itself detects that a line is gone.
    """
    if after.stage not in OPEN or _store_of(before) != _store_of(after):
        return False
    if before.identity is not None and (
        after.identity is None or not before.identity.is_same_person(after.identity)
    ):
        return False
    if line_id is None:
        return True
    is_now, was = after.line(line_id), before.line(line_id)
    return is_now is None or (was is not None and is_now.content == was.content)


def _store_of(state: CheckoutState) -> str | None:
    return state.store.store_id if state.store else None
