"""A visit whose items are read from a file as its window moves, or whose results go into one: memory does not grow.

An item is held from when it is read until it has succeeded. What came of each goes into the file of results when it
has ended; of those that failed, only the first are held besides.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from stretto.definitions.conductor.commands import CloseResults, Command, OpenResults, WriteResult
from stretto.definitions.conductor.events import Failure, ItemCompleted, ItemsRead, StreamFailed, StreamProblem
from stretto.definitions.conductor.fan_out import FanOut
from stretto.definitions.conductor.items import ItemFailure, Slot, error_object
from stretto.definitions.conductor.lazy_items import LazyItems
from stretto.definitions.conductor.states import RESULTS, advance
from stretto.definitions.context import TaskRecord
from stretto.definitions.data import Data, list_of, object_of
from stretto.definitions.errors import Place

MAX_FAILURES_KEPT: Final = 1000
"""Failed items that are held of a visit whose results go into a file, the first to fail; more are counted."""


FILED_FIELDS: Final = ("path", "items", "succeeded", "failed")
"""The result of a task whose results go into a file."""


class NotKept(list[Data]):
    """Results that are in a file: nothing stays here."""

    def __setitem__(self, _index: Any, _result: Any) -> None:
        """Let a result go."""


class StreamedFanOut(FanOut):
    """The state of a visit that reads a file, or writes one.

    `source` holds the items if they are read; `results_path` is the file of results, if there is one, and `file` how
    far that is. `problem` is why the items cannot be read, or the results not be written. `more_failed` counts failed
    items that are not held, by their outcomes.
    """

    __slots__ = ("_lines", "file", "more_failed", "problem", "results_path", "source")
    streams: ClassVar[bool] = True

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.source: LazyItems | None = None
        self.results_path: str | None = None
        self.file = "none"
        self.problem: Failure | None = None
        self.more_failed: Counter[str] = Counter()
        self._lines: list[Command] = []

    def open(self, items: Sequence[Data], concurrency: int) -> None:
        """Set what is to be performed."""
        super().open(items, concurrency)
        if isinstance(items, LazyItems):
            self.source = items
        if self.results_path is not None:
            self.results = NotKept()
            self.file = "unopened"

    # ---- what is to be done

    def refill(self, at: float, commands: list[Command]) -> None:
        """Add the starts that refill the window, and what it takes to go on with them: a file, more items."""
        source = self.source
        # First, so that no file of results is made in vain, or replaced by one.
        readable = source is None or source.begun
        if self.file == "unopened" and readable and not self.stopped:
            self.file = advance(RESULTS, self.file, "open")
            commands.append(self._open_results())
        if self.file not in {"unopened", "opening"}:
            super().refill(at, commands)
        if source is not None and not self.stopped and source.wants_more(self.next_index):
            commands.append(source.read(self.name, self.visit))

    def _open_results(self) -> OpenResults:
        return OpenResults(
            self.name, self.visit, self.results_path or "", None if self.source is None else self.source.path
        )

    def take_lines(self) -> list[Command]:
        """Return what is to be written since this was asked last; as long as the file is not there, nothing is."""
        if self.file != "open":
            return []
        lines, self._lines = self._lines, []
        return lines

    def finish(self) -> list[Command]:
        """Return what it takes to end the visit, when nothing is performed any more."""
        if self.file != "open":
            return []
        self.file = advance(RESULTS, self.file, "close")
        return [CloseResults(self.name, self.visit)]

    @property
    def finished(self) -> bool:
        """The visit may end: all its results are where they belong, as far as they can be."""
        return self.file not in {"opening", "open", "closing"}

    @property
    def outstanding(self) -> list[Command]:
        """What was commanded and has not been answered, but for starts and lines."""
        commands: list[Command] = []
        if self.file == "opening":
            commands.append(self._open_results())
        if self.source is not None and self.source.reading:
            commands.append(self.source.read(self.name, self.visit))
        if self.file == "closing":
            commands.append(CloseResults(self.name, self.visit))
        return commands

    @property
    def waits_for(self) -> str:
        """The path of the file that the visit waits for; "" if it waits for none."""
        if self.file in {"opening", "closing"} and self.results_path is not None:
            return self.results_path
        reading = self.source is not None and self.source.reading and len(self.window) < self.concurrency
        return self.source.path if self.source is not None and reading and not self.stopped else ""

    # ---- what happens

    def results_opened(self) -> bool:
        """Take note that the file of results is there; return whether that is news."""
        if self.file != "opening":
            return False
        self.file = advance(RESULTS, self.file, "opened")
        return True

    def results_closed(self) -> bool:
        """Take note that the file of results is whole; return whether that is news."""
        if self.file != "closing":
            return False
        self.file = advance(RESULTS, self.file, "closed")
        return True

    def items_read(self, event: ItemsRead) -> bool:
        """Take items that have been read; return whether they were waited for."""
        if self.source is None or not self.source.awaits(event):
            return False
        more = self.source.take(event)
        if self.results_path is None:
            self.results += [None] * more
        return True

    def stream_failed(self, event: StreamFailed) -> bool:
        """Start nothing more, as a file cannot be read or written; return whether that is news."""
        if event.kind == "unreadable_source":
            if self.source is None or not self.source.reading:
                return False
            self.source.reading = False
        elif self.finished:
            return False
        else:
            self.file = advance(RESULTS, self.file, "fail")
        if self.problem is None:
            self.problem = Failure(event.kind, event.message, retryable=False, where=self._place_of(event.kind))
        self.stopped = True
        self._give_up_again()
        return True

    def _place_of(self, kind: StreamProblem) -> Place | None:
        """Return where a file stands in the definition."""
        with_items = self.task.with_items
        if with_items is None or with_items.results is None or kind == "unreadable_source":
            return None if with_items is None else with_items.source.place
        return with_items.results.place

    def settle(self, event: ItemCompleted) -> None:
        """Record an item's final outcome, and free its place."""
        super().settle(event)
        if event.index not in self.skipped:
            self._has_ended(event.index, event.outcome, event.result, event.failure)

    def _count_skipped(self, index: int, slot: Slot | None) -> None:
        super()._count_skipped(index, slot)
        self._has_ended(index, "skipped")

    def _keep_failure(self, index: int, slot: Slot) -> None:
        super()._keep_failure(index, slot)
        if slot.failed is not None:
            self._has_ended(index, "cancelled", None, slot.failed)
        else:
            self._forget(index)

    def _has_ended(self, index: int, outcome: str, result: Data = None, failure: Failure | None = None) -> None:
        if self.file in {"unopened", "opening", "open"}:  # an item may be skipped before any is started
            self._lines.append(WriteResult(self.name, self.visit, index, outcome, result, failure))
        if failure is None:
            self._forget(index)
        elif self.results_path is not None:
            while len(self.failures) > MAX_FAILURES_KEPT:
                dropped = self.failures.pop()
                self.more_failed[dropped.outcome] += 1
                self._forget(dropped.index)

    def _forget(self, index: int) -> None:
        if self.source is not None:
            self.source.forget(index)

    # ---- what came of it

    @property
    def failed(self) -> int:
        """How many items have failed."""
        return len(self.failures) + self.more_failed.total()

    @property
    def total(self) -> int | None:
        """How many items there are; None while that is not known."""
        return None if self.source is not None and not self.source.ended else len(self.items)

    @property
    def ending(self) -> bool:
        """Nothing is performed any more, and it only waits for its end."""
        return self.file in {"closing", "closed"}

    @property
    def complete(self) -> bool:
        """Every item has ended."""
        return super().complete and (self.source is None or self.source.ended)

    @property
    def exhausted(self) -> bool:
        """No item is left to start, or none may."""
        return super().exhausted and (self.stopped or self.source is None or self.source.ended)

    def outcomes(self) -> dict[str, int]:
        """Count the items by what they ended as."""
        counted = Counter(super().outcomes())
        counted.update(self.more_failed)
        return dict(counted)

    def close(self) -> str:
        """Settle the task's outcome, and return it."""
        if self.problem is not None:
            self.change("fail")
            return self.state
        return super().close()

    def _is_cancelled(self) -> bool:
        return super()._is_cancelled() and self.more_failed.keys() <= {"cancelled"}

    @property
    def failures_as_a_whole(self) -> list[ItemFailure]:
        """What failed that is no item of the source."""
        whole = [] if self.problem is None else [ItemFailure(0, 1, "failed", self.problem)]
        return [*whole, *super().failures_as_a_whole]

    def record(self) -> TaskRecord:
        """Return what `task.NAME` reads from now on."""
        told = super().record()
        errors = told.errors
        if self.problem is not None:
            whole = object_of({"index": None, "item": None, "error": error_object(self.problem)})
            errors = list_of([whole, *errors])
        return TaskRecord(told.name, told.outcome, told.result, errors, with_items=self.results_path is None)

    def _result(self) -> Data:
        if self.results_path is None or self.state == "skipped":
            return super()._result()
        succeeded = self.succeeded + len(self.skipped)
        told = (self.results_path, self.accounted, succeeded, self.failed)
        return object_of(dict(zip(FILED_FIELDS, told, strict=True)))
