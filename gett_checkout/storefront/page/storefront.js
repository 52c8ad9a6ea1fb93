// The page of a checkout. It decides nothing about it: what can be done next is the view's
// next_action, what is missing are the view's requirements, and every step is one request.

const shop = { stages: [], cards: [], stores: [] };
const now = {
  view: null,        // where the checkout stands, as the library says
  subtotal: "0",
  topUps: [],
  sections: null,    // the menu of the store
  menuOf: null,      // the store the menu belongs to
  problem: null,     // the last problem document, until the next step
  busy: null,        // the step under way
  opened: null,      // the step opened again to be changed
  choosing: false,   // whether the restaurants are shown although one is chosen
  card: null,        // the card chosen: the view tells only that there is one
  gett: { orders: 0, requests: [], mishaps: {} },
};

const $ = (id) => document.getElementById(id);

/** An element: `make("p.note", {id: "x"}, "text", child)`. Text is always text, never markup. */
function make(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Fill an element anew, but only when what it shows has changed: forms and focus survive. */
const shown = new Map();
function fill(element, data, build) {
  const key = JSON.stringify(data);
  if (shown.get(element) === key) return;
  shown.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...[build()].flat().filter(Boolean));
  if (focused) {
    const same = [...element.querySelectorAll("button, input, h3")].find((each) => each.tagName === focused.tagName
      && each.id === focused.id && each.ariaLabel === focused.ariaLabel && each.name === focused.name && each.textContent === focused.textContent);
    same?.focus();
  }
}

function money(amount, currency = now.view?.store?.currency ?? "USD") {
  return new Intl.NumberFormat("en-US", { style: "currency", currency }).format(amount);
}

// --- talking to the backend -----------------------------------------------------------------------

