"""The sandbox as a partner's backend meets it: each operation over a real socket."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp
import jwt
import pytest
from attrs import define, field

from gett_checkout.sandbox import Sandbox, Switches
from gett_checkout.sandbox.carts import DEEPEST_NESTING
from gett_checkout.sandbox.faults import FaultKind
from gett_checkout.sandbox.menus import BELLA_NAPOLI, BELLA_NAPOLI_MENU, STORES
from gett_checkout.testing import Clock
from tests.acceptance.shopping import hold
from tests.samples.states import NOW
from tests.samples.waiting import until

PERSON = {"email": "jane@example.com", "firstName": "Jane", "lastName": "Doe"}
ADDRESS = {
    "address1": "12 Spring Street",
    "city": "New York",
    "state": "NY",
    "postalCode": "10012",
}
CARD_NUMBER = "4111111111111111"
CARD = {
    "bin": "411111",
    "cardNumber": CARD_NUMBER,
    "cardType": "visa",
    "cvc": "737",
    "expiration": "2031-12-31",
    "lastFour": "1111",
    "billingAddress": ADDRESS,
}


class Reply(NamedTuple):
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str | None:
        return self.body.get("errorCode") if isinstance(self.body, dict) else None


@define
class Partner:
    """Talks to the sandbox with nothing but aiohttp and the documentation."""

    sandbox: Sandbox
    http: aiohttp.ClientSession
    clock: Clock
    token: str = field(default="")

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        data: bytes | None = None,
        **headers: str,
    ) -> Reply:
        credential = self.sandbox.api_key if token is None else token
        sent = {"Authorization": f"Bearer {credential}"} if credential else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        url = f"{self.sandbox.url}/v1/marketplace{path}"
        payload = None if data is None else io.BytesIO(data)
        async with self.http.request(method, url, data=payload, headers=sent) as answer:
            content = await answer.read()
            is_json = answer.content_type.endswith("json")
            parsed = json.loads(content, parse_float=Decimal) if is_json else content
            return Reply(answer.status, parsed, answer.headers)

    async def session(self, **person: Any) -> str:
        reply = await self.send("POST", "/session/create", person)
        assert reply.status == 201, reply
        self.token = reply.body["token"]
        return self.token

    async def fulfil(self, postal_code: str = "10012", token: str | None = None) -> Reply:
        context = {"mode": "DeliveryByMerchant", "address": ADDRESS | {"postalCode": postal_code}}
        token = self.token if token is None else token
        return await self.send("PUT", "/session/fulfillment-context", context, token=token)

    async def validate(self, cart: Any = None, token: str | None = None, **changes: Any) -> Reply:
        body = {
            "cart": margherita() if cart is None else cart,
            "fulfillmentType": "delivery",
            "amounts": {"tip": 3.00},
        }
        token = self.token if token is None else token
        return await self.send("POST", "/orders/validate", body | changes, token=token)

    async def order(self, **changes: Any) -> dict[str, Any]:
        """A place request for a validated order, ready to be sent."""
        cart = changes.pop("cart", None) or margherita()
        if not self.token:
            await self.session(**PERSON)
        await self.fulfil()
        quote = (await self.validate(cart)).body
        body = {
            "validatedOrderToken": quote["validatedOrderToken"],
            "cart": cart,
            "fulfillmentType": "delivery",
            "payment": {"gettPayment": {}},
            "amounts": {"total": float(quote["amounts"]["total"])},
        }
        return body | changes

    async def place(self, body: Any, key: str | None = None, token: str | None = None) -> Reply:
        token = self.token if token is None else token
        key = str(uuid4()) if key is None else key
        return await self.send("POST", "/orders/place", body, token=token, Idempotency_Key=key)


def card_on_file(token: str) -> dict[str, Any]:
    return {"cardOnFile": {"cardToken": token, "processorType": "stripe"}}


def line(item_id: str, *groups: Any, quantity: int = 1, line_id: str = "1") -> dict[str, Any]:
    return {
        "lineItemId": line_id,
        "itemId": item_id,
        "quantity": quantity,
        "modifierGroups": list(groups),
    }


def group(group_id: str, *modifiers: Any) -> dict[str, Any]:
    return {"modifierGroupId": group_id, "selectedModifiers": list(modifiers)}


def modifier(item_id: str, *groups: Any, quantity: int = 1) -> dict[str, Any]:
    chosen = {"itemId": item_id, "quantity": quantity}
    return chosen | {"modifierGroups": list(groups)} if groups else chosen


def cart_of(*lines: Any, store: str = "bella_napoli") -> dict[str, Any]:
    return {
        "storeId": f"store_{store}",
        "catalogSetId": f"catalog_set_{store}",
        "lineItems": list(lines),
    }


def margherita(quantity: int = 1) -> dict[str, Any]:
    size = group("group_pizza_size", modifier("item_size_regular"))
    return cart_of(line("item_margherita", size, quantity=quantity))


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    clock = Clock(NOW)
    async with Sandbox(clock=clock) as sandbox, aiohttp.ClientSession() as http:
        yield Partner(sandbox, http, clock)


# Sessions and levels


async def test_a_session_without_an_email_is_partner_only(partner: Partner) -> None:
    token = await partner.session()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert "Id" not in claims
    assert {"iss", "iat", "exp", "jti"} <= claims.keys()
    assert [session.level for session in partner.sandbox.sessions] == ["partner_only"]


async def test_a_session_with_an_email_is_an_end_users(partner: Partner) -> None:
    first = jwt.decode(await partner.session(**PERSON), options={"verify_signature": False})
    again = jwt.decode(await partner.session(**PERSON), options={"verify_signature": False})
    assert first["Id"] == again["Id"]
    assert first["jti"] != again["jti"]
    assert partner.sandbox.sessions[0].email == PERSON["email"]
    assert PERSON["email"] not in repr(partner.sandbox.sessions)


@pytest.mark.parametrize(
    "person",
    [
        {"email": "jane@example.com"},
        {"firstName": "Jane", "lastName": "Doe"},
        PERSON | {"email": "jane"},
        PERSON | {"phone": "0171 555"},
        PERSON | {"phone": "+1\N{ARABIC-INDIC DIGIT TWO}125550123"},
        PERSON | {"expirationSeconds": "60"},
        PERSON | {"expirationSeconds": True},
        PERSON | {"emial": "jane@example.com"},
        PERSON | {"firstName": None},
    ],
)
async def test_half_an_identity_is_refused(partner: Partner, person: dict[str, Any]) -> None:
    reply = await partner.send("POST", "/session/create", person)
    assert (reply.status, reply.code) == (422, "VALIDATION_FAILED")
    assert reply.body["errors"][0]["jsonPath"].startswith("$.")
    assert partner.sandbox.sessions == []


async def test_sessions_expire_by_the_clock(partner: Partner) -> None:
    token = await partner.session(expirationSeconds=60)
    assert (await partner.fulfil()).status == 200
    partner.clock.advance(60)
    assert (await partner.fulfil(token=token)).code == "UNAUTHENTICATED"


async def test_the_answer_says_when_a_session_expires(partner: Partner) -> None:
    reply = await partner.send("POST", "/session/create", {"expirationSeconds": 60})
    assert reply.body["expiresAt"] == "2026-11-23T18:01:00.000Z"
    usual = await partner.send("POST", "/session/create")
    assert usual.body["expiresAt"] == "2026-12-23T18:00:00.000Z"
    longer = await partner.send("POST", "/session/create", {"expirationSeconds": 2_592_001})
    assert longer.code == "VALIDATION_FAILED"


async def test_revoked_and_opaque_tokens(partner: Partner) -> None:
    partner.sandbox.switches.opaque_tokens = True
    token = await partner.session()
    assert token.startswith("gett_sess_")
    assert (await partner.fulfil()).status == 200
    partner.sandbox.revoke(token)
    assert (await partner.fulfil()).code == "UNAUTHENTICATED"


END_USER_OPERATIONS = [
    ("POST", "/orders/place"),
    ("GET", "/orders"),
    ("GET", "/orders/1"),
    ("GET", "/checkout/payments"),
    ("POST", "/checkout/payments"),
    ("POST", "/checkout/addresses"),
]


@pytest.mark.parametrize(("method", "path"), END_USER_OPERATIONS)
async def test_partner_only_sessions_may_not_check_out(
    partner: Partner, method: str, path: str
) -> None:
    reply = await partner.send(method, path, token=await partner.session())
    assert (reply.status, reply.code) == (401, "SESSION_USER_REQUIRED")
    assert reply.body["title"] == "Bad request"


@pytest.mark.parametrize(("method", "path"), END_USER_OPERATIONS[1:])
async def test_the_api_key_is_nobody_in_particular(
    partner: Partner, method: str, path: str
) -> None:
    assert (await partner.send(method, path)).code == "SESSION_USER_REQUIRED"


@pytest.mark.parametrize("token", ["", "zpka_other", "gett_sess_made_up"])
async def test_unknown_credentials_are_refused(partner: Partner, token: str) -> None:
    for method, path in [("GET", "/stores/store_bella_napoli"), ("POST", "/session/create")]:
        assert (await partner.send(method, path, token=token)).code == "UNAUTHENTICATED"
    assert {seen.level for seen in partner.sandbox.requests} == {"none"}


async def test_sessions_do_not_make_sessions_and_the_api_key_has_no_context(
    partner: Partner,
) -> None:
    token = await partner.session(**PERSON)
    assert (await partner.send("POST", "/session/create", {}, token=token)).code == "FORBIDDEN"
    assert (await partner.fulfil(token=partner.sandbox.api_key)).code == "FORBIDDEN"


async def test_end_users_can_be_distrusted(partner: Partner) -> None:
    await partner.session(**PERSON)
    partner.sandbox.switches.reject_end_users = True
    reply = await partner.send("GET", "/orders", token=partner.token)
    assert reply.code == "SESSION_USER_REQUIRED"
    assert (await partner.fulfil()).status == 200


# Stores and menus


async def test_discovery_filters_and_pages(partner: Partner) -> None:
    async def found(**wanted: Any) -> list[str]:
        reply = await partner.send("POST", "/stores/discover", wanted)
        return [store["storeId"] for store in reply.body["stores"]]

    assert len(await found()) == 4
    assert "store_seoul_kitchen" not in await found(fulfillmentType="pickup")
    assert await found(query="pizza") == ["store_bella_napoli"]
    assert len(await found(location={"latitude": 40.72, "longitude": -73.99})) == 4
    assert await found(location={"latitude": -73.99, "longitude": 40.72}) == []
    page = (await partner.send("POST", "/stores/discover", {"limit": 3})).body
    assert (len(page["stores"]), page["hasMore"], page["totalCount"]) == (3, True, 4)
    rest = (await partner.send("POST", "/stores/discover", {"limit": 3, "offset": 3})).body
    assert (len(rest["stores"]), rest["hasMore"]) == (1, False)
    too_many = await partner.send("POST", "/stores/discover", {"limit": 101})
    assert too_many.code == "VALIDATION_FAILED"
    assert (await partner.send("POST", "/stores/discover", {"limit": 100})).status == 200


async def test_a_page_has_fifty_unless_asked() -> None:
    store, menu = STORES[0]
    many = [({**store, "storeId": f"store_{number}"}, menu) for number in range(51)]
    async with Sandbox(stores=many) as sandbox, aiohttp.ClientSession() as http:
        partner = Partner(sandbox, http, Clock(NOW))
        page = (await partner.send("POST", "/stores/discover", {})).body
    assert (len(page["stores"]), page["hasMore"], page["totalCount"]) == (50, True, 51)


async def test_stores_and_menus_are_read_by_id(partner: Partner) -> None:
    store = (await partner.send("GET", "/stores/store_bella_napoli")).body
    assert store["minimumOrderAmount"] == Decimal("15.00")
    menu = (await partner.send("GET", f"/catalog-sets/{store['catalogSetId']}")).body
    assert menu["items"]["item_margherita"]["price"] == Decimal("10.50")
    for catalog in menu["catalogs"].values():
        assert set(catalog["sectionIds"]) <= menu["sections"].keys()
    for item in menu["items"].values():
        assert set(item.get("modifierGroupIds", ())) <= menu["modifierGroups"].keys()
    for offered in menu["modifierGroups"].values():
        assert set(offered["itemIds"]) <= menu["items"].keys()


async def menu_of(partner: Partner, store_id: str = "store_bella_napoli") -> Any:
    """The menu a restaurant sells from now, by discovery and by its id."""
    store = (await partner.send("GET", f"/stores/{store_id}")).body
    found = (await partner.send("POST", "/stores/discover", {})).body["stores"]
    assert store in found
    return (await partner.send("GET", f"/catalog-sets/{store['catalogSetId']}")).body


async def test_what_is_off_the_menu_makes_a_catalog_set_of_its_own(partner: Partner) -> None:
    off_menu = partner.sandbox.switches.off_menu
    before, green = await menu_of(partner), await menu_of(partner, "store_green_bowl")
    body = await partner.order()
    off_menu |= {"item_tiramisu", "group_toppings", "item_combo_cola", "no_such_item"}
    after = await menu_of(partner)
    assert after["catalogSetId"] not in (before["catalogSetId"], green["catalogSetId"])
    for gone in ("item_tiramisu", "group_toppings", "item_combo_cola"):
        assert gone in json.dumps(before, default=str)
        assert gone not in json.dumps(after, default=str)
    assert before["items"].keys() - after["items"].keys() == {"item_tiramisu", "item_combo_cola"}
    assert before["sections"].keys() == after["sections"].keys()
    assert after == await menu_of(partner)  # it is immutable under its id
    assert await menu_of(partner, "store_green_bowl") == green
    old = await partner.send("GET", f"/catalog-sets/{before['catalogSetId']}")
    assert (old.status, old.code) == (404, "CATALOGSET_NOT_FOUND")
    assert (await partner.validate()).code == "CATALOGSET_NOT_FOUND"
    assert (await partner.place(body)).code == "CATALOGSET_NOT_FOUND"
    new = margherita() | {"catalogSetId": after["catalogSetId"]}
    assert (await partner.validate(new)).status == 200
    off_menu.clear()
    assert await menu_of(partner) == before
    assert (await partner.place(body)).status == 201


async def test_restaurants_that_share_a_menu_share_what_is_off_it() -> None:
    twin = {**BELLA_NAPOLI, "storeId": "store_twin"}
    stores = ((BELLA_NAPOLI, BELLA_NAPOLI_MENU), (twin, BELLA_NAPOLI_MENU))
    async with Sandbox(stores=stores) as sandbox, aiohttp.ClientSession() as http:
        partner = Partner(sandbox, http, Clock(NOW))
        sandbox.switches.off_menu.add("item_tiramisu")
        menu = await menu_of(partner)
        assert menu == await menu_of(partner, "store_twin")
        await partner.session(**PERSON)
        await partner.fulfil()
        cart = margherita() | {"catalogSetId": menu["catalogSetId"]}
        for store_id in ("store_bella_napoli", "store_twin"):
            assert (await partner.validate(cart | {"storeId": store_id})).status == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/stores/store_nowhere", "STORE_NOT_FOUND"),
        ("/catalog-sets/catalog_set_nothing", "CATALOGSET_NOT_FOUND"),
        ("/stores", "NOT_FOUND"),
        ("/stores/store_bella_napoli/extra", "NOT_FOUND"),
        ("/session/create", "NOT_FOUND"),
    ],
)
async def test_what_is_not_there_is_not_found(partner: Partner, path: str, code: str) -> None:
    reply = await partner.send("GET", path)
    assert (reply.status, reply.code) == (404, code)


async def test_a_malformed_store_id_is_answered_without_a_body(partner: Partner) -> None:
    reply = await partner.send("GET", "/stores/not%20an%2Fid")
    assert (reply.status, reply.body) == (404, b"")


# Carts and prices


async def test_the_cart_helpers_are_pure_functions(partner: Partner) -> None:
    item = line("item_garlic_bread") | {"specialInstructions": "Extra garlic"}
    del item["lineItemId"]
    ids = {"storeId": "store_bella_napoli", "catalogSetId": "catalog_set_bella_napoli"}
    added = await partner.send("POST", "/carts/add", {"cart": margherita(), "item": item, **ids})
    first, second = added.body["cart"]["lineItems"]
    assert (first["lineItemId"], second["specialInstructions"]) == ("1", "Extra garlic")
    change = {"cart": added.body["cart"], "lineItemId": second["lineItemId"]}
    updated = await partner.send("POST", "/carts/update", change | {"quantity": 4})
    assert updated.body["cart"]["lineItems"][1]["quantity"] == 4
    removed = await partner.send("POST", "/carts/remove", change)
    assert removed.body["cart"]["lineItems"] == [first]
    fresh = await partner.send("POST", "/carts/add", {"cart": None, "item": item, **ids})
    assert len(fresh.body["cart"]["lineItems"]) == 1
    other = {"storeId": "store_green_bowl", "catalogSetId": "catalog_set_green_bowl"}
    soup = {"cart": margherita(), "item": line("item_lentil_soup", line_id="2"), **other}
    assert (await partner.send("POST", "/carts/add", soup)).code == "VALIDATION_FAILED"


async def test_a_price_adds_up(partner: Partner) -> None:
    drink = group("group_combo_drink", modifier("item_combo_lemonade"))
    combo = group("group_combo", modifier("item_combo", drink))
    size = group("group_pizza_size", modifier("item_size_large"))
    cart = cart_of(line("item_margherita", size, combo, quantity=2))
    await partner.session()
    await partner.fulfil()
    amounts = (await partner.validate(cart)).body["amounts"]
    assert amounts["subTotal"] == Decimal("37.00")  # twice (10.50 + 4.00 + 3.50 + 0.50)
    assert amounts["fees"] == Decimal("5.84")  # 5 % and the delivery
    assert amounts["taxes"] == Decimal("3.28")  # 3.28375
    assert amounts["tip"] == Decimal("3.00")
    assert amounts["total"] == Decimal("49.12")
    assert sum(fee["amount"] for fee in amounts["feesBreakdown"]) == amounts["fees"]


async def test_a_promotion_is_positive_and_taken_off_and_only_a_delivery_is_paid_for(
    partner: Partner,
) -> None:
    await partner.session()
    await partner.fulfil()
    delivered = (await partner.validate(margherita(6))).body["amounts"]
    assert delivered["subTotal"] == Decimal("63.00")
    assert delivered["fees"] == Decimal("7.14")
    assert delivered["promotions"] == Decimal("6.30")
    assert delivered["taxes"] == Decimal("5.03")
    assert delivered["total"] == Decimal("71.87")
    context = {"mode": "Pickup"}
    await partner.send("PUT", "/session/fulfillment-context", context, token=partner.token)
    collected = (await partner.validate(margherita(6), fulfillmentType="pickup")).body["amounts"]
    assert delivered["fees"] - collected["fees"] == Decimal("3.99")


async def test_amounts_are_written_in_cents(partner: Partner) -> None:
    url = f"{partner.sandbox.url}/v1/marketplace/stores/store_bella_napoli"
    credential = {"Authorization": f"Bearer {partner.sandbox.api_key}"}
    async with partner.http.get(url, headers=credential) as answer:
        assert '"minimumOrderAmount": 15.00' in await answer.text()


@pytest.mark.parametrize(
    ("cart", "code"),
    [
        ({"catalogSetId": "x", "lineItems": []}, "MISSING_STORE_ID"),
        ({"storeId": "store_bella_napoli", "lineItems": []}, "CATALOGSET_REQUIRED"),
        (margherita() | {"storeId": "store_nowhere"}, "STORE_NOT_FOUND"),
        (margherita() | {"catalogSetId": "catalog_set_nothing"}, "CATALOGSET_NOT_FOUND"),
        (margherita() | {"catalogSetId": "catalog_set_green_bowl"}, "CATALOGSET_NOT_FOUND"),
        (margherita() | {"lineItems": {}}, "VALIDATION_FAILED"),
        (cart_of(line("item_fries")), "VALIDATION_FAILED"),
        (cart_of(line("item_size_regular")), "VALIDATION_FAILED"),
        (cart_of(line("item_tiramisu", quantity=0)), "VALIDATION_FAILED"),
        (cart_of(line("item_tiramisu", quantity=100)), "VALIDATION_FAILED"),
        (cart_of(line("item_tiramisu") | {"quantity": "1"}), "VALIDATION_FAILED"),
        (cart_of(line("item_tiramisu") | {"quantity": 1.0}), "VALIDATION_FAILED"),
        (cart_of(line("item_tiramisu") | {"note": "hi"}), "VALIDATION_FAILED"),
        (cart_of(line("item_tiramisu"), line("item_tiramisu")), "VALIDATION_FAILED"),
        (cart_of(line("item_tiramisu", group("group_toppings"))), "VALIDATION_FAILED"),
        (
            cart_of(line("item_diavola", group("group_toppings", modifier("item_cola")))),
            "VALIDATION_FAILED",
        ),
        (
            cart_of(
                line(
                    "item_diavola",
                    group("group_toppings", modifier("item_topping_olives", quantity=6)),
                )
            ),
            "VALIDATION_FAILED",
        ),
        (cart_of(line("item_truffle_burrata")), "ITEM_UNAVAILABLE"),
        (cart_of(line("item_burger"), store="night_owl"), "STORE_CLOSED"),
        (cart_of(line("item_lentil_soup"), store="green_bowl"), "VALIDATION_FAILED"),
    ],
)
async def test_validate_refuses_what_it_cannot_price(
    partner: Partner, cart: dict[str, Any], code: str
) -> None:
    await partner.session()
    await partner.fulfil()
    reply = await partner.validate(cart)
    assert reply.code == code, reply.body
    if code in {"ITEM_UNAVAILABLE", "VALIDATION_FAILED"}:
        assert reply.body["errors"]


async def collected(partner: Partner) -> None:
    """The session's orders are picked up."""
    context = {"mode": "Pickup"}
    await partner.send("PUT", "/session/fulfillment-context", context, token=partner.token)


