// The checkout's side of the page: every step is one request, and then shows what the library says.

import { $ } from "./dom.js";
import { isOpen, isPicking, now, shop } from "./state.js";

let page; // who draws: render, renderMachine and landing

/** Learn of the shop and of this browser's checkout, if it has one. */
export async function begin(drawnBy) {
  page = drawnBy;
  try {
    const { ok, data } = await ask("GET", "/api/shop");
    if (ok) Object.assign(shop, data);
    else now.problem = data;
    take(await ask("GET", "/api/checkout"));
    await Promise.all([loadMenu(), lookAtGett()]);
  } catch {
    now.problem = NO_SERVER;
  }
  page.render();
}

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

/** Go by what the library says; where it cannot say anything, the page stays as it is. */
function take({ ok, data: { view, suggest_items: topUps, ...problem } }) {
  if (ok) Object.assign(now, { view, topUps });
  else now.problem ??= problem;
}

const NO_SERVER = { code: "NO_SERVER" };

/** One step: the request, then whatever the library says now, be it refused or done. */
export async function step(name, body = {}) {
  if (now.busy) return false;
  const hadFocus = document.activeElement !== document.body;
  Object.assign(now, { busy: name, problem: null });
  page.render();
  const stopWatching = name === "place" || name === "reconcile" ? watch() : () => {};
  let done = false;
  try {
    const answer = await ask("POST", `/api/steps/${name}`, body);
    stopWatching();
    take(answer);
    done = answer.ok;
    if (done) Object.assign(now, { opened: null, choosing: false });
    else take(await ask("GET", "/api/checkout"));
    await Promise.all([loadMenu(), lookAtGett()]);
  } catch {
    now.problem = NO_SERVER;
  } finally {
    stopWatching();
    now.busy = null;
  }
  page.render();
  if (!done || (hadFocus && document.activeElement === document.body)) page.landing().focus();
  return done;
}

/** While an order is on its way, show how the stage moves and what goes over the wire. */
function watch() {
  let watching = true;
  const look = async () => {
    try {
      const [{ ok, data }] = await Promise.all([ask("GET", "/api/checkout"), lookAtGett()]);
      if (watching && ok) page.renderMachine(data.view);
    } catch { /* the step itself will tell */ }
  };
  const timer = setInterval(look, 500);
  look();
  return () => { watching = false; clearInterval(timer); };
}

let looking;
export async function reload() {
  clearTimeout(looking);
  if (now.busy) return;
  try {
    now.problem = null;
    take(await ask("GET", "/api/checkout"));
    await Promise.all([loadMenu(), lookAtGett()]);
  } catch {
    now.problem = NO_SERVER;
  }
  page.render();
}

/** Come back when the library says so: after a wait, or when the price has run out. */
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

/** Get what is about to be shown and is not here yet: the restaurants, or the menu of one. */
export async function loadMenu() {
  const wanted = now.view?.store?.catalog_set_id;
  if (isPicking() && !shop.stores.length) {
    const { ok, data } = await ask("GET", "/api/stores");
    if (ok) shop.stores = data.stores;
    else now.problem ??= data;
  }
  if (wanted && wanted !== now.menu?.catalog_set_id && isOpen()) {
    const { ok, data } = await ask("GET", "/api/menu");
    if (ok) now.menu = data;
    else now.problem ??= data;
  }
}

async function lookAtGett() {
  const { ok, data } = await ask("GET", "/api/gett");
  if (ok) now.gett = data;
}

/** After a step, bring a person who uses the keyboard to where the order goes on. */
export async function go(running, preferred = null) {
  await running;
  (preferred && !now.problem ? $(preferred) : page.landing()).focus();
}

/** Leave this order for another. */
export async function startOver() {
  if (now.busy) return;
  Object.assign(now, { busy: "start_over", problem: null });
  try {
    const answer = await ask("POST", "/api/start-over", {});
    take(answer);
    if (answer.ok) Object.assign(now, { opened: null, choosing: false, tried: null });
    await loadMenu();
  } catch {
    now.problem = NO_SERVER;
  }
  now.busy = null;
  page.render();
  $("menu-title").focus();
}

/** Turn one of the sandbox's mishaps on or off. */
export async function turn(mishap, on) {
  try {
    const { ok, data } = await ask("POST", `/api/mishaps/${mishap}`, { on });
    if (ok) now.gett = data;
    else now.problem = data;
  } catch {
    now.problem = NO_SERVER;
  }
  page.render();
}
