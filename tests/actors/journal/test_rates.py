"""Portions of the times of a rate."""

from stretto.actors.journal import portion_of


def test_a_portion_is_of_a_second_at_most_but_has_one_time() -> None:
    assert [portion_of(wanted, 0.1) for wanted in (1, 5, 50)] == [1, 5, 10]
    assert portion_of(50, 3600.0) == 1
