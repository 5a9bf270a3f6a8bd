"""Counters that are cheap to count with and cheap to keep.

prometheus_client's own add a second series, `_created`, to each one (only to be switched off for the whole
process, which is not ours to do), and take 600 bytes a series where these take 190. That matters because
every status of every task is there, at 0, before its first event: `increase()` misses the step of a series
that appears with it.
"""

from collections.abc import Iterator
from threading import Lock

from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics.catalogue import Metric


class Counter:
    """One series: a number that only grows. Any thread may count."""

    __slots__ = ("_lock", "_value")

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._value = 0

    def inc(self, count: int = 1) -> None:
        """Add `count` events.

        Raises ValueError for a negative count.
        """
        if count < 0:
            raise ValueError(f"a counter only grows, it cannot take {count}")
        with self._lock:
            self._value += count

    @property
    def value(self) -> int:
        """How many events there have been."""
        return self._value


class CounterFamily(Collector):
    """All series of one counter, one for each combination of label values."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._lock = Lock()
        self._children: dict[tuple[str, ...], Counter] = {}

    def child(self, *values: str) -> Counter:
        """The series with these label values, in the order of the metric's labels; made at 0 if it is new."""
        # One label that UTF-8 cannot hold (a lone surrogate) would fail every scrape from then on.
        key = tuple(value.encode("utf-8", "replace").decode("utf-8") for value in values)
        with self._lock:
            return self._children.setdefault(key, Counter(self._lock))

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The series as they are now, all as of one moment."""
        with self._lock:
            samples = [(labels, child.value) for labels, child in self._children.items()]
        family = CounterMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        yield family
