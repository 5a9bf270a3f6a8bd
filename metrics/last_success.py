"""When each workflow last succeeded, for alerts on those that should have succeeded since."""

from collections.abc import Iterable, Iterator
from threading import Lock

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stretto.metrics import catalogue
from stretto.metrics.bounded import encodable


class LastSuccesses(Collector):
    """A series for each listed workflow that has succeeded. Thread-safe.

    A workflow that is not listed has no series: it could be gone, and its time would grow old for ever.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._listed: frozenset[str] = frozenset()
        self._times: dict[str, float] = {}

    def list_only(self, workflows: Iterable[str]) -> None:
        """Expose these workflows from now on, and no others. The times of the others are kept."""
        listed = frozenset(map(encodable, workflows))
        with self._lock:
            self._listed = listed

    def record(self, workflow: str, at: float) -> None:
        """Record a success, unless a later one is known.

        Args:
            workflow: The value of the label.
            at: Seconds since the epoch.
        """
        if workflow not in self._times:
            workflow = encodable(workflow)
        with self._lock:
            self._times[workflow] = max(at, self._times.get(workflow, at))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all series as of one moment."""
        metric = catalogue.LAST_SUCCESS
        family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        with self._lock:
            times = sorted((workflow, at) for workflow, at in self._times.items() if workflow in self._listed)
        for workflow, at in times:
            family.add_metric((workflow,), at)
        yield family
