"""Terminals: whether a stream is one, its size, and rich's console for it."""

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Look:
    """The present abilities of a terminal. `unicode` means that its encoding has box-drawing characters."""

    columns: int
    rows: int
    unicode: bool = False


def is_capable(stream: TextIO) -> bool:
    """Return whether a stream is a terminal with colours and a movable cursor. One with TERM=dumb is not."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", ""}


def look_of(stream: TextIO) -> Look:
    """Return a terminal's present abilities: it can be resized at any time. $COLUMNS narrows it."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        size = shutil.get_terminal_size()
    encoding = (getattr(stream, "encoding", None) or "ascii").lower()
    columns = size.columns or 80  # a terminal whose size was never set reports 0
    wanted = os.environ.get("COLUMNS", "")
    # Lines that are longer than the terminal wrap anywhere, so that a larger number does not count.
    if wanted.isdecimal() and int(wanted):
        columns = min(columns, int(wanted))
    return Look(columns, size.lines or 24, encoding.startswith("utf"))


def console_of(stream: TextIO, look: Look) -> "Console":
    """Return rich's console for a terminal. It interprets nothing in texts, and has no styles with NO_COLOR."""
    from rich.console import Console

    # Without both sizes, rich takes those of standard input, those of the environment, or 80 columns with TERM=unknown.
    # It then squeezes a table that was laid out for the terminal.
    return Console(
        width=look.columns, height=look.rows,
        file=stream, color_system=None if os.environ.get("NO_COLOR") else "auto", force_terminal=True,
        markup=False, emoji=False, highlight=False, legacy_windows=False,
    )  # fmt: skip
