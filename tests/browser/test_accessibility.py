"""An order by the keyboard and for a screen reader, on a phone and on a desk, by day and by night."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.accessibility import (
    accessible,
    fits,
    focus_is_seen,
    focused,
    found_by_axe,
    has_been_told,
    listen,
    settle,
    too_small,
)
from tests.browser.shopping import DESKTOP, PHONE, TABLET, Shop, Shopper

# All of it is what the page decides, and so is tried over one adapter.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("one_shop", ["aiohttp"], indirect=True),
]

CONTROLS = ("button", "checkbox", "link", "radio", "spinbutton", "switch", "textbox")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_an_order_without_a_mouse_and_without_seeing(
    shop: Shop, shopper: Shopper, size: tuple[int, int]
) -> None:
    def is_sound(name: str) -> None:
        """Nothing is wrong with the page as it stands, for anybody, by day and by night."""
        for scheme in ("dark", "light"):
            with shopper.screen(size, scheme=scheme):
                focus_is_seen(shopper)
                assert found_by_axe(shopper) == []
                shopper.picture(f"{size[0]}-{scheme}-{name}", around=None)
        assert fits(shopper)
        assert size != PHONE or too_small(shopper) == []
        assert [each for each in accessible(shopper, *CONTROLS) if not each[1]] == []

    def press(selector: str, key: str = Keys.ENTER) -> None:
        """Go to it by the keyboard, and press it."""
        settle(shopper)
        shopper.tab_to(selector)
        focus_is_seen(shopper)
        shopper.keys(key)

    with shopper.screen(size):
        shopper.reload()
        listen(shopper)
        press("[data-store=store_bella_napoli]")
        shopper.shows("[data-item]")
        settle(shopper)
        assert focused(shopper) == ("heading", "Bella Napoli")
        is_sound("menu")

        press("[data-item=item_margherita]")
        shopper.shows("#choices[open]")
        assert ("dialog", "Margherita") in accessible(shopper, "dialog")
        is_sound("choices")
        press("#choices input[value=item_size_regular]", Keys.SPACE)
        press("#choices-done")
        has_been_told(shopper, "1 item, $10.50.")
        has_been_told(shopper, "Add $4.50 more to reach the $15.00 minimum")
        settle(shopper)
        assert focused(shopper) == ("button", "Add Margherita")  # where the dialog was opened
        is_sound("gap")
        press("[data-item=item_garlic_bread]", Keys.SPACE)
        has_been_told(shopper, "2 items, $15.00.")
        has_been_told(shopper, "The $15.00 minimum is reached")

        # Each step leads to the heading of the next one.
        press("#step-fulfillment .primary")
        shopper.shows("#step-quote.current")
        settle(shopper)
        assert focused(shopper) == ("heading", "Price")
        press("#step-quote .primary")
        has_been_told(shopper, "2 items, total $24.07.")
        settle(shopper)
        assert focused(shopper) == ("heading", "Sign in")
        is_sound("sign-in")
        press("#step-identity .primary")
        shopper.shows("#step-payment.current")
        settle(shopper)
        assert focused(shopper) == ("heading", "Card")
        press("#step-recipient .link")
        settle(shopper)
        assert focused(shopper) == ("heading", "Who receives it")
        is_sound("recipient")
        press("#step-recipient .quiet")
        shopper.shows("#step-payment.current")
        press("#step-payment input:checked", Keys.ARROW_DOWN)
        assert focused(shopper)[0] == "radio"
        assert "Visa ending 0002" in focused(shopper)[1]
        press("#step-payment .primary")
        shopper.shows("#place")
        is_sound("ready")

        press("#place")
        has_been_told(shopper, "Placing your order…")
        has_been_told(shopper, "Your card was declined.")
        shopper.shows("#step-payment .problem", "The payment was declined.")
        is_sound("declined")
        press("#step-payment .primary")  # another one is chosen already
        shopper.shows("#place")
        press("#place")
        has_been_told(shopper, "Your order is placed. Total $24.07.")
        settle(shopper)
        assert focused(shopper) == ("heading", "Your order is placed.")
        is_sound("placed")
        assert len(shop.orders) == 1

        # As the restaurant would: the page tells of it, and the focus stays where it is.
        press("#move-on")
        has_been_told(shopper, "Bella Napoli has confirmed it.")
        settle(shopper)
        assert focused(shopper) == ("button", "Move the order on")
        press("#cancel")
        has_been_told(shopper, "Your order was cancelled.")
        is_sound("cancelled")
        press("#another")
        shopper.shows("#menu-title", "Where from today?")
        settle(shopper)
        assert focused(shopper) == ("heading", "Where from today?")
        is_sound("restaurants")


def test_axe_finds_nothing_where_something_went_wrong(shop: Shop, shopper: Shopper) -> None:
    def is_sound() -> None:
        for size in (PHONE, DESKTOP):
            for scheme in ("light", "dark"):
                with shopper.screen(size, scheme=scheme):
                    assert found_by_axe(shopper) == []
                    assert fits(shopper)
                    assert size != PHONE or too_small(shopper) == []
        with shopper.screen(TABLET):
            assert fits(shopper)

    def reject(operation: str, name: str) -> None:
        fault = {"operation": operation, "kind": "error", "code": "VALIDATION_FAILED"}
        shop.control("POST", "/faults", {**fault, "names": [name]})

    shopper.fill_another_window()
    shopper.reload()
    reject("set_fulfillment_context", "$.address.postalCode")
    shopper.press("#step-fulfillment.current .primary")
    shopper.shows("#problem-postal_code", "A planned fault.")
    is_sound()
    shopper.until_payable()
    reject("place_order", "$.cart.lineItems[1]")
    shopper.press("#place")
    shopper.shows(".line.marked")
    is_sound()
    shopper.press(".line.marked .count button:last-child")
    shopper.shows("#step-quote.current")
    shopper.turn("store_closed")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#message .bad", "does not take orders right now")
    is_sound()
    shopper.pick("[data-mishap=store_closed]")
    shopper.press("#message-button")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#place")
    shopper.turn("price_change")
    shopper.press("#place")
    shopper.shows("#message .ask")
    is_sound()
    shopper.turn("lost_response")
    shopper.press("#confirm")
    shopper.shows("#message .unsure")
    is_sound()


def test_a_tap_on_a_restaurant_shows_its_menu(shopper: Shopper) -> None:
    with shopper.screen(PHONE, moves=True):
        shopper.reload()
        shopper.press("[data-store=store_bella_napoli]")
        shopper.shows("[data-item]")
        settle(shopper)
        seen = "return document.querySelector(arguments[0]).getBoundingClientRect().top"
        for selector in ("#menu-title", "[data-item]"):
            top = shopper.driver.execute_script(seen, selector)
            assert 0 <= top < PHONE[1], selector
        assert focused(shopper) == ("heading", "Bella Napoli")


@pytest.mark.parametrize("size", [PHONE, (1280, 720)], ids=["phone", "laptop"])
def test_what_can_go_wrong_is_within_reach(shopper: Shopper, size: tuple[int, int]) -> None:
    """By a link at the top, and by the keyboard, however long the order beside it is."""
    switches = ("price_change", "lost_response", "slow_response", "store_closed")
    with shopper.screen(size):
        shopper.until_payable()
        shopper.press("a[href='#rehearse']")
        settle(shopper)
        inside = (
            "const {top, bottom} = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return top >= 0 && bottom <= innerHeight"
        )
        for each in switches:
            selector = f"[data-mishap={each}]"
            assert shopper.driver.execute_script(inside, selector), each
            shopper.tab_to(selector)
            focus_is_seen(shopper)
            assert focused(shopper)[0] == "switch"
            shopper.keys(Keys.SPACE)
            shopper.shows(f"{selector}:checked")
            settle(shopper)
            assert shopper.script(f"return document.activeElement.matches('{selector}')")


def test_nothing_moves_for_somebody_who_wants_it_still(shopper: Shopper) -> None:
    moving = (
        "return [getComputedStyle(document.documentElement).scrollBehavior,"
        " getComputedStyle(document.querySelector('.store')).transitionProperty]"
    )
    with shopper.screen(PHONE, moves=True):
        assert shopper.script(moving)[0] == "smooth"
    with shopper.screen(PHONE):
        assert shopper.script(moving) == ["auto", "none"]
        shopper.until_payable()
        shopper.press("#place")
        shopper.shows("#receipt-title")
        assert shopper.script("return document.getAnimations().length") == 0
