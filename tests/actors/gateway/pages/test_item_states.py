"""The states of a task's items, from the bytes of its map."""

from stretto.actors.gateway.pages import item_states
from stretto.actors.gateway.pages.item_states import FILTERS, ROWS, STATES, ItemCell, ItemStates, chosen_of, filter_of
from stretto.actors.journal import ITEM_STATES


def test_the_codes_are_those_of_a_map() -> None:
    """In the words of the pages."""
    assert [state.replace("retrying", "to_retry") for state in STATES] == list(ITEM_STATES)
    assert sorted(code for codes in FILTERS.values() for code in codes) == list(range(len(STATES)))
    assert [filter_of(state) for state in ("timed_out", "abandoned", "waiting")] == ["failed", "failed", "waiting"]


def test_items_are_counted_by_filter() -> None:
    """Whatever the number of their attempts."""
    states = ItemStates(bytes([0x13, 0x33, 0x24, 0x15, 0x17, 0x00, 0x11, 0x12]))
    assert states.counts() == {
        "succeeded": 2, "failed": 3, "retrying": 1, "running": 1, "waiting": 1, "cancelled": 0, "skipped": 0,
    }  # fmt: skip
    assert states.cell(1) == ItemCell(1, "succeeded", "3")
    assert ItemStates(bytes([0xF4])).cell(0) == ItemCell(0, "failed", "15 or more")
    assert states.cell(8) is None


def test_the_table_has_the_items_of_a_filter_in_pages() -> None:
    """Each page begins where the one before ended."""
    states = ItemStates(bytes([0x13, 0x14] * (ROWS + 10)))
    rows, behind = states.rows("failed", 0)
    assert [row.index for row in rows] == list(range(1, 2 * ROWS, 2))
    assert behind == 2 * ROWS + 1
    rows, behind = states.rows("failed", 2 * ROWS + 1)
    assert (len(rows), behind) == (10, None)
    assert states.rows("cancelled", 0) == ([], None)
    assert states.rows("", 10**9) == ([], None)
    assert len(states.rows("", 0)[0]) == ROWS


def test_chosen_items_are_those_of_their_ranges() -> None:
    """A filter shows only these, and counts stay those of all."""
    assert chosen_of([[1, 2], [4, 4]]) == bytes([0, 1, 1, 0, 1])
    states = ItemStates(bytes([4, 4, 3, 4, 4, 4]), chosen_of([[1, 2], [4, 9]]))
    assert [row.index for row in states.rows("", 0)[0]] == [1, 2, 4, 5]
    assert [row.index for row in states.rows("failed", 0)[0]] == [1, 4, 5]
    assert states.neighbours("", 2) == (1, 4)
    assert states.counts()["failed"] == 5
    assert ItemStates(bytes([4]), chosen_of([])).rows("", 0) == ([], None)


def test_neighbours_are_those_of_the_filter() -> None:
    """At the ends there are none."""
    states = ItemStates(bytes([4, 3, 3, 5, 3, 4]))
    assert states.neighbours("failed", 3) == (0, 5)
    assert states.neighbours("failed", 0) == (None, 3)
    assert states.neighbours("", 5) == (4, None)
    assert states.neighbours("failed", 99) == (5, None)
    assert states.first("failed") == 0
    assert states.first("running") is None
    assert item_states.ItemStates(b"").neighbours("", 0) == (None, None)
