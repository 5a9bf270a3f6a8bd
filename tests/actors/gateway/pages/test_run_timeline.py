"""The drawing of a timeline."""

import pytest

from stretto.actors.gateway.pages.run_timeline import NAMES_WIDTH, TIME_WIDTH, chart_of
from stretto.actors.operations import TimelineAnswer


@pytest.mark.parametrize("seconds", [0.02, 0.2, 1.0, 9.9, 10.0, 59.0, 600.0, 7200.0, 360_000.0])
def test_no_label_of_the_axis_is_cut_off(seconds: float) -> None:
    """The last one stands before its line if there is no room behind: a character has 7 pixels at most."""
    chart = chart_of(TimelineAnswer("2026-11-28T12:00:00Z", None, seconds, seconds / 100, [], 0))
    assert 2 <= len(chart.ticks) <= 12
    for tick in chart.ticks:
        width = 7 * len(tick.label)
        left, right = (tick.x - width, tick.x) if tick.is_last else (tick.x, tick.x + width)
        assert left + 1 >= NAMES_WIDTH
        assert right <= NAMES_WIDTH + TIME_WIDTH + 10
    labels = [tick.x for tick in chart.ticks]
    assert labels == sorted(labels)
