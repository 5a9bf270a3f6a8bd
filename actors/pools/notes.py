"""The counts of a pool, for metrics and for people. Any thread may read it."""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stretto.metrics import batch_histogram, get_logger, wait_histogram

_log = get_logger(__name__)

REASONS: Final = ("closed", "silent", "garbage", "left", "gateway")
"""Why workers are lost. The metrics have a counter of each from the start, so that its first increase is seen."""


class PoolNotes:
    """The counts of one pool since its start.

    Attributes:
        batch: The items of its batches.
        wait: The seconds that items have waited for their batch.
    """

    def __init__(self, name: str) -> None:
        self.batch = batch_histogram()
        self.wait = wait_histogram()
        self._name = name
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()

    def _add(self, **counts: int) -> None:
        with self._lock:
            self._counts.update(counts)

    def sent(self, arrivals: Sequence[float]) -> None:
        """Note a batch.

        Args:
            arrivals: When each of its calls has come into the pool, on the monotonic clock.
        """
        now = time.monotonic()
        self.batch.observe(len(arrivals))
        self.wait.observe_many([now - arrived for arrived in arrivals])

    def put(self, count: int) -> None:
        """Note large values that were sent."""
        if count:
            self._add(values_put=count)

    def lost(self, worker: str, reason: str, calls: int) -> None:
        """Note a lost worker and the calls it had."""
        with self._lock:
            self._losses[reason] += 1
        _log.warning("pool_worker_lost", pool=self._name, worker=worker, reason=reason, items=calls)

    def late(self) -> None:
        """Note an end that was dropped."""
        self._add(late_ends=1)

    def sending(self, size: int) -> None:
        """Note the bytes of a message to a worker."""
        self._add(bytes_sent=size)

    def received(self, size: int) -> None:
        """Note the bytes of a message of a worker."""
        self._add(bytes_received=size)

    def losses(self) -> Mapping[str, int]:
        """Return the lost workers by reason."""
        with self._lock:
            return dict(self._losses)

    def report(self) -> dict[str, Any]:
        """Return {batches, items_sent, values_put, late_ends, bytes_sent, bytes_received, workers_lost}."""
        names = ("values_put", "late_ends", "bytes_sent", "bytes_received")
        buckets, items = self.batch.totals()
        sent = {"batches": buckets[-1][1], "items_sent": int(items)}
        with self._lock:
            counted = {name: self._counts[name] for name in names}
            return {**sent, **counted, "workers_lost": sum(self._losses.values())}
