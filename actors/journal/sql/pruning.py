"""Runs that are no longer wanted are deleted: in portions, so that what is to be written in between does not wait.

A run goes with its children, the deepest first. It stays as long as anything is in progress that hangs on it: a child
of it, a run that does it again, or what hangs on one of these.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, Table, delete, exists, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.tables import definitions, entries, runs, surroundings
from stretto.actors.journal.store import Prune

PORTION: Final = 1000
"""Runs that one transaction looks at, and entries and runs that it deletes: some hundredths of a second."""
PRUNED: Final = "pruned"
"""The status of a run of which only a part has been deleted so far: nobody finds it by its id any more."""
_VACUUM_PAGES: Final = 500
"""Pages of an SQLite file that one transaction gives back."""

_SHARED: Final = ((definitions, runs.c.definition), (surroundings, runs.c.surroundings))
"""What is deleted when no run refers to it any more, and the column that does."""

_PARENT: Final = runs.alias()
_WITH_PARENT: Final = select(runs.c.number, runs.c.ended_at, _PARENT.c.number.is_(None).label("is_root")).outerjoin(
    _PARENT, _PARENT.c.id == runs.c.parent
)
"""A run whose parent is gone is a root, too."""


class Pruning:
    """One pass over a store; `finished` when there is nothing left to do."""

    def __init__(self, ownership: Ownership, wanted: Prune) -> None:
        self._ownership = ownership
        self._wanted = wanted
        self._bounds: _Bounds | None = None
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
        if self._bounds is None:
            self._bounds = _bounds(portion.connection, self._wanted)
        if not portion.delete_rests():
            return self._passed
        following = _WITH_PARENT.where(runs.c.number > self._passed, runs.c.number <= self._bounds.last)
        window = portion.connection.execute(following.order_by(runs.c.number).limit(portion.limit)).all()
        if not window:
            return None if portion.tidy() else self._passed
        first_left = portion.delete_trees([run.number for run in window if self._bounds.exclude(run)])
        return int(window[-1].number if first_left is None else first_left - 1)


class _Bounds(NamedTuple):
    """What is unwanted, in numbers of runs: as the store was when the pass began, or it would never end."""

    last: int
    newest_beyond: int
    ended_before: float

    def exclude(self, run: Row[Any]) -> bool:
        """Tell whether a run is unwanted for itself."""
        if run.ended_at is None or not run.is_root:
            return False
        return bool(run.number <= self.newest_beyond or run.ended_at < self.ended_before)


class _Portion:
    """What is done in one transaction; `deleted` runs are gone."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self.connection = connection
        self.limit = limit
        self.deleted = 0
        self._budget = limit

    def delete_rests(self) -> bool:
        """Delete runs of which a part has been deleted before; return whether there are no more of them."""
        rests = self.connection.execute(_sized(runs.c.number, runs).where(runs.c.status == PRUNED).limit(self.limit))
        return self._delete(rests.all()) is None

    def delete_trees(self, roots: Sequence[int]) -> int | None:
        """Delete runs and their children, unless they have to stay; return the first root that is left for later."""
        if not roots:
            return None
        needed = set(self.connection.scalars(_needed(roots)))
        unneeded = [root for root in roots if root not in needed]
        return self._delete(self.connection.execute(_trees(unneeded).limit(self.limit + 1)).all())

    def tidy(self) -> bool:
        """Delete what no run refers to, and give room back to the disk; return False if there may be more of it."""
        self._budget -= sum(self._sweep(table, reference) for table, reference in _SHARED)
        return self._budget > 0 and self._vacuum()

    def _delete(self, doomed: Iterable[Row[Any]]) -> int | None:
        """Delete runs as far as the budget goes; return the root of the first that is not gone."""
        whole: list[int] = []
        left = None
        for run in doomed:
            if run.size >= self._budget:
                left = run
                break
            whole.append(run.number)
            self._budget -= run.size + 1
        self.connection.execute(delete(runs).where(runs.c.number.in_(whole)))
        self.deleted += len(whole)
        if left is None:
            return None
        if left.size >= self.limit:
            self._delete_part(left.number)
        self._budget = 0
        return int(left.root)

    def _delete_part(self, number: int) -> None:
        """Delete some of a run that has too many entries for one portion, and have nobody find it from now on."""
        hidden = {"status": PRUNED, "id": f"{PRUNED}-{number}", "parent": None, "rerun_of": None}
        self.connection.execute(update(runs).where(runs.c.number == number).values({**hidden, "idempotency_key": None}))
        first = select(func.min(entries.c.number)).where(entries.c.run == number).scalar_subquery()
        part = entries.c.run == number, entries.c.number < first + self._budget
        self.connection.execute(delete(entries).where(*part))

    def _sweep(self, table: Table, reference: ColumnElement[str]) -> int:
        unused = select(table.c.digest).where(~exists().where(reference == table.c.digest)).limit(self.limit)
        return self.connection.execute(delete(table).where(table.c.digest.in_(unused))).rowcount

    def _vacuum(self) -> bool:
        if self.connection.dialect.name != "sqlite":
            return True  # PostgreSQL sees to it itself
        driver = self.connection.connection.driver_connection
        if driver is None:
            return True
        (free,) = driver.execute("PRAGMA freelist_count").fetchone()
        for _ in range(min(free, _VACUUM_PAGES)):
            # One page a time: the driver takes but one step of what gives no rows.
            driver.execute("PRAGMA incremental_vacuum(1)").close()
        (still_free,) = driver.execute("PRAGMA freelist_count").fetchone()
        return still_free in {0, free}


