// What the page knows: the shop, and the checkout as the library last described it.

export const shop = { stages: [], cards: [], stores: [] };
export const now = {
  view: null,        // where the checkout stands, as the library says
  topUps: [],        // what would close the gap to the minimum
  menu: null,        // the store's: sections in order, items and modifier groups by id
  problem: null,     // the last problem document, until the next step
  busy: null,        // the step under way
  opened: null,      // the step opened again to be changed
  choosing: false,   // whether the restaurants are shown although one is chosen
  tried: null,       // the card tried last, so that another one is offered when it is refused
  unheard: false,    // whether the last question about the order came to nothing
  gett: { orders: 0, requests: [], mishaps: {} },
};

/** An amount as a person reads it. */
export function money(amount, currency = now.view?.store?.currency ?? "USD") {
  return new Intl.NumberFormat("en-US", { style: "currency", currency }).format(amount);
}

/** Whether the shopper may still change the order. */
export function isOpen() {
  return now.view?.editable ?? true;
}

/** Whether the restaurants are what to show. */
export function isPicking() {
  return !now.view?.store || now.choosing || now.view.next_action.kind === "choose_store";
}

/** What Gett said where it rejected something: the details of the first of these requirements that has them. */
export function rejected(...codes) {
  return now.view?.requirements.find((each) => codes.includes(each.code) && each.details.error_code)?.details ?? null;
}

/** The lines that are to be changed. */
export function markedLines() {
  return now.view?.next_action.lines ?? [];
}

/** The choices an item offers. */
export function groupsOf(item) {
  return item.modifier_group_ids.map((id) => now.menu.modifier_groups[id]);
}

/** A card as a person knows it. */
export function cardName({ card_type: type, last_four: digits }) {
  return type && digits ? `${type} ending ${digits}` : "A card is chosen.";
}
