"""What each kind of file gives as items."""

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from stretto.actors.files.text_lines import MAX_LINE_BYTES, TextLines, opened
from stretto.definitions.data import Data, FrozenList, freeze, list_of, object_of
from stretto.definitions.errors import NotData
from stretto.definitions.model import SourceKind


class Bounds(NamedTuple):
    """The most items of a piece, and how many bytes of it are enough: the last item may go beyond."""

    items: int
    enough_bytes: int


BOUNDS: Final = Bounds(512, 256 * 1024)
"""Reading the next piece takes a few milliseconds, in which fewer items are performed."""

# The module's own bound is on a field, and lower than ours on a row: one that fits must be readable.
csv.field_size_limit(MAX_LINE_BYTES + 2)


class Piece(msgspec.Struct, frozen=True):
    """Some items, and the byte behind them, with the number of lines before it; `ended`: there are no more."""

    items: FrozenList
    offset: int
    line: int
    ended: bool


def read_items(kind: SourceKind, path: str, start: int = 0, line: int = 0, bounds: Bounds = BOUNDS) -> Piece:
    """Read items from the byte `start` on, which line number `line` ends before; it blocks.

    Raises `UnreadableSource`. What has been read before must not be changed meanwhile; more may be appended.
    """
    items: list[Data] = []
    with opened(path) as lines:
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
        raise lines.error(f"it is no JSON: {error}") from None
    except NotData as error:
        raise lines.error(str(error)) from None


def _rows(lines: TextLines, start: int, line: int) -> Iterator[Data]:
    header = _header(lines)
    if start > 0:
        lines.go_to(start, line)
    for fields in _fields(lines):
        if len(fields) > len(header):
            raise lines.error(f"a row of {len(fields)} fields; the header has {len(header)}")
        values: list[str | None] = [*fields, *[None] * (len(header) - len(fields))]
        yield object_of(dict(zip(header, values, strict=True)))


def _header(lines: TextLines) -> list[str]:
    header = next(_fields(lines), [])
    lines.begin_row()
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise lines.error(f"the header has {', '.join(map(repr, sorted(twice)))} more than once")
    return header


def _fields(lines: TextLines) -> Iterator[list[str]]:
    """Yield the rows, and take no line more than each has; blank lines are none."""
    rows = csv.reader(iter(lines.next, None), strict=True)
    try:
        for fields in rows:
            if fields:
                yield fields
            lines.begin_row()
    except csv.Error as error:
        raise lines.error(f"it is no CSV: {error}") from None


_READERS: Final[Mapping[str, Callable[[TextLines, int, int], Iterator[Data]]]] = {
    "lines": _lines,
    "jsonl": _json_lines,
    "csv": _rows,
}
