r"""The cost of matches with RE2.

RE2 is linear in the text, but not in the pattern. A pattern whose counted repetitions can be in many positions at once,
such as `(a|b)*a(a|b){500}`, takes time for each position at each character. The positions are the instructions of the
pattern with each character class as a single character, because a class of many ranges is in one position only.
"""

import re
from functools import lru_cache

import re2

from stretto.definitions.data import compiled
from stretto.definitions.expressions.base.bounds import Fuel

MAX_PATTERN_LENGTH = 5_000
MATCHED = 25
"""The characters a unit that RE2 matches with a deterministic automaton."""
FEW_POSITIONS = 32
"""Up to this number of positions, a match is charged as deterministic. The number is an estimate, not measured."""
POSITIONS_MATCHED = 28
"""The positions a unit, at each character."""

_CLASS = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\x(?:\{[^}]*\}|[0-9a-fA-F]{2})|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\.", re.DOTALL
)


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
    for source in (_CLASS.sub("a", pattern), pattern):
        options = re2.Options()
        options.log_errors = False
        try:
            return int(re2.compile(source, options).programsize)
        except re2.error:
            continue
    return len(pattern)


def pay_for_matching(fuel: Fuel, positions: int, length: int) -> None:
    """Pay for a search over `length` characters."""
    if positions <= FEW_POSITIONS:
        fuel.burn(length // MATCHED)
    else:
        fuel.burn(length * positions // POSITIONS_MATCHED)