async function ask(method, path, body) {
  const options = { method, headers: {}, credentials: "same-origin" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  $("worker").textContent = `worker ${answer.headers.get("X-Worker") ?? "?"}`;
  return { ok: answer.ok, data: await answer.json() };
}

function take({ view, subtotal, top_ups: topUps }) {
  Object.assign(now, { view, subtotal, topUps });
}

/** One step: the request, then whatever the library says now, be it refused or done. */
async function step(name, body = {}) {
  if (now.busy) return false;
  const hadFocus = document.activeElement !== document.body;
  Object.assign(now, { busy: name, problem: null });
  render();
  const stopWatching = name === "place" || name === "settle" ? watch() : () => {};
  let done = false;
  try {
    const { ok, data } = await ask("POST", `/api/steps/${name}`, body);
    stopWatching();
    if (ok) take(data);
    else now.problem = data;
    done = ok;
    if (!ok) take((await ask("GET", "/api/checkout")).data);
  } catch {
    now.problem = { code: "NO_SERVER" };
  } finally {
    stopWatching();
  }
  now.busy = null;
  if (done) Object.assign(now, { opened: null, choosing: false });
  await Promise.all([loadMenu(), lookAtGett()]);
  if (now.problem?.code === "ORDER_TOTAL_DIFFERENT" && now.view?.next_action.kind === "validate") {
    return repriced();
  }
  render();
  if (!done || (hadFocus && document.activeElement === document.body)) landing().focus();
  return done;
}

/** Prices moved between quote and order: asking again changes nothing and shows the new total. */
async function repriced() {
  const { problem } = now;
  if (await step("validate")) {
    now.problem = problem;
    render();
    landing().focus();
  }
  return false;
}

/** While an order is on its way, show how the stage moves and what goes over the wire. */
function watch() {
  let watching = true;
  const look = async () => {
    try {
      const [{ data }] = await Promise.all([ask("GET", "/api/checkout"), lookAtGett()]);
      if (watching) renderMachine(data.view);
    } catch { /* the step itself will tell */ }
  };
  const timer = setInterval(look, 500);
  look();
  return () => { watching = false; clearInterval(timer); };
}

let looking;
async function reload() {
  clearTimeout(looking);
  if (now.busy) return;
  try {
    take((await ask("GET", "/api/checkout")).data);
    if (now.problem?.code === "NO_SERVER") now.problem = null;
    await Promise.all([loadMenu(), lookAtGett()]);
  } catch {
    now.problem = { code: "NO_SERVER" };
  }
  render();
}

/** Come back when the library says so: after a wait, or when the price has run out. */
function comeBack() {
  clearTimeout(looking);
  const action = now.view?.next_action;
  if (now.busy || !action) return;
  if (action.kind === "wait") {
    looking = setTimeout(reload, Math.max(action.seconds * 1000, 300));
  } else if (now.view.quote && now.view.stage !== "placed") {
    const left = Date.parse(now.view.quote.expires_at) - Date.now();
    if (left > 0) looking = setTimeout(reload, left);
  }
}

async function loadMenu() {
  const store = now.view?.store?.store_id ?? null;
  if (store === now.menuOf || now.view?.order) return;
  const { ok, data } = store ? await ask("GET", "/api/menu") : { ok: true, data: {} };
  if (ok) Object.assign(now, { sections: data.sections ?? null, menuOf: store });
}

async function lookAtGett() {
  const { ok, data } = await ask("GET", "/api/gett");
  if (ok) now.gett = data;
  renderGett();
}

// --- what to say ----------------------------------------------------------------------------------

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
  CHECKOUT_NOT_FOUND: ["This order is no longer open.", "Choose a restaurant to start another."],
  PLACEMENT_IN_PROGRESS: ["Your order is being placed.", "No need to press again: this page looks by itself."],
  RATE_LIMITED: ["It is very busy right now.", "Nothing was ordered. Please try again in a minute."],
  GETT_UNREACHABLE: ["Gett cannot be reached right now.", "Nothing was ordered. Please try again in a moment."],
  ADDRESS_INVALID: ["This address cannot be used.", "Please check it and try again."],
  ADDRESS_OUT_OF_RANGE: ["The restaurant does not deliver there.", "Try another address, or pick the order up."],
  ITEM_UNAVAILABLE: ["Something in your cart has run out.", "Remove or change what is marked below."],
};

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
      return about("busy", PROBLEM_WORDS.PLACEMENT_IN_PROGRESS);
    case "contact_support":
      return about("bad", ["Please contact us about this order.",
        `A person has to look at it. Do not order again. ${view.idempotency_key ? `Reference: ${view.idempotency_key}` : ""}`]);
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
    return about("bad", words);
  }
  return null;
}

function renderMessage() {
  const said = message();
  fill($("message"), said && [said.tone, said.title, said.text], () => said && make(
    `div.card.${said.tone}`, { tabindex: "-1" },
    make("p.title", {}, said.title),
    make("p", {}, said.text),
    said.button && make("button.primary", { type: "button", id: "message-button", onclick: said.button.press }, said.button.label),
  ));
}

// --- stores and menu ------------------------------------------------------------------------------

function renderMenu() {
  const { view, sections } = now;
  const picks = !view?.store || now.choosing || (view.next_action.kind === "choose_store");
  const isOpen = !["placing", "placed", "abandoned"].includes(view?.stage);
  const body = $("menu-body");
  $("menu").classList.toggle("over", !isOpen);
  $("other-stores").hidden = !view?.store || !isOpen || (picks && !now.choosing);
  $("other-stores").textContent = now.choosing ? `Back to ${view?.store?.name}` : "Other restaurants";
  $("menu-title").textContent = picks ? "Where from today?" : view.store.name;
  const chosen = shop.stores.find((store) => store.store_id === view?.store?.store_id);
  $("menu-facts").textContent = picks
    ? "Four kitchens, each with a rule of its own."
    : chosen ? storeFacts(chosen).join(" · ") : "";
  if (picks) {
    fill(body, ["stores", shop.stores, view?.store], () => make("ul.stores", {}, shop.stores.map(storeCard)));
  } else if (sections) {
    fill(body, ["menu", now.menuOf, isOpen], () => sections.map((section, at) => make(
      "section.section", { "aria-labelledby": `section-${at}` },
      make("h2", { id: `section-${at}` }, section.name),
      make("ul.items", {}, section.items.map((item) => menuRow(item, isOpen))),
    )));
  }
}

