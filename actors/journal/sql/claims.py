"""Claims: an engine takes over what engines have left that cannot write any more, as whole trees.

Entries are read after the commit of the claim: the last owner may still have written until then.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select, update

from stretto.actors.journal.claims import NOTHING_CLAIMED, Claimed
from stretto.actors.journal.sql.ownership import CommitInDoubt, Ownership
from stretto.actors.journal.sql.suspects import SUSPECTS, restore_suspicion
from stretto.actors.journal.sql.tables import DUE, engines, matches, runs, suspects
from stretto.actors.journal.store import Unfinished

CLAIMED_AT_ONCE: Final = 500
"""Trees that one transaction claims: databases limit a statement's parameters."""


class Owned(NamedTuple):
    """A table of rows with owners.

    Attributes:
        table: The table, with a column `owner`: the number of an engine, or null.
        unit: The column whose rows with the same value are claimed together.
        order: The column by whose lowest value units are claimed first; it is unique.
        is_left: Whether a row needs an owner.
    """

    table: Table
    unit: ColumnElement[Any]
    order: ColumnElement[int]
    is_left: ColumnElement[bool]


RUNS: Final = Owned(runs, runs.c.root, runs.c.number, runs.c.ended_at.is_(None))
"""A tree of runs is claimed while any run of it is in progress, also if the run at its top has ended or was pruned."""
MATCHES: Final = Owned(matches, matches.c.number, matches.c.number, DUE)
"""A match is claimed until its run is started, or cannot be."""
_DUE: Final = select(matches.c.number).where(DUE).limit(1)
_OF_RUNS: Final = select(runs.c.id, runs.c.workflow, runs.c.accepted_at, runs.c.parent)
_SUSPECTS: Final = SUSPECTS.add_columns(runs.c.ended_at.is_not(None).label("has_ended")).where(
    or_(runs.c.ended_at.is_(None), suspects.c.quarantined_at.is_(None))
)


class RunClaims:
    """Claims the runs of engines that were fenced. Implements `journal.store.Claims`; for the writer's thread."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self._doubtful: tuple[CommitInDoubt, Claimed] | None = None
        """The claim of a commit in doubt. No later claim finds its runs, as this engine may own them."""

    def claim(self) -> Claimed:
        """Claim a portion of trees in one transaction; see `Claims.claim`."""
        return self._settled() or self._committed(self._claim)

    def renew(self) -> Claimed:
        """Renew the lease; see `Claims.renew`."""
        return self._settled() or self._committed(self._renew)

    def _settled(self) -> Claimed | None:
        """Return what was claimed in a commit in doubt that has taken effect."""
        if self._doubtful is None:
            return None
        doubt, claimed = self._doubtful
        has_taken_effect = self._ownership.settle(doubt)
        self._doubtful = None
        return claimed if has_taken_effect else None

    def _committed(self, act: Callable[[Connection], Claimed]) -> Claimed:
        claimed = NOTHING_CLAIMED
        try:
            with self._ownership.transaction() as connection:
                claimed = act(connection)
        except CommitInDoubt as doubt:
            self._doubtful = doubt, claimed
            raise
        return claimed

    def _claim(self, connection: Connection) -> Claimed:
        again = self._ownership.take_over(connection)
        units = claim(connection, RUNS, self._ownership.number, CLAIMED_AT_ONCE)
        of_units = _OF_RUNS.where(RUNS.is_left, RUNS.unit.in_(units)).order_by(RUNS.order)
        rows = connection.execute(of_units).all() if units else ()
        claimed = frozenset(row.id for row in rows)
        is_due = connection.scalar(_DUE) is not None
        answers = claim(connection, MATCHES, self._ownership.number, CLAIMED_AT_ONCE) if is_due else ()
        found = [each for each in connection.execute(_SUSPECTS) if each.id in claimed or each.has_ended]
        return Claimed(
            tuple(Unfinished(row.id, row.workflow, row.accepted_at, row.parent) for row in rows),
            tuple(map(restore_suspicion, found)),
            more=CLAIMED_AT_ONCE in {len(units), len(answers)},
            matches=bool(answers),
            fenced=self._ownership.just_fenced,
            again=again,
        )

    def _renew(self, connection: Connection) -> Claimed:
        again = self._ownership.take_over(connection)
        return Claimed((), (), fenced=self._ownership.just_fenced, again=again)


def claim(connection: Connection, owned: Owned, engine: int, limit: int) -> Sequence[Any]:
    """Make an engine the owner of some units of rows whose owner cannot write any more; return the units.

    Units that another engine is claiming at the same time are left to it.

    Args:
        connection: A connection in a transaction of the engine.
        owned: The table.
        engine: The number of the engine.
        limit: The most units to claim.
    """
    fenced = connection.scalars(select(engines.c.number).where(engines.c.fenced_by.is_not(None))).all()
    owner, first = owned.table.c.owner, func.min(owned.order)
    can_be_claimed = owned.is_left, or_(owner.is_(None), owner.in_(fenced))
    oldest = select(first).where(*can_be_claimed).group_by(owned.unit).order_by(first).limit(limit)
    # The first row of a unit stands for all of it: an engine that has locked that one claims the others.
    locked = select(owned.unit).where(owned.order.in_(connection.scalars(oldest).all()), *can_be_claimed)
    units = connection.scalars(locked.order_by(owned.order).with_for_update(skip_locked=True)).all()
    if units:
        connection.execute(update(owned.table).where(owned.is_left, owned.unit.in_(units)).values(owner=engine))
    return units
