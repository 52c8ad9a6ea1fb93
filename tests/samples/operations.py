"""Every operation of the API: what this project holds for documented, and what exactly goes over the wire.

Typed by hand from the API's pages. A new operation is a row of the table and a call of `SENT`; all tests of
operations take them from here.
"""

# ruff: noqa: E501 - a table reads best as one

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from attrs import evolve, frozen

from gett_checkout import (
    Address,
    Amounts,
    CardOnFile,
    Delivery,
    GettClient,
    GettPayment,
    Identity,
    Level,
    Line,
    Order,
    Pickup,
    SavedCard,
    Store,
)
from gett_checkout._core.card import NewCard, PaymentMethod
from gett_checkout._core.cart import Choice, GroupChoice
from gett_checkout._core.order import OrderPage

# How sure the request is; the least session (none: the API key will do); what it counts against; and
# when it is sent again after a failure: always, when it certainly did not arrive, or by its key alone.
_TABLE: Final = """
# operation             how sure session      limit     repeated
create_session          doc      none         writes    undelivered
set_fulfillment_context doc      partner-only writes    undelivered
discover_stores         conflict none         discovery always
get_store               doc      none         reads     always
get_catalog_set         conflict none         reads     always
add_cart_item           conflict none         writes    always
remove_cart_item        decided  none         writes    always
update_cart_item        decided  none         writes    always
validate_order          doc      partner-only writes    always
place_order             doc      end-user     writes    by_key
get_order               doc      end-user     reads     always
list_orders             decided  end-user     reads     always
list_payment_methods    doc      end-user     reads     always
add_payment_card        doc      end-user     writes    undelivered
add_address             decided  end-user     writes    undelivered
"""


@frozen
class Documented:
    """One row."""

    name: str
    mark: str
    level: str
    bucket: str
    repeat: str


DOCUMENTED: Final = {
    row.name: row for row in (Documented(*line.split()) for line in _TABLE.strip().splitlines()[1:])
}

HOST = "https://gett.test"
BASE = f"{HOST}/v1/marketplace"
KEY = "zpka_test"
NOW = datetime(2026, 4, 27, 14, 30, tzinfo=UTC)

JANE = Identity("jane@example.com", "Jane", "Doe", "+12125554321", "u-1")
HOME = Address("12 Spring Street", "New York", "NY", "10012", address2="4B")
HOME_JSON = (
    '{"address1":"12 Spring Street","address2":"4B","city":"New York","state":"NY",'
    '"postalCode":"10012"}'
)
CARD = NewCard("4111 1111 1111 1111", "visa", "737", date(2031, 12, 31), HOME)
STORE = Store(store_id="s-1", catalog_set_id="c-1")
LINE = Line(
    line_id="l-1",
    item_id="pizza",
    quantity=2,
    name="Pizza",
    unit_price=Decimal("9.50"),
    groups=(GroupChoice("size", (Choice("large", 1, (GroupChoice("rim", (Choice("thin"),)),)),)),),
    special_instructions="no basil",
)
LINE_JSON = (
    '{"lineItemId":"l-1","itemId":"pizza","quantity":2,"modifierGroups":[{"modifierGroupId":"size",'
    '"selectedModifiers":[{"itemId":"large","quantity":1,"modifierGroups":[{"modifierGroupId":"rim",'
    '"selectedModifiers":[{"itemId":"thin","quantity":1}]}]}]}],"specialInstructions":"no basil"}'
)
CART_JSON = f'{{"storeId":"s-1","catalogSetId":"c-1","lineItems":[{LINE_JSON}]}}'
CUSTOMER_JSON = (
    '{"firstName":"Jane","lastName":"Doe","email":"jane@example.com","phone":"+12125554321"}'
)
AMOUNTS = Amounts(
    sub_total=Decimal("19.00"),
    total=Decimal("25.49"),
    fees=Decimal("3.00"),
    promotions=Decimal("1.50"),
    taxes=Decimal("1.99"),
    tip=Decimal("3.00"),
)
AMOUNTS_JSON = (
    '{"subTotal":19.00,"fees":3.00,"promotions":1.50,"taxes":1.99,"adjustments":0.00,"tip":3.00,'
    '"total":25.49}'
)
CONTEXT = "/session/fulfillment-context"

