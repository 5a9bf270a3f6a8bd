"""Cursors: opaque, and of one kind of pages only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.sql.cursors import decode_cursor, encode_cursor


@given(st.integers(0, 10**18 - 1))
def test_a_cursor_gives_its_number_back(number: int) -> None:
    """It goes through a URL as it is."""
    cursor = encode_cursor("runs", number)
    assert cursor.isascii()
    assert cursor.replace("-", "a").replace("_", "a").isalnum()
    assert decode_cursor("runs", cursor) == number


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    """A made-up cursor is refused without a traceback."""
    with pytest.raises(
        InvalidCursor, match="is not a cursor of runs; expected the unchanged cursor of the previous page"
    ):
        decode_cursor("runs", text)


def test_a_encode_cursor_other_pages_is_refused() -> None:
    """A place among items is none among runs."""
    with pytest.raises(InvalidCursor):
        decode_cursor("runs", encode_cursor("items", 5))
