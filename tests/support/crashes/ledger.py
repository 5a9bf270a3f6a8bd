"""What the crash test knows of its runs, and what must hold whenever a daemon has ended, however it has.

It compares three accounts: the side effects that actions have left, the store, and what clients were told.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from sqlalchemy import select

from stretto.actors.journal.encryption import Keyring
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.queries import MAX_PAGE, RunQuery
from stretto.actors.journal.sql.backup import check
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.tables import suspects
from stretto.actors.operations.answers import Ended
from stretto.definitions.conductor import Event
from tests.support.crashes.daemon import Place
from tests.support.crashes.effects import Effect, Item, lines_of
from tests.support.crashes.runs import BrokenPromise, KnownRun, promise

__all__ = ["BrokenPromise", "Ledger"]

CHECKED_EACH_TIME: Final = 250
"""Runs of a store that is checked at every look."""
SURVIVORS: Final = 30
"""Runs that are compared with what they were, after others were deleted."""
LATE_SECONDS: Final = 3.0
"""How much later a daemon may read its clock than the client did that asks for a deletion of old runs."""
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
        self._by_key: dict[str, str] = {}
        self._deletable_before: float | None = None
        self._pruned = False

    # ---- what clients are told

    def acknowledged(self, run: str) -> None:
        """A run has been accepted."""
        self._acknowledged.add(run)

    def pruning(self, ended_before: float) -> None:
        """Runs that ended before this time may be deleted from now on, with their sub-workflows."""
        self._deletable_before = ended_before

    def pruned(self) -> None:
        """They have been deleted, but for those on which a run in progress depended."""
        self._pruned = True

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
    def keyring(self) -> Keyring | None:
        """The keys of the store, None before there is one."""
        return self._keyring

    @property
    def runs_in_the_store(self) -> set[str]:
        """The runs that stood in the store at the last look."""
        return {run for run, known in self._runs.items() if not known.is_gone}

    @property
    def figures(self) -> dict[str, int]:
        """How many runs, items, and performances of items there have been."""
        return {
            "runs": len(self._runs),
            "deleted": sum(known.is_gone for known in self._runs.values()),
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
            self._check_deletions(reader)
            for run in self._unknown(reader):
                self._meet(run, reader)
            self._check_effects(effects)
            for run, known in list(self._open.items()):
                self._check_run(run, known, reader)
            for run in self._needed():
                promise(not self._runs[run].is_gone, f"{self._runs[run]} was deleted, and a run in progress needs it")
            self._check_none_is_quarantined(reader)
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
            page = reader.runs(RunQuery(cursor=cursor, limit=_PAGE))
            news = [row.id for row in page.runs if row.id not in self._runs]
            unknown += news
            if page.next is None or not news:
                return unknown[::-1]
            cursor = page.next

    def _meet(self, run: str, reader: SqlReader) -> None:
        accepted = reader.accepted(run)
        assert accepted is not None
        self._runs[run] = self._open[run] = known = KnownRun(accepted)
        if accepted.rerun is not None:
            of = self._runs[accepted.rerun.of].edition
            promise(known.edition == of, f"{known} is of the edition {known.edition}, and does one of {of} again")
        elif known.edition is not None:
            could_be = range(self._place.edition_at_start, self._place.editions + 1)
            promise(known.edition in could_be, f"{known} is of the edition {known.edition}, none of {could_be}")
        if accepted.idempotency is not None:
            other = self._by_key.setdefault(accepted.idempotency.key, run)
            promise(other == run or self._runs[other].is_gone, f"{known} and the run {other} have the same key")
            self._by_key[accepted.idempotency.key] = run

    def _check_deletions(self, reader: SqlReader) -> None:
        """See whether the runs that are gone may be, those that must be are, and the others are as they were."""
        if self._deletable_before is None:
            return
        left = set(_all_runs(reader))
        deletable = self._old_families(self._deletable_before)
        due = self._old_families(self._deletable_before - LATE_SECONDS)
        needed = self._needed()
        for run, known in self._runs.items():
            if known.is_gone:
                promise(run not in left, f"{known} was deleted, and is back")
            elif run not in left:
                promise(run in deletable, f"{known} is gone, and nobody wanted it deleted")
                known.go()
            elif self._pruned and run in due:
                promise(self._root(run) in needed, f"{known} was to be deleted, and is there")
        survivors = [known for run, known in self._runs.items() if run in left and known.ended_at is not None]
        for known in survivors[:SURVIVORS]:
            known.stands(reader)
        self._deletable_before, self._pruned = None, False
        self._check_store()

    def _old_families(self, before: float) -> set[str]:
        """Return the runs whose top-level run ended before a time, and that had not been deleted."""
        ended = ((run, known.ended_at) for run, known in self._runs.items() if known.accepted.parent is None)
        roots = {run for run, at in ended if at is not None and at < before}
        return {run for run, known in self._runs.items() if not known.is_gone and self._root(run) in roots}

    def _needed(self) -> set[str]:
        """Return the runs on which one depends that was in progress at the last look."""
        needed: set[str] = set()
        for run in self._open:
            self._need(run, needed)
        return needed

    def _need(self, run: str, needed: set[str]) -> None:
        """Gather what a run depends on: what it does again, its parent, and what these depend on."""
        if run in needed:
            return
        needed.add(run)
        accepted = self._runs[run].accepted
        if accepted.rerun is not None:
            self._need(accepted.rerun.of, needed)
        if accepted.parent is not None:
            self._need(accepted.parent.run_id, needed)

    def _check_none_is_quarantined(self, reader: SqlReader) -> None:
        with reader._engine.connect() as connection:
            found = connection.execute(select(suspects.c.run).where(suspects.c.quarantined_at.is_not(None))).all()
        promise(not found, f"runs are quarantined, by their number: {found}")

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
            known.ended_at = row.ended_at
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


def _all_runs(reader: SqlReader) -> Iterator[str]:
    cursor = None
    while True:
        page = reader.runs(RunQuery(cursor=cursor, limit=MAX_PAGE))
        yield from (row.id for row in page.runs)
        cursor = page.next
        if cursor is None:
            return


def _short(value: Any) -> str:
    return json.dumps(value)[:200]
