"""The work of reading a definition, in units that depend on its text alone, and the bound on it."""

import re
from typing import Final

from stretto.definitions.errors import Finding, Place

MAX_CLIENT_WORK: Final = 80_000
"""The units of work of a definition's text that a client sends: about a second of processor time."""
VALUE_UNITS: Final = 2
"""The units of a value of the YAML."""
EXPRESSION_UNITS: Final = 40
"""The units of an expression, besides one for each of its characters."""
_OPENINGS: Final = re.compile(r"\{\{|\{%|<%")


class TooMuchWork(Exception):
    """A definition takes more work to read than it may. `finding` says so."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Work:
    """Counts the work of reading one definition.

    Args:
        most: The bound in units, or None for a definition of the daemon's own files.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._spent = 0

    def charge(self, units: int, place: Place) -> None:
        """Add units of work at a place. Raises `TooMuchWork`."""
        self._spent += units
        if self._most is not None and self._spent > self._most:
            message = f"a definition that a client sends takes at most {self._most:,} units of work (MAX_CLIENT_WORK)"
            hint = "split it into several workflows, or let the daemon load it from its definitions"
            raise TooMuchWork(Finding("too_much_work", message, place, hint=hint))

    def charge_text(self, text: str, place: Place) -> None:
        """Add the work of compiling the expressions in a text. Raises `TooMuchWork`."""
        expressions = len(_OPENINGS.findall(text))
        if expressions:
            self.charge(expressions * EXPRESSION_UNITS + len(text), place)

    def charge_condition(self, text: str, place: Place) -> None:
        """Add the work of compiling a condition, which is also checked for its outcomes. Raises `TooMuchWork`."""
        self.charge(2 * (EXPRESSION_UNITS + len(text)), place)
