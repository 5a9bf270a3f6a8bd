"""Explicit upgrade of a store's tables; `stretto serve` upgrades them automatically, and never finishes that.

An upgrade adds what this version needs. To finish it removes what only older versions need: so while daemons are
replaced one after the other, those of the version before still work.
"""

from typing import TYPE_CHECKING

from stretto.actors.journal.location import Location, locate
from stretto.actors.journal.store import CannotOpenStore

if TYPE_CHECKING:
    from stretto.actors.journal.encryption import Keyring


def upgrade(url: str, keyring: "Keyring | None") -> tuple[str, str]:
    """Upgrade the tables of an existing store to the version that this Stretto needs.

    Args:
        url: The store's URL.
        keyring: The keys of its secrets.

    Returns:
        The version before the upgrade, and the version now.

    Raises:
        CannotOpenStore: The store does not exist, has no tables, or cannot be opened.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import own  # noqa: PLC0415 - imports database libraries

    found = _version_of(location)
    own(location, keyring, None).close()
    return found, _version_of(location)


def finish_upgrade(url: str) -> tuple[str, str]:
    """Upgrade the tables of an existing store to the newest version, which older processes cannot open.

    Args:
        url: The store's URL.

    Returns:
        The version before the upgrade, and the version now.

    Raises:
        StoreInUse: A process has the store open for writing, and does not share it, or is older.
        CannotOpenStore: The store does not exist, has no tables, or cannot be opened.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import finish  # noqa: PLC0415 - as above

    found = _version_of(location)
    finish(location, None)
    return found, _version_of(location)


def _version_of(location: Location) -> str:
    """Return the version of a store's tables. Raises CannotOpenStore if it has none."""
    from stretto.actors.journal.sql.schema import found_revision  # noqa: PLC0415 - as above
    from stretto.actors.journal.sql.store import opening, readers  # noqa: PLC0415 - as above

    store, engine = readers(location)
    try:
        with opening(store), engine.connect() as connection:
            found = found_revision(connection)
    finally:
        engine.dispose()
    if found is None:
        raise CannotOpenStore(f"cannot upgrade the store {store}: it has no tables")
    return found
