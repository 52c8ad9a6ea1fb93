// Follow the order: ask less and less often, while the tab is visible, until the order is over.

import { ask, lookAtGett, page } from "./checkout.js";
import { now } from "./state.js";

const FIRST = 5_000;
const LONGEST = 60_000;

let interval = FIRST; // null once asking is of no use
let due = null;
let timer;
let asking = null;

/** How the order ended; null while it is in progress. */
export function ending({ state }) {
  return { completed: "completed", cancelled: "cancelled", canceled: "cancelled" }[state?.toLowerCase()] ?? null;
}

/** Whether the order is still in progress. */
export function isFollowed() {
  const order = now.view?.order;
  return Boolean(order?.order_id) && !ending(order);
}

/** Ask when it is time, as long as the tab is visible. */
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
  if (isWanted) interval = FIRST; // after the look that was in progress, which has doubled it
  asking = read(isWanted);
  await asking;
}

/** Ask once. A problem that may pass is shown only to somebody who pressed a button. */
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

/** Ask now, because somebody pressed a button, after doing what the button is for. */
async function attend(first = () => {}) {
  if (now.busy) return;
  now.busy = "follow";
  page.render();
  try {
    await first();
  } catch { /* the request that follows reports the problem */ }
  await look(true);
  now.busy = null;
  page.render();
}

export const lookAgain = () => attend();

/** Move the order on at the sandbox, as its restaurant would, or cancel it. */
export const moveOn = (cancel) => attend(() => ask("POST", "order/advance", { cancel }));
