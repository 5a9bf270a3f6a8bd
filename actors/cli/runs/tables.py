"""Tables for people: aligned columns, on a terminal with colours and no wider than it."""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import click

Cell: TypeAlias = str | int | None

_GAP: Final = "  "
_LEAST_ROOM: Final = 20
"""The last cell's least width: fewer columns would show nothing useful."""
_COLOURED: Final = frozenset({"STATUS", "OUTCOME"})
_COLOURS: Final = {
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "cancelled": "yellow",
    "paused": "yellow",
    "interrupted": "yellow",
    "quarantined": "red",
}


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


def fitted(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int, elastic: tuple[str, str]
) -> list[list[Cell]]:
    """Return rows whose cells in the two elastic columns are shortened, so that a table has at most `width` columns.

    The first elastic column keeps the ends of its texts, the second their beginnings.
    """
    lengths = [
        max([0, *(len(one_line(str(row[number]))) for row in rows if row[number] not in {None, ""})])
        for number in range(len(headings))
    ]
    shown = [max(length, len(heading)) if length else 0 for heading, length in zip(headings, lengths, strict=True)]
    first, second = (headings.index(name) for name in elastic)
    gaps = len(_GAP) * (sum(1 for length in shown if length) - 1)
    room = width - gaps - sum(length for number, length in enumerate(shown) if number not in {first, second})
    for_second = min(shown[second], max(room - shown[first], room // 2))
    for_first = room - for_second
    cut = [list(row) for row in rows]
    for row in cut:
        text, other = one_line(str(row[first] or "")), one_line(str(row[second] or ""))
        row[first] = text if len(text) <= for_first else f"...{text[len(text) - max(for_first - 3, 1) :]}"
        row[second] = other if len(other) <= for_second else f"{other[: max(for_second - 3, 1)]}..."
    return cut


def show_table(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print rows below their headings. Empty columns are left out, numbers are aligned to the right."""
    kept = [number for number in range(len(headings)) if any(row[number] not in {None, ""} for row in rows)]
    if not kept:
        return
    lines = [[headings[number] for number in kept]]
    lines += [["" if row[number] is None else one_line(str(row[number])) for number in kept] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numbers = [all(isinstance(row[number], int | None) for row in rows) for number in kept]
    terminal = sys.stdout.isatty()
    if terminal:
        room = shutil.get_terminal_size().columns - 1 - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(room, _LEAST_ROOM))
    for line in lines:
        cells = [_cell(*each) for each in zip(line, widths, numbers, strict=True)]
        cells[-1] = cells[-1].rstrip()
        if terminal and not os.environ.get("NO_COLOR"):
            cells = _in_colours(cells, lines[0], heading=line is lines[0])
        click.echo(_GAP.join(cells).rstrip())


def show_fields(fields: Sequence[tuple[str, Any]]) -> None:
    """Print names and values, one a line, without the empty ones."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value not in {None, ""}:
            click.echo(f"{name.ljust(width)}{_GAP}{one_line(str(value))}")


def _cell(text: str, width: int, is_number: bool) -> str:  # noqa: FBT001 - one of three of a column
    text = text if len(text) <= width else f"{text[: width - 3]}..."
    return text.rjust(width) if is_number else text.ljust(width)


def _in_colours(cells: Sequence[str], headings: Sequence[str], *, heading: bool) -> list[str]:
    if heading:
        return [click.style(cell, bold=True) for cell in cells]
    return [
        click.style(cell, fg=_COLOURS.get(cell.strip())) if name in _COLOURED else cell
        for name, cell in zip(headings, cells, strict=True)
    ]
