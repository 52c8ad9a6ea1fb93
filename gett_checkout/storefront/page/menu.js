// The restaurants, and the menu of the one that is chosen.

import { go, step } from "./checkout.js";
import { agree, configure } from "./choices.js";
import { $, fill, make } from "./dom.js";
import { isOpen, isPicking, money, now, shop } from "./state.js";

export function renderMenu() {
  const { view, sections } = now;
  const picks = isPicking();
  const open = isOpen();
  const body = $("menu-body");
  $("menu").classList.toggle("over", !open);
  $("other-stores").hidden = !view?.store || !open || (picks && !now.choosing);
  $("other-stores").textContent = now.choosing ? `Back to ${view?.store?.name}` : "Other restaurants";
  $("menu-title").textContent = picks ? "Where from today?" : view.store.name;
  $("menu-facts").textContent = picks
    ? "Four kitchens, each with a rule of its own."
    : now.store ? storeFacts(now.store).join(" · ") : "";
  if (picks) {
    fill(body, ["stores", shop.stores, view?.store], () => make("ul.stores", {}, shop.stores.map(storeCard)));
  } else if (now.store?.store_id === view.store.store_id) {
    fill(body, ["menu", now.store, open], () => sections.map((section, at) => make(
      "section.section", { "aria-labelledby": `section-${at}` },
      make("h2", { id: `section-${at}` }, section.name),
      make("ul.items", {}, section.items.map((item) => menuRow(item, open))),
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

function menuRow(item, open) {
  const label = item.available ? "Add" : "Sold out";
  return make("li.item", {},
    make("div.what", {},
      make("h3", {}, item.name),
      item.description && make("p", {}, item.description)),
    make("span.price", {}, money(item.price)),
    make("button.add", {
      type: "button", disabled: !item.available || !open, "data-item": item.item_id,
      "aria-label": `${label} ${item.name}`, onclick: () => addItem(item),
    }, label),
  );
}

function addItem(item) {
  if (item.groups.length) configure(item, null);
  else step("add", { item_id: item.item_id });
}
