// The restaurants, and the menu of the one that is chosen.

import { go, step } from "./checkout.js";
import { agree, configure } from "./choices.js";
import { $, fill, make } from "./dom.js";
import { groupsOf, isOpen, isPicking, money, now, shop } from "./state.js";

export function renderMenu() {
  const { view, menu } = now;
  const picks = isPicking();
  const open = isOpen();
  const body = $("menu-body");
  $("menu").classList.toggle("over", !open);
  $("other-stores").hidden = !view?.store || !open || (picks && !now.choosing);
  $("other-stores").textContent = now.choosing ? `Back to ${view?.store?.name}` : "Other restaurants";
  $("menu-title").textContent = picks ? "Where from today?" : view.store.name;
  $("menu-facts").textContent = picks
    ? "Four kitchens, each with a rule of its own."
    : storeFacts(view.store).join(" · ");
  if (picks) {
    fill(body, ["stores", shop.stores, view?.store], () => make("ul.stores", {}, shop.stores.map(storeCard)));
  } else if (menu?.catalog_set_id === view.store.catalog_set_id) {
    const sections = menu.sections.filter((section) => section.item_ids.length);
    fill(body, ["menu", menu.catalog_set_id], () => sections.map((section, at) => make(
      "section.section", { "aria-labelledby": `section-${at}` },
      make("h3", { id: `section-${at}` }, section.name),
      make("ul.items", {}, section.item_ids.map((id) => menuRow(menu.items[id]))),
    )));
  }
}

function storeFacts(store) {
  const [delivery, pickup] = ["delivery", "pickup"].map((way) => store.fulfillment_types.includes(way));
  const ways = delivery && pickup ? "Delivery and pickup" : delivery ? "Delivery only" : "Pickup only";
  const least = store.minimum_order_amount;
  const minimum = Number(least) ? `${money(least, store.currency)} minimum` : "No minimum";
  return [store.categories.join(", "), ways, minimum];
}

function storeCard(store) {
  const [kind, ways, minimum] = storeFacts(store);
  const closed = store.is_open === false;
  return make("li", {}, make(
    "button.store", { type: "button", disabled: closed, "data-store": store.store_id, onclick: () => choose(store) },
    make("span.name", {}, store.name),
    make("span.kind", {}, kind),
    make("span.rest", {}, closed ? "Closed now" : ways),
    closed ? null : make("span.rest", {}, minimum),
  ));
}

async function choose(store) {
  const { view } = now;
  const moves = view?.store && view.store.store_id !== store.store_id && view.lines.length > 0;
  if (moves && !(await agree(`Start a new cart at ${store.name}?`,
    `Your cart from ${view.store.name} will be emptied.`, "Start a new cart"))) return;
  await go(step("browse", { store_id: store.store_id, replace_cart: Boolean(moves) }), "menu-title");
}

function menuRow(item) {
  const label = item.available ? "Add" : "Sold out";
  return make("li.item", {},
    make("div.what", {},
      make("h4", {}, item.name),
      item.description && make("p", {}, item.description)),
    make("span.price", {}, money(item.price ?? 0)),
    make("button.add", {
      type: "button", disabled: !item.available, "data-item": item.item_id,
      "aria-label": `${label} ${item.name}`, onclick: () => addItem(item),
    }, label),
  );
}

function addItem(item) {
  if (groupsOf(item).length) configure(item, null);
  else step("add", { item_id: item.item_id });
}