async def test_an_order_may_have_to_name_its_fulfillment_mode(partner: Partner) -> None:
    body = await partner.order()
    partner.sandbox.switches.fulfillment_modes = True
    for reply in (await partner.validate(), await partner.place(body)):
        assert (reply.status, reply.code) == (422, "VALIDATION_FAILED")
        [problem] = reply.body["errors"]
        assert problem["jsonPath"] == "$.fulfillmentType"
        assert problem["message"] == "One of DeliveryByMerchant, Pickup is expected."
    assert (await partner.validate(fulfillmentType="DeliveryByMerchant")).status == 200
    assert (await partner.validate(fulfillmentType="Pickup")).code == "VALIDATION_FAILED"
    other = await partner.place(body | {"fulfillmentType": "Pickup"})
    assert other.body["errors"][0]["code"] == "not_validated"
    body["fulfillmentType"] = "DeliveryByMerchant"
    assert (await partner.place(body)).status == 201
    assert [each.fulfillment_type for each in partner.sandbox.orders] == ["delivery"]
    await collected(partner)
    assert (await partner.validate(fulfillmentType="Pickup")).status == 200
    partner.sandbox.switches.fulfillment_modes = False
    assert (await partner.validate(fulfillmentType="Pickup")).code == "VALIDATION_FAILED"


