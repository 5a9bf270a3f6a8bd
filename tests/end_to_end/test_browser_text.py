"""Every page for a reader who has set the size of text, in a real browser."""

from pathlib import Path
from typing import Final

from tests.end_to_end.test_browser_states import STATES, Shown, look, make_token, shown
from tests.support.chromium import enter, needs_chromium, opened_with_text_of

__all__ = ["shown"]

pytestmark = needs_chromium
WIDTHS: Final = (1440, 390)
CUT: Final = """
[...document.querySelectorAll(".b, .chip, .menu b, select, .tabs a, h1")]
  .filter((each) => each.checkVisibility() && each.scrollHeight > each.clientHeight + 1)
  .map((each) => each.outerHTML.slice(0, 200))
"""
"""Controls and titles whose text is higher than they are."""


def test_text_of_twice_the_size_fits(shown: Shown, tmp_path: Path) -> None:
    """Controls grow with it, and nothing scrolls sideways: the layout is that of a screen of half the width."""
    with opened_with_text_of(32, tmp_path) as context:
        page = enter(context, shown.daemon.client, shown.daemon.url)
        make_token(page, shown)
        found = []
        for state in STATES:
            look(page, shown, state)
            assert page.evaluate("getComputedStyle(document.body).fontSize") == "28px"
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    found.append(f"{state} at {width} scrolls sideways")
                found += [f"{state} at {width} cuts {each}" for each in page.evaluate(CUT)]
        assert found == []
