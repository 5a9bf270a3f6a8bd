"""The metrics of sensors, read from an engine at each scrape."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFigures:
    """The figures of all sensors.

    Attributes:
        states: The sensors by status.
        events: The events since the engine's start, by what became of them.
        restarts: How often processes were started again.
    """

    states: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    restarts: int | None = None


class SensorMetrics(Collector):
    """The sensors, read from an engine at each scrape. Without sensors: no series."""

    def __init__(self) -> None:
        self.figures: Callable[[], SensorFigures] = SensorFigures

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Read all figures once."""
        figures = self.figures()
        gauge = catalogue.SENSORS
        states = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
        for state, number in figures.states.items():
            states.add_metric((state,), number)
        yield states
        events = CounterMetricFamily(
            catalogue.SENSOR_EVENTS.name, catalogue.SENSOR_EVENTS.help, labels=catalogue.SENSOR_EVENTS.labels
        )
        for result, number in figures.events.items():
            events.add_metric((result,), number)
        yield events
        restarts = CounterMetricFamily(catalogue.SENSOR_RESTARTS.name, catalogue.SENSOR_RESTARTS.help)
        if figures.restarts is not None:
            restarts.add_metric((), figures.restarts)
        yield restarts