async def test_a_context_must_serve_the_fulfillment_type(partner: Partner) -> None:
    await partner.session()
    assert (await partner.validate()).code == "VALIDATION_FAILED"
    context = {"mode": "Pickup"}
    await partner.send("PUT", "/session/fulfillment-context", context, token=partner.token)
    assert (await partner.validate()).code == "VALIDATION_FAILED"
    assert (await partner.validate(fulfillmentType="pickup")).status == 200
    await partner.session(**PERSON)  # an upgraded session starts without a context
    assert (await partner.validate(fulfillmentType="pickup")).code == "VALIDATION_FAILED"


@pytest.mark.parametrize(
    "context",
    [
        {"mode": "DeliveryByMerchant"},
        {"mode": "delivery", "address": ADDRESS},
        {"mode": "Pickup", "address": ADDRESS},
        {"mode": "DeliveryByMerchant", "addressId": "a", "address": ADDRESS},
        {"mode": "DeliveryByMerchant", "addressId": "somebody-elses"},
        {"mode": "DeliveryByMerchant", "address": {"city": "New York"}},
    ],
)
async def test_a_context_must_be_whole(partner: Partner, context: dict[str, Any]) -> None:
    token = await partner.session(**PERSON)
    reply = await partner.send("PUT", "/session/fulfillment-context", context, token=token)
    assert reply.code == "VALIDATION_FAILED"


