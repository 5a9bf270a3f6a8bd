"""Gauges that are read from the state at each scrape, so they cannot drift from it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics import catalogue


def _none() -> int:
    return 0


def _no_actors() -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeSources:
    """The sources of the gauges, called by the scraping thread. They are thread-safe and never wait.

    A gauge whose source is None has no series.
    """

    runs_in_progress: Callable[[], int] = _none
    items_in_flight: Callable[[], int] = _none
    context_bytes: Callable[[], int] = _none
    threads_left_behind: Callable[[], int] = _none
    key_permits: Callable[[], int] = _none
    key_items_waiting: Callable[[], int] = _none
    rate_items_waiting: Callable[[], int] = _none
    actors: Callable[[], Mapping[str, int]] = _no_actors
    runs_quarantined: Callable[[], int] | None = None
    journal_pending_records: Callable[[], int] | None = None
    store_available: Callable[[], bool] | None = None


class StateGauges(Collector):
    """The gauges, read from their sources at each scrape. Without sources they are 0 or have no series."""

    def __init__(self) -> None:
        self.sources = GaugeSources()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Call each source once. An exception fails the scrape, because a wrong gauge is worse than none."""
        sources = self.sources
        for metric, read in (
            (catalogue.RUNS_IN_PROGRESS, sources.runs_in_progress),
            (catalogue.RUNS_QUARANTINED, sources.runs_quarantined),
            (catalogue.ITEMS_IN_FLIGHT, sources.items_in_flight),
            (catalogue.CONTEXT_BYTES, sources.context_bytes),
            (catalogue.THREADS_LEFT_BEHIND, sources.threads_left_behind),
            (catalogue.KEY_PERMITS, sources.key_permits),
            (catalogue.KEY_WAITING, sources.key_items_waiting),
            (catalogue.RATE_WAITING, sources.rate_items_waiting),
            (catalogue.JOURNAL_PENDING, sources.journal_pending_records),
            (catalogue.STORE_AVAILABLE, sources.store_available),
        ):
            yield GaugeMetricFamily(metric.name, metric.help, value=None if read is None else read())
        actors = GaugeMetricFamily(catalogue.ACTORS.name, catalogue.ACTORS.help, labels=catalogue.ACTORS.labels)
        for name, count in sources.actors().items():
            actors.add_metric((name,), count)
        yield actors


class StreamMetrics(Collector):
    """The open streams and those that were dropped, read from a gateway at each scrape. Without one: no series."""

    def __init__(self) -> None:
        self.streams: Callable[[], int] | None = None
        self.dropped: Callable[[], int] | None = None

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Call each source once."""
        streams, dropped = catalogue.STREAMS, catalogue.STREAMS_DROPPED
        yield GaugeMetricFamily(streams.name, streams.help, value=None if self.streams is None else self.streams())
        yield CounterMetricFamily(dropped.name, dropped.help, value=None if self.dropped is None else self.dropped())
