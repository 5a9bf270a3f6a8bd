"""Limits on the cost of expressions: Jinja's sandbox guards attributes, but neither memory nor time."""

import re
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.errors import LimitExceeded

MAX_SOURCE_LENGTH = 20_000
"""Maximum length of one expression, or of a text with expressions."""
MAX_NESTING = 100
"""Maximum levels of nesting within an expression; Python's own compiler fails at 200."""
MAX_TEXT_LENGTH = 8 * 1024 * 1024
"""Maximum length of all texts that one evaluation creates. Texts that it only passes on do not count."""
MAX_STEPS = 1_000_000
"""Maximum number of values that one evaluation reads or creates."""
MAX_INTEGER_BITS = 1024
"""Maximum size of an intermediate integer; the value of an expression has at most 64 bits."""
MAX_FORMAT_WIDTH = 1000
FROZEN_BYTES_A_STEP = 64

_FORMAT_NUMBER = re.compile(r"\d+")
_FORMAT_STAR = re.compile(r"%[-+ #0]*\*|%[-+ #0]*\d*\.\*")


class Fuel:
    """The remaining steps and characters of one evaluation."""

    __slots__ = ("_made", "left")

    def __init__(self) -> None:
        self.left = MAX_STEPS
        self._made = 0

    def make_text(self, length: int) -> None:
        """Pay for a text before it is created, or raise `LimitExceeded`."""
        self._made += length
        check_text(self._made)

    def compare(self, *values: Any) -> None:
        """Pay for comparing values. Shared members cost each time, as the comparison visits them each time."""
        for value in values:
            if isinstance(value, FrozenDict | FrozenList):
                # C compares some hundred million bytes a second, so these cost less than a step for each member.
                self.burn(value.weight // FROZEN_BYTES_A_STEP)
            elif isinstance(value, dict):
                self.burn(len(value))
                self.compare(*value.values())
            elif isinstance(value, list | tuple):
                self.burn(len(value))
                self.compare(*value)

    def burn(self, steps: int) -> None:
        """Pay for `steps`, or raise `LimitExceeded` if fewer are left."""
        self.left -= steps
        if self.left < 0:
            raise LimitExceeded(f"an expression can read or create at most {MAX_STEPS:,} values")

    def walk(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return `values` for one paid iteration: paid in advance if their number is known, else one by one."""
        if isinstance(values, Sized):
            self.burn(len(values))
            return values
        return self._walk(iter(values))

    def _walk(self, values: Iterator[Any]) -> Iterator[Any]:
        for value in values:
            self.burn(1)
            yield value


def check_text(length: int) -> None:
    """Raise `LimitExceeded` if an evaluation's texts have too many characters in total."""
    if length > MAX_TEXT_LENGTH:
        raise LimitExceeded(
            f"an expression can create texts of at most {MAX_TEXT_LENGTH:,} characters in total, got {length:,}"
        )


def check_bits(bits: int) -> None:
    """Raise `LimitExceeded` if an integer of `bits` bits would be too large."""
    if bits > MAX_INTEGER_BITS:
        raise LimitExceeded(f"an integer in an expression must have at most {MAX_INTEGER_BITS:,} bits")


def check_format(pattern: str) -> None:
    """Raise `LimitExceeded` for a `%` format whose widths could create a huge text."""
    if _FORMAT_STAR.search(pattern) or any(
        len(number) > 4 or int(number) > MAX_FORMAT_WIDTH for number in _FORMAT_NUMBER.findall(pattern)
    ):
        raise LimitExceeded(f"a width in a % format must be at most {MAX_FORMAT_WIDTH:,}")
