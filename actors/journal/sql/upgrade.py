"""Explicit upgrade of a store's tables; `stretto serve` upgrades them automatically."""

from typing import TYPE_CHECKING

from stretto.actors.journal.location import locate
from stretto.actors.journal.store import CannotOpenStore

if TYPE_CHECKING:
    from stretto.actors.journal.encryption import Keyring


def upgrade(url: str, keyring: "Keyring | None") -> tuple[str, str]:
    """Upgrade the tables of an existing store to this version.

    Args:
        url: The store's URL.
        keyring: The keys of its secrets.

    Returns:
        The version before the upgrade, and the version now.

    Raises:
        CannotOpenStore: The store does not exist, has no tables, or cannot be opened.
    """
    location = locate(url)
    from stretto.actors.journal.sql.schema import SCHEMA, found_revision  # noqa: PLC0415 - imports database libraries
    from stretto.actors.journal.sql.store import opening, own, readers  # noqa: PLC0415 - as above

    store, engine = readers(location)
    try:
        with opening(store), engine.connect() as connection:
            found = found_revision(connection)
    finally:
        engine.dispose()
    if found is None:
        raise CannotOpenStore(f"cannot upgrade the store {store}: it has no tables")
    own(location, keyring, None).close()
    return found, SCHEMA.newest
