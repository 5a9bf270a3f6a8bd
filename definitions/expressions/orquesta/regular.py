r"""Matches regular expressions of Python's `re` with RE2, in linear time.

With Python's backtracking, a pattern of ten characters can run practically forever. Features that RE2 lacks
(look-around, backreferences) are errors. Where the syntax or meaning differs (`\Z`, `{,3}`, Unicode `\d`, `$` before a
final line break), the pattern is translated.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import re2

from stretto.definitions.expressions.base.bounds import COPIED, TEXT_BYTES, Fuel
from stretto.definitions.expressions.base.matching import (
    CALL_UNITS,
    COMPILED_UNITS,
    MAX_PATTERN_LENGTH,
    pay_for_matching,
    pay_for_scanning_on,
    positions_of,
)

MATCH_UNITS = 60
"""The units of one of several matches: RE2's wrapper takes up to six microseconds for each."""

_TOKEN = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\.|\[\^?\]?|\]|\$|\{,\d+\}|\(\?(?:=|!|<=|<!|P=|\()|.", re.DOTALL
)
_BEYOND_RE2 = {"(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind"}
_WORD, _SPACE = r"\p{L}\p{N}_", r"\s\x0b\x1c-\x1f\x85\p{Z}"
_IN_CLASS = {r"\d": r"\p{Nd}", r"\D": r"\P{Nd}", r"\w": _WORD, r"\s": _SPACE}
_OUTSIDE = {
    r"\d": r"\p{Nd}",
    r"\D": r"\P{Nd}",
    r"\w": f"[{_WORD}]",
    r"\W": f"[^{_WORD}]",
    r"\s": f"[{_SPACE}]",
    r"\S": f"[^{_SPACE}]",
    r"\Z": r"\z",
}


class Pattern:
    """A compiled pattern. Its methods pay for the text that they scan and create."""

    __slots__ = ("_exact", "_far", "_loose", "_positions", "source")

    def __init__(self, source: str, flags: str) -> None:
        self.source = source
        # In Python, `$` is the end or the position before a final line break. RE2 cannot look ahead. A test for a
        # match may include the line break; where the match itself counts, `$` is the end only.
        self._loose = _compiled(source, flags, r"(?:\n?\z)")
        self._exact = _compiled(source, flags, r"\z")
        self._positions = positions_of("".join(_translated(source, "$")))
        self._far = _UNBOUNDED.search(source) is not None

    @property
    def size(self) -> int:
        """The instructions of the compiled pattern."""
        return int(self._loose.programsize + self._exact.programsize)

    def is_in(self, fuel: Fuel, text: str) -> bool:
        """Return whether the pattern matches somewhere."""
        pay_for_matching(fuel, self._positions, text)
        return self._loose.search(text) is not None

    def begins(self, fuel: Fuel, text: str) -> bool:
        """Return whether the pattern matches at the start."""
        pay_for_matching(fuel, self._positions, text)
        return self._loose.match(text) is not None

    def first(self, fuel: Fuel, text: str) -> Any:
        """Return the first match, or None."""
        pay_for_matching(fuel, self._positions, text)
        return self._exact.search(text)

    def matches(self, fuel: Fuel, text: str) -> Iterator[Any]:
        """Yield all matches."""
        pay_for_matching(fuel, self._positions, text)
        for match in self._exact.finditer(text):
            fuel.burn(MATCH_UNITS + self._exact.groups)
            fuel.make_text(match.end() - match.start(), text)
            fuel.make((2 + self._exact.groups) * TEXT_BYTES)
            if self._far:
                pay_for_scanning_on(fuel, self._positions, text, match.start())
            yield match

    def all_of(self, fuel: Fuel, text: str) -> list[Any]:
        """Return each match as its text, its single group, or a tuple of its groups."""
        groups = self._exact.groups
        found: list[Any] = []
        for match in self.matches(fuel, text):
            parts = match.groups(default="")
            found.append(match.group() if not groups else parts[0] if groups == 1 else parts)
        return found

    def split(self, fuel: Fuel, text: str, most: int = 0) -> list[Any]:
        """Return the texts between matches, with the texts of the pattern's groups."""
        parts: list[Any] = []
        end = 0
        for number, match in enumerate(self.matches(fuel, text), 1):
            parts += [text[end : match.start()], *match.groups()]
            end = match.end()
            if number == most:
                break
        return [*parts, text[end:]]

    def replaced(self, fuel: Fuel, text: str, replacement: str | Callable[[Any], str], most: int = 0) -> str:
        r"""Return the text with matches replaced. `\1` and `\g<name>` in a replacement refer to groups."""
        fuel.make_text(len(text), text)
        parts: list[str] = []
        end = 0
        for number, match in enumerate(self.matches(fuel, text), 1):
            if isinstance(replacement, str):
                groups = sum(len(group or "") for group in (match.group(), *match.groups()))
                escapes = replacement.count("\\")
                is_plain = text.isascii() and replacement.isascii()
                fuel.burn((4 * len(replacement) if escapes else 0) + len(replacement) // COPIED)
                fuel.make_text(len(replacement) + escapes * groups, "" if is_plain else "\xff")
                part = match.expand(replacement) if "\\" in replacement else replacement
            else:
                part = replacement(match)
                fuel.make_text(len(part), part)
            parts += [text[end : match.start()], part]
            end = match.end()
            if number == most:
                break
        parts.append(text[end:])
        return "".join(parts)


def pattern_of(fuel: Fuel, source: str, flags: str = "") -> Pattern:
    """Compile a pattern with RE2 flags (`i`, `m`, `s`), and pay once. Raises ValueError if it is invalid."""
    key = f"{flags}:{source}"
    if key in fuel.patterns:
        return _pattern(source, flags)
    fuel.burn(CALL_UNITS + 20 * min(len(source), MAX_PATTERN_LENGTH))
    pattern = _pattern(source, flags)
    fuel.burn(COMPILED_UNITS * pattern.size)
    fuel.patterns.add(key)
    return pattern


_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")


@lru_cache(maxsize=256)
def _pattern(source: str, flags: str) -> Pattern:
    if len(source) > MAX_PATTERN_LENGTH:
        raise ValueError(
            f"a regular expression must have at most {MAX_PATTERN_LENGTH:,} characters, got {len(source):,}"
        )
    return Pattern(source, flags)


def _compiled(source: str, flags: str, end: str) -> Any:
    translated = "".join(_translated(source, "$" if "m" in flags else end))
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"(?{flags}){translated}" if flags else translated, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"invalid regular expression {source!r}: {reason}") from None


def _translated(source: str, end: str) -> Iterator[str]:
    in_class = False
    for piece in _TOKEN.findall(source):
        if piece in _BEYOND_RE2:
            raise ValueError(
                f"the regular expression {source!r} uses {_BEYOND_RE2[piece]} ({piece}...), which cannot be matched "
                "in bounded time; match without it, or test in two steps"
            )
        if piece in {"(?P=", "(?("} or (not in_class and re.fullmatch(r"\\[1-9]", piece)):
            raise ValueError(f"the regular expression {source!r} uses a backreference, which takes unbounded time")
        if piece[:2] in {"\\u", "\\U"} and len(piece) > 2:
            yield f"\\x{{{piece[2:]}}}"
        elif in_class:
            in_class = not piece.endswith("]") or piece.startswith("\\")
            yield f"\\{piece}" if piece.startswith("[") else _IN_CLASS.get(piece, piece)
        elif piece.startswith("["):
            in_class = True
            yield piece if not piece.endswith("]") else f"{piece[:-1]}\\]"
        elif piece == "$":
            yield end
        elif piece.startswith("{,"):
            yield f"{{0,{piece[2:]}"
        else:
            yield _OUTSIDE.get(piece, piece)
