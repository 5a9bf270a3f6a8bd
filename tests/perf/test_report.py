"""What the benchmarks print and keep."""

from pathlib import Path

from plots import Bars, Lines
from report import Measured, Report, Table, figure, ratio_text, timing


def test_a_table_is_markdown_with_its_note_below() -> None:
    """Cells are padded to their column's width, and all columns but the first are aligned to the right."""
    table = Table("Times", ["", "an item"], "A note.")
    table.add("ours", "24 us")
    assert list(table.lines()) == [
        "## Times",
        "",
        "|      | an item |",
        "| ---- | ------: |",
        "| ours |   24 us |",
        "",
        "A note.",
        "",
    ]


def test_a_table_with_empty_columns_is_still_one() -> None:
    """GitHub wants three dashes under a column, however narrow its texts are."""
    assert list(Table("Nothing", ["", "x"]).lines())[2:4] == ["|     |   x |", "| --- | --: |"]


def test_figures_have_three_digits_or_are_whole() -> None:
    """Thousands are separated."""
    assert [figure(value) for value in (0.06234, 2.5, 99.94, 1234.5)] == ["0.0623", "2.5", "99.9", "1,234"]


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Tables, both kinds of plots, what was measured, and the values; the folder is made."""
    table = Table("Times", ["", "x"])
    table.add("ours", "1")
    lines = Lines("items", "Items", ["1", "2"], "items", "us", {"ours": [1.0, None]})
    report = Report(
        {"cpu_count": 2},
        [table],
        [lines, Bars("engines", "Engines", "ms", {"ours": 0.1}, ["ours"])],
        {"fan-out": Measured(1.2, "a remark"), "http": Measured(None, "no server")},
        {"Times": {"ours": [0.1, 0.2]}},
    )
    path = tmp_path / "new" / "report.json"
    report.write(path)
    assert Report.read(path) == report


def test_a_ratio_has_its_deviation() -> None:
    """Of the rounds' own ratios. A single value has none, not one of 0%."""
    assert ratio_text([2.0, 3.0, 4.0], [1.0, 1.0, 1.0]) == "3.00 ±33%"
    assert (timing([0.001], "ms"), timing([0.001, 0.003], "ms")) == ("1 ms", "2 ms ±50%")