Call = Callable[[GettClient, str], Awaitable[Any]]


@frozen
class Sent:
    """One call of the client, the request it is, and an answer to it with what that is read as."""

    operation: str
    call: Call
    method: str
    path: str
    body: str | None
    answer: str
    value: Any
    token: str = KEY
    key: str | None = None


def _placing(payment: Any, identity: Identity | None = None) -> Call:
    def call(gett: GettClient, token: str) -> Awaitable[Any]:
        body = gett.placement_body(
            STORE,
            [LINE],
            Pickup(),
            order_token="vot-1",
            amounts=AMOUNTS,
            payment=payment,
            customer=identity,
        )
        return gett.place_order(body, idempotency_key="key-1", token=token)

    return call


def _placed(payment: str, customer: str = "") -> str:
    return (
        f'{{"validatedOrderToken":"vot-1","cart":{CART_JSON},"fulfillmentType":"pickup",'
        f'"payment":{payment},"amounts":{AMOUNTS_JSON}{customer}}}'
    )


async def _session(
    gett: GettClient, token: str, identity: Identity | None = None, **more: Any
) -> Any:
    session = await gett.create_session(identity, **more)
    return session.token, session.level, session.expires_at


async def _catalog(gett: GettClient, token: str) -> Any:
    menu = await gett.get_catalog_set("c/1")
    return menu.items["a"].price, menu.items["b"].price, menu.modifier_groups["g"]


async def _stores(gett: GettClient, token: str | None = None, **filters: Any) -> Any:
    page = await gett.discover_stores(token=token, **filters)
    return [store.store_id for store in page.stores], page.has_more, page.total_count


async def _quote(gett: GettClient, token: str, fulfillment: Any, **more: Any) -> Any:
    quote = await gett.validate_order(STORE, [LINE], fulfillment, token=token, **more)
    return quote.order_token, quote.amounts, quote.expires_at


MENU = """{"items": {"a": {"itemId": "a", "name": "A", "price": 4.50, "new": 1}, "b": {"basePrice": 5}},
 "modifierGroups": {"g": {"minimumAllowed": 1, "maximumAllowed": 2, "itemIds": ["b"]}}}"""
PICKUP_CART = f'{{"cart":{CART_JSON},"fulfillmentType":"pickup","amounts":{{"tip":0.00}}}}'
QUOTED = f'{{"validatedOrderToken":"vot-1","amounts":{AMOUNTS_JSON}}}'
QUOTE = ("vot-1", AMOUNTS, NOW + timedelta(minutes=15))
PLACED = Order("o-1", "open", "pending", AMOUNTS)
PLACED_JSON = f'{{"orderId":"o-1","state":"open","status":"pending","amounts":{AMOUNTS_JSON}}}'
VISA = PaymentMethod("p-1", "visa", "1111", "2031-12-31")
VISA_JSON = '{"paymentId":"p-1","cardType":"visa","lastFour":"1111","expiration":"2031-12-31"}'
CARD_JSON = (
    '{"bin":"411111","cardNumber":"4111111111111111","cardType":"visa","cvc":"737",'
    f'"expiration":"2031-12-31","lastFour":"1111","billingAddress":{HOME_JSON}}}'
)

