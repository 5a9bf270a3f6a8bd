"""The priorities that clients ask for."""

import pytest

from stretto.actors.history.priorities import InvalidPriority, checked_priority


def test_a_priority_is_one_of_four() -> None:
    assert checked_priority("urgent") == "urgent"


@pytest.mark.parametrize("given", ["hihg", "", 7, ["high"]])
def test_another_one_is_refused(given: object) -> None:
    """The message has all of them, and the nearest one."""
    with pytest.raises(InvalidPriority, match="priority must be one of low, normal, high, urgent, got") as raised:
        checked_priority(given)
    assert ("did you mean 'high'" in str(raised.value)) == (given == "hihg")
