"""Maps of items that are kept, so that only the entries since the last question are read.

    ItemMaps.recorded --> a kept map --> reader.cells of the entries behind it --> the map, kept again

A map has what the entries of a visit say. The states that no entry says are added to a copy (`cells`).
"""

import threading
from collections import OrderedDict
from typing import Final, NamedTuple, TypeAlias

from stretto.actors.journal import (
    DAMAGED,
    SKIP_REQUEST,
    STATE_BITS,
    Reader,
    TaskRow,
    UnreadableRecord,
    unpacked,
)

MAX_MAPS_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all maps that are kept. The one that was not asked for the longest is dropped."""
_WHETHER_SKIPPED: Final = bytes(cell & STATE_BITS == SKIP_REQUEST for cell in range(256))
_OVERHEAD: Final = 512
"""Bytes of a map besides its cells."""
_Key: TypeAlias = tuple[str, str, int]


class _Map(NamedTuple):
    """The cells that the entries up to `last` say."""

    last: int
    cells: bytes


_NOTHING: Final = _Map(-1, b"")


class ItemMaps:
    """The kept maps of one engine. Thread-safe."""

    def __init__(self, max_bytes: int = MAX_MAPS_BYTES) -> None:
        self.size = 0
        """The bytes of all maps."""
        self._max_bytes = max_bytes
        self._maps: OrderedDict[_Key, _Map] = OrderedDict()
        self._lock = threading.Lock()

    def recorded(self, reader: Reader, run_id: str, visit: TaskRow, last: int) -> bytes:
        """Return the cells of a visit's items that the entries of its run up to `last`, or later ones, say.

        Args:
            reader: Reads the store.
            run_id: The run.
            visit: The visit.
            last: The number of the run's last entry.

        Raises:
            StoreUnavailable, UnreadableRecord: As the reader does.
        """
        key = run_id, visit.task, visit.visit
        with self._lock:
            known = self._maps.get(key, _NOTHING)
            if known is not _NOTHING:
                self._maps.move_to_end(key)
        if known.last >= last:
            return known.cells
        cells = bytearray(known.cells)
        for portion in reader.cells(run_id, visit, known.last + 1, last):
            enter(cells, portion)
        known = _Map(last, bytes(cells))
        self._keep(key, known)
        return known.cells

    def _keep(self, key: _Key, found: _Map) -> None:
        with self._lock:
            earlier = self._maps.pop(key, None)
            if earlier is not None:
                self.size -= len(earlier.cells) + _OVERHEAD
                if earlier.last > found.last:
                    found = earlier
            self._maps[key] = found
            self.size += len(found.cells) + _OVERHEAD
            while self.size > self._max_bytes:
                _, dropped = self._maps.popitem(last=False)
                self.size -= len(dropped.cells) + _OVERHEAD


def _has_skipped(cells: bytearray) -> bool:
    return 1 in cells.translate(_WHETHER_SKIPPED)


def enter(cells: bytearray, portion: bytes) -> None:
    """Enter packed cells. A skipped item stays skipped, whatever its attempt returns."""
    indexes, found = unpacked(portion)
    last = max(indexes, default=-1)
    if last == DAMAGED:
        raise UnreadableRecord("the store is damaged: an entry of an item has an invalid index")
    cells.extend(bytes(max(last + 1 - len(cells), 0)))
    if SKIP_REQUEST not in found and not _has_skipped(cells):
        for index, cell in zip(indexes, found, strict=True):
            cells[index] = cell
        return
    for index, cell in zip(indexes, found, strict=True):
        before = cells[index]
        if before & STATE_BITS == SKIP_REQUEST:
            cells[index] = cell & ~STATE_BITS | SKIP_REQUEST if cell > SKIP_REQUEST else before
        elif cell == SKIP_REQUEST:
            cells[index] = before & ~STATE_BITS | SKIP_REQUEST
        else:
            cells[index] = cell
