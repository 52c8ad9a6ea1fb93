"""What the page gives a person who cannot see it, or has no mouse: axe, accessibility tree, focus."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from tests.browser.shopping import Shopper

_AXE: Final = files("selenium_axe_python") / "axe-core" / "axe.min.js"

# The round mark of a step is a pseudo-element beside the text, where axe suspects it below.
# A tick is no text, so it has no contrast of text.
_RUN_AXE: Final = """
const done = arguments[0];
axe.configure({checks: [{id: "color-contrast", options: {ignorePseudo: true}}]});
axe.run({exclude: ["#tick"]}, {
  resultTypes: ["violations", "incomplete"], rules: {"target-size": {enabled: true}},
}).then(({violations, incomplete}) => done([...violations, ...incomplete].flatMap(
  ({id, nodes}) => nodes.map(({target, any}) => `${id}: ${target} ${any[0]?.message ?? ""}`))));
"""

# Waits until nothing moves: neither the page nor what is on it.
_SETTLE: Final = """
const done = arguments[0];
let still = 0, before;
const look = () => {
  const now = `${scrollX} ${scrollY} ${document.getAnimations().length}`;
  still = now === before && document.getAnimations().length === 0 ? still + 1 : 0;
  before = now;
  if (still > 5) done(null); else requestAnimationFrame(look);
};
look();
"""

# What has the focus: whether it is in sight, and is marked; by itself, or by the label that draws it.
_FOCUS: Final = """
const element = document.activeElement;
const box = element.getBoundingClientRect();
const drawn = [element, element.nextElementSibling, element.closest("label")].filter(Boolean);
return {
  name: element.id || element.name || element.textContent.slice(0, 40),
  isLost: element === document.body || !element.checkVisibility(),
  inSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  isMarked: drawn.some((each) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(each);
    return outlineStyle === "solid" && parseFloat(outlineWidth) >= 2;
  }),
};
"""

# What a finger has to hit, and is smaller than 44 pixels. An input in a label is hit by way of it.
_SMALL: Final = """
return [...document.querySelectorAll("a, button, input")].filter((each) => each.checkVisibility())
  .map((each) => [each, (each.closest("label") ?? each).getBoundingClientRect()])
  .filter(([, box]) => box.right > 0 && (box.width < 44 || box.height < 44))
  .map(([each, box]) => `${each.outerHTML.slice(0, 60)} ${box.width} x ${box.height}`);
"""

_LISTEN: Final = """
window.announced = [];
for (const region of document.querySelectorAll("[role=status]")) {
  new MutationObserver(() => window.announced.push(region.textContent))
    .observe(region, { childList: true, characterData: true, subtree: true });
}
"""


def settle(shopper: Shopper) -> None:
    """Wait until nothing is under way and nothing moves."""
    shopper.is_idle()
    shopper.driver.execute_async_script(_SETTLE)


def found_by_axe(shopper: Shopper) -> list[str]:
    """What axe finds wrong with the page as it is, and what it cannot decide."""
    settle(shopper)
    if not shopper.script("return 'axe' in window"):
        shopper.script(_AXE.read_text("utf-8"))
    found: list[str] = shopper.driver.execute_async_script(_RUN_AXE)
    return found


def listen(shopper: Shopper) -> None:
    """Note from now on what the live regions say."""
    shopper.script(_LISTEN)


def has_been_told(shopper: Shopper, words: str) -> None:
    """A live region has said these words."""
    shopper.until(lambda: any(words in each for each in shopper.script("return announced")))


def focus_is_seen(shopper: Shopper) -> None:
    """The focus is on something that shows, and it shows that it has the focus."""
    settle(shopper)
    focus = shopper.script(_FOCUS)
    assert (focus["isLost"], focus["inSight"], focus["isMarked"]) == (False, True, True), focus


def too_small(shopper: Shopper) -> list[str]:
    """What a finger would miss."""
    found: list[str] = shopper.script(_SMALL)
    return found


def fits(shopper: Shopper) -> bool:
    """Whether nothing sticks out of the screen, and every input shows all of its text."""
    wide = "return document.documentElement.scrollWidth > innerWidth"
    cut = (
        "return [...document.querySelectorAll('.field input')].some("
        "(each) => each.checkVisibility() && each.scrollWidth > each.clientWidth)"
    )
    return not (shopper.script(wide) or shopper.script(cut))


def accessible(shopper: Shopper, *roles: str) -> list[tuple[str, str]]:
    """The role and name of everything of these roles in the accessibility tree, in its order."""
    nodes: list[dict[str, Any]] = shopper.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})[
        "nodes"
    ]
    told = [
        (str(each["role"]["value"]), str(each.get("name", {}).get("value", "")))
        for each in nodes
        if not each["ignored"]
    ]
    return [each for each in told if each[0] in roles]


def focused(shopper: Shopper) -> tuple[str, str]:
    """The role and name of what has the focus, as the accessibility tree has them."""
    element = shopper.driver.switch_to.active_element
    return element.aria_role, element.accessible_name
