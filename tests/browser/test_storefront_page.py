"""The page as a person meets it: what it shows at each turn of an order, and what it says to do."""

from __future__ import annotations

import json

import pytest

from tests.browser.shopping import Shop, Shopper

pytestmark = pytest.mark.slow

# What only the page decides is the same over every adapter, and so is tried over one.
page_alone = pytest.mark.parametrize("one_shop", ["aiohttp"], indirect=True)
# What the endpoints decide is the same over every server of one adapter.
each_framework = pytest.mark.parametrize("one_shop", ["aiohttp", "fastapi"], indirect=True)


# Keeps the page's timers until a test says that it is time, and lets a test fail a look at the order.
# Meanwhile no time passes in the page: a wait that begins again is as long as it was.
TIMERS = """
const now = Date.now();
Date.now = () => now;
const timers = new Map();
let last = 0;
window.setTimeout = (run, milliseconds) => { timers.set(++last, [run, milliseconds]); return last; };
window.clearTimeout = (timer) => { timers.delete(timer); };
window.waits = () => [...timers.values()].map(([, milliseconds]) => Math.round(milliseconds / 1000));
window.timeIsUp = () => {
  const due = [...timers.values()];
  timers.clear();
  for (const [run] of due) run();
};
window.isSeen = (state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
};
window.failure = null;
const fetched = window.fetch;
window.fetch = async (...call) => {
  if (call[0] !== "/checkout/order" || !window.failure) return fetched(...call);
  const [problem, status] = window.failure;
  window.failure = null;
  return Response.json(problem, { status });
};
"""


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
    total = shopper.text("#step-quote .total dd")
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
    assert shopper.text("#order-id") == order["order_id"]
    assert shopper.text("#receipt .total dd") == total
    # The menu is left out: it may be at hand already, from another shopper.
    asked = [each for each in shopper.operations if each != "get_catalog_set"]
    while asked[-1] == "get_order":  # the page may have looked at the order by now
        asked.pop()
    assert asked == [
        *("discover_stores", "get_store"),
        *("create_session", "set_fulfillment_context", "validate_order"),
        *("create_session", "set_fulfillment_context", "validate_order", "place_order"),
    ]
    shopper.shows("#counts", "orders made: 1")


@page_alone
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


@page_alone
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


@each_framework
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


@each_framework
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


@each_framework
def test_a_cart_of_another_window_is_not_lost(shopper: Shopper) -> None:
    shopper.fill_another_window()
    shopper.press("[data-store=store_green_bowl]")
    shopper.shows("#message .bad")
    shopper.shows(".line", "Margherita")
    shopper.shows("#step-fulfillment.current")


@each_framework
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


@each_framework
def test_a_total_that_changed_is_agreed_to_before_anything_is_ordered(
    shop: Shop, shopper: Shopper
) -> None:
    shopper.until_payable()
    before = shopper.text("#step-quote .total dd")
    shopper.turn("price_change")
    shopper.press("#place")
    shopper.shows("#message .ask", "The price changed while you were deciding.")
    after = shopper.text(".moved .total")
    assert (before, after) == (shopper.text(".moved s"), f"${float(before[1:]) + 1:.2f}")
    assert shop.orders == []
    shopper.picture("changed", "#confirm")
    shopper.press("#confirm", f"Agree and place order · {after}")
    shopper.shows("#receipt .total dd", after)
    assert len(shop.orders) == 1


