"""The colours of statuses. Each is readable on a light and on a dark background, and stands beside its word.

The numbers are those of the 256 colours of terminals, which themes do not change. With fewer colours rich takes the
nearest ones.
"""

from collections.abc import Mapping
from typing import Final

_GREEN: Final = "color(28)"
_BLUE: Final = "color(31)"
_ORANGE: Final = "color(130)"
_RED: Final = "color(160)"

STATUS_COLOURS: Final[Mapping[str, str]] = {
    "running": _BLUE,
    "awaiting": _BLUE,
    "delayed": _BLUE,
    "succeeded": _GREEN,
    "failed": _RED,
    "failing": _RED,
    "timed_out": _RED,
    "quarantined": _RED,
    "abandoned": _RED,
    "held": _ORANGE,
    "pausing": _ORANGE,
    "paused": _ORANGE,
    "interrupted": _ORANGE,
    "cancelling": _ORANGE,
    "cleaning": _ORANGE,
    "cancelled": _ORANGE,
    "skipped": "dim",
}
"""A style of rich for each status of runs, tasks and items."""
FAILURE: Final = _RED
SUCCESS: Final = _GREEN
