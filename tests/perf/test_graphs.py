"""The graphs of the benchmarks."""

import pytest
from graphs import SIZES, picture

from stretto.definitions.drawing import lay_out


@pytest.mark.parametrize("tasks", SIZES)
def test_each_measured_graph_is_small_enough_to_be_drawn(tasks: int) -> None:
    assert len(lay_out(picture(tasks)).boxes) == tasks
