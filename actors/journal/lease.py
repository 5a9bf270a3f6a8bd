"""A lease: the time for which an engine may act without an answer of its store. Another engine takes over afterwards.

Only durations are compared, each by the clock of one machine.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

LEAST_LEASE_SECONDS: Final = 1.0
MOST_LEASE_SECONDS: Final = 3600.0
RENEWALS_IN_A_LEASE: Final = 3


class StoredEngine(NamedTuple):
    """An engine that has opened a store: its `number`, and its process as `name`."""

    number: int
    name: str


class StoredDaemon(NamedTuple):
    """A row of an engine, for people. Times are those of the server.

    Attributes:
        number: The number of the engine.
        name: Its process.
        host: The machine, if it is known.
        version: The version of Stretto.
        opened_at: When it has opened the store.
        expires_at: When its lease ends, or None without one.
        draining: Whether it gives up its runs.
        fenced: Whether another engine has taken over.
        runs: The number of its runs in progress.
    """

    number: int
    name: str
    host: str | None
    version: str
    opened_at: float
    expires_at: float | None
    draining: bool
    fenced: bool
    runs: int


class Lease:
    """The lease of an engine. One thread renews it, any may look at it.

    Attributes:
        seconds: How long it holds after a renewal was sent.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin a lease that is over until it is renewed.

        Args:
            seconds: How long it holds.
            monotonic: The clock of this machine.

        Raises:
            ValueError: The seconds are out of range.
        """
        if not LEAST_LEASE_SECONDS <= seconds <= MOST_LEASE_SECONDS:
            raise ValueError(
                f"a lease must be from {LEAST_LEASE_SECONDS:g} to {MOST_LEASE_SECONDS:,.0f} seconds, got {seconds:g}"
            )
        self.seconds = seconds
        self.monotonic = monotonic
        self._until = -float("inf")

    @property
    def is_over(self) -> bool:
        """Whether another engine may have taken over: nothing may start."""
        return self.monotonic() >= self._until

    @property
    def renewal_seconds(self) -> float:
        """The time between two renewals."""
        return self.seconds / RENEWALS_IN_A_LEASE

    def renewed(self, sent: float) -> None:
        """Extend the lease: a renewal that was sent at that time, by `monotonic`, has been answered."""
        self._until = max(self._until, sent + self.seconds)

    def end(self) -> None:
        """End the lease: this engine has given it up, or lost it."""
        self._until = -float("inf")
