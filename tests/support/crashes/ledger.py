"""What the crash test knows of its runs, and what must hold whenever a daemon has ended, however it has.

It compares three accounts: the side effects that actions have left, the store, and what clients were told.
"""

import json
from collections import Counter
from contextlib import closing
from typing import Any, Final

from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.sql.backup import check
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.operations.answers import Ended
from stretto.definitions.conductor import Event
from tests.support.crashes.daemon import Place
from tests.support.crashes.effects import Effect, Item, lines_of
from tests.support.crashes.runs import BrokenPromise, KnownRun, promise

__all__ = ["BrokenPromise", "Ledger"]

CHECKED_EACH_TIME: Final = 250
"""Runs of a store that is checked at every look."""
_PAGE: Final = 100


class Ledger:
    """Gathers what clients are told, and looks whether it is true when their daemon has ended.

    Clients on any thread tell it; `look` is called when there are none.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._keyring = keyring_for(place.store, None)
        self._runs: dict[str, KnownRun] = {}
        self._open: dict[str, KnownRun] = {}
        self._performed: Counter[Item] = Counter()
        self._read_to = 0
        self._looks = 0
        self._acknowledged: set[str] = set()
        self._recorded: list[tuple[str, type[Event]]] = []
        self._told: dict[str, Ended] = {}
        self._to_be_cancelled: set[str] = set()
        self._cancelled_at: list[tuple[str, int, int]] = []
        self._stands_still: set[str] = set()
        self._comes_to_stand: set[str] = set()

    # ---- what clients are told

    def acknowledged(self, run: str) -> None:
        """A run has been accepted."""
        self._acknowledged.add(run)

    def recorded(self, run: str, request: type[Event]) -> None:
        """What was asked of a run has been done."""
        self._recorded.append((run, request))

    def told(self, ended: Ended) -> None:
        """A run has ended."""
        self._told[ended.run] = ended

    def cancelling(self, run: str) -> None:
        """A run may be cancelled from now on."""
        self._to_be_cancelled.add(run)

    def cancelled(self, run: str, in_flight: int) -> None:
        """A run has been cancelled: at most so many of its items, which are in flight, may still have side effects."""
        self._cancelled_at.append((run, self._place.effects.stat().st_size, in_flight))
        self.stands_still(run)

    def stands_still(self, run: str) -> None:
        """Nothing of a run is performed by any later daemon, until it may move."""
        self._comes_to_stand.add(run)

    def may_move(self, run: str) -> None:
        """A run may be performed again."""
        self._stands_still.discard(run)
        self._comes_to_stand.discard(run)

    # ---- what has come of it

    @property
    def figures(self) -> dict[str, int]:
        """How many runs, items, and performances of items there have been."""
        return {
            "runs": len(self._runs),
            "unfinished": len(self._open),
            "items": len(self._performed),
            "performances": self._performed.total(),
        }

    def reruns_of(self, run: str) -> list[str]:
        """Return the runs that do a run again."""
        reruns = ((each, known.accepted.rerun) for each, known in self._runs.items())
        return [each for each, rerun in reruns if rerun is not None and rerun.of == run]

    def look(self) -> None:
        """Compare the accounts. Raises `BrokenPromise`."""
        effects, self._read_to = lines_of(self._place.effects, self._read_to)
        if not (self._place.has_begun or effects or self._acknowledged):
            return  # the first daemons may not come as far as to make the store
        with closing(open_reader(self._place.store, self._keyring)) as reader:
            for run in self._unknown(reader):
                self._meet(run, reader)
            self._check_effects(effects)
            for run, known in list(self._open.items()):
                self._check_run(run, known, reader)
        self._check_told()
        self._stands_still |= self._comes_to_stand
        self._comes_to_stand.clear()
        self._looks += 1
        # It reads all runs again: the more there are, the less often.
        if self._looks % (1 + len(self._runs) // CHECKED_EACH_TIME) == 0:
            self._check_store()

    def nothing_is_left(self) -> None:
        """See whether all runs have ended, and the store passes its check. Raises `BrokenPromise`."""
        promise(not self._open, f"these have not ended: {sorted(self._open)}")
        self._check_store()

    def _check_store(self) -> None:
        problems = check(self._place.store, self._keyring)
        promise(not problems, f"the store's check tells: {problems}")

    def _unknown(self, reader: SqlReader) -> list[str]:
        """Return the runs that are not known yet, in the order of their acceptance."""
        unknown: list[str] = []
        cursor = None
        while True:
            page = reader.runs(cursor=cursor, limit=_PAGE)
            news = [row.id for row in page.runs if row.id not in self._runs]
            unknown += news
            if page.next is None or not news:
                return unknown[::-1]
            cursor = page.next

    def _meet(self, run: str, reader: SqlReader) -> None:
        accepted = reader.accepted(run)
        assert accepted is not None
        edition = self._place.editions
        if accepted.rerun is not None:
            edition = self._runs[accepted.rerun.of].edition
        self._runs[run] = self._open[run] = KnownRun(accepted, edition)

    def _root(self, run: str) -> str:
        parent = self._runs[run].accepted.parent
        return run if parent is None else self._root(parent.run_id)

    def _check_effects(self, effects: list[Effect]) -> None:
        counted = Counter(effect.item for effect in effects)
        for item, count in counted.items():
            promise(item.run in self._runs, f"{item} was performed before it was durable that its run was accepted")
            promise(item.run in self._open, f"{item} was performed after its run had ended")
            promise(self._root(item.run) not in self._stands_still, f"{item} was performed, and its run stands still")
            self._runs[item.run].check_performances(item, count)
        self._performed.update(counted)
        for run, size, in_flight in self._cancelled_at:
            later = sum(effect.run == run for effect in lines_of(self._place.effects, size)[0])
            promise(later <= in_flight, f"{later} items of {run} were performed after it had been cancelled")
        self._cancelled_at.clear()

    def _check_run(self, run: str, known: KnownRun, reader: SqlReader) -> None:
        known.take_entries(reader)
        known.check_rows(reader)
        known.check_tries(self._performed)
        row = reader.run(run)
        assert row is not None
        end = reader.end(run)
        promise((end is not None) == (row.ended_at is not None), f"{row} has ended, and has no end, or the reverse")
        if end is not None:
            known.check_end(row.status, end, self._performed, cancelled=self._root(run) in self._to_be_cancelled)
            known.check_children(reader.children(run))
            del self._open[run]

    def _check_told(self) -> None:
        for run in self._acknowledged:
            promise(run in self._runs, f"the run {run} was acknowledged, and is not in the store")
        for run, request in self._recorded:
            entries = self._runs[run].entries
            promise(
                any(isinstance(entry, request) for entry in entries),
                f"the run {run} was told to have recorded a {request.__name__}, and has not",
            )
        for run, told in self._told.items():
            promise(run not in self._open, f"the run {run} was told to have ended, and has not")
            status, output = self._runs[run].ending
            promise(
                (told.status, told.output) == (status, output),
                f"the run {run} was told to have ended as {told.status} with {_short(told.output)}, and stands as "
                f"{status} with {_short(output)}",
            )
        self._acknowledged.clear()
        self._recorded.clear()
        self._told.clear()


def _short(value: Any) -> str:
    return json.dumps(value)[:200]
