"""One run of the crash test: what the store has of it, against what its actions have done and what must come of it."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from stretto.actors.journal.queries import MAX_PAGE, ItemQuery
from stretto.actors.journal.records import Entry, ItemKey, ItemStarted, RunAccepted
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.store import Child, ItemRow, RunEnd
from stretto.definitions.conductor import ItemCompleted, SkipRequested
from tests.support.crashes.effects import Item
from tests.support.crashes.workflows import Spot, expected_of

_READ_AT_ONCE: Final = 1000
_OF_ACTIONS: Final = {None, "exception", "timed_out"}
"""Kinds of failures of tries that an action has performed."""
_EDITION: Final = re.compile(r"edition: (\d+)")
_OF_ENGINES: Final = {"cancelled", "may_have_run"}
"""Kinds of failures of tries that may not have been performed."""


class BrokenPromise(AssertionError):
    """Something is not as the engine promises."""


def promise(holds: bool, otherwise: str) -> None:
    """Raise `BrokenPromise` if something does not hold."""
    if not holds:
        raise BrokenPromise(otherwise)


class KnownRun:
    """A run as it was when the last daemon had ended.

    `edition` is that of the text with which it was accepted, None if its text does not say. `ended_at` is None as long
    as it is in progress. `is_gone`: it has ended, and was deleted.
    """

    def __init__(self, accepted: RunAccepted) -> None:
        self.accepted = accepted
        told = _EDITION.search(accepted.workflow.text)
        self.edition = None if told is None else int(told[1])
        self.ended_at: float | None = None
        self.is_gone = False
        self.entries: list[Entry] = []
        self.ending: tuple[str, Any] = ("", None)
        expected = expected_of(accepted.workflow.ref, accepted.parameters)
        self._expected = expected if accepted.rerun is None else expected.of_rerun(accepted.rerun.scope)
        self._left: dict[Spot, int] = dict(self._expected.tries)
        self._skipped: set[Spot] = set()

    def take_entries(self, reader: SqlReader) -> None:
        """Read what has happened: what had been recorded stands as it was, and more comes after it."""
        entries = self._read(reader)
        known = len(self.entries)
        promise(entries[:known] == self.entries, f"{self}: what was recorded has changed, or is gone")
        for entry in entries[known:]:
            if isinstance(entry, ItemCompleted):
                self._completed(entry)
            elif isinstance(entry, ItemStarted):
                self._left[_spot(entry)] = 0
            elif isinstance(entry, SkipRequested):
                self._skipped.add((entry.task, 1, entry.index))
        self.entries = entries

    def stands(self, reader: SqlReader) -> None:
        """See whether a run that has ended is as it was."""
        promise(self._read(reader) == self.entries, f"{self}: what was recorded has changed, and it had ended")
        end = reader.end(self.accepted.run_id)
        promise(end is not None and end.output == self.ending[1], f"{self}: its end has changed, or is gone")

    def go(self) -> None:
        """Take note that it was deleted."""
        self.is_gone = True
        self.entries = []

    def _read(self, reader: SqlReader) -> list[Entry]:
        entries: list[Entry] = []
        while some := reader.entries(self.accepted.run_id, len(entries), _READ_AT_ONCE):
            entries += some
        return entries

    def _completed(self, completed: ItemCompleted) -> None:
        failure = completed.failure
        kind = None if failure is None else failure.kind
        promise(kind in _OF_ACTIONS | _OF_ENGINES, f"{self}: an item failed of itself: {completed}")
        spot = _spot(completed)
        if spot in self._left:
            again = failure is not None and failure.retryable
            self._left[spot] = max(self._expected.tries[spot] - completed.attempt, 0) if again else 0

    def check_performances(self, item: Item, count: int) -> None:
        """See whether an item may have been performed so often by the last daemon; call it before `take_entries`."""
        spot = (item.task, item.visit, item.index)
        promise(spot in self._left, f"{self} performed {spot}, which is not for it to perform")
        left = self._left[spot]
        promise(count <= left, f"{self} performed {spot} {count} times, and {left} tries were left")

    def check_tries(self, performed: Counter[Item]) -> None:
        """See whether each try that is recorded was performed, and what is to be performed once, no more than once."""
        tries: Counter[Spot] = Counter()
        for entry in self.entries:
            if isinstance(entry, ItemCompleted) and _spot(entry) in self._left:
                tries[_spot(entry)] += entry.failure is None or entry.failure.kind in _OF_ACTIONS
        for spot in self._left:
            times = performed[self._item(spot)]
            promise(tries[spot] <= times, f"{self}: {tries[spot]} tries of {spot} are recorded, {times} were performed")
            promise(not self._expected.once or times <= 1, f"{self} performed {spot} {times} times, and may do so once")

    def check_rows(self, reader: SqlReader) -> None:
        """See whether the rows for lists say what the entries do."""
        completed = [(number, each) for number, each in enumerate(self.entries) if isinstance(each, ItemCompleted)]
        rows, cursor = [], None
        while True:
            page = reader.items(self.accepted.run_id, ItemQuery(cursor=cursor, limit=MAX_PAGE))
            rows += [(row.number, *_spot(row), row.attempt, row.outcome) for row in page.items]
            cursor = page.next
            if cursor is None:
                break
        expected = [(number, *_spot(each), each.attempt, each.outcome) for number, each in completed]
        promise(rows == expected, f"{self}: its items' rows are {rows}, its entries {expected}")
        succeeded = {_spot(each) for _, each in completed if each.outcome == "succeeded"} | self._skipped
        for task in reader.tasks(self.accepted.run_id):
            count = sum(spot[:2] == (task.task, task.visit) for spot in succeeded)
            agree = task.ended_at is None or task.succeeded == count
            promise(agree, f"{self}: {task}, and {count} of its items succeeded, or were skipped")

    def check_end(self, status: str, end: RunEnd, performed: Counter[Item], *, cancelled: bool) -> None:
        """See whether it ended as it must: `cancelled` tells that somebody wanted it cancelled."""
        self.ending = (status, end.output)
        if cancelled and status == "cancelled":
            return
        fails = bool(self._expected.broken) and self.accepted.rerun is None
        promise(status == ("failed" if fails else "succeeded"), f"{self} {status}: {end.errors}")
        if not fails:
            self._check_output(end.output)
            self._check_file()
            missing = {spot for spot in self._left if not performed[self._item(spot)]}
            lost = self._may_have_run() if self._expected.once else set()
            promise(missing <= lost | self._skipped, f"{self} has ended, and has never performed {missing}")

    def _check_output(self, output: Any) -> None:
        expected = dict(self._expected.output)
        if self.edition is not None:
            expected["edition"] = self.edition
        lost = {index for _, _, index in self._may_have_run()}
        # What is skipped may have ended before; what may have run has no result in any case.
        lost |= {index for _, _, index in self._skipped if output["work"][index] is None}
        if lost:
            expected["work"] = [None if index in lost else each for index, each in enumerate(expected["work"])]
        promise(output == expected, f"{self} gave {output}, expected {expected}")

    def _check_file(self) -> None:
        """See whether each result is in the file of results, and is there once."""
        if self._expected.in_file is None:
            return
        path = Path(self.accepted.parameters["folder"], f"{self.accepted.run_id}.jsonl")
        found = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
        found.sort(key=lambda each: each["index"])
        expected = [{"index": index, "result": each} for index, each in enumerate(self._expected.in_file)]
        promise(found == expected, f"{self} has written {found}, expected {expected}")

    def _may_have_run(self) -> set[Spot]:
        """Return what may have been performed, and is not performed again."""
        failed = [each for each in self.entries if isinstance(each, ItemCompleted) and each.failure is not None]
        return {_spot(each) for each in failed if each.failure is not None and each.failure.kind == "may_have_run"}

    def check_children(self, children: Iterable[Child]) -> None:
        """See whether each item for a sub-workflow was performed by one."""
        tries = Counter((_spot(child.item), child.attempt) for child in children)
        twice = [each for each, count in tries.items() if count > 1]
        promise(not twice, f"{self}: more than one sub-workflow performed {twice}")
        if self.ending[0] == "succeeded":
            spots = {spot for spot, _ in tries}
            promise(spots == self._expected.children, f"{self} has sub-workflows for {spots}")

    def _item(self, spot: Spot) -> Item:
        return Item(self.accepted.run_id, *spot)

    def __str__(self) -> str:
        return f"the run {self.accepted.run_id} of {self.accepted.workflow.ref}"


def _spot(item: ItemCompleted | ItemStarted | ItemRow | ItemKey) -> Spot:
    return item.task, item.visit, item.index
