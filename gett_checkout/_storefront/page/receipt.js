// The receipt, and the progress of the order.

import { startOver } from "./checkout.js";
import { $, fill, make } from "./dom.js";
import { ending, isFollowed, lookAgain } from "./follow.js";
import { amounts } from "./order.js";
import { now } from "./state.js";

// Gett's words for how far an order is, in order.
const STATUSES = ["pending", "confirmed", "preparing", "ready", "intransit"];
const DELIVERY = ["Confirmed", "Preparing", "Ready", "In transit", "Delivered"];
const PICKUP = ["Confirmed", "Preparing", "Ready", "Picked up"];

export function renderReceipt() {
  const { view, unheard } = now;
  $("receipt").hidden = !view?.order;
  fill($("another-one"), Boolean(view?.order), () => view?.order && make("button.primary", { type: "button", id: "another", onclick: startOver }, "Start another order"));
  if (!view?.order) return;
  const { order, fulfillment, recipient, quote, store } = view;
  const end = ending(order);
  const isPickup = fulfillment.type === "pickup";
  const title = { completed: "Your order is complete.", cancelled: "Your order was cancelled." }[end] ?? "Your order is placed.";
  if ($("receipt-title").textContent !== title) $("receipt-title").textContent = title;
  $("tick").textContent = end === "cancelled" ? "×" : "✓";
  $("receipt").classList.toggle("cancelled", end === "cancelled");
  fill($("progress"), [order, store, isPickup, unheard], () => [
    make("p", {}, told(order, store.name, isPickup)),
    order.estimated_ready_at && !end && make("p.facts", {}, `Expected to be ready at ${clock(order.estimated_ready_at)}.`),
    unheard && make("p.facts", { id: "unheard" }, "We could not look just now. This is the latest we know."),
  ]);
  fill($("receipt-rest"), [order, fulfillment, recipient, quote], () => [
    way(order, end, isPickup),
    isFollowed() && make("button.link", { type: "button", id: "look", onclick: lookAgain }, "Look again"),
    ...links(order),
    recipient && make("p.facts", { id: "receipt-recipient" }, `For ${recipientName(recipient)}`),
    make("p.facts", {}, "Order ", make("code", { id: "order-id" }, order.order_id ?? "(number to follow)")),
    order.amounts ?? quote ? amounts((order.amounts ?? quote.amounts)) : null,
  ]);
}

/** The progress as a sentence; an unknown status is only in progress. */
function told(order, name, isPickup) {
  switch (ending(order) ?? order.status?.toLowerCase()) {
    case "pending": return `${name} has received it, but not confirmed it yet.`;
    case "confirmed": return `${name} has confirmed it.`;
    case "preparing": return `${name} is preparing it.`;
    case "ready": return isPickup ? `It is ready: pick it up at ${name}.` : "It is ready for the courier.";
    case "intransit": return "The courier is bringing it.";
    case "completed": return isPickup ? "It was picked up. Enjoy your meal." : "It was delivered. Enjoy your meal.";
    case "cancelled": return order.cancel_reason ? `The reason given: ${order.cancel_reason}` : "No reason was given.";
    default: return "It is in progress.";
  }
}

/** The progress as a picture; nothing for an unknown status. */
function way(order, end, isPickup) {
  const names = isPickup ? PICKUP : DELIVERY;
  const at = end === "completed" ? names.length : STATUSES.indexOf(order.status?.toLowerCase());
  if (end === "cancelled" || at < 0) return null;
  return make("ol.way", { "aria-label": "How far your order is" }, names.map((name, each) => make(
    `li.${each < at ? "passed" : "ahead"}`, { "aria-current": each === at - 1 ? "step" : null }, name)));
}

/** Links to track the order, of https alone. */
function links({ tracking_urls: urls }) {
  return [...new Set(urls)].filter((url) => url.startsWith("https://")).map((url, at) => make(
    "a.track", { href: url, target: "_blank", rel: "noopener noreferrer" }, at ? `Track your order (${at + 1})` : "Track your order"));
}

const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** Who receives the order, masked as the view has it. */
export function recipientName({ name, phone }) {
  return `${name}, phone ${phone}`;
}
