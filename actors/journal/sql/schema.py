"""The version of a store's tables, their creation, and their upgrade. Alembic is imported only for an upgrade."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select

from stretto.actors.journal.sql.needs import offers
from stretto.actors.journal.sql.permit_table import permits
from stretto.actors.journal.sql.rate_table import rates
from stretto.actors.journal.sql.sensor_table import sensors
from stretto.actors.journal.sql.value_tables import shared_values
from stretto.actors.journal.store import CannotOpenStore
from stretto.metrics import get_logger

_version: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's table, as it creates it."""

_TABLES: Final = (sensors, permits, rates, offers, shared_values)
"""Tables that are defined outside of `tables`. All are in one `MetaData`."""

_log = get_logger("stretto.store")


@dataclass(frozen=True, slots=True)
class Schema:
    """The versions of the tables.

    Attributes:
        migrations: The folder of the migrations between them.
        revisions: The versions, the oldest first.
        tables: The tables of the newest one, which a new store then gets at once. With None the migrations make them.
        contracts: Versions that only remove what older ones need. At the end they wait for `finish`: until then, a
            process that knows no more than the version before them works with the store.
    """

    migrations: Path
    revisions: tuple[str, ...]
    tables: MetaData | None = None
    contracts: frozenset[str] = frozenset()

    @property
    def newest(self) -> str:
        """The newest version that this Stretto knows, which new stores have."""
        return self.revisions[-1]

    @property
    def needed(self) -> str:
        """The oldest version that this Stretto works with, to which it upgrades a store when it opens it."""
        return next(each for each in reversed(self.revisions) if each not in self.contracts)

    def is_usable(self, revision: str) -> bool:
        """Return whether this Stretto works with tables of a version that it knows."""
        return self.revisions.index(revision) >= self.revisions.index(self.needed)

    def check(self, connection: Connection, store: str) -> None:
        """Check that a store has a version that can be used. Raises CannotOpenStore or a database error."""
        found = found_revision(connection)
        if found is None:
            raise CannotOpenStore(f"cannot open the store {store}: it has no tables; `stretto serve` creates them")
        self._refuse_unknown(found, store)
        if not self.is_usable(found):
            raise CannotOpenStore(
                f"cannot open the store {store}: its tables must have version {self.needed}, got {found}; "
                "`stretto store upgrade` upgrades them"
            )

    def upgrade(self, connection: Connection, store: str, back_up: Callable[[str], str]) -> None:
        """Create a store's tables, or upgrade them to the needed version, in one transaction.

        Args:
            connection: The writing connection.
            store: The store's URL, without its password.
            back_up: Called with the found version before existing tables are changed. Returns the log's description
                of the copy.

        Raises CannotOpenStore or a database error.
        """
        found = found_revision(connection)
        if found is None:
            self._create(connection, self.tables)
            return
        self._refuse_unknown(found, store)
        if not self.is_usable(found):
            self._bring(connection, store, back_up, found, self.needed)

    def finish(self, connection: Connection, store: str, back_up: Callable[[str], str]) -> None:
        """Upgrade a store's tables to the newest version: older processes can no longer open them.

        Takes the arguments of `upgrade`, and raises as it does.
        """
        self.upgrade(connection, store, back_up)
        found = found_revision(connection)
        if found is not None and found != self.newest:
            self._bring(connection, store, back_up, found, self.newest)

    def _bring(
        self, connection: Connection, store: str, back_up: Callable[[str], str], found: str, revision: str
    ) -> None:
        backup = back_up(found)
        _log.info("store_upgrade_began", store=store, version=found, to_version=revision, backup=backup)
        self._migrate(connection, revision)
        _log.info("store_upgraded", store=store, version=revision)

    def _refuse_unknown(self, found: str, store: str) -> None:
        if found not in self.revisions:
            raise CannotOpenStore(
                f"cannot open the store {store}: its tables have version {found}, but this Stretto knows versions up "
                f"to {self.newest}: a newer Stretto has written it; use that one, or restore a backup from before the "
                "upgrade"
            )

    def _create(self, connection: Connection, tables: MetaData | None) -> None:
        if tables is None:
            self._migrate(connection, self.newest)
            return
        with connection.begin():
            tables.create_all(connection, checkfirst=False)
            _version.create(connection)
            connection.execute(_version.insert().values(version_num=self.newest))

    def _migrate(self, connection: Connection, revision: str) -> None:
        from alembic import command  # noqa: PLC0415 - slow to import and rarely needed
        from alembic.config import Config  # noqa: PLC0415 - as above

        config = Config(attributes={"connection": connection})
        # A percent sign begins a reference in an option of alembic.
        config.set_main_option("script_location", str(self.migrations).replace("%", "%%"))
        with connection.begin():
            command.upgrade(config, revision)


SCHEMA: Final = Schema(
    Path(__file__).parent / "migrations",
    (
        "0001",
        "0002",
        "0003",
        "0004",
        "0005",
        "0007",
        "0008",
        "0009",
        "0010",
        "0011",
        "0012",
        "0013",
        "0014",
        "0015",
        "0016",
        "0017",
        "0018",
        "0019",
        "0020",
        "0021",
        "0022",
        "0023",
        "0024",
        "0025",
        "0027",
        "0028",
        "0029",
        "0030",
        "0031",
    ),
    _TABLES[0].metadata,
    contracts=frozenset({"0015"}),
)
"""The versions that this Stretto knows."""


def found_revision(connection: Connection) -> str | None:
    """Return the version of a store's tables, or None if there are none. Raises a database error."""
    with connection.begin():
        if not inspect(connection).has_table(_version.name):
            return None
        return connection.scalar(select(_version.c.version_num))
