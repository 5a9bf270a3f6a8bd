"""Reading of items from text lines, JSON lines and CSV, in bounded pieces."""

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from stretto.actors.files.protected import NOTHING_PROTECTED, Opener
from stretto.actors.files.text_lines import MAX_LINE_BYTES, TextLines, opened
from stretto.definitions.data import Data, FrozenList, freeze, list_of, object_of
from stretto.definitions.errors import NotData
from stretto.definitions.model import SourceKind


class Bounds(NamedTuple):
    """The bounds of a piece: a maximum of items, and a number of bytes after which the piece ends."""

    items: int
    enough_bytes: int


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
    """

    items: FrozenList
    offset: int
    line: int
    ended: bool


def read_items(  # noqa: PLR0913 - a file, a place in it, and the bounds of what is read
    kind: SourceKind,
    path: str,
    start: int = 0,
    line: int = 0,
    bounds: Bounds = BOUNDS,
    *,
    opener: Opener = NOTHING_PROTECTED,
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

    Raises:
        UnreadableSource: The file cannot be read or has an error.
    """
    items: list[Data] = []
    with opened(path, opener) as lines:
        for item in _READERS[kind](lines, start, line):
            items.append(item)
            if len(items) >= bounds.items or lines.offset - start >= bounds.enough_bytes:
                break
        return Piece(list_of(items), lines.offset, lines.line, ended=lines.offset >= lines.size)


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


def _value(lines: TextLines, text: str) -> Data:
    try:
        return freeze(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError) as error:
        raise lines.error(f"invalid JSON: {error}") from None
    except NotData as error:
        raise lines.error(str(error)) from None


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
