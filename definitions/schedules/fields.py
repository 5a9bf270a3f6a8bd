"""One field of a cron expression: numbers, names, ranges, steps and lists."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stretto.definitions.errors import nearest
from stretto.definitions.schedules.zones import InvalidTime

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MAX_EXPRESSION: Final = 1_000
"""Characters of a cron expression, or of a field."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a cron expression.

    Attributes:
        name: Its name in messages.
        least: Its least number.
        most: Its greatest number.
        names: What stands for the numbers from `first_named` on.
        first_named: The number of the first of the names.
    """

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    first_named: int = 0

    def numbers(self, text: str) -> frozenset[int]:
        """Return the numbers that a list of terms stands for. Raises `InvalidTime`."""
        return frozenset(number for term in self.terms(text) for number in self.term(term))

    def terms(self, text: str) -> list[str]:
        """Return the members of a list. Raises `InvalidTime`."""
        if len(text) > MAX_EXPRESSION:
            raise InvalidTime(f"the field {self.name!r} must have at most {MAX_EXPRESSION:,} characters")
        return text.lower().split(",")

    def term(self, term: str) -> Iterator[int]:
        """Yield the numbers of `*`, `A`, `A-B` or one of these with `/STEP`. Raises `InvalidTime`."""
        span, slash, step_text = term.partition("/")
        step = self._step(step_text, term) if slash else 1
        if span == "*":
            first, last = self.least, self.most
        else:
            low, dash, high = span.partition("-")
            first = self.number(low, term)
            last = self.number(high, term) if dash else self.most if slash else first
            if last < first:
                hint = f"write {first}-{self.most},{self.least}-{last}"
                raise self.error(term, "a range from a lower to a higher value", hint)
        yield from range(first, last + 1, step)

    def number(self, text: str, term: str) -> int:
        """Return a number or what a name stands for. Raises `InvalidTime`."""
        if text in self.names:
            return self.names.index(text) + self.first_named
        if not (text.isascii() and text.isdigit() and len(text) <= 4 and self.least <= int(text) <= self.most):
            raise self.error(term, self._expected(), nearest(text, self.names))
        return int(text)

    def error(self, term: str, expected: str, hint: str = "") -> InvalidTime:
        """Return the error of a term."""
        return InvalidTime(f"the field {self.name!r} is invalid", repr(term[:50]), expected, hint)

    def _step(self, text: str, term: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) > 0):
            raise self.error(term, "a step of 1 or more behind the slash")
        return int(text)

    def _expected(self) -> str:
        names = f", or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.least} to {self.most}{names}"
