"""The page as a person meets it: what it shows at each turn of an order, and what it says to do."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.shopping import DESKTOP, PHONE, Shop, Shopper

pytestmark = pytest.mark.slow


def test_an_order_from_the_menu_to_the_receipt(shop: Shop, shopper: Shopper) -> None:
    shopper.is_at("browse", "none")
    shopper.picture("restaurants")
    shopper.choose_store()
    shopper.shows("#menu-title", "Bella Napoli")
    shopper.add_margherita()
    shopper.press("[data-item=item_garlic_bread]")
    shopper.is_at("fulfillment", "none")
    shopper.press("#step-fulfillment.current .primary", "Continue")
    shopper.is_at("validate", "partner-only")
    shopper.press("#step-quote.current .primary")
    shopper.is_at("pay", "partner-only")
    total = shopper.shows("#step-quote .total dd").text
    shopper.sign_in()
    shopper.is_at("pay", "partner-only")  # who it is is known now, nothing is sent for it
    shopper.pay()
    shopper.is_at("place", "end-user")
    shopper.shows("#session-note", "the partner-only session became an end-user one")
    shopper.picture("ready", "#place")
    shopper.press("#place", f"Place order · {total}")
    shopper.shows("#receipt-title", "Your order is placed.")
    shopper.is_at("placed", "end-user")
    shopper.picture("placed")
    [order] = shop.orders
    assert shopper.find("#order-id").text == order["order_id"]
    assert shopper.shows("#receipt .total dd").text == total
    # The menu is left out: it may be at hand already, from another shopper.
    assert [each for each in shopper.operations if each != "get_catalog_set"] == [
        *("discover_stores", "get_store"),
        *("create_session", "set_fulfillment_context", "validate_order"),
        *("create_session", "set_fulfillment_context", "validate_order", "place_order"),
    ]
    shopper.shows("#counts", "orders made: 1")


def test_the_gap_fills_and_says_how_much_is_missing(shopper: Shopper) -> None:
    shopper.choose_store()
    shopper.add_margherita()
    shopper.shows("#gap-text", "Add $4.50 more to reach the $15.00 minimum")
    width = "return document.querySelector('#gap-fill').style.width"
    bar = shopper.find("#gap-bar")
    assert shopper.script(width) == "70%"
    assert bar.get_attribute("aria-valuetext") == "$10.50 of $15.00"
    assert shopper.driver.find_elements("css selector", ".step.current") == []
    shopper.shows("#stages .lit[data-stage=fulfillment]")  # that is how far the order has got
    shopper.shows("#next", "add items")
    shopper.shows("#why", "Add $4.50 more to reach the $15.00 minimum")
    shopper.picture("gap")
    shopper.press("#top-ups .chip", "Garlic bread")
    shopper.shows("#gap-text", "The $15.00 minimum is reached")
    assert shopper.script(width) == "100%"
    shopper.shows("#step-fulfillment.current")


def test_the_choices_of_an_item_may_be_nested_and_changed(shopper: Shopper) -> None:
    shopper.choose_store("store_seoul_kitchen")
    shopper.press("[data-item=item_bibimbap]")
    shopper.pick("#choices input[value=item_protein_bulgogi]")
    shopper.press("#choices-done")
    assert shopper.script("return document.querySelector('#choices').open")  # the sauce is missing
    shopper.pick("#choices .nested:not([hidden]) input[value=item_sauce_hot]")
    shopper.press("#choices-done", "Add · $16.50")
    shopper.shows(".line .choices", "Bulgogi, Hot")
    shopper.press(".line .link", "Change")
    shopper.pick("#choices input[value=item_extra_egg]")
    shopper.press("#choices-done", "Change · $18.00")
    shopper.shows(".line .choices", "Bulgogi, Hot, Fried egg")
    shopper.press(".line .count button:last-child")
    shopper.shows(".line .price", "$36.00")


def test_a_cart_moves_to_another_restaurant_only_when_agreed(shopper: Shopper) -> None:
    shopper.fill_cart()
    shopper.press("#other-stores")
    shopper.press("[data-store=store_green_bowl]")
    shopper.press("#choices .quiet", "Keep my cart")
    shopper.press("#other-stores", "Back to Bella Napoli")
    shopper.shows(".line")
    shopper.press("#other-stores")
    shopper.press("[data-store=store_green_bowl]")
    shopper.press("#choices .primary", "Start a new cart")
    shopper.shows("#menu-title", "Green Bowl")
    shopper.shows(".empty")
    shopper.press("[data-item=item_lentil_soup]")
    # No minimum, and nothing but pickup: the page asks for what the store offers.
    shopper.press("#step-fulfillment.current .primary")
    shopper.shows("#step-fulfillment.done", "Pickup at Green Bowl")


def test_to_start_over_leaves_the_cart_behind(shopper: Shopper) -> None:
    shopper.fill_cart()
    shopper.press("#start-over")
    shopper.shows("#menu-title", "Where from today?")
    shopper.shows(".empty", "Choose a restaurant to begin.")
    shopper.reload()
    shopper.shows(".empty", "Choose a restaurant to begin.")
    assert not shopper.find("#start-over").is_displayed()
    shopper.fill_cart()
    shopper.driver.delete_all_cookies()  # as when the checkout has expired
    shopper.press(".line .count button:last-child")
    shopper.shows("#message .bad", "This order is no longer open.")
    shopper.fill_cart()


def test_a_cart_of_another_window_is_not_lost(shopper: Shopper) -> None:
    shopper.fill_another_window()
    shopper.press("[data-store=store_green_bowl]")
    shopper.shows("#message .bad")
    shopper.shows(".line", "Margherita")
    shopper.shows("#step-fulfillment.current")


def test_a_declined_card(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable("declined")
    shopper.press("#place")
    shopper.shows("#message .bad", "Your card was declined.")
    shopper.shows(
        "#message .bad", "Nothing was charged and nothing was ordered. Choose another card."
    )
    shopper.is_at("pay", "end-user")
    shopper.picture("declined", "#message")
    assert shop.orders == []
    shopper.reload()
    shopper.shows("#message .bad", "Your card was declined.")
    shopper.pay("good")
    shopper.press("#place")
    shopper.shows("#receipt-title")
    assert len(shop.orders) == 1


def test_a_total_that_changed_is_agreed_to_before_anything_is_ordered(
    shop: Shop, shopper: Shopper
) -> None:
    shopper.until_payable()
    before = shopper.shows("#step-quote .total dd").text
    shopper.turn("price_change")
    shopper.press("#place")
    shopper.shows("#message .ask", "The price changed while you were deciding.")
    after = shopper.shows(".moved .total").text
    assert (before, after) == (shopper.find(".moved s").text, f"${float(before[1:]) + 1:.2f}")
    assert shop.orders == []
    shopper.picture("changed", "#confirm")
    shopper.press("#confirm", f"Agree and place order · {after}")
    shopper.shows("#receipt .total dd", after)
    assert len(shop.orders) == 1


def test_a_response_lost_at_placement(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.turn("lost_response")
    shopper.press("#place")
    shopper.shows("#message .unsure", "We are not sure your order was placed.")
    shopper.shows("#message .unsure", "Please do not order again: check again instead")
    shopper.is_at("placing", "end-user")
    assert not shopper.find("#steps").is_displayed()  # nothing there to order again with
    shopper.picture("unsure", "#message")
    shopper.reload()
    shopper.press("#message-button", "Check again")
    shopper.shows("#receipt-title", "Your order is placed.")
    assert len(shop.orders) == 1
    keys = {each["idempotency_key"] for each in shop.control("GET", "/requests")["requests"]}
    assert len(keys - {None}) == 1


def test_a_restaurant_that_closes(shop: Shop, shopper: Shopper) -> None:
    shopper.fill_cart()
    shopper.press("#step-fulfillment.current .primary")
    shopper.shows("#step-quote.current")
    shopper.turn("store_closed")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#message .bad", "Bella Napoli does not take orders right now.")
    shopper.shows("#menu-title", "Where from today?")
    shopper.shows(".line", "Margherita")
    shopper.pick("[data-mishap=store_closed]")
    shopper.shows("[data-mishap=store_closed]:not(:checked)")
    shopper.press("#message-button", "Try again")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#step-identity.current")


def test_what_gett_rejects_is_said_where_it_is_to_be_fixed(shop: Shop, shopper: Shopper) -> None:
    def reject(operation: str, name: str) -> None:
        fault = {"operation": operation, "kind": "error", "code": "VALIDATION_FAILED"}
        shop.control("POST", "/faults", {**fault, "names": [name]})

    shopper.fill_cart()
    reject("set_fulfillment_context", "$.address.postalCode")
    shopper.press("#step-fulfillment.current .primary")
    shopper.shows("#message .bad", "This is not accepted.")
    shopper.reload()
    shopper.shows("#step-fulfillment.current .problem", "A planned fault.")
    shopper.press("#step-fulfillment.current .primary")
    shopper.shows("#step-quote.current")
    reject("validate_order", "$.cart.lineItems[1]")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#message .bad", "Something in your cart has to change.")
    shopper.reload()
    shopper.shows(".line:nth-child(2).marked .problem", "A planned fault.")
    assert shopper.driver.find_elements("css selector", ".line:nth-child(1).marked") == []
    shopper.picture("rejected", ".line.marked")
    shopper.press(".line:nth-child(2) .count button:last-child")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#step-identity.current")
    assert not shopper.find(".line:nth-child(2)").find_elements("css selector", ".problem")
    shopper.sign_in()
    reject("create_session", "$.email")
    shopper.pay()
    shopper.shows("#message .bad", "Your details are not accepted.")
    shopper.reload()
    shopper.shows("#step-identity.current .problem", "A planned fault.")
    shopper.sign_in("jane.doe@example.com")  # another shopper, so the price is asked for again
    shopper.press("#step-quote.current .primary")
    shopper.pay()
    shopper.press("#place")
    shopper.shows("#receipt-title")
    assert len(shop.orders) == 1


def test_what_a_person_has_to_fix_may_be_tried_again(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    fault = {"operation": "place_order", "kind": "error", "code": "FORBIDDEN"}
    shop.control("POST", "/faults", fault)
    shopper.press("#place")
    shopper.shows("#message .bad", "Please contact us about this order.")
    shopper.reload()
    shopper.shows("#message .bad", "Nothing was ordered. A person has to look at it.")
    shopper.shows("#message .bad", "The reason given: A planned fault.")
    shopper.picture("contact", "#message")
    shopper.press("#place")
    shopper.shows("#receipt-title")
    assert len(shop.orders) == 1


def test_a_reload_in_the_middle_goes_on_where_it_was(shop: Shop, shopper: Shopper) -> None:
    shopper.until_priced()
    total = shopper.shows("#step-quote .total dd").text
    asked = shopper.operations
    shopper.reload()
    assert shopper.operations == asked  # it costs no request to Gett
    shopper.is_at("pay", "partner-only")
    shopper.shows(".line", "Margherita")
    assert shopper.shows("#step-quote .total dd").text == total
    shopper.sign_in()
    shopper.reload()
    shopper.pay()
    shopper.shows("#place")
    shopper.reload()
    shopper.shows("#step-payment.done", "Visa ending 4242")
    shopper.press("#place", total)
    shopper.shows("#receipt-title")
    shopper.reload()
    shopper.shows("#receipt-title")
    # The menu makes room: what is left stands in the middle of its half, not beside a gap.
    assert not shopper.find("#menu").is_displayed()
    main, order = shopper.find("main").rect, shopper.find("#order").rect
    assert abs((main["x"] + main["width"] / 2) - (order["x"] + order["width"] / 2)) < 2
    shopper.picture("placed-again")
    assert len(shop.orders) == 1
    shopper.press("#another")
    shopper.shows("#menu-title", "Where from today?")
    shopper.is_at("browse", "none")


def test_a_reload_while_the_order_is_in_progress(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.turn("slow_response")
    shopper.press("#place")
    shopper.shows("#message .busy", "Placing your order…")
    shopper.shows("#stages .lit[data-stage=placing]")
    shopper.reload()
    shopper.shows("#message .busy", "Your order is being placed.")
    shopper.shows("#message .busy", "No need to press again")
    shopper.shows("#receipt-title")
    assert len(shop.orders) == 1


def test_a_double_click_is_one_order(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.press_twice("#place")
    shopper.shows("#receipt-title")
    shopper.is_idle()
    assert len(shop.orders) == 1
    assert shop.count("place_order") == 1


def test_two_windows_of_one_browser_are_one_order(shop: Shop, shopper: Shopper) -> None:
    """The page holds a second press back; what counts is that the backend does too."""
    shopper.until_payable()
    total = shopper.shows("#place").text.partition("$")[2]
    shopper.script(
        "for (const _ of 'xx') fetch('/checkout/order', {method: 'POST', headers: "
        f"{{'Content-Type': 'application/json'}}, body: '{{\"total\": \"{total}\"}}'}})"
    )
    placed = "return window.responses.filter((each) => each.includes('\"placed\"')).length"
    shopper.until(lambda: shopper.script(placed) >= 2)
    assert len(shop.orders) == 1
    assert shop.count("place_order") == 1


def test_all_of_it_by_the_keyboard(shop: Shop, shopper: Shopper) -> None:
    shopper.tab_to("[data-store=store_bella_napoli]")
    shopper.keys(Keys.ENTER)
    shopper.shows("[data-item]")
    shopper.tab_to("[data-item=item_margherita]")
    shopper.keys(Keys.ENTER)
    shopper.shows("#choices[open]")
    shopper.tab_to("#choices input[value=item_size_regular]")
    shopper.keys(Keys.SPACE)
    shopper.tab_to("#choices-done")
    shopper.keys(Keys.ENTER)
    shopper.shows(".line")
    shopper.is_idle()
    shopper.tab_to("[data-item=item_garlic_bread]")
    shopper.keys(Keys.ENTER)
    shopper.shows("#gap.met")
    # From each step on, the next one's button is a few tabs away, and Enter presses it.
    for name in ("fulfillment", "quote", "identity", "payment"):
        shopper.shows(f"#step-{name}.current")
        shopper.is_idle()
        shopper.tab_to(f"#step-{name} .primary")
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        assert shopper.script(outline) == "solid"  # where the focus is can be seen
        shopper.keys(Keys.ENTER)
        shopper.shows(f"#step-{name}.done")
    shopper.is_idle()
    shopper.tab_to("#place")
    shopper.keys(Keys.ENTER)
    shopper.shows("#receipt-title")
    shopper.is_idle()
    assert shopper.script("return document.activeElement.id") == "receipt-title"
    assert len(shop.orders) == 1


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(PHONE, "light"), (PHONE, "dark"), ((820, 1180), "light"), (DESKTOP, "dark")],
    ids=["phone", "phone in the dark", "tablet", "desktop in the dark"],
)
def test_nothing_sticks_out_of_the_screen(
    shopper: Shopper, size: tuple[int, int], scheme: str
) -> None:
    def fits() -> bool:
        return bool(shopper.script("return document.documentElement.scrollWidth <= innerWidth"))

    name = f"{size[0]}-{scheme}"
    with shopper.screen(size, scheme=scheme):
        shopper.reload()
        assert fits()
        shopper.choose_store()
        shopper.press("[data-item=item_margherita]")
        assert fits()
        shopper.picture(f"{name}-choices")
        shopper.press("#choices .quiet")
        shopper.add_margherita()
        shopper.shows("#top-ups .chip")
        assert fits()
        shopper.press("[data-item=item_garlic_bread]")
        shopper.shows("#step-fulfillment.current")
        assert fits()
        shopper.until_payable()
        assert fits()
        shopper.picture(f"{name}-ready", "#place")
        shopper.press("#place")
        shopper.shows("#receipt-title")
        assert fits()
        shopper.picture(f"{name}-placed")


def test_no_secret_reaches_the_browser(shop: Shop, shopper: Shopper) -> None:
    shopper.fill_cart()
    shopper.press("#step-fulfillment.current .primary")
    shopper.press("#step-quote.current .primary")
    shopper.sign_in("whistle@blower.example")
    shopper.pay("declined")
    shopper.press("#place")
    shopper.shows("#message .bad")
    shopper.pay()
    shopper.press("#place")
    shopper.shows("#receipt-title")
    [cookie] = shopper.driver.get_cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert shopper.script("return document.cookie") == ""
    seen = [*shopper.script("return window.responses"), shopper.driver.page_source]
    assert len(seen) > 20
    # The API key, JWTs, the sandbox's tokens, contact data, and what opens the checkout.
    for secret in ("zpka_", "eyJ", "card_ok", "card_declined", "blower", cookie["value"]):
        assert not [text for text in seen if secret in text], secret