function storeFacts(store) {
  const ways = store.delivery && store.pickup ? "Delivery and pickup" : store.delivery ? "Delivery only" : "Pickup only";
  const minimum = store.minimum ? `${money(store.minimum, store.currency)} minimum` : "No minimum";
  return [store.categories.join(", "), ways, minimum];
}

function storeCard(store) {
  const [kind, ways, minimum] = storeFacts(store);
  return make("li", {}, make(
    "button.store", { type: "button", disabled: !store.open, "data-store": store.store_id, onclick: () => choose(store) },
    make("span.name", {}, store.name),
    make("span.kind", {}, kind),
    make("span.rest", {}, store.open ? ways : "Closed now"),
    store.open ? make("span.rest", {}, minimum) : null,
  ));
}

async function choose(store) {
  const { view } = now;
  const moves = view?.store && view.store.store_id !== store.store_id && view.lines.length > 0;
  if (moves && !(await agree(`Start a new cart at ${store.name}?`,
    `Your cart from ${view.store.name} will be emptied.`, "Start a new cart"))) return;
  await go(step("browse", { store_id: store.store_id, replace_cart: Boolean(moves) }), "menu-title");
}

function menuRow(item, isOpen) {
  const label = item.available ? "Add" : "Sold out";
  return make("li.item", {},
    make("div.what", {},
      make("h3", {}, item.name),
      item.description && make("p", {}, item.description)),
    make("span.price", {}, money(item.price)),
    make("button.add", {
      type: "button", disabled: !item.available || !isOpen, "data-item": item.item_id,
      "aria-label": `${label} ${item.name}`, onclick: () => addItem(item),
    }, label),
  );
}

function addItem(item) {
  if (item.groups.length) configure(item, null);
  else step("add", { item_id: item.item_id });
}

// --- choices of an item ---------------------------------------------------------------------------

const cents = (price) => Math.round(Number(price) * 100);

/** Ask for an item's choices, then add it, or change the line given. */
function configure(item, line) {
  const dialog = $("choices");
  const quantity = make("input", { type: "number", id: "quantity", min: 1, max: 99, required: true, value: line?.quantity ?? 1 });
  const submit = make("button.primary", { type: "submit", id: "choices-done" });
  const groups = make("div", {}, item.groups.map((group) => groupField(group, line?.groups ?? [], item.item_id)));
  const total = () => {
    const one = cents(item.price) + [...groups.querySelectorAll("input:checked:enabled")]
      .reduce((sum, input) => sum + cents(input.dataset.price), 0);
    submit.textContent = `${line ? "Change" : "Add"} · ${money((one * (quantity.valueAsNumber || 1)) / 100)}`;
  };
  const form = make("form", {
    onsubmit: (event) => {
      event.preventDefault();
      const body = { quantity: quantity.valueAsNumber, modifiers: chosen(groups) };
      dialog.close();
      if (line) step("update", { line_id: line.line_id, ...body });
      else step("add", { item_id: item.item_id, ...body });
    },
    oninput: () => { settleGroups(groups); total(); },
  },
  make("div.heading", {},
    make("h2", { id: "choices-title" }, item.name),
    make("button.quiet", { type: "button", onclick: () => dialog.close() }, "Cancel")),
  item.description && make("p.facts", {}, item.description),
  groups,
  make("div.finish", {}, make("label.quantity", {}, "Quantity ", quantity), submit));
  dialog.replaceChildren(form);
  settleGroups(groups);
  total();
  dialog.showModal();
}

