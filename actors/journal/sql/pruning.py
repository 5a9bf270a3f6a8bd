"""Deletion of ended runs, in portions, so that records are written in between.

A run is deleted with its children, the deepest first. It stays while a run in progress depends on it: a child, a
rerun, or a run that depends on one of these.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import CTE, Connection, Row, Select, Table, delete, exists, func, or_, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.postgresql import LOCK
from stretto.actors.journal.sql.shared_values import delete_unused, forget_values, values_of_runs
from stretto.actors.journal.sql.tables import definitions, entries, runs, surroundings
from stretto.actors.journal.sql.transaction import chunks
from stretto.actors.journal.store import Prune

PORTION: Final = 1000
"""Runs that one transaction inspects, and rows that it deletes, in some hundredths of a second."""
PRUNED: Final = "pruned"
"""The status of a partially deleted run, which readers cannot find any more."""
_VACUUM_PAGES: Final = 500
"""Pages of an SQLite file that one transaction frees."""

_SHARED: Final = ((definitions, runs.c.definition), (surroundings, runs.c.surroundings))
"""The tables of shared bodies, which are deleted with their last run, and the columns that refer to them."""

_PARENT: Final = runs.alias()
_WITH_PARENT: Final = select(runs.c.number, runs.c.ended_at, _PARENT.c.number.is_(None).label("is_root")).outerjoin(
    _PARENT, _PARENT.c.id == runs.c.parent
)
"""A run whose parent was deleted is a root, too."""


class Pruning:
    """One pass over a store; `finished` when nothing is left to delete."""

    def __init__(self, ownership: Ownership, wanted: Prune) -> None:
        self._ownership = ownership
        self._wanted = wanted
        self._bounds: _Bounds | None = None
        self._passed = 0
        self.finished = False

    def prune_all(self) -> int:
        """Delete all portions; return the number of deleted runs. Raises like `prune_some`."""
        deleted = 0
        while not self.finished:
            deleted += self.prune_some(PORTION)
        return deleted

    def prune_some(self, limit: int) -> int:
        """Delete a portion in one transaction.

        Args:
            limit: The number of runs to inspect and of rows to delete at most.

        Returns:
            The number of runs deleted.

        Raises:
            StoreUnavailable: The store cannot be written now; the call can be repeated.
            StoreLost: Another process has taken over the store.
        """
        with self._ownership.transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_ONE_AT_A_TIME)  # two engines would delete the same rows in different orders
            portion = Portion(connection, limit)
            passed = self._prune(portion)
        # The position moves only once the transaction is committed.
        self.finished = passed is None
        self._passed = passed or 0
        return portion.deleted

    def _prune(self, portion: "Portion") -> int | None:
        """Return the number of the last inspected run, or None when nothing is left to delete."""
        if self._bounds is None:
            self._bounds = _bounds(portion.connection, self._wanted)
        if not portion.delete_remainders():
            return self._passed
        following = _WITH_PARENT.where(runs.c.number > self._passed, runs.c.number <= self._bounds.last)
        window = portion.connection.execute(following.order_by(runs.c.number).limit(portion.limit)).all()
        if not window:
            return None if portion.tidy() else self._passed
        first_left = portion.delete_trees([run.number for run in window if self._bounds.exclude(run)])
        return int(window[-1].number if first_left is None else first_left - 1)


def count_doomed(connection: Connection, wanted: Prune) -> int:
    """Return how many runs a pass would delete now. It deletes none."""
    bounds, passed, doomed = _bounds(connection, wanted), 0, 0
    while True:
        following = _WITH_PARENT.where(runs.c.number > passed, runs.c.number <= bounds.last)
        window = connection.execute(following.order_by(runs.c.number).limit(PORTION)).all()
        if not window:
            return doomed
        roots = [run.number for run in window if bounds.exclude(run)]
        unneeded = set(roots) - set(connection.scalars(_needed(roots))) if roots else set()
        if unneeded:
            doomed += connection.scalar(select(func.count()).select_from(_tree(sorted(unneeded)))) or 0
        passed = window[-1].number


_ONE_AT_A_TIME: Final = text(f"SELECT pg_advisory_xact_lock({LOCK + 2}, hashtext(coalesce(current_schema(), '')))")
"""Engines that share a store prune one after the other. The lock ends with the transaction."""


class _Bounds(NamedTuple):
    """The runs to delete, as numbers fixed when the pass began, so that the pass ends."""

    last: int
    newest_beyond: int
    ended_before: float

    def exclude(self, run: Row[Any]) -> bool:
        """Return whether a run itself matches the request, whatever depends on it."""
        if run.ended_at is None or not run.is_root:
            return False
        return bool(run.number <= self.newest_beyond or run.ended_at < self.ended_before)


class Portion:
    """The deletions of one transaction."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self.connection = connection
        self.limit = limit
        self.deleted = 0
        self._budget = limit

    def delete_remainders(self) -> bool:
        """Delete the rest of partially deleted runs; return whether none is left."""
        remainders = self.connection.execute(
            _sized(runs.c.number, runs).where(runs.c.status == PRUNED).limit(self.limit)
        )
        return self._delete(remainders.all()) is None

    def delete_trees(self, roots: Sequence[int]) -> int | None:
        """Delete runs and their children if no run in progress depends on them; return the first remaining root."""
        if not roots:
            return None
        needed = set(self.connection.scalars(_needed(roots)))
        unneeded = [root for root in roots if root not in needed]
        return self._delete(self.connection.execute(_trees(unneeded).limit(self.limit + 1)).all())

    def tidy(self) -> bool:
        """Delete unused shared bodies and free disk pages; return False if more may be left."""
        self._budget -= sum(self._sweep(table, reference) for table, reference in _SHARED)
        return self._budget > 0 and self._vacuum()

    def _delete(self, doomed: Iterable[Row[Any]]) -> int | None:
        """Delete runs within the budget; return the root of the first remaining run."""
        whole: list[int] = []
        left = None
        for run in doomed:
            if run.size >= self._budget:
                left = run
                break
            whole.append(run.number)
            self._budget -= run.size + 1
        values = values_of_runs(self.connection, whole)
        self.connection.execute(delete(runs).where(runs.c.number.in_(whole)))
        delete_unused(self.connection, values)
        self.deleted += len(whole)
        if left is None:
            return None
        if left.size >= self.limit:
            self._delete_part(left.number)
        self._budget = 0
        return int(left.root)

    def _delete_part(self, number: int) -> None:
        """Delete part of a large run and hide the rest from readers."""
        hidden = {"status": PRUNED, "id": f"{PRUNED}-{number}", "parent": None, "rerun_of": None}
        self.connection.execute(update(runs).where(runs.c.number == number).values({**hidden, "idempotency_key": None}))
        first = select(func.min(entries.c.number)).where(entries.c.run == number).scalar_subquery()
        part = entries.c.run == number, entries.c.number < first + self._budget
        self.connection.execute(delete(entries).where(*part))
        forget_values(self.connection, number, self._budget)

    def _sweep(self, table: Table, reference: ColumnElement[str]) -> int:
        digest, is_unused = table.c.digest, ~exists().where(reference == table.c.digest)
        # Another engine may give one of them to a run now: the deletion sees it once that is committed.
        unused = select(digest).where(is_unused).order_by(digest).limit(self.limit).with_for_update()
        deleted = 0
        for chunk in chunks(self.connection.scalars(unused).all()):
            deleted += self.connection.execute(delete(table).where(digest.in_(chunk), is_unused)).rowcount
        return deleted

    def _vacuum(self) -> bool:
        if self.connection.dialect.name != "sqlite":
            return True  # PostgreSQL does this itself
        driver = self.connection.connection.driver_connection
        if driver is None:
            return True
        (free,) = driver.execute("PRAGMA freelist_count").fetchone()
        for _ in range(min(free, _VACUUM_PAGES)):
            # One page at a time: the driver takes only one step of a statement without rows.
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
    """Return a query for the roots that a run in progress depends on."""
    own = select(runs.c.number.label("root"), runs.c.id, runs.c.ended_at).where(runs.c.number.in_(roots))
    dependents = own.cte("dependents", recursive=True)
    on_it = or_(runs.c.parent == dependents.c.id, runs.c.rerun_of == dependents.c.id)
    dependents = dependents.union(select(dependents.c.root, runs.c.id, runs.c.ended_at).join(dependents, on_it))
    return select(dependents.c.root).where(dependents.c.ended_at.is_(None)).distinct()


def _trees(roots: Sequence[int]) -> Select[Any]:
    """Return a query for runs and their children, root by root, the deepest first."""
    tree = _tree(roots)
    return _sized(tree.c.root, tree).order_by(tree.c.root, tree.c.depth.desc(), tree.c.number.desc())


def _sized(root: ColumnElement[int], of: Any) -> Select[Any]:
    """Return a query for the root, number and number of entries; entries are numbered without gaps."""
    of_run = entries.c.run == of.c.number
    first, last = (select(end(entries.c.number)).where(of_run).scalar_subquery() for end in (func.min, func.max))
    return select(root.label("root"), of.c.number, func.coalesce(last - first + 1, 0).label("size"))


def _tree(roots: Sequence[int]) -> CTE:
    """Return runs and their children, each with its root."""
    columns = runs.c.number, runs.c.id, runs.c.depth
    tree = select(runs.c.number.label("root"), *columns).where(runs.c.number.in_(roots)).cte("tree", recursive=True)
    return tree.union(select(tree.c.root, *columns).join(tree, runs.c.parent == tree.c.id))
