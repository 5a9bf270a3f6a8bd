"""Reading of items from text lines, JSON lines and CSV, in bounded pieces."""

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from stretto.actors.files.protected import NOTHING_PROTECTED, Opener
from stretto.actors.files.text_lines import MAX_LINE_BYTES, BadText, TextLines, opened
from stretto.definitions.conductor import BadLine
from stretto.definitions.data import Data, FrozenList, decode_json, list_of, object_of
from stretto.definitions.errors import NotData
from stretto.definitions.model import OnBadLine, SourceKind


class Bounds(NamedTuple):
    """The bounds of a piece: a maximum of items, and a number of bytes after which the piece ends."""

    items: int
    enough_bytes: int


SHOWN_CHARACTERS: Final = 1000
"""The characters of a bad line that are kept."""
BOUNDS: Final = Bounds(512, 256 * 1024)
"""A piece of this size takes a few milliseconds to read, and longer to run."""

# The csv module bounds fields, and its default is lower than the bound of a row here.
csv.field_size_limit(MAX_LINE_BYTES + 2)


class Piece(msgspec.Struct, frozen=True):
    """Some items of a file.

    Attributes:
        items: The items.
        offset: The byte after them.
        line: The number of lines before that byte.
        ended: Whether they are the last ones.
        bad_lines: The lines among them that are not items, if they are collected.
    """

    items: FrozenList
    offset: int
    line: int
    ended: bool
    bad_lines: tuple[BadLine, ...] = ()


def read_items(  # noqa: PLR0913 - a file, a place in it, and the bounds of what is read
    kind: SourceKind,
    path: str,
    start: int = 0,
    line: int = 0,
    bounds: Bounds = BOUNDS,
    *,
    opener: Opener = NOTHING_PROTECTED,
    on_bad_line: OnBadLine = "fail",
) -> Piece:
    """Read the next piece of a file. This blocks.

    The part of the file that has been read must not change. Lines may be appended.

    Args:
        kind: "lines", "jsonl" or "csv".
        path: The file.
        start: The first byte to read, from an earlier piece's `offset`.
        line: The number of lines before that byte, from an earlier piece's `line`.
        bounds: The size of the piece.
        opener: Opens the file, or refuses it.
        on_bad_line: What a line of "jsonl" does that is not JSON. A line that is too long is always an error.

    Raises:
        UnreadableSource: The file cannot be read or has an error.
    """
    items: list[Data] = []
    bad: list[BadLine] = []
    with opened(path, opener) as lines:
        found = _READERS[kind](lines, start, line) if on_bad_line == "fail" else _lenient_lines(lines, start, line)
        for item in found:
            if not isinstance(item, BadLine):
                items.append(item)
            elif on_bad_line == "collect":
                bad.append(item)
            if len(items) + len(bad) >= bounds.items or lines.offset - start >= bounds.enough_bytes:
                break
        return Piece(list_of(items), lines.offset, lines.line, lines.offset >= lines.size, tuple(bad))


def _lines(lines: TextLines, start: int, line: int) -> Iterator[Data]:
    lines.go_to(start, line)
    while (text := lines.next()) is not None:
        yield text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
        lines.begin_row()


def _json_lines(lines: TextLines, start: int, line: int) -> Iterator[Data]:
    lines.go_to(start, line)
    while (text := lines.next()) is not None:
        if text.strip():
            yield _value(lines, text)
        lines.begin_row()


def _lenient_lines(lines: TextLines, start: int, line: int) -> "Iterator[Data | BadLine]":
    lines.go_to(start, line)
    while True:
        text = ""
        try:
            if (read := lines.next()) is None:
                return
            text = read
            if text.strip():
                yield _value(lines, text)
        except BadText as error:
            yield BadLine(text.rstrip("\r\n")[:SHOWN_CHARACTERS], str(error))
        lines.begin_row()


def _value(lines: TextLines, text: str) -> Data:
    try:
        return decode_json(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise lines.bad_text(f"invalid JSON: {error}") from None
    except NotData as error:
        raise lines.bad_text(str(error)) from None


def _rows(lines: TextLines, start: int, line: int) -> Iterator[Data]:
    header = _header(lines)
    if start > 0:
        lines.go_to(start, line)
    for fields in _fields(lines):
        if len(fields) > len(header):
            raise lines.error(f"a row must not have more fields than the header ({len(header)}), got {len(fields)}")
        values: list[str | None] = [*fields, *[None] * (len(header) - len(fields))]
        yield object_of(dict(zip(header, values, strict=True)))


def _header(lines: TextLines) -> list[str]:
    header = next(_fields(lines), [])
    lines.begin_row()
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise lines.error(f"the header repeats {', '.join(map(repr, sorted(twice)))}")
    return header


def _fields(lines: TextLines) -> Iterator[list[str]]:
    """Yield the rows except blank ones, without reading a line beyond the current row."""
    rows = csv.reader(iter(lines.next, None), strict=True)
    try:
        for fields in rows:
            if fields:
                yield fields
            lines.begin_row()
    except csv.Error as error:
        raise lines.error(f"invalid CSV: {error}") from None


_READERS: Final[Mapping[str, Callable[[TextLines, int, int], Iterator[Data]]]] = {
    "lines": _lines,
    "jsonl": _json_lines,
    "csv": _rows,
}
