"""Cursors: opaque, and of one kind of pages only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal.sql.cursors import cursor_of, number_of
from stretto.actors.journal.store import InvalidCursor


@given(st.integers(0, 10**18 - 1))
def test_a_cursor_gives_its_number_back(number: int) -> None:
    """It goes through a URL as it is."""
    cursor = cursor_of("runs", number)
    assert cursor.isascii()
    assert cursor.replace("-", "a").replace("_", "a").isalnum()
    assert number_of("runs", cursor) == number


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    """Nobody makes one up by chance, and none ends in a traceback."""
    with pytest.raises(InvalidCursor, match="is no cursor of runs: expected the one that came with the page before"):
        number_of("runs", text)


def test_a_cursor_of_other_pages_is_refused() -> None:
    """A place among items is none among runs."""
    with pytest.raises(InvalidCursor):
        number_of("runs", cursor_of("items", 5))