def _bounds(connection: Connection, wanted: Prune) -> _Bounds:
    last = connection.scalar(select(func.max(runs.c.number))) or 0
    beyond = 0
    if wanted.keep is not None:
        ended_roots = _WITH_PARENT.where(runs.c.ended_at.is_not(None), _PARENT.c.number.is_(None))
        newest_first = ended_roots.order_by(runs.c.number.desc())
        beyond = connection.scalar(newest_first.offset(wanted.keep).limit(1)) or 0
    return _Bounds(last, beyond, -math.inf if wanted.ended_before is None else wanted.ended_before)


def _needed(roots: Sequence[int]) -> Select[Any]:
    """Return a query for those of some runs that something in progress hangs on."""
    own = select(runs.c.number.label("root"), runs.c.id, runs.c.ended_at).where(runs.c.number.in_(roots))
    hanging = own.cte("hanging", recursive=True)
    on_it = or_(runs.c.parent == hanging.c.id, runs.c.rerun_of == hanging.c.id)
    hanging = hanging.union(select(hanging.c.root, runs.c.id, runs.c.ended_at).join(hanging, on_it))
    return select(hanging.c.root).where(hanging.c.ended_at.is_(None)).distinct()


def _trees(roots: Sequence[int]) -> Select[Any]:
    """Return a query for some runs and their children, root by root, the deepest first."""
    columns = runs.c.number, runs.c.id, runs.c.depth
    tree = select(runs.c.number.label("root"), *columns).where(runs.c.number.in_(roots)).cte("tree", recursive=True)
    tree = tree.union(select(tree.c.root, *columns).join(tree, runs.c.parent == tree.c.id))
    return _sized(tree.c.root, tree).order_by(tree.c.root, tree.c.depth.desc(), tree.c.number.desc())


def _sized(root: ColumnElement[int], of: Any) -> Select[Any]:
    """Return a query for root, number and number of entries; these are numbered without a gap."""
    of_run = entries.c.run == of.c.number
    first, last = (select(end(entries.c.number)).where(of_run).scalar_subquery() for end in (func.min, func.max))
    return select(root.label("root"), of.c.number, func.coalesce(last - first + 1, 0).label("size"))
