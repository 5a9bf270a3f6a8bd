"""Tables and fields on a terminal."""

import io
import os
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from stretto.actors.cli import main
from stretto.actors.cli.runs.tables import Cell, show_fields, show_table
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store

HEADINGS = ("RUN", "WORKFLOW", "STATUS", "ACCEPTED", "TOOK", "LABELS")
REF = "team.operations.health.check_everything_each_night"
ROWS: list[tuple[Cell, ...]] = [
    ("03b06d32", "tutorial.watch", "succeeded", "2026-11-28 06:56:50+0000", "0.02 s", None),
    ("1826230f", REF, "failed", "2026-11-28 06:56:44+0000", "0.04 s", "team=operations why=a much longer text"),
]


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | str, Callable[[], None]], str]:
    """Return a function that returns what another one shows on a terminal of some columns."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLORTERM", raising=False)

    def draw(columns: int | str, show: Callable[[], None]) -> str:
        stream = Terminal()
        monkeypatch.setenv("COLUMNS", str(columns))
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stream)
            show()
        return stream.getvalue()

    return draw


Drawn = Callable[[int | str, Callable[[], None]], str]


@pytest.mark.parametrize("columns", [20, 60, 80, 100, 200])
def test_a_table_fits_and_loses_nothing(drawn: Drawn, columns: int) -> None:
    """Long texts are wrapped within their columns, or on lines of their own."""
    shown = click.unstyle(drawn(columns, lambda: show_table(HEADINGS, ROWS, elastic=("WORKFLOW", "LABELS"))))
    assert all(len(line) <= columns and line == line.rstrip() for line in shown.splitlines())
    assert len(shown.splitlines()) > 2
    letters = "".join(shown.split())
    if columns in {20, 60, 200}:
        for text in (cell for row in ROWS for cell in row if isinstance(cell, str)):
            assert "".join(text.split()) in letters


@pytest.mark.parametrize(("name", "value"), [("COLUMNS", "60"), ("COLUMNS", "200"), ("TERM", "unknown")])
def test_no_heading_is_broken_whatever_the_environment_says_of_the_terminal(
    drawn: Drawn, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A table is drawn for the width for which it was laid out: that of the terminal, or a lower one of $COLUMNS."""
    leader, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (40, 100))
    columns = min(int(value), 100) if name == "COLUMNS" else 100
    expected = click.unstyle(drawn(columns, lambda: show_table(HEADINGS, ROWS)))
    monkeypatch.setattr(Terminal, "fileno", lambda _stream: terminal)
    monkeypatch.setenv("COLUMNS", "")
    monkeypatch.setenv(name, value)
    shown = click.unstyle(drawn(os.environ["COLUMNS"], lambda: show_table(HEADINGS, ROWS)))
    os.close(leader)
    os.close(terminal)
    assert shown == expected
    assert shown.startswith("03b06d32\n" if columns == 60 else "RUN       WORKFLOW")


def test_a_wide_table_is_a_table_and_a_narrow_one_has_paragraphs(drawn: Drawn) -> None:
    """Each value behind its heading, as many on a line as fit."""
    wide = click.unstyle(drawn(200, lambda: show_table(HEADINGS, ROWS)))
    assert [line.split()[0] for line in wide.splitlines()] == ["RUN", "03b06d32", "1826230f"]
    assert wide.splitlines()[1].index("succeeded") == wide.splitlines()[2].index("failed")
    narrow = click.unstyle(drawn(60, lambda: show_table(HEADINGS, ROWS)))
    assert narrow.splitlines()[:3] == [
        "03b06d32",
        "  workflow tutorial.watch  status succeeded",
        "  accepted 2026-11-28 06:56:50+0000  took 0.02 s",
    ]


@pytest.mark.parametrize("columns", [60, 200])
def test_a_long_name_of_a_key_is_whole_as_a_cut_one_names_nothing(drawn: Drawn, columns: int, tmp_path: Path) -> None:
    """Wrapped in its column, or the title of a paragraph."""
    url = f"sqlite:///{tmp_path}/store.db"
    open_store(url, keyring_for(url, None)).close()
    name = "a.name.of.a.key." * 6
    main(["kv", "set", name, "1", "--store", url], standalone_mode=False)
    shown = click.unstyle(drawn(columns, lambda: main(["kv", "list", "--store", url], standalone_mode=False)))
    assert name in "".join(shown.split())


def test_a_long_message_is_wrapped_and_not_the_name_beside_it(drawn: Drawn) -> None:
    """The longest text of a row gives way."""
    row = (8, "check_each_server_of_the_region", "2026-11-28 06:56:50+0000", "no answer within the time " * 5)
    shown = click.unstyle(drawn(100, lambda: show_table(("COUNT", "TASK", "ENDED", "MESSAGE"), [row])))
    assert shown.splitlines()[1].split()[:2] == ["8", "check_each_server_of_the_region"]
    assert len(shown.splitlines()) > 2


def test_a_time_that_is_the_title_of_a_paragraph_has_one_line(drawn: Drawn) -> None:
    """As a title it is not in a column that could be narrow."""
    row = ("2026-11-28 06:56:50+0000", "x" * 40, "y" * 40)
    shown = click.unstyle(drawn(50, lambda: show_table(("AT", "WHO", "WHAT"), [row])))
    assert shown.splitlines()[0] == "2026-11-28 06:56:50+0000"


def test_statuses_have_colours_unless_nobody_wants_them(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """And headings are bold. With NO_COLOR there is no code at all, on a dumb terminal no rich either."""
    coloured = drawn(200, lambda: show_table(HEADINGS, ROWS))
    assert "\x1b[38;5;160mfailed" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = drawn(200, lambda: show_table(HEADINGS, ROWS))
    assert plain == click.unstyle(coloured)
    monkeypatch.setenv("TERM", "dumb")
    assert drawn(200, lambda: show_table(HEADINGS, ROWS)) == plain


def test_texts_are_neither_commands_nor_markup(drawn: Drawn) -> None:
    """Whatever a name or an error says."""
    nasty = "[red]a[/red] :smile: \x1b[31mb\x1b]0;t\x07\x9b2J\u202ec\r\nd"
    for columns in (20, 200):
        for show in (
            lambda: show_table(("TASK", "ERROR"), [(nasty, nasty)]),
            lambda: show_fields([("error", nasty), ("long", "x" * 300)]),
        ):
            shown = click.unstyle(drawn(columns, show))
            assert shown.replace("\n", "").isprintable()
            assert ":smile:" in shown
            assert "[red]a[/red]" in shown


def test_a_long_value_stands_below_its_beginning(drawn: Drawn) -> None:
    """Names are in a column of their own."""
    shown = click.unstyle(drawn(20, lambda: show_fields([("a", "one two three four"), ("long", 0), ("none", None)])))
    assert shown == "a     one two three\n      four\nlong  0\n"
