"""Items that are read as the window of their visit moves.

position --ReadItems--> whoever reads --ItemsRead--> held: those ahead, those in the window, those that failed

What is ahead is bounded: the next items are asked for when the first of those that were read last may start, so that
there are at most two answers' worth of them, and one while the next is being read.
"""

from collections.abc import Sequence
from typing import Any

from stretto.definitions.conductor.commands import ReadItems
from stretto.definitions.conductor.events import ItemsRead
from stretto.definitions.data import Data, list_of
from stretto.definitions.model import SourceKind


class LazyItems(Sequence[Data]):
    """The items (or batches) of a visit that have been read so far, of which it holds those that are needed.

    `begun`: some have come, or that there are none; `ended`: there are no more; `reading`: some were asked for and have
    not come.
    """

    __slots__ = (
        "_ask_at", "_batch_size", "_held", "_known", "_line", "_rest", "_start", "begun", "ended",
        "kind", "path", "reading",
    )  # fmt: skip

    def __init__(self, kind: SourceKind, path: str, batch_size: int | None) -> None:
        self.kind = kind
        self.path = path
        self.ended = False
        self.reading = False
        self.begun = False
        self._batch_size = batch_size
        self._start = self._line = 0
        self._held: dict[int, Data] = {}
        self._known = 0
        self._rest: list[Data] = []
        self._ask_at = 0

    def __len__(self) -> int:
        return self._known

    def __getitem__(self, index: Any) -> Any:
        return self._held[index]

    @property
    def held(self) -> int:
        """How many items are held."""
        return len(self._held)

    def wants_more(self, next_index: int) -> bool:
        """Tell whether to read on, when the item of this index starts next."""
        return not self.ended and not self.reading and next_index >= self._ask_at

    def read(self, task: str, visit: int) -> ReadItems:
        """Return the command to read on."""
        self.reading = True
        return ReadItems(task, visit, self.kind, self.path, self._start, self._line)

    def awaits(self, event: ItemsRead) -> bool:
        """Tell whether this is what was asked for."""
        return self.reading and event.start == self._start

    def take(self, event: ItemsRead) -> int:
        """Take what has been read; return how many items it makes."""
        first = self._ask_at = self._known
        self.reading = False
        self.begun = True
        self.ended = event.ended
        self._start, self._line = event.offset, event.line
        if self._batch_size is None:
            self._add(event.items)
        else:
            self._add(self._batches(event.items, self._batch_size))
        return self._known - first

    def _add(self, items: Sequence[Data]) -> None:
        self._held.update(enumerate(items, self._known))
        self._known += len(items)

    def _batches(self, members: Sequence[Data], size: int) -> list[Data]:
        rest = [*self._rest, *members]
        whole = len(rest) if self.ended else len(rest) - len(rest) % size
        self._rest = rest[whole:]
        return [list_of(rest[first : first + size]) for first in range(0, whole, size)]

    def forget(self, index: int) -> None:
        """Hold an item no longer."""
        self._held.pop(index, None)
