"""The figures of an engine."""

from stretto.metrics import Instruments


def test_figures_are_those_of_the_metrics() -> None:
    """Items of all tasks together. Those of a store and of a gateway are unknown without one."""
    instruments = Instruments()
    for name, count in (("a", 2), ("b", 3)):
        instruments.workflow("w").task(name).items_finished("succeeded", count)
    instruments.workflow("w").task("a").items_finished("failed", 1)
    instruments.transition_latency.observe_many([0.25, 0.5])
    instruments.retries.inc(4)
    figures = instruments.figures()
    assert (figures.items_ended, figures.retries, figures.transitions) == (6, 4, (2, 0.75))
    assert (figures.runs_quarantined, figures.store_available, figures.streams) == (None, None, None)
    instruments.bind_streams(streams=lambda: 7, dropped=lambda: 0)
    instruments.bind_gauges(
        runs_in_progress=lambda: 1, items_in_flight=lambda: 2, context_bytes=lambda: 3, actors=dict,
        runs_quarantined=lambda: 4, journal_pending_records=lambda: 5, store_available=lambda: True,
    )  # fmt: skip
    figures = instruments.figures()
    assert figures[:3] == (1, 4, 2)
    assert (figures.context_bytes, figures.journal_pending_records, figures.streams) == (3, 5, 7)