/** One group as a fieldset: radios where exactly one is wanted, else checkboxes; nested ones inside. */
function groupField(group, before, path) {
  const id = `${path}-${group.group_id}`;
  const isOne = group.min === 1 && group.max === 1;
  const picked = before.find((each) => each.modifier_group_id === group.group_id)?.chosen ?? [];
  const hint = group.min ? (isOne ? "choose one" : `choose ${group.min} to ${group.max ?? "any"}`)
    : group.max ? `up to ${group.max}` : "as you like";
  return make("fieldset", { "data-group": group.group_id, "data-min": group.min, "data-max": group.max ?? 99 },
    make("legend", {}, group.name, " ", make("span.hint", {}, hint)),
    group.choices.map((choice) => {
      const was = picked.find((each) => each.item_id === choice.item_id);
      const input = make("input", {
        type: isOne ? "radio" : "checkbox", name: id, value: choice.item_id, "data-price": choice.price,
        required: isOne, disabled: !choice.available, "data-out": !choice.available,
      });
      input.checked = Boolean(was);
      return make("div.choice", {},
        make("label", {}, input, make("span", {}, choice.name),
          cents(choice.price) ? make("span.extra", {}, `+${money(choice.price)}`) : null),
        choice.groups.length ? make("div.nested", {},
          choice.groups.map((each) => groupField(each, was?.groups ?? [], `${id}-${choice.item_id}`))) : null);
    }));
}

/** Open what is chosen, close what is not, and hold the fewest and the most of each group. */
function settleGroups(groups) {
  for (const nested of groups.querySelectorAll(".nested")) {
    const isChosen = nested.parentElement.querySelector("input").checked;
    nested.hidden = !isChosen;
    for (const field of nested.children) field.disabled = !isChosen;
  }
  for (const field of groups.querySelectorAll("fieldset")) {
    const boxes = [...field.querySelectorAll(":scope > .choice > label > input[type=checkbox]")];
    const count = boxes.filter((box) => box.checked).length;
    for (const box of boxes) {
      box.disabled = "out" in box.dataset || (!box.checked && count >= Number(field.dataset.max));
    }
    const few = count < Number(field.dataset.min) ? `Choose at least ${field.dataset.min}.` : "";
    boxes[0]?.setCustomValidity(few);
  }
}

function chosen(groups) {
  const modifiers = {};
  for (const field of groups.querySelectorAll(":scope > fieldset:not(:disabled)")) {
    const picked = [...field.querySelectorAll(":scope > .choice")]
      .filter((choice) => choice.querySelector("input").checked)
      .map((choice) => {
        const nested = choice.querySelector(":scope > .nested");
        return { item_id: choice.querySelector("input").value, modifiers: nested ? chosen(nested) : {} };
      });
    if (picked.length) modifiers[field.dataset.group] = picked;
  }
  return modifiers;
}

/** Ask a question with two answers. */
function agree(title, text, yes) {
  const dialog = $("choices");
  return new Promise((resolve) => {
    const close = (answer) => { dialog.close(); resolve(answer); };
    dialog.replaceChildren(make("div.question", {},
      make("h2", { id: "choices-title" }, title), make("p", {}, text),
      make("div.finish", {},
        make("button.quiet", { type: "button", onclick: () => close(false) }, "Keep my cart"),
        make("button.primary", { type: "button", onclick: () => close(true) }, yes))));
    dialog.addEventListener("cancel", () => resolve(false), { once: true });
    dialog.showModal();
  });
}

// --- the order ------------------------------------------------------------------------------------

