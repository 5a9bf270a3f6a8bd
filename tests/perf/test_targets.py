"""Targets, and what was measured of them."""

import pytest
from report import Measured
from targets import TARGETS, largest_to_smallest, of_ratio, of_time, table


@pytest.mark.parametrize(
    ("key", "value", "met"),
    [("fan-out", 1.25, "yes"), ("fan-out", 1.26, "**no**"), ("peers", 8.0, "yes"), ("peers", 7.9, "**no**")],
)
def test_a_target_is_met_up_to_its_limit(key: str, value: float, met: str) -> None:
    """Some limits are upper ones, some lower ones."""
    (row,) = table({key: Measured(value, "beside a pool")}, [key]).rows
    assert row[3:] == [met, TARGETS[key].beside, "beside a pool"]


def test_what_was_not_measured_says_why() -> None:
    """It counts neither as met nor as missed."""
    made = table({"http": Measured(None, "no server"), "fan-out": Measured(1.0)}, ["http", "fan-out", "submit"])
    assert [row[5] for row in made.rows] == ["not measured: no server", "", "not measured: not part of this run"]
    assert made.note.startswith("1 of 1 measured targets")


def test_all_targets_are_told_unless_some_are_named() -> None:
    """In their order."""
    assert [row[0] for row in table({}).rows] == [target.work for target in TARGETS.values()]


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    """A disturbed round disturbs both of its values."""
    assert of_ratio([2.0, 20.0, 2.2], [1.0, 10.0, 1.0]).value == 2.0


def test_a_time_is_in_the_targets_unit() -> None:
    """Samples are seconds."""
    assert of_time([0.001, 0.002, 0.003], "ms").value == 2.0


def test_the_largest_is_compared_with_the_smallest() -> None:
    """Whichever they are; the remark names them."""
    assert largest_to_smallest({"0 MB": [2.0], "1 MB": [3.0], "5 MB": [2.5]}) == Measured(1.5, "1 MB : 0 MB")
