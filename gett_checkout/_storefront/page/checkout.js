// The checkout's side of the page: every step is one request, whose response is the new view.

import { $, arrive } from "./dom.js";
import { isOpen, isPicking, now, shop } from "./state.js";

// The mounted endpoints. A mount may redirect the path without the slash.
const ENDPOINTS = "/checkout/";

// Each step as a request: its method, its path, and its body.
const STEPS = {
  start: () => ["POST", ""],
  abandon: () => ["DELETE", ""],
  browse: ({ store_id, replace_cart }) => ["PUT", "store", { store_id, replace_cart }],
  add: ({ item_id, quantity, modifiers }) => ["POST", "lines", { item_id, quantity, modifiers }],
  update: ({ line_id, quantity, modifiers }) => ["PATCH", `lines/${line_id}`, { quantity, modifiers }],
  remove: ({ line_id }) => ["DELETE", `lines/${line_id}`],
  fulfill: ({ type, address }) => ["PUT", "fulfillment", { type, address }],
  validate: ({ tip }) => ["POST", "quote", { tip }],
  identify: ({ email, first_name, last_name }) => ["PUT", "identity", { email, first_name, last_name }],
  set_recipient: (contact) => ["PUT", "recipient", contact],
  remove_recipient: () => ["DELETE", "recipient"],
  pay: ({ card }) => ["PUT", "payment", { card }],
  place: ({ total }) => ["POST", "order", { total }],
  // Repeating the request asks about the same order.
  reconcile: () => ["POST", "order", { total: now.view.quote.amounts.total }],
};

export let page; // who draws: render, renderMachine and landing

/** Load the shop, and this browser's checkout if it has one. */
export async function begin(drawnBy) {
  page = drawnBy;
  try {
    const { ok, data } = await ask("GET", "shop");
    if (ok) Object.assign(shop, data);
    else now.problem = data;
    take(await look());
    await loadTheRest();
  } catch {
    now.problem = NO_SERVER;
  }
  page.render();
}

export async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(ENDPOINTS + path, options);
  const worker = response.headers.get("X-Worker");
  $("worker").textContent = worker ? `worker ${worker}` : "";
  return { ok: response.ok, status: response.status, data: await response.json() };
}

/** Read this browser's checkout; having none is no problem. */
async function look() {
  const { ok, data } = await ask("GET", "");
  return data.code === "CHECKOUT_NOT_FOUND" ? { ok: true, data: null } : { ok, data };
}

/** Take the view from a response; after a problem the page stays as it is. */
function take({ ok, data }) {
  if (ok) now.view = data?.stage === "abandoned" ? null : data;
  else now.problem ??= data;
}

const NO_SERVER = { code: "NO_SERVER" };

/** Send a step's request. Choosing a restaurant begins a checkout where there is none. */
async function send(name, given) {
  const response = await ask(...STEPS[name](given));
  if (name !== "browse" || response.data.next_action?.kind !== "start_over") return response;
  const started = await ask(...STEPS.start());
  return started.ok ? ask(...STEPS.browse(given)) : started;
}

/** Take one step, then show the view, whether the step was done or rejected. */
export async function step(name, given = {}) {
  if (now.busy) return false;
  Object.assign(now, { busy: name, problem: null });
  page.render();
  const stopWatching = name === "place" || name === "reconcile" ? watch() : () => {};
  let done = false;
  try {
    const response = await send(name, given);
    stopWatching();
    take(response);
    done = response.ok;
    if (done) Object.assign(now, { opened: null, choosing: false });
    else take(await look());
    await loadTheRest();
  } catch {
    now.problem = NO_SERVER;
  } finally {
    stopWatching();
    now.busy = null;
  }
  page.render();
  if (!done) arrive(page.landing());
  return done;
}

/** While an order is being placed, show the stage and the requests as they change. */
function watch() {
  let watching = true;
  const glance = async () => {
    try {
      const [{ ok, data }] = await Promise.all([look(), lookAtGett()]);
      if (watching && ok) page.renderMachine(data);
    } catch { /* the step itself reports the problem */ }
  };
  const timer = setInterval(glance, 500);
  glance();
  return () => { watching = false; clearInterval(timer); };
}

let looking;
export async function reload() {
  clearTimeout(looking);
  if (now.busy) return;
  try {
    now.problem = null;
    take(await look());
    await loadTheRest();
  } catch {
    now.problem = NO_SERVER;
  }
  page.render();
}

/** Reload when the view says so: after a wait, or when the price has expired. */
export function comeBack() {
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

const loadTheRest = () => Promise.all([loadMenu(), loadTopUps(), lookAtGett()]);

/** Load what is about to be shown and is missing: the restaurants, or a menu. */
export async function loadMenu() {
  const wanted = now.view?.store?.catalog_set_id;
  if (isPicking() && !shop.stores.length) {
    const { ok, data } = await ask("GET", "stores");
    if (ok) shop.stores = data.stores;
    else now.problem ??= data;
  }
  if (wanted && wanted !== now.menu?.catalog_set_id && isOpen()) {
    const { ok, data } = await ask("GET", "menu");
    if (ok) now.menu = data;
    else now.problem ??= data;
  }
}

/** Load what would close the gap. It is a hint, so it never fails. */
async function loadTopUps() {
  const isShort = isOpen() && now.view?.minimum_order?.met === false;
  const { ok, data } = isShort ? await ask("GET", "suggestions") : {};
  now.topUps = ok ? data.suggestions.slice(0, 3) : [];
}

export async function lookAtGett() {
  const { ok, data } = await ask("GET", "gett");
  if (ok) now.gett = data;
}

/** After a step, move the focus to where the order continues. */
export async function go(running, preferred = null) {
  if (await running) arrive(preferred ? $(preferred) : page.landing());
}

/** Start another order; abandon this one if it is still open. */
export async function startOver() {
  if (now.busy) return;
  Object.assign(now, { busy: "start_over", problem: null });
  try {
    const left = now.view?.editable ? await ask(...STEPS.abandon()) : { ok: true, data: null };
    take(left);
    take(left.ok ? await ask(...STEPS.start()) : await look());
    if (!now.problem) Object.assign(now, { opened: null, choosing: false, tried: null });
    await loadTheRest();
  } catch {
    now.problem = NO_SERVER;
  }
  now.busy = null;
  page.render();
  arrive($("menu-title"));
}

/** Switch one of the sandbox's mishaps on or off; the switches are busy until the sandbox has it. */
export async function turn(mishap, on) {
  $("mishaps").setAttribute("aria-busy", "true");
  try {
    const store_id = now.view?.store?.store_id;
    const { ok, data } = await ask("PUT", `mishaps/${mishap}`, { on, store_id });
    if (ok) now.gett = data;
    else now.problem = data;
  } catch {
    now.problem = NO_SERVER;
  }
  $("mishaps").setAttribute("aria-busy", "false");
  page.render();
}
