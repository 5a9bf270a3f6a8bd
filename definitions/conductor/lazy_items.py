"""Items that are read from a file as the window of their visit moves.

    position --ReadItems--> reader --ItemsRead--> in memory: items ahead, in the window, and failed

The items ahead are bounded. The next chunk is requested when the first item of the last chunk may start, so at most two
chunks are ahead.
"""

from collections.abc import Sequence
from typing import Any

from stretto.definitions.conductor.commands import ReadItems
from stretto.definitions.conductor.events import ItemsRead
from stretto.definitions.data import Data, list_of
from stretto.definitions.model import OnBadLine, SourceKind


class LazyItems(Sequence[Data]):
    """The items (or batches) of a visit that were read so far. Only those that are needed are in memory."""

    __slots__ = (
        "_ask_at", "_batch_size", "_held", "_known", "_line", "_on_bad_line", "_rest", "_start", "begun", "ended",
        "kind", "path", "reading",
    )  # fmt: skip

    def __init__(self, kind: SourceKind, path: str, batch_size: int | None, on_bad_line: OnBadLine = "fail") -> None:
        self.kind = kind
        self._on_bad_line = on_bad_line
        self.path = path
        self.begun = False
        """The first chunk was read."""
        self.reading = False
        """A chunk is requested."""
        self.ended = False
        """All items were read."""
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
        """The number of items in memory."""
        return len(self._held)

    def wants_more(self, next_index: int) -> bool:
        """Return whether to read on when the item of this index starts next."""
        return not self.ended and not self.reading and next_index >= self._ask_at

    def read(self, task: str, visit: int) -> ReadItems:
        """Return the command to read on."""
        self.reading = True
        return ReadItems(task, visit, self.kind, self.path, self._start, self._line, self._on_bad_line)

    def awaits(self, event: ItemsRead) -> bool:
        """Return whether this is the requested chunk."""
        return self.reading and event.start == self._start

    def take(self, event: ItemsRead) -> int:
        """Add a chunk, and return the number of new items."""
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
        """Drop an item from memory."""
        self._held.pop(index, None)
