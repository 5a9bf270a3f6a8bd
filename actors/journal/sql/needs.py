"""The needs of runs in the store, and the offers of engines.

runs.needs   a JSON list, the same text for equal needs
offers       one for each engine of a shared store
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
)

from stretto.actors.journal.needs import NO_NEEDS, Needs, Unclaimed, decode_needs, encode_needs
from stretto.actors.journal.sql.columns import BIG, metadata
from stretto.actors.journal.sql.damage import report_damage
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.tables import engines, runs

offers: Final = Table(
    "offers",
    metadata,
    # The number of the engine.
    Column("engine", BIG, nullable=False),
    Column("offered", Text, nullable=False),
    PrimaryKeyConstraint("engine"),
    sqlite_strict=True,
)

_IN_PROGRESS: Final = runs.c.ended_at.is_(None)
_ACTIVE: Final = engines.c.fenced_by.is_(None)
_IS_LEFT: Final = or_(runs.c.owner.is_(None), runs.c.owner.not_in(select(engines.c.number).where(_ACTIVE)))
_LEFT: Final = (
    select(runs.c.needs, func.count().label("runs"))
    .where(_IN_PROGRESS, _IS_LEFT, runs.c.needs.is_not(None))
    .group_by(runs.c.needs)
)
"""The needs of runs that no engine has, with the number of runs."""
_OFFERS: Final = (
    select(engines.c.number, offers.c.offered)
    .select_from(engines.outerjoin(offers, offers.c.engine == engines.c.number))
    .where(_ACTIVE, engines.c.draining.is_(None))
    .order_by(engines.c.number)
)
"""The offers of the engines that claim runs. An older version of Stretto has none."""
_ROOT: Final = select(runs.c.root).where(runs.c.id == bindparam("run")).scalar_subquery()
_NEEDS_OF_TREE: Final = (
    select(runs.c.needs).where(runs.c.root == _ROOT, _IN_PROGRESS, _IS_LEFT, runs.c.needs.is_not(None)).distinct()
)
"""The needs of the runs in progress of a run's tree, if no engine has it."""


def write_offers(connection: Connection, ours: int, offered: Needs) -> None:
    """Replace the offers of an engine, and delete those of engines that are gone."""
    is_old = or_(offers.c.engine == ours, offers.c.engine.not_in(select(engines.c.number)))
    connection.execute(delete(offers).where(is_old))
    connection.execute(insert(offers).values(engine=ours, offered=encode_needs(offered) or "[]"))


@report_damage
class SqlNeedsReader:
    """Reads needs and offers. Thread-safe. Implements `journal.needs.NeedsReader`."""

    def __init__(self, engine: Engine, store: str) -> None:
        self._engine = engine
        self._store = store

    def unclaimed(self) -> list[Unclaimed]:
        """Return the runs that no engine has; see `NeedsReader.unclaimed`."""
        return [Unclaimed(decode_needs(row.needs), row.runs) for row in self._rows(_LEFT)]

    def offers(self) -> dict[int, Needs | None]:
        """Return what each engine offers; see `NeedsReader.offers`."""
        rows = self._rows(_OFFERS)
        return {row.number: None if row.offered is None else decode_needs(row.offered) for row in rows}

    def of_unclaimed(self, run_id: str) -> Needs:
        """Return the needs of a run that no engine has; see `NeedsReader.of_unclaimed`."""
        rows = self._rows(_NEEDS_OF_TREE, {"run": searchable(run_id)})
        return NO_NEEDS.union(*(decode_needs(row.needs) for row in rows))

    def _rows(self, query: Any, values: Mapping[str, Any] | None = None) -> list[Any]:
        with converting_errors(self._store), self._engine.connect() as connection, connection.begin():
            return list(connection.execute(query, values or {}))


class Fitting:
    """The condition on which an engine claims a run: that it offers what all runs of its tree need.

    Attributes:
        left: How many runs were left at the last look, as the engine lacks what they need.
    """

    def __init__(self, engine: int) -> None:
        self.left = 0
        self._engine = engine
        self._offered: Needs | None = None
        self._written: Needs | None = None

    def offer(self, offered: Needs) -> None:
        """Set what the engine offers. The next claim writes it."""
        self._offered = offered

    def conditions(self, connection: Connection) -> Sequence[ColumnElement[bool]]:
        """Return the conditions on rows of `runs`, and write the offers if they have changed."""
        offered = self._offered
        if offered is None:
            return ()
        if offered != self._written:
            write_offers(connection, self._engine, offered)
        lacked = [row for row in connection.execute(_LEFT) if not decode_needs(row.needs) <= offered]
        self.left = sum(row.runs for row in lacked)
        if not lacked:
            return ()
        other = runs.alias("other")
        unfit = select(other.c.root).where(other.c.ended_at.is_(None), other.c.needs.in_([row.needs for row in lacked]))
        return (runs.c.root.not_in(unfit),)

    def committed(self) -> None:
        """Note that the transaction of the last conditions has taken effect."""
        self._written = self._offered