# Placing


async def test_an_order_is_placed_and_read_again(partner: Partner) -> None:
    body = await partner.order()
    reply = await partner.place(body)
    assert reply.status == 201
    assert (reply.body["state"], reply.body["status"]) == ("open", "pending")
    [order] = partner.sandbox.orders
    assert order.order_id == reply.body["orderId"]
    assert order.total == reply.body["amounts"]["total"] == Decimal("18.95")
    assert (order.payment_kind, order.session_email) == ("gettPayment", PERSON["email"])
    read = await partner.send("GET", f"/orders/{order.order_id}", token=partner.token)
    assert read.body["orderId"] == order.order_id
    history = (await partner.send("GET", "/orders?limit=1", token=partner.token)).body
    assert (len(history["orders"]), history["hasMore"], history["totalCount"]) == (1, False, 1)
    await partner.session(**PERSON | {"email": "joe@example.com"})
    other = await partner.send("GET", f"/orders/{order.order_id}", token=partner.token)
    assert other.code == "NOT_FOUND"
    assert (await partner.send("GET", "/orders", token=partner.token)).body["orders"] == []


async def test_the_api_key_places_with_a_card_on_file_and_a_customer(partner: Partner) -> None:
    key = partner.sandbox.api_key
    body = await partner.order(payment=card_on_file("card_ok"))
    assert (await partner.place(body, token=key)).code == "VALIDATION_FAILED"
    others: list[dict[str, Any]] = [{"gettPayment": {}}, {"savedCard": {"paymentId": "pay_1"}}]
    for payment in others:
        paid = body | {"customer": PERSON, "payment": payment}
        assert (await partner.place(paid, token=key)).code == "SESSION_USER_REQUIRED"
    assert (await partner.place(body | {"customer": PERSON}, token=key)).status == 201
    assert partner.sandbox.orders[0].session_email is None


async def test_a_session_places_what_its_own_context_says(partner: Partner) -> None:
    body = await partner.order()
    same, other = partner.token, await partner.session(**PERSON)
    assert (await partner.place(body)).code == "VALIDATION_FAILED"
    await partner.fulfil("10013")
    refused = await partner.place(body)
    assert refused.body["errors"][0]["code"] == "context_mismatch"
    await partner.fulfil()
    assert (await partner.place(body, token=other)).status == 201
    again = await partner.order()
    await partner.send("PUT", "/session/fulfillment-context", {"mode": "Pickup"}, token=other)
    assert (await partner.place(again, token=other)).code == "VALIDATION_FAILED"
    assert (await partner.fulfil(token=same)).status == 200
    assert (await partner.place(again, token=same)).status == 201


async def test_amounts_may_be_echoed_whole(partner: Partner) -> None:
    body = await partner.order()
    quote = (await partner.validate()).body
    echoed = {
        name: float(value) for name, value in quote["amounts"].items() if isinstance(value, Decimal)
    }
    body["amounts"] = echoed | {"feesBreakdown": []}
    assert len(echoed) == 7
    assert (await partner.place(body)).status == 201


