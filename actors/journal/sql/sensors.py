"""The table of sensors in a store: claimed, and read."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Dialect, Engine, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stretto.actors.journal.sql.damage import report_damage
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.sensor_table import sensors
from stretto.actors.journal.sql.tables import engines
from stretto.actors.journal.sql.transaction import chunks

_OWNER: Final = (
    select(sensors.c.owner)
    .join(engines, engines.c.number == sensors.c.owner)
    .where(sensors.c.ref == bindparam("ref"), engines.c.fenced_by.is_(None))
)


class SqlSensorClaims:
    """Claims sensors over the connection of an ownership. Implements `journal.sensors.SensorClaims`."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def claim(self, refs: Collection[str]) -> frozenset[str]:
        """Claim sensors; see `SensorClaims.claim`."""
        wanted, engine = set(refs), self._ownership.number
        ours: set[str] = set()
        with self._ownership.transaction() as connection:
            live = select(engines.c.number).where(engines.c.fenced_by.is_(None))
            owned = set(connection.scalars(select(sensors.c.ref).where(sensors.c.owner == engine)))
            for gone in chunks(sorted(owned - wanted)):
                connection.execute(delete(sensors).where(sensors.c.ref.in_(gone), sensors.c.owner == engine))
            for some in chunks(sorted(wanted)):
                known = set(connection.scalars(select(sensors.c.ref).where(sensors.c.ref.in_(some))))
                new = [{"ref": ref, "owner": engine} for ref in some if ref not in known]
                if new:
                    connection.execute(_insertion(connection.dialect).on_conflict_do_nothing(), new)
                left = (sensors.c.ref.in_(some), sensors.c.owner.not_in(live))
                # An engine that claims at the same time has locked what it takes.
                free = connection.scalars(select(sensors.c.ref).where(*left).with_for_update(skip_locked=True)).all()
                if free:
                    connection.execute(update(sensors).where(sensors.c.ref.in_(free)).values(owner=engine))
                mine = select(sensors.c.ref).where(sensors.c.ref.in_(some), sensors.c.owner == engine)
                ours.update(connection.scalars(mine))
        return frozenset(ours)


@report_damage
class SqlSensorReader:
    """Reads the table of sensors. Thread-safe. Implements `journal.sensors.SensorReader`."""

    def __init__(self, engine: Engine, store: str) -> None:
        self._engine = engine
        self._store = store

    def owner(self, ref: str) -> int | None:
        """Return the number of its engine; see `SensorReader.owner`."""
        with converting_errors(self._store), self._engine.connect() as connection, connection.begin():
            number: int | None = connection.scalar(_OWNER, {"ref": searchable(ref)})
            return number


def _insertion(dialect: Dialect) -> "sqlite.Insert | postgresql.Insert":
    return sqlite.insert(sensors) if dialect.name == "sqlite" else postgresql.insert(sensors)
