"""Tables and fields on a terminal, drawn by rich: no text is cut, long ones are wrapped within their columns."""

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stretto.actors.cli.support.statuses import STATUS_COLOURS
from stretto.actors.cli.support.terminal import Look, console_of, look_of

if TYPE_CHECKING:
    from rich.console import RenderableType

_STATUSES: Final = frozenset({"STATUS", "OUTCOME"})
"""The columns whose texts have colours."""
_TIMES: Final = frozenset(
    {"ACCEPTED", "STARTED", "AT", "SET", "EXPIRES", "ASKED", "ENDED", "MADE", "REVOKED", "LAST EVENT"}
)
"""The columns whose texts can have two lines: the date, and the time with its offset."""
_WRAPPED: Final = frozenset(
    {
        "DESCRIPTION", "ERROR", "LABELS", "MESSAGE", "NAME", "NOTE", "ON", "OWNER", "POOL", "PROMPT", "TASK",
        "WORKFLOW", "WORKFLOWS",
    }
)  # fmt: skip
"""The columns with texts of any length."""
_LEAST: Final = 20
"""The least width of such a column, if its texts are longer: a narrower one is hard to read."""
_GAP: Final = 2
_FILLING: Final = re.compile(r" +((?:\x1b\[[0-9;]*m)*) *$", re.MULTILINE)


def draw_table(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool]) -> None:
    """Print a table, or on a narrow terminal a paragraph for each row.

    `numbers` says which columns are aligned to the right.
    """
    look = look_of(sys.stdout)
    columns = look.columns
    if _least_width(headings, rows) > columns:
        rows = [
            [
                text.replace(" ", "\n", 1) if heading in _TIMES else text
                for heading, text in zip(headings, row, strict=True)
            ]
            for row in rows
        ]
        if _least_width(headings, rows) > columns:
            _draw_paragraphs(headings, rows, look)
            return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for heading, is_number in zip(headings, numbers, strict=True):
        table.add_column(
            Text(heading), justify="right" if is_number else "left", no_wrap=heading not in _WRAPPED, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(text, _style(heading, text)) for heading, text in zip(headings, row, strict=True)))
    _print([table], look)


def _least_width(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return the least width of a table that reads well."""
    widths = [
        max(cell_len(line) for text in column for line in text.split("\n"))
        for column in zip(headings, *rows, strict=True)
    ]
    least = [
        min(width, _LEAST) if heading in _WRAPPED else width for heading, width in zip(headings, widths, strict=True)
    ]
    return sum(least) + _GAP * (len(least) - 1)


def _draw_paragraphs(headings: Sequence[str], rows: Sequence[Sequence[str]], look: Look) -> None:
    """Print each row as its first text, then its other texts behind their headings, as many on a line as fit."""
    lines: list[Text | Padding] = []
    for first, *others in rows:
        lines.append(Text(first.replace("\n", " "), "bold"))
        line = Text()
        for heading, text in zip(headings[1:], others, strict=True):
            if not text:
                continue
            value = text.replace("\n", " ")
            pair = Text(f"{heading.lower()} ", "dim").append(value, _style(heading, value) or "not dim")
            if line and line.cell_len + _GAP + pair.cell_len > look.columns - _GAP:
                lines.append(Padding(line, (0, 0, 0, _GAP)))
                line = Text()
            line.append(" " * (_GAP if line else 0)).append_text(pair)
        lines.append(Padding(line, (0, 0, 0, _GAP)))
    _print(lines, look)


def _style(heading: str, text: str) -> str:
    return STATUS_COLOURS.get(text, "") if heading in _STATUSES else ""


def draw_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print names and values. The further lines of a long value are below its first one."""
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields:
        style = STATUS_COLOURS.get(value, "") if name == "status" else ""
        table.add_row(Text(name, "bold"), Text(value, style))
    _print([table], look_of(sys.stdout))


def _print(drawn: Sequence["RenderableType"], look: Look) -> None:
    console = console_of(sys.stdout, look)
    with console.capture() as rendered:
        for each in drawn:
            console.print(each)
    # Without the blanks that fill each line: they wrap when the terminal is made narrower. A style can end behind them.
    sys.stdout.write(_FILLING.sub(r"\1", rendered.get()))
