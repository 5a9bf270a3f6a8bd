"""How many calls go to a worker at once: as many as take half a second, fewer near the end.

Calls so short that a batch of them ends within `QUICK_SECONDS` travel in full shares even then: a message costs more
than a worker that has nothing to do for that time.
"""

from typing import Final

from stretto.actors.pools.messages import MAX_BATCH_ITEMS

BATCH_SECONDS: Final = 0.5
MESSAGE_SECONDS: Final = 0.0006
"""The daemon's cost of a batch."""
BUSY_SHARE: Final = 0.25
"""The share of its time that the daemon may spend on batches."""
BATCHES_IN_FLIGHT: Final = 2
"""Of one worker. The rest waits in the daemon."""
QUICK_SECONDS: Final = 0.02
"""A worker gathers the ends of its calls for so long, so that fewer calls than it runs meanwhile bring nothing."""
_WEIGHT: Final = 0.2


class Durations:
    """The mean duration of an action's calls, by ref, with the recent ones counting most."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}
        self.recent: float | None = None
        """The mean of all actions, or None if no call has ended."""

    def add(self, ref: str, seconds: float, calls: int = 1) -> None:
        """Take note of the duration of calls that ended together.

        Args:
            ref: Their action.
            seconds: Their mean duration.
            calls: How many there are.
        """
        share = 1.0 - (1.0 - _WEIGHT) ** calls
        self._means[ref] = _moved(self._means.get(ref), seconds, share)
        self.recent = _moved(self.recent, seconds, share)

    def of(self, ref: str) -> float | None:
        """Return the mean, or None if no call has ended."""
        return self._means.get(ref)


def _moved(mean: float | None, seconds: float, share: float) -> float:
    return seconds if mean is None else mean + share * (seconds - mean)


def largest_batch(mean: float | None, slots: int, workers: int) -> int:
    """Return how many calls of a duration a batch has while enough wait. The arguments are those of `batch_size`."""
    if mean is None:
        return min(slots, MAX_BATCH_ITEMS)
    seconds = max(BATCH_SECONDS, MESSAGE_SECONDS * workers / BUSY_SHARE)
    return min(max(slots, int(seconds * slots / max(mean, 1e-6))), MAX_BATCH_ITEMS)


def batch_size(mean: float | None, slots: int, left: int, workers: int, in_flight: int = 0) -> int:
    """Return how many calls the next batch has, at least 1.

    Args:
        mean: The mean duration of a call in seconds, or None if it is not known.
        slots: How many calls the worker runs at a time.
        left: How many calls wait.
        workers: How many workers there are.
        in_flight: How many calls they have.
    """
    most = largest_batch(mean, slots, workers)
    # Near the end no worker must have much while others have nothing.
    share = (left + in_flight) // (workers * BATCHES_IN_FLIGHT)
    fair = share // 2
    quick = 0
    if mean is not None:
        quick = min(share, int(QUICK_SECONDS * slots / max(mean, 1e-6)))
    return max(1, min(most, max(fair, quick, slots if left >= slots * workers else 1)))
