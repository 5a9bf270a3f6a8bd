"""Counters that are cheap in time and memory.

prometheus_client's counters add a second series, `_created`, which can only be switched off for the whole process, and
take 600 bytes a series. These take 190. The size matters, because each status of each task has a series at 0 before its
first event: `increase()` does not see the first step of a series that appears with that step.
"""

from collections.abc import Iterator
from threading import Lock

from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics.bounded import encodable
from stretto.metrics.catalogue import Metric


class Counter:
    """One series, a number that only grows. Any thread may count."""

    __slots__ = ("_lock", "_value")

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._value = 0

    def inc(self, count: int = 1) -> None:
        """Add events.

        Args:
            count: The number of events, 0 or more.

        Raises:
            ValueError: The count is negative.
        """
        if count < 0:
            raise ValueError(f"count must be 0 or more, got {count}")
        with self._lock:
            self._value += count

    @property
    def value(self) -> int:
        """The number of events so far."""
        return self._value


class CounterFamily(Collector):
    """All series of one counter, one for each combination of label values."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._lock = Lock()
        self._children: dict[tuple[str, ...], Counter] = {}

    def child(self, *values: str) -> Counter:
        """Return the series with these label values, in the order of the metric's labels. A new series is 0."""
        key = tuple(map(encodable, values))
        with self._lock:
            return self._children.setdefault(key, Counter(self._lock))

    def total(self) -> int:
        """Return the number of events of all series together."""
        with self._lock:
            return sum(child.value for child in self._children.values())

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield all series as of one moment."""
        with self._lock:
            samples = [(labels, child.value) for labels, child in self._children.items()]
        family = CounterMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        yield family