function renderCart() {
  const { view } = now;
  const lines = view?.lines ?? [];
  const isOpen = !["placing", "placed", "abandoned"].includes(view?.stage);
  $("start-over").hidden = !view || view.stage === "placing" || view.stage === "placed";
  fill($("cart"), [lines, isOpen, Boolean(view?.quote), Boolean(view?.store)], () => {
    if (!lines.length) {
      return make("p.empty", {}, view?.store ? "Nothing here yet. Add something from the menu." : "Choose a restaurant to begin.");
    }
    return [make("ul.lines", {}, lines.map((line) => cartLine(line, isOpen))),
      view.quote ? null : make("p.sum", {}, make("span", {}, "Items"), make("span.price", {}, money(now.subtotal)))];
  });
  renderGap();
  const count = lines.reduce((sum, line) => sum + line.quantity, 0);
  $("jump").hidden = !count || view.stage === "placed";
  $("jump").textContent = `Your order · ${count} ${count === 1 ? "item" : "items"} · ${money(view?.quote?.amounts.total ?? now.subtotal)}`;
}

function cartLine(line, isOpen) {
  const picked = names(line.groups);
  const item = now.sections?.flatMap((section) => section.items).find((each) => each.item_id === line.item_id);
  const set = (quantity) => (quantity ? step("update", { line_id: line.line_id, quantity }) : step("remove", { line_id: line.line_id }));
  return make("li.line", { "data-line": line.line_id },
    make("div.what", {},
      make("span.name", {}, line.name),
      picked.length ? make("span.choices", {}, picked.join(", ")) : null,
      line.problems.map((problem) => make("span.problem", {}, problem.message)),
      isOpen && item?.groups.length ? make("button.link", { type: "button", "aria-label": `Change ${line.name}`, onclick: () => configure(item, line) }, "Change") : null),
    isOpen ? make("div.count", { role: "group", "aria-label": `Quantity of ${line.name}` },
      make("button", { type: "button", "aria-label": line.quantity > 1 ? `One ${line.name} less` : `Remove ${line.name}`, onclick: () => set(line.quantity - 1) }, "−"),
      make("span", {}, String(line.quantity)),
      make("button", { type: "button", "aria-label": `One ${line.name} more`, onclick: () => set(line.quantity + 1) }, "+"))
      : make("span.times", {}, `× ${line.quantity}`),
    make("span.price", {}, money(line.total)));
}

function names(groups) {
  return groups.flatMap((group) => group.chosen.flatMap((choice) => [choice.name, ...names(choice.groups)]));
}

function renderGap() {
  const gap = now.view?.stage === "placed" ? null : now.view?.minimum_order;
  $("gap").hidden = !gap;
  if (!gap) return;
  const share = Math.min(Number(gap.counted) / Number(gap.threshold), 1);
  $("gap").classList.toggle("met", gap.met);
  $("gap-fill").style.setProperty("width", `${share * 100}%`);
  const bar = $("gap-bar");
  bar.setAttribute("aria-valuemax", gap.threshold);
  bar.setAttribute("aria-valuenow", String(Math.min(Number(gap.counted), Number(gap.threshold))));
  bar.setAttribute("aria-valuetext", `${money(gap.counted)} of ${money(gap.threshold)}`);
  if ($("gap-text").textContent !== gap.message) $("gap-text").textContent = gap.message;
  fill($("top-ups"), now.topUps, () => now.topUps.map((way) => make(
    "button.chip", { type: "button", onclick: () => step("add", { item_id: way.item_id, quantity: way.quantity }) },
    `+ ${way.quantity > 1 ? `${way.quantity} × ` : ""}${way.name}`, make("span.price", {}, money(way.total)))));
}

// --- the steps of the checkout --------------------------------------------------------------------

// Each step stands or falls with one requirement of the view, and is current by its next action.
const STEPS = [
  { id: "fulfillment", title: "Delivery or pickup", actions: ["choose_fulfillment"], form: fulfillmentForm, done: fulfillmentDone, change: "Change" },
  { id: "quote", title: "Price", actions: ["validate"], form: quoteForm, done: quoteDone, change: "Change the tip" },
  { id: "identity", title: "Sign in", actions: ["sign_in"], form: identityForm, done: () => make("p", {}, "You are signed in.") },
  { id: "payment", title: "Card", actions: ["choose_payment"], form: paymentForm, done: paymentDone, change: "Another card" },
  { id: "place", title: "Place the order", actions: ["place", "confirm_total"], form: placeForm },
];

