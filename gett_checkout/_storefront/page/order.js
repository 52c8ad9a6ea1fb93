// The order so far: its lines, and the gap to the minimum.

import { step } from "./checkout.js";
import { configure } from "./choices.js";
import { $, fill, make } from "./dom.js";
import { groupsOf, isOpen, markedLines, money, now, rejected } from "./state.js";

export function renderCart() {
  const { view } = now;
  const lines = view?.lines ?? [];
  const open = isOpen();
  $("start-over").hidden = !view?.store || view.stage === "placing" || view.stage === "placed";
  const marked = markedLines();
  // What Gett said of one line stands at that line, what it said of the cart above the lines.
  const said = rejected("cart_accepted");
  const ofCart = said?.lines ? null : said?.message;
  fill($("cart"), [lines, marked, view?.next_action.kind, ofCart, open, Boolean(view?.quote), Boolean(view?.store)], () => {
    if (!lines.length) {
      return make("p.empty", {}, view?.store ? "Nothing here yet. Add something from the menu." : "Choose a restaurant to begin.");
    }
    return [ofCart && make("p.problem", {}, ofCart),
      make("ul.lines", {}, lines.map((line) => cartLine(line, open, marked.includes(line.line_id)))),
      view.quote ? null : make("p.sum", {}, make("span", {}, "Items"), make("span.price", {}, money(view.subtotal)))];
  });
  renderGap();
  const count = lines.reduce((sum, line) => sum + line.quantity, 0);
  const items = `${count} ${count === 1 ? "item" : "items"}`;
  $("jump").hidden = !count || view.stage === "placed";
  $("jump").textContent = `Your order · ${items} · ${money(view?.quote?.amounts.total ?? view?.subtotal ?? 0)}`;
  const total = (view?.order?.amounts ?? view?.quote?.amounts)?.total;
  if (view?.order) announce([$("receipt-title").textContent, total && `Total ${money(total)}.`].filter(Boolean).join(" "));
  else if (total) announce(`${items}, total ${money(total)}.`);
  else announce(count ? `${items}, ${money(view.subtotal)}.` : "");
}

/** Announce the total to a screen reader, once for each change. */
function announce(text) {
  if ($("announcement").textContent !== text) $("announcement").textContent = text;
}

function cartLine(line, open, isMarked) {
  const picked = names(line.groups);
  const item = now.menu?.items[line.item_id];
  const set = (quantity) => (quantity ? step("update", { line_id: line.line_id, quantity }) : step("remove", { line_id: line.line_id }));
  return make(isMarked ? "li.line.marked" : "li.line", { "data-line": line.line_id },
    make("div.what", {},
      make("span.name", {}, line.name),
      picked.length ? make("span.choices", {}, picked.join(", ")) : null,
      line.problems.flatMap((problem) => [problem.message, problem.said].filter(Boolean).map((text) => make("span.problem", {}, text))),
      isMarked && !line.problems.length ? make("span.problem", {}, "Please change or remove this.") : null,
      open && item && groupsOf(item).length ? make("button.link", { type: "button", "aria-label": `Change ${line.name}`, onclick: () => configure(item, line) }, "Change") : null),
    open ? make("div.count", { role: "group", "aria-label": `Quantity of ${line.name}` },
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
  const gap = isOpen() ? now.view?.minimum_order : null;
  $("gap").hidden = !gap;
  if (!gap) return;
  const share = Math.min(Number(gap.subtotal) / Number(gap.minimum), 1);
  $("gap").classList.toggle("met", gap.met);
  $("gap-fill").style.setProperty("width", `${share * 100}%`);
  const bar = $("gap-bar");
  bar.setAttribute("aria-valuemax", gap.minimum);
  bar.setAttribute("aria-valuenow", String(Math.min(Number(gap.subtotal), Number(gap.minimum))));
  bar.setAttribute("aria-valuetext", `${money(gap.subtotal)} of ${money(gap.minimum)}`);
  if ($("gap-text").textContent !== gap.message) $("gap-text").textContent = gap.message;
  fill($("top-ups"), now.topUps, () => now.topUps.map((way) => make(
    "button.chip", { type: "button", onclick: () => step("add", { item_id: way.item.item_id, quantity: way.quantity }) },
    `+ ${way.quantity > 1 ? `${way.quantity} × ` : ""}${way.item.name}`, make("span.price", {}, money(way.total)))));
}

/** The amounts that make up the total. */
export function amounts(parts) {
  const rows = [["Items", parts.sub_total], ["Fees", parts.fees], ["Promotions", parts.promotions, "−"],
    ["Taxes", parts.taxes], ["Adjustments", parts.adjustments], ["Tip", parts.tip]];
  return make("dl.amounts", {},
    rows.filter(([, amount]) => Number(amount)).map(([label, amount, sign = ""]) => make("div", {}, make("dt", {}, label), make("dd", {}, sign + money(amount)))),
    make("div.total", {}, make("dt", {}, "Total"), make("dd", {}, money(parts.total))));
}
