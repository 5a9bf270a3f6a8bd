"""Files of items: all items are read, in pieces of any size, each from the end of the last one."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.files import Bounds, Piece, UnreadableSource, read_items, text_lines
from stretto.definitions.data.frozen import Data, FrozenDict, FrozenList, freeze
from stretto.definitions.model.workflow import SourceKind

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8)
LINES = st.lists(TEXTS, max_size=30)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(), of, max_size=3),
    max_leaves=6,
)  # fmt: skip
FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
"""Fields of a row, also with commas, quotes and line ends."""
BOUNDS = st.builds(Bounds, st.integers(1, 9), st.integers(1, 60))


def written(folder: Path, content: bytes | str) -> str:
    """Write a file and return its path."""
    path = folder / "items"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def pieces_of(kind: SourceKind, path: str, bounds: Sequence[Bounds]) -> list[Piece]:
    """Read a whole file in pieces, with the bounds of each in turn."""
    pieces = [read_items(kind, path, bounds=bounds[0])]
    while not pieces[-1].ended:
        last = pieces[-1]
        piece = read_items(kind, path, last.offset, last.line, bounds[len(pieces) % len(bounds)])
        assert piece.offset > last.offset, "each piece is further"
        pieces.append(piece)
    return pieces


def items_of(kind: SourceKind, path: str, bounds: Sequence[Bounds] = (Bounds(512, 2**18),)) -> list[Data]:
    """Return all items of a file."""
    return [item for piece in pieces_of(kind, path, bounds) for item in piece.items]


@given(
    lines=LINES,
    ends=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    bounds=st.lists(BOUNDS, min_size=1, max_size=3),
)
def test_lines_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ends: str, last: bool, bounds: list[Bounds]
) -> None:
    """Line ends are removed, the last line may lack one, and an empty line is an item."""
    text = ends.join(lines) + (ends if lines and (last or not lines[-1]) else "")
    path = written(tmp_path_factory.mktemp("lines"), text)
    assert items_of("lines", path, bounds) == [
        line.removeprefix("\ufeff") if not i else line for i, line in enumerate(lines)
    ]


@given(values=st.lists(VALUES, max_size=12), blank=st.booleans(), bounds=st.lists(BOUNDS, min_size=1, max_size=3))
def test_json_lines_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], blank: bool, bounds: list[Bounds]
) -> None:
    """Values are frozen, and blank lines are skipped."""
    between = "\n \n\n" if blank else "\n"
    path = written(tmp_path_factory.mktemp("jsonl"), "".join(json.dumps(value) + between for value in values))
    items = items_of("jsonl", path, bounds)
    assert repr(items) == repr([freeze(value) for value in values])
    assert [type(item) for item in items] == [type(freeze(value)) for value in values]


@given(
    header=st.lists(
        FIELDS.filter(lambda name: name.strip("\ufeff") == name and name != ""), min_size=1, max_size=4, unique=True
    ),
    rows=st.lists(st.lists(FIELDS, min_size=1, max_size=4), max_size=12),
    bounds=st.lists(BOUNDS, min_size=1, max_size=3),
)
def test_rows_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], rows: list[list[str]], bounds: list[Bounds]
) -> None:
    """Rows are objects, fields may have line ends, and missing fields are null."""
    rows = [row[: len(header)] for row in rows]
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    path = written(tmp_path_factory.mktemp("csv"), text.getvalue())
    expected = [dict.fromkeys(header) | dict(zip(header, row, strict=False)) for row in rows]
    items = items_of("csv", path, bounds)
    assert items == expected
    assert all(type(item) is FrozenDict for item in items)


@pytest.mark.parametrize("kind", ["lines", "jsonl", "csv"])
def test_an_empty_file_has_no_items(kind: SourceKind, tmp_path: Path) -> None:
    """One piece ends the file."""
    (piece,) = pieces_of(kind, written(tmp_path, ""), [Bounds(1, 1)])
    assert (list(piece.items), piece.offset, piece.ended) == ([], 0, True)
    assert type(piece.items) is FrozenList


def test_a_header_alone_has_no_items(tmp_path: Path) -> None:
    """Blank lines may follow it."""
    assert items_of("csv", written(tmp_path, "a,b\r\n\r\n\n")) == []


def test_a_byte_order_mark_is_not_part_of_the_first_line(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    assert items_of("csv", written(tmp_path, "\ufeffa,b\n1,2\n")) == [{"a": "1", "b": "2"}]
    assert items_of("jsonl", written(tmp_path, "\ufeff[1]\n")) == [[1]]


def test_a_piece_is_bounded_by_items_and_by_bytes(tmp_path: Path) -> None:
    """The item that reaches the bound is its last one."""
    path = written(tmp_path, "12345\n" * 10)
    assert len(read_items("lines", path, bounds=Bounds(3, 1000)).items) == 3
    piece = read_items("lines", path, bounds=Bounds(100, 13))
    assert (len(piece.items), piece.offset, piece.line, piece.ended) == (3, 18, 3, False)


def test_lines_appended_after_the_end_are_not_read(tmp_path: Path) -> None:
    """The read of the last piece decides where the file ends. Before that the file may grow."""
    path = written(tmp_path, "a\nb\n")
    first = read_items("lines", path, bounds=Bounds(1, 1))
    with Path(path).open("a") as file:
        file.write("c\n")
    rest = read_items("lines", path, first.offset, first.line)
    assert (list(rest.items), rest.ended) == (["b", "c"], True)


WRONG: list[tuple[SourceKind, bytes, str]] = [
    ("jsonl", b"[1]\n{oops}\n", "items, line 2: invalid JSON: "),
    ("jsonl", b"[1]\n\n\n[1e999]\n", "items, line 4: "),
    ("jsonl", b"[" * 100_000, "items, line 1: invalid JSON: "),
    ("jsonl", b"[" * 101 + b"]" * 101, "items, line 1: value[0][0]"),
    ("lines", b"fine\nno \xff text\n", "items, line 2: invalid UTF-8 at byte 8"),
    ("csv", b"a,b\n1,2\n1,2,3\n", "items, line 3: a row must not have more fields than the header (2), got 3"),
    ("csv", b"a,b,a\n", "items, line 1: the header repeats 'a'"),
    ("csv", b'a,b\n1,"2\n3', "items, line 3: invalid CSV: "),
    ("csv", b'a,b\n1,"2"x\n', "items, line 2: invalid CSV: "),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "message"), WRONG)
def test_errors_name_their_line(kind: SourceKind, content: bytes, message: str, tmp_path: Path) -> None:
    """The message has the file, the line and the reason."""
    with pytest.raises(UnreadableSource) as raised:
        items_of(kind, written(tmp_path, content))
    assert str(raised.value).startswith(f"{tmp_path}/{message}")


def test_a_field_may_be_as_long_as_a_row(tmp_path: Path) -> None:
    """The csv module's default bound is lower."""
    (item,) = items_of("csv", written(tmp_path, "a,b\n1," + "x" * 200_000 + "\n"))
    assert isinstance(item, FrozenDict)
    assert len(item["b"]) == 200_000


