"""Cells of a map of items: a byte for each item, with its state and the number of its attempts."""

import sys
from array import array
from collections.abc import Sequence
from typing import Final

ITEM_STATES: Final = (
    *("waiting", "running", "to_retry"),
    *("succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped"),
)
"""The states of items. A cell has the position of its item's state in its low half."""
CODES: Final = {state: code for code, state in enumerate(ITEM_STATES)}
STATE_BITS: Final = 0x0F
ATTEMPTS_SHIFT: Final = 4
MOST_ATTEMPTS: Final = 15
"""The most attempts that a cell's high half can tell: it means so many or more."""
MOST_ITEMS: Final = 10_000_000
"""The items of a map. Others are left out."""
INDEX_SHIFT: Final = 32
"""An item's index and its cell are packed into eight bytes, the highest first: the index, then the cell."""
DAMAGED: Final = 2**31 - 1
"""Stands for an index that no item can have."""
SKIP_REQUEST: Final = CODES["skipped"]
"""The cell of a request to skip an item, whose attempts are those of its other cells. An attempt's has at least one."""


def unpacked(portion: bytes) -> tuple[Sequence[int], Sequence[int]]:
    """Return the indexes of packed cells, and the cells."""
    numbers = array("I")
    numbers.frombytes(portion)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers[::2], numbers[1::2]


def attempts_in_cell(number: int) -> int:
    """Return the high half of the cell of an item with so many attempts."""
    return min(number, MOST_ATTEMPTS) << ATTEMPTS_SHIFT
