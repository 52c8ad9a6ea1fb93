// What the page says, and what it asks the shopper to do, for each thing that can go wrong.

import { go, reload, step } from "./checkout.js";
import { $, fill, make } from "./dom.js";
import { money, now, rejected } from "./state.js";

const PAYMENT_WORDS = {
  PAYMENT_DECLINED: ["Your card was declined.", "Nothing was charged and nothing was ordered. Choose another card."],
  PAYMENT_FAILED: ["The payment did not go through.", "Nothing was ordered. Try again in a moment, or choose another card."],
  PAYMENT_METHOD_INVALID: ["This card cannot be used.", "Nothing was charged. Check it, or choose another card."],
};

const PROBLEM_WORDS = {
  NO_SERVER: ["We cannot reach the shop.", "Check your connection, then look again. Nothing is lost."],
  TOTAL_CHANGED: ["The price changed while you were deciding.", "Nothing was ordered. Please look at the new total below."],
  IDENTITY_REQUIRED: ["Please sign in first.", "Your cart, address and price stay as they are."],
  CHECKOUT_CONFLICT: ["This order was changed in another window.", "Here is how it stands now. Please try again."],
  INVALID_INPUT: ["That is not right yet.", "Please check what you entered."],
  LINE_NOT_FOUND: ["This is not in your cart any more.", "It was taken out in another window. Here is how the cart stands now."],
  CHECKOUT_NOT_FOUND: ["This order is no longer open.", "Choose a restaurant to start another."],
  PLACEMENT_IN_PROGRESS: ["Your order is being placed.", "No need to press again: this page checks by itself."],
  RATE_LIMITED: ["It is very busy right now.", "Nothing was ordered. Please try again in a minute."],
  GETT_UNREACHABLE: ["Gett cannot be reached right now.", "Nothing was ordered. Please try again in a moment."],
  ADDRESS_INVALID: ["This address cannot be used.", "Please check it and try again."],
  ADDRESS_OUT_OF_RANGE: ["The restaurant does not deliver there.", "Try another address, or pick the order up."],
  ITEM_UNAVAILABLE: ["Something in your cart has run out.", "Remove or change what is marked."],
};

// For rejections whose code is not known here; what Gett said stands where it is to be fixed.
const REJECTED_WORDS = {
  fix_lines: ["Something in your cart has to change.", "Nothing was ordered. Change or remove what is marked."],
  complete_modifiers: ["Some choices are missing.", "Nothing was ordered. Complete what is marked."],
  choose_fulfillment: ["This is not accepted.", "Nothing was ordered. Check the address, or choose another way."],
  sign_in: ["Your details are not accepted.", "Nothing was ordered. Check them, and sign in again."],
  choose_recipient: ["Who receives it is not accepted.", "Nothing was ordered. Check the name and the phone number."],
};

// An order may exist, so the page never asks to try again.
const AN_ORDER_MAY_EXIST = new Set(["ORDER_ALREADY_PLACED", "KEY_EXPIRED", "RECORD_LOST", "PLACEMENT_DAMAGED"]);

/** Whether a person has to look because an order may exist. */
export function mayExist() {
  const { stage, next_action: action } = now.view;
  return stage === "placing" || AN_ORDER_MAY_EXIST.has(action.reason);
}

/** The message above the steps: a heading, what to do, and perhaps a button and facts. */
function message() {
  const { view, problem } = now;
  const action = view?.next_action ?? { kind: "choose_store" };
  const about = (tone, [title, text], button = null, facts = []) => ({ tone, title, text, button, facts });
  if (now.busy === "place" || now.busy === "reconcile") {
    return about("busy", now.busy === "place"
      ? ["Placing your order…", "This takes a few seconds. Please stay on this page."]
      : ["Checking on your order…", "We ask about the same order. This does not order again."]);
  }
  if (problem?.code === "NO_SERVER") {
    return about("bad", PROBLEM_WORDS.NO_SERVER, { label: "Look again", press: reload });
  }
  switch (action.kind) {
    case "reconcile":
      return about("unsure", ["We are not sure your order was placed.",
        "The response was lost. Please do not order again: check again instead, which never places a second order."],
      { label: "Check again", press: () => go(step("reconcile")) }, sent(view));
    case "wait":
      if (view.stage === "placing") return about("busy", PROBLEM_WORDS.PLACEMENT_IN_PROGRESS, null, sent(view));
      return about("busy", withReason(PROBLEM_WORDS[rejected("patience")?.error_code]
        ?? ["One moment, please.", "Nothing was ordered. This page checks again by itself."], rejected("patience")?.message));
    case "contact_support":
      return about("bad", withReason(["Please contact us about this order.",
        mayExist() ? "A person has to look at it. Do not order again." : "Nothing was ordered. A person has to look at it."],
      rejected("person")?.message), null, sent(view));
    case "fix_lines":
      return about("bad", PROBLEM_WORDS[action.reason] ?? REJECTED_WORDS.fix_lines);
    case "choose_fulfillment":
    case "sign_in":
    case "choose_recipient":
      if (action.reason) return about("bad", PROBLEM_WORDS[action.reason] ?? REJECTED_WORDS[action.kind]);
      break;
    case "complete_modifiers":
      if (rejected("cart_accepted")) return about("bad", REJECTED_WORDS.complete_modifiers);
      break;
    case "choose_payment":
      if (action.reason) {
        const other = ["The payment was not accepted.", "Nothing was ordered. Choose another card."];
        return about("bad", PAYMENT_WORDS[action.reason] ?? other);
      }
      break;
    case "choose_store":
      if (action.reason && view?.store) {
        const { name, store_id } = view.store;
        const words = action.reason.startsWith("CATALOGSET_")
          ? [`${name} has changed its menu.`, "Nothing was ordered. Load the menu again, and see whether your cart still fits."]
          : [`${name} does not take orders right now.`,
            "Nothing was ordered, and your cart stays as it is. Try again later, or choose another restaurant."];
        return about("bad", withReason(words, rejected("menu", "store_open")?.message),
        view.lines.length ? { label: "Try again", press: () => go(step("browse", { store_id })) } : null);
      }
      break;
    case "confirm_total":
      return about("ask", problem ? PROBLEM_WORDS.TOTAL_CHANGED : ["The total has changed.",
        "Nothing was ordered. Please look at the new total below."]);
  }
  if (problem) {
    const words = PROBLEM_WORDS[problem.code] ?? ["That did not work.", problem.detail ?? ""];
    return about("bad", withReason(words, problem.said), view ? null : { label: "Look again", press: reload });
  }
  return null;
}

/** The words, and the reason that Gett gave, if it gave one. */
function withReason([title, text], reason) {
  return [title, reason ? `${text} The reason given: ${reason}` : text];
}

/** What support needs to find an order that was sent: its total, and the key it was sent with. */
function sent({ placement, confirmed_total: total }) {
  return placement ? [...(total ? [["Total", money(total)]] : []), ["Reference", placement.key]] : [];
}

export function renderMessage() {
  const said = message();
  fill($("message"), said && [said.tone, said.title, said.text, said.facts], () => said && make(
    `div.card.${said.tone}`, { tabindex: "-1" },
    make("p.title", {}, said.title),
    make("p", {}, said.text),
    said.facts.length ? make("dl.sent", {}, said.facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)))) : null,
    said.button && make("button.primary", { type: "button", id: "message-button", onclick: said.button.press }, said.button.label),
  ));
}
