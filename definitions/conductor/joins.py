"""Joins: the inbound tasks that have arrived, lap by lap."""

from collections.abc import Sequence


class Join:
    """A join counts the distinct inbound tasks that led to it. It starts once a lap, and drops later arrivals.

    A new lap begins when an inbound task arrives that was already counted or dropped in this lap.
    """

    __slots__ = ("_needed", "_seen", "started")

    def __init__(self, needed: int) -> None:
        self._needed = needed
        self._seen: set[str] = set()
        self.started = False

    def arrive(self, source: str) -> bool:
        """Count an arrival, and return whether the join's task starts now."""
        if source in self._seen:
            self._seen = set()
            self.started = False
        self._seen.add(source)
        if self.started or len(self._seen) < self._needed:
            return False
        self.started = True
        return True

    @property
    def waiting(self) -> bool:
        """Whether an inbound task has arrived and the join's task has not started."""
        return bool(self._seen) and not self.started

    def missing(self, inbound: Sequence[str]) -> list[str]:
        """Return the inbound tasks that have not arrived."""
        return [name for name in inbound if name not in self._seen]
