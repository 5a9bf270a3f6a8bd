"""What an expression may cost: Jinja's sandbox guards attributes, but neither memory nor time."""

import re
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.errors import LimitExceeded

MAX_SOURCE_LENGTH = 20_000
"""Characters of one expression or text with expressions."""
MAX_NESTING = 100
"""Levels of nesting within an expression; Python's own compiler gives up at 200."""
MAX_TEXT_LENGTH = 8 * 1024 * 1024
"""Characters of all texts that one evaluation makes (texts that it only passes on are not counted)."""
MAX_STEPS = 1_000_000
"""Values that one evaluation may walk over or make."""
MAX_INTEGER_BITS = 1024
"""Bits of an integer on the way; what leaves an expression has at most 64."""
MAX_FORMAT_WIDTH = 1000
FROZEN_BYTES_A_STEP = 64

_FORMAT_NUMBER = re.compile(r"\d+")
_FORMAT_STAR = re.compile(r"%[-+ #0]*\*|%[-+ #0]*\d*\.\*")


class Fuel:
    """The steps that one evaluation may take, and the characters that it may make."""

    __slots__ = ("_made", "left")

    def __init__(self) -> None:
        self.left = MAX_STEPS
        self._made = 0

    def make_text(self, length: int) -> None:
        """Pay for a text of `length` characters before it is made; `LimitExceeded` when it may not be."""
        self._made += length
        check_text(self._made)

    def compare(self, *values: Any) -> None:
        """Pay for walking through values that are compared; what they share is walked, and paid for, each time."""
        for value in values:
            if isinstance(value, FrozenDict | FrozenList):
                # C walks these at some hundred million bytes a second: they count for less than a step.
                self.burn(value.weight // FROZEN_BYTES_A_STEP)
            elif isinstance(value, dict):
                self.burn(len(value))
                self.compare(*value.values())
            elif isinstance(value, list | tuple):
                self.burn(len(value))
                self.compare(*value)

    def burn(self, steps: int) -> None:
        """Take `steps` off; `LimitExceeded` when none are left."""
        self.left -= steps
        if self.left < 0:
            raise LimitExceeded(f"an expression may walk over or make at most {MAX_STEPS:,} values")

    def walk(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return `values` to be iterated once, paid for: at once where their number is known, else one by one."""
        if isinstance(values, Sized):
            self.burn(len(values))
            return values
        return self._walk(iter(values))

    def _walk(self, values: Iterator[Any]) -> Iterator[Any]:
        for value in values:
            self.burn(1)
            yield value


def check_text(length: int) -> None:
    """Raise `LimitExceeded` when the texts of an evaluation come to more than it may make."""
    if length > MAX_TEXT_LENGTH:
        raise LimitExceeded(
            f"an expression may make texts of at most {MAX_TEXT_LENGTH:,} characters in all; these come to {length:,}"
        )


def check_bits(bits: int) -> None:
    """Raise `LimitExceeded` when an integer of `bits` bits is about to be made and may not."""
    if bits > MAX_INTEGER_BITS:
        raise LimitExceeded(f"an integer in an expression may have at most {MAX_INTEGER_BITS:,} bits")


def check_format(pattern: str) -> None:
    """Raise `LimitExceeded` for a `%` format whose widths could make a huge text."""
    if _FORMAT_STAR.search(pattern) or any(
        len(number) > 4 or int(number) > MAX_FORMAT_WIDTH for number in _FORMAT_NUMBER.findall(pattern)
    ):
        raise LimitExceeded(f"a width in a % format may be at most {MAX_FORMAT_WIDTH:,}")
