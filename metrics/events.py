"""The metrics of events, of the rules that answer them, and of the runs that these start, read at each scrape."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFigures:
    """The figures of events.

    Attributes:
        events: The events since the engine's start, by what became of them.
        matches: The answers of rules since then, by what became of them.
        rules: The rules by state.
        waiting_seconds: How long the oldest answer has waited for its run to start.
    """

    events: Mapping[str, int] = field(default_factory=dict)
    matches: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    waiting_seconds: float = 0.0


class EventMetrics(Collector):
    """The events and rules, read from an engine at each scrape."""

    def __init__(self) -> None:
        self.figures: Callable[[], EventFigures] = EventFigures

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Read all figures once."""
        figures = self.figures()
        counted = ((catalogue.EVENTS, figures.events), (catalogue.MATCHES, figures.matches))
        for metric, numbers in counted:
            counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for result, number in numbers.items():
                counter.add_metric((result,), number)
            yield counter
        rules = GaugeMetricFamily(catalogue.RULES.name, catalogue.RULES.help, labels=catalogue.RULES.labels)
        for state, number in figures.rules.items():
            rules.add_metric((state,), number)
        yield rules
        waiting = GaugeMetricFamily(catalogue.MATCH_WAITING.name, catalogue.MATCH_WAITING.help)
        waiting.add_metric((), figures.waiting_seconds)
        yield waiting
