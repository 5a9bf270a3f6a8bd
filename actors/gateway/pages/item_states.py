"""The states of a task's items, from the bytes of its map: counts, neighbours, and the rows of a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

ROWS: Final = 100
"""Items of a page of the table."""
STATES: Final = (
    "waiting", "running", "retrying", "succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped",
)  # fmt: skip
"""The state of each code of a map, in the words of the pages."""
FILTERS: Final[Mapping[str, frozenset[int]]] = {
    "succeeded": frozenset({3}),
    "failed": frozenset({4, 5, 7}),
    "retrying": frozenset({2}),
    "running": frozenset({1}),
    "waiting": frozenset({0}),
    "cancelled": frozenset({6}),
    "skipped": frozenset({8}),
}
"""The codes that each filter shows."""
_STATE_BITS: Final = 0x0F
_ATTEMPTS_SHIFT: Final = 4
_MANY_ATTEMPTS: Final = 15
_STATES_ALONE: Final = bytes(cell & _STATE_BITS for cell in range(256))


def filter_of(state: str) -> str:
    """Return the filter that shows items in a state."""
    code = STATES.index(state)
    return next(name for name, codes in FILTERS.items() if code in codes)


def chosen_of(ranges: Iterable[Sequence[int]]) -> bytes:
    """Return a byte 1 for each item of some ranges [first, last], and 0 for each before the last of them."""
    chosen = bytearray()
    for first, last in ranges:
        chosen.extend(bytes(max(0, last + 1 - len(chosen))))
        chosen[first : last + 1] = b"\1" * (last + 1 - first)
    return bytes(chosen)


class ItemCell(msgspec.Struct, frozen=True):
    """An item of the table.

    Attributes:
        index: Its index.
        state: Its state.
        attempts: How many attempts have begun, as text: a map does not count above 14.
    """

    index: int
    state: str
    attempts: str

    @property
    def has_started(self) -> bool:
        """Whether one of its attempts has begun."""
        return self.attempts != "0"


class ItemStates:
    """The items of one visit.

    Args:
        cells: A byte for each item, as the API has them.
        chosen: A byte for each item, 1 for the only ones that a filter shows, or None for all of them.
    """

    def __init__(self, cells: bytes, chosen: bytes | None = None) -> None:
        self._cells = cells
        self._states = cells.translate(_STATES_ALONE)
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._cells)

    def counts(self) -> dict[str, int]:
        """Return the number of items of each filter."""
        return {name: sum(map(self._states.count, codes)) for name, codes in FILTERS.items()}

    def cell(self, index: int) -> ItemCell | None:
        """Return an item, or None if it is not known."""
        if index >= len(self._cells):
            return None
        attempts = self._cells[index] >> _ATTEMPTS_SHIFT
        text = f"{attempts} or more" if attempts == _MANY_ATTEMPTS else str(attempts)
        code = self._states[index]
        return ItemCell(index, STATES[code] if code < len(STATES) else STATES[0], text)

    def rows(self, state: str, first: int) -> tuple[list[ItemCell], int | None]:
        """Return the items of a page of the table, and the index at which the next page begins, or None.

        Args:
            state: The filter, or "" for all items.
            first: The index at which the page begins.
        """
        shown = self._shown(state)
        found: list[ItemCell] = []
        index = shown.find(1, first)
        while index >= 0 and len(found) < ROWS:
            cell = self.cell(index)
            found += [cell] if cell is not None else []
            index = shown.find(1, index + 1)
        return found, index if index >= 0 else None

    def first(self, state: str) -> int | None:
        """Return the first item that a filter shows, or None."""
        index = self._shown(state).find(1)
        return index if index >= 0 else None

    def neighbours(self, state: str, index: int) -> tuple[int | None, int | None]:
        """Return the nearest items before and behind one, of those that a filter shows, or None."""
        shown = self._shown(state)
        before, behind = shown.rfind(1, 0, min(index, len(shown))), shown.find(1, index + 1)
        return before if before >= 0 else None, behind if behind >= 0 else None

    def _shown(self, state: str) -> bytes:
        """Return 1 for each item that a filter shows, 0 for each other one."""
        codes = FILTERS[state] if state else range(len(STATES))
        shown = self._states.translate(bytes(code in codes for code in range(256)))
        if self._chosen is None:
            return shown
        chosen = self._chosen.ljust(len(shown), b"\0")[: len(shown)]
        # As two long numbers, which costs a thousandth of a loop over the items.
        both = int.from_bytes(shown, "big") & int.from_bytes(chosen, "big")
        return both.to_bytes(len(shown), "big")
