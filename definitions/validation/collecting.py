"""Collects the findings of checks, without duplicates."""

from collections.abc import Iterable, Iterator

from stretto.definitions.dialects import MAX_FINDINGS
from stretto.definitions.errors import Finding, Place, nearest


class Findings:
    """The findings in the order in which they were added."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int, int], Finding] = {}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def error(self, code: str, message: str, place: Place, **details: str) -> None:
        """Add an error. `details` are the finding's found, expected and hint."""
        self._add(Finding(code, message, place, **details))

    def warn(self, code: str, message: str, place: Place, **details: str) -> None:
        """Add a warning. `details` are the finding's found, expected and hint."""
        self._add(Finding(code, message, place, severity="warning", **details))

    def nearest(self, name: str, known: Iterable[str]) -> str:
        """Return a hint with the nearest name, or "" beyond `MAX_FINDINGS`, as comparing names takes long."""
        return nearest(name, known) if len(self._found) < MAX_FINDINGS else ""

    def _add(self, finding: Finding) -> None:
        key = (finding.code, finding.message, finding.place.line, finding.place.column)
        self._found.setdefault(key, finding)