@pytest.mark.parametrize("key", ["", "order-1", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"])
async def test_a_key_is_a_random_uuid(partner: Partner, key: str) -> None:
    reply = await partner.place(await partner.order(), key)
    assert (reply.status, reply.code) == (400, "MISSING_IDEMPOTENCY_KEY")
    assert partner.sandbox.orders == []


async def test_one_key_makes_one_order_under_concurrency(partner: Partner) -> None:
    body, key = await partner.order(), str(uuid4())
    replies = await asyncio.gather(*(partner.place(body, key) for _ in range(20)))
    assert {(reply.status, reply.body["orderId"]) for reply in replies} == {
        (201, partner.sandbox.orders[0].order_id)
    }
    assert len(partner.sandbox.orders) == 1
    assert partner.sandbox.count("place_order") == 20


async def test_twenty_keys_and_one_order_token_make_one_order(partner: Partner) -> None:
    body = await partner.order()
    replies = await asyncio.gather(*(partner.place(body) for _ in range(20)))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 19
    assert len(partner.sandbox.orders) == 1


@pytest.mark.parametrize(
    ("policy", "same_body", "other_body"),
    [
        ("replay", 201, 201),
        ("reject_other_body", 201, 422),
        ("refuse_duplicates", 409, 409),
        ("none", 409, 201),
    ],
)
async def test_key_policies(partner: Partner, policy: Any, same_body: int, other_body: int) -> None:
    partner.sandbox.switches.key_policy = policy
    body, other, key = await partner.order(), await partner.order(), str(uuid4())
    first = await partner.place(body, key)
    assert first.status == 201
    assert (await partner.place(body, key)).status == same_body
    assert (await partner.place(other, key)).status == other_body
    assert len(partner.sandbox.orders) == (2 if policy == "none" else 1)


async def test_keys_are_kept_for_a_day(partner: Partner) -> None:
    body, key = await partner.order(), str(uuid4())
    first = await partner.place(body, key)
    partner.clock.advance(86_340)
    assert (await partner.place(body, key)).body == first.body
    partner.clock.advance(60)
    assert (await partner.place(body, key)).code == "CONFLICT"


@pytest.mark.parametrize(("stored", "code"), [(False, None), (True, "PAYMENT_DECLINED")])
async def test_refusals_are_stored_on_request(
    partner: Partner, stored: bool, code: str | None
) -> None:
    partner.sandbox.switches.cache_errors = stored
    body, key = await partner.order(payment=card_on_file("card_declined")), str(uuid4())
    assert (await partner.place(body, key)).code == "PAYMENT_DECLINED"
    again = await partner.place(body | {"payment": card_on_file("card_ok")}, key)
    assert again.code == code


async def test_an_order_token_expires(partner: Partner) -> None:
    body = await partner.order()
    partner.clock.advance(900)
    reply = await partner.place(body)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert "expired" in reply.body["detail"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"validatedOrderToken": "vot_unknown"}, "INVALID_REQUEST"),
        ({"cart": margherita(2)}, "VALIDATION_FAILED"),
        ({"fulfillmentType": "pickup"}, "VALIDATION_FAILED"),
        ({"amounts": {"total": 18.94}}, "ORDER_TOTAL_DIFFERENT"),
        ({"amounts": {"total": "18.95"}}, "VALIDATION_FAILED"),
        ({"amounts": {"total": 18.95, "tip": 2}}, "VALIDATION_FAILED"),
        ({"amounts": {"total": 18.95, "fees": 0}}, "VALIDATION_FAILED"),
        ({"amounts": {"total": 18.95, "subtotal": 10.50}}, "VALIDATION_FAILED"),
        ({"amounts": {}}, "VALIDATION_FAILED"),
        ({"payment": {}}, "INVALID_REQUEST"),
        ({"payment": {"gettPayment": {}, "savedCard": {}}}, "INVALID_REQUEST"),
        ({"payment": {"cardOnFile": {"cardToken": "card_ok"}}}, "VALIDATION_FAILED"),
        ({"payment": {"savedCard": {"paymentId": "pay_1"}}}, "VALIDATION_FAILED"),
        ({"payment": card_on_file("card_declined")}, "PAYMENT_DECLINED"),
        ({"payment": card_on_file("card_invalid")}, "PAYMENT_DECLINED"),
        ({"payment": card_on_file("card_fails_always")}, "PAYMENT_FAILED"),
        ({"customer": {"phone": "1"}}, "VALIDATION_FAILED"),
        ({"idempotencyKey": "1"}, "VALIDATION_FAILED"),
    ],
)
async def test_a_refused_order_can_still_be_placed(
    partner: Partner, changes: dict[str, Any], code: str
) -> None:
    body, key = await partner.order(), str(uuid4())
    assert (await partner.place(body | changes, key)).code == code
    assert partner.sandbox.orders == []
    assert (await partner.place(body, key)).status == 201


async def test_a_card_that_fails_once_per_key(partner: Partner) -> None:
    body, key = await partner.order(payment=card_on_file("card_fails_once")), str(uuid4())
    failed = await partner.place(body, key)
    assert (failed.code, failed.body["retryable"]) == ("PAYMENT_FAILED", True)
    assert (await partner.place(body)).code == "PAYMENT_FAILED"
    assert (await partner.place(body, key)).status == 201


async def test_the_world_changes_between_validate_and_place(partner: Partner) -> None:
    switches = partner.sandbox.switches
    body = await partner.order()
    switches.price_change = Decimal("0.01")
    assert (await partner.place(body)).code == "ORDER_TOTAL_DIFFERENT"
    switches.reset()
    switches.closed_stores.add("store_bella_napoli")
    assert (await partner.place(body)).code == "STORE_CLOSED"
    switches.reset()
    switches.sold_out.add("item_size_regular")
    gone = await partner.place(body)
    assert gone.code == "ITEM_UNAVAILABLE"
    assert [error["itemId"] for error in gone.body["errors"]] == ["item_size_regular"]
    switches.reset()
    assert (await partner.place(body)).status == 201


async def test_saved_cards_and_addresses_belong_to_their_user(partner: Partner) -> None:
    await partner.session(**PERSON)
    card = (await partner.send("POST", "/checkout/payments", CARD, token=partner.token)).body
    assert card.keys() == {"paymentId", "cardType", "lastFour", "expiration"}
    listed = await partner.send("GET", "/checkout/payments", token=partner.token)
    assert listed.body == {"payments": [card]}
    address = await partner.send("POST", "/checkout/addresses", ADDRESS, token=partner.token)
    context = {"mode": "DeliveryByMerchant", "addressId": address.body["addressId"]}
    saved = await partner.send("PUT", "/session/fulfillment-context", context, token=partner.token)
    assert saved.body["address"] == ADDRESS
    paid = await partner.order(payment={"savedCard": {"paymentId": card["paymentId"]}})
    assert (await partner.place(paid)).status == 201
    await partner.session(**PERSON | {"email": "joe@example.com"})
    stolen = await partner.order(payment={"savedCard": {"paymentId": card["paymentId"]}})
    assert (await partner.place(stolen)).code == "VALIDATION_FAILED"


@pytest.mark.parametrize(
    "change",
    [
        {"cardNumber": "4111"},
        {"bin": "422222"},
        {"lastFour": "2222"},
        {"cvc": 737},
        {"expiration": "2026-10-31"},
        {"expiration": "2031-12"},
        {"expiration": "20311231"},
        {"expiration": "2031-13-01"},
        {"billingAddress": "12 Spring Street"},
    ],
)
async def test_card_data_is_checked_and_never_repeated(
    partner: Partner, change: dict[str, Any]
) -> None:
    await partner.session(**PERSON)
    reply = await partner.send("POST", "/checkout/payments", CARD | change, token=partner.token)
    assert reply.code == "VALIDATION_FAILED"
    assert CARD_NUMBER not in json.dumps(reply.body)


