"""The one writer of a store in an SQL database: what it is given is one transaction, whole or not at all."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import select

from stretto.actors.journal.encryption import Keyring
from stretto.actors.journal.records import Happened, RunAccepted, Write
from stretto.actors.journal.sql.acceptance import Acceptance
from stretto.actors.journal.sql.ownership import CommitInDoubt, Ownership
from stretto.actors.journal.sql.progress import Happenings
from stretto.actors.journal.sql.tables import runs
from stretto.actors.journal.sql.transaction import Transaction, chunks, unrecordable
from stretto.actors.journal.store import AlreadyAccepted, Unrecordable

MOST_KNOWN_RUNS: Final = 50_000
"""Runs whose numbers are kept at hand."""


class _Written(msgspec.Struct, frozen=True):
    """What a transaction has written, if it is committed."""

    writes: Sequence[Write]
    taken: list[AlreadyAccepted]
    numbers: dict[str, int]
    rows: int
    body_bytes: int


class SqlWriter:
    """Writes with the connection of an ownership; for one thread.

    `rows_written` and `bytes_written` are totals of what has been committed: rows of all tables, bytes of their bodies.
    """

    def __init__(self, ownership: Ownership, keyring: Keyring | None = None) -> None:
        self._ownership = ownership
        self._acceptance = Acceptance(keyring)
        self._happenings = Happenings(keyring)
        self._numbers: dict[str, int] = {}
        # What may have been committed as the connection was lost, and what of that turned out to be.
        self._doubtful: tuple[CommitInDoubt, _Written] | None = None
        self._landed: _Written | None = None
        self.rows_written = 0
        self.bytes_written = 0

    def write(self, writes: Sequence[Write]) -> list[AlreadyAccepted]:
        """Write all of it in one transaction, durable when this returns.

        Returns which of the runs to be accepted have an idempotency key that is taken; of those nothing is written.
        What may have been committed when a connection was lost is given again, with or without more, and is not
        written twice. Raises `StoreUnavailable`, `StoreLost`, `Unrecordable`.
        """
        self._settle()
        landed = self._landed
        if landed is None:
            return self._write(writes)
        known = set(map(id, landed.writes))
        rest = [each for each in writes if id(each) not in known]
        taken = [*landed.taken, *(self._write(rest) if rest else ())]
        self._landed = None
        return taken

    def close(self) -> None:
        """Give the store back, for others to open; idempotent."""
        self._ownership.close()

    def _write(self, writes: Sequence[Write]) -> list[AlreadyAccepted]:
        try:
            with self._ownership.transaction() as connection:
                written = self._execute(Transaction(connection), writes)
        except CommitInDoubt as doubt:
            self._doubtful = doubt, written
            raise
        except Unrecordable as error:
            raise _naming(writes, error) from error
        self._count(written)
        return written.taken

    def _execute(self, transaction: Transaction, writes: Sequence[Write]) -> _Written:
        accepted = [each for each in writes if type(each) is RunAccepted]
        happened = [each for each in writes if type(each) is Happened]
        numbers, taken = self._acceptance.write(transaction, accepted) if accepted else ({}, [])
        if taken:
            refused = {each.run_id for each in taken}
            happened = [each for each in happened if each.run_id not in refused]
        numbers |= self._numbers_of(transaction, {each.run_id for each in happened} - numbers.keys())
        self._happenings.write(transaction, happened, numbers)
        return _Written(writes, taken, numbers, transaction.rows, transaction.body_bytes)

    def _numbers_of(self, transaction: Transaction, run_ids: set[str]) -> dict[str, int]:
        numbers = {run_id: self._numbers[run_id] for run_id in run_ids if run_id in self._numbers}
        for chunk in chunks([run_id for run_id in run_ids if run_id not in numbers]):
            found = transaction.connection.execute(select(runs.c.id, runs.c.number).where(runs.c.id.in_(chunk)))
            numbers.update((row.id, row.number) for row in found)
        for run_id in run_ids - numbers.keys():
            raise Unrecordable(f"the run {run_id} cannot be recorded: the store does not have it")
        return numbers

    def _settle(self) -> None:
        """Find out what has become of a commit that was in doubt. Raises `StoreUnavailable`, `StoreLost`."""
        if self._doubtful is not None:
            doubt, written = self._doubtful
            if self._ownership.settle(doubt):
                self._landed = written
                self._count(written)
            self._doubtful = None

    def _count(self, written: _Written) -> None:
        """Take what has been committed into account."""
        self.rows_written += written.rows
        self.bytes_written += written.body_bytes
        if len(self._numbers) > MOST_KNOWN_RUNS:
            self._numbers.clear()
        self._numbers.update(written.numbers)
        for each in written.writes:
            if type(each) is Happened and each.ending is not None:
                self._numbers.pop(each.run_id, None)


def _naming(writes: Sequence[Write], error: Unrecordable) -> Unrecordable:
    """Return the error with the run's id in it, if only one run can be meant."""
    run_ids = {each.run_id for each in writes}
    if len(run_ids) != 1 or next(iter(run_ids)) in str(error):
        return error
    return unrecordable(run_ids.pop(), error)
