// What the page knows: the shop, and the checkout as the library last described it.

export const shop = { stages: [], cards: [], stores: [] };
export const now = {
  view: null,        // where the checkout stands, as the library says
  subtotal: "0",
  topUps: [],
  store: null,       // the store the menu belongs to
  sections: null,    // its menu
  problem: null,     // the last problem document, until the next step
  busy: null,        // the step under way
  opened: null,      // the step opened again to be changed
  choosing: false,   // whether the restaurants are shown although one is chosen
  card: null,        // the card chosen: the view tells only that there is one
  gett: { orders: 0, requests: [], mishaps: {} },
};

/** An amount as a person reads it. */
export function money(amount, currency = now.view?.store?.currency ?? "USD") {
  return new Intl.NumberFormat("en-US", { style: "currency", currency }).format(amount);
}

/** Whether the shopper may still change the order. */
export function isOpen() {
  return !["placing", "placed", "abandoned"].includes(now.view?.stage);
}

/** Whether the restaurants are what to show. */
export function isPicking() {
  return !now.view?.store || now.choosing || now.view.next_action.kind === "choose_store";
}
