// The steps of the checkout: the current one has a form, a completed one a summary.

import { go, step } from "./checkout.js";
import { $, arrive, fill, forget, make } from "./dom.js";
import { amounts } from "./order.js";
import { recipientName } from "./receipt.js";
import { mayExist } from "./words.js";
import { cardName, isOpen, money, now, rejected, shop } from "./state.js";

// A step is done once the requirement of its name is met; `about` names the one with what Gett said of its
// input. The next action makes a step current. While that is to wait, or to contact support, the first
// missing step may be tried, because somebody may have fixed it at Gett.
const STEPS = [
  { id: "fulfillment", title: "Delivery or pickup", actions: ["choose_fulfillment"], about: "fulfillment", form: fulfillmentForm, done: fulfillmentDone, change: "Change" },
  { id: "quote", title: "Price", actions: ["validate"], form: quoteForm, done: quoteDone, change: "Change the tip" },
  { id: "identity", title: "Sign in", actions: ["sign_in"], about: "shopper_accepted", form: identityForm, done: () => make("p", {}, "You are signed in.") },
  { id: "recipient", title: "Who receives it", actions: ["choose_recipient"], about: "recipient_accepted", form: recipientForm, done: recipientDone, change: "Somebody else" },
  { id: "payment", title: "Card", actions: ["choose_payment"], about: "payment", form: paymentForm, done: paymentDone, change: "Another card" },
  { id: "place", title: "Place the order", actions: ["place", "confirm_total"], form: placeForm },
];

export function renderSteps() {
  const { view } = now;
  const list = $("steps");
  list.hidden = !view?.lines.length || !isOpen();
  if (list.hidden) { fill(list, null, () => []); return; }
  if (!list.children.length) {
    list.append(...STEPS.map((each) => make("li.step", { id: `step-${each.id}` },
      make("div.step-head", {}, make("h3", { id: `step-${each.id}-title`, tabindex: "-1" }, each.title), make("div.step-change", {})),
      make("div.step-body", {}))));
    forget(list);
  }
  const missing = new Set(view.requirements.map((each) => each.code));
  const kind = view.next_action.kind;
  const tried = stepToTry(kind);
  for (const each of STEPS) {
    const said = each.about ? rejected(each.about) : null;
    const row = $(`step-${each.id}`);
    const isCurrent = now.opened ? now.opened === each.id : each.actions.includes(kind) || each.id === tried;
    const isDone = !isCurrent && each.done && !missing.has(each.id) && !said && isReached(each.id);
    row.className = `step ${isCurrent ? "current" : isDone ? "done" : "later"}`;
    if (isCurrent) row.setAttribute("aria-current", "step"); else row.removeAttribute("aria-current");
    const data = [isCurrent, isDone, said, kind, shownAction(), view.store, view.fulfillment, view.quote, view.recipient, view.payment, view.tip, now.tried];
    fill(row.querySelector(".step-body"), data, () => (isCurrent
      ? [isSaidOfAll(said) && make("p.problem", {}, said.message), each.form()] : isDone ? each.done() : null));
    markFields(row, said?.fields ?? []);
    fill(row.querySelector(".step-change"), [isDone, each.change], () => (isDone && each.change
      ? make("button.link", { type: "button", "aria-label": `${each.change}: ${each.title}`, onclick: () => { open(each.id); } }, each.change)
      : null));
  }
}

/** The step to try while the next action is to wait or to contact support, if there is one. */
function stepToTry(kind) {
  if (kind !== "wait" && (kind !== "contact_support" || mayExist())) return null;
  const blocking = now.view.requirements.filter((each) => each.blocks);
  if (!blocking.length) return "place";
  return STEPS.find((each) => [each.id, each.about].includes(blocking[0].code))?.id ?? null;
}

/** The next action without its seconds, which change no form. */
function shownAction() {
  const { seconds, ...rest } = now.view.next_action;
  return rest;
}

/** Whether a step was reached: a later requirement is not listed before an earlier one is met. */
function isReached(id) {
  const { view } = now;
  return { fulfillment: view.fulfillment, quote: view.quote, identity: view.signed_in, recipient: view.signed_in, payment: view.payment }[id];
}

function form(name, body, ...children) {
  return make("form", { onsubmit: (event) => { event.preventDefault(); go(step(name, body(new FormData(event.target)))); } }, ...children);
}

function field(label, name, value, more = {}) {
  return make("div.field", {},
    make("label", {}, make("span", {}, label), make("input", { name, value, required: true, "aria-describedby": `problem-${name}`, ...more })),
    make("p.problem", { id: `problem-${name}` }));
}

/** Whether Gett said something that is not said at one of the inputs. */
function isSaidOfAll(said) {
  return said?.message && !said.fields?.some(({ message }) => message === said.message);
}

/** Say at each input what is wrong with it: what the library found, or what Gett said. Leave what was typed. */
function markFields(row, rejectedFields) {
  for (const input of row.querySelectorAll(".field input")) {
    const wrong = now.problem?.errors?.find(({ pointer }) => pointer.endsWith(`/${input.name}`))
      ?? rejectedFields.find(({ name }) => name === input.name);
    input.setAttribute("aria-invalid", String(Boolean(wrong)));
    $(`problem-${input.name}`).textContent = wrong ? wrong.detail || wrong.message || "Please check this." : "";
  }
}

const submitButton = (label, more = {}) => make("button.primary", { type: "submit", ...more }, label);

