"""What a page says about one item."""

from stretto.actors.gateway.pages.item_panel import MOST_LINE_CHARACTERS, SourceLine, lines_around

TEXT = "ref: a\ntasks:\n  - name: b\n    input: {url: '{{ item }}'}\n    timeout: 5\n"


def test_the_line_of_a_place_is_marked_from_its_column() -> None:
    """With two lines above it and below it, as far as there are any."""
    assert list(lines_around(TEXT, 4, 18)) == [
        SourceLine(2, "tasks:"),
        SourceLine(3, "  - name: b"),
        SourceLine(4, "    input: {url: ", "'{{ item }}'}"),
        SourceLine(5, "    timeout: 5"),
    ]
    assert next(line for line in lines_around(TEXT, 1, 1) if line.is_marked) == SourceLine(1, "", "ref: a")


def test_a_place_outside_of_its_line_marks_the_line() -> None:
    """And one outside of the text nothing. Long lines are cut."""
    assert [line for line in lines_around(TEXT, 5, 99) if line.is_marked] == [SourceLine(5, "    ", "timeout: 5")]
    assert list(lines_around(TEXT, 99, 1)) == []
    (line,) = lines_around("x" * 1000, 1, 3)
    assert len(line.before + line.marked) == MOST_LINE_CHARACTERS
    assert list(lines_around("\n", 1, 1)) == [SourceLine(1, "", " ")]
