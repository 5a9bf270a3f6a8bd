"""Targets, and what was measured of them."""

import pytest
from report import Measured
from targets import FEW, MANY, TARGETS, largest_to_smallest, of_differences, of_ratio, of_time, table, tables


@pytest.mark.parametrize(
    ("key", "value", "met"),
    [("fan-out", 1.2, "yes"), ("fan-out", 1.21, "**no**"), ("peers", 8.0, "yes"), ("peers", 7.9, "**no**")],
)
def test_a_target_is_met_up_to_its_limit(key: str, value: float, met: str) -> None:
    """Some limits are upper ones, some lower ones."""
    (row,) = table({key: Measured(value, "beside a pool")}, [key], "Targets").rows
    assert row[3:] == [met, TARGETS[key].beside, "", "beside a pool"]


@pytest.mark.parametrize(
    ("key", "value", "spread", "met"),
    [
        ("fan-out", 1.1, 0.05, "yes"), ("fan-out", 1.19, 0.05, "uncertain"), ("fan-out", 1.25, 0.05, "**no**"),
        ("peers", 9.0, 0.05, "yes"), ("peers", 8.1, 0.05, "uncertain"), ("peers", 7.9, 0.05, "**no**"),
    ],
)  # fmt: skip
def test_a_target_is_met_only_when_the_spread_of_its_ratio_allows_it(
    key: str, value: float, spread: float, met: str
) -> None:
    """The table shows how steady the ratio and its floor were."""
    made = table({key: Measured(value, spread=spread, floor=0.14)}, [key], "Targets")
    (row,) = made.rows
    assert row[2].endswith(" ±5%")
    assert (row[3], row[5]) == (met, "±14%")
    assert ("1 more would be met" in made.note) == (met == "uncertain")


def test_what_was_not_measured_says_why() -> None:
    """It counts neither as met nor as missed."""
    measured = {"http": Measured(None, "no server"), "fan-out": Measured(1.0)}
    made = table(measured, ["http", "fan-out", "submit"], "Targets")
    assert [row[6] for row in made.rows] == ["not measured: no server", "", "not measured: not part of this run"]
    assert made.note.startswith("1 of 1 measured targets")


def test_each_target_is_in_one_table() -> None:
    """In their order: first those of few runs, then those of many."""
    shown = {made.title: [row[0] for row in made.rows] for made in tables({})}
    assert shown == {
        "Targets": [target.work for target in FEW.values()],
        "Many runs": [target.work for target in MANY.values()],
    }
    assert not FEW.keys() & MANY.keys()


def test_a_table_counts_its_own_targets() -> None:
    """Those of the other table are counted there."""
    few, many = tables({"fan-out": Measured(9.0), "store check": Measured(5.0)})
    assert few.note == f"0 of 1 measured targets are met, of {len(FEW)} that there are."
    assert many.note == f"1 of 1 measured targets are met, of {len(MANY)} that there are."


def test_what_is_measured_for_no_target_is_an_error() -> None:
    """A key with a typo would leave its row empty."""
    with pytest.raises(KeyError, match=r"measured for no target: \['fanout'\]"):
        list(tables({"fanout": Measured(1.0), "fan-out": Measured(1.0)}))


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    """A disturbed round disturbs both of its values."""
    measured = of_ratio([2.0, 20.0, 2.2], [1.0, 10.0, 1.0])
    assert (measured.value, measured.spread, measured.floor) == (2.0, 0.0, 0.0)
    unsteady = of_ratio([2.0, 3.0, 4.0], [1.0, 2.0, 1.0])
    assert (unsteady.value, unsteady.spread, unsteady.floor) == (2.0, 0.25, 0.0)


def test_a_time_is_in_the_targets_unit() -> None:
    """Samples are seconds."""
    assert of_time([0.001, 0.002, 0.003], "ms").value == 2.0


def test_the_largest_is_compared_with_the_smallest() -> None:
    """Whichever they are; the remark names them."""
    assert largest_to_smallest({"0 MB": [2.0], "1 MB": [3.0], "5 MB": [2.5]}) == Measured(1.5, "1 MB : 0 MB")
    unsteady = largest_to_smallest({"0 MB": [1.0, 1.0, 1.0], "1 MB": [2.0, 3.0, 4.0]})
    assert unsteady == Measured(3.0, "1 MB : 0 MB", 1 / 3, 0.0)


def test_a_difference_may_be_negative() -> None:
    """It is met if it would be with its spread added, and a single one has no spread."""
    assert of_differences([-2.0, -1.0, 1.0]) == Measured(-1.0, "", 1.0)
    assert of_differences([7.0], "once") == Measured(7.0, "once")
    assert TARGETS["1,000,000 items, memory"].met(-4.0, 3.0)
    assert not TARGETS["1,000,000 items, memory"].met(-4.0, 3.1)
