"""The claims of sensors in a store."""

from collections.abc import Collection

from sqlalchemy import Dialect, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.sensor_table import sensors
from stretto.actors.journal.sql.tables import engines
from stretto.actors.journal.sql.transaction import chunks


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


def _insertion(dialect: Dialect) -> "sqlite.Insert | postgresql.Insert":
    return sqlite.insert(sensors) if dialect.name == "sqlite" else postgresql.insert(sensors)