function fulfillmentForm() {
  const { view } = now;
  const { fulfillment_types: offers } = view.store;
  const before = view.fulfillment?.address ?? { address1: "350 5th Ave", city: "New York", state: "NY", postal_code: "10118" };
  const address = make("div.fields.address", {},
    field("Street and number", "address1", before.address1, { autocomplete: "address-line1" }),
    field("City", "city", before.city, { autocomplete: "address-level2" }),
    field("State", "state", before.state, { autocomplete: "address-level1" }),
    field("Postal code", "postal_code", before.postal_code, { autocomplete: "postal-code", inputmode: "numeric" }));
  const wanted = offers.includes(view.fulfillment?.type) ? view.fulfillment.type : offers[0];
  const pick = (type) => {
    address.hidden = type !== "delivery";
    for (const input of address.querySelectorAll("input")) input.disabled = address.hidden;
  };
  const ways = make("fieldset.ways", {}, make("legend.unseen", {}, "How should it reach you?"),
    offers.map((type) => {
      const input = make("input", { type: "radio", name: "type", value: type, onchange: () => pick(type) });
      input.checked = type === wanted;
      return make("label", {}, input, make("span", {}, type === "delivery" ? "Delivery" : "Pickup"));
    }));
  pick(wanted);
  const body = (data) => {
    const { type, ...where } = Object.fromEntries(data);
    return type === "delivery" ? { type, address: where } : { type };
  };
  return form("fulfill", body, ways, address, submitButton("Continue"));
}

function fulfillmentDone() {
  const { fulfillment, store } = now.view;
  if (fulfillment.type === "pickup") return make("p", {}, `Pickup at ${store.name}`);
  const { address1, city, state, postal_code: code } = fulfillment.address;
  return make("p", {}, `${address1}, ${city}, ${state} ${code}`);
}

function quoteForm() {
  const tips = ["0.00", "2.00", "3.00", "5.00"];
  const wanted = now.view.tip ?? "3.00";
  return form("validate", (data) => ({ tip: data.get("tip") }),
    make("fieldset.ways", {}, make("legend", {}, "A tip for the courier and the kitchen?"),
      tips.map((tip) => {
        const input = make("input", { type: "radio", name: "tip", value: tip });
        input.checked = Number(tip) === Number(wanted);
        return make("label", {}, input, make("span", {}, Number(tip) ? money(tip) : "None"));
      })),
    submitButton("See the price"));
}

function quoteDone() {
  const { quote } = now.view;
  const until = new Date(quote.expires_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return [amounts(quote.amounts), make("p.facts", {}, `Gett's price, valid until ${until}.`)];
}

function identityForm() {
  return form("identify", (data) => Object.fromEntries(data),
    make("p.facts", {}, "Paying needs a name and an e-mail. Cart, address and price stay as they are."),
    make("div.fields.person", {},
      field("First name", "first_name", "Jane", { autocomplete: "given-name" }),
      field("Last name", "last_name", "Doe", { autocomplete: "family-name" }),
      field("E-mail", "email", "jane@example.com", { type: "email", autocomplete: "email" })),
    submitButton("Sign in"));
}

function recipientForm() {
  // People write phone numbers with spaces; Gett accepts none.
  const body = (data) => {
    const { phone, email, ...name } = Object.fromEntries(data);
    return { ...name, phone: phone.replace(/[\s().-]/g, ""), email: email || undefined };
  };
  return form("set_recipient", body,
    make("p.facts", {}, "The restaurant gets this name and phone number with the order. The account and the payment stay yours."),
    make("div.fields.person", {},
      field("Their first name", "first_name", "", { autocomplete: "shipping given-name" }),
      field("Their last name", "last_name", "", { autocomplete: "shipping family-name" }),
      field("Phone, with country code", "phone", "", { type: "tel", autocomplete: "shipping tel" }),
      field("E-mail, if you like", "email", "", { type: "email", autocomplete: "shipping email", required: false })),
    submitButton("They receive it"),
    make("button.quiet", { type: "button", onclick: () => go(step("remove_recipient")) }, "I receive it myself"));
}

function recipientDone() {
  const { recipient } = now.view;
  return make("p", {}, recipient ? recipientName(recipient) : "You receive it yourself.");
}

function paymentForm() {
  const body = (data) => { now.tried = data.get("card"); return { card: now.tried }; };
  const isRefused = (card) => now.view.next_action.reason && card.card_id === now.tried;
  const first = shop.cards.find((card) => !isRefused(card));
  return form("pay", body, make("fieldset.cards", {}, make("legend.unseen", {}, "Which card?"),
    shop.cards.map((card) => {
      const input = make("input", { type: "radio", name: "card", value: card.card_id, required: true });
      input.checked = card === first;
      return make("label", {}, input, make("span.name", {}, cardName(card.on_file)), make("span.hint", {}, card.hint));
    })), submitButton("Use this card"));
}

function paymentDone() {
  return make("p", {}, cardName(now.view.payment));
}

function placeForm() {
  const { next_action: action } = now.view;
  if (action.kind === "confirm_total") {
    return form("place", () => ({ total: action.after }),
      make("dl.moved", {},
        make("div", {}, make("dt", {}, "You saw"), make("dd", {}, make("s", {}, money(action.before)))),
        make("div", {}, make("dt", {}, "It is now"), make("dd.total", {}, money(action.after)))),
      submitButton(`Agree and place order · ${money(action.after)}`, { id: "confirm" }));
  }
  const total = action.kind === "place" ? action.total : now.view.quote?.amounts.total;
  if (total === undefined) return null;
  return form("place", () => ({ total }),
    make("p.facts", {}, "Nothing is charged before you press."),
    submitButton(`Place order · ${money(total)}`, { id: "place" }));
}

/** Open a completed step, to change it. */
function open(id) {
  now.opened = id;
  renderSteps();
  arrive($(`step-${id}-title`));
}