BAD = b'{"a": 1}\n{"a": \n\n[NaN]\r\n"\xff"\n2\n'


def test_bad_lines_can_be_left_out(tmp_path: Path) -> None:
    """Those that are not JSON, and those that are not text."""
    piece = read_items("jsonl", written(tmp_path, BAD), on_bad_line="skip")
    assert (list(piece.items), piece.bad_lines, piece.line, piece.ended) == ([{"a": 1}, 2], (), 6, True)


def test_bad_lines_can_be_collected(tmp_path: Path) -> None:
    """With their text, as far as it is text, and an error that names the line."""
    path = written(tmp_path, BAD)
    piece = read_items("jsonl", path, on_bad_line="collect")
    assert [each.text for each in piece.bad_lines] == ['{"a": ', "[NaN]", ""]
    places = [each.message.partition(":")[0] for each in piece.bad_lines]
    assert places == [f"{path}, line 2", f"{path}, line 4", f"{path}, line 5"]
    assert "invalid UTF-8" in piece.bad_lines[2].message


def test_collected_lines_bound_a_piece(tmp_path: Path) -> None:
    """As items do, and the next piece goes on behind them."""
    path = written(tmp_path, b"[\n" * 5 + b"1\n")
    first = read_items("jsonl", path, bounds=Bounds(3, 1000), on_bad_line="collect")
    assert (len(first.bad_lines), first.offset, first.ended) == (3, 6, False)
    rest = read_items("jsonl", path, first.offset, first.line, on_bad_line="collect")
    assert (len(rest.bad_lines), list(rest.items), rest.ended) == (2, [1], True)


def test_a_line_that_is_too_long_always_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it ends is not known, so no line after it can be read."""
    monkeypatch.setattr(text_lines, "MAX_LINE_BYTES", 10)
    with pytest.raises(UnreadableSource, match="at most 10 bytes"):
        read_items("jsonl", written(tmp_path, b"1" * 20 + b"\n1\n"), on_bad_line="skip")
