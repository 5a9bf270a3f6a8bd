"""Deletion of one run with its sub-workflows' runs: it is gone for readers at once, and then row by row."""

from typing import Any

from sqlalchemy import Connection, Text, cast, insert, literal, or_, select, update

from stretto.actors.journal.deletion import DeleteRun, RunNeeded
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.pruning import PRUNED, Portion
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.statements import AUDIT_COLUMNS
from stretto.actors.journal.sql.tables import audit, runs
from stretto.actors.journal.sql.transaction import chunks
from stretto.actors.outcome import UnknownRun

_RUN = select(runs.c.number, runs.c.id, runs.c.parent, runs.c.status, runs.c.ended_at)

_HIDDEN_ID = literal(f"{PRUNED}-").concat(cast(runs.c.number, Text))


class RunDeletion:
    """Deletes a run in portions. Implements `journal.store.Pruning`."""

    def __init__(self, ownership: Ownership, wanted: DeleteRun) -> None:
        self._ownership = ownership
        self._wanted = wanted
        self._hidden = 0
        self.finished = False

    def delete_all(self) -> int:
        """Delete all portions; return the number of deleted runs. Raises like `prune_some`."""
        while not self.finished:
            self.prune_some(1000)
        return self._hidden

    def prune_some(self, limit: int) -> int:
        """Delete a portion in one transaction. The first one hides all of the runs and writes the audit.

        Args:
            limit: The number of rows to delete at most.

        Returns:
            The number of runs hidden.

        Raises:
            UnknownRun: There is no such run.
            RunNeeded: It has not ended, or a run in progress depends on it.
            StoreUnavailable: The store cannot be written now; the call can be repeated.
            StoreLost: Another process has taken over the store.
        """
        with self._ownership.transaction() as connection:
            if not self._hidden:
                hidden = self._hide(connection)
            else:
                hidden, portion = 0, Portion(connection, limit)
                self.finished = portion.delete_remainders() and portion.tidy()
        self._hidden += hidden  # once it is committed
        return hidden

    def _hide(self, connection: Connection) -> int:
        run_id = searchable(self._wanted.run_id)
        run = connection.execute(_RUN.where(runs.c.id == run_id, runs.c.status != PRUNED)).one_or_none()
        if run is None:
            raise UnknownRun(f"there is no run {self._wanted.run_id!r} in the store")
        _check_unneeded(connection, run)
        rows = [{name: getattr(each, name) for name in AUDIT_COLUMNS} for each in self._wanted.audit]
        if rows:
            connection.execute(insert(audit), rows)
        tree = select(runs.c.number, runs.c.id).where(runs.c.number == run.number).cte("tree", recursive=True)
        tree = tree.union(select(runs.c.number, runs.c.id).join(tree, runs.c.parent == tree.c.id))
        numbers = connection.scalars(select(tree.c.number)).all()
        hidden = {"status": PRUNED, "id": _HIDDEN_ID, "parent": None, "rerun_of": None, "idempotency_key": None}
        for chunk in chunks(numbers):
            connection.execute(update(runs).where(runs.c.number.in_(chunk)).values(hidden))
        return len(numbers)


def _check_unneeded(connection: Connection, run: Any) -> None:
    """Raise `RunNeeded` unless the run has ended, and no run in progress is above it or depends on it."""
    if run.ended_at is None:
        raise RunNeeded(f"the run {run.id} has not ended ({run.status}): cancel it first")
    parent = run.parent
    while parent is not None:
        above: Any = connection.execute(_RUN.where(runs.c.id == parent)).one_or_none()
        if above is not None and above.ended_at is None:
            raise _needed_error(run.id, above.id)
        parent = None if above is None else above.parent
    own = select(runs.c.id, runs.c.ended_at).where(runs.c.number == run.number)
    dependents = own.cte("dependents", recursive=True)
    on_it = or_(runs.c.parent == dependents.c.id, runs.c.rerun_of == dependents.c.id)
    dependents = dependents.union(select(runs.c.id, runs.c.ended_at).join(dependents, on_it))
    in_progress = connection.scalar(select(dependents.c.id).where(dependents.c.ended_at.is_(None)).limit(1))
    if in_progress is not None:
        raise _needed_error(run.id, in_progress)


def _needed_error(run_id: str, by: str) -> RunNeeded:
    return RunNeeded(f"the run {run_id} is needed by the run {by}, which has not ended")
