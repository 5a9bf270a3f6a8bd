"""A visit that reads its items from a file as its window moves, or writes its results to one. Its memory is bounded.

An item is in memory from when it is read until it has succeeded. Outcomes go to the results file as items end. Of the
failed items only the first are kept in memory as well.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from stretto.definitions.conductor.commands import CloseResults, Command, OpenResults, WriteResult
from stretto.definitions.conductor.events import BadLine, Failure, ItemCompleted, ItemsRead, StreamFailed, StreamProblem
from stretto.definitions.conductor.items import ItemAttempt
from stretto.definitions.conductor.lazy_items import LazyItems
from stretto.definitions.conductor.states import RESULTS, advance
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.data import Data
from stretto.definitions.errors import Place

MAX_FAILURES_KEPT: Final = 1000
"""Failed items kept in memory of a visit with a results file: the first to fail. The others are only counted."""

FILED_FIELDS: Final = ("path", "items", "succeeded", "failed")
"""The fields of the result of a task with a results file."""


class NotKept(list[Data]):
    """Results that are only in a file."""

    def __setitem__(self, _index: Any, _result: Any) -> None:
        """Drop a result."""


class StreamedVisit(Visit):
    """The state of a visit that reads or writes a file."""

    __slots__ = ("_lines", "bad_lines", "file", "more_failed", "problem", "results_path", "source")
    streams: ClassVar[bool] = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.source: LazyItems | None = None
        """The items, if they are read from a file."""
        self.results_path: str | None = None
        self.file = "none"
        """The state of the results file."""
        self.problem: Failure | None = None
        """Why the items cannot be read, or the results cannot be written."""
        self.more_failed: Counter[str] = Counter()
        """Failed items that are not in `failures`, counted by outcome."""
        self.bad_lines: list[BadLine] = []
        """The first lines of the source that are not items, if they are collected."""
        self._lines: list[Command] = []

    def open(self, items: Sequence[Data], concurrency: int) -> None:
        """Set the items to run."""
        super().open(items, concurrency)
        if isinstance(items, LazyItems):
            self.source = items
        if self.results_path is not None:
            self.results = NotKept()
            self.file = "unopened"

    # ---- commands

    def refill(self, at: float, commands: list[Command]) -> bool:
        """Add the starts that refill the window, and the file commands that the next starts need.

        Returns:
            Whether starts may be left for the next portion.
        """
        source = self.source
        # Reading comes first: an unreadable source must not create or replace a results file.
        readable = source is None or source.begun
        if self.file == "unopened" and readable and not self.stopped:
            self.file = advance(RESULTS, self.file, "open")
            commands.append(self._open_results())
        if self.file not in {"unopened", "opening"} and super().refill(at, commands):
            return True
        if source is not None and not self.stopped and source.wants_more(self.next_index):
            commands.append(source.read(self.name, self.visit))
        return False

    def _open_results(self) -> OpenResults:
        return OpenResults(
            self.name, self.visit, self.results_path or "", None if self.source is None else self.source.path
        )

    def take_lines(self) -> list[Command]:
        """Return the lines to write since the last call, or none while the file is not open."""
        if self.file != "open":
            return []
        lines, self._lines = self._lines, []
        return lines

    def finish(self) -> list[Command]:
        """Return the commands that end the visit when no item runs any more."""
        if self.file != "open":
            return []
        self.file = advance(RESULTS, self.file, "close")
        return [CloseResults(self.name, self.visit)]

    @property
    def finished(self) -> bool:
        """Whether the results file is closed, failed, or not needed."""
        return self.file not in {"opening", "open", "closing"}

    @property
    def outstanding(self) -> list[Command]:
        """The unanswered commands, except starts and lines."""
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
        """The path of the file that the visit waits for, or ""."""
        if self.file in {"opening", "closing"} and self.results_path is not None:
            return self.results_path
        reading = self.source is not None and self.source.reading and len(self.window) < self.concurrency
        return self.source.path if self.source is not None and reading and not self.stopped else ""

    # ---- events

    def results_opened(self) -> bool:
        """Note that the results file is open; return whether the visit waited for that."""
        if self.file != "opening":
            return False
        self.file = advance(RESULTS, self.file, "opened")
        return True

    def results_closed(self) -> bool:
        """Note that the results file is complete; return whether the visit waited for that."""
        if self.file != "closing":
            return False
        self.file = advance(RESULTS, self.file, "closed")
        return True

    def items_read(self, event: ItemsRead) -> bool:
        """Take items from the source; return whether the visit waited for them."""
        if self.source is None or not self.source.awaits(event):
            return False
        more = self.source.take(event)
        self.bad_lines += event.bad_lines[: MAX_FAILURES_KEPT - len(self.bad_lines)]
        if self.results_path is None:
            self.results += [None] * more
        return True

    def stream_failed(self, event: StreamFailed) -> bool:
        """Start nothing more because a file is unusable; return whether the visit still needed it."""
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
        self.fail_requeued()
        return True

    def _place_of(self, kind: StreamProblem) -> Place | None:
        with_items = self.task.with_items
        if with_items is None or with_items.results is None or kind == "unreadable_source":
            return None if with_items is None else with_items.source.place
        return with_items.results.place

    def settle(self, event: ItemCompleted) -> None:
        """Record an item's final outcome, and free its place."""
        super().settle(event)
        if event.index not in self.skipped:
            self._write(event.index, event.outcome, event.result, event.failure)

    def _count_skipped(self, index: int, item: ItemAttempt | None) -> None:
        super()._count_skipped(index, item)
        self._write(index, "skipped")

    def _keep_failure(self, index: int, item: ItemAttempt) -> None:
        super()._keep_failure(index, item)
        if item.failed is not None:
            self._write(index, "cancelled", None, item.failed)
        else:
            self._forget(index)

    def _write(self, index: int, outcome: str, result: Data = None, failure: Failure | None = None) -> None:
        """Write an item's outcome, and drop from memory what is no longer needed."""
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

    # ---- progress

    @property
    def failed(self) -> int:
        """The number of failed items."""
        return len(self.failures) + self.more_failed.total()

    @property
    def total(self) -> int | None:
        """The number of items, or None while it is unknown."""
        return None if self.source is not None and not self.source.ended else len(self.items)

    @property
    def ending(self) -> bool:
        """Whether no item runs any more and the visit waits for its results file."""
        return self.file in {"closing", "closed"}

    @property
    def complete(self) -> bool:
        """Whether every item has ended."""
        return super().complete and (self.source is None or self.source.ended)

    @property
    def exhausted(self) -> bool:
        """Whether no further item starts."""
        return super().exhausted and (self.stopped or self.source is None or self.source.ended)
