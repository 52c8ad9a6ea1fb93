// The dialog: an item's choices, nested to any depth, or a yes-or-no question.

import { step } from "./checkout.js";
import { $, make } from "./dom.js";
import { groupsOf, money, now } from "./state.js";

const cents = (price) => Math.round(Number(price ?? 0) * 100);

/** Ask for an item's choices, then add it, or change the line given. */
export function configure(item, line) {
  const dialog = $("choices");
  const quantity = make("input", { type: "number", id: "quantity", min: 1, max: 99, required: true, value: line?.quantity ?? 1 });
  const submit = make("button.primary", { type: "submit", id: "choices-done" });
  const groups = make("div", {}, groupsOf(item).map((group) => groupField(group, line?.groups ?? [], [item.item_id])));
  const total = () => {
    const one = cents(item.price) + [...groups.querySelectorAll("input:checked:enabled")]
      .reduce((sum, input) => sum + cents(input.dataset.price), 0);
    submit.textContent = `${line ? "Change" : "Add"} · ${money((one * (quantity.valueAsNumber || 1)) / 100)}`;
  };
  const form = make("form", {
    onsubmit: (event) => {
      event.preventDefault();
      const body = { quantity: quantity.valueAsNumber, modifiers: chosen(groups) };
      dialog.close();
      if (line) step("update", { line_id: line.line_id, ...body });
      else step("add", { item_id: item.item_id, ...body });
    },
    oninput: () => { arrangeGroups(groups); total(); },
  },
  make("div.heading", {},
    make("h2", { id: "choices-title" }, item.name),
    make("button.quiet", { type: "button", onclick: () => dialog.close() }, "Cancel")),
  item.description && make("p.facts", {}, item.description),
  groups,
  make("div.finish", {}, make("label.quantity", {}, "Quantity ", quantity), submit));
  dialog.replaceChildren(form);
  arrangeGroups(groups);
  total();
  dialog.showModal();
}

/** One group as a fieldset: radios where exactly one is wanted, else checkboxes; nested ones inside.
 *  The path holds the items above it; an item that would contain itself is not offered. */
function groupField(group, before, path) {
  const { modifier_group_id: groupId, min_selections: min, max_selections: max } = group;
  const id = `${path.join("-")}-${groupId}`;
  const isOne = min === 1 && max === 1;
  const picked = before.find((each) => each.modifier_group_id === groupId)?.chosen ?? [];
  const hint = min ? (isOne ? "choose one" : `choose ${min} to ${max ?? "any"}`) : max ? `up to ${max}` : "as you like";
  const choices = group.item_ids.filter((each) => !path.includes(each)).map((each) => now.menu.items[each]);
  return make("fieldset", { "data-group": groupId, "data-min": min, "data-max": max ?? 99 },
    make("legend", {}, group.name, " ", make("span.hint", {}, hint)),
    choices.map((choice) => {
      const was = picked.find((each) => each.item_id === choice.item_id);
      const input = make("input", {
        type: isOne ? "radio" : "checkbox", name: id, value: choice.item_id, "data-price": choice.price,
        required: isOne, disabled: !choice.available, "data-out": !choice.available,
      });
      input.checked = Boolean(was);
      return make("div.choice", {},
        make("label", {}, input, make("span", {}, choice.name),
          cents(choice.price) ? make("span.extra", {}, `+${money(choice.price)}`) : null),
        choice.modifier_group_ids.length ? make("div.nested", {},
          groupsOf(choice).map((each) => groupField(each, was?.groups ?? [], [...path, choice.item_id]))) : null);
    }));
}

/** Open what is chosen, close the rest, and enforce each group's least and most. */
function arrangeGroups(groups) {
  for (const nested of groups.querySelectorAll(".nested")) {
    const isChosen = nested.parentElement.querySelector("input").checked;
    nested.hidden = !isChosen;
    for (const field of nested.children) field.disabled = !isChosen;
  }
  for (const field of groups.querySelectorAll("fieldset")) {
    const boxes = [...field.querySelectorAll(":scope > .choice > label > input[type=checkbox]")];
    const count = boxes.filter((box) => box.checked).length;
    for (const box of boxes) {
      box.disabled = "out" in box.dataset || (!box.checked && count >= Number(field.dataset.max));
    }
    const few = count < Number(field.dataset.min) ? `Choose at least ${field.dataset.min}.` : "";
    boxes[0]?.setCustomValidity(few);
  }
}

function chosen(groups) {
  const modifiers = {};
  for (const field of groups.querySelectorAll(":scope > fieldset:not(:disabled)")) {
    const picked = [...field.querySelectorAll(":scope > .choice")]
      .filter((choice) => choice.querySelector("input").checked)
      .map((choice) => {
        const nested = choice.querySelector(":scope > .nested");
        return { item_id: choice.querySelector("input").value, modifiers: nested ? chosen(nested) : {} };
      });
    if (picked.length) modifiers[field.dataset.group] = picked;
  }
  return modifiers;
}

/** Ask a yes-or-no question. */
export function agree(title, text, yes) {
  const dialog = $("choices");
  return new Promise((resolve) => {
    const close = (agreed) => { dialog.close(); resolve(agreed); };
    dialog.replaceChildren(make("div.question", {},
      make("h2", { id: "choices-title" }, title), make("p", {}, text),
      make("div.finish", {},
        make("button.quiet", { type: "button", onclick: () => close(false) }, "Keep my cart"),
        make("button.primary", { type: "button", onclick: () => close(true) }, yes))));
    dialog.addEventListener("cancel", () => resolve(false), { once: true });
    dialog.showModal();
  });
}
