"""Bringing a store's tables to this version, on purpose; `stretto serve` does it by itself."""

from typing import TYPE_CHECKING

from stretto.actors.journal.location import locate
from stretto.actors.journal.store import CannotOpenStore

if TYPE_CHECKING:
    from stretto.actors.journal.encryption import Keyring


def upgrade(url: str, keyring: "Keyring | None") -> tuple[str, str]:
    """Bring the tables of a store that is there to this version; return which they had, and which they have now.

    Raises `CannotOpenStore`.
    """
    location = locate(url)
    from stretto.actors.journal.sql.schema import SCHEMA, found_revision  # noqa: PLC0415 - the libraries of databases
    from stretto.actors.journal.sql.store import opening, own, readers  # noqa: PLC0415 - as above

    store, engine = readers(location)
    try:
        with opening(store), engine.connect() as connection:
            found = found_revision(connection)
    finally:
        engine.dispose()
    if found is None:
        raise CannotOpenStore(f"there is nothing to upgrade in the store {store}: it has no tables")
    own(location, keyring, None).close()
    return found, SCHEMA.newest