async def test_a_saved_card_can_be_a_magic_one(partner: Partner) -> None:
    await partner.session(**PERSON)
    magic = {"bin": "400000", "cardNumber": "4000000000000002", "lastFour": "0002"}
    card = (
        await partner.send("POST", "/checkout/payments", CARD | magic, token=partner.token)
    ).body
    body = await partner.order(payment={"savedCard": {"paymentId": card["paymentId"]}})
    assert (await partner.place(body)).code == "PAYMENT_DECLINED"


# Reserved codes


async def test_reserved_codes_are_not_emitted_by_default(partner: Partner) -> None:
    incomplete = cart_of(line("item_margherita"))
    assert (await partner.place(await partner.order(cart=incomplete))).status == 201
    empty = await partner.order(cart=cart_of())
    assert empty["amounts"]["total"] == 3.00
    assert (await partner.place(empty)).status == 201
    for postal_code in ("00000", "99999"):
        assert (await partner.fulfil(postal_code)).status == 200


@pytest.mark.parametrize(
    ("code", "cart"),
    [
        ("ORDER_BELOW_MINIMUM", margherita()),
        ("MODIFIER_REQUIRED", cart_of(line("item_margherita", quantity=2))),
        (
            "MODIFIER_REQUIRED",
            cart_of(
                line("item_bibimbap", group("group_protein", modifier("item_protein_tofu"))),
                store="seoul_kitchen",
            ),
        ),
        ("CART_EMPTY", cart_of()),
    ],
)
async def test_reserved_codes_at_validate_and_place(
    partner: Partner, code: str, cart: dict[str, Any]
) -> None:
    body = await partner.order(cart=cart)
    partner.sandbox.switches.reserved_codes = {code}
    assert (await partner.validate(cart)).code == code
    assert (await partner.place(body)).code == code
    assert partner.sandbox.orders == []


@pytest.mark.parametrize(
    ("code", "postal_code"), [("ADDRESS_INVALID", "00000"), ("ADDRESS_OUT_OF_RANGE", "99999")]
)
async def test_reserved_address_codes(partner: Partner, code: str, postal_code: str) -> None:
    await partner.session()
    assert (await partner.fulfil(postal_code)).status == 200
    partner.sandbox.switches.reserved_codes = {code}
    assert (await partner.validate()).code == code
    assert (await partner.fulfil(postal_code)).code == code
    assert (await partner.fulfil("10012")).status == 200


async def test_the_minimum_may_hold_for_deliveries_only(partner: Partner) -> None:
    partner.sandbox.switches.reserved_codes = {"ORDER_BELOW_MINIMUM"}
    await partner.session(**PERSON)
    await collected(partner)
    assert (await partner.validate(fulfillmentType="pickup")).code == "ORDER_BELOW_MINIMUM"
    partner.sandbox.switches.minimum_for_deliveries = True
    assert (await partner.validate(fulfillmentType="pickup")).status == 200
    await partner.fulfil()
    assert (await partner.validate()).code == "ORDER_BELOW_MINIMUM"
    assert (await partner.validate(margherita(2))).status == 200


async def test_the_other_reserved_codes(partner: Partner) -> None:
    partner.sandbox.switches.reserved_codes = {"PAYMENT_METHOD_INVALID", "ORDER_ALREADY_PLACED"}
    body = await partner.order()
    invalid = await partner.place(body | {"payment": card_on_file("card_invalid")})
    assert invalid.code == "PAYMENT_METHOD_INVALID"
    assert (await partner.place(body)).status == 201
    again = await partner.place(body)
    assert (again.status, again.code) == (409, "ORDER_ALREADY_PLACED")


# Faults


@pytest.mark.parametrize(("kind", "orders"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_dropped_connection(partner: Partner, kind: Any, orders: int) -> None:
    body, key = await partner.order(), str(uuid4())
    partner.sandbox.switches.fail("place_order", kind)
    with pytest.raises(aiohttp.ClientConnectionError):
        await partner.place(body, key)
    assert len(partner.sandbox.orders) == orders
    assert partner.sandbox.requests[-1].status == 0
    assert (await partner.place(body, key)).status == 201
    assert len(partner.sandbox.orders) == 1


@pytest.mark.parametrize(
    ("kind", "status", "body", "orders"),
    [
        ("error", 500, "INTERNAL_ERROR", 0),
        ("error_after", 500, "INTERNAL_ERROR", 1),
        ("html", 502, "<html>", 0),
        ("empty", 500, "", 0),
        ("garbage", 200, '{"orderId"', 1),
        ("delay", 201, '"orderId"', 1),
    ],
)
async def test_a_request_goes_wrong_once(
    partner: Partner, kind: Any, status: int, body: str, orders: int
) -> None:
    order, key = await partner.order(), str(uuid4())
    partner.sandbox.switches.fail("place_order", kind)
    headers = {"Authorization": f"Bearer {partner.token}", "Idempotency-Key": key}
    url = f"{partner.sandbox.url}/v1/marketplace/orders/place"
    async with partner.http.post(url, json=order, headers=headers) as answer:
        text = await answer.text()
    assert answer.status == status
    assert body in text if body else text == ""
    assert len(partner.sandbox.orders) == orders
    assert (await partner.place(order, key)).status == 201
    assert len(partner.sandbox.orders) == 1


async def test_truncated_json_cannot_be_read(partner: Partner) -> None:
    partner.sandbox.switches.fail("get_store", "garbage")
    with pytest.raises(json.JSONDecodeError):
        await partner.send("GET", "/stores/store_bella_napoli")


@pytest.mark.parametrize(
    ("operation", "kind"), [("plce_order", "error"), ("", "error"), ("place_order", "eror")]
)
def test_a_fault_that_nothing_could_meet_is_refused(operation: str, kind: Any) -> None:
    switches = Switches()
    with pytest.raises(ValueError, match="must be in"):
        switches.fail(operation, kind)
    assert switches.faults == []


async def test_faults_wait_and_repeat(partner: Partner) -> None:
    partner.sandbox.switches.fail("get_store", "error", after=1, times=2, code="RATE_LIMITED")
    paths = ["/stores/store_bella_napoli"] * 4 + ["/orders"]
    statuses = [(await partner.send("GET", path)).status for path in paths]
    assert statuses == [200, 429, 429, 200, 401]
    assert partner.sandbox.switches.faults == []


async def test_an_unknown_code_comes_with_any_status(partner: Partner) -> None:
    partner.sandbox.switches.fail(
        "get_store", "error", code="KITCHEN_ON_FIRE", status=418, retry_after=7
    )
    reply = await partner.send("GET", "/stores/store_bella_napoli")
    assert (reply.status, reply.code, reply.body["retryAfter"]) == (418, "KITCHEN_ON_FIRE", 7)
    assert "errorCategory" not in reply.body


@pytest.mark.parametrize("kind", ["hang", "delay"])
async def test_a_hanging_request_ends_with_the_sandbox(partner: Partner, kind: FaultKind) -> None:
    partner.sandbox.switches.fail("place_order", kind, seconds=600)
    placing = asyncio.create_task(partner.place(await partner.order()))
    await until(lambda: partner.sandbox.count("place_order") == 1)
    async with asyncio.timeout(5):
        await partner.sandbox.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await placing
    assert partner.sandbox.orders == []


async def test_work_goes_on_when_the_client_has_gone(partner: Partner) -> None:
    body = await partner.order()
    release = hold(partner.sandbox, "place_order")
    placing = asyncio.create_task(partner.place(body))
    await until(lambda: partner.sandbox.count("place_order") == 1)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    release()
    await until(lambda: len(partner.sandbox.orders) == 1)


# Limits and abuse


async def test_the_documented_limits_hold_unless_others_are_set(partner: Partner) -> None:
    replies = [
        await partner.send("GET", "/stores/store_bella_napoli"),
        await partner.send("POST", "/session/create"),
        await partner.send("POST", "/stores/discover", {}),
    ]
    left = [int(reply.headers["X-RateLimit-Remaining"]) + 1 for reply in replies]
    assert left == [5 * 1000, 5 * 100, 5 * 60]


async def test_rate_limits_are_announced_and_kept(partner: Partner) -> None:
    partner.sandbox.switches.rate_limits = {"reads": 2}
    path = "/stores/store_bella_napoli"
    replies = [await partner.send("GET", path) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["1", "0", "0"]
    assert replies[2].body["retryAfter"] == 60
    reset = int(replies[2].headers["X-RateLimit-Reset"])
    assert reset == int(partner.clock().timestamp()) + 60
    assert (await partner.send("POST", "/session/create", {})).status == 201
    partner.clock.advance(60)
    assert (await partner.send("GET", path)).status == 200
    partner.sandbox.switches.rate_window = 5
    partner.clock.advance(61)
    short = await partner.send("GET", path)
    assert int(short.headers["X-RateLimit-Reset"]) - int(partner.clock().timestamp()) == 4
    partner.sandbox.switches.rate_limits = None
    assert "X-RateLimit-Remaining" not in (await partner.send("GET", path)).headers


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"email": NaN}',
        b"[" * 100_000,
        b'{"partnerUserId": "' + b"x" * (1024 * 1024) + b'"}',
        b'{"expirationSeconds": ' + b"9" * 5000 + b"}",
    ],
    ids=["cut", "array", "null", "not-utf8", "nan", "deep", "huge", "long-number"],
)
async def test_bodies_that_are_no_requests(partner: Partner, data: bytes) -> None:
    reply = await partner.send("POST", "/session/create", data=data)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("amount", ["1e999999999", "-1", "0.001", "1e-999999999", "true"])
