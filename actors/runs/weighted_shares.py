"""Permits by weight: how many each run gets if runs of several priorities want them.

A run with twice the weight has twice the permits, or if there are fewer permits than runs, twice the turns. It is
start-time fair queueing: the runs that wait are served in the order of their virtual start times.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from stretto.definitions.model import NORMAL_WEIGHT

NO_WEIGHTS: Final[Mapping[str, int]] = {}
"""The weights of runs if all of them are normal. Nothing is added."""


class Turns:
    """The virtual times of the runs that share something.

    Args:
        weights: The weights of the runs that are not normal.

    Attributes:
        finish: The virtual times at which runs have used up what they were given.
    """

    __slots__ = ("_now", "finish", "weights")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.weights = weights
        self.finish: dict[str, float] = {}
        self._now = 0.0

    def weight(self, run_id: str) -> int:
        """Return the weight of a run."""
        return self.weights.get(run_id, NORMAL_WEIGHT)

    def start(self, run_id: str) -> float:
        """Return the virtual time at which a run is served next: the run with the lowest one comes first."""
        return max(self._now, self.finish.get(run_id, 0.0))

    def served(self, run_id: str, count: int) -> None:
        """Note that a run was served."""
        self._now = self.start(run_id)
        self.finish[run_id] = self._now + count / self.weight(run_id)

    def forget(self, run_id: str) -> None:
        """Forget an ended run."""
        self.finish.pop(run_id, None)

    def shares(self, total: int, runs: Iterable[str]) -> dict[str, int]:
        """Return the fair share of each run: at least one, so that they may be more than there are."""
        weights = {run_id: self.weight(run_id) for run_id in runs}
        weight = sum(weights.values())
        return {run_id: max(total * own // weight, 1) for run_id, own in weights.items()}
