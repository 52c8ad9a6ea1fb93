"""The operations table, said again by hand: whom an operation is for, and what it may use up."""

from __future__ import annotations

from typing import get_args

from gett_checkout._core.session import Level
from gett_checkout._wire.endpoints import OPERATIONS, Bucket, Mark


def named(**members: object) -> set[str]:
    """The operations of which these members hold."""
    return {
        name
        for name, row in OPERATIONS.items()
        if all(getattr(row, member) == value for member, value in members.items())
    }


def test_only_what_leads_to_an_order_uses_the_reserve() -> None:
    assert named(uses_reserve=True) == {"create_session", "place_order"}


def test_a_404_without_a_body_is_of_what_was_asked_for() -> None:
    others = {name: row.missing for name, row in OPERATIONS.items() if row.missing != "NOT_FOUND"}
    assert others == {"get_store": "STORE_NOT_FOUND", "get_catalog_set": "CATALOGSET_NOT_FOUND"}


def test_no_more_is_held_for_documented_than_a_page_states() -> None:
    assert {row.mark for row in OPERATIONS.values()} == set(get_args(Mark))
    assert named(mark="conflict") == {"discover_stores", "get_catalog_set", "add_cart_item"}
    assert named(mark="decided") == {
        "remove_cart_item",
        "update_cart_item",
        "list_orders",
        "add_address",
    }


def test_credentials_and_rate_limits() -> None:
    assert named(level=Level.PARTNER_ONLY) == {"set_fulfillment_context", "validate_order"}
    assert named(level=Level.NONE) == {
        *("create_session", "discover_stores", "get_store", "get_catalog_set"),
        *("add_cart_item", "remove_cart_item", "update_cart_item"),
    }
    assert named(bucket=Bucket.DISCOVERY) == {"discover_stores"}
    reads = {"get_store", "get_catalog_set", "get_order", "list_orders", "list_payment_methods"}
    assert named(bucket=Bucket.READS) == reads
    assert list(Bucket) == ["reads", "writes", "discovery"]
