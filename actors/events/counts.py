"""The counts of events and of the answers of rules, since the engine's start."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

EVENT_RESULTS: Final = ("accepted", "duplicate", "refused")
"""The fates of events: `refused` ones were not accepted because of their sender, type or body."""
MATCH_RESULTS: Final = ("matched", "started", "failed")
"""The fates of answers: each one is `matched` first. A `failed` one has no run."""


class Counts:
    """Numbers by name, all of which are there from the start. Any thread may count."""

    def __init__(self, names: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._numbers = Counter(dict.fromkeys(names, 0))

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._numbers[name] += number

    def read(self) -> Mapping[str, int]:
        """Return the numbers of this moment."""
        with self._lock:
            return dict(self._numbers)