async def test_amounts_that_are_no_money(partner: Partner, amount: str) -> None:
    await partner.session()
    await partner.fulfil()
    quote = {"cart": margherita(), "fulfillmentType": "delivery", "amounts": {"tip": "TIP"}}
    data = json.dumps(quote).replace('"TIP"', amount).encode()
    reply = await partner.send("POST", "/orders/validate", data=data, token=partner.token)
    assert reply.code == "VALIDATION_FAILED"


async def test_a_body_needs_its_content_type(partner: Partner) -> None:
    reply = await partner.send("POST", "/session/create", data=b"{}", Content_Type="text/plain")
    assert reply.code == "INVALID_REQUEST"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_paths_and_methods_nobody_documented(partner: Partner, method: str) -> None:
    for path in ("/nothing", "/orders/validate/"):
        reply = await partner.send(method, path)
        assert (reply.status, reply.code) == (404, "NOT_FOUND")
    assert {seen.operation for seen in partner.sandbox.requests} == {""}


@pytest.mark.parametrize("path", ["/stores/store_bella_napoli?limit=1", "/orders?limitt=1"])
async def test_a_query_nobody_documented(partner: Partner, path: str) -> None:
    await partner.session(**PERSON)
    reply = await partner.send("GET", path, token=partner.token)
    assert [each["code"] for each in reply.body["errors"]] == ["unknown_member"]


async def test_a_problem_document_is_whole(partner: Partner) -> None:
    reply = await partner.send("GET", "/stores/store_nowhere")
    request_id = reply.body.pop("requestId")
    assert request_id.startswith("req_")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body == {
        "type": "https://developer.gett-tech.com/errors/STORE_NOT_FOUND",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no store with this id.",
        "instance": "/v1/marketplace/stores/store_nowhere",
        "timestamp": "2026-11-23T18:00:00.000Z",
        "errorCode": "STORE_NOT_FOUND",
        "errorCategory": "not_found",
        "retryable": False,
    }


async def test_a_bug_of_its_own_is_an_internal_error(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gett_checkout.sandbox.wallet.Address.read", broken)
    token = await partner.session(**PERSON)
    reply = await partner.send("POST", "/checkout/addresses", ADDRESS, token=token)
    assert (reply.status, reply.code) == (500, "INTERNAL_ERROR")
    assert "ZeroDivisionError" not in json.dumps(reply.body)


# The sandbox's own record


async def test_every_request_is_on_record_and_no_secret_is(partner: Partner) -> None:
    await partner.place(await partner.order(), "not-a-uuid")
    seen = partner.sandbox.requests
    assert [(one.operation, one.level, one.status) for one in seen] == [
        ("create_session", "api_key", 201),
        ("set_fulfillment_context", "end_user", 200),
        ("validate_order", "end_user", 200),
        ("place_order", "end_user", 400),
    ]
    assert (seen[-1].error_code, seen[-1].idempotency_key) == (
        "MISSING_IDEMPOTENCY_KEY",
        "not-a-uuid",
    )
    assert partner.sandbox.writes == 4
    assert partner.token not in repr(seen) + repr(partner.sandbox.sessions)


async def test_reset_forgets_everything(partner: Partner) -> None:
    body, key = await partner.order(), str(uuid4())
    await partner.place(body, key)
    partner.sandbox.switches.reserved_codes = {"CART_EMPTY"}
    partner.sandbox.reset()
    assert (partner.sandbox.orders, partner.sandbox.sessions) == ([], [])
    assert partner.sandbox.requests == []
    assert partner.sandbox.switches == Switches()
    assert (await partner.place(body, key)).code == "UNAUTHENTICATED"


async def test_it_listens_on_loopback_alone_unless_asked() -> None:
    async with Sandbox() as alone, Sandbox("0.0.0.0") as asked:
        bound = [sandbox._runner.addresses for sandbox in (alone, asked) if sandbox._runner]
    assert [host for [(host, _)] in bound] == ["127.0.0.1", "0.0.0.0"]


async def test_a_sandbox_with_stores_of_its_own() -> None:
    menu = {
        "catalogSetId": "catalog_set_kiosk",
        "catalogs": {},
        "sections": {"section_all": {"sectionId": "section_all", "itemIds": ["item_gum"]}},
        "items": {"item_gum": {"itemId": "item_gum", "name": "Gum", "price": Decimal("0.50")}},
        "modifierGroups": {},
    }
    store = {"storeId": "store_kiosk", "catalogSetId": "catalog_set_kiosk", "name": "Kiosk"}
    async with Sandbox(stores=[(store, menu)]) as sandbox, aiohttp.ClientSession() as http:
        partner = Partner(sandbox, http, Clock(NOW))
        assert (await partner.send("GET", "/stores/store_kiosk")).body == store
        assert (await partner.send("GET", "/stores/store_bella_napoli")).code == "STORE_NOT_FOUND"
    with pytest.raises(TypeError):
        Sandbox(stores=[(store | {"minimumOrderAmount": 0.1}, menu)])


OPENING_HOURS = [
    {"dayOfWeek": "saturday", "start": "17:00:00", "end": "00:00:00"},
    {"dayOfWeek": "sunday", "start": "00:00:00", "end": "02:00:00"},
]


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2026-11-21T21:59:59", False),  # New York is five hours behind
        ("2026-11-21T22:00:00", True),
        ("2026-11-22T04:59:59", True),
        ("2026-11-22T06:59:59", True),
        ("2026-11-22T07:00:00", False),
    ],
)
async def test_hours_are_the_stores_own(utc: str, is_open: bool) -> None:
    store, menu = dict(STORES[0][0]), STORES[0][1]
    store["availability"] = OPENING_HOURS
    clock = Clock(datetime.fromisoformat(utc).replace(tzinfo=UTC))
    sandbox = Sandbox(clock=clock, stores=[(store, menu)])
    async with sandbox, aiohttp.ClientSession() as http:
        partner = Partner(sandbox, http, clock)
        await partner.session()
        await partner.fulfil()
        assert (await partner.validate()).code == (None if is_open else "STORE_CLOSED")


