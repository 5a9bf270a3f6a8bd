"""The metrics of pools of workers, read from an engine at each scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics import catalogue
from stretto.metrics.histogram import Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """The figures of one pool: of this moment, and counted since its start.

    Attributes:
        name: The pool's name.
        workers: Its workers by state.
        slots: How many calls they run at a time.
        in_flight: The items at them.
        waiting: The items that wait for them.
        batches: The batches that were sent.
        items_sent: The items in these batches.
        bytes_sent: The bytes to the workers.
        bytes_received: The bytes from them.
        values_put: The large values that were sent.
        late_ends: The ends that were dropped.
        lost: The lost workers by reason.
        batch: The items of a batch.
        wait: The seconds that items have waited for their batch.
    """

    name: str
    workers: Mapping[str, int]
    slots: int
    in_flight: int
    waiting: int
    batches: int
    items_sent: int
    bytes_sent: int
    bytes_received: int
    values_put: int
    late_ends: int
    lost: Mapping[str, int]
    batch: Histogram
    wait: Histogram


def batch_histogram() -> Histogram:
    """Return a histogram of the items of a pool's batches."""
    return Histogram(catalogue.POOL_BATCH)


def wait_histogram() -> Histogram:
    """Return a histogram of the seconds that a pool's items wait."""
    return Histogram(catalogue.POOL_WAIT)


class PoolMetrics(Collector):
    """The pools of workers, read from an engine at each scrape. Without pools: no series."""

    def __init__(self) -> None:
        self.pools: Callable[[], Sequence[PoolFigures]] = tuple

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily]:
        """Read all pools once."""
        pools = self.pools()
        for metric, read in _POOL_FIGURES:
            is_counter = metric.name.endswith("_total")
            family = (CounterMetricFamily if is_counter else GaugeMetricFamily)(
                metric.name, metric.help, labels=metric.labels
            )
            for pool in pools:
                for labels, value in read(pool):
                    family.add_metric((pool.name, *labels), value)
            yield family
        for metric, histogram_of in _POOL_HISTOGRAMS:
            histograms = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            for pool in pools:
                histograms.add_metric((pool.name,), *histogram_of(pool).totals())
            yield histograms


_Figure: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
_POOL_FIGURES: Final[tuple[tuple[catalogue.Metric, Callable[[PoolFigures], _Figure]], ...]] = (
    (catalogue.POOL_WORKERS, lambda pool: _by_label(pool.workers)),
    (catalogue.POOL_SLOTS, lambda pool: _alone(pool.slots)),
    (catalogue.POOL_ITEMS, lambda pool: _alone(pool.in_flight)),
    (catalogue.POOL_WAITING, lambda pool: _alone(pool.waiting)),
    (catalogue.POOL_BATCHES, lambda pool: _alone(pool.batches)),
    (catalogue.POOL_SENT, lambda pool: _alone(pool.items_sent)),
    (catalogue.POOL_BYTES, lambda pool: _by_label({"sent": pool.bytes_sent, "received": pool.bytes_received})),
    (catalogue.POOL_VALUES, lambda pool: _alone(pool.values_put)),
    (catalogue.POOL_LATE, lambda pool: _alone(pool.late_ends)),
    (catalogue.POOL_LOST, lambda pool: _by_label(pool.lost)),
)

_POOL_HISTOGRAMS: Final[tuple[tuple[catalogue.Metric, Callable[[PoolFigures], Histogram]], ...]] = (
    (catalogue.POOL_BATCH, lambda pool: pool.batch),
    (catalogue.POOL_WAIT, lambda pool: pool.wait),
)


def _alone(value: int) -> _Figure:
    return (((), value),)


def _by_label(values: Mapping[str, int]) -> _Figure:
    return [((label,), value) for label, value in values.items()]
