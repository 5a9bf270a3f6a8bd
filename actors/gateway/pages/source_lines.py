"""The text of a definition line by line, with its findings at their lines."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

MAX_SOURCE_LINES: Final = 2_000
"""Lines of a definition on a page."""
MAX_SOURCE_CHARACTERS: Final = 64 * 1024
"""Characters of a definition on a page."""
MAX_COLOURED: Final = 500
"""The longest line that is coloured: finding the parts of a line can take the square of its length."""
_PARTS: Final = re.compile(
    r"(?P<comment>(?:^|(?<=\s))#.*)"
    r"|(?P<expression>\{\{.*?\}\}|<%.*?%>)"
    r"|(?P<key>[\w.$-]+(?=:(?:\s|$)))"
)


class Part(msgspec.Struct, frozen=True):
    """A part of a line. `kind` is the name of its class, or ""."""

    text: str
    kind: str = ""


class SourceLine(msgspec.Struct, frozen=True):
    """A line, its parts, and the findings in it."""

    number: int
    parts: list[Part]
    findings: list[dict[str, Any]]


class Source(msgspec.Struct, frozen=True):
    """A definition as a page shows it.

    Attributes:
        lines: The lines, as many as there is room for.
        left_out: How many lines follow.
        elsewhere: The findings that are in none of the lines.
    """

    lines: list[SourceLine]
    left_out: int
    elsewhere: list[dict[str, Any]]


def source_of(text: str, file: str, findings: Iterable[dict[str, Any]] = ()) -> Source:
    """Return a definition's lines.

    Args:
        text: The definition.
        file: Its file. Findings may be in another one: that of a pack.
        findings: The findings, as the API has them.
    """
    all_lines = text.splitlines() or [""]
    shown = all_lines[:MAX_SOURCE_LINES]
    room = MAX_SOURCE_CHARACTERS
    for number, line in enumerate(shown):
        room -= len(line) + 1
        if room < 0:
            shown = [*shown[:number], line[: room + len(line) + 1]]
            break
    at: dict[int, list[dict[str, Any]]] = {}
    elsewhere: list[dict[str, Any]] = []
    for finding in findings:
        is_here = finding["file"] == file and finding["line"] <= len(shown)
        (at.setdefault(finding["line"], []) if is_here else elsewhere).append(finding)
    lines = [SourceLine(number, list(_parts(line)), at.get(number, [])) for number, line in enumerate(shown, 1)]
    return Source(lines, len(all_lines) - len(shown), elsewhere)


def _parts(line: str) -> Iterator[Part]:
    if len(line) > MAX_COLOURED:
        yield Part(line)
        return
    end = 0
    for found in _PARTS.finditer(line):
        if found.start() > end:
            yield Part(line[end : found.start()])
        yield Part(found[0], found.lastgroup or "")
        end = found.end()
    if end < len(line):
        yield Part(line[end:])