# The rest of what is refused


async def test_a_cart_is_changed_only_where_it_has_the_line(partner: Partner) -> None:
    ids = {"storeId": "store_bella_napoli", "catalogSetId": "catalog_set_bella_napoli"}
    twice = {"cart": margherita(), "item": line("item_garlic_bread", line_id="1"), **ids}
    refused = await partner.send("POST", "/carts/add", twice)
    assert [each["jsonPath"] for each in refused.body["errors"]] == ["$.item.lineItemId"]
    gone = {"cart": margherita(), "lineItemId": "2"}
    for path, change in (("/carts/remove", {}), ("/carts/update", {"quantity": 2})):
        refused = await partner.send("POST", path, gone | change)
        assert [each["jsonPath"] for each in refused.body["errors"]] == ["$.lineItemId"]


async def test_a_modifier_group_comes_once_and_choices_are_not_nested_forever() -> None:
    menu = {
        "catalogSetId": "m",
        "sections": {"s": {"sectionId": "s", "name": "All", "itemIds": ["a"]}},
        "items": {"a": {"itemId": "a", "name": "A", "price": 1, "modifierGroupIds": ["g"]}},
        "modifierGroups": {"g": {"modifierGroupId": "g", "name": "G", "itemIds": ["a"]}},
    }
    own = (({"storeId": "s", "name": "S", "catalogSetId": "m"}, menu),)

    def nested(depth: int) -> dict[str, Any]:
        return modifier("a", *([group("g", nested(depth - 1))] if depth else []))

    async with Sandbox(stores=own) as sandbox, aiohttp.ClientSession() as http:
        partner = Partner(sandbox, http, Clock(NOW))

        async def add(*groups: Any) -> Reply:
            item = line("a", *groups)
            body = {"cart": None, "item": item, "storeId": "s", "catalogSetId": "m"}
            return await partner.send("POST", "/carts/add", body)

        assert (await add(group("g", nested(1)))).status == 200
        twice = await add(group("g", nested(0)), group("g", nested(0)))
        assert [each["code"] for each in twice.body["errors"]] == ["duplicate"]
        deep = await add(group("g", nested(DEEPEST_NESTING + 1)))
        assert [each["code"] for each in deep.body["errors"]] == ["too_deep"]
        too_many = await add(*[group("g", nested(0))] * 201)
        assert [each["code"] for each in too_many.body["errors"]] == ["out_of_bounds"]


async def test_a_saved_card_that_is_nobodys_may_have_its_reserved_code(partner: Partner) -> None:
    body = await partner.order(payment={"savedCard": {"paymentId": "nobodys"}})
    assert (await partner.place(body)).code == "VALIDATION_FAILED"
    partner.sandbox.switches.reserved_codes = {"PAYMENT_METHOD_INVALID"}
    assert (await partner.place(body)).code == "PAYMENT_METHOD_INVALID"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=many", "wrong_type"),
        ("limit=-1", "wrong_type"),
        ("limit=0", "out_of_bounds"),
        ("offset=9999999", "out_of_bounds"),
    ],
)
async def test_a_page_of_orders_is_bounded(partner: Partner, query: str, code: str) -> None:
    await partner.session(**PERSON)
    assert (await partner.send("GET", "/orders?limit=1", token=partner.token)).status == 200
    refused = await partner.send("GET", f"/orders?{query}", token=partner.token)
    assert [each["code"] for each in refused.body["errors"]] == [code]


async def test_a_fault_may_have_a_status_without_a_name(partner: Partner) -> None:
    partner.sandbox.switches.fail("get_store", "error", status=599)
    reply = await partner.send("GET", "/stores/store_bella_napoli")
    assert (reply.status, reply.body["title"]) == (599, "Error")


async def test_a_store_without_a_position_is_found_everywhere() -> None:
    menu: dict[str, Any] = {"catalogSetId": "m", "sections": {}, "items": {}, "modifierGroups": {}}
    near = {"latitude": Decimal("40.7484"), "longitude": Decimal("-73.9857")}
    own = (
        ({"storeId": "here", "name": "Here", "catalogSetId": "m", "address": near}, menu),
        ({"storeId": "anywhere", "name": "Anywhere", "catalogSetId": "m", "address": {}}, menu),
    )
    async with Sandbox(stores=own) as sandbox, aiohttp.ClientSession() as http:
        partner = Partner(sandbox, http, Clock(NOW))

        async def found(latitude: float) -> list[str]:
            place = {"location": {"latitude": latitude, "longitude": -73.9857}}
            reply = await partner.send("POST", "/stores/discover", place)
            return [store["storeId"] for store in reply.body["stores"]]

        assert await found(40.7) == ["here", "anywhere"]
        assert await found(-40.7) == ["anywhere"]


async def test_it_is_started_once_and_has_an_address_while_it_runs() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        sandbox.url  # noqa: B018
    async with sandbox:
        with pytest.raises(RuntimeError, match="is running"):
            await sandbox.start()
        assert sandbox.url.startswith("http://127.0.0.1:")
    await sandbox.stop()  # a second time does nothing
    async with sandbox, aiohttp.ClientSession() as http:  # and it can be started again
        assert (await Partner(sandbox, http, Clock(NOW)).send("GET", "/nothing")).status == 404


async def test_a_port_in_use_is_an_error_and_it_starts_once_the_port_is_free() -> None:
    async with Sandbox() as first:
        url = first.url
        second = Sandbox(port=int(url.rpartition(":")[2]))
        with pytest.raises(OSError, match="in use"):
            await second.start()
        with pytest.raises(RuntimeError, match="not running"):
            second.url  # noqa: B018
    async with second:
        assert second.url == url
