"""Parses Orquesta's inline parameters, such as `core.echo message=<% ctx(x) %> times=3`, as Orquesta does.

The value after `name=` is the first match of `[...]` up to the last bracket on the line, text in single or double
quotes, a number, true, false, null, or an expression. Anything else is skipped, and so is text directly after a value.
`x=word` gives nothing, `c=3x` gives 3.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from stretto.definitions.data import freeze
from stretto.definitions.errors import NotData

_ASSIGNS: Final = re.compile(r"\w=")
_PLAIN: Final = re.compile(r"-?\d*\.\d+|-?\d+|(?i:true)|(?i:false)|null")
_SPACE: Final = re.compile(r"\s*")
_ENCLOSED: Final = {"{{": "}}", "<%": "%>"}


@dataclass(frozen=True, slots=True)
class Inline:
    """An inline parameter. `start` and `end` are the position of its value in the text."""

    name: str
    value: Any
    start: int
    end: int


def inline_parameters(text: str) -> list[Inline]:
    """Return the inline parameters of a text in order."""
    return [Inline(name, _value(text[start:end]), start, end) for name, start, end in _found(text)]


def _found(text: str) -> Iterator[tuple[str, int, int]]:
    end = 0
    values = _Values(text)
    for assigns in _ASSIGNS.finditer(text):
        start = assigns.end()
        if assigns.start() < end:
            continue
        after = values.end_of(start)
        if after is not None:
            yield text[_word_start(text, assigns.start(), end) : start - 1], start, after
            end = after


def _word_start(text: str, last: int, least: int) -> int:
    while last > least and (text[last - 1].isalnum() or text[last - 1] == "_"):
        last -= 1
    return last


class _Values:
    """Finds the ends of values. A missing closing mark is searched for once per line, not once per value."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._unclosed: dict[str, int] = {}
        self._line_end = -1

    def end_of(self, start: int) -> int | None:
        """Return the end of the value at `start`, or None if there is no value."""
        text = self._text
        opening = text[start : start + 1]
        if opening == "[":
            end = self._closed(start + 1, "]", last=True)
            return None if end is None else self._spaced(end)
        if opening in {'"', "'"}:
            end = text.find(opening, start + 1)
            return None if end < 0 else self._spaced(end + 1)
        closing = _ENCLOSED.get(text[start : start + 2])
        if closing is not None:
            return self._closed(start + 2, closing, last=False)
        plain = _PLAIN.match(text, start)
        return None if plain is None else plain.end()

    def _closed(self, start: int, closing: str, *, last: bool) -> int | None:
        if start > self._line_end:
            found = self._text.find("\n", start)
            self._line_end = len(self._text) if found < 0 else found
        line_end = self._line_end
        if self._unclosed.get(closing) == line_end:
            return None
        find = self._text.rfind if last else self._text.find
        found = find(closing, start, line_end)
        if found < 0:
            self._unclosed[closing] = line_end
            return None
        return found + len(closing)

    def _spaced(self, end: int) -> int:
        space = _SPACE.match(self._text, end)
        return end if space is None else space.end()


_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_QUOTES: Final = (('"', re.compile('"$')), ("'", re.compile("'$")))


def _value(written: str) -> Any:
    """Parse a value. Quoted text outside braces stays text, and the rest is JSON if possible, else text."""
    text = written.strip()
    quoted = _QUOTED.search(text) is not None
    for opening, closing in _QUOTES:
        text = closing.sub("", text.removeprefix(opening))
    in_braces = text.startswith("{") and text.endswith("}")
    if quoted and text and not in_braces:
        return text
    try:
        value = json.loads(text.lower() if text.lower() in {"true", "false"} else text, parse_constant=_refuse_constant)
        freeze(value)
    except (ValueError, RecursionError, NotData):
        return text
    return value


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)
