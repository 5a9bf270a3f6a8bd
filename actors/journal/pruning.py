"""Runs that are no longer wanted are deleted: in portions, so that what is to be written in between does not wait.

A run goes with its children, the deepest first. It stays as long as anything is in progress that hangs on it: a child
of it, a run that does it again, or what hangs on one of these.
"""

from typing import Final

from sqlalchemy import Connection, Row, Table, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from stretto.actors.journal.ownership import Ownership
from stretto.actors.journal.store import Prune
from stretto.actors.journal.tables import definitions, entries, runs, surroundings

PORTION: Final = 2000
"""Rows that one transaction looks at, and rows that it deletes: some hundredths of a second."""
PRUNED: Final = "pruned"
"""The status of a run of which only a part has been deleted so far: nobody finds it by its id any more."""
_VACUUM_PAGES: Final = 500
"""Pages of an SQLite file that one transaction gives back."""

_SHARED: Final = ((definitions, runs.c.definition), (surroundings, runs.c.surroundings))
"""What is deleted when no run refers to it any more, and the column that does."""


class Pruning:
    """One pass over a store; `finished` when there is nothing left to do."""

    def __init__(self, ownership: Ownership, wanted: Prune) -> None:
        self._ownership = ownership
        self._wanted = wanted
        self._newest_beyond: int | None = None
        self._passed = 0
        self.finished = False

    def prune_all(self) -> int:
        """Prune to the end; return how many runs were deleted. Raises as `prune_some`."""
        deleted = 0
        while not self.finished:
            deleted += self.prune_some(PORTION)
        return deleted

    def prune_some(self, limit: int) -> int:
        """Look at so many runs at most, and delete so many entries and runs, in one transaction.

        Returns how many runs are gone now. Raises `StoreUnavailable`, after which it may be called again, and
        `StoreLost`.
        """
        with self._ownership.transaction() as connection:
            portion = _Portion(connection, limit)
            passed = self._prune(portion)
        # What a transaction has passed is passed once that is committed.
        self.finished = passed is None
        self._passed = passed or 0
        return portion.deleted

    def _prune(self, portion: "_Portion") -> int | None:
        """Return the number of the last run that has been dealt with; None when all has been done."""
        portion.go_on()
        passed = self._passed
        window = portion.window(passed)
        for run in window:
            if self._is_unwanted(portion, run) and not portion.delete_tree(run):
                return passed
            passed = run.number
        return passed if window or not portion.tidy() else None

    def _is_unwanted(self, portion: "_Portion", run: "Row[tuple[int, float | None, bool]]") -> bool:
        if run.ended_at is None or not run.is_root:
            return False
        if self._newest_beyond is None:
            self._newest_beyond = 0 if self._wanted.keep is None else portion.newest_beyond(self._wanted.keep)
        before = self._wanted.ended_before
        return run.number <= self._newest_beyond or (before is not None and run.ended_at < before)


class _Portion:
    """What is done in one transaction: `budget` rows may still be deleted, `deleted` runs are gone."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self.budget = limit
        self.deleted = 0

    def go_on(self) -> None:
        """Delete runs of which a part has been deleted before."""
        partly = select(runs.c.number).where(runs.c.status == PRUNED).limit(self._limit)
        for number in self._connection.scalars(partly).all():
            self._delete(number)

    def window(self, passed: int) -> "list[Row[tuple[int, float | None, bool]]]":
        """Return number, end, and whether it is a root, of the runs that follow, no more than the limit."""
        parent = aliased(runs)
        columns = runs.c.number, runs.c.ended_at, parent.c.number.is_(None).label("is_root")
        return list(
            self._connection.execute(
                select(*columns)
                .outerjoin(parent, parent.c.id == runs.c.parent)
                .where(runs.c.number > passed)
                .order_by(runs.c.number)
                .limit(self._limit)
            )
        )

    def newest_beyond(self, keep: int) -> int:
        """Return the number of the newest ended run that is not among the newest `keep`; 0: there is none."""
        ended = runs.c.ended_at.is_not(None) & runs.c.parent.is_(None)
        beyond = select(runs.c.number).where(ended).order_by(runs.c.number.desc()).offset(keep).limit(1)
        return self._connection.scalar(beyond) or 0

    def delete_tree(self, root: "Row[tuple[int, float | None, bool]]") -> bool:
        """Delete a run and its children unless it has to stay; return False if the rest is left for later."""
        if self._is_needed(root.number):
            return True
        return all(self._delete(number) for number in self._tree(root.number))

    def tidy(self) -> bool:
        """Delete what no run refers to, and give room back to the disk; return False if there may be more of it."""
        unused = sum(self._sweep(table, reference) for table, reference in _SHARED)
        self.budget -= unused
        return self.budget > 0 and self._vacuum()

    def _delete(self, number: int) -> bool:
        """Delete a run, as far as the budget goes; return whether it is gone."""
        if self.budget <= 0:
            return False
        first = select(func.min(entries.c.number)).where(entries.c.run == number).scalar_subquery()
        some = delete(entries).where(entries.c.run == number, entries.c.number < first + self.budget)
        self.budget -= self._connection.execute(some).rowcount + 1
        if self.budget < 0:
            self._hide(number)
            return False
        self._connection.execute(delete(runs).where(runs.c.number == number))
        self.deleted += 1
        return True

    def _hide(self, number: int) -> None:
        """Have nobody find a run of which the rest is deleted later."""
        hidden = {"status": PRUNED, "id": f"{PRUNED}-{number}", "parent": None, "rerun_of": None}
        self._connection.execute(
            update(runs).where(runs.c.number == number).values({**hidden, "idempotency_key": None})
        )

    def _is_needed(self, root: int) -> bool:
        """Tell whether anything in progress hangs on a run."""
        hanging = select(runs.c.id, runs.c.ended_at).where(runs.c.number == root).cte("hanging", recursive=True)
        on_it = or_(runs.c.parent == hanging.c.id, runs.c.rerun_of == hanging.c.id)
        hanging = hanging.union(select(runs.c.id, runs.c.ended_at).join(hanging, on_it))
        return bool(self._connection.scalar(select(exists().where(hanging.c.ended_at.is_(None)))))

    def _tree(self, root: int) -> list[int]:
        """Return the numbers of a run and of its children, the deepest first, no more than the limit."""
        columns = runs.c.number, runs.c.id, runs.c.depth
        tree = select(*columns).where(runs.c.number == root).cte("tree", recursive=True)
        tree = tree.union(select(*columns).join(tree, runs.c.parent == tree.c.id))
        deepest_first = select(tree.c.number).order_by(tree.c.depth.desc(), tree.c.number.desc()).limit(self._limit)
        return list(self._connection.scalars(deepest_first))

    def _sweep(self, table: Table, reference: ColumnElement[str]) -> int:
        unused = select(table.c.digest).where(~exists().where(reference == table.c.digest)).limit(self._limit)
        return self._connection.execute(delete(table).where(table.c.digest.in_(unused))).rowcount

    def _vacuum(self) -> bool:
        if self._connection.dialect.name != "sqlite":
            return True  # PostgreSQL sees to it itself
        driver = self._connection.connection.driver_connection
        if driver is None:
            return True
        # A page is given back for each row that is fetched.
        return len(driver.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()) < _VACUUM_PAGES
