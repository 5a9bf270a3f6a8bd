"""The clock of a store: the times that engines on several machines record are those of one clock."""

import threading
import time
from collections.abc import Callable


class StoreClock:
    """The time of a store's server, in seconds since the epoch. It never goes backwards. Thread-safe.

    It follows the clock of this machine until a measurement shows that it is too far from the server's.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.monotonic = monotonic
        self._lock = threading.Lock()
        self._offset = wall() - monotonic()
        self._last = -float("inf")

    def now(self) -> float:
        """Return the time."""
        with self._lock:
            self._last = max(self._last, self.monotonic() + self._offset)
            return self._last

    def server_now(self) -> float:
        """Return the server's time as it was measured last. It goes backwards if the server's clock was set back."""
        with self._lock:
            return self.monotonic() + self._offset

    def measured(self, server_time: float, sent: float, received: float) -> None:
        """Correct the clock by a reading of the server's clock.

        Args:
            server_time: The server's time, at some moment between the next two.
            sent: When it was asked, by `monotonic`.
            received: When its answer came, by `monotonic`.
        """
        with self._lock:
            self._offset = min(max(self._offset, server_time - received), server_time - sent)
