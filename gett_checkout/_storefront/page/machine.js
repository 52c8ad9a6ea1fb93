// Behind the counter: the stage, the session, the mishaps to try, and the requests to Gett.

import { turn } from "./checkout.js";
import { $, fill, make } from "./dom.js";
import { isFollowed } from "./follow.js";
import { now, shop } from "./state.js";

const LEVELS = [
  ["none", "No session", "Browsing needs none: the shop's own key is enough."],
  ["partner-only", "Partner-only", "Good for an address and a price, not for paying."],
  ["end-user", "End user", "Signed in: may pay and order."],
];

export function renderMachine(view = now.view) {
  const stage = view?.stage ?? "browse";
  const reached = shop.stages.indexOf(stage);
  fill($("stages"), [stage, shop.stages], () => shop.stages.map((each, at) => make(
    `li.${at < reached ? "passed" : at === reached ? "lit" : "ahead"}`, { "data-stage": each, "aria-current": at === reached ? "step" : null }, each)));
  $("next").textContent = (view?.next_action.kind ?? "choose_store").replaceAll("_", " ");
  const why = view ? view.requirements[0]?.message ?? "" : "Choose a restaurant";
  if ($("why").textContent !== why) $("why").textContent = why;
  const level = view?.session.level ?? "none";
  const at = LEVELS.findIndex(([name]) => name === level);
  fill($("levels"), level, () => LEVELS.map(([name, label], each) => make(
    `li.${each === at ? "lit" : each < at ? "passed" : "ahead"}`, { "data-level": name, "aria-current": each === at ? "true" : null }, label)));
  const notice = view?.notices.at(-1);
  const note = notice?.code === "session_upgraded"
    ? `Signed in: the ${notice.details.from} session became an ${notice.details.to} one, with the same ${notice.details.kept}.` : LEVELS[at]?.[2] ?? "";
  if ($("session-note").textContent !== note) $("session-note").textContent = note;
  renderGett();
}

const MISHAPS = [
  ["price_change", "Raise prices by $1.00", "after you have seen the total"],
  ["lost_response", "Lose the response to the order", "Gett makes it, but nobody hears of it"],
  ["slow_response", "Respond to the order slowly", "in five seconds: press twice, or reload"],
  ["store_closed", "Close this restaurant", "just before you see the price"],
];

function renderGett() {
  const { orders, requests, mishaps } = now.gett;
  $("counts").textContent = `${requests.at(-1)?.number ?? 0} · orders made: ${orders}`;
  if (!$("mishaps").children.length) {
    $("mishaps").append(...MISHAPS.map(([name, label, hint]) => make("label.mishap", {},
      make("input", { type: "checkbox", role: "switch", "data-mishap": name, onchange: ({ target }) => turn(name, target.checked) }),
      make("span.label", {}, label), make("span.hint", {}, hint))));
  }
  for (const input of $("mishaps").querySelectorAll("input")) {
    input.checked = Boolean(mishaps[input.dataset.mishap]);
    input.disabled = input.dataset.mishap === "store_closed" && !now.view?.store && !input.checked;
  }
  $("moving").hidden = !isFollowed();
  fill($("requests"), requests, () => requests.toReversed().map((each) => make(
    "li.request", { value: each.number, "data-operation": each.operation, "data-status": each.status },
    make("span.op", {}, each.operation),
    make(`span.status.${each.status === 0 ? "none" : each.status < 300 ? "fine" : "refused"}`, {}, each.status ? String(each.status) : "no response"),
    make("span.route", {}, `${each.method} ${each.route}`),
    make("span.level", {}, each.level),
    each.code || each.key ? make("span.more", {}, [each.code, each.key && `key ${each.key}…`].filter(Boolean).join(" · ")) : null)));
}
