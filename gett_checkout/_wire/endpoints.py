"""Every operation of the API, in one table: its method, path, least credential and rate limit.

`mark` states the row's certainty: ``doc`` (a page documents it), ``conflict`` (pages disagree) or
``decided`` (undocumented; this project chose). `Assumptions` can replace any row.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from attrs import frozen

from gett_checkout._core.session import Level
from gett_checkout._retry import Repeat

BASE_PATH: Final = "/v1/marketplace"


class Bucket(StrEnum):
    """The rate limit an operation counts against. Docs: Rate limits."""

    READS = "reads"
    WRITES = "writes"
    DISCOVERY = "discovery"


Mark = Literal["doc", "conflict", "decided"]


@frozen
class Operation:
    """One operation. ``level`` is the least session level; ``NONE`` means that the API key is enough.

    ``uses_reserve``: it may use the last requests of a minute, which are reserved for creating sessions
    and placing. ``missing`` is the error code of a 404 without a body. ``doubt`` says what is unclear
    in Gett's documentation of the request; it is empty when nothing is unclear.
    """

    name: str
    method: Literal["GET", "POST", "PUT"]
    path: str
    mark: Mark
    level: Level
    bucket: Bucket
    repeat: Repeat
    uses_reserve: bool = False
    missing: str = "NOT_FOUND"
    doubt: str = ""


_NONE, _PARTNER, _USER = Level
_READS, _WRITES, _DISCOVERY = Bucket
_ALWAYS, _UNDELIVERED, _BY_KEY = Repeat
_SILENCE: Final = "not documented"

# fmt: off
_TABLE: Final = (
    Operation("create_session",          "POST", "/session/create",              "doc",      _NONE,    _WRITES,    _UNDELIVERED, uses_reserve=True),
    Operation("set_fulfillment_context", "PUT",  "/session/fulfillment-context", "doc",      _PARTNER, _WRITES,    _UNDELIVERED),
    Operation("discover_stores",         "POST", "/stores/discover",             "conflict", _NONE,    _DISCOVERY, _ALWAYS, doubt="error pages also write GET `/stores`"),
    Operation("get_store",               "GET",  "/stores/{store_id}",           "doc",      _NONE,    _READS,     _ALWAYS, missing="STORE_NOT_FOUND"),
    Operation("get_catalog_set",         "GET",  "/catalog-sets/{catalog_set_id}", "conflict", _NONE,  _READS,     _ALWAYS, missing="CATALOGSET_NOT_FOUND", doubt="also written `/stores/{storeId}/catalog?catalogSetId=…`"),
    Operation("add_cart_item",           "POST", "/carts/add",                   "conflict", _NONE,    _WRITES,    _ALWAYS, doubt="error pages write `/carts/items`"),
    Operation("remove_cart_item",        "POST", "/carts/remove",                "decided",  _NONE,    _WRITES,    _ALWAYS, doubt=_SILENCE),
    Operation("update_cart_item",        "POST", "/carts/update",                "decided",  _NONE,    _WRITES,    _ALWAYS, doubt=_SILENCE),
    Operation("validate_order",          "POST", "/orders/validate",             "doc",      _PARTNER, _WRITES,    _ALWAYS),
    Operation("place_order",             "POST", "/orders/place",                "doc",      _USER,    _WRITES,    _BY_KEY, uses_reserve=True),
    Operation("get_order",               "GET",  "/orders/{order_id}",           "doc",      _USER,    _READS,     _ALWAYS),
    Operation("list_orders",             "GET",  "/orders",                      "decided",  _USER,    _READS,     _ALWAYS, doubt=_SILENCE),
    Operation("list_payment_methods",    "GET",  "/checkout/payments",           "doc",      _USER,    _READS,     _ALWAYS),
    Operation("add_payment_card",        "POST", "/checkout/payments",           "doc",      _USER,    _WRITES,    _UNDELIVERED),
    Operation("add_address",             "POST", "/checkout/addresses",          "decided",  _USER,    _WRITES,    _UNDELIVERED, doubt="operation documented, path not"),
)
# fmt: on

OPERATIONS: Final[Mapping[str, Operation]] = {each.name: each for each in _TABLE}