SENT = [
    Sent(
        "create_session", _session, "POST", "/session/create", "{}",
        '{"token": "t"}', ("t", Level.PARTNER_ONLY, NOW + timedelta(days=30)),
    ),
    Sent(
        "create_session", lambda gett, token: _session(gett, token, JANE, expires_in=60), "POST", "/session/create",
        CUSTOMER_JSON[:-1] + ',"partnerUserId":"u-1","expirationSeconds":60}',
        '{"sessionToken": "t", "expiresAt": "2026-04-27T17:00:00+02:00", "userId": 7}',
        ("t", Level.END_USER, NOW + timedelta(minutes=30)),
    ),
    Sent(
        "set_fulfillment_context", lambda gett, token: gett.set_fulfillment_context(Pickup(), token=token),
        "PUT", CONTEXT, '{"mode":"Pickup"}', "", None, "user",
    ),
    Sent(
        "set_fulfillment_context",
        lambda gett, token: gett.set_fulfillment_context(Delivery(address_id="a-1"), token=token),
        "PUT", CONTEXT, '{"mode":"DeliveryByMerchant","addressId":"a-1"}', "<html>", None, "user",
    ),
    Sent(
        "set_fulfillment_context",
        lambda gett, token: gett.set_fulfillment_context(Delivery(HOME), token=token),
        "PUT", CONTEXT, f'{{"mode":"DeliveryByMerchant","address":{HOME_JSON}}}', "{}", None, "user",
    ),
    Sent(
        "discover_stores", lambda gett, _: _stores(gett), "POST", "/stores/discover", '{"limit":50,"offset":0}',
        '{"stores": [{"storeId": "s-1"}], "hasMore": true, "totalCount": 3}', (["s-1"], True, 3),
    ),
    Sent(
        "discover_stores",
        lambda gett, token: _stores(
            gett, latitude=Decimal("40.7128"), longitude=-74.006, fulfillment_type="pickup",
            query="ramen", limit=10, offset=20, token=token,
        ),
        "POST", "/stores/discover",
        '{"location":{"latitude":40.7128000,"longitude":-74.0060000},"fulfillmentType":"pickup",'
        '"query":"ramen","limit":10,"offset":20}',
        '{"stores": []}', ([], False, None), "user",
    ),
    Sent(
        "discover_stores", lambda gett, _: _stores(gett, latitude=-90, longitude=180, limit=100),
        "POST", "/stores/discover",
        '{"location":{"latitude":-90.0000000,"longitude":180.0000000},"limit":100,"offset":0}',
        '{"stores": []}', ([], False, None),
    ),
    Sent(
        "get_store", lambda gett, _: gett.get_store("a b/é?"), "GET", "/stores/a%20b%2F%C3%A9%3F", None,
        '{"storeId": "s-1", "catalogSetId": "c-1", "minimumOrderAmount": null, "hub": {}}',
        evolve(STORE, extra={"hub": {}}),
    ),
    Sent(
        "get_catalog_set", _catalog, "GET", "/catalog-sets/c%2F1", None, MENU,
        (Decimal("4.50"), Decimal(5), pytest.approx),
    ),
    Sent(
        "add_cart_item", lambda gett, _: gett.add_cart_item(STORE, [], LINE), "POST", "/carts/add",
        f'{{"storeId":"s-1","catalogSetId":"c-1","cart":null,"item":{LINE_JSON}}}',
        f'{{"cart": {CART_JSON}}}', (LINE,),
    ),
    Sent(
        "add_cart_item",
        lambda gett, token: gett.add_cart_item(STORE, [LINE], evolve(LINE, line_id="l-2"), token=token),
        "POST", "/carts/add",
        f'{{"storeId":"s-1","catalogSetId":"c-1","cart":{CART_JSON},'
        f'"item":{LINE_JSON.replace("l-1", "l-2")}}}',
        '{"items": [{"id": "n", "itemId": "tea", "quantity": 1, "modifiers": '
        '[{"id": "g", "modifiers": [{"itemId": "m", "quantity": 3}]}]}]}',
        (Line("n", "tea", 1, groups=(GroupChoice("g", (Choice("m", 3),)),)),), "user",
    ),
    Sent(
        "update_cart_item", lambda gett, _: gett.update_cart_item(STORE, [LINE], "l-1", quantity=3),
        "POST", "/carts/update", f'{{"cart":{CART_JSON},"lineItemId":"l-1","quantity":3}}',
        f'{{"cart": {CART_JSON.replace(":2,", ":3,")}}}', (evolve(LINE, quantity=3),),
    ),
    Sent(
        "remove_cart_item", lambda gett, _: gett.remove_cart_item(STORE, [LINE], "l-1"), "POST",
        "/carts/remove", f'{{"cart":{CART_JSON},"lineItemId":"l-1"}}',
        '{"cart": {"lineItems": []}}', (),
    ),
    Sent(
        "validate_order", lambda gett, token: _quote(gett, token, Pickup()), "POST", "/orders/validate",
        PICKUP_CART, QUOTED, QUOTE, "user",
    ),
    Sent(
        "validate_order", lambda gett, token: _quote(gett, token, Delivery(HOME), tip=Decimal(3), customer=JANE),
        "POST", "/orders/validate",
        f'{{"cart":{CART_JSON},"fulfillmentType":"delivery","amounts":{{"tip":3.00}},'
        f'"customer":{CUSTOMER_JSON}}}',
        f'{{"order": {QUOTED}}}', QUOTE, "user",
    ),
    Sent(
        "place_order", _placing(GettPayment()), "POST", "/orders/place",
        _placed('{"gettPayment":{}}'), PLACED_JSON, PLACED, "user", "key-1",
    ),
    Sent(
        "place_order", _placing(SavedCard("p-1")), "POST", "/orders/place",
        _placed('{"savedCard":{"paymentId":"p-1"}}'), f'{{"order": {PLACED_JSON}}}', PLACED,
        "user", "key-1",
    ),
    Sent(
        "place_order", _placing(CardOnFile("tok_do_not_show", "stripe"), JANE), "POST", "/orders/place",
        _placed(
            '{"cardOnFile":{"cardToken":"tok_do_not_show","processorType":"stripe"}}',
            f',"customer":{CUSTOMER_JSON}',
        ),
        '{"orderId": "o-1", "status": "teleported", "amounts": {"total": "?"}}',
        Order("o-1", None, "teleported", extra={"amounts": {"total": "?"}}), "user", "key-1",
    ),
    Sent(
        "get_order", lambda gett, token: gett.get_order("o-1", token=token), "GET", "/orders/o-1", None,
        PLACED_JSON, PLACED, "user",
    ),
    Sent(
        "list_orders", lambda gett, token: gett.list_orders(limit=5, offset=10, token=token), "GET",
        "/orders?limit=5&offset=10", None, f'{{"orders": [{PLACED_JSON}], "hasMore": true}}',
        OrderPage((PLACED,), has_more=True), "user",
    ),
    Sent(
        "list_orders", lambda gett, token: gett.list_orders(token=token), "GET",
        "/orders?limit=50&offset=0", None, '[{"orderId": "o-1"}]', OrderPage((Order("o-1"),)), "user",
    ),
    Sent(
        "list_payment_methods", lambda gett, token: gett.list_payment_methods(token=token), "GET",
        "/checkout/payments", None, f'{{"payments": [{VISA_JSON}]}}', (VISA,), "user",
    ),
    Sent(
        "list_payment_methods", lambda gett, token: gett.list_payment_methods(token=token), "GET",
        "/checkout/payments", None, '[{"id": "p-2", "lastFour": "4111111111111234"}]',
        (PaymentMethod("p-2", last_four="1234"),), "user",
    ),
    Sent(
        "add_payment_card", lambda gett, token: gett.add_payment_card(CARD, token=token), "POST",
        "/checkout/payments", CARD_JSON, VISA_JSON, VISA, "user",
    ),
    Sent(
        "add_payment_card", lambda gett, token: gett.add_payment_card(CARD, token=token), "POST",
        "/checkout/payments", CARD_JSON, f'{{"payment": {VISA_JSON}}}', VISA, "user",
    ),
    Sent(
        "add_address", lambda gett, token: gett.add_address(HOME, token=token), "POST",
        "/checkout/addresses", HOME_JSON, f'{{"addressId": "a-1", {HOME_JSON[1:]}', "a-1", "user",
    ),
    Sent(
        "add_address", lambda gett, token: gett.add_address(HOME, token=token), "POST",
        "/checkout/addresses", HOME_JSON, '{"address": {"id": "a-1"}}', "a-1", "user",
    ),
]  # fmt: skip

SAMPLES: Final = {sent.operation: sent for sent in SENT}
"""The last call of each operation: the one that says most."""
