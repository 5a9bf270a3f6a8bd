"""Tables and fields for people: aligned columns as plain text, or drawn by rich on a terminal."""

import sys
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import click

from stretto.actors.cli.support.printable import one_line
from stretto.actors.cli.support.terminal import is_capable

Cell: TypeAlias = str | int | None

GAP: Final = "  "
_WIDTH: Final = 100
"""The columns of a table with elastic columns, unless it is drawn on a terminal or given another width."""


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
    gaps = len(GAP) * (sum(1 for length in shown if length) - 1)
    room = width - gaps - sum(length for number, length in enumerate(shown) if number not in {first, second})
    for_second = min(shown[second], max(room - shown[first], room // 2))
    for_first = room - for_second
    cut = [list(row) for row in rows]
    for row in cut:
        text, other = one_line(str(row[first] or "")), one_line(str(row[second] or ""))
        row[first] = text if len(text) <= for_first else f"...{text[len(text) - max(for_first - 3, 1) :]}"
        row[second] = other if len(other) <= for_second else f"{other[: max(for_second - 3, 1)]}..."
    return cut


def show_table(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, elastic: tuple[str, str] | None = None,
    width: int = _WIDTH,
) -> None:  # fmt: skip
    """Print rows below their headings. Empty columns are left out, numbers are aligned to the right.

    On a terminal all texts are whole: long ones are wrapped. Elsewhere those of the `elastic` columns are `fitted`
    to `width` columns.
    """
    on_terminal = is_capable(sys.stdout)
    if elastic is not None and not on_terminal:
        rows = fitted(headings, rows, width, elastic)
    kept = [number for number in range(len(headings)) if any(row[number] not in {None, ""} for row in rows)]
    if not kept:
        return
    titles = [headings[number] for number in kept]
    lines = [["" if row[number] is None else one_line(str(row[number])) for number in kept] for row in rows]
    numbers = [all(isinstance(row[number], int | None) for row in rows) for number in kept]
    if on_terminal:
        from stretto.actors.cli.runs.drawn_tables import draw_table

        draw_table(titles, lines, numbers)
        return
    widths = [max(map(len, column)) for column in zip(titles, *lines, strict=True)]
    for line in (titles, *lines):
        cells = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(line, widths, numbers, strict=True)
        ]
        click.echo(GAP.join(cells).rstrip())


def show_fields(fields: Sequence[tuple[str, Any]]) -> None:
    """Print names and values, one a line, without the empty ones. Values keep their indent."""
    shown = [(name, _indented(str(value))) for name, value in fields if value not in {None, ""}]
    if is_capable(sys.stdout):
        from stretto.actors.cli.runs.drawn_tables import draw_fields

        draw_fields(shown)
        return
    width = max(len(name) for name, _ in fields)
    for name, value in shown:
        click.echo(f"{name.ljust(width)}{GAP}{value}")


def _indented(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" "))] + one_line(text)