function renderSteps() {
  const { view } = now;
  const list = $("steps");
  list.hidden = !view?.lines.length || ["placing", "placed", "abandoned"].includes(view.stage);
  if (list.hidden) { fill(list, null, () => []); return; }
  if (!list.children.length) {
    list.append(...STEPS.map((each) => make("li.step", { id: `step-${each.id}` },
      make("div.step-head", {}, make("h3", { id: `step-${each.id}-title`, tabindex: "-1" }, each.title), make("div.step-change", {})),
      make("div.step-body", {}))));
    shown.delete(list);
  }
  const missing = new Set(view.requirements.map((each) => each.code));
  const kind = view.next_action.kind;
  for (const each of STEPS) {
    const row = $(`step-${each.id}`);
    const isCurrent = now.opened ? now.opened === each.id : each.actions.includes(kind);
    const isDone = !isCurrent && each.done && !missing.has(each.id) && isReached(each.id);
    row.className = `step ${isCurrent ? "current" : isDone ? "done" : "later"}`;
    if (isCurrent) row.setAttribute("aria-current", "step"); else row.removeAttribute("aria-current");
    const data = [isCurrent, isDone, kind, view.next_action, view.store, view.fulfillment, view.quote, view.payment, view.tip, now.card];
    fill(row.querySelector(".step-body"), data, () => (isCurrent ? each.form() : isDone ? each.done() : null));
    fill(row.querySelector(".step-change"), [isDone, each.change], () => (isDone && each.change
      ? make("button.link", { type: "button", "aria-label": `${each.change}: ${each.title}`, onclick: () => { now.opened = each.id; render(); $(`step-${each.id}-title`).focus(); } }, each.change)
      : null));
  }
}

/** A requirement that is not named may simply not be reached: without a quote none can be paid. */
function isReached(id) {
  const { view } = now;
  return { fulfillment: view.fulfillment, quote: view.quote, identity: view.signed_in, payment: view.payment }[id];
}

function form(name, body, ...children) {
  return make("form", { onsubmit: (event) => { event.preventDefault(); go(step(name, body(new FormData(event.target)))); } }, ...children);
}

function field(label, name, value, more = {}) {
  return make("label.field", {}, make("span", {}, label), make("input", { name, value, required: true, ...more }));
}

const submitButton = (label, more = {}) => make("button.primary", { type: "submit", ...more }, label);

