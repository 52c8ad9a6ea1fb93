// What becomes of the order: asked for slower and slower, while somebody looks, until it is over.

import { ask, lookAtGett, page } from "./checkout.js";
import { now } from "./state.js";

const FIRST = 5_000;
const LONGEST = 60_000;

let interval = FIRST; // null once it is no use to ask
let due = null;
let timer;
let asking = null;

/** How the order ended, in Gett's words and the page's; null while it is in progress. */
export function ending({ state }) {
  return { completed: "completed", cancelled: "cancelled", canceled: "cancelled" }[state?.toLowerCase()] ?? null;
}

/** Whether more may become of the order. */
export function isFollowed() {
  const order = now.view?.order;
  return Boolean(order?.order_id) && !ending(order);
}

/** Ask when it is time, as long as somebody looks. */
export function followOrder() {
  clearTimeout(timer);
  if (!isFollowed()) {
    Object.assign(now, { unheard: false });
    interval = FIRST;
    due = null;
  } else if (interval && !asking && document.visibilityState === "visible") {
    if (due === null) putOff();
    timer = setTimeout(look, Math.max(due - Date.now(), 0));
  }
}
document.addEventListener("visibilitychange", followOrder);

function putOff(seconds = 0) {
  due = Date.now() + Math.max(interval, seconds * 1000);
  interval = Math.min(interval * 2, LONGEST);
}

async function look(isWanted = false) {
  while (asking) await asking;
  asking = read(isWanted);
  await asking;
}

/** Ask once. What may be over by the next time is passed over, but for somebody who wants to know. */
async function read(isWanted) {
  const { view } = now;
  const nothing = { ok: false, status: 0, data: {} };
  const { ok, status, data } = await ask("GET", "order").catch(() => nothing);
  await lookAtGett().catch(() => nothing);
  asking = null;
  if (now.view === view) { // no other order was begun meanwhile
    const passes = status === 0 || status === 429 || status >= 500;
    if (ok) now.view = data;
    if (ok || passes) putOff(data.retry_after); else interval = null;
    now.unheard = !ok && (isWanted || !passes);
  }
  page.render();
}

/** Ask now, after what somebody who pressed a button wants done first. */
async function attend(first = () => {}) {
  if (now.busy) return;
  now.busy = "follow";
  page.render();
  interval = FIRST;
  try {
    await first();
  } catch { /* the question that follows will tell */ }
  await look(true);
  now.busy = null;
  page.render();
}

export const lookAgain = () => attend();

/** Move the order on at the sandbox, as its restaurant would, or cancel it. */
export const moveOn = (cancel) => attend(() => ask("POST", "order/advance", { cancel }));
