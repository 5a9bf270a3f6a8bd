"""The further text of an output of which only the newest part is known each time."""

from typing import Final

ANCHOR: Final = 64
"""Characters by which the place of a later text in an earlier one is found."""
MAX_PLACES: Final = 100
"""Places of such a beginning that are tried. A text that repeats itself has thousands, and each may take long."""


def further_text(shown: str, later: str) -> str | None:
    """Return what a later text has behind an earlier one, or None if it begins behind the end of that.

    Either is the newest part of the same output, so the later one may have lost its beginning.
    """
    if not later or later.startswith(shown):
        return later[len(shown) :]
    anchor = later[:ANCHOR]
    at = shown.find(anchor, max(len(shown) - len(later), 0))
    for _ in range(MAX_PLACES):
        if at < 0:
            break
        if later.startswith(shown[at:]):
            return later[len(shown) - at :]
        at = shown.find(anchor, at + 1)
    else:
        return None
    for size in range(min(len(anchor), len(shown)), 0, -1):
        if shown.endswith(later[:size]):
            return later[size:]
    return None