def test_a_response_lost_at_placement(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    total = shopper.text("#step-quote .total dd")
    shopper.turn("lost_response")
    shopper.press("#place")
    shopper.shows("#message .unsure", "We are not sure your order was placed.")
    shopper.shows("#message .unsure", "Please do not order again: check again instead")
    shopper.shows("#message .sent", total)
    shopper.is_at("placing", "end-user")
    assert not shopper.find("#steps").is_displayed()  # nothing there to order again with
    shopper.picture("unsure", "#message")
    shopper.reload()
    reference = shopper.text("#message .sent div:last-child dd")
    shopper.press("#message-button", "Check again")
    shopper.shows("#receipt-title", "Your order is placed.")
    assert len(shop.orders) == 1
    keys = {each["idempotency_key"] for each in shop.control("GET", "/requests")["requests"]}
    assert keys - {None} == {reference}  # what Gett knows the order by


@each_framework
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


@each_framework
def test_what_gett_rejects_is_said_where_it_is_to_be_fixed(shop: Shop, shopper: Shopper) -> None:
    def reject(operation: str, name: str) -> None:
        fault = {"operation": operation, "kind": "error", "code": "VALIDATION_FAILED"}
        shop.control("POST", "/faults", {**fault, "names": [name]})

    shopper.fill_cart()
    reject("set_fulfillment_context", "$.address.postalCode")
    shopper.press("#step-fulfillment.current .primary")
    shopper.shows("#message .bad", "This is not accepted.")
    shopper.is_idle()
    assert shopper.script("return document.activeElement.name") == "postal_code"
    shopper.reload()
    shopper.shows("#step-fulfillment.current #problem-postal_code", "A planned fault.")
    shopper.press("#step-fulfillment.current .primary")
    shopper.shows("#step-quote.current")
    reject("validate_order", "$.cart.lineItems[1]")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#message .bad", "Something in your cart has to change.")
    shopper.reload()
    shopper.shows(".line:nth-child(2).marked .problem + .problem", "A planned fault.")
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
    shopper.shows("#step-identity.current #problem-email", "A planned fault.")
    shopper.sign_in("jane.doe@example.com")  # another shopper, so the price is asked for again
    shopper.press("#step-quote.current .primary")
    shopper.pay()
    shopper.press("#place")
    shopper.shows("#receipt-title")
    assert len(shop.orders) == 1


@each_framework
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


@each_framework
def test_a_reload_in_the_middle_goes_on_where_it_was(shop: Shop, shopper: Shopper) -> None:
    shopper.until_priced()
    total = shopper.text("#step-quote .total dd")
    asked = shopper.operations
    shopper.reload()
    assert shopper.operations == asked  # it costs no request to Gett
    shopper.is_at("pay", "partner-only")
    shopper.shows(".line", "Margherita")
    assert shopper.text("#step-quote .total dd") == total
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
    shop.hold("place_order")
    shopper.press("#place")
    shopper.shows("#message .busy", "Placing your order…")
    shopper.shows("#stages .lit[data-stage=placing]")
    shopper.reload()
    shopper.shows("#message .busy", "Your order is being placed.")
    shopper.shows("#message .busy", "No need to press again")
    shop.release()
    shopper.shows("#receipt-title")
    assert len(shop.orders) == 1


def test_a_double_click_is_one_order(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.press_twice("#place")
    shopper.shows("#receipt-title")
    shopper.is_idle()
    assert len(shop.orders) == 1
    assert shop.count("place_order") == 1


@each_framework
def test_two_windows_of_one_browser_are_one_order(shop: Shop, shopper: Shopper) -> None:
    """The page holds a second press back; what counts is that the backend does too."""
    shopper.until_payable()
    total = shopper.text("#place").partition("$")[2]
    shopper.script(
        "for (const _ of 'xx') fetch('/checkout/order', {method: 'POST', headers: "
        f"{{'Content-Type': 'application/json'}}, body: '{{\"total\": \"{total}\"}}'}})"
    )
    placed = "return window.responses.filter((each) => each.includes('\"placed\"')).length"
    shopper.until(lambda: shopper.script(placed) >= 2)
    assert len(shop.orders) == 1
    assert shop.count("place_order") == 1


@each_framework
def test_what_becomes_of_an_order(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    assert not shopper.find("#moving").is_displayed()
    shopper.press("#place")
    shopper.shows("#progress", "Bella Napoli has received it, but not confirmed it yet.")
    shopper.press("#move-on", "Move the order on")
    shopper.shows("#progress", "Bella Napoli has confirmed it.")
    [order] = shop.orders
    shop.control("POST", f"/orders/{order['order_id']}/advance", {})  # nobody tells the page
    shopper.press("#look", "Look again")
    shopper.shows("#progress", "Bella Napoli is preparing it.")
    shopper.is_idle()
    assert shopper.script("return document.activeElement.id") == "look"
    assert shopper.text(".way [aria-current]") == "Preparing"
    shopper.picture("followed")
    shopper.reload()
    shopper.shows("#progress", "Bella Napoli is preparing it.")  # it is saved
    for said in ("It is ready for the courier.", "The courier is bringing it."):
        shopper.press("#move-on")
        shopper.shows("#progress", said)
    shopper.press("#move-on")
    shopper.shows("#receipt-title", "Your order is complete.")
    shopper.shows("#progress", "It was delivered. Enjoy your meal.")
    shopper.is_idle()
    assert shopper.script("return document.activeElement.id") == "receipt-title"
    assert not shopper.find("#moving").is_displayed()
    assert shopper.driver.find_elements("css selector", "#look") == []
    assert [each["state"] for each in shop.orders] == ["completed"]
    shopper.shows("#next", "done")


@page_alone
def test_an_order_that_is_cancelled(shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.press("#place")
    shopper.press("#cancel", "Cancel the order")
    shopper.shows("#receipt-title", "Your order was cancelled.")
    shopper.shows("#progress", "No reason was given.")
    assert shopper.driver.find_elements("css selector", ".way, #look") == []
    shopper.picture("cancelled")
    shopper.press("#another")
    shopper.shows("#menu-title", "Where from today?")


@page_alone
def test_the_page_looks_slower_and_slower_while_it_is_seen(shop: Shop, shopper: Shopper) -> None:
    """The page's timers are the test's, so nothing is waited for."""
    shopper.until_payable()
    shopper.script(TIMERS)

    def waits(seconds: int) -> None:
        shopper.until(lambda: shopper.script("return window.waits()") == [seconds])

    def passes(seconds: int) -> None:
        """The page waits this long, and then it is time."""
        reads = shop.count("get_order")
        waits(seconds)
        shopper.script("window.timeIsUp()")
        shopper.until(lambda: shop.count("get_order") > reads)

    def fails(status: int, **problem: object) -> None:
        """The next look at the order fails."""
        shopper.script(f"window.failure = [{json.dumps(problem)}, {status}]")

    def passes_in_vain(seconds: int) -> None:
        waits(seconds)
        shopper.script("window.timeIsUp()")
        shopper.until(lambda: shopper.script("return window.failure") is None)

    def look_in_vain() -> None:
        shopper.press("#look")
        shopper.shows("#unheard", "We could not look just now.")

    shopper.press("#place")
    shopper.shows("#receipt-title")
    for seconds in (5, 10, 20, 40, 60, 60):
        passes(seconds)
    waits(60)
    shopper.script("window.isSeen('hidden')")
    assert shopper.script("return window.waits()") == []
    shopper.script("window.isSeen('visible')")
    fails(503, code="RATE_LIMITED", retry_after=90)
    passes_in_vain(60)
    fails(503, code="GETT_UNREACHABLE")
    passes_in_vain(90)  # as long as Gett says
    waits(60)
    assert shopper.driver.find_elements("css selector", "#unheard, #message .card") == []
    fails(503, code="GETT_UNREACHABLE")
    look_in_vain()  # who asks is told
    shop.control("POST", f"/orders/{shop.orders[0]['order_id']}/advance", {})
    passes(5)
    shopper.shows("#progress", "Bella Napoli has confirmed it.")
    assert shopper.driver.find_elements("css selector", "#unheard") == []
    shop.hold("get_order")
    passes(10)
    shopper.press("#look")  # while the page looks by itself
    shop.release()
    shopper.is_idle()
    fails(404, code="NOT_FOUND")
    passes_in_vain(5)
    shopper.shows("#unheard")
    assert shopper.script("return window.waits()") == []  # it is no use to ask
    shopper.press("#look")
    waits(5)
    shop.control("POST", f"/orders/{shop.orders[0]['order_id']}/advance", {"to": "completed"})
    passes(5)
    shopper.shows("#receipt-title", "Your order is complete.")
    assert shopper.script("return window.waits()") == []
    shopper.press("#another")
    shopper.shows("#menu-title", "Where from today?")


@page_alone
def test_when_it_is_ready_and_links_to_follow_it_by(shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.script(
        """
        const fetched = window.fetch;
        window.fetch = async (...call) => {
          const response = await fetched(...call);
          if (call[0] !== "/checkout/order") return response;
          const view = await response.json();
          Object.assign(view.order, {
            status: "lookingForACourier", estimated_ready_at: "2030-01-01T12:40:00Z",
            tracking_urls: ["https://track.example/1", "javascript:alert(1)", "https://track.example/1"],
          });
          return Response.json(view);
        };
        """
    )
    shopper.press("#place")
    shopper.shows("#progress", "It is in progress.")  # a word of Gett's that nobody knows
    shopper.shows("#progress", ":40")
    [link] = shopper.driver.find_elements("css selector", "#receipt a")
    assert (link.text, link.get_attribute("href")) == (
        "Track your order",
        "https://track.example/1",
    )
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert shopper.driver.find_elements("css selector", ".way") == []


@page_alone
def test_somebody_else_receives_the_order(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.shows("#step-recipient.done", "You receive it yourself.")
    shopper.press("#step-recipient .link", "Somebody else")
    assert shopper.script("return document.activeElement.id") == "step-recipient-title"
    form = "#step-recipient.current"
    shopper.type(f"{form} [name=first_name]", "Grace")
    shopper.type(f"{form} [name=last_name]", "Hopper")
    shopper.type(f"{form} [name=phone]", "555 0177")
    shopper.press(f"{form} .primary")
    shopper.shows("#problem-phone", "Please enter the phone number with its country code")
    shopper.shows("#message .bad", "That is not right yet.")
    shopper.is_idle()
    assert shopper.script("return document.activeElement.name") == "phone"
    assert not shopper.find("#problem-email").is_displayed()
    assert shopper.find(f"{form} [name=first_name]").get_attribute("value") == "Grace"
    shopper.picture("recipient", form)
    shopper.type(f"{form} [name=phone]", "+1 (212) 555-0177")
    shopper.press(f"{form} .primary")
    shopper.shows("#step-recipient.done", "G. H., phone …77")
    shopper.reload()
    shopper.shows("#step-recipient.done", "G. H., phone …77")
    shopper.press("#place")
    shopper.shows("#receipt-recipient", "For G. H., phone …77")
    assert len(shop.orders) == 1
    assert "Hopper" not in "".join(shopper.script("return window.responses"))


@page_alone
def test_what_is_wrong_with_a_field_is_said_beside_it(shopper: Shopper) -> None:
    shopper.until_priced()
    shopper.press("#step-fulfillment .link", "Change")
    shopper.type("#step-fulfillment [name=city]", " ")
    shopper.press("#step-fulfillment .primary")
    shopper.shows("#problem-city", "Please fill this in.")
    shopper.type("#step-fulfillment [name=city]", "New York")
    shopper.press("#step-fulfillment .primary")
    shopper.sign_in("jane@example")  # the browser does not mind
    shopper.shows("#problem-email", "Please enter a valid e-mail address.")
    shopper.is_idle()
    assert shopper.script("return document.activeElement.name") == "email"
    shopper.sign_in()
    shopper.shows("#step-identity.done")
    assert shopper.driver.find_elements("css selector", "#message .card") == []


@page_alone
def test_a_recipient_that_gett_rejects(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    shopper.name_recipient()
    fault = {
        "operation": "place_order",
        "kind": "error",
        "code": "VALIDATION_FAILED",
        "names": ["$.customer.phone"],
    }
    shop.control("POST", "/faults", fault)
    shopper.press("#place")
    shopper.shows("#message .bad", "Who receives it is not accepted.")
    shopper.reload()
    shopper.shows("#step-recipient.current #problem-phone", "A planned fault.")
    for _ in range(2):  # the same again, which leads nowhere
        shopper.name_recipient()
        shop.control("POST", "/faults", fault)
        shopper.press("#place")
        shopper.shows("#message .bad")
        shopper.is_idle()
    shopper.shows("#message .bad", "Please contact us about this order.")
    shopper.reload()
    shopper.press(
        "#step-recipient.current .quiet", "I receive it myself"
    )  # it may still be changed
    shopper.shows("#step-recipient.done", "You receive it yourself.")
    shopper.press("#place")
    shopper.shows("#receipt-title", "Your order is placed.")
    assert shopper.driver.find_elements("css selector", "#receipt-recipient") == []
    assert len(shop.orders) == 1


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
