"""The operations of the API in one literal table, and the function that finds the row of a request.

Docs: Operations. Where the pages disagree about a path, the table holds the best supported form.
"""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

from attrs import field, frozen

Level = Literal["none", "api_key", "partner_only", "end_user"]
Bucket = Literal["reads", "writes", "discovery"]

BASE_PATH = "/v1/marketplace"

API_KEY: frozenset[Level] = frozenset({"api_key"})
ANY: frozenset[Level] = frozenset({"api_key", "partner_only", "end_user"})
SESSION: frozenset[Level] = frozenset({"partner_only", "end_user"})
END_USER: frozenset[Level] = frozenset({"end_user"})
# Docs: Credentials. The API key may place too, for cards on file; the ordering desk checks that.
SHOPPER_OR_KEY: frozenset[Level] = frozenset({"api_key", "end_user"})


@frozen
class Operation:
    """One row: which request it is, who may send it, which rate limit it counts against.

    `query` are the members its query string may have.
    """

    name: str
    method: str
    path: str
    levels: frozenset[Level]
    bucket: Bucket
    query: tuple[str, ...] = ()
    pattern: re.Pattern[str] = field(init=False, repr=False, eq=False)

    @property
    def needs_end_user(self) -> bool:
        """Whether no session but an end user's will do."""
        return "end_user" in self.levels and "partner_only" not in self.levels

    @pattern.default
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(BASE_PATH + re.sub(r"{(\w+)}", r"(?P<\1>[^/]*)", self.path))


OPERATIONS = (
    Operation("create_session", "POST", "/session/create", API_KEY, "writes"),
    Operation("set_fulfillment_context", "PUT", "/session/fulfillment-context", SESSION, "writes"),
    Operation("discover_stores", "POST", "/stores/discover", ANY, "discovery"),
    Operation("get_store", "GET", "/stores/{storeId}", ANY, "reads"),
    Operation("get_catalog_set", "GET", "/catalog-sets/{catalogSetId}", ANY, "reads"),
    Operation("add_cart_item", "POST", "/carts/add", ANY, "writes"),
    Operation("remove_cart_item", "POST", "/carts/remove", ANY, "writes"),
    Operation("update_cart_item", "POST", "/carts/update", ANY, "writes"),
    Operation("validate_order", "POST", "/orders/validate", SESSION, "writes"),
    Operation("place_order", "POST", "/orders/place", SHOPPER_OR_KEY, "writes"),
    Operation("get_order", "GET", "/orders/{orderId}", END_USER, "reads"),
    Operation("list_orders", "GET", "/orders", END_USER, "reads", ("limit", "offset")),
    Operation("list_payment_methods", "GET", "/checkout/payments", END_USER, "reads"),
    Operation("add_payment_card", "POST", "/checkout/payments", END_USER, "writes"),
    Operation("add_address", "POST", "/checkout/addresses", END_USER, "writes"),
)


@frozen
class Route:
    """An operation together with the ids its path carried."""

    operation: Operation
    parameters: Mapping[str, str]


def find(method: str, raw_path: str) -> Route | None:
    """The operation that `method` on the still percent-encoded `raw_path` asks for, if any."""
    for operation in OPERATIONS:
        found = operation.pattern.fullmatch(raw_path) if operation.method == method else None
        if found:
            ids = {name: unquote(value) for name, value in found.groupdict().items()}
            return Route(operation, ids)
    return None
