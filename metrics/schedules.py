"""The metrics of schedules, read from an engine at each scrape."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFigures:
    """The figures of all schedules.

    Attributes:
        states: The schedules by status.
        due_times: The due times since the engine's start, by what became of them.
    """

    states: Mapping[str, int] = field(default_factory=dict)
    due_times: Mapping[str, int] = field(default_factory=dict)


class ScheduleMetrics(Collector):
    """The schedules, read from an engine at each scrape. Without schedules: no series."""

    def __init__(self) -> None:
        self.figures: Callable[[], ScheduleFigures] = ScheduleFigures

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Read all figures once."""
        figures = self.figures()
        gauge, counter = catalogue.SCHEDULES, catalogue.DUE_TIMES
        states = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
        for status, number in figures.states.items():
            states.add_metric((status,), number)
        yield states
        results = CounterMetricFamily(counter.name, counter.help, labels=counter.labels)
        for result, number in figures.due_times.items():
            results.add_metric((result,), number)
        yield results
