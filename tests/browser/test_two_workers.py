"""The same page over two worker processes and one storage: nothing but the worker's name tells."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.browser.conftest import shopper_at
from tests.browser.shopping import Shop, Shopper

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(chromium: webdriver.Chrome) -> Iterator[Shop]:
    shop = Shop([sys.executable, "-m", "examples.storefront", "--workers=2", "--port=0"])
    try:
        yield shop
    finally:
        shop.end()


@pytest.fixture
def shopper(chromium: webdriver.Chrome, shop: Shop) -> Iterator[Shopper]:
    yield from shopper_at(chromium, shop)


def test_each_step_goes_to_the_other_worker(shop: Shop, shopper: Shopper) -> None:
    shopper.fill_cart()
    shopper.press("#step-fulfillment.current .primary")
    shopper.press("#step-quote.current .primary")
    shopper.shows("#step-identity.current")
    shopper.reload()
    shopper.sign_in()
    shopper.pay("declined")
    shopper.press("#place")
    shopper.shows("#message .bad", "Your card was declined.")
    shopper.pay()
    shopper.turn("lost_response")
    shopper.press("#place")
    shopper.shows("#message .unsure")
    shopper.press("#message-button", "Check again")  # on the worker that did not place it
    shopper.shows("#receipt-title", "Your order is placed.")
    workers = shopper.script("return window.workers")  # since the reload, of the steps alone
    assert len(workers) >= 6
    assert {*workers[::2]} | {*workers[1::2]} == {"1", "2"}
    assert len({*workers[::2]}) == len({*workers[1::2]}) == 1
    assert len(shop.orders) == 1


def test_a_second_press_at_the_other_worker_waits(shop: Shop, shopper: Shopper) -> None:
    shopper.until_payable()
    shop.hold("place_order")
    total = shopper.text("#place").partition("$")[2]
    shopper.script(
        "fetch('/checkout/order', {method: 'POST', headers: {'Content-Type': 'application/json'}, "
        f'body: \'{{"total": "{total}"}}\'}})'
    )
    shopper.until(lambda: shop.count("place_order") == 1)
    shopper.press("#place")  # at the other worker, which must not send
    shopper.shows("#message .busy", "Your order is being placed.")
    shop.release()
    shopper.shows("#receipt-title")
    assert len(shop.orders) == 1
    assert shop.count("place_order") == 1