function fulfillmentForm() {
  const { view } = now;
  const { offers } = view.store;
  const before = view.fulfillment?.address ?? { address1: "350 5th Ave", city: "New York", state: "NY", postal_code: "10118" };
  const address = make("div.fields", {},
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
  return form("fulfill", (data) => Object.fromEntries(data), ways, address, submitButton("Continue"));
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
  return [amounts(quote.amounts), make("p.facts", {}, `Gett's own price, held until ${until}.`)];
}

function amounts(parts) {
  const rows = [["Items", parts.sub_total], ["Fees", parts.fees], ["Promotions", parts.promotions, "−"],
    ["Taxes", parts.taxes], ["Adjustments", parts.adjustments], ["Tip", parts.tip]];
  return make("dl.amounts", {},
    rows.filter(([, amount]) => Number(amount)).map(([label, amount, sign = ""]) => make("div", {}, make("dt", {}, label), make("dd", {}, sign + money(amount)))),
    make("div.total", {}, make("dt", {}, "Total"), make("dd", {}, money(parts.total))));
}

function identityForm() {
  return form("identify", (data) => Object.fromEntries(data),
    make("p.facts", {}, "Paying needs a name and an e-mail. Cart, address and price stay as they are."),
    make("div.fields", {},
      field("First name", "first_name", "Jane", { autocomplete: "given-name" }),
      field("Last name", "last_name", "Doe", { autocomplete: "family-name" }),
      field("E-mail", "email", "jane@example.com", { type: "email", autocomplete: "email" })),
    submitButton("Sign in"));
}

function paymentForm() {
  const body = (data) => { now.card = data.get("card"); return { card: now.card }; };
  const isRefused = (card) => now.view.next_action.reason && card.card_id === now.card;
  const first = shop.cards.find((card) => !isRefused(card));
  return form("pay", body, make("fieldset.cards", {}, make("legend.unseen", {}, "Which card?"),
    shop.cards.map((card) => {
      const input = make("input", { type: "radio", name: "card", value: card.card_id, required: true });
      input.checked = card === first;
      return make("label", {}, input, make("span.name", {}, card.label), make("span.hint", {}, card.hint));
    })), submitButton("Use this card"));
}

function paymentDone() {
  const card = shop.cards.find((each) => each.card_id === now.card);
  return make("p", {}, card ? card.label : "A card is chosen.");
}

function placeForm() {
  const { next_action: action } = now.view;
  if (action.kind === "confirm_total") {
    return form("confirm_total", () => ({ total: action.after }),
      make("dl.moved", {},
        make("div", {}, make("dt", {}, "You saw"), make("dd", {}, make("s", {}, money(action.before)))),
        make("div", {}, make("dt", {}, "It is now"), make("dd.total", {}, money(action.after)))),
      submitButton(`Agree to ${money(action.after)}`, { id: "confirm" }));
  }
  if (action.kind !== "place") return null;
  return form("place", () => ({ total: action.total }),
    make("p.facts", {}, "Nothing is charged before you press."),
    submitButton(`Place order · ${money(action.total)}`, { id: "place" }));
}

function renderReceipt() {
  const { view } = now;
  fill($("receipt"), [view?.order, view?.fulfillment], () => view?.order && make("div.receipt", {},
    make("p.tick", { "aria-hidden": "true" }, "✓"),
    make("h3", { id: "receipt-title", tabindex: "-1" }, "Your order is placed."),
    make("p", {}, `${view.store.name} is on it${view.fulfillment.type === "pickup" ? ": pick it up there." : "."}`),
    make("p.facts", {}, "Order ", make("code", { id: "order-id" }, view.order.order_id ?? "(number to follow)")),
    view.order.amounts ?? view.quote ? amounts((view.order.amounts ?? view.quote.amounts)) : null,
    make("button.primary", { type: "button", id: "another", onclick: startOver }, "Start another order")));
}

async function startOver() {
  if (now.busy) return;
  now.busy = "start_over";
  const { ok, data } = await ask("POST", "/api/start-over", {});
  now.busy = null;
  if (ok) {
    take(data);
    Object.assign(now, { problem: null, opened: null, choosing: false, card: null, sections: null, menuOf: null });
  } else now.problem = data;
  render();
  $("menu-title").focus();
}

// --- behind the counter ---------------------------------------------------------------------------

const LEVELS = [
  ["none", "No session", "Browsing needs none: the shop's own key is enough."],
  ["partner-only", "Partner-only", "Good for an address and a price, not for paying."],
  ["end-user", "End user", "Signed in: may pay and order."],
];

function renderMachine(view = now.view) {
  const stage = view?.stage ?? "browse";
  const reached = shop.stages.indexOf(stage);
  fill($("stages"), [stage, shop.stages], () => shop.stages.map((each, at) => make(
    `li.${at < reached ? "passed" : at === reached ? "lit" : "ahead"}`, { "data-stage": each, "aria-current": at === reached ? "step" : null }, each)));
  $("next").textContent = view?.next_action.kind ?? "choose_store";
  const level = view?.session.level ?? "none";
  const at = LEVELS.findIndex(([name]) => name === level);
  fill($("levels"), level, () => LEVELS.map(([name, label], each) => make(
    `li.${each === at ? "lit" : each < at ? "passed" : "ahead"}`, { "data-level": name, "aria-current": each === at ? "true" : null }, label)));
  const notice = view?.notices.at(-1);
  const note = notice?.code === "session_upgraded"
    ? `${notice.message}; kept: ${notice.details.kept}.` : LEVELS[at]?.[2] ?? "";
  if ($("session-note").textContent !== note) $("session-note").textContent = note;
}

const MISHAPS = [
  ["price_change", "Raise prices by $1.00", "after you have seen the total"],
  ["lost_answer", "Lose the answer to the order", "it is made, but we do not hear of it"],
  ["slow_answer", "Answer the order slowly", "five seconds, to press twice or reload"],
  ["store_closed", "Close this restaurant", "just before you see the price"],
];

function renderGett() {
  const { orders, requests, mishaps } = now.gett;
  $("counts").textContent = `${requests.at(-1)?.number ?? 0} · orders made: ${orders}`;
  $("counts").dataset.orders = orders;
  if (!$("mishaps").children.length) {
    $("mishaps").append(...MISHAPS.map(([name, label, hint]) => make("label.mishap", {},
      make("input", { type: "checkbox", role: "switch", "data-mishap": name, onchange: turn }),
      make("span.label", {}, label), make("span.hint", {}, hint))));
  }
  for (const input of $("mishaps").querySelectorAll("input")) {
    input.checked = Boolean(mishaps[input.dataset.mishap]);
    input.disabled = input.dataset.mishap === "store_closed" && !now.view?.store && !input.checked;
  }
  fill($("requests"), requests, () => requests.toReversed().map((each) => make(
    "li.request", { value: each.number, "data-operation": each.operation, "data-status": each.status },
    make("span.op", {}, each.operation),
    make(`span.status.${each.status === 0 ? "none" : each.status < 300 ? "fine" : "refused"}`, {}, each.status ? String(each.status) : "no answer"),
    make("span.route", {}, `${each.method} ${each.route}`),
    make("span.level", {}, each.level),
    each.code || each.key ? make("span.more", {}, [each.code, each.key && `key ${each.key}…`].filter(Boolean).join(" · ")) : null)));
}

async function turn(event) {
  const { mishap } = event.target.dataset;
  const { ok, data } = await ask("POST", `/api/mishaps/${mishap}`, { on: event.target.checked });
  if (ok) now.gett = data;
  renderGett();
}

// --- all of it ------------------------------------------------------------------------------------

function render() {
  document.body.setAttribute("aria-busy", String(Boolean(now.busy)));
  renderMessage();
  renderMenu();
  renderReceipt();
  renderCart();
  renderSteps();
  renderMachine();
  renderGett();
  comeBack();
}

/** After a step, bring a person who uses the keyboard to where the order goes on. */
async function go(running, preferred = null) {
  await running;
  (preferred && !now.problem ? $(preferred) : landing()).focus();
}

/** Where the order goes on. */
function landing() {
  if (now.view?.order) return $("receipt-title");
  return $("message-button") ?? $("message").querySelector(".card")
    ?? document.querySelector(".step.current h3") ?? $("order-title");
}

$("other-stores").addEventListener("click", () => { now.choosing = !now.choosing; render(); $("menu-title").focus(); });
$("start-over").addEventListener("click", startOver);

// On a phone a bar leads to the order, while the order is out of sight.
new IntersectionObserver(([order]) => $("jump").classList.toggle("there", order.isIntersecting))
  .observe($("order"));

async function begin() {
  try {
    const [{ ok, data }, checkout] = [await ask("GET", "/api/shop"), await ask("GET", "/api/checkout")];
    if (ok) Object.assign(shop, data);
    else now.problem = data;
    take(checkout.data);
    await Promise.all([loadMenu(), lookAtGett()]);
  } catch {
    now.problem = { code: "NO_SERVER" };
  }
  render();
  document.body.dataset.ready = "";
}

begin();
