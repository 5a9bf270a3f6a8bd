"""The figures of an engine at one moment, for people who look at it without a Prometheus."""

from typing import NamedTuple

from stretto.metrics.counter import CounterFamily
from stretto.metrics.gauges import StateGauges, StreamMetrics
from stretto.metrics.histogram import Histogram


class Figures(NamedTuple):
    """Figures at one moment. Those of a store are None without one.

    Attributes:
        runs_in_progress: Runs that have not ended.
        runs_quarantined: Runs that wait for a person.
        items_in_flight: Items that run.
        items_ended: Items that have ended since the start.
        context_bytes: Bytes that the contexts of runs hold.
        threads_left_behind: Threads whose function runs on although its item has ended.
        journal_pending_records: Records that wait for the store.
        store_available: Whether the store can be written.
        streams: Open event streams, or None without a gateway.
        retries: Retries since the start.
        late_results: Results that came after the end of their item.
        transitions: The number of transitions, and the seconds that they took together.
        commits: The number of commits, and the seconds that they took together.
    """

    runs_in_progress: int
    runs_quarantined: int | None
    items_in_flight: int
    items_ended: int
    context_bytes: int
    threads_left_behind: int
    journal_pending_records: int | None
    store_available: bool | None
    streams: int | None
    retries: int
    late_results: int
    transitions: tuple[int, float]
    commits: tuple[int, float]


def read_figures(  # noqa: PLR0913 - what they are read from
    *,
    gauges: StateGauges,
    streams: StreamMetrics,
    items: CounterFamily,
    retries: int,
    late_results: int,
    transitions: Histogram,
    commits: Histogram,
) -> Figures:
    """Return the figures now."""
    sources = gauges.sources
    return Figures(
        runs_in_progress=sources.runs_in_progress(),
        runs_quarantined=None if sources.runs_quarantined is None else sources.runs_quarantined(),
        items_in_flight=sources.items_in_flight(),
        items_ended=items.total(),
        context_bytes=sources.context_bytes(),
        threads_left_behind=sources.threads_left_behind(),
        journal_pending_records=(
            None if sources.journal_pending_records is None else sources.journal_pending_records()
        ),
        store_available=None if sources.store_available is None else sources.store_available(),
        streams=None if streams.streams is None else streams.streams(),
        retries=retries,
        late_results=late_results,
        transitions=_total(transitions),
        commits=_total(commits),
    )


def _total(histogram: Histogram) -> tuple[int, float]:
    buckets, total = histogram.totals()
    return buckets[-1][1], total
