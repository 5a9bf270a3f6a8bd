"""The difference between two lists of states is what a comparison item by item finds."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.runs import changed_between, not_waiting

STATES = st.binary(max_size=40).map(lambda text: bytes(code % 4 for code in text))


def changed_one_by_one(old: bytes, new: bytes) -> list[int]:
    """Return the indexes at which two lists differ."""
    size = max(len(old), len(new))
    pairs = zip(old.ljust(size, b"\0"), new.ljust(size, b"\0"), strict=True)
    return [index for index, (before, after) in enumerate(pairs) if before != after]


@given(STATES, STATES, st.integers(0, 40))
def test_the_difference_is_found_or_too_large(old: bytes, new: bytes, most: int) -> None:
    """The shorter list waits behind its end."""
    expected = changed_one_by_one(old, new)
    assert changed_between(old, new, most) == (expected if len(expected) <= most else None)


@given(STATES)
def test_items_that_do_not_wait(states: bytes) -> None:
    """They are those that differ from a list without items."""
    assert not_waiting(states) == changed_one_by_one(b"", states)
