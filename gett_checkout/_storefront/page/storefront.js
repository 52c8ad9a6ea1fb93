// The page of a checkout. It decides nothing about the order: what to do next is the view's next_action,
// what is missing is in the view's requirements, and every step is one request.

import { begin, comeBack, loadMenu, startOver } from "./checkout.js";
import { $, arrive, isFocusLost } from "./dom.js";
import { followOrder, moveOn } from "./follow.js";
import { renderMachine } from "./machine.js";
import { renderMenu } from "./menu.js";
import { renderCart } from "./order.js";
import { renderReceipt } from "./receipt.js";
import { isOpen, now } from "./state.js";
import { renderSteps } from "./steps.js";
import { renderMessage } from "./words.js";

function render() {
  const focused = isFocusLost() ? null : document.activeElement;
  const area = focused?.closest("#menu");
  document.body.setAttribute("aria-busy", String(Boolean(now.busy)));
  renderMessage();
  renderMenu();
  renderReceipt();
  renderCart();
  renderSteps();
  renderMachine();
  if (focused && isFocusLost()) arrive(area && isOpen() ? $("menu-title") : landing());
  comeBack();
  followOrder();
}

/** Where the shopper continues: the first invalid input, the message, or the current step. */
function landing() {
  if (now.view?.order) return $("receipt-title");
  return document.querySelector(".step.current [aria-invalid=true]") ?? $("message-button")
    ?? $("message").querySelector(".card") ?? document.querySelector(".step.current h3") ?? $("order-title");
}

$("other-stores").addEventListener("click", async () => {
  now.choosing = !now.choosing;
  await loadMenu();
  render();
  arrive($("menu-title"));
});
$("start-over").addEventListener("click", startOver);
$("move-on").addEventListener("click", () => moveOn(false));
$("cancel").addEventListener("click", () => moveOn(true));

// On a phone, a bar leads to the order while the order is out of sight.
new IntersectionObserver(([order]) => $("jump").classList.toggle("there", order.isIntersecting))
  .observe($("order"));

await begin({ render, renderMachine, landing });
document.body.dataset.ready = "";
