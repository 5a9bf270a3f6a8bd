"""Which version a store's tables have, and the way to this one's: alembic is loaded only when there is a way to go."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from stretto.actors.journal.store import CannotOpenStore
from stretto.metrics import get_logger

VERSION_TABLE: Final = "alembic_version"

_log = get_logger("stretto.store")


@dataclass(frozen=True, slots=True)
class Schema:
    """All versions of the tables, the oldest first, and the folder of the migrations that lead from one to the next."""

    migrations: Path
    revisions: tuple[str, ...]

    @property
    def newest(self) -> str:
        """The version that this Stretto works with."""
        return self.revisions[-1]

    def check(self, connection: Connection, store: str) -> None:
        """See to it that a store has the newest version. Raises `CannotOpenStore`, and errors of the database."""
        found = found_revision(connection)
        if found is None:
            raise CannotOpenStore(f"cannot open the store {store}: it has no tables; `stretto serve` makes them")
        self._refuse_unknown(found, store)
        if found != self.newest:
            raise CannotOpenStore(
                f"cannot open the store {store}: its tables are of version {found}, and this Stretto reads those of "
                f"version {self.newest}: `stretto store upgrade` makes them so"
            )

    def bring_up(self, connection: Connection, store: str, back_up: Callable[[str], str]) -> None:
        """Make a store's tables, or bring them to the newest version, in one transaction.

        `back_up` is called before tables that are there are changed, with their version; it returns what is logged
        of it. Raises `CannotOpenStore`, and errors of the database.
        """
        found = found_revision(connection)
        if found == self.newest:
            return
        if found is None:
            self._migrate(connection)
            return
        self._refuse_unknown(found, store)
        backup = back_up(found)
        _log.info("store_upgrade_began", store=store, version=found, to_version=self.newest, backup=backup)
        self._migrate(connection)
        _log.info("store_upgraded", store=store, version=self.newest)

    def _refuse_unknown(self, found: str, store: str) -> None:
        if found not in self.revisions:
            raise CannotOpenStore(
                f"cannot open the store {store}: its tables are of version {found}, and this Stretto knows them up to "
                f"version {self.newest}: a newer Stretto has written it; open it with that, or restore a backup that "
                "was made before the upgrade"
            )

    def _migrate(self, connection: Connection) -> None:
        from alembic import command  # noqa: PLC0415 - slow to import, and seldom needed
        from alembic.config import Config  # noqa: PLC0415 - as above

        config = Config(attributes={"connection": connection})
        # A percent sign begins a reference in what alembic is told.
        config.set_main_option("script_location", str(self.migrations).replace("%", "%%"))
        with connection.begin():
            command.upgrade(config, self.newest)


SCHEMA: Final = Schema(Path(__file__).parent / "migrations", ("0001",))
"""This Stretto's."""


def found_revision(connection: Connection) -> str | None:
    """Return which version a store's tables have; None: there are none. Raises errors of the database."""
    with connection.begin():
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        revision: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - ours
        return revision
