// What the page says to a person, and what it asks of them, for each thing that can go wrong.

import { go, reload, step } from "./checkout.js";
import { $, fill, make } from "./dom.js";
import { now } from "./state.js";

const PAYMENT_WORDS = {
  PAYMENT_DECLINED: ["Your card was declined.", "Nothing was charged and nothing was ordered. Choose another card."],
  PAYMENT_FAILED: ["The payment did not go through.", "Nothing was ordered. Try again in a moment, or choose another card."],
  PAYMENT_METHOD_INVALID: ["This card cannot be used.", "Nothing was charged. Check it, or choose another card."],
};

const PROBLEM_WORDS = {
  NO_SERVER: ["We cannot reach the shop.", "Check your connection, then look again. Nothing is lost."],
  ORDER_TOTAL_DIFFERENT: ["The price changed while you were deciding.", "Nothing was ordered. Please look at the new total below."],
  TOTAL_CHANGED: ["The total has changed.", "Nothing was ordered. Please look at the new total below."],
  IDENTITY_REQUIRED: ["Please sign in first.", "Your cart, address and price are kept."],
  CHECKOUT_CONFLICT: ["This order was changed in another window.", "Here is how it stands now. Please try again."],
  LINE_NOT_FOUND: ["This is not in your cart any more.", "It was taken out in another window. Here is how the cart stands now."],
  CHECKOUT_NOT_FOUND: ["This order is no longer open.", "Choose a restaurant to start another."],
  PLACEMENT_IN_PROGRESS: ["Your order is being placed.", "No need to press again: this page looks by itself."],
  RATE_LIMITED: ["It is very busy right now.", "Nothing was ordered. Please try again in a minute."],
  GETT_UNREACHABLE: ["Gett cannot be reached right now.", "Nothing was ordered. Please try again in a moment."],
  ADDRESS_INVALID: ["This address cannot be used.", "Please check it and try again."],
  ADDRESS_OUT_OF_RANGE: ["The restaurant does not deliver there.", "Try another address, or pick the order up."],
  ITEM_UNAVAILABLE: ["Something in your cart has run out.", "Remove or change what is marked below."],
};

/** What Gett said of what it rejected, or else our own words. */
function theirWords(view, ours) {
  return view.requirements[0]?.details.message || ours;
}

/** The message that stands above the order: a heading, what to do, perhaps a button. */
function message() {
  const { view, problem } = now;
  const action = view?.next_action ?? { kind: "choose_store" };
  const about = (tone, [title, text], button = null) => ({ tone, title, text, button });
  if (now.busy === "place" || now.busy === "settle") {
    return about("busy", now.busy === "place"
      ? ["Placing your order…", "This takes a few seconds. Please stay on this page."]
      : ["Checking on your order…", "We ask about the same order. This does not order again."]);
  }
  if (problem?.code === "NO_SERVER") {
    return about("bad", PROBLEM_WORDS.NO_SERVER, { label: "Look again", press: reload });
  }
  switch (action.kind) {
    case "settle":
      return about("unsure", ["We are not sure your order was placed.",
        "The answer got lost on the way. Please do not order again: check again instead, and it will be the same one order."],
      { label: "Check again", press: () => go(step("settle")) });
    case "wait":
      return about("busy", view.stage === "placing" ? PROBLEM_WORDS.PLACEMENT_IN_PROGRESS
        : PROBLEM_WORDS[problem?.code] ?? ["One moment, please.", "Nothing was ordered. This page looks again by itself."]);
    case "contact_support":
      return about("bad", view.stage === "placing"
        ? ["Please contact us about this order.",
          `A person has to look at it. Do not order again. Reference: ${view.idempotency_key}`]
        : ["Please contact us about this order.", `Nothing was ordered. ${theirWords(view, "A person has to look at it.")}`]);
    case "fix_lines":
      return about("bad", ["Something in your cart has to change.",
        theirWords(view, "Change or remove what is marked below.")]);
    case "choose_fulfillment":
      if (action.reason) {
        const [title, text] = PROBLEM_WORDS[action.reason] ?? ["This cannot be used.", "Please give another address, or pick the order up."];
        return about("bad", [title, theirWords(view, text)]);
      }
      break;
    case "sign_in":
      if (action.reason) {
        return about("bad", ["Please check your name, e-mail and phone.", theirWords(view, "Gett did not accept them.")]);
      }
      break;
    case "choose_payment":
      if (action.reason) {
        const other = ["The payment was refused.", "Nothing was ordered. Choose another card."];
        return about("bad", PAYMENT_WORDS[action.reason] ?? other);
      }
      break;
    case "choose_store":
      if (action.reason && view?.store) {
        const { name, store_id } = view.store;
        return about("bad", [`${name} does not take orders right now.`,
          "Nothing was ordered, and your cart is kept. Try again later, or choose another restaurant."],
        view.lines.length ? { label: "Try again", press: () => go(step("browse", { store_id })) } : null);
      }
      break;
    case "confirm_total":
      return about("ask", problem ? PROBLEM_WORDS.ORDER_TOTAL_DIFFERENT : ["The total has changed.",
        "Nothing was ordered. Please look at the new total below."]);
  }
  if (problem) {
    const words = PROBLEM_WORDS[problem.code] ?? [problem.title ?? "That did not work.", problem.detail ?? ""];
    return about("bad", words, view ? null : { label: "Look again", press: reload });
  }
  return null;
}

export function renderMessage() {
  const said = message();
  fill($("message"), said && [said.tone, said.title, said.text], () => said && make(
    `div.card.${said.tone}`, { tabindex: "-1" },
    make("p.title", {}, said.title),
    make("p", {}, said.text),
    said.button && make("button.primary", { type: "button", id: "message-button", onclick: said.button.press }, said.button.label),
  ));
}
