// What the page knows: the shop, and the checkout's latest view.

export const shop = { stages: [], cards: [], stores: [] };
export const now = {
  view: null,        // the checkout's view
  topUps: [],        // items that would close the gap to the minimum
  menu: null,        // the store's: sections in order, items and modifier groups by id
  problem: null,     // the last problem document, until the next step
  busy: null,        // the step in progress
  opened: null,      // a completed step that is open to be changed
  choosing: false,   // whether the restaurants are shown although one is chosen
  tried: null,       // the card tried last, so that another is offered when it is rejected
  unheard: false,    // whether the latest request for the order's status failed
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

/** Whether to show the restaurants. */
export function isPicking() {
  return !now.view?.store || now.choosing || now.view.next_action.kind === "choose_store";
}

/** What Gett rejected: the details of the first of these requirements that has an error code. */
export function rejected(...codes) {
  return now.view?.requirements.find((each) => codes.includes(each.code) && each.details.error_code)?.details ?? null;
}

/** The lines to change. */
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
