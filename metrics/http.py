"""The counters and histograms of an HTTP application. No label has a path, only a route."""

from collections.abc import Iterable

from stretto.metrics import catalogue
from stretto.metrics.bounded import OTHER
from stretto.metrics.counter import Counter, CounterFamily
from stretto.metrics.histogram import Histogram, HistogramFamily


class HttpInstruments:
    """Counts requests and refusals. For one event loop: each series is looked up once and kept."""

    __slots__ = ("_counted", "_refusals", "_requests", "_seconds", "_timed")

    def __init__(
        self, requests: CounterFamily, seconds: HistogramFamily, refusals: CounterFamily, reasons: Iterable[str]
    ) -> None:
        self._requests = requests
        self._seconds = seconds
        self._refusals = {reason: refusals.child(reason) for reason in reasons}
        self._counted: dict[tuple[str, str, int], Counter] = {}
        self._timed: dict[str, Histogram] = {}

    def answered(self, route: str, method: str, status: int) -> None:
        """Count a request.

        Args:
            route: The pattern of its path, one of a table of routes: the number of series depends on it.
            method: Its method. One that is not in `catalogue.HTTP_METHODS` counts as `other`.
            status: The status of its answer.
        """
        key = (route, method if method in catalogue.HTTP_METHODS else OTHER, status)
        counter = self._counted.get(key)
        if counter is None:
            counter = self._counted[key] = self._requests.child(route, key[1], str(status))
        counter.inc()

    def took(self, route: str, seconds: float) -> None:
        """Record how long a request took, from its headers to the end of its answer."""
        histogram = self._timed.get(route)
        if histogram is None:
            histogram = self._timed[route] = self._seconds.child(route)
        histogram.observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a refusal.

        Args:
            reason: The code of the problem.

        Raises:
            ValueError: It is not one of the reasons that were listed.
        """
        counter = self._refusals.get(reason)
        if counter is None:
            raise ValueError(f"reason must be one of {', '.join(self._refusals)}, got {reason!r}")
        counter.inc()
