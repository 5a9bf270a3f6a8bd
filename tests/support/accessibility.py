"""What holds for each page for everybody: axe-core's rules, a focus that is seen, and no scrolling sideways."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE: Final = Path(__file__).parent / "axe" / "axe.min.js"
WIDTHS: Final = (320, 390, 640, 768, 1180, 1440)
"""640 pixels are a screen of 1280 at 200 %, and 320 one at 400 %."""
MOST_STOPS: Final = 300
"""Presses of Tab on one page."""
_COLOURS: Final = ("color-contrast", "link-in-text-block")
"""The rules that a scheme of other colours can break, without which it breaks no other."""
_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN: Final = """
async (rules) => {
  const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  const line = (id, { target, html }) => `${id}: ${target.join(" ")} ${html.slice(0, 200)}`;
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => line(id, node)));
}
"""
_TO_THE_TOP: Final = """
() => {
  window.strettoStops = undefined;
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}
"""
_FOCUSED: Final = """
() => {
  const holds = (outer, inner) => outer !== null && outer.contains(inner);
  const sees = (one, top) => holds(one, top) || holds(top, one) || holds(top.closest("label"), one);
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return null;
  const style = getComputedStyle(element);
  const node = element.querySelector(".box") ?? element;  // of a graph
  const drawn = parseFloat(getComputedStyle(node).strokeWidth);
  const box = element.getBoundingClientRect();
  const within = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1);
  const y = Math.min(Math.max(box.top + Math.min(box.height, innerHeight) / 2, 1), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  const known = window.strettoStops ??= new Map();
  if (!known.has(element)) known.set(element, known.size);
  return {
    stop: known.get(element),
    what: element.outerHTML.slice(0, 120),
    outline: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || drawn >= 3,
    within,
    covered: within && top !== null && !sees(element, top),
  };
}
"""


@cache
def _axe() -> str:
    return AXE.read_text()


def violations(page: "Page") -> list[str]:
    """Return a line for each element of a page that breaks one of axe-core's rules."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe())
    found: list[str] = page.evaluate(_RUN, list(_RULES))
    return found


def violations_of_colours(page: "Page") -> list[str]:
    """Return a line for each element of a page that breaks a rule about colours."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe())
    found: list[str] = page.evaluate(_RUN, list(_COLOURS))
    return found


def unseen_stops(page: "Page") -> tuple[int, list[str]]:
    """Walk through a page with Tab. Return the number of its stops, and a line for each whose focus is not seen."""
    page.evaluate(_TO_THE_TOP)
    found: list[str] = []
    stops: set[int] = set()
    try:
        for _ in range(MOST_STOPS):
            page.keyboard.down("Tab")  # kept down: the focus moves as with presses, and half of the events suffice
            focused: dict[str, Any] | None = page.evaluate(_FOCUSED)
            if focused is None or focused["stop"] in stops:
                return len(stops), found
            stops.add(focused["stop"])
            if not focused["outline"] or not focused["within"] or focused["covered"]:
                found.append(json.dumps(focused))
        return len(stops), [*found, f"more than {MOST_STOPS} stops"]
    finally:
        page.keyboard.up("Tab")


def sideways(page: "Page", widths: Sequence[int] = WIDTHS) -> list[str]:
    """Return a line for each width at which a page scrolls sideways, with an element that sticks out."""
    found: list[str] = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            out = page.evaluate(
                "(width) => [...document.querySelectorAll('main *, header *, footer *')]"
                ".filter((each) => each.getBoundingClientRect().right > width).at(-1)?.outerHTML.slice(0, 200)",
                width,
            )
            found.append(f"{width}: {out}")
    return found
