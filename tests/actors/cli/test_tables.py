"""How `stretto runs` lays out what it tells: tables, fields, times, durations."""

import time
from collections.abc import Iterator

import click
import pytest

from stretto.actors.cli.runs.tables import show_fields, show_table
from stretto.actors.cli.runs.times import Clock, between, format_seconds, seconds_of


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the machine be in Berlin."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_columns_are_aligned_and_empty_ones_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Texts to the left, numbers to the right; no line ends with blanks."""
    show_table(["NAME", "COUNT", "EMPTY", "LAST"], [["a", 5, None, "x"], ["long", 1000, "", "y"]])
    assert capsys.readouterr().out == "NAME  COUNT  LAST\na         5  x\nlong   1000  y\n"


def test_a_table_without_rows_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Its headings would say nothing."""
    show_table(["NAME"], [])
    assert capsys.readouterr().out.strip() == ""


def test_fields_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """What is empty is left out, but for a zero."""
    show_fields([("a", "x"), ("long", 0), ("none", None)])
    assert capsys.readouterr().out == "a     x\nlong  0\n"


def test_a_value_keeps_its_indent_and_nothing_else_that_moves_a_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """As the frames of a traceback do."""
    show_fields([("error", "a\nb\x1b[2J"), ("", "  in c")])
    assert capsys.readouterr().out == "error  a b?[2J\n         in c\n"


@pytest.mark.usefixtures("berlin")
def test_times_are_told_with_their_offset() -> None:
    """In the machine's zone, summer and winter, or in UTC."""
    assert Clock(utc=False).format("2026-11-26T01:30:48.123456Z") == "2026-11-26 02:30:48+0100"
    assert Clock(utc=False).format("2026-07-26T01:30:48.123456Z") == "2026-07-26 03:30:48+0200"
    assert Clock(utc=True).format("2026-11-26T01:30:48.123456Z") == "2026-11-26 01:30:48Z"
    assert Clock(utc=True).format(None) == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "0.00 s"), (9.99, "9.99 s"), (42.0, "42.0 s"), (61.9, "1:01"), (3723.0, "1:02:03")]
)
def test_how_long_something_took(seconds: float, told: str) -> None:
    """The longer, the coarser."""
    assert format_seconds(seconds) == told


def test_what_has_not_ended_has_not_taken_any_time() -> None:
    """And a clock that was set back makes nothing negative."""
    assert between("2026-11-26T01:30:48.000000Z", None) == ""
    assert between("2026-11-26T01:30:48.000000Z", "2026-11-26T01:30:50.500000Z") == "2.50 s"
    assert between("2026-11-26T01:30:48.000000Z", "2026-11-26T01:30:40.000000Z") == "0.00 s"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("1.5m", 90.0), ("12h", 43_200.0), ("30d", 2_592_000.0), ("2w", 1_209_600.0)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    """It is read in seconds."""
    context = click.Context(click.Command("prune"))
    assert seconds_of(context, click.Option(["--older-than"]), text) == seconds


@pytest.mark.parametrize("text", ["30", "d", "-1d", "1y", "1 d", "\u0661d", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    """The units are told."""
    context = click.Context(click.Command("prune"))
    with pytest.raises(click.BadParameter, match=r"s, m, h, d, w"):
        seconds_of(context, click.Option(["--older-than"]), text)
