"""The simulation of pools: what it counts, whatever the sizes."""

import pytest
from pool_capacity import simulate


@pytest.mark.parametrize("failures", [None, 100.0])
def test_a_long_fan_out_takes_little_more_than_the_work_itself(failures: float | None) -> None:
    """Lost batches run again, and nothing of them is left out."""
    found = simulate(100_000, 100, 0.1, failures)
    assert 100.0 < found.seconds < (110.0 if failures is None else 400.0)
    assert (found.ran_again > 0) == (failures is not None)
    assert found.most_in_flight <= 2 * 100 * 2_000


def test_one_daemon_is_the_limit_of_short_items() -> None:
    """It takes 20 us for each, however many workers there are."""
    few, many = (simulate(100_000, workers, 0.001).seconds for workers in (100, 1_000))
    assert min(few, many) >= 100_000 * 20e-6
