"""The writer of an SQL store. The records of one call are one transaction, committed as a whole or not at all."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import msgspec
from sqlalchemy import select

from stretto.actors.journal.encryption import Keyring
from stretto.actors.journal.events import EventAccepted, MatchFailed
from stretto.actors.journal.records import (
    EngineDrains,
    Happened,
    RunAccepted,
    RunsReleased,
    Suspicions,
    Write,
    run_of,
)
from stretto.actors.journal.schedules import ScheduleMoved
from stretto.actors.journal.sql.acceptance import Acceptance
from stretto.actors.journal.sql.audit import write_audit
from stretto.actors.journal.sql.contexts import ContextWriter
from stretto.actors.journal.sql.engines import note_draining, release_tree
from stretto.actors.journal.sql.event_writer import EventWriter
from stretto.actors.journal.sql.inquiries import write_inquiries
from stretto.actors.journal.sql.outputs import OutputWriter
from stretto.actors.journal.sql.ownership import CommitInDoubt, Ownership
from stretto.actors.journal.sql.progress import ProgressWriter
from stretto.actors.journal.sql.schedules import write_moves
from stretto.actors.journal.sql.suspects import write_suspicions
from stretto.actors.journal.sql.tables import runs
from stretto.actors.journal.sql.transaction import Transaction, chunks, unrecordable
from stretto.actors.journal.store import AlreadyAccepted, Unrecordable

MAX_KNOWN_RUNS: Final = 50_000
"""Runs whose numbers are cached."""


class _Written(msgspec.Struct):
    """The contents of a transaction, which count once it is committed."""

    writes: list[Write]
    taken: list[AlreadyAccepted]
    numbers: dict[str, int]
    rows: int = 0
    body_bytes: int = 0


class SqlWriter:
    """Writes over the connection of an ownership; for one thread. Implements `journal.store.Writer`.

    `rows_written` and `bytes_written` are totals of committed rows and of bytes of their bodies.
    """

    def __init__(self, ownership: Ownership, keyring: Keyring | None = None) -> None:
        self._ownership = ownership
        self._acceptance = Acceptance(keyring)
        self._progress = ProgressWriter(keyring)
        self._contexts = ContextWriter(keyring)
        self._outputs = OutputWriter(keyring)
        self._events = EventWriter(keyring)
        self._numbers: dict[str, int] = {}
        # The transaction whose commit is in doubt, and one that turned out to be committed.
        self._doubtful: tuple[CommitInDoubt, _Written] | None = None
        self._landed: _Written | None = None
        self.rows_written = 0
        self.bytes_written = 0

    def write(self, writes: Sequence[Write], more: Iterable[Sequence[Write]] = ()) -> list[AlreadyAccepted]:
        """Write records in one transaction; see `Writer.write`.

        After a commit in doubt the caller passes the same records again, alone or with more. Those that were committed
        are not written twice.
        """
        self._settle()
        landed = self._landed
        if landed is None:
            return self._write(writes, more)
        known = set(map(id, landed.writes))
        rest = [each for each in writes if id(each) not in known]
        taken = [*landed.taken, *(self._write(rest) if rest else ())]
        self._landed = None
        return taken

    def close(self) -> None:
        """Release the store for other processes; idempotent."""
        self._ownership.close()

    def _write(self, writes: Sequence[Write], more: Iterable[Sequence[Write]] = ()) -> list[AlreadyAccepted]:
        written, committed = _Written([], [], {}), False
        try:
            with self._ownership.transaction() as connection:
                transaction = Transaction(connection)
                for portion in chain((writes,), more):
                    written.writes.extend(portion)
                    self._execute(transaction, portion, written)
                written.rows, written.body_bytes = transaction.rows, transaction.body_bytes
            committed = True
        except CommitInDoubt as doubt:
            self._doubtful = doubt, written
            raise
        except Unrecordable as error:
            raise _naming(written.writes, error) from error
        except MemoryError as error:
            # The journal then writes the records one by one, so only one that is too large by itself is refused.
            raise _naming(written.writes, Unrecordable("there is not enough memory to write it")) from error
        finally:
            if not committed:
                self._outputs.forget()
        self._count(written)
        return written.taken

    def _execute(self, transaction: Transaction, writes: Sequence[Write], written: _Written) -> None:
        accepted = [each for each in writes if type(each) is RunAccepted]
        happened = [each for each in writes if type(each) is Happened]
        numbers = written.numbers
        if accepted:
            new_numbers, taken = self._acceptance.write(transaction, accepted, self._ownership.number)
            numbers.update(new_numbers)
            written.taken.extend(taken)
        self._write_events(transaction, writes, written)
        refused = {each.run_id for each in written.taken}
        if refused:
            happened = [each for each in happened if each.run_id not in refused]
        numbers.update(self._numbers_of(transaction, {each.run_id for each in happened} - numbers.keys()))
        self._progress.write(transaction, happened, numbers)
        self._contexts.write(transaction, happened, numbers)
        self._outputs.write(transaction, happened, numbers)
        write_inquiries(transaction, happened, numbers)
        for each in writes:
            if type(each) is Suspicions:
                numbers.update(self._find_numbers(transaction, {noted.run_id for noted in each.noted} - numbers.keys()))
                write_suspicions(transaction, each, numbers)
            elif type(each) is RunsReleased:
                release_tree(transaction.connection, self._ownership.number, each.run_id)
            elif type(each) is EngineDrains:
                note_draining(transaction.connection, self._ownership.number)
                self._events.is_drained = True
        # A refused record has not happened.
        write_audit(transaction, (entry for each in writes if run_of(each) not in refused for entry in each.audit))

    def _write_events(self, transaction: Transaction, writes: Sequence[Write], written: _Written) -> None:
        events = [each for write in writes for each in _events_of(write)]
        written.taken.extend(self._events.write(transaction, events, self._ownership.number))
        self._events.fail(transaction, [each for each in writes if type(each) is MatchFailed])
        write_moves(transaction, [each for each in writes if type(each) is ScheduleMoved])

    def _numbers_of(self, transaction: Transaction, run_ids: set[str]) -> dict[str, int]:
        numbers = self._find_numbers(transaction, run_ids)
        for run_id in run_ids - numbers.keys():
            raise Unrecordable(f"the run {run_id} cannot be recorded: it is not in the store")
        return numbers

    def _find_numbers(self, transaction: Transaction, run_ids: set[str]) -> dict[str, int]:
        """Return the numbers of those of the runs that are in the store."""
        numbers = {run_id: self._numbers[run_id] for run_id in run_ids if run_id in self._numbers}
        for chunk in chunks([run_id for run_id in run_ids if run_id not in numbers]):
            found = transaction.connection.execute(select(runs.c.id, runs.c.number).where(runs.c.id.in_(chunk)))
            numbers.update((row.id, row.number) for row in found)
        return numbers

    def _settle(self) -> None:
        """Find out whether a commit in doubt took effect. Raises StoreUnavailable or StoreLost."""
        if self._doubtful is not None:
            doubt, written = self._doubtful
            if self._ownership.settle(doubt):
                self._landed = written
                self._count(written)
            self._doubtful = None

    def _count(self, written: _Written) -> None:
        """Update the totals and the cache after a commit."""
        self.rows_written += written.rows
        self.bytes_written += written.body_bytes
        if len(self._numbers) > MAX_KNOWN_RUNS:
            self._numbers.clear()
        self._numbers.update(written.numbers)
        for each in written.writes:
            if type(each) is Happened and each.ending is not None:
                self._numbers.pop(each.run_id, None)


def _events_of(write: Write) -> Sequence[EventAccepted]:
    if type(write) is EventAccepted:
        return (write,)
    if type(write) is Happened:
        return write.events
    return (write.accepted,) if type(write) is ScheduleMoved and write.accepted is not None else ()


def _naming(writes: Sequence[Write], error: Unrecordable) -> Unrecordable:
    """Return the error with the run's id, if the records are of one run only."""
    run_ids = {run_id for each in writes if (run_id := run_of(each)) is not None}
    if len(run_ids) != 1 or next(iter(run_ids)) in str(error):
        return error
    return unrecordable(run_ids.pop(), error)
