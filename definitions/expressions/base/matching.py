r"""The cost of matches with RE2.

RE2 is linear in the text, but not in the pattern. A pattern whose counted repetitions can be in many positions at once,
such as `(a|b)*a(a|b){500}`, takes time for each position at each character. The positions are the instructions of the
pattern with each character class as a single character, because a class of many ranges is in one position only.

Measured (CPython 3.11, google-re2 1.1, patterns such as `[ab]*a[ab]{n}c`, `(?:\p{L}+\d?)*a.{n}c`, over random texts):

    deterministic, ASCII              1.3 to 5.6 ns a character     up to 19 positions
    deterministic, other texts        7 to 18 ns                    up to 12 positions
    the states do not fit, ASCII      160 to 200 ns                 25 positions
                                      213 and 342 ns                51 and 93 positions
    the states do not fit, others     250 to 420 ns                 24 to 32 positions
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import re2

from stretto.definitions.data import compiled
from stretto.definitions.expressions.base.bounds import COPIED, TEXT_BYTES, Fuel

MAX_PATTERN_LENGTH = 5_000
MATCHED = 20
"""The characters a unit that RE2 matches with a deterministic automaton. In texts that are not ASCII it is half."""
FEW_POSITIONS = 19
FEW_POSITIONS_OF_OTHERS = 12
"""Up to this number of positions, all states of a deterministic automaton fit in RE2's memory: in ASCII, or not."""
POSITIONS_MATCHED = 20
"""The positions a unit, at each character, with `FIXED_POSITIONS` more."""
FIXED_POSITIONS = 20
FAR_CHARACTERS = 64
"""The characters a unit of the rest of a text, which a pattern with an unbounded repetition may scan at each match."""

_CLASS = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\x(?:\{[^}]*\}|[0-9a-fA-F]{2})|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\.", re.DOTALL
)

_LITERALS = re.compile(r"\^?(?:[^\\.^$*+?()\[\]{}|]|\\[^\w\s])*\$?")
"""Patterns without choices and repetitions. Each has one position at a time."""

_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")

MATCH_UNITS = 72
"""The units of one of several matches: RE2's wrapper takes up to six microseconds for each."""
COMPILED_UNITS = 8
"""The units for each instruction of a pattern that is compiled, once in an evaluation."""
CALL_UNITS = 500


def pay_for_pattern(fuel: Fuel, pattern: str) -> int:
    """Pay for compiling a pattern of RE2, and return its positions. Raises ValueError if it is invalid."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(
            f"a regular expression must have at most {MAX_PATTERN_LENGTH:,} characters, got {len(pattern):,}"
        )
    if pattern not in fuel.patterns:
        fuel.burn(CALL_UNITS)
        fuel.burn(COMPILED_UNITS * compiled(pattern).programsize)
        fuel.patterns.add(pattern)
    return positions_of(pattern)


@lru_cache(maxsize=512)
def positions_of(pattern: str) -> int:
    """Return the number of positions of a pattern of RE2, whose cost can be up to that factor."""
    if _LITERALS.fullmatch(pattern):
        return 1
    for source in (_CLASS.sub("a", pattern), pattern):
        options = re2.Options()
        options.log_errors = False
        try:
            return int(re2.compile(source, options).programsize)
        except re2.error:
            continue
    return len(pattern)


def pay_for_matching(fuel: Fuel, positions: int, text: str) -> None:
    """Pay for a search over a text."""
    _pay(fuel, positions, text, len(text), MATCHED)


def pay_for_scanning_on(fuel: Fuel, positions: int, text: str, start: int) -> None:
    """Pay for the characters behind a match, which the search for it may have read: up to the end of the text."""
    _pay(fuel, positions, text, len(text) - start, FAR_CHARACTERS)


def matches_of(fuel: Fuel, pattern: Any, positions: int, text: str, *, far: bool) -> Iterator[Any]:
    """Yield all matches of a compiled pattern of RE2, and pay for the text that they scan and create.

    Args:
        fuel: The budget of the evaluation.
        pattern: The compiled pattern.
        positions: Its positions.
        text: The text to search.
        far: Whether the search for a match may read on to the end of the text, as `is_unbounded` says.
    """
    pay_for_matching(fuel, positions, text)
    for match in pattern.finditer(text):
        fuel.burn(MATCH_UNITS + pattern.groups)
        fuel.make_text(match.end() - match.start(), text)
        fuel.make((2 + pattern.groups) * TEXT_BYTES)
        if far:
            pay_for_scanning_on(fuel, positions, text, match.start())
        yield match


def is_unbounded(source: str) -> bool:
    """Return whether a pattern has an unbounded repetition."""
    return _UNBOUNDED.search(source) is not None


def texts_of(matches: Iterable[Any]) -> list[Any]:
    """Return each match as its text, its single group, or a tuple of its groups. A group without a match is empty."""
    found: list[Any] = []
    for match in matches:
        parts = match.groups(default="")
        found.append(match.group() if not parts else parts[0] if len(parts) == 1 else parts)
    return found


def replaced(
    fuel: Fuel, text: str, matches: Iterable[Any], replacement: str | Callable[[Any], str], most: int = 0
) -> str:
    r"""Return the text with matches replaced.

    Args:
        fuel: The budget of the evaluation, which pays for the result.
        text: The text that was searched.
        matches: Its matches.
        replacement: The text for each match, in which `\1` and `\g<name>` refer to groups, or a function for it.
        most: The number of matches that are replaced. 0 is no bound.
    """
    fuel.make_text(len(text), text)
    parts: list[str] = []
    end = 0
    for number, match in enumerate(matches, 1):
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


def _pay(fuel: Fuel, positions: int, text: str, length: int, deterministic: int) -> None:
    is_plain = text.isascii()
    if not is_plain:
        length *= 2
    if positions <= (FEW_POSITIONS if is_plain else FEW_POSITIONS_OF_OTHERS):
        fuel.burn(length // deterministic)
    else:
        fuel.burn(length * (positions + FIXED_POSITIONS) // POSITIONS_MATCHED)
