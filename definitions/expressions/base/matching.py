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
from functools import lru_cache

import re2

from stretto.definitions.data import compiled
from stretto.definitions.expressions.base.bounds import Fuel

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


def _pay(fuel: Fuel, positions: int, text: str, length: int, deterministic: int) -> None:
    is_plain = text.isascii()
    if not is_plain:
        length *= 2
    if positions <= (FEW_POSITIONS if is_plain else FEW_POSITIONS_OF_OTHERS):
        fuel.burn(length // deterministic)
    else:
        fuel.burn(length * (positions + FIXED_POSITIONS) // POSITIONS_MATCHED)
