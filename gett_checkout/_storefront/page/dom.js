// Elements: make them, and fill them without disturbing the person who uses them.

export const $ = (id) => document.getElementById(id);

/** An element: `make("p.note", {id: "x"}, "text", child)`. Text is always text, never markup. */
export function make(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const shown = new Map();

/** Fill an element again, but only when its data has changed, so that forms and focus survive. */
export function fill(element, data, build) {
  const key = JSON.stringify(data);
  if (shown.get(element) === key) return;
  shown.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...[build()].flat().filter(Boolean));
  if (focused) {
    const same = [...element.querySelectorAll("a, button, input, h3")].find((each) => each.tagName === focused.tagName
      && each.id === focused.id && each.ariaLabel === focused.ariaLabel && each.name === focused.name && each.textContent === focused.textContent);
    same?.focus({ preventScroll: true });
  }
}

/** Whether the focus is on nothing, or on something hidden. */
export function isFocusLost() {
  return document.activeElement === document.body || Boolean(document.activeElement.closest("[hidden]"));
}

/** Move the focus to an element, and scroll the part it belongs to into view. */
export function arrive(element) {
  element.focus({ preventScroll: true });
  const part = element.closest(".menu, .step, .card, .receipt") ?? element;
  part.scrollIntoView({ block: part.id === "menu" ? "start" : "nearest" });
}

/** Have `fill` fill the element the next time, even with the same data. */
export function forget(element) {
  shown.delete(element);
}
